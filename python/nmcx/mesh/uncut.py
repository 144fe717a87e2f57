"""A polycrystal before its grains got nodes of their own, and which of its cells hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Mesh

_Index = NDArray[np.int64]
_Float = NDArray[np.float64]


def before_the_cuts(mesh: Mesh) -> tuple[_Index, _Float]:
    """Node that each node was before grains got their own, and where those are."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    sides = mesh.interfaces.reshape(len(mesh.interfaces), 2, mesh.dimension)
    n = len(mesh.points)
    links = (sides[:, 0].ravel(), sides[:, 1].ravel())
    number, node = connected_components(
        coo_array((np.ones(links[0].size), links), shape=(n, n)), directed=False
    )
    points = np.empty((number, mesh.dimension))
    points[node] = mesh.points
    return node.astype(np.int64), points


def neighbours(cells: _Index) -> tuple[_Index, _Index]:
    """Cells (n, 2) that share a facet, and its nodes (n, d), of cells that share nodes."""
    d = cells.shape[1] - 1
    without = [np.delete(np.arange(d + 1), corner) for corner in range(d + 1)]
    facets = np.sort(np.concatenate([cells[:, corners] for corners in without]), axis=1)
    of_cell = np.tile(np.arange(len(cells)), d + 1)
    order = np.lexsort(facets.T)
    facets, of_cell = facets[order], of_cell[order]
    twice = np.flatnonzero((facets[1:] == facets[:-1]).all(axis=1))
    return np.column_stack([of_cell[twice], of_cell[twice + 1]]), facets[twice]


def hanging_together(n: int, pairs: _Index) -> _Index:
    """(n,) number of the group of each of n things, of which pairs (m, 2) hang together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
