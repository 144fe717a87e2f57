"""Walls cut into a mesh, against a brute-force search and the theorem of Gauss."""

from __future__ import annotations

from itertools import combinations

import meshes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from nmcx import materials, mesh
from nmcx.results import Mesh

Facets = set[frozenset[int]]


def axes(n: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.eye(3), (n, 3, 3))


def facets_of(cells: NDArray[np.int64]) -> dict[frozenset[int], list[int]]:
    """Cells of each facet, by looking at all of them."""
    found: dict[frozenset[int], list[int]] = {}
    for c, cell in enumerate(cells.tolist()):
        for facet in combinations(cell, len(cell) - 1):
            found.setdefault(frozenset(facet), []).append(c)
    return found


def walls_of(cells: NDArray[np.int64], grain: NDArray[np.int64]) -> Facets:
    return {
        facet
        for facet, sides in facets_of(cells).items()
        if len(sides) == 2 and grain[sides[0]] != grain[sides[1]]
    }


def groups_around(
    cells: NDArray[np.int64], walls: Facets, simplex: frozenset[int]
) -> list[frozenset[int]]:
    """Cells around a node or an edge in groups that hang together, by flooding."""
    around = {c for c, cell in enumerate(cells.tolist()) if simplex <= set(cell)}
    groups = []
    while around:
        group, front = set(), [around.pop()]
        while front:
            cell = front.pop()
            group.add(cell)
            for other in list(around):
                shared = frozenset(cells[cell].tolist()) & frozenset(cells[other].tolist())
                if len(shared) == cells.shape[1] - 1 and shared not in walls:
                    around.remove(other)
                    front.append(other)
        groups.append(frozenset(group))
    return groups


@st.composite
def labelled_boxes(
    draw: st.DrawFn,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray, Facets]:
    """A box of bricks or, harder, of cells with random labels, and random walls within grains."""
    dimension = draw(st.sampled_from([2, 3]))
    shape = draw(
        st.lists(st.integers(1, 3 if dimension == 2 else 2), min_size=dimension, max_size=dimension)
    )
    points, cells = meshes.box(shape)
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_grain = draw(st.integers(1, 4))
    if draw(st.booleans()):
        grain = random.integers(0, n_grain, len(cells))
    else:
        grain = meshes.by_brick(random.integers(0, n_grain, np.prod(shape)), dimension)
    grain = np.unique(grain, return_inverse=True)[1]
    order = random.permutation(len(points))  # the numbers of nodes shall not matter
    points, cells = points[np.argsort(order)], order[cells]
    inner = [facet for facet, sides in facets_of(cells).items() if len(sides) == 2]
    share = draw(st.sampled_from([0.0, 0.2, 0.6]))
    return points, cells, grain, {facet for facet in inner if random.random() < share}


@settings(deadline=None, max_examples=60)
@given(labelled_boxes())
def test_each_group_of_cells_around_a_node_has_its_own_copy(case) -> None:
    points, cells, grain, further = case
    listed = np.array([sorted(facet) for facet in further]).reshape(-1, points.shape[1])
    cut = mesh.assemble(points, cells, grain, axes(grain.max() + 1), walls=listed.astype(np.int64))
    walls = walls_of(cells, grain) | further
    expected = {
        (node, group)
        for node in range(len(points))
        for group in groups_around(cells, walls, frozenset([node]))
    }
    # The corner of a cell stays the corner, so old and new cells compare column by column.
    found: dict[int, tuple[int, set[int]]] = {}
    for c, (old, new) in enumerate(zip(cells.tolist(), cut.cells.tolist(), strict=True)):
        assert {tuple(points[i]) for i in old} == {tuple(cut.points[i]) for i in new}
        for i in new:
            node = int(np.flatnonzero((points == cut.points[i]).all(axis=1))[0])
            found.setdefault(i, (node, set()))[1].add(c)
    assert {(node, frozenset(group)) for node, group in found.values()} == expected
    assert len(found) == len(cut.points) == len(expected)
    check_facets(cut, points, cells, walls)
    check_gauss(cut)


def check_facets(
    cut: Mesh, points: NDArray[np.float64], cells: NDArray[np.int64], walls: Facets
) -> None:
    """One pair of facets per wall and one facet per outer facet, in the same places."""
    place = {tuple(point): i for i, point in enumerate(points.tolist())}

    def old(facets: NDArray[np.int64]) -> list[frozenset[int]]:
        return [frozenset(place[tuple(cut.points[i])] for i in facet) for facet in facets]

    d = cut.dimension
    first, second = old(cut.interfaces[:, :d]), old(cut.interfaces[:, d:])
    assert first == second
    assert len(first) == len(walls) and set(first) == walls
    outside = {facet for facet, sides in facets_of(cells).items() if len(sides) == 1}
    surface = old(cut.surface)
    assert len(surface) == len(outside) and set(surface) == outside
    np.testing.assert_array_equal(
        cut.points[cut.interfaces[:, :d]], cut.points[cut.interfaces[:, d:]]
    )


