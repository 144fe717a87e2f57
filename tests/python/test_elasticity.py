"""Crystals and polycrystals whose strains and stresses are known: §3.4 of the science notes."""

from __future__ import annotations

from dataclasses import replace

import meshes
import numpy as np
import pytest
from ball_meshes import ball, box
from numpy.typing import NDArray

from nmcx import chemomechanics as cm
from nmcx import materials, mesh
from nmcx.materials import NMC811
from nmcx.results import Mesh

Floats = NDArray[np.float64]
FULL = NMC811.max_concentration
TILTED = materials.bunge(0.3, 0.7, 1.1)
PLANES = ("generalised_plane_strain", "plane_strain", "plane_stress")
# Modulus along an axis at an angle [°] from c [GPa].
E_OF_ANGLE = {0: 163.262, 15: 159.835, 30: 154.806, 45: 157.006, 60: 170.836, 90: 203.550}


def irregular(n: tuple[int, ...], size: tuple[float, ...], seed: int = 1) -> Mesh:
    """A box whose inner nodes are moved by up to a sixth of a brick, in one tilted crystal."""
    body = box(n, size)
    points, spacing = body.points.copy(), np.array(size) / np.array(n)
    inner = ((points > 1e-9 * max(size)) & (points < np.array(size) * (1 - 1e-9))).all(axis=1)
    offset = np.random.default_rng(seed).uniform(-1 / 6, 1 / 6, points.shape)
    points[inner] += (offset * spacing)[inner]
    return mesh.assemble(points, body.cells, body.grain, TILTED[None])


def nodes_of(body: Mesh, order: int) -> Floats:
    return body.points if order == 1 else mesh.midside_nodes(body).points


def tractions(body: Mesh, stress: Floats) -> Floats:
    """(n_node, d) forces on linear nodes by a uniform stress tensor on the surface."""
    d = body.dimension
    corner = body.points[body.surface]
    edge = corner[:, 1:] - corner[:, :1]
    if d == 2:
        normal = np.stack([edge[:, 0, 1], -edge[:, 0, 0]], axis=1)
    else:
        normal = 0.5 * np.cross(edge[:, 0], edge[:, 1])
    force = np.zeros_like(body.points)
    for k in range(d):
        np.add.at(force, body.surface[:, k], normal @ stress[:d, :d].T / d)
    return force


