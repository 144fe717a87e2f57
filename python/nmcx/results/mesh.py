"""A polycrystal as a mesh: grains that share no node, and the walls between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results.base import Float, Result, quantity

_Index = NDArray[np.int64]


@dataclass(frozen=True)
class Mesh(Result):
    """Triangles (d = 2) or tetrahedra (d = 3) of a polycrystal, in (x, y, z) and metres.

    Each grain has nodes of its own: a point of a wall occurs once per grain that meets there, so
    that concentration and displacement may differ across it. Walls and surface are made of facets,
    edges with d = 2 and triangles with d = 3.
    """

    points: Float = quantity("m", "node xyz")  #: (n_node, d) [m]
    cells: _Index = quantity("1", "cell corner")  #: (m, d + 1) nodes, of positive volume
    grain: _Index = quantity("1", "cell")  #: (m,) 0 … n_grain - 1
    #: (n_grain, 3, 3) rotation from crystal to sample, column 2 is the c axis
    orientation: Float = quantity("1", "grain xyz crystal")
    #: (k, 2 d) nodes of a wall facet from both sides, corner by corner: the first half belongs to
    #: ``interface_grains[:, 0]``, the lower grain, whose outward normal its corners turn about
    interfaces: _Index = quantity("1", "interface corner")
    interface_grains: _Index = quantity("1", "interface side")  #: (k, 2) grains, ascending
    #: (s, d) nodes of the outer surface, turning about the outward normal
    surface: _Index = quantity("1", "facet corner")
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was made
    notes: tuple[str, ...] = ()  #: what the maker of the mesh should know

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return int(self.points.shape[1])

    @property
    def n_grain(self) -> int:
        """Number of grains."""
        return int(self.orientation.shape[0])

    @property
    def volume(self) -> Float:
        """(m,) of each cell [m³]; its area with two dimensions [m²]."""
        edges = self.points[self.cells[:, 1:]] - self.points[self.cells[:, :1]]
        return np.asarray(np.linalg.det(edges) / (2.0 if self.dimension == 2 else 6.0))

    @property
    def surface_area(self) -> Float:
        """(s,) of each facet of the surface [m²]; its length with two dimensions [m]."""
        return facet_area(self.points, self.surface)

    @property
    def interface_area(self) -> Float:
        """(k,) of each wall facet [m²]; its length with two dimensions [m]."""
        return facet_area(self.points, self.interfaces[:, : self.dimension])


def facet_area(points: Float, facets: _Index) -> Float:
    """Areas (n,) of triangles (n, 3) in space, or lengths of edges (n, 2) in the plane."""
    edges = points[facets[:, 1:]] - points[facets[:, :1]]
    if facets.shape[1] == 2:
        return np.asarray(np.linalg.norm(edges[:, 0], axis=1))
    return np.asarray(0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1))
