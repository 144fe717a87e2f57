"""Bodies that crack: work of separation, jumps, balance, polycrystals to the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bars import MODULUS, SPRING, bar, pulled

from nmcx import chemomechanics as cm
from nmcx import io, materials, mesh
from nmcx.materials import NMC811, NMC811_BRITTLE
from nmcx.results import Equilibrium, Mesh

FULL = NMC811.max_concentration
LAW = cm.CohesiveLaw(2e19, 200e6, 1.0)


def pull(body: Mesh, apart: float, law: cm.CohesiveLaw = LAW, **options: Any) -> Equilibrium:
    plane = {} if body.dimension == 3 else {"plane": "plane_strain"}
    return cm.equilibrium(
        body, SPRING, FULL, walls="cohesive", law=law, fixed=pulled(body, apart), threads=1,
        **plane, **options,
    )  # fmt: skip


# --- two blocks --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [(4, 2), (2, 1, 1)], ids=["2-D", "3-D"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("energy", [1.0, 0.1], ids=["Table 1", "brittle"])
def test_the_work_of_separation_is_the_fracture_energy(
    n: tuple[int, ...], order: int, energy: float
) -> None:
    """Bars too short to snap: all that the ends spend goes into the wall (0.1 %, §3.5)."""
    length = 2e-6 if energy == 1.0 else 0.5e-6
    body = bar(length, n)
    law = replace(LAW, fracture_energy=energy, shear_fracture_energy=energy)
    fixed = pulled(body, 1.05 * law.final_opening, order)
    plane = {} if len(n) == 3 else {"plane": "plane_strain"}
    state = cm.equilibrium(
        body, SPRING, FULL, walls="cohesive", law=law, fixed=fixed, order=order, threads=1, **plane
    )
    area = body.interface_area.sum()
    assert state.energies["supplied"] == pytest.approx(energy * area, rel=1e-3)
    assert state.energies["dissipated"] == pytest.approx(energy * area, rel=1e-4)
    assert abs(state.energies["error"]) < 1e-3 * energy * area
    assert state.energies["released"] == 0.0
    # What a broken wall keeps of its stiffness holds next to nothing.
    assert np.abs(state.stress).max() < 1e-2 * law.strength


@pytest.mark.parametrize("length", [2e-6, 5e-6])
def test_a_short_bar_follows_the_law_down(length: float) -> None:
    """§3.5: peak at t L / E + δ_0, then down the softening branch, elastic and wall in series."""
    body = bar(length, (4, 2))
    peak = LAW.strength * length / MODULUS + LAW.onset
    assert peak == pytest.approx({2e-6: 2.291203e-9, 5e-6: 5.713007e-9}[length], rel=1e-6)
    at_peak = pull(body, peak)
    assert at_peak.stress[:, 0] == pytest.approx(np.full(len(body.cells), LAW.strength), rel=1e-5)
    assert at_peak.energies["dissipated"] < 1e-6 * body.interface_area.sum()
    apart = 0.5 * (peak + LAW.final_opening)
    later = pull(body, apart, start=at_peak)
    # u = t L / E + δ with t = t_n (δ_f - δ) / (δ_f - δ_0): linear in δ, and so is its inverse.
    slope = LAW.strength / (LAW.final_opening - LAW.onset)
    opening = (apart - slope * LAW.final_opening * length / MODULUS) / (
        1 - slope * length / MODULUS
    )
    traction = slope * (LAW.final_opening - opening)
    assert later.stress[:, 0] == pytest.approx(np.full(len(body.cells), traction), rel=1e-4)
    assert later.opening == pytest.approx(np.full(len(body.interfaces), opening), rel=1e-4)
    assert later.energies["released"] == 0.0


def test_a_long_bar_snaps_and_releases_what_it_had_too_much() -> None:
    """§3.5: at 10 µm all stored by the peak, ½ t_n u, is more than the wall takes."""
    length = 10e-6
    body = bar(length, (4, 2))
    peak = LAW.strength * length / MODULUS + LAW.onset
    assert peak == pytest.approx(1.141601e-8, rel=1e-6)
    state = pull(body, 1.5e-8)
    area = body.interface_area.sum()
    released = (0.5 * LAW.strength * peak - LAW.fracture_energy) * area
    # The jump is found within a sixteenth of a step of 3e-10 m, at 200 MPa: 0.004 J/m² too much.
    assert 0 <= state.energies["released"] - released < 0.004 * area
    assert state.energies["dissipated"] == pytest.approx(area, rel=1e-4)
    assert abs(state.energies["error"]) < 1e-3 * area
    assert (state.steps.released > 0).sum() == 1


def test_unloading_goes_to_the_origin_and_comes_back() -> None:
    """A wall that was damaged gives its energy back as it closes, and damage stays."""
    body = bar(2e-6, (4, 2))
    open_ = pull(body, 6e-9)
    closed = pull(body, 0.0, start=open_)
    again = pull(body, 6e-9, start=closed)
    assert np.array_equal(closed.damage, open_.damage)
    assert np.abs(closed.stress).max() < 1e-4 * LAW.strength
    assert closed.energies["dissipated"] == open_.energies["dissipated"]
    assert again.stress[:, 0] == pytest.approx(open_.stress[:, 0], rel=1e-4)
    assert again.energies["supplied"] == pytest.approx(open_.energies["supplied"], rel=1e-5)
    pressed = pull(body, -1e-9, start=open_)
    # In contact both grains and the wall bear: u = t (L / E + 1 / K).
    traction = -1e-9 / (2e-6 / MODULUS + 1 / LAW.stiffness)
    assert pressed.stress[:, 0] == pytest.approx(np.full(len(body.cells), traction), rel=1e-3)


def test_viscosity_shows_up_as_artificial_work() -> None:
    """Its work closes the balance, and vanishes with the viscosity."""
    body = bar(2e-6, (4, 2))
    area = body.interface_area.sum()
    work = []
    for viscosity in (1e-2, 1e-3):
        law = replace(LAW, viscosity=viscosity)
        state = pull(body, 1.2e-8, law, duration=1.0)
        assert abs(state.energies["error"]) < 5e-3 * area
        work.append(state.energies["viscous"])
    assert 0 < work[1] < 0.5 * work[0]


# --- polycrystals ------------------------------------------------------------------------------


def grains(seed: int, *, radius: float = 3e-6, size: float = 0.5e-6, n: int = 16) -> Mesh:
    return mesh.disc(radius, n_grains=n, size=size, seed=seed)


@pytest.mark.parametrize(("material", "radius"), [(NMC811, 3e-6), (NMC811_BRITTLE, 1e-6)])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_polycrystal_cracks_to_the_end(
    material: materials.Parameters, radius: float, seed: int
) -> None:
    """From x = 1 to 0.2 by the table, whose misfit peaks on the way; energies add up."""
    body = grains(seed, radius=radius, size=0.16 * radius, n=16)
    state = cm.equilibrium(body, material, 0.2 * FULL, walls="cohesive", threads=1)
    energies, steps = state.energies, state.steps
    assert steps.t[-1] == 1.0
    assert (np.diff(steps.t) > 0).all()
    assert abs(energies["error"]) < 5e-3 * energies["dissipated"]
    assert (steps.released >= 0).all()
    assert (steps.dissipated >= 0).all()
    capacity = material.fracture_energy * body.interface_area
    assert 0.05 * capacity.sum() < energies["dissipated"] < capacity.sum()
    # By facets as by the balance; no facet spends more than it has.
    by_facet = (state.dissipated * body.interface_area).sum()
    assert by_facet == pytest.approx(energies["dissipated"], rel=1e-9)
    assert state.dissipated.max() <= material.fracture_energy * (1 + 1e-9)
    assert state.residual <= 1e-6
    # What cracks let go is stored no more.
    tied = cm.equilibrium(body, material, 0.2 * FULL, threads=1)
    assert energies["stored"] < 0.9 * tied.energies["stored"]


def test_walls_that_do_not_yield_are_tied_walls() -> None:
    """Strong, stiff walls: the stress of tied grains, but for the little that 1 / K gives."""
    body = grains(1)
    tied = cm.equilibrium(body, NMC811, 0.6 * FULL, threads=1)
    law = cm.CohesiveLaw(1e22, 1e12, 1e6)
    state = cm.equilibrium(body, NMC811, 0.6 * FULL, walls="cohesive", law=law, threads=1)
    assert state.damage.max() == 0.0
    # E / (K h) = 5e-5 of a cell's size.
    assert np.abs(state.stress - tied.stress).max() < 2e-3 * np.abs(tied.stress).max()
    assert state.energies["stored"] == pytest.approx(tied.energies["stored"], rel=1e-3)
    assert state.energies["supplied"] == pytest.approx(state.energies["stored"], rel=1e-5)


def test_every_number_of_threads_gives_the_same_bits() -> None:
    body = mesh.disc(5e-6, n_grains=25, size=0.3e-6, seed=1)  # more than one chunk of each kind
    one, two = (
        cm.equilibrium(body, NMC811, 0.92 * FULL, walls="cohesive", threads=k, max_step=0.25)
        for k in (1, 2)
    )
    assert one.damage.max() > 0.5
    for name in ("displacement", "stress", "damage", "wall_history"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert one.energies == two.energies


def test_a_body_that_is_turned_cracks_the_same() -> None:
    """Nothing depends on the axes: energies of a body turned by a right angle."""
    body = grains(2, n=12)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = replace(
        body,
        points=np.ascontiguousarray(body.points @ turn[:2, :2].T),
        orientation=turn @ body.orientation,
    )
    one, two = (
        cm.equilibrium(each, NMC811, 0.7 * FULL, walls="cohesive", threads=1)
        for each in (body, turned)
    )
    # Steps of the same lengths to the tolerance of the forces.
    assert two.energies["dissipated"] == pytest.approx(one.energies["dissipated"], rel=1e-4)
    assert two.crack_porosity == pytest.approx(one.crack_porosity, rel=1e-4)


# --- cracks ------------------------------------------------------------------------------------


def test_the_crack_network_counts_what_hangs_together() -> None:
    """One wall across a bar: the whole of it, its inner part, and the two outer ones apart."""
    body = bar(2e-6, (8, 4))
    state = pull(body, 1.2e-8)
    network = cm.crack_network(body, state)
    assert network.labels.tolist() == [1] * len(body.interfaces)
    assert network.area == pytest.approx([1e-6])
    assert network.reaches_surface.tolist() == [True]
    # Without the outer facets what is left inside meets no surface; without the middle, two parts.
    y = body.points[body.interfaces[:, 0], 1] + body.points[body.interfaces[:, 1], 1]
    inner = replace(state, damage=np.where(abs(y - 1e-6) < 0.6e-6, state.damage, 0.0))
    network = cm.crack_network(body, inner)
    assert network.area == pytest.approx([0.5e-6])
    assert network.reaches_surface.tolist() == [False]
    outer = replace(state, damage=state.damage - inner.damage)
    network = cm.crack_network(body, outer)
    assert network.area == pytest.approx([0.25e-6, 0.25e-6])
    assert network.reaches_surface.tolist() == [True, True]
    assert sorted(set(network.labels.tolist())) == [0, 1, 2]


def test_a_cracked_state_comes_back_from_a_file_and_goes_on(tmp_path: Path) -> None:
    body = bar(2e-6, (4, 2))
    half = pull(body, 6e-9)
    half.save(tmp_path / "half.nxs")
    (back,) = io.load(tmp_path / "half.nxs").values()
    assert isinstance(back, Equilibrium)
    whole = pull(body, 1.2e-8, start=back)
    assert whole.energies == pull(body, 1.2e-8, start=half).energies
    area = body.interface_area.sum()
    assert whole.energies["supplied"] == pytest.approx(area, rel=1e-3)
    assert abs(whole.energies["error"]) < 1e-3 * area


# --- what is refused ---------------------------------------------------------------------------

BODY = bar(2e-6, (2, 1))
TIED = cm.equilibrium(BODY, SPRING, FULL, threads=1)
BAD: list[tuple[dict[str, Any], str]] = [
    ({"walls": "glued"}, "walls must be 'tied' or 'cohesive'"),
    ({"concentration": np.nan}, "concentration holds NaN"),
    ({"max_step": 0.0}, "max_step must lie between 0 and 1"),
    ({"residual_integrity": 1.0}, "residual_integrity must lie between 0 and 1"),
    ({"tolerance": 0.0}, "tolerance must be positive"),
    ({"law": replace(LAW, viscosity=1.0)}, "needs the duration"),
    ({"start": TIED}, "start must have walls='cohesive'"),
    ({"walls": "tied", "law": LAW}, "start and law go with walls='cohesive'"),
    ({"fixed": np.full((6, 2), np.inf)}, "fixed must"),
    ({"force": np.ones((6, 2))}, "force|balance"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[m for _, m in BAD])
def test_a_bad_option_is_named(options: dict[str, Any], message: str) -> None:
    options = {"concentration": FULL, "walls": "cohesive"} | options
    n = len(BODY.points)
    for name in ("fixed", "force"):
        if name in options:
            options[name] = np.resize(options[name], (n, 2))
    with pytest.raises(ValueError, match=message):
        cm.equilibrium(BODY, SPRING, options.pop("concentration"), **options)


def test_a_body_without_walls_cannot_crack() -> None:
    points, cells = BODY.points, BODY.cells
    one = mesh.assemble(points, cells, np.zeros(len(cells), dtype=int), np.eye(3)[None])
    with pytest.raises(ValueError, match="no walls that could come apart"):
        cm.equilibrium(one, SPRING, FULL, walls="cohesive")
    alone = replace(BODY, interfaces=BODY.interfaces[:, [0, 1, 0, 1]])
    with pytest.raises(ValueError, match="same nodes on both sides"):
        cm.equilibrium(alone, SPRING, FULL, walls="cohesive")


def test_a_law_that_cannot_be_is_named() -> None:
    for change, message in (
        ({"stiffness": 0.0}, "stiffness must be positive"),
        ({"fracture_energy": 1e-6}, "fracture_energy must exceed"),
    ):
        with pytest.raises(ValueError, match=message):
            cm.equilibrium(BODY, SPRING, FULL, walls="cohesive", law=replace(LAW, **change))


def test_a_way_that_cannot_be_gone_keeps_the_last_equilibrium() -> None:
    """One iteration is too few where a wall softens; the elastic part takes one."""
    body = grains(1, n=8)
    with pytest.raises(cm.FractureFailure, match=r"step \d+: relative residual") as caught:
        cm.equilibrium(body, NMC811, 0.2 * FULL, walls="cohesive", max_iterations=1, threads=1)
    last = caught.value.equilibrium
    assert last is not None
    assert last.lithium.min() < 1.0
    assert last.residual <= 1e-6