def area_vectors(points: NDArray[np.float64], facets: NDArray[np.int64]) -> NDArray[np.float64]:
    edges = points[facets[:, 1:]] - points[facets[:, :1]]
    if facets.shape[1] == 2:
        return np.stack([edges[:, 0, 1], -edges[:, 0, 0]], axis=1)
    return 0.5 * np.cross(edges[:, 0], edges[:, 1])


def check_gauss(cut: Mesh) -> None:
    """The surface of each grain is closed and holds its volume: all facets turn outwards."""
    owner = np.full(len(cut.points), -1)
    owner[cut.cells] = cut.grain[:, None]
    d = cut.dimension
    sides = [
        (cut.surface, owner[cut.surface[:, 0]], 1.0),
        (cut.interfaces[:, :d], cut.interface_grains[:, 0], 1.0),
        (cut.interfaces[:, d:], cut.interface_grains[:, 1], -1.0),
    ]
    vector, held = np.zeros((cut.n_grain, d)), np.zeros(cut.n_grain)
    for facets, grains, sign in sides:
        assert np.all(owner[facets] == grains[:, None])
        normal = sign * area_vectors(cut.points, facets)
        np.add.at(vector, grains, normal)
        np.add.at(held, grains, (cut.points[facets].mean(axis=1) * normal).sum(axis=1) / d)
    # Sums of at most a few thousand numbers of order one.
    np.testing.assert_allclose(vector, 0, atol=1e-12)
    volume = np.bincount(cut.grain, cut.volume, cut.n_grain)
    np.testing.assert_allclose(held, volume, rtol=1e-12, atol=1e-13)


@settings(deadline=None, max_examples=40)
@given(labelled_boxes())
def test_each_group_of_cells_around_an_edge_has_its_own_midside_node(case) -> None:
    points, cells, grain, further = case
    d = points.shape[1]
    listed = np.array([sorted(facet) for facet in further]).reshape(-1, d).astype(np.int64)
    cut = mesh.assemble(points, cells, grain, axes(grain.max() + 1), walls=listed)
    quadratic = mesh.midside_nodes(cut)
    walls = walls_of(cells, grain) | further
    edges = {frozenset(pair) for cell in cells.tolist() for pair in combinations(cell, 2)}
    expected = {
        (tuple(points[sorted(edge)].mean(axis=0)), group)
        for edge in edges
        for group in groups_around(cells, walls, edge)
    }
    found: dict[int, set[int]] = {}
    for c, row in enumerate(quadratic.cells.tolist()):
        assert row[: d + 1] == cut.cells[c].tolist()
        for node in row[d + 1 :]:
            found.setdefault(node, set()).add(c)
    at = {(tuple(quadratic.points[node]), frozenset(group)) for node, group in found.items()}
    assert len(at) == len(found) == len(quadratic.points) - len(cut.points) == len(expected)
    # Positions differ by the rounding of a mean of two numbers taken in another order: none.
    assert at == expected
    check_quadratic_facets(cut, quadratic)


def check_quadratic_facets(cut: Mesh, quadratic: mesh.MidsideNodes) -> None:
    d = cut.dimension
    f = {2: 3, 3: 6}[d]
    ends = {2: [(0, 1)], 3: [(0, 1), (1, 2), (2, 0)]}[d]
    rows = {frozenset(row) for row in quadratic.cells.tolist()}
    for facets, linear in (
        (quadratic.interfaces[:, :f], cut.interfaces[:, :d]),
        (quadratic.interfaces[:, f:], cut.interfaces[:, d:]),
        (quadratic.surface, cut.surface),
    ):
        np.testing.assert_array_equal(facets[:, :d], linear)
        for k, (i, j) in enumerate(ends):
            amid = quadratic.points[facets[:, [i, j]]].mean(axis=1)
            np.testing.assert_allclose(quadratic.points[facets[:, d + k]], amid, atol=1e-15)
        # All nodes of a side belong to one cell: midside nodes are of the side they are listed on.
        for facet in facets.tolist():
            assert any(set(facet) <= row for row in rows)
    if len(quadratic.interfaces):
        one, other = quadratic.interfaces[:, f + d :], quadratic.interfaces[:, d:f]
        if d == 2:
            assert np.all(one != other)  # a cut edge lets its midside node go, always


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_checkerboard_of_bricks_falls_into_its_connected_labels(
    dimension: int, seed: int
) -> None:
    shape = (9, 8) if dimension == 2 else (6, 5, 4)
    label = np.random.default_rng(seed).integers(0, 3, shape)
    points, cells = meshes.box(shape, np.array(shape, float))
    cut = mesh.assemble(points, cells, meshes.by_brick(label, dimension), axes(3))
    # Bricks of one label that touch by a face are one body; those that touch by less are not.
    bodies = sum(ndimage.label(label == g)[1] for g in range(3))
    assert connected_bodies(cut) == bodies
    unlike = sum(int(np.count_nonzero(np.diff(label, axis=axis))) for axis in range(dimension))
    assert len(cut.interfaces) == unlike * (dimension - 1)
    assert cut.interface_area.sum() == pytest.approx(unlike, rel=1e-12)
    assert cut.volume.sum() == pytest.approx(np.prod(shape), rel=1e-12)
    check_gauss(cut)


