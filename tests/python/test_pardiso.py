"""MKL PARDISO beside the solver of nmcx; pypardiso is the user's, and in no other extra."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811
from nmcx.results import Mesh

HALF = 0.5 * NMC811.max_concentration
needs_pardiso = pytest.mark.skipif(
    importlib.util.find_spec("pypardiso") is None, reason='pip install "nmcx[pardiso]"'
)
BODIES = {
    "disc": mesh.disc(2e-6, n_grains=8, size=0.4e-6, seed=1),
    "ball": mesh.ball(2e-6, n_grains=8, size=0.8e-6, seed=1),
}


def both(body: Mesh, **options: Any) -> list[Any]:
    return [
        cm.equilibrium(body, NMC811, HALF, threads=1, linear_solver=name, **options)
        for name in ("own", "pardiso")
    ]


@needs_pardiso
@pytest.mark.parametrize("name", ["disc", "ball"])
@pytest.mark.parametrize("order", [1, 2])
def test_a_free_body_comes_to_the_same_rest(name: str, order: int) -> None:
    """Rigid motions out of both; the section's strains, and midside nodes, in."""
    own, theirs = both(BODIES[name], order=order)
    scale = np.abs(own.displacement).max()
    assert theirs.displacement == pytest.approx(own.displacement, abs=1e-9 * scale)
    assert theirs.strain_z == pytest.approx(own.strain_z, rel=1e-9, abs=1e-15)
    assert theirs.stress == pytest.approx(own.stress, abs=1e-9 * np.abs(own.stress).max())
    assert theirs.residual <= 1e-12
    assert theirs.settings["linear_solver"] == "pardiso"


@needs_pardiso
@pytest.mark.parametrize("plane", ["plane_strain", "plane_stress"])
def test_held_displacements_stay(plane: str) -> None:
    body = BODIES["disc"]
    fixed = np.full(body.points.shape, np.nan)
    fixed[body.points[:, 0] < -1e-6] = [1e-9, -2e-9]
    own, theirs = both(body, plane=plane, fixed=fixed)
    scale = np.abs(own.displacement).max()
    assert theirs.displacement == pytest.approx(own.displacement, abs=1e-9 * scale)


def test_without_pypardiso_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypardiso", None)
    with pytest.raises(ImportError, match=r"nmcx\[pardiso\]"):
        cm.equilibrium(BODIES["disc"], NMC811, HALF, linear_solver="pardiso")


def test_what_it_does_not_solve_is_refused() -> None:
    body = BODIES["disc"]
    with pytest.raises(ValueError, match="linear_solver must be 'own', 'pardiso' or 'petsc'"):
        cm.equilibrium(body, NMC811, HALF, linear_solver="mkl")
    with pytest.raises(ValueError, match="goes with walls='tied'"):
        cm.equilibrium(body, NMC811, HALF, linear_solver="pardiso", walls="cohesive")
