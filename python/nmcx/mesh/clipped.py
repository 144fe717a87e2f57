"""Voronoi cells clipped by the ball (disc): their walls, the lines these meet in, their corners."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Distance of the seeds that bound the outer cells, in radii. Their cells stay outside the ball.
_FAR = 6.0


@dataclass(frozen=True)
class Corners:
    """Where lines end: Voronoi vertices in the ball, and exits of lines through its surface."""

    position: Array  #: (n, d)
    grains: Index  #: (n, g) of the cells that meet there, ascending, filled up with -1
    is_exit: NDArray[np.bool_]  #: (n,)

    def equations(self, seeds: Array) -> Array:
        """(n, g, d): a corner is equally far from its seeds and, as an exit, on the sphere."""
        at = self.grains[:, 1:]
        rows = np.where((at >= 0)[..., None], seeds[at] - seeds[self.grains[:, :1]], 0.0)
        on_sphere = np.where(self.is_exit[:, None], self.position, 0.0)
        return np.concatenate([rows, on_sphere[:, None]], axis=1)


@dataclass(frozen=True)
class Arcs:
    """Pieces of circles: rims of walls with three dimensions, of grains with two."""

    ends: Index  #: (n, 2) corners; -1 for a full circle
    centre: Array  #: (n, d)
    axes: Array  #: (n, 2, d) orthonormal, the arc turns from the first to the second
    radius: Array  #: (n,)
    start: Array  #: (n,) angle of the first end
    span: Array  #: (n,) angle to the second end, 2 pi of a full circle
    owner: Index  #: (n,) wall (d = 3) or grain (d = 2)

    def at(self, which: int, angle: Array) -> Array:
        """(m, d) points at angles (m,) after the arc's start."""
        turned = self.start[which] + angle
        around = np.column_stack([np.cos(turned), np.sin(turned)]) @ self.axes[which]
        return np.asarray(self.centre[which] + self.radius[which] * around)


@dataclass(frozen=True)
class Clipped:
    """The polycrystal's geometry, before any mesh."""

    seeds: Array  #: (n, d)
    radius: float
    corners: Corners
    lines: Index  #: (n_line, 2) corners
    arcs: Arcs
    walls: Index  #: (n_wall, 2) grains, ascending
    normal: Array  #: (n_wall, d) unit vector; the boundary of a wall turns about it
    offset: Array  #: (n_wall,) of the plane from the centre of the ball
    #: (n_side, 3) boundary of the walls in order: wall, line, whether passed from end to start
    sides: Index
    line_grains: Index  #: (n_line, g) grains, ascending, filled up with -1

    @property
    def dimension(self) -> int:
        """2 or 3."""
        return int(self.seeds.shape[1])

    @cached_property
    def area(self) -> Array:
        """(n_wall,) exact areas, polygon and circular segments; lengths with two dimensions."""
        start, end = (self.corners.position[self.lines[:, i]] for i in (0, 1))
        if self.dimension == 2:
            return np.asarray(np.linalg.norm(end - start, axis=1))
        wall, line, backwards = self.sides.T
        sign = np.where(backwards == 1, -0.5, 0.5)
        centre = self.normal * self.offset[:, None]
        swept = np.cross(start[line] - centre[wall], end[line] - centre[wall])
        total = np.bincount(
            wall, sign * np.sum(swept * self.normal[wall], axis=1), minlength=len(self.walls)
        )
        sector = 0.5 * self.arcs.radius**2 * self.arcs.span
        return np.asarray(total + np.bincount(self.arcs.owner, sector, minlength=len(self.walls)))

    @cached_property
    def stretches(self) -> Index:
        """(n, 2) corners that a line or an arc joins."""
        return np.vstack([self.lines, self.arcs.ends[self.arcs.ends[:, 0] >= 0]])

    @cached_property
    def shortest(self) -> float:
        """Length of the shortest line or chord of an arc; infinity if there is none."""
        ends = self.corners.position[self.stretches]
        return float(np.min(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), initial=np.inf))


