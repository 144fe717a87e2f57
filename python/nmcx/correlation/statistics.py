"""Correlation coefficients of many columns at once, and what a null says about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]


def ranks(columns: _Float) -> _Float:
    """Average ranks within each column, NaN staying NaN."""
    from scipy.stats import rankdata

    if np.all(np.isfinite(columns)):
        return np.asarray(rankdata(columns, axis=0), dtype=np.float64)
    return np.asarray(rankdata(columns, axis=0, nan_policy="omit"), dtype=np.float64)


def random_rotations(n: int, seed: int) -> _Float:
    """Rotation matrices (n, 3, 3), uniform over SO(3), from unit quaternions."""
    quaternions = np.random.default_rng(seed).normal(size=(n, 4))
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def two_sided(observed: _Float, null_r: _Float) -> _Float:
    """Share of the null's correlations at least as strong as the observed, per column."""
    # A draw without a correlation counts as one that beats the observation: never too small.
    exceed = np.sum(~(np.abs(null_r) < np.abs(observed)), axis=0)
    return np.where(np.isfinite(observed), (1.0 + exceed) / (1.0 + null_r.shape[0]), np.nan)


def spread(observed: _Float, null_r: _Float) -> _Float:
    """Root mean square (n_angle,) of the null's correlations; NaN where there is none.

    The observed one counts as one more draw, which keeps the maximum over the angles exact.
    """
    draws = np.vstack([observed[None], null_r])
    with np.errstate(all="ignore"):
        size = np.sqrt(np.nanmean(np.where(np.isfinite(draws), draws, 0.0) ** 2, axis=0))
    return np.where(size > 0, size, np.nan)


def family(observed: _Float, null_r: _Float) -> float:
    """p-value of the largest standardised correlation over all angles."""
    unit = spread(observed, null_r)
    with np.errstate(all="ignore"):
        size, sizes = np.abs(observed) / unit, np.abs(null_r) / unit
    size = np.where(np.isfinite(size), size, -1.0)
    sizes = np.where(np.isfinite(sizes), sizes, -1.0)
    if size.max() < 0:
        return float("nan")
    return float((1 + np.sum(sizes.max(axis=1) >= size.max())) / (1 + null_r.shape[0]))


def effective_size(null_r: _Float, n_pair: NDArray[np.int64]) -> _Float:
    """Number of independent pairs that would spread r as the null does, per column."""
    square = np.where(np.isfinite(null_r), null_r, 0.0) ** 2
    n_finite = np.isfinite(null_r).sum(axis=0)
    with np.errstate(all="ignore"):
        n = 1.0 + n_finite / square.sum(axis=0)
    return np.where(n_finite > 0, np.minimum(n, n_pair), np.nan)


def fisher_interval(r: _Float, n_effective: _Float) -> _Float:
    """95 % interval (n_angle, 2) of r from Fisher's transformation."""
    with np.errstate(all="ignore"):
        half = 1.959964 / np.sqrt(n_effective - 3.0)
        z = np.arctanh(r)
        interval = np.stack([np.tanh(z - half), np.tanh(z + half)], axis=1)
    # Three effective samples or fewer do not bound r at all.
    interval[~(n_effective > 3.0)] = (-1.0, 1.0)
    interval[~np.isfinite(r)] = np.nan
    return interval


def band(null_r: _Float) -> _Float:
    """Middle 95 % (n_angle, 2) of the null's correlations."""
    bounds = np.full((null_r.shape[1], 2), np.nan)
    for i, column in enumerate(null_r.T):
        finite = column[np.isfinite(column)]
        if finite.size:
            bounds[i] = np.percentile(finite, (2.5, 97.5))
    return bounds
