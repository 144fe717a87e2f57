"""Whether a mesh of grains is what it claims to be; checked on every mesh that is made."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import ConvergenceError
from nmcx.mesh.clipped import Array, Index


def check(
    points: Array, cells: Index, grain: Index, on_surface: NDArray[np.bool_], *, n_grain: int
) -> tuple[Index, Index]:
    """Check that cells fill the ball grain by grain, without gap or overlap.

    All volumes are positive; a facet belongs to one cell, and then all its points lie on the outer
    surface, or to two cells that see it from opposite sides; every point is used; the boundary of
    each grain and of the whole is closed, in one piece, of the Euler number of a sphere (circle),
    and the outer one turns outwards everywhere. Then the map of the abstract mesh into space keeps
    orientation and is one to one on the boundary, so nothing overlaps. A wall triangulated
    differently from its two sides shows as facets that belong to one cell inside the ball.

    Returns
    -------
    tuple of numpy.ndarray
        (k, d) points of the facets between two grains, and (k, 2) those grains, ascending.

    Raises
    ------
    nmcx.errors.ConvergenceError
        If any of this fails; the message says what and how often.
    """
    volume = np.linalg.det(points[cells[:, 1:]] - points[cells[:, :1]])
    _none("cells of no volume", volume <= 0)
    _none("unused points", np.bincount(cells.ravel(), minlength=len(points)) == 0)
    _none("grains without cells", np.bincount(grain, minlength=n_grain) == 0)
    facets, turn, cell = oriented_facets(cells)
    # Two keys sort faster than three columns.
    order = np.lexsort((facets[:, -1], facets[:, 0] * len(points) + facets[:, -2]))
    facets, turn, cell = facets[order], turn[order], cell[order]
    same = np.all(facets[1:] == facets[:-1], axis=1)
    _none("facets of more than two cells", same[1:] & same[:-1])
    _none("cells that overlap a neighbour", turn[1:][same] == turn[:-1][same])
    first = np.concatenate([[False], same])
    second = np.concatenate([same, [False]])
    outer = ~first & ~second
    _none("facets that do not match across a wall", ~on_surface[facets[outer]].all(axis=1))
    base = np.where((turn[outer] > 0)[:, None], facets[outer], facets[outer][:, _swapped(facets)])
    _none("outer facets that face inwards", np.linalg.det(points[base]) <= 0)
    _check_closed("the outer surface", facets[outer], np.zeros(int(outer.sum()), dtype=np.int64))
    wall = np.flatnonzero(same & (grain[cell[1:]] != grain[cell[:-1]]))
    both = np.concatenate([wall, wall + 1, np.flatnonzero(outer)])
    _check_closed("the boundary of a grain", facets[both], grain[cell[both]])
    sides = np.sort(np.column_stack([grain[cell[wall]], grain[cell[wall + 1]]]), axis=1)
    return facets[wall], sides


def _swapped(facets: Index) -> list[int]:
    return [1, 0, *range(2, facets.shape[1])]


def oriented_facets(cells: Index) -> tuple[Index, Index, Index]:
    """Facets (m (d + 1), d) of cells (m, d + 1), corners ascending, with sense and cell.

    The sense is +1 if the ascending corners turn about the normal out of the cell, else -1.
    """
    width = cells.shape[1]
    facets, turns = [], []
    for k in range(width):
        facet = np.delete(cells, k, axis=1)
        order = np.argsort(facet, axis=1)
        facets.append(np.take_along_axis(facet, order, axis=1))
        # The facet opposite to corner k of a positive cell turns outwards for even k + d.
        turns.append(_parity(order) * (1 if (k + width - 1) % 2 else -1) * (-1) ** width)
    return np.concatenate(facets), np.concatenate(turns), np.tile(np.arange(len(cells)), width)


def _parity(order: Index) -> Index:
    """(m,) sign of permutations (m, d)."""
    sign = np.ones(len(order), dtype=np.int64)
    for i, j in combinations(range(order.shape[1]), 2):
        sign = np.where(order[:, i] > order[:, j], -sign, sign)
    return sign


def _check_closed(what: str, facets: Index, owner: Index) -> None:
    """Check that the facets of each owner make one closed sphere (d = 3) or circle (d = 2)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = int(owner.max(initial=0)) + 1
    corners, corner = np.unique(
        np.column_stack([np.repeat(owner, facets.shape[1]), facets.ravel()]),
        axis=0,
        return_inverse=True,
    )
    corner = corner.reshape(facets.shape)
    sides = [np.sort(np.delete(corner, k, axis=1), axis=1) for k in range(facets.shape[1])]
    side, count = np.unique(np.concatenate(sides), axis=0, return_counts=True)
    _none(f"borders of {what} not shared by two facets", count != 2)
    euler = np.bincount(corners[:, 0], minlength=n).astype(np.int64)
    if facets.shape[1] == 3:
        euler += np.bincount(owner, minlength=n)
        euler -= np.bincount(corners[side[:, 0], 0], minlength=n)
        _none(f"handles or holes of {what}", euler != 2)
    links = coo_array(
        (np.ones(len(corner)), (corner[:, 0], corner[:, 1])), shape=(len(corners),) * 2
    )
    if facets.shape[1] == 3:
        links = links + coo_array(
            (np.ones(len(corner)), (corner[:, 0], corner[:, 2])), shape=links.shape
        )
    pieces = connected_components(links, directed=False)[0]
    if pieces != len(np.unique(owner)):
        raise ConvergenceError(f"mesh: {what} falls into pieces")


def _none(what: str, wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        raise ConvergenceError(f"mesh: {int(wrong.sum())} {what}, allowed are none")