def clip(seeds: Array, radius: float) -> Clipped:
    """Clip the Voronoi cells of seeds (n, d) by the ball of `radius` about the origin."""
    dimension = seeds.shape[1]
    ridges = _ridges(seeds, radius)
    crossing = _cross_sphere(ridges, radius)
    corners, ends = _corners(ridges, crossing, seeds, radius)
    number = np.cumsum(crossing.kept) - 1
    kept = crossing.kept[ridges.side_edge]
    sides = np.column_stack(
        [ridges.side_ridge[kept], number[ridges.side_edge[kept]], ridges.side_backwards[kept]]
    )
    if dimension == 2:
        wall = ridges.side_ridge[kept][np.argsort(number[ridges.side_edge[kept]])]
        arcs = _rim_of_disc(corners, seeds, radius)
    else:
        whole = _whole_circles(ridges, kept)
        wall = np.flatnonzero((np.bincount(sides[:, 0], minlength=len(ridges.grains)) > 0) | whole)
        arcs = _rims_of_walls(ridges, sides, corners, ends, whole, radius)
    new = np.full(len(ridges.grains), -1)
    new[wall] = np.arange(len(wall))
    sides[:, 0] = new[sides[:, 0]]
    if dimension == 3:
        arcs.owner[:] = new[arcs.owner]
    return Clipped(
        seeds=seeds,
        radius=radius,
        corners=corners,
        lines=ends,
        arcs=arcs,
        walls=ridges.grains[wall],
        normal=ridges.normal[wall],
        offset=ridges.offset[wall],
        sides=sides,
        line_grains=ridges.edge_grains[crossing.kept],
    )


@dataclass(frozen=True)
class _Ridges:
    """Walls between two cells each before clipping, and the edges that bound them."""

    vertices: Array
    vertex_grains: Index
    grains: Index  #: (n_ridge, 2) ascending
    normal: Array
    offset: Array
    side_ridge: Index
    side_edge: Index
    side_backwards: NDArray[np.bool_]
    edges: Index  #: (n_edge, 2) vertices, ascending
    edge_grains: Index


