"""How values of the same depth fluctuate together, and what that does to their medians."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]

#: Largest lag looked at [voxels]; correlations below the floor are taken for noise.
_REACH_VOXELS, _FLOOR = 24, 0.05
_MOST_LAGS, _SAMPLES_PER_BIN = 4000, 120


def about_medians(values: _Array, depth_bin: _Array) -> NDArray[np.float64]:
    """What differs from the median of the same bin."""
    order = np.argsort(depth_bin, kind="stable")
    found = values.astype(np.float64)
    start = 0
    for end in np.cumsum(np.bincount(depth_bin)):
        here = order[start:end]
        if here.size:
            found[here] -= np.median(found[here])
        start = int(end)
    return found


def autocorrelation(
    field: _Array, used: _Array, reach: tuple[int, int, int]
) -> tuple[NDArray[np.float64], float]:
    """Correlation of used voxels against their lag, (2 reach + 1) lags per axis, and the variance.

    No lag in the middle. By Fourier transforms of field and mask, so that only pairs of used voxels
    count; lags without a pair hold 0.
    """
    from scipy import fft

    box = tuple(_extent(used, axis) for axis in range(3))
    mask = used[box].astype(np.float32)
    inside = np.where(used[box], field[box], 0.0).astype(np.float32)
    shape = [fft.next_fast_len(n + r, real=True) for n, r in zip(mask.shape, reach, strict=True)]

    def lagged(of: _Array) -> _Array:
        spectrum = fft.rfftn(of, shape)
        full = fft.irfftn(np.abs(spectrum) ** 2, shape)
        near = full[np.ix_(*[np.arange(-r, r + 1) % n for r, n in zip(reach, shape, strict=True)])]
        return np.asarray(near, dtype=np.float64)

    pairs, products = np.rint(lagged(mask)), lagged(inside)
    variance = float(products[reach] / pairs[reach])
    found = np.zeros(products.shape)
    if variance > 0:
        np.divide(products, pairs * variance, out=found, where=pairs > 0)
    found[reach] = 1.0
    return found, variance


def significant(correlation: _Array) -> NDArray[np.float64]:
    """The correlation within the ellipsoid beyond which it is below the floor along its axes."""
    reach = [n // 2 for n in correlation.shape]
    size = []
    for axis, r in enumerate(reach):
        line = correlation[tuple(slice(r, None) if a == axis else reach[a] for a in range(3))]
        is_low = line < _FLOOR
        size.append(float(np.argmax(is_low)) if np.any(is_low) else r + 1.0)
    axes = np.meshgrid(*[np.arange(-r, r + 1) for r in reach], indexing="ij")
    inside = sum((a / s) ** 2 for a, s in zip(axes, size, strict=True)) < 1.0
    return np.where(inside, correlation, 0.0)


def fraction_covariance(
    values: _Array, used: _Array, depth_bin: _Array, n_bin: int
) -> NDArray[np.float64]:
    """(n_bin, n_bin) covariance of the fractions of values below the medians of their bins.

    Whether a value is above the median of its depth correlates with its neighbours as measured over
    the whole particle, so that bins of few voxels profit from all others. The covariance of two
    bins is a quarter of the mean correlation of the pairs of their voxels.
    """
    sign = np.zeros(used.shape, dtype=np.float32)
    sign[used] = np.sign(about_medians(values, depth_bin))
    reach = (
        min(_REACH_VOXELS, used.shape[0] - 1),
        min(_REACH_VOXELS, used.shape[1] - 1),
        min(_REACH_VOXELS, used.shape[2] - 1),
    )
    correlation = significant(autocorrelation(sign, used, reach)[0])
    lags, weights = _lags(correlation)
    bins = np.full([n + 2 * r for n, r in zip(used.shape, reach, strict=True)], -1, dtype=np.int32)
    bins[tuple(slice(r, r + n) for r, n in zip(reach, used.shape, strict=True))][used] = depth_bin
    stride = np.array([bins.shape[1] * bins.shape[2], bins.shape[2], 1])
    at = (np.stack(np.nonzero(used), axis=1) + reach) @ stride
    flat, steps = bins.ravel(), lags @ stride
    count = np.bincount(depth_bin, minlength=n_bin)
    order = np.argsort(depth_bin, kind="stable")
    ends = np.cumsum(count)
    together = np.zeros((n_bin, n_bin))
    for i in np.flatnonzero(count):
        own = order[ends[i] - count[i] : ends[i]]
        # An even choice that every call makes alike.
        chosen = own[np.linspace(0, own.size - 1, min(own.size, _SAMPLES_PER_BIN)).astype(int)]
        found = flat[at[chosen][:, None] + steps]
        weight = np.broadcast_to(weights, found.shape)[found >= 0]
        sums = np.bincount(found[found >= 0], weights=weight, minlength=n_bin) / chosen.size
        together[i] = sums / np.maximum(count, 1)
    # Both halves are estimates of the same; a covariance has no negative eigenvalue.
    value, vector = np.linalg.eigh(0.125 * (together + together.T))
    return np.asarray((vector * np.maximum(value, 0.0)) @ vector.T)


def _lags(correlation: _Array) -> tuple[_Array, _Array]:
    """(n, 3) lags with a correlation, and what each counts; many are thinned to a coarser grid."""
    reach = [n // 2 for n in correlation.shape]
    n_lag = int(np.count_nonzero(correlation))
    step = max(int(np.ceil((n_lag / _MOST_LAGS) ** (1.0 / 3.0))), 1)
    grid = [np.arange(-(r // step) * step, r + 1, step) for r in reach]
    near = correlation[np.ix_(*[g + r for g, r in zip(grid, reach, strict=True)])]
    lags = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)
    kept = near != 0
    return lags[kept], near[kept] * float(step**3)


def _extent(mask: _Array, axis: int) -> slice:
    others = tuple(a for a in range(3) if a != axis)
    inside = np.flatnonzero(mask.any(axis=others))
    return slice(int(inside[0]), int(inside[-1]) + 1)
