"""Public calls that between them run every kernel: small ones, and ones that take a while."""

from __future__ import annotations

from functools import cache

import dask
import dask.array as da
import numpy as np
from bars import SPRING, bar, pulled
from meshes import box, by_brick
from promises.kernel_calls import Call, noted

from nmcx import (
    _core,
    cones,
    correlation,
    materials,
    mesh,
    morphology,
    phantom,
    surface,
    xanes,
)
from nmcx import chemomechanics as cm
from nmcx.chemomechanics.crystal_load import grain_stiffness
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.chemomechanics.elastic_kernel import elastic_kernel
from nmcx.chemomechanics.potential_table import potential_table
from nmcx.chemomechanics.stress_drive import mobility_table

WINDOWS = {"pre_edge": (8250.0, 8320.0), "post_edge": (8380.0, 8640.0)}
C_MAX = materials.NMC811.max_concentration
SMALL, LONG, LONGEST = range(3)


@cache
def calls(size: int) -> dict[str, Call]:
    """A call of every kernel: SMALL ones, LONG ones (some tenths of a second), LONGEST ones."""
    found: dict[str, Call] = {}
    with noted(found):
        for scenario in SCENARIOS:
            scenario(size)
    return found


def _edges(size: int) -> None:
    n = (500, 100_000, 1_000_000)[size]
    made = phantom.edge_spectra(min(n, 1000), noise=0.01, seed=1)
    energy, mu = made.energy_ev, np.tile(made.mu, (1, -(-n // 1000)))[:, :n].astype(np.float32)
    given = np.full(energy.size, 1e-4)
    xanes.fit_edges(energy, mu, variance=given, white_line_half_width_ev=2.0, threads=1, **WINDOWS)
    lazy = da.from_array(mu, chunks=(-1, n))
    with dask.config.set(scheduler="synchronous"):
        edges = xanes.fit_edges(energy, lazy, variance=given, threads=1, **WINDOWS)
        np.asarray(edges.edge_energy_ev)
    ends = [(energy, phantom.edge_curve(energy, at)) for at in (8340.0, 8343.0)]
    xanes.fit_references(energy, mu[:, : n // 4], ends, threads=1, **WINDOWS)
    xanes.normalise(energy, mu[:, : n // 4], edge_ev=8343.0, **WINDOWS)


def _images(size: int) -> None:
    n = (48, 400, 1024)[size]
    y, x = np.mgrid[:n, :n] / 7.0
    fixed = np.sin(x) * np.cos(y) + np.random.default_rng(1).normal(0.0, 0.1, (n, n))
    shift = surface.register(fixed, np.roll(fixed, 1, axis=0), max_shift=3.0)
    surface.resampled(fixed, np.ones_like(fixed), shift)


def _voxels(size: int) -> None:
    n = (24, 90, 200)[size]
    z = np.arange(n) - n / 2 + 0.5
    radius = np.sqrt(z[:, None, None] ** 2 + z[:, None] ** 2 + z**2)
    solid = (radius < 0.4 * n) & ~((radius < 0.2 * n) & (z > 0))
    envelope = radius < 0.4 * n
    particle = morphology.segment(solid, voxel_size_um=0.1, envelope=envelope, threads=1)
    morphology.segment(solid, voxel_size_um=0.1, envelope="rays", threads=1)
    morphology.depth(particle, threads=1)
    ways = cones.fibonacci_directions((20, 3000, 20_000)[size])
    morphology.line_profiles(radius, particle, ways, threads=1)
    cones.cone_porosity(particle, ways, np.deg2rad([10.0, 30.0]), threads=1)


def _sphere(size: int) -> None:
    n = (32, 64, 160)[size]
    step = 4.0 / n
    particle, values = phantom.surface_and_porosity(
        1, shape=(n, n, n), voxel_size_um=step, map_shape=(n, n)
    )
    half_angle = np.deg2rad([10.0, 20.0])
    ways = cones.fibonacci_directions((200, 1000, 5000)[size])
    porosity = cones.cone_porosity(particle, ways, half_angle, threads=1)
    correlation.angle_scan(
        values, porosity, n_null=(99, 999, 9999)[size], n_bootstrap=20, min_points=3, threads=1
    )
    placed = phantom.placed_map(1, shape=(n, n, n), voxel_size_um=step, map_shape=(n, n))
    where = {"view": placed.view, "threads": 1}
    correlation.place(placed.xi_map, placed.particle, **where)
    # The search of a pose makes this call some hundred times.
    z = np.arange(n) * 0.25
    z -= z.mean()
    away = np.sqrt(z[:, None, None] ** 2 + z[:, None] ** 2 + z**2) - 0.3 * np.ptp(z)
    m = (32, 256, 1024)[size]
    row, column = (np.array(way) * np.ptp(z) / m for way in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    _core.surface_view(
        away.astype(np.float32), np.full(3, 0.25), np.full(3, z[0]), -0.5 * m * (row + column),
        row, column, np.array([1.0, 0.0, 0.0]), (m, m), 1.0, 1,
    )  # fmt: skip


def _labels(size: int) -> None:
    n = (16, 48, 96)[size]
    z = np.arange(n) - n / 2 + 0.5
    ball = z[:, None, None] ** 2 + z[:, None] ** 2 + z**2 < (0.4 * n) ** 2
    labels = np.where(ball, 1 + (z > 0), 0)
    mesh.from_labels(labels, 1.6 / n, size=(0.3e-6, 0.1e-6, 0.05e-6)[size], threads=1)


def _elastic(size: int) -> None:
    n = (2, 14, 40)[size]
    points, cells = box((2 * n, n, n), (2e-6, 1e-6, 1e-6))
    side = np.zeros((2 * n, n, n), dtype=np.int64)
    side[n:] = 1
    turned = materials.bunge([0.3, 1.1], [0.7, 0.2], [0.0, 0.4])
    body = mesh.assemble(points, cells, by_brick(side, 3), turned)
    mesh.midside_nodes(body)
    contents = C_MAX * (0.5 + 0.4 * np.sin(body.points[:, 0] * 4e6))
    cm.equilibrium(body, materials.NMC811, contents, walls="tied", threads=1)
    # What solvers of other packages begin with.
    elasticity, _ = elastic_kernel(
        body, materials.NMC811, plane="generalised_plane_strain", order=1, threads=1
    )
    solver = _core.ElasticSolver(elasticity, np.full(body.points.shape, np.nan))
    solver.prepare(1)
    forces = solver.forces(np.full((len(body.points), 6), 1e-3), np.zeros(body.points.shape), 1)
    solver.solve(forces, 1e-8, 500, 1)


def _lithium(size: int) -> None:
    edge = (0.3e-6, 0.05e-6, 0.02e-6)[size]
    grains = mesh.disc(1e-6, n_grains=4, size=edge, seed=1)
    coupling = cm.Coupling()
    cm.simulate(
        grains, materials.NMC811_BRITTLE, protocol=cm.Charge(1.0, until=0.9), states=2,
        coupling=coupling, threads=1,
    )  # fmt: skip
    cm.diffuse(
        grains, materials.NMC811, initial=0.0, boundary=cm.Dirichlet(C_MAX), times=[1.0, 2.0],
        threads=1,
    )  # fmt: skip


def _cracks(size: int) -> None:
    n = (4, 40, 100)[size]
    body = bar(10e-6, (n, n // 2))
    law = cm.CohesiveLaw(2e19, 200e6, 1.0)
    apart = 1.3 * 200e6 * 10e-6 / SPRING.c11
    cm.equilibrium(
        body, SPRING, C_MAX, walls="cohesive", law=law, plane="plane_strain",
        fixed=pulled(body, apart), snap_back="follow", threads=1,
    )  # fmt: skip


def _walls(size: int) -> None:
    law = cm.CohesiveLaw(2e19, 200e6, 1.0)
    cm.traction_separation(law, np.linspace(0.0, 2e-8, (1000, 300_000, 5_000_000)[size]))
    n = (10, 20_000, 500_000)[size]
    points = np.array([[0.0, 0.0], [1e-6, 0.0]] * 2)
    rows = np.tile(np.arange(4), (n, 1))
    walls = _core.CohesiveWalls(
        points, rows, [law.kernel()], np.zeros(n, dtype=np.int64), _core.FacetQuadrature.nodal
    )
    moved = np.array([0.0, 0.0, 0.0, 0.0, 1e-9, -2e-9, 1e-9, -2e-9])
    walls.evaluate(moved, walls.initial_state(), _core.TangentKind.consistent, threads=1)


def _parts(size: int) -> None:
    """What the solvers are made of, on a sheet of two grains."""
    n = (8, 150, 700)[size]
    points, cells = box((n, n), 2e-6)
    side = np.repeat(np.arange(n) >= n // 2, n)
    body = mesh.assemble(points, cells, by_brick(side, 2), [np.eye(3)] * 2)
    domain = Domain(body, materials.NMC811, solver=SolverOptions("iterative", threads=1))
    sound = np.full(len(body.interfaces), np.inf)
    tensors = np.tile(1e-15 * np.eye(2), (2, 1, 1))
    domain.kernel.assemble(tensors, sound, np.zeros(len(sound)), 1)
    contents = np.linspace(0.1, 0.9, domain.size) * C_MAX
    domain.kernel.outflow(contents, 1)
    none, free = np.zeros(domain.size), np.full(domain.size, np.nan)
    domain.kernel.step(1e-2, 1e-2 * contents, none, none, free, contents, 1e-10, 5000, 1)
    pull = np.tile([1e5, 0.0], (len(cells), 1))
    mobility = mobility_table(materials.NMC811, "ideal")
    domain.kernel.drive_by_stress(contents, mobility, np.zeros(len(cells)), pull, C_MAX, 1)
    elasticity, n_node = elastic_kernel(
        body, materials.NMC811, plane="plane_strain", order=1, threads=1,
        is_tied=np.zeros(len(body.interfaces), dtype=bool),
    )  # fmt: skip
    elasticity.state(np.zeros(elasticity.size), np.full((n_node, 6), 1e-3), 1)
    elasticity.assemble(grain_stiffness(body, materials.NMC811), 1)
    # What solvers of other packages begin with.
    solver = _core.ElasticSolver(elasticity, np.full(body.points.shape, np.nan))
    solver.forces(np.full((n_node, 6), 1e-3), np.zeros(body.points.shape), 1)
    law = cm.cohesive_law(materials.NMC811)
    which = np.zeros(len(body.interfaces), dtype=np.int64)
    quadrature = _core.FacetQuadrature.nodal
    fixed = np.full(body.points.shape, np.nan)
    _core.Fracture(elasticity, [law.kernel()], which, quadrature, fixed)


def _rays(size: int) -> None:
    n, m = ((16, 50), (64, 30_000), (200, 1_000_000))[size]
    z = np.arange(n) - n / 2
    mask = z[:, None, None] ** 2 + z[:, None] ** 2 + z**2 < (0.4 * n) ** 2
    origins = np.random.default_rng(1).uniform(0.2 * n, 0.8 * n, (m, 3))
    origins[:, 0] = -5.0
    spacing, way = np.ones(3), np.array([1.0, 0.0, 0.0])
    _core.first_hits(mask, spacing, origins, way, 1)
    _core.chord_lengths(mask, spacing, origins, way, 1)
    points = cones.fibonacci_directions((200, 3000, 20_000)[size])
    values = np.stack([points[:, 0], points[:, 1] ** 2])
    rim = np.cos(np.deg2rad([5.0, 20.0]))
    _core.cap_means(points, values, np.ones(len(points)), points, rim, 1)
    _core.distance_classes(points, np.ascontiguousarray(values.T), 30, 1)


def _electrode(size: int) -> None:
    n = (50, 50_000, 1_000_000)[size]
    equilibrium, slope = potential_table(materials.NMC811)
    electrode = _core.Electrode(
        np.arange(n), np.full(n, 1e-15), np.full(n, np.inf), np.ones(n), np.zeros(n), np.zeros(n),
        equilibrium, slope, C_MAX, 1e-4, 0.5, 0.5, 38.9,
    )  # fmt: skip
    electrode.current_is_given, electrode.current, electrode.potential = True, 1e-13 * n, 3.8
    _core.electrode_potential(electrode, np.linspace(0.3, 0.7, n) * C_MAX)


SCENARIOS = (
    _edges, _images, _voxels, _sphere, _labels, _elastic, _lithium, _cracks, _walls, _parts, _rays,
    _electrode,
)  # fmt: skip
