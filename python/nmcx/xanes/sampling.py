"""A sample of the voxels that stands for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_N_ALL = 2**14  # of up to so many voxels all are taken
_N_RUN = 64  # of more, so many runs of voxels that follow each other in memory and in files
_RUN = 64  # voxels in a run: a page of a file, part of one chunk
_LARGEST = float(np.finfo(np.float32).max)  # what the kernels, which calculate in float32, hold


def runs(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Where the sample of a map lies: few short runs along the last axis, spread over all axes.

    Along the first axis they are evenly spaced, along the others they follow an additive
    recurrence of irrational steps: no regular grid, which could miss a particle or hit only air.

    Parameters
    ----------
    shape : tuple of int
        Spatial shape.

    Returns
    -------
    list of tuple of slice
        Index of each run.

    Examples
    --------
    >>> runs((4, 5))
    [(slice(None, None, None), slice(None, None, None))]
    >>> len(runs((100, 100, 100))), runs((100, 100, 100))[0]
    (64, (slice(0, 1, None), slice(75, 76, None), slice(21, 85, None)))
    """
    if math.prod(shape) <= _N_ALL:
        return [(slice(None),) * len(shape)]
    length = min(_RUN, shape[-1])
    places = [*shape[:-1], shape[-1] - length + 1]
    # Steps of the recurrence with the most even cover: powers of the root of g^(d+1) = g + 1.
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / len(shape))
    found = {}
    for i in range(_N_RUN):
        at = [(i + 0.5) / _N_RUN] + [((i + 1) * root**-k) % 1.0 for k in range(1, len(shape))]
        corner = tuple(int(a * n) for a, n in zip(at, places, strict=True))
        found[corner] = (*(slice(c, c + 1) for c in corner[:-1]), slice(corner[-1], None))
    return [(*run[:-1], slice(run[-1].start, run[-1].start + length)) for run in found.values()]


def sample_spectra(
    values: Any,
    voxel_major: bool,
    gather: Callable[[list[Any]], list[Any]] = lambda parts: parts,
) -> NDArray[np.float64]:
    """Spectra of the sample, (n_energy, n_sample), without those that hold NaN or Inf.

    Parameters
    ----------
    values : array or lazy array
        (n_energy, ...), or (..., n_energy) if `voxel_major`.
    voxel_major : bool
        Whether the last axis runs over energy.
    gather : callable
        Makes arrays of all parts at once, where indexing gives something else.
    """
    shape = values.shape[:-1] if voxel_major else values.shape[1:]
    where = runs(tuple(shape))
    keys = [(*run, slice(None)) if voxel_major else (slice(None), *run) for run in where]
    parts = [np.asarray(part) for part in gather([values[key] for key in keys])]
    if voxel_major:
        parts = [np.moveaxis(part, -1, 0) for part in parts]
    parts = [as_float(part).reshape(len(part), math.prod(part.shape[1:])) for part in parts]
    spectra = np.concatenate(parts, axis=1)
    # One layout whatever the stack's: sums over it shall have the same bits.
    spectra = spectra[:, (np.abs(spectra) <= _LARGEST).all(axis=0)]  # false for NaN too
    return np.ascontiguousarray(spectra, dtype=np.float64)


def sample_stack(
    stack: NDArray[Any], shape: tuple[int, ...], voxel_major: bool
) -> NDArray[np.float64]:
    """`sample_spectra` of a stack of two axes whose voxels fill `shape`."""
    n_energy = stack.shape[-1 if voxel_major else 0]
    spatial = (*shape, n_energy) if voxel_major else (n_energy, *shape)
    return sample_spectra(stack.reshape(spatial), voxel_major)


def as_float(values: NDArray[Any]) -> NDArray[Any]:
    """Native float32 or float64 as they are, anything else as float32: what the kernels take."""
    dtype = fit_dtype(values.dtype)
    return values.astype(dtype, copy=False)


def fit_dtype(dtype: Any) -> np.dtype[Any]:
    """The type in which spectra of type `dtype` are fitted."""
    native = np.dtype(dtype).newbyteorder("=")
    return native if native in (np.float32, np.float64) else np.dtype(np.float32)


def mean_spectrum(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of a sample, (n_energy,); NaN if it is empty."""
    if spectra.shape[1] == 0:
        return np.full(spectra.shape[0], np.nan)
    return np.asarray(spectra.mean(axis=1))
