"""Points inside the grains and on the outer surface, and the lattices they come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nmcx.mesh.clipped import Array, Clipped, Index

#: Wanted edge lengths (m,) at points (m, d).
Spacing = Callable[[Array], Array]

#: Body-centred cubic lattice constant and jitter in edge lengths; least distance from walls and
#: surface in edge lengths, inside and on the surface (our defaults).
_CUBE, _JITTER, _CLEAR, _CLEAR_ON_SURFACE = 1.05, 0.1, 0.5, 0.45
_SURFACE_JITTER = 0.07
#: Distance below which a point of a finer lattice gives way to one of a coarser, in edge lengths.
_CROWDED = 0.6


def lattice(low: Array, high: Array, spacing: Spacing, rng: np.random.Generator) -> Array:
    """Points of a lattice over a box, of the given spacing: hexagonal (d = 2), or (3) body-centred.

    The hexagonal lattice is turned at random. Where the spacing varies, lattices each twice as fine
    as the last take turns.
    """
    make = _hexagonal if len(low) == 2 else _body_centred
    return _graded(lambda pitch: make(low, high, pitch, rng), low, high, spacing)


def _graded(make: Callable[[float], Array], low: Array, high: Array, spacing: Spacing) -> Array:
    coarsest, finest = _range_of(spacing, low, high)
    if finest > 0.99 * coarsest:
        return make(coarsest)
    from scipy.spatial import cKDTree

    levels = int(np.ceil(np.log2(coarsest / finest) * 2.0 - 1e-9))
    kept = np.zeros((0, len(low)))
    for level in range(levels + 1):
        pitch = coarsest * 2.0 ** (-0.5 * level)
        points = make(pitch)
        wanted = spacing(points)
        points = points[(wanted <= 1.19 * pitch) & ((wanted > 0.841 * pitch) | (level == levels))]
        if len(kept) and len(points):
            points = points[cKDTree(kept).query(points)[0] > _CROWDED * pitch * 1.2]
        kept = np.concatenate([kept, points])
    return kept


def _range_of(spacing: Spacing, low: Array, high: Array) -> tuple[float, float]:
    axes = [np.linspace(a, b, 9) for a, b in zip(low, high, strict=True)]
    values = spacing(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(low)))
    return float(values.max()), float(values.min())


def _hexagonal(low: Array, high: Array, pitch: float, rng: np.random.Generator) -> Array:
    reach = 0.5 * float(np.linalg.norm(high - low)) + pitch
    i = np.arange(-int(reach / pitch) - 2, int(reach / pitch) + 3)
    j = np.arange(-int(1.2 * reach / pitch) - 2, int(1.2 * reach / pitch) + 3)
    column, row = np.meshgrid(i, j)
    grid = np.column_stack([(column + 0.5 * (row % 2)).ravel(), np.sqrt(0.75) * row.ravel()])
    turn = rng.uniform(0.0, 2.0 * np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = rng.uniform(0.0, pitch, 2)
    points = (pitch * grid + shift) @ rotation + 0.5 * (low + high)
    return np.asarray(points[np.all((points >= low) & (points <= high), axis=1)])


def _body_centred(low: Array, high: Array, pitch: float, rng: np.random.Generator) -> Array:
    cube = _CUBE * pitch
    start = low - cube * rng.uniform(size=3)
    axes = [np.arange(a, b + cube, cube) for a, b in zip(start, high, strict=True)]
    corners = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.concatenate([corners, corners + 0.5 * cube])
    return np.asarray(points[np.all((points >= low) & (points <= high), axis=1)])


def inner_points(cells: Clipped, spacing: Spacing, rng: np.random.Generator) -> tuple[Array, Index]:
    """Points (m, d) inside the grains, clear of walls and surface, and the grain of each (m,)."""
    corner = np.full(cells.dimension, cells.radius)
    points = lattice(-corner, corner, spacing, rng)
    points = points + rng.uniform(-_JITTER, _JITTER, points.shape) * spacing(points)[:, None]
    clear = _CLEAR * spacing(points)
    points = points[np.linalg.norm(points, axis=1) < cells.radius - clear]
    return _clear_of_walls(cells, points, _CLEAR * spacing(points))


def surface_points(
    cells: Clipped, spacing: Spacing, rng: np.random.Generator
) -> tuple[Array, Index]:
    """Points (m, 3) on the sphere, clear of walls, and the grain of each (m,)."""
    radius = cells.radius

    def make(pitch: float) -> Array:
        n = max(4, int(4.0 * np.pi * radius**2 / (np.sqrt(0.75) * pitch**2)))
        k = np.arange(n) + 0.5
        z, turn = 1.0 - 2.0 * k / n, np.pi * (1.0 + np.sqrt(5.0)) * k
        flat = np.sqrt(1.0 - z * z)
        points = radius * np.column_stack([flat * np.cos(turn), flat * np.sin(turn), z])
        points += rng.uniform(-_SURFACE_JITTER, _SURFACE_JITTER, points.shape) * pitch
        return np.asarray(radius * points / np.linalg.norm(points, axis=1)[:, None])

    points = _graded(make, np.full(3, -radius), np.full(3, radius), spacing)
    return _clear_of_walls(cells, points, _CLEAR_ON_SURFACE * spacing(points))


def _clear_of_walls(cells: Clipped, points: Array, clear: Array) -> tuple[Array, Index]:
    """Those of points (m, d) farther than `clear` (m,) from every wall, and their grains."""
    from scipy.spatial import cKDTree

    grain = np.asarray(cKDTree(cells.seeds).query(points)[1], dtype=np.int64)
    order = np.argsort(grain, kind="stable")
    start = np.searchsorted(grain[order], np.arange(len(cells.seeds) + 1))
    kept = np.ones(len(points), dtype=np.bool_)
    for i, planes in enumerate(walls_of_grains(cells)):
        if not len(planes):
            continue
        own = order[start[i] : start[i + 1]]
        depth = np.abs(points[own] @ cells.normal[planes].T - cells.offset[planes])
        kept[own] = depth.min(axis=1) > clear[own]
    return points[kept], grain[kept]


def walls_of_grains(cells: Clipped) -> list[Index]:
    """Numbers of the walls of each grain."""
    n = len(cells.seeds)
    wall = np.repeat(np.arange(len(cells.walls)), 2)
    order = np.argsort(cells.walls.ravel(), kind="stable")
    start = np.searchsorted(cells.walls.ravel()[order], np.arange(n + 1))
    return [wall[order[start[i] : start[i + 1]]] for i in range(n)]