def strain_of(body: Mesh, displacement: Floats) -> Floats:
    """(d, d) symmetric gradient of the displacements by least squares; exact if it is uniform."""
    design = np.column_stack([body.points / np.ptp(body.points), np.ones(len(body.points))])
    gradient = np.linalg.lstsq(design, displacement, rcond=None)[0][:-1].T / np.ptp(body.points)
    return np.asarray(0.5 * (gradient + gradient.T))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_an_affine_motion_strains_a_tilted_crystal_alike_everywhere(
    dimension: int, order: int
) -> None:
    body = irregular((4, 3, 3)[:dimension], (2e-6, 1e-6, 1e-6)[:dimension])
    nodes = nodes_of(body, order)
    gradient = np.array([[1.1, -2.3, 0.7], [0.4, -1.7, 1.9], [-0.6, 0.2, 0.9]])[
        :dimension, :dimension
    ]
    exact = 1e-3 * nodes @ gradient.T
    high = nodes.max(axis=0)
    rim = ((nodes < 1e-9 * high) | (nodes > high * (1 - 1e-9))).any(axis=1)
    for plane in PLANES if dimension == 2 else PLANES[:1]:
        state = cm.equilibrium(
            body,
            NMC811,
            FULL,
            fixed=np.where(rim[:, None], exact, np.nan),
            plane=plane,
            order=order,
        )
        strain = np.zeros((3, 3))
        strain[:dimension, :dimension] = 5e-4 * (gradient + gradient.T)
        voigt = np.array([*np.diag(strain), 0, 0, 0])
        voigt[3:] = 2 * np.array([strain[1, 2], strain[0, 2], strain[0, 1]])
        elasticity = NMC811.elasticity(TILTED)
        if dimension == 2 and plane != "plane_strain":
            out, into = [2, 3, 4], [0, 1, 5]
            coupling = elasticity[np.ix_(out, into)] @ voigt[into]
            voigt[out] = -np.linalg.solve(elasticity[np.ix_(out, out)], coupling)
        stress = elasticity @ voigt
        # Rounding: 1e-12 of the largest displacement and stress.
        assert np.abs(state.displacement - exact[: len(body.points)]).max() < 1e-12 * np.ptp(exact)
        assert np.abs(state.stress - stress).max() < 1e-12 * np.abs(stress).max()
        assert np.abs(state.nodal_stress - stress).max() < 1e-12 * np.abs(stress).max()
        energy = 0.5 * stress @ voigt * body.volume.sum()
        assert state.energies["stored"] == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_a_free_crystal_shrinks_without_stress(dimension: int, order: int) -> None:
    body = irregular((4, 3, 3)[:dimension], (2e-6, 1e-6, 1e-6)[:dimension])
    along_a, along_c = materials.lattice_strain(0.45)
    axis = TILTED[:, 2]
    exact = along_a * np.eye(3) + (along_c - along_a) * np.outer(axis, axis)
    for plane in ("generalised_plane_strain", "plane_stress"):
        state = cm.equilibrium(body, NMC811, 0.45 * FULL, plane=plane, order=order)
        # Of clamping stresses of 5 GPa the solver's tolerance of 1e-12 leaves less than 0.1 Pa.
        assert np.abs(state.stress).max() < 0.1
        assert state.energies["stored"] < 1e-20 * 5e9 * body.volume.sum()
        found = strain_of(body, state.displacement)
        assert found == pytest.approx(exact[:dimension, :dimension], abs=1e-12)
        if dimension == 2 and plane == "generalised_plane_strain":
            assert state.strain_z == pytest.approx(exact[2, 2], abs=1e-12)
            assert state.shear_z == pytest.approx(2 * exact[2, [1, 0]], abs=1e-12)


@pytest.mark.parametrize(
    ("x", "wanted"),
    [(0.45, (4706.780, 4706.780, -1140.783)), (0.22, (8161.815, 8161.815, 5299.555))],
)
def test_a_clamped_crystal_has_the_stress_of_its_lattice_strain(
    x: float, wanted: tuple[float, float, float]
) -> None:
    body = box((2, 2, 2), (1e-6, 1e-6, 1e-6))
    state = cm.equilibrium(body, NMC811, x * FULL, fixed=np.zeros((27, 3)))
    # The reference is given to 1 kPa.
    assert state.stress[:, :3] / 1e6 == pytest.approx(np.tile(wanted, (48, 1)), abs=1e-3)
    assert np.abs(state.stress[:, 3:]).max() < 1.0


@pytest.mark.parametrize("angle", E_OF_ANGLE)
def test_a_bar_of_a_turned_crystal_has_its_directional_modulus(angle: int) -> None:
    # The c axis in the plane of the bar, at an angle from its length.
    turn = np.deg2rad(angle)
    axis = np.array([np.cos(turn), np.sin(turn), 0.0])
    side = np.array([-np.sin(turn), np.cos(turn), 0.0])
    orientation = np.column_stack([side, np.cross(axis, side), axis])[None]
    pull = np.diag([1e8, 0.0, 0.0])
    for n, size in (((6, 2, 2), (3e-6, 1e-6, 1e-6)), ((6, 2), (3e-6, 1e-6))):
        bar = box(n, size)
        bar = mesh.assemble(bar.points, bar.cells, bar.grain, orientation)
        for plane in ("plane_stress", "generalised_plane_strain")[: 1 if len(n) == 3 else 2]:
            state = cm.equilibrium(bar, NMC811, FULL, force=tractions(bar, pull), plane=plane)
            found = 1e8 / strain_of(bar, state.displacement)[0, 0]
            assert found / 1e9 == pytest.approx(E_OF_ANGLE[angle], abs=1e-3)
            assert state.stress[:, 0] == pytest.approx(np.full(len(bar.cells), 1e8), rel=1e-10)


