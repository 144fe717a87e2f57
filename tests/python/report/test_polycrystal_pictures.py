"""Cuts through meshes, and the pictures drawn of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from nmcx import chemomechanics, io, materials, mesh, plot
from nmcx.plot.mesh_section import mesh_section, plane_axes
from nmcx.results import Mesh, TransportHistory

RADIUS = 5e-6


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return mesh.ball(RADIUS, n_grains=12, size=1e-6, seed=2)


@pytest.fixture(scope="module")
def disc() -> Mesh:
    return mesh.disc(RADIUS, n_grains=10, size=0.8e-6, seed=1)


@pytest.fixture(scope="module")
def charge(disc: Mesh) -> TransportHistory:
    boundary = chemomechanics.ButlerVolmer(c_rate=2.0)
    return chemomechanics.diffuse(
        disc, materials.NMC811, initial=6e4, boundary=boundary, times=[20.0, 60.0, 120.0]
    )


def area(points: np.ndarray, triangles: np.ndarray) -> float:
    one, two = (points[triangles[:, i]] - points[triangles[:, 0]] for i in (1, 2))
    return float(0.5 * np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]).sum())


@pytest.mark.parametrize("normal", [(0, 0, 1), (1, 0, 0), (1, -2, 0.5)])
@pytest.mark.parametrize("offset", [0.0, 2.3e-6])
def test_a_cut_has_the_area_of_the_disc_and_the_values_of_the_mesh(
    ball: Mesh, normal: tuple[float, float, float], offset: float
) -> None:
    section = mesh_section(ball, normal, offset)
    # Chords of 1 µm on a circle of 5 µm take away some 2 % (and the sphere's facets as much).
    exact = np.pi * (RADIUS**2 - offset**2)
    assert area(section.points, section.triangles) == pytest.approx(exact, rel=0.06)
    # A linear function of the position is the same function in the plane.
    right, up = plane_axes(normal)
    unit = np.asarray(normal) / np.linalg.norm(normal)
    gradient = np.array([2.0, -1.0, 0.5])
    in_plane = np.column_stack([section.points, np.full(len(section.points), offset)])
    expected = in_plane @ np.stack([right, up, unit]) @ gradient
    np.testing.assert_allclose(section.of_nodes(ball.points @ gradient), expected, atol=1e-18)
    # The rim is a closed line: its length is that of the circle but for the chords.
    rim = np.linalg.norm(section.rim[:, 1] - section.rim[:, 0], axis=1).sum()
    assert rim == pytest.approx(2.0 * np.sqrt(np.pi * exact), rel=0.04)


def test_the_axes_of_a_plane_are_right_handed_and_seen_from_its_front() -> None:
    for normal in np.random.default_rng(1).standard_normal((20, 3)):
        right, up = plane_axes(normal)
        np.testing.assert_allclose(np.cross(right, up), normal / np.linalg.norm(normal), atol=1e-12)
        assert up[2] >= 0.0 or abs(normal[2]) > 0.9 * np.linalg.norm(normal)


def test_a_plane_beside_the_mesh_is_refused(ball: Mesh) -> None:
    with pytest.raises(ValueError, match="misses the mesh"):
        plot.orientation_map(ball, offset=2 * RADIUS)
    with pytest.raises(ValueError, match="normal must be a direction"):
        plot.orientation_map(ball, normal=(0, 0, 0))


def test_maps_show_contents_between_zero_and_one(disc: Mesh, charge: TransportHistory) -> None:
    c_max = materials.NMC811.max_concentration
    axes = plot.lithium_map(disc, charge.concentration[-1], max_concentration=c_max)
    low, high = axes.collections[0].get_clim()
    assert 0.0 < low < high < 1.0
    with pytest.raises(ValueError, match="one value per node"):
        plot.lithium_map(disc, np.zeros(3), max_concentration=c_max)


def test_grains_with_opposite_c_axes_have_one_colour(disc: Mesh) -> None:
    from dataclasses import replace

    half_turn = np.diag([1.0, -1.0, -1.0])
    turned = replace(disc, orientation=disc.orientation @ half_turn)
    colours = [plot.orientation_map(m).collections[0].get_facecolor() for m in (disc, turned)]
    np.testing.assert_allclose(colours[0], colours[1])


def test_flux_is_drawn_around_disc_and_ball(
    disc: Mesh, ball: Mesh, charge: TransportHistory
) -> None:
    line = plot.surface_flux(disc, charge.surface_flux[-1]).lines[0]
    # mol and µmol
    assert sorted(line.get_ydata()) == pytest.approx(sorted(1e6 * charge.surface_flux[-1]))
    assert np.all(np.diff(line.get_xdata()) > 0)
    axes = plot.surface_flux(ball, np.arange(len(ball.surface), dtype=float))
    assert axes.name == "mollweide"
    with pytest.raises(ValueError, match="one value per facet"):
        plot.surface_flux(ball, np.zeros(3))


def test_state_of_charge_shows_the_potential_where_there_is_one(charge: TransportHistory) -> None:
    c_max = materials.NMC811.max_concentration
    figure = plot.state_of_charge(charge, max_concentration=c_max)
    content, potential = (axes.lines[0] for axes in figure.axes)
    assert np.all(np.diff(content.get_ydata()) < 0)  # lithium leaves
    assert np.all(np.diff(potential.get_ydata()) > 0)  # and the potential rises


def test_frames_share_one_colour_scale(
    disc: Mesh, charge: TransportHistory, tmp_path: Path
) -> None:
    c_max = materials.NMC811.max_concentration
    files = plot.lithium_frames(disc, charge, tmp_path / "frames", max_concentration=c_max)
    assert [f.name for f in files] == [f"lithium_{i:04d}.png" for i in range(3)]
    assert all(f.read_bytes()[:4] == b"\x89PNG" for f in files)


def test_paraviews_reader_plays_the_series(ball: Mesh, tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    vtk = pytest.importorskip("vtk")
    times = np.array([1.0, 3.0])
    values = np.outer(times, ball.points[:, 2])
    empty = np.zeros(2)
    history = TransportHistory(
        times, values, empty, empty, np.zeros((2, len(ball.surface))), empty, empty
    )
    path = tmp_path / "series.vtkhdf"
    io.write_history(path, ball, history)
    reader = vtk.vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    known = vtk.vtkStreamingDemandDrivenPipeline.TIME_STEPS()
    assert reader.GetOutputInformation(0).Get(known) == tuple(times)
    for step, time in enumerate(times):
        reader.SetStep(step)
        reader.Update()
        grid = pyvista.wrap(reader.GetOutput())
        np.testing.assert_allclose(grid["concentration"], time * ball.points[:, 2])
        assert grid.volume == pytest.approx(ball.volume.sum(), rel=1e-9)
        np.testing.assert_array_equal(grid.cell_data["grain"], ball.grain)


@pytest.mark.parametrize("dimension", [2, 3])
def test_cracks_are_drawn_where_work_was_spent(disc: Mesh, ball: Mesh, dimension: int) -> None:
    body = disc if dimension == 2 else ball
    work = np.zeros(len(body.interfaces))
    work[: len(work) // 2] = 0.8
    state = dataclasses.replace(
        chemomechanics.equilibrium(body, materials.NMC811, materials.NMC811.max_concentration),
        walls="cohesive",
        dissipated=work,
    )
    axes = plot.cracked_section(body, state, normal=(0, 0, 1))
    section = mesh_section(body)
    sound, spent = (c for c in axes.collections if isinstance(c, LineCollection))
    assert len(spent.get_segments()) == np.count_nonzero(work[section.wall])
    assert len(sound.get_segments()) == np.count_nonzero(work[section.wall] == 0.0)
    np.testing.assert_allclose(spent.get_array(), 0.8)
    # A line of the section lies in the plane of the facet that it is said to cut.
    facet = body.points[body.interfaces[section.wall][:, :dimension]]
    middle = section.walls.mean(axis=1)
    low, high = facet[..., :2].min(axis=1), facet[..., :2].max(axis=1)
    assert np.all((middle >= low - 1e-12) & (middle <= high + 1e-12))


def test_a_section_of_cracks_needs_cohesive_walls(disc: Mesh) -> None:
    tied = chemomechanics.equilibrium(disc, materials.NMC811, 6e4)
    with pytest.raises(ValueError, match="cohesive"):
        plot.cracked_section(disc, tied)


# --- lithium and cracks together ---------------------------------------------------------------


def test_open_and_filled_walls_are_drawn_apart() -> None:
    """As many lines as the history has open and filled walls; on another mesh it is refused."""
    grains = mesh.disc(1.5e-6, n_grains=16, size=0.24e-6, seed=1)
    material = materials.NMC811_BRITTLE
    history = chemomechanics.simulate(
        grains, material, protocol=chemomechanics.Charge(1.0, until=0.5), states=4, threads=1
    )
    full = material.max_concentration
    axes = plot.coupled_section(grains, history, max_concentration=full)
    drawn = {
        each.get_label(): len(each.get_segments())
        for each in axes.collections
        if isinstance(each, LineCollection)
    }
    wet = history.wetted[-1]
    is_open = (history.opening[-1] >= 1e-9) & ~wet
    assert wet.any()
    assert is_open.any()
    assert drawn["filled, reacting"] == wet.sum()
    assert drawn["open, dry"] == is_open.sum()
    other = mesh.disc(1.5e-6, n_grains=8, size=0.4e-6, seed=1)
    with pytest.raises(ValueError, match="history must be of this mesh"):
        plot.coupled_section(other, history, max_concentration=full)
