"""Straight lines through what the cells around a node have: values at nodes, slopes in cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.results import Mesh

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_Indices = NDArray[np.int64]

# Patches whose moments are worse conditioned give no slope: their centres lie nearly on a line.
_CONDITION = 1e4
# A value at a node may make so many times of its cells' errors; half a patch of even cells makes
# three or four. At a corner of four tetrahedra it may be a hundred: there stress that lithium is
# told of calls forth more stress than was told, and the two never agree.
_MOST_AMPLIFIED = 4.0
# Such patches take in the cells around theirs, so many times.
_WIDENINGS = 2


class PatchFit:
    """Least squares over the cells around each node, by volume; grains share no nodes.

    Exact for what is linear, up to the surface: the mean of a node's cells would lag behind by
    half a cell there.
    """

    def __init__(self, mesh: Mesh) -> None:
        from scipy.sparse import csr_array

        fit = _fit_of(mesh)
        shape = (len(mesh.points), len(mesh.cells))
        pairs = (fit.node, fit.cell)
        self._value: csr_array = csr_array((fit.value, pairs), shape=shape)
        # A cell's slope is the mean of those of its corners that have one.
        fits = fit.has_slope[mesh.cells]
        of_corner = fits / np.maximum(fits.sum(axis=1), 1)[:, None]
        node, cell = _corners(mesh)
        gather = csr_array((of_corner.ravel(), (cell, node)), shape=shape[::-1])
        self._slopes = [gather @ csr_array((each, pairs), shape=shape) for each in fit.slope.T]

    def at_nodes(self, per_cell: Doubles) -> Doubles:
        """(n_node,) values at the nodes; where there is no slope, the mean around them."""
        return np.asarray(self._value @ per_cell)

    def slopes(self, per_cell: Doubles) -> Doubles:
        """(m, d) slope in each cell [1/m]; zero where no corner has one."""
        return np.stack([slope @ per_cell for slope in self._slopes], axis=1)


class _Fit(NamedTuple):
    """What each cell of each node's patch adds."""

    node: _Indices  #: (e,)
    cell: _Indices  #: (e,) of that node's patch
    value: Doubles  #: (e,) [1]
    slope: Doubles  #: (e, d) [1/m]
    has_slope: NDArray[np.bool_]  #: (n_node,) or else the value is the mean

    def is_poor(self) -> NDArray[np.bool_]:
        """Nodes without a slope, or whose values make too much of an error."""
        amplified = np.bincount(self.node, np.abs(self.value), len(self.has_slope))
        return ~self.has_slope | (amplified > _MOST_AMPLIFIED)


def _corners(mesh: Mesh) -> tuple[_Indices, _Indices]:
    """Nodes, and the cells that they are corners of."""
    cells = mesh.cells.astype(np.int64)
    return cells.ravel(), np.repeat(np.arange(len(cells)), cells.shape[1])


def _fit_of(mesh: Mesh) -> _Fit:
    """Over the cells around each node, or more where those do not do."""
    from scipy.sparse import csr_array

    around = node, cell = _corners(mesh)
    is_corner = csr_array((np.ones(len(node)), around), shape=(len(mesh.points), len(mesh.cells)))
    fit = _fit(mesh, node, cell)
    wider, reach = np.arange(len(mesh.points)), is_corner
    for _ in range(_WIDENINGS):
        poor = fit.is_poor()
        reach = reach[np.flatnonzero(poor[wider])] @ is_corner.T @ is_corner
        wider = wider[poor[wider]]
        found = reach.tocoo()
        keeps = ~poor[fit.node]
        node = np.concatenate([fit.node[keeps], wider[found.row]])
        cell = np.concatenate([fit.cell[keeps], found.col])
        fit = _fit(mesh, node, cell)
    # A grain of a few cells has no slope at all, and its nodes the mean around them.
    poor = fit.is_poor()
    keeps, back = ~poor[fit.node], poor[around[0]]
    node = np.concatenate([fit.node[keeps], around[0][back]])
    cell = np.concatenate([fit.cell[keeps], around[1][back]])
    return _fit(mesh, node, cell, level=poor)


def _fit(
    mesh: Mesh, node: _Indices, cell: _Indices, level: NDArray[np.bool_] | None = None
) -> _Fit:
    """Over given patches; `level` nodes take the mean."""
    d, n_node = mesh.dimension, len(mesh.points)
    centre = mesh.points[mesh.cells].mean(axis=1)
    weight = np.abs(mesh.volume)[cell]
    share = weight / np.bincount(node, weight, n_node)[node]
    mean = np.stack([np.bincount(node, share * centre[cell, k], n_node) for k in range(d)], 1)
    apart = centre[cell] - mean[node]
    moments = np.zeros((n_node, d, d))
    for i in range(d):
        for k in range(d):
            moments[:, i, k] = np.bincount(node, share * apart[:, i] * apart[:, k], n_node)
    inverse, has_slope = _inverses(moments)
    if level is not None:
        inverse[level], has_slope = 0.0, has_slope & ~level
    slope = share[:, None] * np.einsum("eik,ek->ei", inverse[node], apart)
    value = share + np.einsum("ei,ei->e", slope, (mesh.points - mean)[node])
    return _Fit(node, cell, value, slope, has_slope)


def _inverses(moments: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    """Inverse of each patch's moments, zero where they are nearly singular."""
    sizes = np.linalg.eigvalsh(moments)
    fits = sizes[:, 0] * _CONDITION > sizes[:, -1]
    inverse = np.zeros_like(moments)
    inverse[fits] = np.linalg.inv(moments[fits])
    return inverse, fits
