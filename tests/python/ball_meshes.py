"""Balls, discs and boxes of known shape, refined without losing quality, as meshes of grains."""

from __future__ import annotations

import itertools

import meshes
import numpy as np
from numpy.typing import NDArray

from nmcx import mesh
from nmcx.results import Mesh

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def centre_of(body: Mesh) -> int:
    """Node nearest the origin."""
    return int(np.argmin((body.points**2).sum(axis=1)))


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


def ball(n: int, radius: float, *, dimension: int = 3, power: float = 1.0) -> Mesh:
    """One grain in the shape of a ball or disc; node nearest the centre is its centre."""
    points, cells, _ = ball_points(n, dimension, power)
    return one_grain(points * radius, cells)


def box(n: tuple[int, ...], size: tuple[float, ...]) -> Mesh:
    """One grain in the shape of a box or rectangle with a corner at the origin."""
    return one_grain(*meshes.box(n, size))


def one_grain(points: Floats, cells: Ints) -> Mesh:
    """A grain whose crystal axes are those of the sample."""
    return mesh.assemble(points, cells, np.zeros(len(cells), dtype=int), np.eye(3)[None])


def faces(body: Mesh, axis: int, value: float) -> NDArray[np.bool_]:
    """(s,) facets of the surface that lie in the plane x_axis = value."""
    place = body.points[body.surface][:, :, axis]
    return np.asarray((np.abs(place - value) < 1e-9 * np.ptp(body.points[:, axis])).all(axis=1))
