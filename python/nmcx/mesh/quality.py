"""Shapes and sizes of the cells of a mesh."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Mesh, MeshQuality

_Float = NDArray[np.floating[Any]]


def smallest_angle(mesh: Mesh) -> _Float:
    """Smallest angle of each cell, between faces of a tetrahedron or edges of a triangle.

    Parameters
    ----------
    mesh : Mesh
        Triangles or tetrahedra.

    Returns
    -------
    numpy.ndarray
        (m,) [rad]; 1.047 (60°) for a regular triangle, 1.231 (70.5°) for a regular tetrahedron.

    Raises
    ------
    ValueError
        If a cell has no volume.

    References
    ----------
    J. R. Shewchuk, What is a good linear finite element? (2002): the angle that sets condition.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> half = mesh.assemble([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]], [0], np.eye(3))
    >>> np.rad2deg(mesh.smallest_angle(half)).round(9).tolist()
    [45.0]
    """
    return _extreme_angles(mesh)[0]


def radius_ratio(mesh: Mesh) -> _Float:
    """Radius of the inscribed over that of the circumscribed sphere, 1 for a regular cell.

    Parameters
    ----------
    mesh : Mesh
        Triangles or tetrahedra.

    Returns
    -------
    numpy.ndarray
        (m,) d r / R [1], between 0 and 1.

    Raises
    ------
    ValueError
        If a cell has no volume.

    References
    ----------
    P. Knabner, L. Angermann, Numerical Methods for Elliptic and Parabolic PDEs (2003), ch. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> corner = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> mesh.radius_ratio(mesh.assemble(corner, [[0, 1, 2, 3]], [0], np.eye(3))).round(4).tolist()
    [0.7321]
    """
    volume = _positive_volume(mesh)
    corners = mesh.points[mesh.cells]
    edges = corners[:, 1:] - corners[:, :1]
    squared = np.einsum("nij,nij->ni", edges, edges)
    if mesh.dimension == 2:
        sides = _edge_lengths(corners)
        # r = 2 A / (a + b + c) and R = a b c / (4 A).
        return np.asarray(16.0 * volume**2 / (sides.sum(axis=0) * sides.prod(axis=0)))
    normals = _normals(corners)
    # The vector from corner 0 to the centre of the circumscribed sphere, times -12 V.
    centre = sum(squared[:, i, None] * normals[i + 1] for i in range(3))
    area = 0.5 * sum(np.linalg.norm(normal, axis=1) for normal in normals)
    inscribed = 3.0 * volume / area
    circumscribed = np.linalg.norm(centre, axis=1) / (12.0 * volume)
    return np.asarray(3.0 * inscribed / circumscribed)


def quality(mesh: Mesh) -> MeshQuality:
    """Angles, shapes and sizes of a mesh in one table.

    Parameters
    ----------
    mesh : Mesh
        Triangles or tetrahedra.

    Returns
    -------
    MeshQuality
        Least, 1 % and median over the cells of their smallest angle [rad] and radius ratio [1], the
        largest angle [rad], edges [m], areas [m²] and the volume [m³].

    Raises
    ------
    ValueError
        If a cell has no volume.

    References
    ----------
    See `smallest_angle` and `radius_ratio`.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> square = 1e-6 * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> pair = mesh.assemble(square, [[0, 1, 2], [0, 2, 3]], [0, 1], [np.eye(3)] * 2)
    >>> mesh.quality(pair)
    MeshQuality(2 triangles in 2 grains, 6 nodes
      smallest angle   least 45.0°, 1 % 45.0°, median 45.0°; largest angle 90.0°
      radius ratio     least 0.828, 1 % 0.828, median 0.828
      edge             least 1 µm, median 1 µm, largest 1.414 µm
      walls 1.414 µm, surface 4 µm, area 1 µm²)
    """
    smallest, largest = _extreme_angles(mesh)
    ratio = radius_ratio(mesh)
    edge = np.sort(_edge_lengths(mesh.points[_edges(mesh)]).ravel())
    return MeshQuality(
        dimension=mesh.dimension,
        n_cell=len(mesh.cells),
        n_node=len(mesh.points),
        n_grain=mesh.n_grain,
        angle_least=float(smallest.min()),
        angle_percentile_1=float(np.percentile(smallest, 1)),
        angle_median=float(np.median(smallest)),
        angle_largest=float(largest.max()),
        radius_ratio_least=float(ratio.min()),
        radius_ratio_percentile_1=float(np.percentile(ratio, 1)),
        radius_ratio_median=float(np.median(ratio)),
        edge_least=float(edge[0]),
        edge_median=float(np.median(edge)),
        edge_largest=float(edge[-1]),
        wall_area=float(mesh.interface_area.sum()),
        surface_area=float(mesh.surface_area.sum()),
        volume=float(mesh.volume.sum()),
    )


def _positive_volume(mesh: Mesh) -> _Float:
    volume = np.asarray(mesh.volume)
    if not volume.size or not (volume > 0).all():
        raise ValueError("mesh must have cells, all of positive volume; mesh.assemble sees to that")
    return volume


def _edge_lengths(corners: _Float) -> _Float:
    """Lengths (n_edge, n) of all edges of simplices (n, corners, d)."""
    pairs = combinations(range(corners.shape[1]), 2)
    return np.stack([np.linalg.norm(corners[:, j] - corners[:, i], axis=1) for i, j in pairs])


def _edges(mesh: Mesh) -> NDArray[np.int64]:
    """Each edge of the mesh once, (n_edge, 2)."""
    pairs = combinations(range(mesh.dimension + 1), 2)
    ends = np.sort(np.concatenate([mesh.cells[:, list(pair)] for pair in pairs]), axis=1)
    key = np.sort(ends[:, 0] * len(mesh.points) + ends[:, 1])
    key = key[np.diff(key, prepend=-1) > 0]  # several times quicker than np.unique
    return np.stack(np.divmod(key, len(mesh.points)), axis=1)


def _normals(corners: _Float) -> list[_Float]:
    """Outward normals (n, 3), twice as long as the area, of the faces opposite each corner."""
    at = [corners[:, i] for i in range(4)]
    faces = ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))
    return [np.cross(at[j] - at[i], at[k] - at[i]) for i, j, k in faces]


def _extreme_angles(mesh: Mesh) -> tuple[_Float, _Float]:
    """Smallest and largest angle (m,) of each cell."""
    twice = 2.0 * _positive_volume(mesh)
    corners = mesh.points[mesh.cells]
    normals = _normals(corners) if mesh.dimension == 3 else []
    smallest = np.full(len(mesh.cells), math.pi)
    largest = np.zeros(len(mesh.cells))
    for i, j in combinations(range(mesh.dimension + 1), 2):
        if mesh.dimension == 2:
            at = corners[:, 3 - i - j]
            cosine = np.einsum("ij,ij->i", corners[:, i] - at, corners[:, j] - at)
            sine = twice
        else:
            # The faces that meet in edge i j are those opposite the other two corners.
            k, other = {0, 1, 2, 3} - {i, j}
            cosine = -np.einsum("ij,ij->i", normals[k], normals[other])
            sine = 3.0 * twice * np.linalg.norm(corners[:, j] - corners[:, i], axis=1)
        angle = np.arctan2(sine, cosine)
        np.minimum(smallest, angle, out=smallest)
        np.maximum(largest, angle, out=largest)
    return smallest, largest