def connected_bodies(cut: Mesh) -> int:
    """Number of bodies that share no node, by spreading the lowest number of a node."""
    lowest = np.arange(len(cut.points))
    while True:
        spread = lowest.copy()
        np.minimum.at(spread, cut.cells, lowest[cut.cells].min(axis=1)[:, None])
        if np.array_equal(spread, lowest):
            return len(np.unique(lowest))
        lowest = spread


@pytest.mark.parametrize(
    ("label", "copies_at_middle"),
    [
        ([[0, 0], [0, 0]], 1),
        ([[0, 0], [1, 1]], 2),
        ([[0, 0], [1, 2]], 3),  # a triple line
        ([[0, 1], [2, 3]], 4),  # four grains at a line
        ([[0, 1], [1, 0]], 4),  # bricks that touch along a line only
    ],
)
def test_copies_at_a_line_where_bricks_meet(label: list[list[int]], copies_at_middle: int) -> None:
    for dimension, shape, middle in ((2, (2, 2), [0.5, 0.5]), (3, (2, 2, 2), [0.5, 0.5, 0.5])):
        grains = np.array(label)
        bricks = grains if dimension == 2 else np.repeat(grains[:, :, None], 2, axis=2)
        points, cells = meshes.box(shape)
        cut = mesh.assemble(
            points, cells, meshes.by_brick(bricks, dimension), axes(grains.max() + 1)
        )
        assert np.count_nonzero((cut.points == middle).all(axis=1)) == copies_at_middle
        # Where that line leaves the body it is copied as often.
        end = [*middle[:2], 0.0][:dimension]
        assert np.count_nonzero((cut.points == end).all(axis=1)) == copies_at_middle


def test_a_notch_within_a_grain_opens_behind_its_front_only() -> None:
    n = 4
    points, cells = meshes.box((n, n, n))
    plane = points[:, 2] == 0.5
    # The half x <= 0.5 of the middle plane; its front is the line x = 0.5.
    notch = [
        sorted(facet)
        for facet in facets_of(cells)
        if all(plane[i] and points[i, 0] <= 0.5 for i in facet)
    ]
    cut = mesh.assemble(points, cells, np.zeros(len(cells), int), axes(1), walls=notch)
    behind = np.count_nonzero(plane & (points[:, 0] < 0.5))
    assert len(cut.points) == len(points) + behind
    assert len(cut.interfaces) == len(notch) == 2 * n * n // 2
    np.testing.assert_array_equal(cut.interface_grains, 0)
    same = cut.interfaces[:, :3] == cut.interfaces[:, 3:]
    at_front = cut.points[cut.interfaces[:, :3], 0] == 0.5
    np.testing.assert_array_equal(same, at_front)
    assert connected_bodies(cut) == 1


def test_a_turned_and_mirrored_mesh_is_cut_alike() -> None:
    shape = (3, 3, 3)
    points, cells = meshes.box(shape)
    label = meshes.by_brick(np.random.default_rng(4).integers(0, 4, shape), 3)
    cut = mesh.assemble(points, cells, label, axes(4))
    turn = materials.bunge(0.3, 0.7, 1.1)
    turned = mesh.assemble(points @ turn.T + 3.0, cells, label, axes(4))
    np.testing.assert_array_equal(turned.cells, cut.cells)
    np.testing.assert_array_equal(turned.interfaces, cut.interfaces)
    np.testing.assert_array_equal(turned.surface, cut.surface)
    np.testing.assert_allclose(turned.points, cut.points @ turn.T + 3.0, atol=1e-14)
    # In a mirror every cell is inside out and is turned; each facet must still face outwards.
    mirrored = mesh.assemble(points * [1, 1, -1], cells, label, axes(4))
    assert np.all(mirrored.volume > 0)
    assert len(mirrored.interfaces) == len(cut.interfaces)
    check_gauss(mirrored)