def laminate() -> Mesh:
    """Two crystals, c along z below and along x above, of equal thickness."""
    points, cells = meshes.box((2, 2, 4), (1e-6, 1e-6, 1e-6))
    grain = (points[cells][:, :, 2].mean(axis=1) > 0.5e-6).astype(np.int64)
    across = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    return mesh.assemble(points, cells, grain, np.stack([np.eye(3), across]))


@pytest.mark.parametrize(
    ("x", "strain", "stress"),
    [
        (0.45, (-0.00128550, -0.01743080), (3492.442, 1038.356)),
        (0.22, (-0.01642603, -0.02000593), (774.3814, 230.2353)),
    ],
)
def test_two_crystals_that_share_a_plane_hinder_each_other(
    x: float, strain: tuple[float, float], stress: tuple[float, float]
) -> None:
    body = laminate()
    low, high = body.points.min(axis=0), body.points.max(axis=0)
    fixed = np.full_like(body.points, np.nan)
    for k in range(2):  # sides keep plane and do not turn: neither bends the pair
        side = np.isin(body.points[:, k], (low[k], high[k]))
        fixed[side, k] = strain[k] * body.points[side, k]
    fixed[body.points[:, 2] == low[2], 2] = 0.0
    state = cm.equilibrium(body, NMC811, x * FULL, fixed=fixed)
    for grain, sign in ((0, 1.0), (1, -1.0)):
        found = state.stress[body.grain == grain] / 1e6
        wanted = np.zeros(6)
        wanted[:2] = sign * np.array(stress)
        # Strains of the reference have eight decimals: 2e11 Pa × 5e-9 = 1 kPa.
        assert found == pytest.approx(np.tile(wanted, (len(found), 1)), abs=3e-3)


@pytest.mark.parametrize(("x", "wanted"), [(0.22, 6525.335), (0.45, 1363.472)])
def test_two_clamped_crystals_in_series_pull_at_their_wall(x: float, wanted: float) -> None:
    body = laminate()
    fixed = np.zeros_like(body.points)
    inside = (body.points[:, 2] > 1e-9) & (body.points[:, 2] < 1e-6 * (1 - 1e-9))
    fixed[inside, 2] = np.nan
    state = cm.equilibrium(body, NMC811, x * FULL, fixed=fixed)
    found = state.stress[:, 2] / 1e6
    assert found == pytest.approx(np.full(len(found), wanted), abs=1e-3)


def test_a_sphere_under_pressure_strains_uniformly() -> None:
    body = ball(3, 5e-6)
    body = mesh.assemble(body.points, body.cells, body.grain, TILTED[None])
    state = cm.equilibrium(body, NMC811, FULL, force=tractions(body, -1e9 * np.eye(3)))
    strain = TILTED.T @ strain_of(body, state.displacement) @ TILTED
    wanted = np.diag([-1.99149848e-3, -1.99149848e-3, -3.61482077e-3])
    assert strain == pytest.approx(wanted, abs=1e-11)


def harmonic(nodes: Floats) -> Floats:
    """Gradient of the harmonic e^x cos y (+ e^z cos y): in equilibrium for every isotropic body."""
    x, y = nodes[:, 0], nodes[:, 1]
    u = np.stack([np.exp(x) * np.cos(y), -np.exp(x) * np.sin(y)], axis=1)
    if nodes.shape[1] == 2:
        return u
    z = nodes[:, 2]
    more = np.stack([0 * z, -np.exp(z) * np.sin(y), np.exp(z) * np.cos(y)], axis=1)
    return np.column_stack([u, 0 * z]) + more


