"""A polycrystal as a mesh: grains that share no node, and the walls between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    #: the grain that is the passivation layer, if it has cells
    layer_grain: int | None = quantity("1", default=None)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was made
    notes: tuple[str, ...] = ()  #: what the maker of the mesh should know

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return int(self.points.shape[1])

    @property
    def n_grain(self) -> int:
        """Number of grains, the layer counted as one."""
        return int(self.orientation.shape[0])

    @property
    def volume(self) -> Float:
        """(m,) of each cell [m³]; its area with two dimensions [m²]."""
        return cell_volume(self.points, self.cells)

    @property
    def surface_area(self) -> Float:
        """(s,) of each facet of the surface [m²]; its length with two dimensions [m]."""
        return facet_area(self.points, self.surface)

    @property
    def interface_area(self) -> Float:
        """(k,) of each wall facet [m²]; its length with two dimensions [m]."""
        return facet_area(self.points, self.interfaces[:, : self.dimension])

    def write(
        self,
        path: str | PathLike[str],
        *,
        cell_data: Mapping[str, ArrayLike] | None = None,
        point_data: Mapping[str, ArrayLike] | None = None,
        interfaces: bool = False,
        interface_data: Mapping[str, ArrayLike] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write a VTU file for ParaView and other viewers (see `nmcx.io.write_mesh`).

        Raises
        ------
        ValueError
            If data do not fit the mesh.
        nmcx.errors.OutputError
            If `path` exists and `overwrite` is false, or it cannot be written.
        """
        from nmcx import io

        io.write_mesh(
            path,
            self,
            cell_data=cell_data,
            point_data=point_data,
            interfaces=interfaces,
            interface_data=interface_data,
            overwrite=overwrite,
        )


@dataclass(frozen=True)
class MidsideNodes(Result):
    """The quadratic cells of a mesh: its own nodes first, then those amid edges.

    In a cell or facet the corners come first, then the nodes amid the edges 01, 12, 20 (, 03, 13,
    23). With f nodes per facet, 3 or 6:
    """

    points: Float = quantity("m", "node xyz")  #: (n_node + n_midside, d) [m]
    cells: _Index = quantity("1", "cell corner")  #: (m, 6) or (m, 10)
    interfaces: _Index = quantity("1", "interface corner")  #: (k, 2 f), both sides node by node
    surface: _Index = quantity("1", "facet corner")  #: (s, f)


@dataclass(frozen=True, repr=False)
class MeshQuality(Result):
    """How well shaped the cells of a mesh are, and how large.

    The smallest angle of a cell is that between two faces of a tetrahedron, or two edges of a
    triangle; least, 1 % and median are over the cells.
    """

    dimension: int = quantity("1")
    n_cell: int = quantity("1")
    n_node: int = quantity("1")
    n_grain: int = quantity("1")
    angle_least: float = quantity("rad")  #: smallest angle of the worst cell [rad]
    angle_percentile_1: float = quantity("rad")  #: exceeded by 99 % of the cells [rad]
    angle_median: float = quantity("rad")  #: exceeded by half of the cells [rad]
    angle_largest: float = quantity("rad")  #: of all angles [rad]
    radius_ratio_least: float = quantity("1")  #: d r / R, 1 for a regular cell
    radius_ratio_percentile_1: float = quantity("1")
    radius_ratio_median: float = quantity("1")
    edge_least: float = quantity("m")  #: [m]
    edge_median: float = quantity("m")  #: [m]
    edge_largest: float = quantity("m")  #: [m]
    wall_area: float = quantity("m^2")  #: of all walls, once each [m²]; length in the plane [m]
    surface_area: float = quantity("m^2")  #: [m²]; length in the plane [m]
    volume: float = quantity("m^3")  #: [m³]; area in the plane [m²]

    def __repr__(self) -> str:
        def degrees(angle: float) -> str:
            return f"{180.0 / np.pi * angle:.1f}°"

        def microns(value: float, power: int) -> str:
            return f"{value * 1e6**power:.4g} µm{('', '²', '³')[power - 1]}"

        flat = self.dimension == 2
        return (
            f"MeshQuality({self.n_cell} {'triangles' if flat else 'tetrahedra'} in "
            f"{self.n_grain} grains, {self.n_node} nodes\n"
            f"  smallest angle   least {degrees(self.angle_least)}, "
            f"1 % {degrees(self.angle_percentile_1)}, median {degrees(self.angle_median)}; "
            f"largest angle {degrees(self.angle_largest)}\n"
            f"  radius ratio     least {self.radius_ratio_least:.3f}, "
            f"1 % {self.radius_ratio_percentile_1:.3f}, median {self.radius_ratio_median:.3f}\n"
            f"  edge             least {microns(self.edge_least, 1)}, "
            f"median {microns(self.edge_median, 1)}, largest {microns(self.edge_largest, 1)}\n"
            f"  walls {microns(self.wall_area, self.dimension - 1)}, "
            f"surface {microns(self.surface_area, self.dimension - 1)}, "
            f"{'area' if flat else 'volume'} {microns(self.volume, self.dimension)})"
        )


def cell_volume(points: Float, cells: _Index) -> Float:
    """Volumes (m,) of tetrahedra (m, 4), or areas of triangles (m, 3); negative if inside out."""
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    if cells.shape[1] == 3:
        one, other = edges[:, 0], edges[:, 1]
        return np.asarray(0.5 * (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]))
    return np.asarray(np.einsum("ij,ij->i", edges[:, 0], np.cross(edges[:, 1], edges[:, 2])) / 6.0)


def facet_area(points: Float, facets: _Index) -> Float:
    """Areas (n,) of triangles (n, 3) in space, or lengths of edges (n, 2) in the plane."""
    edges = points[facets[:, 1:]] - points[facets[:, :1]]
    if facets.shape[1] == 2:
        return np.asarray(np.linalg.norm(edges[:, 0], axis=1))
    return np.asarray(0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1))
