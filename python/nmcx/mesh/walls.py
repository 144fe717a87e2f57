"""Points on the skeleton of a polycrystal: corners, lines, rims and walls, each made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmcx._core import Freedom
from nmcx.mesh.clipped import Array, Clipped, Index, plane_axes
from nmcx.mesh.fill import Spacing, lattice

#: Jitter of points along a line, in intervals, and of points in a wall, in edge lengths: it brings
#: the points into general position, without which Delaunay meshes of neighbours may disagree.
_LINE_JITTER, _WALL_JITTER = 0.15, 0.1
#: Least distances of points in a wall from its boundary, in edge lengths: when they are placed,
#: smoothed and jittered; and of the centroid of a wall too small for any (our defaults).
_PLACED, _SMOOTHED, _JITTERED, _ALONE = 0.5, 0.35, 0.3, 0.25
_SMOOTHING_PASSES = 8


@dataclass
class Points:
    """Points as they are made; what they may do when the mesh is improved comes with them."""

    position: list[Array] = field(default_factory=list)
    freedom: list[NDArray[np.uint8]] = field(default_factory=list)
    #: tangent of a line, normal of a wall or of a rim's wall
    direction: list[Array] = field(default_factory=list)
    on_surface: list[NDArray[np.bool_]] = field(default_factory=list)
    count: int = 0

    def add(
        self,
        position: Array,
        freedom: Freedom,
        *,
        direction: Array | None = None,
        on_surface: bool | NDArray[np.bool_] = False,
    ) -> Index:
        """Numbers (m,) of new points (m, d)."""
        m = len(position)
        self.position.append(position)
        self.freedom.append(np.full(m, int(freedom), dtype=np.uint8))
        self.direction.append(
            np.broadcast_to(0.0 if direction is None else direction, position.shape)
        )
        self.on_surface.append(np.broadcast_to(np.asarray(on_surface, dtype=np.bool_), m))
        self.count += m
        return np.arange(self.count - m, self.count)


@dataclass(frozen=True)
class Skeleton:
    """Numbers of the points that cells share."""

    walls: list[Index]  #: of all points of each wall
    rims: list[Index]  #: with two dimensions: of the inner points of each grain's arcs


def make_skeleton(
    cells: Clipped, points: Points, spacing: Spacing, rng: np.random.Generator
) -> Skeleton:
    """Put points on everything that cells share; corners come first, in their own order."""
    corners = cells.corners
    points.add(corners.position, Freedom.FIXED, on_surface=corners.is_exit)
    lines = [_on_line(cells, i, points, spacing, rng) for i in range(len(cells.lines))]
    arcs = [_on_arc(cells, i, points, spacing, rng) for i in range(len(cells.arcs.owner))]
    if cells.dimension == 2:
        walls = [np.concatenate([cells.lines[i], inner]) for i, inner in enumerate(lines)]
        rims: list[list[Index]] = [[] for _ in cells.seeds]
        for owner, inner in zip(cells.arcs.owner, arcs, strict=True):
            rims[owner].append(inner)
        return Skeleton(walls, [np.concatenate([_NONE, *rim]) for rim in rims])
    walls = _fill_walls(cells, lines, arcs, points, spacing, rng)
    return Skeleton(walls, [_NONE] * len(cells.seeds))


_NONE = np.zeros(0, dtype=np.int64)


def _divided(
    length: float,
    fewest: int,
    at: Callable[[Array], Array],
    spacing: Spacing,
    rng: np.random.Generator,
) -> Array:
    """Jittered fractions (m,) at which a stretch of `length` is cut into intervals of the spacing.

    `at` gives the points (m, d) of fractions (m,).
    """
    sample = np.linspace(0.0, 1.0, 33)
    density = length / spacing(at(sample))
    passed = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))]) / 32.0
    n = max(fewest, round(passed[-1]))
    wanted = np.arange(1, n) + rng.uniform(-_LINE_JITTER, _LINE_JITTER, n - 1)
    return np.asarray(np.interp(wanted * (passed[-1] / n), passed, sample))


def _on_line(
    cells: Clipped, i: int, points: Points, spacing: Spacing, rng: np.random.Generator
) -> Index:
    start, end = cells.corners.position[cells.lines[i]]
    length = float(np.linalg.norm(end - start))

    def at(fraction: Array) -> Array:
        return np.asarray(start + fraction[:, None] * (end - start))

    between = at(_divided(length, 1, at, spacing, rng))
    if cells.dimension == 2:
        return points.add(between, Freedom.WALL, direction=cells.normal[i])
    return points.add(between, Freedom.LINE, direction=(end - start) / length)


def _on_arc(
    cells: Clipped, i: int, points: Points, spacing: Spacing, rng: np.random.Generator
) -> Index:
    arcs = cells.arcs
    span, is_circle = float(arcs.span[i]), arcs.ends[i, 0] < 0

    def at(fraction: Array) -> Array:
        return arcs.at(i, fraction * span)

    fraction = _divided(span * float(arcs.radius[i]), 6 if is_circle else 1, at, spacing, rng)
    if is_circle:
        fraction = np.concatenate([[0.0], fraction])
    if cells.dimension == 2:
        return points.add(at(fraction), Freedom.SURFACE, on_surface=True)
    normal = cells.normal[arcs.owner[i]]
    return points.add(at(fraction), Freedom.RIM, direction=normal, on_surface=True)


def _fill_walls(
    cells: Clipped,
    lines: list[Index],
    arcs: list[Index],
    points: Points,
    spacing: Spacing,
    rng: np.random.Generator,
) -> list[Index]:
    """All points of each wall; those inside its boundary are made here."""
    position = np.concatenate(points.position)
    sides: list[list[tuple[int, bool]]] = [[] for _ in cells.walls]
    for wall, line, backwards in cells.sides.tolist():
        sides[wall].append((line, bool(backwards)))
    after: list[dict[int, Index]] = [{} for _ in cells.walls]
    for arc, owner in enumerate(cells.arcs.owner.tolist()):
        after[owner][int(cells.arcs.ends[arc, 0])] = arcs[arc]
    axes = plane_axes(cells.normal)
    walls = []
    for wall in range(len(cells.walls)):
        loop = _loop(cells.lines, lines, sides[wall], after[wall])
        centre = cells.normal[wall] * cells.offset[wall]
        flat = (position[loop] - centre) @ axes[wall].T

        def in_space(q: Array, wall: int = wall, centre: Array = centre) -> Array:
            return np.asarray(centre + q @ axes[wall])

        def spaced(q: Array, place: Callable[[Array], Array] = in_space) -> Array:
            return spacing(place(q))

        inner = in_space(_inside(flat, spaced, rng))
        new = points.add(inner, Freedom.WALL, direction=cells.normal[wall])
        walls.append(np.concatenate([loop, new]))
    return walls


def _loop(
    ends: Index, lines: list[Index], sides: list[tuple[int, bool]], after: dict[int, Index]
) -> Index:
    """Points along the boundary of a wall; `after` holds the arcs by the corner they start from."""
    parts = [after[-1]] if -1 in after else []
    for line, backwards in sides:
        step = -1 if backwards else 1
        first, last = ends[line][::step]
        parts += [np.array([first]), lines[line][::step]]
        if last in after:
            parts += [np.array([last]), after[last]]
    return np.concatenate(parts)


def _inside(loop: Array, spacing: Spacing, rng: np.random.Generator) -> Array:
    """Points (m, 2) inside a convex polygon (k, 2), spread evenly between those of its corners."""
    from scipy.spatial import Delaunay

    depth = _depth_below(loop)
    q = lattice(loop.min(axis=0), loop.max(axis=0), spacing, rng)
    q = q[depth(q) > _PLACED * spacing(q)]
    if not len(q):
        middle = loop.mean(axis=0, keepdims=True)
        # Points of few lines are all on one circle too often: one inside keeps the mesh unique.
        return middle if len(loop) > 4 and depth(middle)[0] > _ALONE * spacing(middle)[0] else q
    for _ in range(_SMOOTHING_PASSES):
        both = np.concatenate([loop, q])
        triangles = Delaunay(both).simplices
        corner = both[triangles]
        edge = corner[:, 1:] - corner[:, :1]
        area = np.abs(edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0])
        centre = corner.mean(axis=1) * area[:, None]
        total = np.bincount(triangles.ravel(), np.repeat(area, 3), minlength=len(both))
        moved = (
            np.column_stack(
                [
                    np.bincount(triangles.ravel(), np.repeat(x, 3), minlength=len(both))
                    for x in centre.T
                ]
            )[len(loop) :]
            / np.maximum(total[len(loop) :], 1e-300)[:, None]
        )
        q = np.where((depth(moved) > _SMOOTHED * spacing(moved))[:, None], moved, q)
    jitter = rng.uniform(-_WALL_JITTER, _WALL_JITTER, q.shape) * spacing(q)[:, None]
    return np.where((depth(q + jitter) > _JITTERED * spacing(q))[:, None], q + jitter, q)


def _depth_below(loop: Array) -> Callable[[Array], Array]:
    """Distance of points (m, 2) from the nearest side of a convex polygon, positive inside."""
    side = np.roll(loop, -1, axis=0) - loop
    length = np.linalg.norm(side, axis=1)
    inward = np.column_stack([-side[:, 1], side[:, 0]]) / length[:, None]
    reach = np.sum(inward * loop, axis=1)
    return lambda q: np.min(q @ inward.T - reach, axis=1)
