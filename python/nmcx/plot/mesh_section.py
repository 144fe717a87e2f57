"""Cuts of a mesh by a plane, as triangles and lines that matplotlib can draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Float = NDArray[np.float64]
_Index = NDArray[np.int64]

#: Edges of a tetrahedron.
_EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])


@dataclass(frozen=True)
class Section:
    """A cut in its own plane, axes to the right and upwards [m]; points belong to one cell each."""

    points: _Float  #: (n, 2) [m]
    ends: _Index  #: (n, 2) nodes of the edge that each point lies on
    share: _Float  #: (n,) of the second of them
    triangles: _Index  #: (t, 3) points
    cell: _Index  #: (t,) cell of each triangle
    walls: _Float  #: (k, 2, 2) ends of the lines in which it cuts walls [m]
    wall: _Index  #: (k,) wall facet of each line
    rim: _Float  #: (s, 2, 2) ends of the lines in which it cuts the surface [m]
    rim_facet: _Index  #: (s,) surface facet of each line

    def of_nodes(self, values: ArrayLike) -> _Float:
        """Nodal values (n_node,) at the points (n,), linear along edges as in the mesh."""
        nodal = np.asarray(values, dtype=np.float64)
        first, second = nodal[self.ends.T]
        return np.asarray(first + self.share * (second - first))


def mesh_section(mesh: Mesh, normal: ArrayLike = (0, 0, 1), offset: float = 0.0) -> Section:
    """The plane ``normal · x = offset`` through a mesh; a mesh in the plane as it is.

    Raises
    ------
    ValueError
        If the normal has no direction, or the plane misses the mesh.
    """
    if mesh.dimension == 2:
        return _whole(mesh)
    n = np.asarray(normal, dtype=np.float64)
    if n.shape != (3,) or not np.isfinite(n).all() or not n.any():
        raise ValueError(f"normal must be a direction (x, y, z), not {normal!r}")
    n = n / np.linalg.norm(n)
    height = mesh.points @ n - offset
    # A node in the plane is taken for one just above it, so that every cut cell has a clear cut.
    above = height >= 0.0
    right, up = plane_axes(n)
    frame = np.stack([right, up], axis=1)
    n_above = above[mesh.cells].sum(axis=1)
    cut = np.flatnonzero((n_above > 0) & (n_above < 4))
    if not cut.size:
        raise ValueError(f"the plane at {offset} m along {tuple(n)} misses the mesh")
    crossed, place = _crossings(mesh.cells[cut], _EDGES, above)
    ends = mesh.cells[cut[crossed]][np.arange(len(crossed))[:, None], _EDGES[place]]
    points, share = _on_plane(np.asarray(mesh.points, np.float64), height, ends, frame)
    triangles, owner = _fans(points, crossed, len(cut))
    walls, wall = _lines(mesh, mesh.interfaces[:, :3], height, above, frame)
    rim, facet = _lines(mesh, mesh.surface, height, above, frame)
    return Section(points, ends, share, triangles, cut[owner], walls, wall, rim, facet)


def plane_axes(normal: ArrayLike) -> tuple[_Float, _Float]:
    """Unit vectors to the right and upwards in a plane seen against its normal.

    Up is z as far as it lies in the plane, else y; the two and the normal are right-handed.
    """
    n = np.asarray(normal, dtype=np.float64)
    n = n / np.linalg.norm(n)
    up = np.array([0.0, 0.0, 1.0]) if abs(n[2]) < 0.9 else np.array([0.0, 1.0, 0.0])
    up = up - (up @ n) * n
    up = up / np.linalg.norm(up)
    return np.cross(up, n), up


def section_labels(mesh: Mesh, normal: ArrayLike) -> tuple[str, str]:
    """Names of a section's axes to the right and upwards, with the unit µm."""
    if mesh.dimension == 2:
        return "x [µm]", "y [µm]"
    right, up = (_axis_name(v) for v in plane_axes(normal))
    return right, up


def _axis_name(direction: _Float) -> str:
    """``x [µm]`` along an axis of the sample, else the direction itself."""
    for i, name in enumerate("xyz"):
        if abs(abs(direction[i]) - 1.0) < 1e-9:
            return f"{'' if direction[i] > 0 else '−'}{name} [µm]"
    return f"along ({', '.join(f'{v:.2g}' for v in direction)}) [µm]"


def _whole(mesh: Mesh) -> Section:
    node = np.arange(len(mesh.points))
    return Section(
        np.asarray(mesh.points, dtype=np.float64),
        np.stack([node, node], axis=1),
        np.zeros(len(node)),
        mesh.cells,
        np.arange(len(mesh.cells)),
        np.asarray(mesh.points[mesh.interfaces[:, :2]]),
        np.arange(len(mesh.interfaces)),
        np.asarray(mesh.points[mesh.surface]),
        np.arange(len(mesh.surface)),
    )


def _crossings(groups: _Index, edges: _Index, above: NDArray[np.bool_]) -> tuple[_Index, _Index]:
    """Which group and which of its edges have one end above and one below."""
    side = above[groups]
    group, place = np.nonzero(side[:, edges[:, 0]] != side[:, edges[:, 1]])
    return np.asarray(group, np.int64), np.asarray(place, np.int64)


def _on_plane(points: _Float, height: _Float, ends: _Index, frame: _Float) -> tuple[_Float, _Float]:
    low, high = height[ends.T]
    share = low / (low - high)
    place = points[ends[:, 0]] + share[:, None] * (points[ends[:, 1]] - points[ends[:, 0]])
    return place @ frame, share


def _fans(points: _Float, group: _Index, n_group: int) -> tuple[_Index, _Index]:
    """Triangles of the convex polygons whose corners carry a group, and their groups."""
    count = np.bincount(group, minlength=n_group)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    centre = np.stack([np.bincount(group, x, n_group) / count for x in points.T], axis=1)
    away = points - centre[group]
    around = np.lexsort((np.arctan2(away[:, 1], away[:, 0]), group))
    triangles, owners = [], []
    for i in (1, 2):  # a polygon has three or four corners
        whole = np.flatnonzero(count > i + 1)
        first = start[whole]
        triangles.append(np.stack([around[first], around[first + i], around[first + i + 1]], 1))
        owners.append(whole)
    return np.concatenate(triangles), np.concatenate(owners)


def _lines(
    mesh: Mesh, facets: _Index, height: _Float, above: NDArray[np.bool_], frame: _Float
) -> tuple[_Float, _Index]:
    """Ends of the lines in which triangles are cut, and the triangle of each."""
    edges = np.array([(0, 1), (1, 2), (2, 0)])
    facet, place = _crossings(facets, edges, above)
    ends = facets[facet][np.arange(len(facet))[:, None], edges[place]]
    points, _ = _on_plane(np.asarray(mesh.points), height, ends, frame)
    return points.reshape(-1, 2, 2), facet[::2]  # a cut triangle is crossed on two edges


def draw_lines(ax: Axes, section: Section, unit: float, **style: Any) -> None:
    """Grain boundaries and surface of a section, thin and thick."""
    from matplotlib.collections import LineCollection

    for lines, width in ((section.walls, 0.5), (section.rim, 0.9)):
        ax.add_collection(
            LineCollection(list(lines / unit), **{"colors": "k", "linewidths": width, **style})
        )
    low, high = section.points.min(axis=0) / unit, section.points.max(axis=0) / unit
    margin = 0.04 * float((high - low).max())
    ax.set_xlim(low[0] - margin, high[0] + margin)
    ax.set_ylim(low[1] - margin, high[1] + margin)
    ax.set_aspect("equal")
