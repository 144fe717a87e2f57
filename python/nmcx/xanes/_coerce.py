"""Spectra as the kernels take them: two axes, native floats, either layout."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_KEV_BELOW = 100.0
Window = tuple[float, float] | Sequence[float]


def coerce(
    energy_ev: ArrayLike, mu: ArrayLike, energy_axis: int
) -> tuple[NDArray[np.float64], NDArray[Any], bool, tuple[int, ...]]:
    """Energies, stack of two axes, whether voxels come first, and the spatial shape."""
    energy = _energies(energy_ev)
    stack = _real(mu, "mu")
    if stack.ndim == 0:
        raise ValueError("mu must have an axis over energy")
    energy_axis = integer(energy_axis, "energy_axis")
    if stack.dtype not in (np.float32, np.float64):
        # What float32 cannot hold becomes Inf, and the voxel is flagged.
        with np.errstate(over="ignore"):
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


def integer(value: Any, name: str) -> int:
    """A whole number of any integer type."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None


def number(value: Any, name: str) -> float:
    """A real number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None


def _energies(energy_ev: ArrayLike) -> NDArray[np.float64]:
    energy = np.ascontiguousarray(_real(energy_ev, "energy_ev"), dtype=np.float64)
    if energy.ndim != 1:
        raise ValueError("energy_ev must have one axis")
    # Windows in keV too would fit, but the reach of the white line is in eV.
    if energy.size and np.isfinite(energy).all() and 0 < energy.max() < _KEV_BELOW:
        raise ValueError(
            f"energy_ev ends at {energy.max():g}, which looks like keV: multiply it by 1000 (and "
            "give the windows in eV)"
        )
    return energy


def _real(values: ArrayLike, name: str) -> NDArray[Any]:
    """An array of real numbers, NaN where a masked array hides them."""
    try:
        if isinstance(values, np.ma.MaskedArray):
            array = np.ma.filled(values.astype(np.result_type(values.dtype, np.float32)), np.nan)
        else:
            array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be an array of real numbers, not of {array.dtype}")
    return array


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
    with np.errstate(over="ignore"):
        values = np.asarray(_real(variance, "variance"), dtype=stack.dtype)
    if values.ndim == 1:
        if not (np.isfinite(values) & (values > 0)).all():
            raise ValueError(
                f"variance must be positive and finite at every energy ({values.dtype}); leave it "
                "out to take the noise from the residuals"
            )
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
    """Two absolute energies [eV]."""
    low, high = interval_of(window, name)
    if 0 < high < _KEV_BELOW:
        raise ValueError(f"{name} {window!r} looks like keV: multiply it by 1000")
    return low, high


def interval_of(window: Window, name: str) -> tuple[float, float]:
    """Two energies or differences of energies [eV]."""
    try:
        values = np.asarray(window, dtype=np.float64)
    except (ValueError, TypeError):
        values = np.empty(0)
    if values.shape != (2,):
        raise ValueError(f"{name} must be two energies (low, high) in eV, not {window!r}")
    return float(values[0]), float(values[1])
