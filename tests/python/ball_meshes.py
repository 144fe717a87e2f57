"""Balls, discs and boxes of known shape, refined without losing quality, as meshes of grains."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Mesh

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _kuhn(dimension: int) -> Ints:
    """(d!, d + 1, d) corners of the simplices of a unit cube, all along its diagonal."""
    simplices = []
    for order in itertools.permutations(range(dimension)):
        corner = np.zeros(dimension, dtype=np.int64)
        corners = [corner.copy()]
        for axis in order:
            corner[axis] += 1
            corners.append(corner.copy())
        simplices.append(corners)
    return np.array(simplices)


def _lattice_simplices(n: int, dimension: int) -> Ints:
    """(m, d + 1, d) simplices of the lattice points with n ≥ a ≥ b ≥ … ≥ 0."""
    origins = np.array(list(itertools.product(range(n), repeat=dimension)))
    all_of_them = (origins[:, None, None, :] + _kuhn(dimension)[None]).reshape(
        -1, dimension + 1, dimension
    )
    inside = (np.diff(all_of_them, axis=2) <= 0).all(axis=(1, 2))
    return all_of_them[inside]


def _corners_of_shell(dimension: int) -> tuple[Floats, Ints]:
    """Vertices on the unit sphere and facets of an icosahedron, or a hexagon."""
    if dimension == 2:
        angle = np.arange(6) * np.pi / 3
        return np.column_stack([np.cos(angle), np.sin(angle)]), np.array(
            [[i, (i + 1) % 6] for i in range(6)]
        )
    golden = (1 + np.sqrt(5)) / 2
    vertices = np.array(
        [
            np.roll([0.0, s, t * golden], shift)
            for shift in range(3)
            for s in (-1, 1)
            for t in (-1, 1)
        ]
    )
    facets = [
        triple
        for triple in itertools.combinations(range(12), 3)
        if all(
            abs(np.linalg.norm(vertices[a] - vertices[b]) - 2) < 1e-9
            for a, b in itertools.combinations(triple, 2)
        )
    ]
    return vertices / np.linalg.norm(vertices[0]), np.array(facets)


def ball_points(n: int, dimension: int, power: float = 1.0) -> tuple[Floats, Ints, Ints]:
    """Unit ball (disc) of n layers: points, cells, and the sector that each cell is in.

    Sectors of an icosahedron (hexagon) are cut into lattice simplices and each of their shells is
    lifted onto a sphere of radius (i/n)^power, so that cells keep their shape however fine.
    """
    vertices, facets = _corners_of_shell(dimension)
    lattice = _lattice_simplices(n, dimension)
    flat = lattice.reshape(-1, dimension)
    points, sector = [], []
    for number, facet in enumerate(facets):
        # From the centre to the facet's vertices in ascending order: neighbours cut alike.
        steps = np.diff(np.vstack([np.zeros(dimension), vertices[np.sort(facet)]]), axis=0)
        place = flat @ steps / n
        length = np.linalg.norm(place, axis=1, keepdims=True)
        radius = (flat[:, :1] / n) ** power
        points.append(np.where(length > 0, place / np.where(length > 0, length, 1), 0) * radius)
        sector.append(np.full(len(lattice), number))
    everywhere = np.vstack(points)
    _, first, which = np.unique(
        np.round(everywhere, 9) + 0.0, axis=0, return_index=True, return_inverse=True
    )
    return everywhere[first], which.reshape(-1, dimension + 1), np.concatenate(sector)


def box_points(n: tuple[int, ...], size: tuple[float, ...]) -> tuple[Floats, Ints]:
    """Box (rectangle) of given divisions and size with a corner at the origin."""
    dimension = len(n)
    counts = np.array(n) + 1
    grid = np.stack(np.meshgrid(*[np.arange(k) for k in counts], indexing="ij"), axis=-1)
    origins = np.array(list(itertools.product(*[range(k) for k in n])))
    corners = origins[:, None, None, :] + _kuhn(dimension)[None]
    cells = np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), tuple(counts))
    points = grid.reshape(-1, dimension) * (np.array(size) / np.array(n))
    return points, cells.reshape(-1, dimension + 1)


def mesh_of(
    points: Floats, cells: Ints, grain: Ints | None = None, orientation: Floats | None = None
) -> Mesh:
    """Mesh whose grains have nodes of their own; cells are turned to positive volume."""
    d = points.shape[1]
    grain = np.zeros(len(cells), dtype=np.int64) if grain is None else grain.astype(np.int64)
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    negative = np.linalg.det(edges) < 0
    cells = cells.copy()
    cells[negative, -2:] = cells[negative, :-3:-1]

    # A node per point and grain.
    pairs, own = np.unique(
        np.stack([cells.ravel(), np.repeat(grain, d + 1)], axis=1), axis=0, return_inverse=True
    )
    own = own.reshape(cells.shape)

    # Facets opposite to each corner, turning about the outward normal.
    sides = {2: [[1, 2], [2, 0], [0, 1]], 3: [[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]]}[d]
    facets = np.concatenate([own[:, side] for side in sides])
    at_points = np.concatenate([cells[:, side] for side in sides])
    owner = np.tile(np.arange(len(cells)), d + 1)
    order = np.lexsort(np.sort(at_points, axis=1).T)
    key = np.sort(at_points, axis=1)[order]
    paired = np.append((key[1:] == key[:-1]).all(axis=1), False)
    first, second = order[paired], order[np.append(False, paired[:-1])]
    single = np.ones(len(facets), dtype=bool)
    single[first] = single[second] = False

    wall = grain[owner[first]] != grain[owner[second]]
    a, b = first[wall], second[wall]
    swap = grain[owner[a]] > grain[owner[b]]
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    # The node of b at the point of each corner of a.
    match = (at_points[a][:, :, None] == at_points[b][:, None, :]).argmax(axis=2)
    interfaces = np.hstack([facets[a], np.take_along_axis(facets[b], match, axis=1)])
    n_grain = int(grain.max()) + 1
    return Mesh(
        points=points[pairs[:, 0]],
        cells=own,
        grain=grain,
        orientation=np.tile(np.eye(3), (n_grain, 1, 1)) if orientation is None else orientation,
        interfaces=interfaces.reshape(-1, 2 * d),
        interface_grains=np.stack([grain[owner[a]], grain[owner[b]]], axis=1),
        surface=facets[single],
    )


def ball(n: int, radius: float, *, dimension: int = 3, power: float = 1.0) -> Mesh:
    """One grain in the shape of a ball or disc; node nearest the centre is its centre."""
    points, cells, _ = ball_points(n, dimension, power)
    return mesh_of(points * radius, cells)


def box(n: tuple[int, ...], size: tuple[float, ...]) -> Mesh:
    """One grain in the shape of a box or rectangle."""
    return mesh_of(*box_points(n, size))


def faces(mesh: Mesh, axis: int, value: float) -> NDArray[np.bool_]:
    """(s,) facets of the surface that lie in the plane x_axis = value."""
    place = mesh.points[mesh.surface][:, :, axis]
    return np.asarray((np.abs(place - value) < 1e-9 * np.ptp(mesh.points[:, axis])).all(axis=1))
