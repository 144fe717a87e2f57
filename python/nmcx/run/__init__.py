"""The whole chain from one run file: what it asks for, in a folder of its own."""

from __future__ import annotations

from nmcx.run.inspection import check
from nmcx.run.job import RunResult, run
from nmcx.run.truth import demo

__all__ = ["RunResult", "check", "demo", "run"]
