"""The user's own PETSc beside the solver of nmcx, on one rank and on two.

petsc4py of Debian has a Python of its own: what is compared runs there (`petsc_ranks.py`).
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from petsc_ranks import CASES, LITHIUM, disc

from nmcx import chemomechanics as cm
from nmcx.materials import NMC811

ROOT = Path(__file__).parents[2]


def _environment() -> Any:
    file = ROOT / "tests" / "tools" / "petsc_environment.py"
    spec = importlib.util.spec_from_file_location("petsc_environment", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PETSC = _environment()
needs_petsc = pytest.mark.skipif(bool(PETSC.missing()), reason=PETSC.missing() or "-")


def on_ranks(n: int, folder: Path, *cases: str, options: str = "") -> list[dict[str, Any]]:
    """What each rank found."""
    (folder / "path").mkdir()
    path = PETSC.package_path(folder / "path")
    script = Path(__file__).with_name("petsc_ranks.py")
    done = PETSC.mpirun(n, path, script, folder, *cases, options=options)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads((folder / f"rank_{rank}.json").read_text()) for rank in range(n)]


@needs_petsc
@pytest.mark.parametrize("n", [1, 2])
def test_the_same_rest_on_any_number_of_ranks(n: int, tmp_path: Path) -> None:
    """Rigid motions out of both, the section's strains and midside nodes in."""
    ranks = on_ranks(n, tmp_path, *CASES)
    for case in CASES:
        first = ranks[0][case]
        # Residuals are below 1e-12 of the load; conditioning takes up to four digits of that.
        for what in ("displacement", "stress"):
            assert first[what] <= 1e-8, (case, what, first)
        assert first["strain_z"] <= 1e-10, case
        assert first["residual"] <= 1e-12, case
        # All ranks get all of it, to the bit.
        assert all(rank[case]["sum"] == first["sum"] for rank in ranks), case
    assert ranks[0]["ball"]["iterations"] < 100


@needs_petsc
@pytest.mark.parametrize("n", [1, 2])
def test_the_same_lithium_on_any_number_of_ranks(n: int, tmp_path: Path) -> None:
    """Held, given, exchanging and reacting surfaces; the balance is closed as ever."""
    ranks = on_ranks(n, tmp_path, *LITHIUM)
    for case in LITHIUM:
        first = ranks[0][case]
        assert first["concentration"] <= 1e-8, (case, first)
        assert first["balance"] <= 1e-12, (case, first)
        assert first["n_step"] == first["own_n_step"], case
        # It is PETSc that has solved: with multigrid in a few iterations.
        assert 0 < first["iterations"] < first["own_iterations"], (case, first)
        assert all(rank[case]["sum"] == first["sum"] for rank in ranks), case


@needs_petsc
def test_options_are_those_of_the_database(tmp_path: Path) -> None:
    jacobi = on_ranks(1, tmp_path, "ball", options="-nmcx_pc_type jacobi")[0]["ball"]
    assert jacobi["iterations"] > 200 and jacobi["stress"] <= 1e-8


@needs_petsc
def test_every_rank_is_told_of_a_failure(tmp_path: Path) -> None:
    """Of one that stops short, and of ranks whose meshes differ."""
    for rank in on_ranks(2, tmp_path, "few", "differing", options="-nmcx_ksp_max_it 3"):
        assert rank["few"].startswith("ConvergenceError: equilibrium was not reached after 3 ")
        assert "DIVERGED_MAX_IT" in rank["few"] and "tolerance 1e-12" in rank["few"]
        assert rank["differing"].startswith("ValueError: every process must give the same mesh")


def test_without_petsc4py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "petsc4py", None)
    with pytest.raises(ImportError, match="python3-petsc4py"):
        cm.equilibrium(disc(), NMC811, 3e4, linear_solver="petsc")
    with pytest.raises(ImportError, match="python3-petsc4py"):
        cm.cycle(disc(), NMC811, protocol=cm.Charge(1.0, until=0.9), solver="petsc")


def test_walls_that_crack_are_not_its_business() -> None:
    with pytest.raises(ValueError, match=r"'petsc' goes with walls='tied'"):
        cm.equilibrium(disc(), NMC811, 3e4, linear_solver="petsc", walls="cohesive")