@pytest.mark.parametrize(("order", "rate"), [(1, 2.0), (2, 3.0)])
def test_displacements_converge_at_the_order_of_their_elements(order: int, rate: float) -> None:
    # The layer's grain is isotropic.
    steps, errors = (8, 16), []
    for n in steps:
        body = replace(box((n, n), (1.0, 1.0)), layer_grain=0)
        nodes = nodes_of(body, order)
        exact = harmonic(nodes)
        rim = ((nodes < 1e-9) | (nodes > 1 - 1e-9)).any(axis=1)
        fixed = np.where(rim[:, None], exact, np.nan)
        state = cm.equilibrium(body, NMC811, FULL, fixed=fixed, order=order, plane="plane_strain")
        found = np.concatenate(
            [state.displacement, np.zeros((0, 2)) if order == 1 else state.midside_displacement]
        )
        errors.append(float(np.sqrt(((found - exact)[~rim] ** 2).mean())))
    # Errors at the nodes: regular meshes of this size are within 0.2 of the limit; quadratic ones
    # may gain an order at their nodes.
    assert np.log2(errors[0] / errors[1]) > rate - 0.2


def test_quadratic_cells_follow_a_strain_that_is_compatible() -> None:
    # ε* = sym ∇u of a quadratic u: free bodies take it on without stress, in every plane state of
    # the plane that lets them, as it has no part across.
    body = irregular((5, 4), (1.0, 1.0))
    lithium = np.asarray(0.5 + 0.4 * body.points[:, 0])
    # Uniaxial swelling along the c axis alone, linear in x: u_x quadratic, u_y = 0.
    table = materials.LatticeTable(lithium=[0.0, 1.0], a=[1.0, 1.0], c=[0.99, 1.0])
    along_x = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    body = mesh.assemble(body.points, body.cells, body.grain, along_x[None])
    swelling = materials.Swelling("linear", end=0.0, table=table)
    worst = []
    for order in (1, 2):
        state = cm.equilibrium(body, NMC811, lithium * FULL, eigenstrain=swelling, order=order)
        worst.append(np.abs(state.stress).max())
    clamped = 2e11 * 0.01
    assert worst[1] < 1e-10 * clamped  # the solver's tolerance
    assert worst[0] > 1e-3 * clamped  # which linear cells cannot follow


def test_stress_does_not_depend_on_how_the_body_lies() -> None:
    grains = mesh.ball(1e-6, n_grains=6, size=0.5e-6, seed=2)
    turned = replace(
        grains, points=grains.points @ TILTED.T, orientation=TILTED @ grains.orientation
    )
    one, other = (cm.equilibrium(body, NMC811, 0.4 * FULL) for body in (grains, turned))
    # Residuals of 1e-12 and turned coordinates leave some 1e-9 of the largest stress.
    expected = one.stress @ materials.bond_matrix(TILTED).T
    assert np.abs(other.stress - expected).max() < 1e-8 * np.abs(expected).max()
    assert other.energies["stored"] == pytest.approx(one.energies["stored"], rel=1e-10)


def test_every_number_of_threads_gives_the_same_bits() -> None:
    grains = mesh.disc(2e-6, n_grains=20, size=0.2e-6, seed=1)
    lithium = FULL * (0.5 + 0.4 * np.sin(2e6 * grains.points[:, 0]))
    one, two = (cm.equilibrium(grains, NMC811, lithium, threads=n) for n in (1, 2))
    for name in ("displacement", "stress", "nodal_stress", "shear_z"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert (one.strain_z, one.energies) == (two.strain_z, two.energies)


def test_sections_carry_no_force_across() -> None:
    grains = mesh.disc(2e-6, n_grains=20, size=0.2e-6, seed=1)
    state = cm.equilibrium(grains, NMC811, 0.4 * FULL)
    force = grains.volume @ state.stress[:, 2:5]
    assert np.abs(force).max() < 1e-10 * grains.volume @ np.abs(state.stress[:, 2])
    # Why plane strain is not the default: E × 1.7 % of the mean lattice strain.
    hindered = cm.equilibrium(grains, NMC811, 0.22 * FULL, plane="plane_strain")
    assert np.average(hindered.stress[:, 2], weights=grains.volume) > 2.5e9
    assert hindered.strain_z == 0.0
    thin = cm.equilibrium(grains, NMC811, 0.4 * FULL, plane="plane_stress")
    assert np.abs(thin.stress[:, 2:5]).max() == 0.0
