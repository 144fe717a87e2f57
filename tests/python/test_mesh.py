"""Meshes of polycrystals: what is refused, how cells are measured, how grains are oriented."""

from __future__ import annotations

import dataclasses
import math

import meshes
import numpy as np
import pytest
from scipy import stats

from nmcx import materials, mesh
from nmcx.materials import NMC811
from nmcx.results import Mesh


def single(points: object, cells: object) -> Mesh:
    """A mesh of one grain."""
    return mesh.assemble(points, cells, np.zeros(len(np.asarray(cells)), int), np.eye(3))


# Assembling ---------------------------------------------------------------------------------------

PAIR = {
    "points": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
    "cells": [[0, 1, 2], [0, 2, 3]],
    "grain": [0, 1],
    "orientation": [np.eye(3), np.eye(3)],
}


def assemble(**changes: object) -> Mesh:
    call = PAIR | changes
    optional = {key: call[key] for key in ("walls", "settings", "notes") if key in call}
    return mesh.assemble(
        call["points"], call["cells"], call["grain"], call["orientation"], **optional
    )


def test_settings_and_notes_travel_with_the_mesh() -> None:
    made = assemble(settings={"size": 1e-7}, notes=["by hand"])
    assert made.settings == {"size": 1e-7}
    assert made.notes == ("by hand",)
    assert made.dimension == 2 and made.n_grain == 2


def test_nodes_of_no_cell_are_left_out() -> None:
    made = assemble(points=[*PAIR["points"], [7.0, 7.0]])
    assert made.points.max() == 1.0


@pytest.mark.parametrize("dimension", [2, 3])
def test_cells_that_are_inside_out_are_turned(dimension: int) -> None:
    points, cells = meshes.box((2,) * dimension)
    turned = cells.copy()
    turned[::3, [0, 1]] = turned[::3, [1, 0]]
    made = single(points, turned)
    np.testing.assert_allclose(made.volume, 0.5**dimension / math.factorial(dimension))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"points": np.zeros((4, 4))}, "^points must have shape"),
        ({"points": [[0, 0], [1, 0], [1, math.nan], [0, 1]]}, r"^points\[2\] is not finite"),
        ({"points": [[0, 0], [1, 0], [2, 0], [0, 1]]}, r"^cells\[0\] is flat.*line"),
        # A sliver of 1e-13 of its size, far above the round-off of its volume.
        ({"points": [[0, 0], [1, 0], [2, 1e-13], [0, 1]]}, r"^cells\[0\] is flat"),
        ({"cells": [[0, 1, 2, 3]]}, r"^cells must have shape \(m, 3\)"),
        ({"cells": [[0.0, 1.0, 2.0], [0, 2, 3]]}, "^cells must hold integers"),
        ({"cells": [[0, 1, 2], [0, 2, 4]]}, "names node 4"),
        ({"cells": [[0, 1, 2], [0, 2, -1]]}, "names node -1"),
        ({"cells": [[0, 1, 1], [0, 2, 3]]}, "flat"),
        ({"cells": [[0, 1, 2], [0, 1, 3]]}, "same side"),
        ({"cells": np.zeros((0, 3), int), "grain": []}, "cells is empty"),
        ({"grain": [0]}, "^grain must have one label per cell"),
        ({"grain": [0.0, 1.0]}, "^grain must hold integers"),
        ({"grain": [[0, 1]]}, "^grain must have 1 axes"),
        ({"grain": [0, 2]}, "^grain 1 has no cell"),
        ({"grain": [0, -1]}, r"^grain\[1\] = -1"),
        ({"orientation": [np.eye(3)]}, "^orientation must have one rotation per grain, 2"),
        ({"orientation": [np.eye(3)] * 3}, "^orientation must have one rotation per grain, 2"),
        ({"orientation": [np.eye(3), np.full((3, 3), np.nan)]}, r"^orientation\[1\] holds NaN"),
        ({"orientation": [np.eye(3), 2 * np.eye(3)]}, r"^orientation\[1\] is no rotation"),
        ({"walls": [[0, 1]]}, r"^walls\[0\] is no facet between two cells"),
        ({"walls": [[0, 9]]}, r"^walls\[0\] is no facet between two cells"),
        ({"walls": [[0, 1, 2]]}, "^walls must have one column per corner"),
    ],
)
def test_what_is_no_mesh_is_refused_with_its_reason(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        assemble(**changes)


def test_a_facet_of_three_cells_is_refused() -> None:
    points = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1], [1, 1, 2]]
    with pytest.raises(ValueError, match="two cells already"):
        single(points, [[0, 1, 2, 3], [0, 1, 2, 4], [0, 1, 2, 5]])


