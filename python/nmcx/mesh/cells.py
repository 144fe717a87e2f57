"""Delaunay meshes of the grains, each from its own points alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import ConvergenceError
from nmcx.mesh.clipped import Array, Clipped, Index
from nmcx.mesh.fill import walls_of_grains

#: Relative difference allowed between a grain's volume and the sum of its cells.
_VOLUME_TOLERANCE = 1e-9
#: Determinant, in cubes (squares) of the edge length, that rounding may leave of a flat cell.
_FLAT = 1e-13


def fill_grains(
    cells: Clipped, position: Array, walls: list[Index], own: list[Index]
) -> tuple[Index, Index]:
    """Mesh every grain; simplices (m, d + 1) of positive volume, and the grain (m,) of each.

    A clipped Voronoi cell is convex, so the Delaunay mesh of its points fills it; and as an empty
    sphere cuts a plane in an empty circle, its trace on a wall is the wall's own Delaunay mesh,
    which the neighbour finds too.

    Parameters
    ----------
    walls
        Points of each wall.
    own
        Points of each grain that lie on no wall.
    """
    simplices, grain = [], []
    for i, planes in enumerate(walls_of_grains(cells)):
        points = np.unique(np.concatenate([own[i], *(walls[wall] for wall in planes)]))
        belongs = np.zeros((len(points), len(planes)), dtype=np.bool_)
        for column, wall in enumerate(planes):
            belongs[np.searchsorted(points, walls[wall]), column] = True
        simplices.append(points[_fill(position[points], belongs, i)])
        grain.append(np.full(len(simplices[-1]), i))
    return np.concatenate(simplices), np.concatenate(grain)


def _fill(points: Array, belongs: NDArray[np.bool_], grain: int) -> Index:
    from scipy.spatial import Delaunay, QhullError

    dimension = points.shape[1]
    message = f"grain {grain} has too few points for a mesh of its own"
    if len(points) <= dimension:
        raise ConvergenceError(message)
    try:
        mesh = Delaunay(points - points.mean(axis=0))
    except QhullError as error:
        raise ConvergenceError(message) from error
    simplices = mesh.simplices.astype(np.int64)
    # Rounding leaves flat cells on walls; what is flat there is known from the points' walls, not
    # from a small volume, which a good cell next to a short edge may have too.
    on_one_wall = np.asarray(belongs[simplices].all(axis=1))
    flat = on_one_wall.any(axis=1)
    simplices = simplices[~flat]
    volume = _determinants(points, simplices)
    simplices[volume < 0, :2] = simplices[volume < 0, 1::-1]
    if np.abs(volume).min(initial=np.inf) < _FLAT:
        raise ConvergenceError(f"grain {grain} has cells of no volume that lie on no wall")
    middle = mesh.points.mean(axis=0)
    cone = np.abs(np.linalg.det(mesh.points[mesh.convex_hull] - middle)).sum()
    if abs(np.abs(volume).sum() - cone) > _VOLUME_TOLERANCE * cone:
        raise ConvergenceError(
            f"the cells of grain {grain} do not fill it: {np.abs(volume).sum() / cone - 1:.1e} of "
            f"its volume are missing, allowed are {_VOLUME_TOLERANCE:.0e}"
        )
    return simplices


def _determinants(points: Array, simplices: Index) -> Array:
    return np.asarray(np.linalg.det(points[simplices[:, 1:]] - points[simplices[:, :1]]))
