"""A sample of the voxels that stands for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_N_MEAN = 20_000  # voxels averaged
_LARGEST = float(np.finfo(np.float32).max)  # what the kernels, which calculate in float32, hold


def mean_spectrum(stack: NDArray[Any], voxel_major: bool) -> NDArray[np.float64]:
    """Mean of evenly spread voxels without NaN or Inf; NaN if there are none."""
    n_voxel = stack.shape[0 if voxel_major else 1]
    step = max(1, n_voxel // _N_MEAN)
    some = stack[::step].T if voxel_major else stack[:, ::step]
    some = np.asarray(some, dtype=np.float64)
    # False for NaN too.
    some = some[:, (np.abs(some) <= _LARGEST).all(axis=0)]
    if some.shape[1] == 0:
        return np.full(some.shape[0], np.nan)
    return np.asarray(some.mean(axis=1))