def test_walls_that_do_not_fit_have_no_midside_nodes() -> None:
    made = assemble()
    for changes, said in (
        ({"interfaces": made.interfaces[:, [1, 0, 2, 3]]}, r"^interfaces\[0\]"),
        ({"interfaces": np.array([[0, 1, 0, 1]])}, r"^interfaces\[0\]"),
        ({"interfaces": np.zeros((0, 6), np.int64)}, "^interfaces must have 4 columns"),
        ({"surface": made.surface[:, ::-1]}, r"^surface\[0\]"),
        ({"surface": np.zeros((0, 3), np.int64)}, "^surface must have 2 columns"),
    ):
        with pytest.raises(ValueError, match=said):
            mesh.midside_nodes(dataclasses.replace(made, **changes))


# Quality ------------------------------------------------------------------------------------------


def regular(dimension: int) -> Mesh:
    if dimension == 2:
        return single([[0, 0], [1, 0], [0.5, math.sqrt(0.75)]], [[0, 1, 2]])
    corners = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    return single(corners, [[0, 1, 2, 3]])


@pytest.mark.parametrize(("dimension", "angle"), [(2, np.pi / 3), (3, np.arccos(1 / 3))])
def test_a_regular_cell_has_the_best_shape(dimension: int, angle: float) -> None:
    found = mesh.quality(regular(dimension))
    assert found.angle_least == pytest.approx(angle, rel=1e-12)
    assert found.angle_largest == pytest.approx(angle, rel=1e-12)
    assert found.radius_ratio_least == pytest.approx(1.0, rel=1e-12)


def test_the_corner_of_a_cube_has_its_textbook_shape() -> None:
    corner = single([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]])
    assert mesh.smallest_angle(corner)[0] == pytest.approx(np.arctan(math.sqrt(2)), rel=1e-12)
    assert mesh.quality(corner).angle_largest == pytest.approx(np.pi / 2, rel=1e-12)
    # r = 1 / (3 + √3), R = √3 / 2.
    ratio = 3 / (3 + math.sqrt(3)) / (math.sqrt(3) / 2)
    assert mesh.radius_ratio(corner)[0] == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize("lift", [1e-2, 1e-5])
def test_a_sliver_is_seen_for_what_it_is(lift: float) -> None:
    # Four points of a square, two opposite ones lifted: two dihedral angles near 180 degrees at the
    # diagonals, four near 2 √2 lift at the sides.
    square = [[0, 0, lift], [1, 0, 0], [1, 1, lift], [0, 1, 0]]
    found = mesh.quality(single(square, [[0, 1, 2, 3]]))
    side = np.arctan(math.sqrt(2) * lift * 2 / math.sqrt(2))
    assert found.angle_least == pytest.approx(side, rel=3 * lift**2 + 1e-9)
    assert np.pi - found.angle_largest < 4 * lift
    assert found.radius_ratio_least < 3 * lift


def test_shapes_do_not_depend_on_size_place_or_numbering() -> None:
    random = np.random.default_rng(1)
    for dimension in (2, 3):
        points, cells = meshes.box((3,) * dimension)
        points = points + 0.05 * random.standard_normal(points.shape)
        made = single(points, cells)
        turn = materials.bunge(0.3, 0.7 * (dimension == 3), 1.1)[:dimension, :dimension]
        # Cyclic for triangles; for tetrahedra two swaps: both keep the volume positive.
        order = [1, 2, 0] if dimension == 2 else [1, 0, 3, 2]
        again = single(1e-6 * (points @ turn.T + 5.0), cells[:, order])
        for measure in (mesh.smallest_angle, mesh.radius_ratio):
            np.testing.assert_allclose(measure(again), measure(made), rtol=1e-9)


def test_the_table_of_a_box_has_its_exact_sizes() -> None:
    points, cells = meshes.box((4, 4, 4), 2e-6)
    grain = meshes.by_brick(np.repeat([0, 1], 32), 3)
    made = mesh.assemble(points, cells, grain, [np.eye(3)] * 2)
    found = mesh.quality(made)
    assert (found.n_cell, found.n_node, found.n_grain) == (384, 150, 2)
    assert found.edge_least == pytest.approx(0.5e-6)
    assert found.edge_largest == pytest.approx(math.sqrt(3) * 0.5e-6)
    assert found.wall_area == pytest.approx(4e-12)
    assert found.surface_area == pytest.approx(24e-12)
    assert found.volume == pytest.approx(8e-18)
    # Freudenthal's tetrahedra are all alike.
    assert found.angle_least == pytest.approx(np.pi / 4) == pytest.approx(found.angle_median)
    shown = repr(found)
    for part in ("384 tetrahedra in 2 grains, 150 nodes", "least 45.0°", "walls 4 µm²"):
        assert part in shown
    assert "surface 24 µm², volume 8 µm³" in shown


