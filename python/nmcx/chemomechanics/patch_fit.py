"""Straight lines through what the cells around a node have: values at nodes, slopes in cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.results import Mesh

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Patches whose moments are worse conditioned give no slope: their centres lie nearly on a line.
_CONDITION = 1e4


class PatchFit:
    """Least squares over the cells around each node, by volume; grains share no nodes.

    Exact for what is linear, up to the surface: the mean of a node's cells would lag behind by
    half a cell there.
    """

    def __init__(self, mesh: Mesh) -> None:
        from scipy.sparse import csr_array

        d, n_node, n_cell = mesh.dimension, len(mesh.points), len(mesh.cells)
        node = mesh.cells.ravel()
        cell = np.repeat(np.arange(n_cell), d + 1)
        centre = mesh.points[mesh.cells].mean(axis=1)
        weight = np.abs(mesh.volume)[cell]
        whole = np.bincount(node, weight, n_node)
        share = weight / whole[node]
        mean = np.stack([np.bincount(node, share * centre[cell, k], n_node) for k in range(d)], 1)
        apart = centre[cell] - mean[node]
        moments = np.zeros((n_node, d, d))
        for i in range(d):
            for k in range(d):
                moments[:, i, k] = np.bincount(node, share * apart[:, i] * apart[:, k], n_node)
        inverse, self._is_fit = _inverses(moments)
        slope = share[:, None] * np.einsum("eik,ek->ei", inverse[node], apart)
        value = share + np.einsum("ei,ei->e", slope, (mesh.points - mean)[node])
        shape = (n_node, n_cell)
        self._value: csr_array = csr_array((value, (node, cell)), shape=shape)
        # A cell's slope is the mean of those of its corners that have one.
        fits = self._is_fit[mesh.cells]
        of_corner = fits / np.maximum(fits.sum(axis=1), 1)[:, None]
        gather = csr_array((of_corner.ravel(), (cell, node)), shape=(n_cell, n_node))
        self._slopes = [
            gather @ csr_array((slope[:, k], (node, cell)), shape=shape) for k in range(d)
        ]

    def at_nodes(self, per_cell: Doubles) -> Doubles:
        """(n_node,) values at the nodes; where there is no slope, the mean around them."""
        return np.asarray(self._value @ per_cell)

    def slopes(self, per_cell: Doubles) -> Doubles:
        """(m, d) slope in each cell [1/m]; zero where no corner has one."""
        return np.stack([slope @ per_cell for slope in self._slopes], axis=1)


def _inverses(moments: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    """Inverse of each patch's moments, zero where they are nearly singular."""
    sizes = np.linalg.eigvalsh(moments)
    fits = sizes[:, 0] * _CONDITION > sizes[:, -1]
    inverse = np.zeros_like(moments)
    inverse[fits] = np.linalg.inv(moments[fits])
    return inverse, fits
