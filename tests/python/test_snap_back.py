"""Equilibria beyond a point of snap-back: the load falls, and nothing is set free."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bars import MODULUS, SPRING, bar, pulled

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811, NMC811_BRITTLE
from nmcx.results import Equilibrium, Mesh

FULL = NMC811.max_concentration
LAW = cm.CohesiveLaw(2e19, 200e6, 1.0)


def pull(body: Mesh, apart: float, **options: Any) -> Equilibrium:
    options = {"fixed": pulled(body, apart)} | options
    return cm.equilibrium(
        body, SPRING, FULL, walls="cohesive", law=LAW, plane="plane_strain", threads=1, **options
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("length", [10e-6, 40e-6])
def test_a_long_bar_is_followed_down_its_softening_branch(length: float, order: int) -> None:
    """§3.5: bar and wall in series, u = t L / E + δ, exactly, though u falls with growing δ."""
    body = bar(length, (4, 2))
    peak = LAW.strength * length / MODULUS + LAW.onset
    apart = 1.3 * peak
    fixed = pulled(body, apart, order)
    state = pull(body, apart, fixed=fixed, snap_back="follow", order=order)
    steps = state.steps
    area = body.interface_area.sum()
    assert (steps.released == 0.0).all()
    # What has been dissipated tells how far the wall is open: D = G (δ - δ_0) / (δ_f - δ_0).
    part = np.cumsum(steps.dissipated) / (LAW.fracture_energy * area)
    softens = (part > 1e-9) & (part < 1 - 1e-3)
    assert softens.sum() > 5
    opening = LAW.onset + part[softens] * (LAW.final_opening - LAW.onset)
    traction = LAW.strength * (1 - part[softens])
    moved = traction * length / MODULUS + opening
    # Each is an equilibrium, to the tolerance of the forces; how far apart they are plays no part.
    assert steps.t[softens] * apart == pytest.approx(moved, rel=1e-6)
    assert steps.t[softens].min() < 1.02 * LAW.final_opening / apart
    assert state.energies["dissipated"] == pytest.approx(area, rel=1e-4)
    assert abs(state.energies["error"]) < 1e-3 * area


def test_a_short_bar_has_no_point_to_follow() -> None:
    """Softening that the load holds is the same either way, bit for bit."""
    body = bar(2e-6, (4, 2))
    followed, jumped = (pull(body, 6e-9, snap_back=way) for way in ("follow", "jump"))
    assert (np.diff(followed.steps.t) > 0).all()
    assert np.array_equal(followed.displacement, jumped.displacement)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_brittle_polycrystal_sets_less_free_than_where_it_jumps(seed: int) -> None:
    """Energies add up on the way back too; where walls turn from loading to unloading it jumps."""
    body = mesh.disc(1e-6, n_grains=16, size=0.16e-6, seed=seed)
    ways = {
        way: cm.equilibrium(
            body, NMC811_BRITTLE, 0.2 * FULL, walls="cohesive", snap_back=way, threads=1
        )
        for way in ("jump", "follow")
    }
    followed = ways["follow"]
    assert followed.steps.t[-1] == 1.0
    assert (np.diff(followed.steps.t) < 0).any()
    assert (followed.steps.dissipated >= 0).all()
    assert abs(followed.energies["error"]) < 5e-3 * followed.energies["dissipated"]
    assert followed.energies["released"] < ways["jump"].energies["released"]
    by_facet = (followed.dissipated * body.interface_area).sum()
    assert by_facet == pytest.approx(followed.energies["dissipated"], rel=1e-9)


def test_what_cannot_be_followed_is_refused() -> None:
    body = bar(2e-6, (4, 2))
    with pytest.raises(ValueError, match="snap_back must be 'jump' or 'follow'"):
        cm.equilibrium(body, SPRING, FULL, walls="cohesive", snap_back="arc")
    with pytest.raises(ValueError, match="a law without viscosity"):
        cm.equilibrium(
            body, SPRING, FULL, walls="cohesive", snap_back="follow", duration=1.0,
            law=replace(LAW, viscosity=1e-3),
        )  # fmt: skip
    ball = mesh.ball(1e-6, n_grains=8, size=0.2e-6, seed=1)
    with pytest.raises(ValueError, match="factorised, which a body of this size is not"):
        cm.equilibrium(ball, NMC811, 0.9 * FULL, walls="cohesive", snap_back="follow")
