"""The user's own PETSc on one rank and on two, beside the solver of nmcx."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from check import ROOT, Check, Row, module_of, recorded

LITHIUM = ("diffuse, disc", "diffuse, ball", "cycle, disc", "cycle, ball")
CASES = ("disc", "disc, quadratic", "ball", "ball, held")
LARGE = ("large disc", "large ball")


def petsc(_: bool) -> list[Row]:
    """Tied walls, free and held bodies; the larger ones for their times."""
    environment = module_of("tests/tools", "petsc_environment")
    cases = (*CASES, *LARGE)
    environment.main()
    if environment.missing():
        figure = "displacement and stress by PETSc on two ranks less those of nmcx"
        return [Row(figure, environment.missing(), "≤ 1e-8", None)]
    found = {n: _on_ranks(environment, n, (*cases, *LITHIUM)) for n in (1, 2)}
    rows = []
    for case in cases:
        for n, by_case in found.items():
            one = by_case[case]
            worst = max(one["displacement"], one["stress"])
            figure = (
                f"displacement and stress less nmcx's, {case}, {one['n_unknown']:,} displacements, "
                f"PETSc on {n} rank{'s'[: n - 1]}"
            )
            rows.append(Row(figure, f"{worst:.1e}", "≤ 1e-8", worst <= 1e-8))
            if case in LARGE:
                rows.append(recorded(f"{case}, PETSc on {n} rank{'s'[: n - 1]}", _times(one)))
    for case in LITHIUM:
        for n, by_case in found.items():
            one = by_case[case]
            figure = (
                f"concentration less nmcx's, {case}, {one['n_unknown']:,} nodes, PETSc on {n} "
                f"rank{'s'[: n - 1]}"
            )
            worst = one["concentration"]
            rows.append(Row(figure, f"{worst:.1e}", "≤ 1e-8", worst <= 1e-8))
    return rows


def _times(one: dict[str, Any]) -> str:
    def told(seconds: list[float]) -> str:
        return f"{seconds[1]:.2f} CPU seconds of a rank (wall time {seconds[0]:.2f} s)"

    return (
        f"{told(one['seconds'])}, {one['iterations']} iterations; nmcx with one thread "
        f"{told(one['own_seconds'])}, {one['own_iterations']} iterations"
    )


def _on_ranks(environment: Any, n: int, cases: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "path").mkdir()
        path = environment.package_path(folder / "path")
        script = ROOT / "tests" / "python" / "petsc_ranks.py"
        done = environment.mpirun(n, path, script, folder, *cases)
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{done.stderr}\nfailed")
        return dict(json.loads((folder / "rank_0.json").read_text()))


CHECKS = [Check("petsc", petsc, in_reduced=False)]  # two ranks are tests
