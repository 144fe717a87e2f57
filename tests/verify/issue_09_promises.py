"""The promises R01 … R16 at full count: what docs/promises.md says of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from check import ROOT, Check, Row

sys.path.insert(0, str(ROOT / "tests" / "python"))
from promises.table import PROMISES, Shown, together, write_page

FOLDER = ROOT / "tests" / "python" / "promises"


def shown_by(promise: str, reduced: bool) -> tuple[list[Shown], str]:
    """What the tests of a promise have shown, and how pytest ended."""
    with tempfile.TemporaryDirectory(prefix="nmcx-promise-") as folder:
        figures = Path(folder) / "figures.json"
        environment = dict(os.environ, NMCX_PROMISES_FIGURES=str(figures))
        environment["NMCX_PROMISES"] = "reduced" if reduced else "full"
        # Some counts are made by checks of other issues.
        paths = [str(ROOT / "tests" / "verify"), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER),
             "-k", promise],
            cwd=ROOT, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        last = (done.stdout.strip().splitlines() or ["nothing printed"])[-1].strip("= ")
        # A process that dies leaves none.
        told = json.loads(figures.read_text()) if figures.exists() else []
    found = [Shown(**each) for each in told]
    return found, (last or f"ended with {done.returncode}") if done.returncode else ""


def rows_of(promise: str, reduced: bool) -> list[Row]:
    found, failed = shown_by(promise, reduced)
    if not reduced and found:
        write_page(found)
    figures: dict[str, list[Shown]] = {}
    for each in found:
        figures.setdefault(each.figure, []).append(each)
    rows = []
    for figure, each in figures.items():
        target, measured, met = together(each)
        rows.append(Row(f"{promise}: {figure}", measured, target, met))
    rows.append(Row(f"{promise}: tests", failed or "all pass", "all pass", not failed))
    return rows


CHECKS = [
    Check(promise, lambda reduced, promise=promise: rows_of(promise, reduced))  # type: ignore[misc]
    for promise in PROMISES
]
