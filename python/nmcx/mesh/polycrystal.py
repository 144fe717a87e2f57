"""Polycrystals as conforming meshes: a ball or a disc of Voronoi grains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.mesh import conformity
from nmcx.mesh.cells import fill_grains
from nmcx.mesh.clipped import Array, Clipped, Index, clip
from nmcx.mesh.fill import Spacing, inner_points, surface_points
from nmcx.mesh.walls import Points, make_skeleton

#: Angles [rad] below which cells are worked on, and below which Voronoi corners may be merged.
_TARGET, _FLOOR = np.radians(20.0), np.radians(10.0)
_PASSES, _COLLAPSE = 12, 0.5


@dataclass(frozen=True)
class Conforming:
    """Points and cells that share points across walls, in units of the edge length."""

    points: Array
    cells: Index
    grain: Index
    counts: dict[str, int]


def attempt(cells: Clipped, spacing: Spacing, rng: np.random.Generator) -> Conforming:
    points = Points()
    skeleton = make_skeleton(cells, points, spacing, rng)
    n = len(cells.seeds)
    own = [[rim] for rim in skeleton.rims]
    places = [inner_points(cells, spacing, rng)]
    kinds = [_core.Freedom.FREE]
    if cells.dimension == 3:
        places.append(surface_points(cells, spacing, rng))
        kinds.append(_core.Freedom.SURFACE)
    for (place, grain), freedom in zip(places, kinds, strict=True):
        new = points.add(place, freedom, on_surface=freedom == _core.Freedom.SURFACE)
        order = np.argsort(grain, kind="stable")
        start = np.searchsorted(grain[order], np.arange(n + 1))
        for i in range(n):
            own[i].append(new[order[start[i] : start[i + 1]]])
    position = np.concatenate(points.position)
    on_surface = np.concatenate(points.on_surface)
    simplices, grain = fill_grains(
        cells, position, skeleton.walls, [np.concatenate(parts) for parts in own]
    )
    conformity.check(position, simplices, grain, on_surface=on_surface, n_grain=n)
    better = _core.improve_mesh(
        position,
        simplices,
        grain,
        np.concatenate(points.freedom),
        np.concatenate(points.direction),
        spacing(position),
        radius=cells.radius,
        target=float(np.sin(_TARGET)),
        n_pass=_PASSES,
        floor=float(np.sin(_FLOOR)),
        collapse_length=_COLLAPSE,
    )
    conformity.check(
        better.points, better.cells, better.grain, on_surface=on_surface[better.source], n_grain=n
    )
    return Conforming(
        better.points, better.cells, better.grain,
        dict(moves=better.n_move, flips=better.n_flip, collapsed=better.n_collapse, merged=better.n_merge),
    )
