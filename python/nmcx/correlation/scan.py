"""Correlation against opening angle, with a p-value that knows how smooth both fields are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.statistics import (
    band,
    effective_size,
    family,
    fisher_interval,
    pearson,
    random_rotations,
    ranks,
    two_sided,
)
from nmcx.results import AngleScan, ConePorosity, SurfaceValues

_Float = NDArray[np.float64]

#: Elements of the largest temporary array of the null model and of the cap averages.
_CHUNK = 4_000_000


def angle_scan(
    surface_values: SurfaceValues,
    cones: ConePorosity,
    *,
    null: str = "rotation",
    n_null: int = 999,
    seed: int = 1,
    matched: bool = True,
    min_points: int = 3,
) -> AngleScan:
    """Correlation of the surface map with cone porosity at every opening angle, and its p-value.

    At each cone direction inside the imaged patch, the map averaged over the same cap (or only over
    the direction's own cell) is paired with the porosity of the cone. Under the null hypothesis map
    and porosity know nothing of each other, so the patch may lie anywhere on the sphere: `n_null`
    uniform random rotations lay it elsewhere and give the distribution of r.

    Parameters
    ----------
    surface_values : SurfaceValues
        From `place`: (n_point,) values; weighted by area / std^2.
    cones : ConePorosity
        ``porosity (n_direction, n_angle)`` in directions that cover the whole sphere, such as
        ``cones.fibonacci_directions(3000)``. NaN porosities are left out.
    null : {"rotation"}
        Null model.
    n_null : int
        Number of random rotations, at least 99.
    seed : int
        Of ``numpy.random.default_rng``; the same seed gives the same p-values.
    matched : bool
        True: the map is averaged over the cap of the cone's half-angle. False: over the cell of
        each direction, the same for all angles.
    min_points : int
        Least map points for an average.

    Returns
    -------
    AngleScan
        Two-sided ``p_value`` = (1 + #{abs(r_b) >= abs(r)}) / (1 + n_null), both for Pearson's r and
        for ranks; ``p_family`` from the largest abs(r) / sd_b over the angles; ``null_band`` the
        central 95 % of r_b; ``n_effective`` = 1 + 1 / mean(r_b^2), with which ``interval`` is
        Fisher's 95 %. An angle with fewer than four pairs is NaN.

    Raises
    ------
    ValueError
        If an option is out of range, the map has no usable point, fewer than four cone directions
        lie inside the map, or the cones do not cover the sphere.

    Notes
    -----
    A rotated direction looks its porosity up at the nearest cone direction; the observed
    correlation uses the directions themselves. ``spearman`` has average ranks among the pairs; its
    p-value compares ranks over the whole sphere, for observation and rotations alike, so that no
    rotation needs sorting.

    References
    ----------
    .. [1] A. F. Alexander-Bloch et al., "On testing for spatial correspondence between maps of
       human brain structure and function", NeuroImage 178, 540 (2018): rotation null. Effective
       sample size from var(r): P. Clifford, S. Richardson, D. Hemon, Biometrics 45, 123 (1989).
       Max statistic: T. E. Nichols, A. P. Holmes, Hum. Brain Mapp. 15, 1 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import correlation
    >>> from nmcx.results import ConePorosity, SurfaceValues
    >>> n = 600
    >>> z = 1 - (2 * np.arange(n) + 1) / n
    >>> turn = np.pi * (1 + 5**0.5) * np.arange(n)
    >>> ring = np.sqrt(1 - z**2)
    >>> sphere = np.stack([z, ring * np.sin(turn), ring * np.cos(turn)], axis=1)
    >>> field = np.cos(7 * sphere @ [0.6, 0.0, 0.8]) + np.sin(9 * sphere @ [0.0, 0.8, -0.6])
    >>> count = np.full((n, 1), 100)
    >>> cones = ConePorosity(0.2 + 0.05 * field[:, None], count, count, sphere, np.array([0.2]))
    >>> front = sphere[:, 2] > 0.5
    >>> patch = SurfaceValues(0.5 - 0.1 * field[front], np.full(front.sum(), 0.01), sphere[front],
    ...                       np.zeros(front.sum()), sphere[front], np.ones(front.sum()))
    >>> scan = correlation.angle_scan(patch, cones, n_null=99)
    >>> bool(scan.pearson[0] < -0.8), bool(scan.p_value[0] < 0.05)
    (True, True)
    """
    if null != "rotation":
        raise ValueError(f'null must be "rotation", not {null!r}')
    if n_null < 99:
        raise ValueError(f"n_null must be at least 99, not {n_null}: p cannot be small otherwise")
    if min_points < 1:
        raise ValueError(f"min_points must be at least 1, not {min_points}")
    from scipy.spatial import cKDTree
    from scipy.stats import rankdata

    patch = _usable(surface_values)
    directions = _unit(np.asarray(cones.directions, dtype=np.float64), "cones.directions")
    porosity = np.asarray(cones.porosity, dtype=np.float64)
    half_angle = np.asarray(cones.half_angle, dtype=np.float64)
    n_direction, n_angle = porosity.shape
    spacing = np.sqrt(4.0 * np.pi / n_direction)
    inside = cKDTree(patch.directions).query(directions)[0] < spacing
    if np.count_nonzero(inside) < 4:
        raise ValueError(
            f"only {np.count_nonzero(inside)} of {n_direction} cone directions lie inside the map; "
            "take more directions or check the view"
        )
    at = np.flatnonzero(inside)
    sphere = cKDTree(directions)
    if matched:
        y = _cap_means(directions[at], half_angle, patch, min_points)
    else:
        cell = np.asarray(sphere.query(patch.directions)[1], dtype=np.int64)
        means = _cell_means(cell, n_direction, patch, min_points)[at]
        y = np.repeat(means[:, None], n_angle, axis=1)

    porosity_ranks, y_ranks = ranks(porosity), ranks(y)
    observed = pearson(porosity[at][None], y)[0]
    observed_ranks = pearson(porosity_ranks[at][None], y_ranks)[0]
    null_r, null_ranks = _rotation_null(
        sphere, directions[at], spacing, ((porosity, y), (porosity_ranks, y_ranks)), n_null, seed
    )

    spearman = np.full(n_angle, np.nan)
    n_pair = np.zeros(n_angle, dtype=np.int64)
    for i in range(n_angle):
        good = np.isfinite(porosity[at, i]) & np.isfinite(y[:, i])
        n_pair[i] = np.count_nonzero(good)
        if n_pair[i] >= 4:
            pair = rankdata(porosity[at[good], i]), rankdata(y[good, i])
            spearman[i] = pearson(pair[0][None, :, None], pair[1][:, None])[0, 0]
    n_effective = effective_size(null_r, n_pair)
    with np.errstate(all="ignore"):
        spread = np.sqrt(np.nanmean(np.where(np.isfinite(null_r), null_r, 0.0) ** 2, axis=0))
        spread[spread == 0] = np.nan
    return AngleScan(
        half_angle=half_angle,
        pearson=observed,
        spearman=spearman,
        interval=fisher_interval(observed, n_effective),
        p_value=two_sided(observed, null_r),
        p_family=family(observed / spread, null_r / spread),
        n_effective=n_effective,
        null_band=band(null_r),
        spearman_p_value=two_sided(observed_ranks, null_ranks),
        settings={
            "null": null,
            "n_null": int(n_null),
            "seed": int(seed),
            "matched": bool(matched),
            "min_points": int(min_points),
            "n_direction": int(at.size),
        },
    )


def _rotation_null(
    sphere: Any,
    patch_directions: _Float,
    spacing: float,
    pairs: tuple[tuple[_Float, _Float], ...],
    n_null: int,
    seed: int,
) -> tuple[_Float, ...]:
    """Correlations (n_null, n_angle) of each pair (porosity, map), the map turned at random.

    `sphere` finds the nearest cone direction; all pairs see the same rotations.
    """
    n_angle = pairs[0][1].shape[1]
    null = tuple(np.empty((n_null, n_angle)) for _ in pairs)
    rotations = random_rotations(n_null, seed)
    farthest = 0.0
    step = max(1, _CHUNK // (len(patch_directions) * n_angle * 8))
    for first in range(0, n_null, step):
        some = slice(first, min(first + step, n_null))
        turned = np.einsum("bij,pj->bpi", rotations[some], patch_directions)
        distance, nearest = sphere.query(turned)
        farthest = max(farthest, float(np.max(distance)))
        for r, (porosity, y) in zip(null, pairs, strict=True):
            r[some] = pearson(porosity[nearest], y)
    if farthest > 3.0 * spacing:
        raise ValueError(
            "the cone directions must cover the whole sphere for the rotation null; "
            "use cones.fibonacci_directions"
        )
    return null


@dataclass(frozen=True)
class _Patch:
    """Map points that can be averaged: unit directions (n, 3), values (n,), weights (n,)."""

    directions: _Float
    values: _Float
    weights: _Float


def _usable(surface_values: SurfaceValues) -> _Patch:
    values = np.asarray(surface_values.values, dtype=np.float64)
    std = np.asarray(surface_values.std, dtype=np.float64)
    area = np.asarray(surface_values.area_um2, dtype=np.float64)
    with np.errstate(all="ignore"):
        weights = area / std**2
    good = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    if not np.any(good):
        raise ValueError("surface_values has no point with a finite value and a positive std")
    directions = _unit(np.asarray(surface_values.directions, dtype=np.float64)[good], "directions")
    # Weights only matter up to a factor; around 1 they stay exact in single precision.
    return _Patch(directions, values[good], weights[good] / weights[good].mean())


def _unit(vectors: _Float, name: str) -> _Float:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if vectors.ndim != 2 or vectors.shape[1] != 3 or not np.all(length > 0):
        raise ValueError(f"{name} must be (n, 3) vectors of finite, positive length")
    return np.asarray(vectors / length)


def _cap_means(directions: _Float, half_angle: _Float, patch: _Patch, min_points: int) -> _Float:
    """Weighted mean of the map in the cap of each half-angle around each direction."""
    middle = float(np.average(patch.values, weights=patch.weights))
    columns = np.stack(
        [np.ones_like(patch.values), patch.weights, patch.weights * (patch.values - middle)], axis=1
    ).astype(np.float32)
    points = patch.directions.astype(np.float32).T
    means = np.full((directions.shape[0], half_angle.size), np.nan)
    step = max(1, _CHUNK // patch.values.size)
    for first in range(0, directions.shape[0], step):
        rows = slice(first, first + step)
        cosine = directions[rows].astype(np.float32) @ points
        for i, cut in enumerate(np.cos(half_angle)):
            number, weight, total = ((cosine >= cut).astype(np.float32) @ columns).T
            enough = number >= min_points
            means[rows, i][enough] = middle + total[enough] / weight[enough]
    return means


def _cell_means(
    cell: NDArray[np.int64], n_direction: int, patch: _Patch, min_points: int
) -> _Float:
    """Weighted mean of the map points nearest to each direction."""
    number = np.bincount(cell, minlength=n_direction)
    weight = np.bincount(cell, weights=patch.weights, minlength=n_direction)
    total = np.bincount(cell, weights=patch.weights * patch.values, minlength=n_direction)
    with np.errstate(all="ignore"):
        return np.where(number >= min_points, total / weight, np.nan)