def test_cells_without_volume_have_no_quality() -> None:
    made = regular(2)
    with pytest.raises(ValueError, match="positive volume"):
        mesh.quality(dataclasses.replace(made, points=np.zeros_like(made.points)))


# Orientation --------------------------------------------------------------------------------------


def test_random_orientations_are_uniform_rotations() -> None:
    n = 20000
    turns = mesh.random_orientations(n, seed=1)
    materials.as_rotations(turns)
    # Means of n numbers of variance 1/3 (an entry) and 4/45 (its square): four sigma.
    assert np.abs(turns.mean(axis=0)).max() < 4 * math.sqrt(1 / 3 / n)
    assert np.abs((turns**2).mean(axis=0) - 1 / 3).max() < 4 * math.sqrt(4 / 45 / n)
    # The angle of a uniform rotation has density (1 - cos ω) / π.
    angle = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert stats.kstest(angle, lambda w: (w - np.sin(w)) / np.pi).pvalue > 0.01
    np.testing.assert_array_equal(turns, mesh.random_orientations(n, seed=1))
    assert np.abs(turns - mesh.random_orientations(n, seed=2)).max() > 1
    with pytest.raises(ValueError, match="n must not be negative"):
        mesh.random_orientations(-1, seed=1)


def test_the_mean_diffusivity_of_random_grains_is_voigts() -> None:
    mean = NMC811.diffusivity_tensor(mesh.random_orientations(20000, seed=1)).mean(axis=0)
    # (2 D_ab + D_c) / 3; the scatter of n_i n_j over 20000 grains is below 0.3 %.
    np.testing.assert_allclose(mean / 4.9e-15, np.eye(3), atol=0.01)


@pytest.mark.parametrize("dimension", [2, 3])
def test_grains_with_radial_texture_let_lithium_out_along_the_radius(dimension: int) -> None:
    centres = 5e-6 * np.random.default_rng(1).standard_normal((4000, dimension))
    turns = materials.as_rotations(mesh.radial_texture(centres, seed=1))
    radius = np.zeros((4000, 3))
    radius[:, :dimension] = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    np.testing.assert_allclose(turns[:, :, 0], radius, atol=1e-12)
    outwards = np.einsum("ni,nij,nj->n", radius, NMC811.diffusivity_tensor(turns), radius)
    np.testing.assert_allclose(outwards, NMC811.diffusivity_ab, rtol=1e-12)
    # The c axis is uniform about the radius.
    aside = np.cross(radius, [0.267, 0.535, 0.802])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    c_axis = turns[:, :, 2]
    angle = np.arctan2(
        np.einsum("ni,ni->n", c_axis, np.cross(radius, aside)),
        np.einsum("ni,ni->n", c_axis, aside),
    )
    assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_radial_texture_at_its_odd_places() -> None:
    # At the origin there is no radius; opposite to where the random axis points no middle.
    before = mesh.random_orientations(3, seed=5)
    centres = np.array([[1.0, 2.0, 3.0], -before[1, :, 0], before[2, :, 0] + 0.0])
    turns = mesh.radial_texture(centres, seed=5, origin=(0, 0, 0))
    materials.as_rotations(turns)
    np.testing.assert_allclose(turns[1:, :, 0], centres[1:], atol=1e-12)
    at_origin = mesh.radial_texture(centres, seed=5, origin=centres[0])
    np.testing.assert_array_equal(at_origin[0], before[0])


@pytest.mark.parametrize(
    ("centres", "origin", "said"),
    [
        ([1.0, 2.0, 3.0], (0, 0, 0), "centres must have shape"),
        ([[1.0, math.nan, 3.0]], (0, 0, 0), "must be finite"),
        ([[1.0, 2.0, 3.0]], 0.0, "origin must be a point"),
        ([[1.0, 2.0, 3.0]], (0, 0), "origin must be a point"),
    ],
)
def test_centres_that_are_no_points_are_refused(centres: object, origin: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mesh.radial_texture(centres, seed=1, origin=origin)
