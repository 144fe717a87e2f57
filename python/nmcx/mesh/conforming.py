"""One conforming mesh of the Voronoi grains of given seeds, checked and improved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.mesh.cells import fill_grains
from nmcx.mesh.clipped import Array, Clipped, Index
from nmcx.mesh.conformity import check
from nmcx.mesh.fill import Spacing, inner_points, surface_points
from nmcx.mesh.walls import Points, Skeleton, make_skeleton
from nmcx.results.mesh import cell_volume, facet_area

#: Smallest angles [degrees] of triangles and of tetrahedra (dihedral) that are worked for; below
#: which Voronoi corners may be merged; and below which other random points are tried.
_TARGET, _MERGED_BELOW, _RETRIED_BELOW = {2: 30.0, 3: 20.0}, 10.0, 5.0
#: Most passes of the improvement, longest edge collapsed in edge lengths, and most tries.
_PASSES, _COLLAPSED, _TRIES = 12, 0.5, 5


@dataclass(frozen=True)
class Conforming:
    """Cells that share their points across walls."""

    points: Array  #: (n, d)
    cells: Index  #: (m, d + 1) of positive volume
    grain: Index  #: (m,)
    settings: dict[str, Any]  #: what was needed to make it, and how good it is
    notes: tuple[str, ...]


def conforming(clipped: Clipped, spacing: Spacing, random: np.random.SeedSequence) -> Conforming:
    """Mesh clipped Voronoi cells so that their walls are made of facets.

    Lengths are in units of the edge length: `spacing` is about 1. If a check fails, or an angle is
    below 5 degrees, other random numbers are used, five times at most; the best mesh is kept.

    Raises
    ------
    nmcx.errors.ConvergenceError
        If the checks fail each time; the message has the last one's.
    """
    best: Conforming | None = None
    failures = []
    for tried, stream in enumerate(random.spawn(_TRIES), start=1):
        try:
            mesh = _attempt(clipped, spacing, np.random.default_rng(stream))
        except ConvergenceError as error:
            failures.append(str(error))
            continue
        if best is None or mesh.settings["worst_angle"] > best.settings["worst_angle"]:
            best = mesh
        best.settings["tries"] = tried
        if np.degrees(best.settings["worst_angle"]) >= _RETRIED_BELOW:
            return best
    if best is None:
        raise ConvergenceError(
            f"no conforming mesh in {_TRIES} tries, the last failed with: {failures[-1]}; a "
            "smaller size, or seeds farther apart, may help"
        )
    return best


def _attempt(clipped: Clipped, spacing: Spacing, rng: np.random.Generator) -> Conforming:
    dimension, n = clipped.dimension, len(clipped.seeds)
    points = Points()
    skeleton = make_skeleton(clipped, points, spacing, rng)
    own = _own_points(clipped, points, skeleton, spacing, rng)
    position, on_surface = np.concatenate(points.position), np.concatenate(points.on_surface)
    cells, grain = fill_grains(clipped, position, skeleton.walls, own)
    better = _core.improve_mesh(
        position,
        cells,
        grain,
        np.concatenate(points.freedom),
        np.concatenate(points.direction),
        spacing(position),
        radius=clipped.radius,
        target=float(np.sin(np.radians(_TARGET[dimension]))),
        n_pass=_PASSES,
        floor=float(np.sin(np.radians(_MERGED_BELOW))),
        collapse_length=_COLLAPSED,
    )
    facets, sides = check(
        better.points, better.cells, better.grain, on_surface[better.source], n_grain=n
    )
    settings = {
        "moved_points": better.n_move,
        "replaced_edges": better.n_flip,
        "collapsed_edges": better.n_collapse,
        "merged_corners": better.n_merge,
        "worst_angle": float(np.arcsin(better.worst)),
        "volume_error": _volume_error(clipped, better.points, better.cells),
        **_walls(clipped, better.points, facets, sides),
    }
    return Conforming(better.points, better.cells, better.grain, settings, _notes(settings))


def _own_points(
    clipped: Clipped,
    points: Points,
    skeleton: Skeleton,
    spacing: Spacing,
    rng: np.random.Generator,
) -> list[Index]:
    """Points of each grain that lie on no wall."""
    own = [[rim] for rim in skeleton.rims]
    batches = [(inner_points(clipped, spacing, rng), _core.Freedom.FREE)]
    if clipped.dimension == 3:
        batches.append((surface_points(clipped, spacing, rng), _core.Freedom.SURFACE))
    for (place, grain), freedom in batches:
        new = points.add(place, freedom, on_surface=freedom == _core.Freedom.SURFACE)
        order = np.argsort(grain, kind="stable")
        start = np.searchsorted(grain[order], np.arange(len(own) + 1))
        for i, batch in enumerate(own):
            batch.append(new[order[start[i] : start[i + 1]]])
    return [np.concatenate(batch) for batch in own]


def _volume_error(clipped: Clipped, points: Array, cells: Index) -> float:
    whole = np.pi * clipped.radius**2
    if clipped.dimension == 3:
        whole *= 4.0 / 3.0 * clipped.radius
    return float(cell_volume(points, cells).sum() / whole - 1.0)


#: Distance from its plane [edge lengths] from which a point of a wall counts as off it.
_OFF_PLANE = 1e-9


def _walls(clipped: Clipped, points: Array, facets: Index, sides: Index) -> dict[str, float]:
    """How well the walls of the mesh match those of the Voronoi cells."""
    apart = clipped.seeds[sides[:, 1]] - clipped.seeds[sides[:, 0]]
    normal = apart / np.linalg.norm(apart, axis=1)[:, None]
    middle = 0.5 * (clipped.seeds[sides[:, 1]] + clipped.seeds[sides[:, 0]])
    off = np.abs(np.einsum("nki,ni->nk", points[facets] - middle[:, None], normal)).max(axis=1)
    area = facet_area(points, facets)
    exact = float(clipped.area.sum())
    return {
        "wall_area_error": float(area.sum()) / exact - 1.0 if exact > 0 else 0.0,
        "wall_offset": float(off.max(initial=0.0)),
        "tilted_wall_share": float(area[off > _OFF_PLANE].sum()) / exact if exact > 0 else 0.0,
    }


def _notes(settings: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    if settings["merged_corners"]:
        notes.append(
            f"{settings['merged_corners']} pairs of Voronoi corners were merged to avoid angles "
            f"below {_MERGED_BELOW:.0f} degrees: {settings['tilted_wall_share']:.2%} of the wall "
            f"area leaves its plane, by {settings['wall_offset']:.2g} edge lengths at most"
        )
    worst = float(np.degrees(settings["worst_angle"]))
    if worst < _MERGED_BELOW:
        notes.append(f"an angle of a cell is within {worst:.1f} degrees of 0 or 180")
    return tuple(notes)
