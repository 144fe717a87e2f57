"""What the command line does: the whole chain from one run file, or one step of it."""

from __future__ import annotations

from nmcx.run.edge_job import EdgeJob, EdgeOptions, edges
from nmcx.run.edge_plan import plan_edges
from nmcx.run.inspection import check
from nmcx.run.job import RunResult, run
from nmcx.run.truth import demo

__all__ = [
    "EdgeJob",
    "EdgeOptions",
    "RunResult",
    "check",
    "demo",
    "edges",
    "plan_edges",
    "run",
]
