"""Pairs of map and porosity on the sphere: what a correlation is taken over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.results import ConePorosity, SurfaceValues

_Float = NDArray[np.float64]

#: Field of the surface values behind the name of each covariate.
_COVARIATES = {"incidence": "incidence", "thickness": "thickness_um"}


@dataclass(frozen=True)
class Patch:
    """Map points that can be averaged."""

    directions: _Float  #: (n_point, 3) unit vectors
    values: _Float  #: (1 + n_covariate, n_point): the map, then the covariates
    weights: _Float  #: (n_point,) area over variance, of mean 1


@dataclass(frozen=True)
class Pairs:
    """Porosity and map at the cone directions inside the map; NaN where there is none."""

    at: NDArray[np.int64]  #: (n_pair,) their numbers among all directions
    directions: _Float  #: (n_pair, 3) unit vectors
    porosity: _Float  #: (n_pair, n_angle)
    surface: _Float  #: (n_pair, n_angle) map averaged for each angle
    weights: _Float  #: (n_pair, n_angle), 0 where the map has too few points
    covariates: _Float  #: (n_covariate, n_pair, n_angle), averaged as the map


def patch_of(surface_values: SurfaceValues, covariates: Sequence[str] = ()) -> Patch:
    """The points of the map with a value and an error."""
    values = [np.asarray(surface_values.values, dtype=np.float64)]
    for name in covariates:
        if name not in _COVARIATES:
            raise ValueError(f"covariates must be among {', '.join(_COVARIATES)}, not {name!r}")
        field = getattr(surface_values, _COVARIATES[name])
        if field is None:
            raise ValueError(
                f"surface_values has no {_COVARIATES[name]} to control for; `place` writes it"
            )
        values.append(np.asarray(field, dtype=np.float64))
    std = np.asarray(surface_values.std, dtype=np.float64)
    with np.errstate(all="ignore"):
        weights = np.asarray(surface_values.area_um2, dtype=np.float64) / std**2
    table = np.stack(values)
    good = np.all(np.isfinite(table), axis=0) & np.isfinite(weights) & (weights > 0)
    if not np.any(good):
        raise ValueError("surface_values has no point with a finite value and a positive std")
    directions = unit_vectors(np.asarray(surface_values.directions)[good], "directions")
    return Patch(
        directions,
        np.ascontiguousarray(table[:, good]),
        np.ascontiguousarray(weights[good] / weights[good].mean()),
    )


def unit_vectors(vectors: NDArray[np.generic], name: str) -> _Float:
    """(n, 3) vectors at unit length."""
    given = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(given, axis=-1, keepdims=True)
    if given.ndim != 2 or given.shape[1] != 3 or not np.all(length > 0):
        raise ValueError(f"{name} must be (n, 3) vectors of finite, positive length")
    return np.ascontiguousarray(given / length)


def mean_spacing(n_direction: int) -> float:
    """Angle between neighbours among directions spread evenly over the sphere [rad]."""
    return float(np.sqrt(4.0 * np.pi / n_direction))


def make_pairs(
    patch: Patch, cones: ConePorosity, *, matched: bool, min_points: int, threads: int
) -> Pairs:
    """Pair porosity and map at every cone direction that lies inside the map."""
    if min_points < 1:
        raise ValueError(f"min_points must be at least 1, not {min_points}")
    directions = unit_vectors(np.asarray(cones.directions), "cones.directions")
    porosity = np.asarray(cones.porosity, dtype=np.float64)
    n_direction = len(directions)
    from scipy.spatial import cKDTree

    inside = cKDTree(patch.directions).query(directions)[0] < mean_spacing(n_direction)
    at = np.flatnonzero(inside)
    if at.size < 4:
        raise ValueError(
            f"only {at.size} of {n_direction} cone directions lie inside the map; "
            "take more directions or check the view"
        )
    here = np.ascontiguousarray(directions[at])
    if matched:
        mean, weight, n_point = _over_caps(patch, here, np.asarray(cones.half_angle), threads)
    else:
        cells = _over_cells(patch, directions)
        columns = np.zeros(porosity.shape[1], dtype=np.int64)  # one map for all angles
        mean, weight = cells[0][:, at][:, :, None][..., columns], cells[1][at][:, None][:, columns]
        n_point = cells[2][at][:, None][:, columns]
    enough = n_point >= min_points
    return Pairs(
        at=at,
        directions=here,
        porosity=np.ascontiguousarray(porosity[at]),
        surface=np.where(enough, mean[0], np.nan),
        weights=np.where(enough, weight, 0.0),
        covariates=np.ascontiguousarray(mean[1:]),
    )


def _over_caps(
    patch: Patch, directions: _Float, half_angle: _Float, threads: int
) -> tuple[_Float, _Float, NDArray[np.int64]]:
    """Means (1 + n_covariate, n_pair, n_angle) over caps, their weights and numbers of points."""
    # A cosine short of the rim by rounding must not drop a point that lies on it.
    rim = np.cos(half_angle) - 1e-12
    caps = _core.cap_means(patch.directions, patch.values, patch.weights, directions, rim, threads)
    return caps.mean, caps.weight, caps.n_point


def _over_cells(patch: Patch, directions: _Float) -> tuple[_Float, _Float, NDArray[np.int64]]:
    """Means (1 + n_covariate, n_direction) over the points nearest to each direction, alike."""
    from scipy.spatial import cKDTree

    n = len(directions)
    cell = np.asarray(cKDTree(directions).query(patch.directions)[1], dtype=np.int64)
    weight = np.bincount(cell, weights=patch.weights, minlength=n).astype(np.float64)
    total = [np.bincount(cell, weights=patch.weights * v, minlength=n) for v in patch.values]
    with np.errstate(all="ignore"):
        mean = np.stack(total) / weight
    return mean, weight, np.bincount(cell, minlength=n).astype(np.int64)


def cell_values(patch: Patch, cones: ConePorosity, pairs: Pairs) -> tuple[_Float, _Float]:
    """Mean of the map nearest to each direction of `pairs` (NaN without points), and its weight."""
    directions = unit_vectors(np.asarray(cones.directions), "cones.directions")
    mean, weight, _ = _over_cells(patch, directions)
    return mean[0][pairs.at], weight[pairs.at]