def _ridges(seeds: Array, radius: float) -> _Ridges:
    from scipy.spatial import Voronoi

    n, dimension = seeds.shape
    voronoi = Voronoi(np.vstack([seeds, _FAR * radius * _directions(60, dimension)]))
    grains = np.sort(voronoi.ridge_points, axis=1).astype(np.int64)
    between = seeds[np.minimum(grains, n - 1)]
    normal = between[:, 1] - between[:, 0]
    apart = np.linalg.norm(normal, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        normal = normal / apart[:, None]
        offset = np.sum(between.mean(axis=1) * normal, axis=1)
    used = np.flatnonzero((grains[:, 1] < n) & (np.abs(offset) < radius))
    grains, normal, offset = grains[used], normal[used], offset[used]
    loops = [voronoi.ridge_vertices[i] for i in used]
    start = np.array([vertex for loop in loops for vertex in loop], dtype=np.int64)
    if dimension == 2:
        start, end = start.reshape(-1, 2).T
        ridge = np.arange(len(used))
    else:
        count = np.array([len(loop) for loop in loops], dtype=np.int64)
        ridge = np.repeat(np.arange(len(used)), count)
        end = start[following(ridge, len(used))]
    n_vertex = len(voronoi.vertices)
    key, edge = np.unique(
        np.minimum(start, end) * n_vertex + np.maximum(start, end), return_inverse=True
    )
    edges = np.column_stack(np.divmod(key, n_vertex))
    if dimension == 3:
        # The order of a ridge's vertices has no sense of its own: the normal follows it.
        first, second = voronoi.vertices[start], voronoi.vertices[end]
        turn = np.sum(np.cross(first, second) * normal[ridge], axis=1)
        total = np.asarray(np.bincount(ridge, turn, len(used)), dtype=np.float64)
        normal, offset = _signed(normal, offset, total)
    all_vertices = np.concatenate([start, end])
    both = np.concatenate([grains[ridge], grains[ridge]])
    return _Ridges(
        vertices=voronoi.vertices,
        vertex_grains=_collected(all_vertices, both, n_vertex),
        grains=grains,
        normal=normal,
        offset=offset,
        side_ridge=ridge,
        side_edge=edge,
        side_backwards=start > end,
        edges=edges,
        edge_grains=_collected(edge, grains[ridge], len(edges)),
    )


def following(group: Index, n: int) -> Index:
    """(m,) place of the next item of the same group, the last one's next being its first.

    `group` (m,) ascends; groups are numbered below `n`.
    """
    count = np.bincount(group, minlength=n)
    first = np.cumsum(count) - count
    place = np.arange(1, len(group) + 1)
    return np.where(place == (first + count)[group], first[group], place)


def _signed(normal: Array, offset: Array, turn: Array) -> tuple[Array, Array]:
    sign = np.where(turn < 0, -1.0, 1.0)
    return normal * sign[:, None], offset * sign


def _directions(n: int, dimension: int) -> Array:
    """(n, d) unit vectors, evenly spread and without symmetry."""
    k = np.arange(n) + 0.5
    turn = np.pi * (3.0 - np.sqrt(5.0)) * k
    if dimension == 2:
        return np.column_stack([np.cos(turn), np.sin(turn)])
    z = 1.0 - 2.0 * k / n
    return np.column_stack(
        [np.sqrt(1.0 - z * z) * np.cos(turn), np.sqrt(1.0 - z * z) * np.sin(turn), z]
    )


def _collected(item: Index, grains: Index, n: int) -> Index:
    """(n, g) sorted grains seen with each item, filled up with -1."""
    n_grain = int(grains.max(initial=0)) + 1
    which, grain = np.divmod(np.unique(np.repeat(item, 2) * n_grain + grains.reshape(-1)), n_grain)
    count = np.bincount(which, minlength=n)
    rank = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    table = np.full((n, int(count.max(initial=1))), -1, dtype=np.int64)
    table[which, rank] = grain
    return table


@dataclass(frozen=True)
class _Crossing:
    kept: NDArray[np.bool_]  #: (n_edge,) some of it lies in the ball
    span: Array  #: (n_edge, 2) that part, from 0 at the first vertex to 1 at the second


def _cross_sphere(ridges: _Ridges, radius: float) -> _Crossing:
    first, second = (ridges.vertices[ridges.edges[:, i]] for i in (0, 1))
    along = second - first
    a, b = np.sum(along**2, axis=1), np.sum(first * along, axis=1)
    discriminant = b * b - a * (np.sum(first**2, axis=1) - radius**2)
    root = np.sqrt(np.maximum(discriminant, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        span = np.column_stack([np.maximum(0.0, (-b - root) / a), np.minimum(1.0, (-b + root) / a)])
    return _Crossing((discriminant > 0) & (a > 0) & (span[:, 1] > span[:, 0]), span)


def _corners(
    ridges: _Ridges, crossing: _Crossing, seeds: Array, radius: float
) -> tuple[Corners, Index]:
    """Corners, and those at both ends (n_line, 2) of every edge that is kept."""
    edges, span = ridges.edges[crossing.kept], crossing.span[crossing.kept]
    at_vertex = span == [0.0, 1.0]
    vertices = np.unique(edges[at_vertex])
    ends = np.where(at_vertex, np.searchsorted(vertices, edges), -1)
    line, side = np.nonzero(~at_vertex)
    ends[line, side] = len(vertices) + np.arange(len(line))
    first, second = (ridges.vertices[edges[line, i]] for i in (0, 1))
    exits = first + span[line, side][:, None] * (second - first)
    width = max(ridges.vertex_grains.shape[1], ridges.edge_grains.shape[1])
    grains = np.concatenate(
        [
            _widened(ridges.vertex_grains[vertices], width),
            _widened(ridges.edge_grains[crossing.kept][line], width),
        ]
    )
    rough = Corners(
        position=np.vstack([ridges.vertices[vertices], exits]),
        grains=grains,
        is_exit=np.arange(len(grains)) >= len(vertices),
    )
    # Qhull's vertices are good to about 1e-10 only; one step of Newton makes them exact.
    rows = rough.equations(seeds)
    middle = 0.5 * (seeds[grains[:, 1:]] + seeds[grains[:, :1]]) - rough.position[:, None]
    residual = np.sum(rows[:, :-1] * middle, axis=2)
    over = 0.5 * (radius**2 - np.sum(rough.position**2, axis=1)) * rough.is_exit
    turned = np.swapaxes(rows, 1, 2)
    square = turned @ rows
    square += 1e-14 * np.trace(square, axis1=1, axis2=2)[:, None, None] * np.eye(seeds.shape[1])
    step = np.linalg.solve(square, turned @ np.column_stack([residual, over])[..., None])
    return Corners(rough.position + step[..., 0], grains, rough.is_exit), ends


def _widened(grains: Index, width: int) -> Index:
    return np.pad(grains, ((0, 0), (0, width - grains.shape[1])), constant_values=-1)


def _rim_of_disc(corners: Corners, seeds: Array, radius: float) -> Arcs:
    """Arcs of the circle between walls, each with the grain it bounds."""
    exits = np.flatnonzero(corners.is_exit)
    angle = np.arctan2(corners.position[exits, 1], corners.position[exits, 0])
    order = np.argsort(angle)
    exits, angle = exits[order], angle[order]
    ends = np.column_stack([exits, np.roll(exits, -1)])
    span = np.mod(np.roll(angle, -1) - angle, 2.0 * np.pi)
    if not len(exits):
        ends, angle, span = np.full((1, 2), -1), np.zeros(1), np.full(1, 2.0 * np.pi)
    middle = angle + 0.5 * span
    there = radius * np.column_stack([np.cos(middle), np.sin(middle)])
    owner = np.argmin(np.linalg.norm(there[:, None] - seeds[None], axis=2), axis=1)
    n = len(ends)
    return Arcs(
        ends,
        np.zeros((n, 2)),
        np.tile(np.eye(2), (n, 1, 1)),
        np.full(n, radius),
        angle,
        span,
        owner,
    )


def _whole_circles(ridges: _Ridges, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n_ridge,) the plane's whole circle lies within the ridge, which no edge cuts."""
    first, second = (ridges.vertices[ridges.edges[ridges.side_edge, i]] for i in (0, 1))
    centre = (ridges.normal * ridges.offset[:, None])[ridges.side_ridge]
    turn = np.sum(np.cross(first - centre, second - centre) * ridges.normal[ridges.side_ridge], 1)
    turn = np.where(ridges.side_backwards, -turn, turn)
    outside = np.bincount(ridges.side_ridge, (turn <= 0) | kept, minlength=len(ridges.grains))
    return np.asarray(outside == 0)


def _rims_of_walls(
    ridges: _Ridges,
    sides: Index,
    corners: Corners,
    ends: Index,
    whole: NDArray[np.bool_],
    radius: float,
) -> Arcs:
    """Arcs from where the boundary of a wall leaves the ball to where it comes back."""
    wall, line, backwards = sides.T
    start = np.where(backwards == 1, ends[line, 1], ends[line, 0])
    end = np.where(backwards == 1, ends[line, 0], ends[line, 1])
    returns = start[following(wall, len(ridges.grains))]
    leaves = np.flatnonzero(end != returns)
    circles = np.flatnonzero(whole)
    owner = np.concatenate([wall[leaves], circles])
    corner = np.concatenate(
        [np.column_stack([end[leaves], returns[leaves]]), np.full((len(circles), 2), -1)]
    )
    axes = plane_axes(ridges.normal[owner])
    centre = ridges.normal[owner] * ridges.offset[owner][:, None]
    angle = np.zeros((len(owner), 2))
    part = slice(0, len(leaves))  # whole circles, which come after, start anywhere
    for i in (0, 1):
        arm = corners.position[corner[part, i]] - centre[part]
        apart = np.einsum("nij,nj->ni", axes[part], arm)
        angle[part, i] = np.arctan2(apart[:, 1], apart[:, 0])
    span = np.full(len(owner), 2.0 * np.pi)
    span[part] = np.mod(angle[part, 1] - angle[part, 0], 2.0 * np.pi)
    rho = np.sqrt(radius**2 - ridges.offset[owner] ** 2)
    return Arcs(corner, centre, axes, rho, angle[:, 0], span, owner)


def plane_axes(normal: Array) -> Array:
    """(n, 2, 3) unit vectors across each normal (n, 3), turning about it."""
    helper = np.eye(3)[np.argmin(np.abs(normal), axis=1)]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first, axis=1)[:, None]
    return np.stack([first, np.cross(normal, first)], axis=1)
