"""Correlation coefficients of many columns at once, and what a null says about them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]


def ranks(columns: _Float) -> _Float:
    """Average ranks within each column, NaN staying NaN."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(columns, axis=0, nan_policy="omit"), dtype=np.float64)


def pearson(x: _Float, y: _Float) -> _Float:
    """Pearson's r of x (n_set, n_pair, n_angle) with y (n_pair, n_angle), skipping NaN."""
    with np.errstate(all="ignore"):
        # Near their means, sums of squares lose no digits.
        x, y = x - _column_means(x[0]), y - _column_means(y)
        if np.all(np.isfinite(x)) and np.all(np.isfinite(y)):
            n: Any = float(x.shape[1])
            s_x, s_xx = x.sum(axis=1), np.einsum("bpa,bpa->ba", x, x)
            s_y, s_yy = y.sum(axis=0), (y * y).sum(axis=0)
            s_xy = np.einsum("bpa,pa->ba", x, y)
        else:
            good = np.isfinite(x) & np.isfinite(y)
            x, y = np.where(good, x, 0.0), np.where(good, y, 0.0)
            n = good.sum(axis=1)
            s_x, s_xx, s_y = x.sum(axis=1), (x * x).sum(axis=1), y.sum(axis=1)
            s_yy, s_xy = (y * y).sum(axis=1), (x * y).sum(axis=1)
        c_xx, c_yy = s_xx - s_x**2 / n, s_yy - s_y**2 / n
        # A field that is constant but for rounding has no correlation.
        varies = (c_xx > 1e-12 * s_xx) & (c_yy > 1e-12 * s_yy) & (n >= 4)
        r = np.where(varies, (s_xy - s_x * s_y / n) / np.sqrt(c_xx * c_yy), np.nan)
    return np.asarray(np.clip(r, -1.0, 1.0))


def _column_means(columns: _Float) -> _Float:
    """Mean of the finite values of each column; 0 where there is none."""
    good = np.isfinite(columns)
    total = np.where(good, columns, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(good.sum(axis=0), 1))


def random_rotations(n: int, seed: int) -> _Float:
    """Rotation matrices (n, 3, 3), uniform over SO(3), from unit quaternions."""
    w, x, y, z = _unit4(np.random.default_rng(seed).normal(size=(n, 4))).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _unit4(quaternions: _Float) -> _Float:
    return np.asarray(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True))


def two_sided(observed: _Float, null_r: _Float) -> _Float:
    """Share of the null's correlations at least as strong as the observed, per column."""
    # A rotation without a correlation counts as one that beats the observation: never too small.
    exceed = np.sum(~(np.abs(null_r) < np.abs(observed)), axis=0)
    return np.where(np.isfinite(observed), (1.0 + exceed) / (1.0 + null_r.shape[0]), np.nan)


def family(observed: _Float, null_r: _Float) -> float:
    """p-value of the largest standardised correlation over all angles."""
    size = np.where(np.isfinite(observed), np.abs(observed), -1.0)
    sizes = np.where(np.isfinite(null_r), np.abs(null_r), -1.0)
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
