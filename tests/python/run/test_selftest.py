"""`nmcx selftest`: passes where all is well, in time, and fails where anything is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcx import chemomechanics, cli, cones, io, run, xanes
from nmcx.run import known_answers as checks


def test_all_is_well_without_any_file_in_less_than_a_minute_of_work(tmp_path: Path) -> None:
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "nmcx", "selftest"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = os.times()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(checks.CHECKS)
    assert all(line.startswith("ok ") for line in lines)
    used = after.children_user + after.children_system
    assert used - before.children_user - before.children_system < 60
    assert list(tmp_path.iterdir()) == []


def changed(function: Callable[..., Any], **fields: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function whose result is not as it should be."""

    def wrong(*args: Any, **options: Any) -> Any:
        made = function(*args, **options)
        return replace(
            made, **{name: change(getattr(made, name)) for name, change in fields.items()}
        )

    return wrong


def noisy(function: Callable[..., Any], field: str) -> Callable[..., Any]:
    """A function whose result depends on the number of threads, in its last bits."""

    def wrong(*args: Any, threads: int = 0, **options: Any) -> Any:
        made = function(*args, threads=threads, **options)
        return replace(made, **{field: getattr(made, field) * (1 + 1e-15 * threads)})

    return wrong


FAULTS = {
    "edge fit": (xanes, "fit_edges", {"edge_energy_ev": lambda e: e + 0.02}, "edge_energy_ev"),
    "cones": (cones, "cone_porosity", {"void_voxels": lambda n: n + (n == n.max())}, "porosity"),
    "transport": (
        chemomechanics, "diffuse", {"mean_concentration": lambda c: 0.98 * c}, "concentration"
    ),
    "elasticity": (chemomechanics, "equilibrium", {"stress": lambda s: s * (1 + 1e-6)}, "stress"),
    "simulation": (
        chemomechanics, "simulate", {"dissipated": lambda d: 0.5 * d}, "concentration"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_answer_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, fault, field = FAULTS[name]
    right = getattr(module, function)
    monkeypatch.setattr(module, function, changed(right, **fault))
    with pytest.raises(checks.Wrong, match="was expected"):
        checks.CHECKS[name]()
    monkeypatch.setattr(module, function, noisy(right, field))
    with pytest.raises(checks.Wrong, match="other bits for other numbers of threads"):
        checks.CHECKS[name]()


def test_nan_is_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = changed(xanes.fit_edges, edge_energy_ev=lambda e: np.where(e < 8341, np.nan, e))
    monkeypatch.setattr(xanes, "fit_edges", wrong)
    with pytest.raises(checks.Wrong, match="nan eV"):
        checks.CHECKS["edge fit"]()


def test_other_versions_and_other_files_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    load = io.load

    def changed_file(path: Path) -> dict[str, Any]:
        made = load(path)["edge_map"]
        return {"edge_map": replace(made, noise=made.noise + 1)}  # type: ignore[type-var]

    monkeypatch.setattr(io, "load", changed_file)
    with pytest.raises(checks.Wrong, match="changed by saving"):
        checks.CHECKS["result file"]()
    monkeypatch.setattr("nmcx.__version__", "0.0.0")
    with pytest.raises(checks.Wrong, match="versions that differ"):
        checks.CHECKS["installation"]()


def test_what_fails_ends_with_one_and_the_others_are_still_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise ImportError("no such library")

    def wrong() -> str:
        raise checks.Wrong("2 eV off")

    monkeypatch.setattr(checks, "CHECKS", {"a": broken, "b": wrong, "c": lambda: "fine"})
    assert [check.ok for check in run.selftest()] == [False, False, True]
    assert cli.main(["selftest"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAILED a") and "ImportError: no such library" in lines[0]
    assert lines[1].startswith("FAILED b") and "2 eV off" in lines[1]
    assert lines[2].startswith("ok     c") and lines[3].startswith("a, b failed; please report")
    assert cli.main(["-q", "selftest"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 3
