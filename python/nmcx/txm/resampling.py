"""Images enlarged about their middle and moved, in one cubic-spline interpolation."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
#: Weights (n, n), samples a value stands on (n, n), and which positions lie inside (n,).
_Axis = tuple[Array, Array, NDArray[np.bool_]]


def resample(
    image: Array, scale: float, shift: Array, variance: Array | None = None
) -> tuple[Array, Array | None]:
    """image(c + (x - c) scale + shift) with c the middle of the image, and its variance.

    The interpolation is separable, so it is one small matrix of cardinal-spline weights per axis;
    the variance of independent pixels goes through the same matrices with squared weights, which
    is exact. NaN outside the image and where one of the four nearest samples along an axis is
    missing.

    Parameters
    ----------
    image : (ny, nx) or (nz, ny, nx) array
        NaN marks what is missing.
    scale : float
        Step in `image` per step in the result [1].
    shift : (n_axis,) array
        Displacement in samples of `image` [px].
    variance : like `image`, optional
        Its variance, independent between samples.

    Returns
    -------
    tuple
        Values, and the variance or None.

    References
    ----------
    .. [1] P. Thevenaz, T. Blu, M. Unser, "Interpolation revisited", IEEE Trans. Med. Imaging 19,
       739 (2000).
    """
    if scale == 1.0 and not np.any(shift):
        return np.array(image), None if variance is None else np.array(variance)
    axes = [_axis(n, scale, float(d)) for n, d in zip(image.shape, shift, strict=True)]
    kind = image.dtype
    weights = [w.astype(kind) for w, _, _ in axes]
    value = _moved(image, weights, axes)
    if variance is None:
        return value, None
    spread = _moved(variance, [w * w for w in weights], axes)
    # An interpolating spline leaves rounding below zero where the variance vanishes.
    return value, np.where(np.isnan(value), np.nan, np.maximum(spread, 0.0)).astype(kind)


def _moved(values: Array, weights: list[Array], axes: list[_Axis]) -> Array:
    missing = ~np.isfinite(values)
    if missing.all():
        return np.full_like(values, np.nan)
    result = _along_all(_filled(values, missing), weights)
    if missing.any():
        near = _along_all(missing.astype(np.float32), [s for _, s, _ in axes])
        result[near > 0.5] = np.nan
    for axis, (_, _, inside) in enumerate(axes):
        np.moveaxis(result, axis, 0)[~inside] = np.nan
    return result


def _along_all(values: Array, matrices: list[Array]) -> Array:
    for axis, matrix in enumerate(matrices):
        values = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
    return np.ascontiguousarray(values)


def _filled(values: Array, missing: NDArray[np.bool_]) -> Array:
    """Holes get their nearest neighbour, so that the spline does not ring into the image."""
    if not missing.any():
        return values
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    filled: Array = values[tuple(nearest)]
    return filled


def _axis(n: int, scale: float, shift: float) -> _Axis:
    """One axis of the resampling c + (x - c) scale + shift of n samples."""
    middle = 0.5 * (n - 1)
    position = middle + (np.arange(n) - middle) * scale + shift
    # A hair outside is rounding.
    inside = (position > -1e-6) & (position < n - 1 + 1e-6)
    position = np.clip(position, 0.0, n - 1.0)
    first = np.minimum(np.floor(position).astype(np.intp), max(n - 2, 0))
    t = position - first
    u = 1.0 - t
    spline = (
        u**3 / 6.0,
        2.0 / 3.0 - 0.5 * t * t * (2.0 - t),
        2.0 / 3.0 - 0.5 * u * u * (2.0 - u),
        t**3 / 6.0,
    )
    inverse = _prefilter(n)
    weights = np.zeros((n, n))
    stands_on = np.zeros((n, n), np.float32)
    rows = np.arange(n)
    for k, w in enumerate(spline):
        source = _mirrored(first - 1 + k, n)
        weights += w[:, None] * inverse[source]
        stands_on[rows, source] = 1.0
    on_sample = np.abs(position - np.rint(position)) < 1e-9
    stands_on[on_sample] = 0.0
    stands_on[on_sample, np.rint(position[on_sample]).astype(np.intp)] = 1.0
    return weights, stands_on, inside


def _mirrored(index: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    if n == 1:
        return np.zeros_like(index)
    index = np.abs(index) % (2 * (n - 1))
    return np.where(index < n, index, 2 * (n - 1) - index)


@lru_cache(maxsize=4)
def _prefilter(n: int) -> NDArray[np.float64]:
    """Matrix (n, n) from samples to coefficients of the cubic B-spline with mirrored borders."""
    from scipy import ndimage

    matrix: NDArray[np.float64] = ndimage.spline_filter1d(np.eye(n), order=3, axis=0, mode="mirror")
    matrix.flags.writeable = False
    return matrix
