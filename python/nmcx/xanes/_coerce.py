"""Spectra as the kernels take them: two axes, native floats, either layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Window = tuple[float, float] | Sequence[float]


def coerce(
    energy_ev: ArrayLike, mu: ArrayLike, energy_axis: int
) -> tuple[NDArray[np.float64], NDArray[Any], bool, tuple[int, ...]]:
    """Energies, stack of two axes, whether voxels come first, and the spatial shape."""
    energy = np.ascontiguousarray(energy_ev, dtype=np.float64)
    if energy.ndim != 1:
        raise ValueError("energy_ev must have one axis")
    stack = np.asarray(mu)
    if stack.ndim == 0:
        raise ValueError("mu must have an axis over energy")
    if stack.dtype.kind not in "fiub":
        raise ValueError(f"mu must be an array of real numbers, not of {stack.dtype}")
    if stack.dtype not in (np.float32, np.float64):
        stack = stack.astype(np.float32)
    if not -stack.ndim <= energy_axis < stack.ndim:
        raise ValueError(f"energy_axis {energy_axis} does not exist: mu has {stack.ndim} axes")
    axis = energy_axis % stack.ndim
    voxel_major = axis == stack.ndim - 1 and stack.ndim > 1
    if not voxel_major:
        stack = np.moveaxis(stack, axis, 0)
    n_energy = stack.shape[-1 if voxel_major else 0]
    shape = stack.shape[:-1] if voxel_major else stack.shape[1:]
    n_voxel = math.prod(shape)
    flat = stack.reshape((n_voxel, n_energy) if voxel_major else (n_energy, n_voxel))
    return energy, _aligned(flat), voxel_major, shape


def _aligned(values: NDArray[Any]) -> NDArray[Any]:
    """C-contiguous, aligned, native byte order; a copy only if needed."""
    dtype = values.dtype.newbyteorder("=")
    return np.require(values, dtype=dtype, requirements=["C", "A"])


def coerce_variance(
    variance: ArrayLike | None, stack: NDArray[Any], n_axis: int, energy_axis: int, last: bool
) -> NDArray[Any]:
    """Variance of one voxel or of all, laid out as the stack; empty if there is none."""
    if variance is None:
        return np.empty((0, 0), dtype=stack.dtype)
    values = np.asarray(variance, dtype=stack.dtype)
    if values.ndim == 1:
        return np.ascontiguousarray(values[None, :] if last else values[:, None])
    if values.ndim != n_axis:
        raise ValueError("variance must have the shape of energy_ev or of mu")
    if not last:
        values = np.moveaxis(values, energy_axis, 0)
    if (
        values.size != stack.size
        or values.shape[-1 if last else 0] != stack.shape[-1 if last else 0]
    ):
        raise ValueError("variance must have the shape of energy_ev or of mu")
    return _aligned(values.reshape(stack.shape))


def window_of(window: Window, name: str) -> tuple[float, float]:
    values = np.asarray(window, dtype=np.float64)
    if values.shape != (2,):
        raise ValueError(f"{name} must be two energies (low, high) in eV, not {window!r}")
    return float(values[0]), float(values[1])
