"""The law of grain boundaries and the interface elements that carry it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interface_beam import oscillation, wall_traction
from numpy.typing import NDArray

from nmcx import _core, materials, mesh
from nmcx import chemomechanics as cm

Doubles = NDArray[np.float64]
TABLE = {1e18: cm.CohesiveLaw(1e18, 200e6, 1.0), 2e19: cm.CohesiveLaw(2e19, 200e6, 1.0)}
NODAL = _core.FacetQuadrature.nodal
NONE, CONSISTENT = _core.TangentKind.none, _core.TangentKind.consistent
UNEQUAL = cm.CohesiveLaw(2e19, 200e6, 1.0, shear_strength=300e6, shear_fracture_energy=2.0)


def facet(law: cm.CohesiveLaw) -> _core.CohesiveWalls:
    """A wall of one edge, 1 m long along x with its normal along −y; node i opens against i + 2."""
    points = np.array([[0.0, 0.0], [1.0, 0.0]] * 2)
    return _core.CohesiveWalls(
        points, np.array([[0, 1, 2, 3]]), [law.kernel()], np.zeros(1, dtype=np.int64), NODAL
    )


def displaced(opening: float, sliding: float) -> Doubles:
    return np.array([0.0, 0, 0, 0, sliding, -opening, sliding, -opening])


# --- the law -----------------------------------------------------------------------------------


def test_tractions_are_those_of_the_reference() -> None:
    opening = np.array([[0.1, 0.2, 0.5], [1, 2, 5], [8, 9.999, 12]]) * 1e-9
    # cohesive.txt, printed to one pascal.
    expected = {
        1e18: [[100, 200, 193.877551], [183.673469, 163.265306, 102.040816],
               [40.816327, 0.020408, 0]],
        2e19: [[198.198198, 196.196196, 190.190190], [180.180180, 160.160160, 100.100100],
               [40.040040, 0.020020, 0]],
    }  # fmt: skip
    for stiffness, traction in expected.items():
        found, damage = cm.traction_separation(TABLE[stiffness], opening)
        np.testing.assert_allclose(found, 1e6 * np.array(traction), rtol=0, atol=0.51)
        # Traction is (1 − D) K δ, with 1 − D to its last digit.
        np.testing.assert_allclose(
            found, (1 - damage) * stiffness * opening, rtol=1e-9, atol=1e-9 * 200e6
        )


def test_the_area_is_the_fracture_energy_of_both_materials_and_shapes() -> None:
    for parameters in (materials.NMC811, materials.NMC811_BRITTLE):
        for shape in ("bilinear", "exponential"):
            law = cm.CohesiveLaw(
                1.8e19, parameters.strength, parameters.fracture_energy, shape=shape
            )
            opening = np.concatenate(
                [[0.0], np.linspace(law.onset, law.final_opening, 4001), [2 * law.final_opening]]
            )
            traction, _ = cm.traction_separation(law, opening)
            assert np.trapezoid(traction, opening) == pytest.approx(
                parameters.fracture_energy, rel=1e-6
            )
            assert traction.max() == pytest.approx(200e6, rel=1e-12)


def test_contact_meets_the_undamaged_stiffness_and_sliding_is_told_by_the_damage() -> None:
    law = TABLE[2e19]
    assert cm.traction_separation(law, -1e-11, largest=2e-8) == (-2e8, 1.0)
    # Pure sliding of equal modes: the tangential traction is the normal one of pure opening.
    normal, damage = cm.traction_separation(law, 0.0, sliding=5e-9)
    assert normal == 0.0
    assert (1 - damage) * 2e19 * 5e-9 == pytest.approx(100.100100e6, rel=1e-8)
    broadcast, _ = cm.traction_separation(law, np.zeros((3, 1)), np.zeros(4))
    assert broadcast.shape == (3, 4)


def test_the_bar_with_an_interface_snaps_back_beyond_the_critical_length() -> None:
    # A bar of length L in series with the boundary: u = t L / E + δ.
    law, modulus = TABLE[2e19], 175.3461e9
    after = np.array([law.onset, 0.5 * law.final_opening])
    traction, _ = cm.traction_separation(law, after)
    slope = np.diff(traction)[0] / np.diff(after)[0]
    for length, peak, stiffness in (
        (2e-6, 2.291203e-9, -2.59444e16),
        (5e-6, 5.713007e-9, -4.66527e16),
        (10e-6, 1.141601e-8, 1.41242e17),
    ):
        end = traction * length / modulus + after
        assert end[0] == pytest.approx(peak, rel=3e-7)
        # Softening in terms of the bar's end; where it is positive the end has to go back.
        assert np.diff(traction)[0] / np.diff(end)[0] == pytest.approx(stiffness, rel=3e-6)
        assert (end[0] > law.final_opening) == (stiffness > 0)
    assert -modulus / slope == pytest.approx(8.758538e-6, rel=1e-7)


def test_laws_and_separations_that_cannot_be_are_refused() -> None:
    for change, word in (
        ({"stiffness": 0.0}, "stiffness must be positive"),
        ({"strength": np.nan}, "strength must be positive"),
        ({"fracture_energy": 1e-4}, "fracture_energy must exceed"),
        ({"shear_fracture_energy": 1e-4}, "shear_fracture_energy must exceed"),
        ({"exponent": 0.3}, "exponent must be 1 or more"),
        ({"viscosity": -1.0}, "viscosity must be 0 or more"),
        ({"shape": "linear"}, "shape must be one of"),
        ({"mixed_mode": "none"}, "mixed_mode must be one of"),
        ({"onset_criterion": "linear"}, "onset_criterion must be one of"),
        ({"strength": "200 MPa"}, "strength must be a number"),
    ):
        values = {"stiffness": 1e18, "strength": 200e6, "fracture_energy": 1.0} | change
        with pytest.raises(ValueError, match=word):
            cm.CohesiveLaw(**values)
    law = TABLE[1e18]
    for arguments, word in (
        ((np.nan,), "opening and sliding must be finite"),
        ((0.0, 0.0, -1.0), "largest must be 0 m or more"),
        (([0.0, 1.0], [0.0, 1.0, 2.0]), "must go together"),
    ):
        with pytest.raises(ValueError, match=word):
            cm.traction_separation(law, *arguments)
    with pytest.raises(ValueError, match="sliding_share"):
        law.mixed(1.5)


def test_the_law_of_a_material_takes_its_stiffness_from_the_grains() -> None:
    grains = mesh.disc(2e-6, n_grains=16, size=0.6e-6, seed=1)
    # 50 E / d with E of Hill; 16 grains of a disc of 2 µm are 1 µm wide, to the polygon's area.
    law = cm.cohesive_law(materials.NMC811, grains)
    assert law.stiffness == pytest.approx(50 * 175.3461e9 / 1e-6, rel=0.03)
    assert law.strength == law.shear_strength == 200e6
    given_one = materials.NMC811.replace(cohesive_stiffness=1e20)
    assert cm.cohesive_law(given_one, grains).stiffness == 1e20
    # The layer is one grain of its own and no grain of the rule.
    covered = mesh.disc(2e-6, n_grains=16, size=0.6e-6, seed=1, layer=0.1e-6)
    assert cm.cohesive_law(materials.NMC811, covered).stiffness == pytest.approx(
        law.stiffness, rel=0.15
    )


# --- any path ----------------------------------------------------------------------------------

#: Opening and sliding in nanometres: contact, onset and the final opening are all within reach.
POINTS = st.lists(
    st.tuples(st.floats(-0.02, 14.0), st.floats(-14.0, 14.0)), min_size=1, max_size=12
)
LAWS = st.sampled_from(
    [
        *TABLE.values(),
        UNEQUAL,
        replace(UNEQUAL, onset_criterion="energy"),
        cm.CohesiveLaw(2e19, 200e6, 1.0, 150e6, 3.0, shape="exponential", mixed_mode="power_law"),
    ]
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(law=LAWS, path=POINTS)
def test_damage_never_heals_on_any_path(law: cm.CohesiveLaw, path: list) -> None:
    walls = facet(law)
    state = walls.initial_state()
    damage, dissipated = 0.0, 0.0
    for opening, sliding in path:
        response = walls.evaluate(displaced(1e-9 * opening, 1e-9 * sliding), state, NONE)
        assert (response.damage >= damage).all()
        assert response.energies.dissipated >= dissipated
        assert response.energies.stored >= 0
        state = response.state
        damage, dissipated = response.damage, response.energies.dissipated


@settings(max_examples=60, deadline=None, derandomize=True)
@given(path=POINTS, shape=st.sampled_from(["bilinear", "exponential"]))
def test_equal_modes_cost_the_fracture_energy_on_any_path(path: list, shape: str) -> None:
    law = cm.CohesiveLaw(2e19, 200e6, 1.0, shape=shape)
    walls = facet(law)
    state, largest = walls.initial_state(), 0.0
    for opening, sliding in path:
        response = walls.evaluate(displaced(1e-9 * opening, 1e-9 * sliding), state, NONE)
        state = response.state
        largest = max(largest, 1e-9 * np.hypot(max(opening, 0.0), sliding))
    # What is spent depends on the largest separation alone, by the curve's own area (per m² here).
    # Contact counts as opening by up to 0.04 of the onset beside any sliding: 1e-6 J/m².
    curve = np.concatenate([[0.0], np.linspace(law.onset, max(largest, law.onset), 4001)])
    traction, _ = cm.traction_separation(law, curve)
    spent = np.trapezoid(traction, curve) - 0.5 * traction[-1] * curve[-1]
    assert response.energies.dissipated == pytest.approx(spent, abs=1e-5)
    # All the way out the whole of it is spent.
    response = walls.evaluate(displaced(0.0, 1.01 * law.final_opening), state, NONE)
    assert response.energies.dissipated == pytest.approx(1.0, rel=1e-12)


# --- interface elements ------------------------------------------------------------------------


def polycrystal(dimension: int, quadratic: bool) -> tuple[mesh.Mesh, Doubles, NDArray[np.int64]]:
    if dimension == 2:
        grains = mesh.disc(2e-6, n_grains=6, size=0.5e-6, seed=2)
    else:
        grains = mesh.ball(2e-6, n_grains=4, size=1.0e-6, seed=2)
    cells = mesh.midside_nodes(grains) if quadratic else grains
    return grains, np.ascontiguousarray(cells.points), np.ascontiguousarray(cells.interfaces)


@pytest.mark.parametrize("quadratic", [False, True])
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("rule", ["nodal", "gauss"])
def test_walls_of_a_polycrystal(dimension: int, quadratic: bool, rule: str) -> None:
    grains, points, interfaces = polycrystal(dimension, quadratic)
    law = cm.cohesive_law(materials.NMC811).kernel()
    walls = _core.CohesiveWalls(
        points, interfaces, [law], np.zeros(len(interfaces), dtype=np.int64),
        getattr(_core.FacetQuadrature, rule),
    )  # fmt: skip
    state = walls.initial_state()
    np.testing.assert_allclose(walls.area, grains.interface_area, rtol=1e-12)

    # A rigid motion pulls nothing apart: nodes of both sides have the same positions to the bit.
    turn = 0.01 * np.array([[0, -1, 0.3], [1, 0, -0.2], [-0.3, 0.2, 0]])[:dimension, :dimension]
    rigid = walls.evaluate((points @ turn.T + 1e-7).ravel(), state, NONE)
    assert not rigid.force.any()

    # Grains that shift away from the particle's centre by their own centroids come apart along
    # each wall: opening is positive where their movement along the normal says so.
    cells = grains.points[grains.cells].mean(axis=1)
    weight = np.bincount(grains.grain, grains.volume)
    centre = np.stack(
        [np.bincount(grains.grain, grains.volume * c) / weight for c in cells.T], axis=1
    )
    grain_of = np.full(len(points), -1)
    for side in (0, 1):
        half = interfaces.shape[1] // 2
        nodes = interfaces[:, side * half : (side + 1) * half]
        grain_of[nodes] = grains.interface_grains[:, side : side + 1]
    u = np.where(grain_of[:, None] >= 0, 1e-6 * centre[grain_of], 0.0)
    response = walls.evaluate(u.ravel(), state, NONE)
    first, second = grains.interface_grains.T
    apart = 1e-6 * (centre[second] - centre[first])
    normal = walls.rotation[:, 0]
    np.testing.assert_allclose(
        response.opening, np.broadcast_to((apart * normal).sum(1)[:, None], response.opening.shape),
        atol=1e-20,
    )  # fmt: skip
    # On Voronoi walls the second grain lies on the side that the normal points to.
    assert ((apart * normal).sum(axis=1) > 0).all()
    # Internal forces are in balance.
    assert (
        abs(response.force.reshape(-1, dimension).sum(axis=0)).max()
        < 1e-12 * np.abs(response.force).sum()
    )


def test_states_are_kept_as_numbers_and_threads_change_no_bit() -> None:
    _, points, interfaces = polycrystal(3, quadratic=True)
    law = UNEQUAL.kernel()
    walls = _core.CohesiveWalls(
        points, interfaces, [law], np.zeros(len(interfaces), np.int64), NODAL
    )
    u = 3e-10 * np.sin(np.arange(points.size) ** 2)
    one = walls.evaluate(u, walls.initial_state(), CONSISTENT, threads=1)
    two = walls.evaluate(u, walls.initial_state(), CONSISTENT, threads=2)
    for name in ("force", "matrices", "traction", "damage", "opening", "sliding", "is_loading"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.energies.dissipated == two.energies.dissipated > 0

    kept = walls.values_of(one.state)
    assert kept.shape == (len(interfaces), walls.n_point, 5)
    np.testing.assert_array_equal(kept[:, :, 1], one.damage)
    back = walls.evaluate(0.5 * u, walls.state_of(np.array(kept)), NONE)
    np.testing.assert_array_equal(back.damage, one.damage)
    with pytest.raises(ValueError, match="damage between 0 and 1"):
        walls.state_of(np.array(kept) + 2.0)

    # A frozen branch is one of the tangent: forces stay.
    frozen = np.zeros(one.is_loading.shape, dtype=np.int8)
    held = walls.evaluate(u, walls.initial_state(), CONSISTENT, frozen_branch=frozen)
    np.testing.assert_array_equal(held.force, one.force)
    assert not np.array_equal(held.matrices, one.matrices)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_nodal_quadrature_keeps_tractions_of_a_stiff_interface_smooth(
    dimension: int, order: int
) -> None:
    n, size = {
        2: ((16, 3), (4e-6, 0.6e-6)),
        3: ((8, 1, 2), (2e-6, 0.5e-6, 0.5e-6)),
    }[dimension]
    index = {
        rule: oscillation(*wall_traction(n, size, order, rule, 1e20)) for rule in ("nodal", "gauss")
    }
    # A beam on a foundation dips below zero once behind its pulled end: some percent of the range,
    # and as much at a hundredth of the stiffness. Gauss points go up and down with the elements.
    soft = oscillation(*wall_traction(n, size, order, "nodal", 1e18))
    assert index["nodal"] < 0.07
    assert index["nodal"] < soft + 0.03
    assert index["gauss"] > 3 * index["nodal"]
