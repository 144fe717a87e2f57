"""What the command line does: the whole chain from one run file, or one step of it."""

from __future__ import annotations

from nmcx.run.citing import cite
from nmcx.run.compare_job import compare, plan_compare
from nmcx.run.cone_job import ConeJob, ConeOptions, cones, plan_cones
from nmcx.run.convert_job import ConvertJob, convert, plan_convert
from nmcx.run.demo_model import demo_model
from nmcx.run.edge_job import EdgeJob, EdgeOptions, edges
from nmcx.run.edge_plan import plan_edges
from nmcx.run.file_kinds import info
from nmcx.run.inspection import check
from nmcx.run.job import RunResult, run
from nmcx.run.known_answers import selftest
from nmcx.run.report_job import report
from nmcx.run.simulation_job import plan_simulate, resume, simulate
from nmcx.run.simulation_words import SimulationJob
from nmcx.run.spectrum_job import SpectrumOptions, spectrum
from nmcx.run.truth import demo
from nmcx.run.unfinished import status
from nmcx.run.xi_job import SoftJob, plan_xi, xi

__all__ = [
    "ConeJob",
    "ConeOptions",
    "ConvertJob",
    "EdgeJob",
    "EdgeOptions",
    "RunResult",
    "SimulationJob",
    "SoftJob",
    "SpectrumOptions",
    "check",
    "cite",
    "compare",
    "cones",
    "convert",
    "demo",
    "demo_model",
    "edges",
    "info",
    "plan_compare",
    "plan_cones",
    "plan_convert",
    "plan_edges",
    "plan_simulate",
    "plan_xi",
    "report",
    "resume",
    "run",
    "selftest",
    "simulate",
    "spectrum",
    "status",
    "xi",
]
