"""What all soft X-ray measures share: clean input, linear functionals of a spectrum, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

_KEV_BELOW = 100.0


@dataclass(frozen=True)
class Samples:
    """A spectrum as the measures take it: sorted, finite, with a variance for every point."""

    energy_ev: Float  #: (n,) strictly rising [eV]
    intensity: Float  #: (n,)
    variance: Float  #: (n,) given, or estimated from the roughness
    measured: bool  #: whether the variance was given
    notes: tuple[str, ...]


def samples(
    energy_ev: ArrayLike, intensity: ArrayLike, variance: ArrayLike | None = None
) -> Samples:
    """Sort, leave out points without a value, and find the noise where it is not given."""
    energy = vector(energy_ev, "energy_ev")
    values = vector(intensity, "intensity")
    if energy.shape != values.shape:
        raise ValueError(f"intensity has {values.size} points for {energy.size} energies")
    if not np.isfinite(energy).all():
        raise ValueError("energy_ev holds NaN or Inf; leave these points out")
    if energy.size and energy.max() < _KEV_BELOW:
        raise ValueError(
            f"energy_ev ends at {energy.max():g}, which looks like keV: multiply it by 1000"
        )
    known = np.isfinite(values)
    given = None if variance is None else vector(variance, "variance")
    if given is not None:
        if given.shape != energy.shape:
            raise ValueError(f"variance has {given.size} points for {energy.size} energies")
        known &= np.isfinite(given)
        if np.any(given[known] <= 0):
            raise ValueError("variance must be positive; for counts use at least 1")
    notes = [] if known.all() else [f"{np.count_nonzero(~known)} points without a value left out"]
    if np.any(np.diff(energy) <= 0):
        notes.append("energies sorted")
    order = np.flatnonzero(known)[np.argsort(energy[known], kind="stable")]
    energy, values = energy[order], values[order]
    if energy.size < 12:
        raise ValueError(f"intensity has {energy.size} finite points; a spectrum needs 12")
    if np.any(np.diff(energy) <= 0):
        raise ValueError("energy_ev holds an energy twice; average the repeats first")
    if given is None:
        noise = np.full(energy.size, noise_variance(energy, values))
        notes.append("variance estimated from the roughness, the same for all points")
    else:
        noise = given[order]
    return Samples(energy, values, noise, given is not None, tuple(notes))


def vector(values: ArrayLike, name: str) -> Float:
    """A one-dimensional array of doubles."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold real numbers") from None
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, not {array.ndim}")
    return array


def noise_variance(energy: Float, values: Float) -> float:
    """Variance of white noise, from how far each point lies off a parabola through four others.

    A robust scale, so that the sharp parts of an edge do not count.
    """
    n = energy.size
    distance = np.empty(n - 4)
    for i in range(2, n - 2):
        x = energy[[i - 2, i - 1, i + 1, i + 2]] - energy[i]
        weights = np.linalg.pinv(np.vander(x, 3, increasing=True))[0]
        off = values[i] - weights @ values[[i - 2, i - 1, i + 1, i + 2]]
        distance[i - 2] = off / np.sqrt(1.0 + weights @ weights)
    # Median of |x| over that of a standard normal; noise-free data keep a rounding error's worth.
    scale = float(np.median(np.abs(distance))) / 0.6745
    return max(scale, 1e-9 * float(np.ptp(values)), np.finfo(float).tiny ** 0.25) ** 2


def smoothing(energy: Float, width_ev: float) -> Float:
    """Matrix of a local parabola with Gaussian weights of this standard deviation."""
    x = (energy[None, :] - energy[:, None]) / width_ev
    weight = np.exp(-0.5 * x**2) + 1e-12
    powers = np.stack([np.ones_like(x), x, x**2], axis=-1)  # (at, from, power)
    normal = np.einsum("ij,ijp,ijq->ipq", weight, powers, powers)
    # Where a coarse grid leaves fewer than three points, a little ridge makes it the nearest value.
    normal += 1e-9 * np.eye(3)
    rows = np.linalg.inv(normal)[:, 0, :]
    return np.asarray(np.einsum("ip,ijp->ij", rows, powers) * weight)


def local_value(energy: Float, at_ev: ArrayLike, half_width_ev: float, degree: int = 2) -> Float:
    """Weights (..., n) whose product with a spectrum is its smoothed value at energies (...)."""
    x = energy - np.asarray(at_ev, dtype=np.float64)[..., None]
    distance = np.abs(x)
    # At least so many points as a smoothing polynomial needs, the nearest ones.
    enough = np.partition(distance, degree + 1, axis=-1)[..., degree + 1, None]
    reach = np.maximum(half_width_ev, enough) * (1 + 1e-9)
    x = x / reach
    powers = np.where(distance <= reach, 1.0, 0.0)[..., None] * x[..., None] ** np.arange(
        degree + 1
    )
    normal = np.swapaxes(powers, -1, -2) @ powers
    first = np.linalg.inv(normal)[..., 0]
    return np.asarray((powers @ first[..., None])[..., 0])


def integral(energy: Float, low_ev: ArrayLike, high_ev: ArrayLike) -> Float:
    """Weights (..., n) of the trapezoidal integral between energies (...), ends interpolated.

    Each point counts by the integral of its hat function, which is what trapezoids add up to.
    """
    step = np.diff(energy)

    def up_to(end_ev: ArrayLike) -> Float:
        end = np.asarray(end_ev, dtype=np.float64)[..., None]
        share = np.clip((end - energy[:-1]) / step, 0.0, 1.0)
        weights = np.zeros((*share.shape[:-1], energy.size))
        weights[..., 1:] += 0.5 * step * share**2
        weights[..., :-1] += step * (share - 0.5 * share**2)
        return weights

    return up_to(high_ev) - up_to(low_ev)


def in_window(
    energy: Float, window: tuple[ArrayLike, ArrayLike], name: str, least: int, remedy: str
) -> Bool:
    """Mask (..., n) of windows, each of which must hold at least so many points."""
    low, high = (np.asarray(end, dtype=np.float64)[..., None] for end in window)
    if not np.all(low < high):
        raise ValueError(f"{name} must run from a low to a high energy, not {window!r}")
    mask = (energy >= low - 1e-9) & (energy <= high + 1e-9)
    count = np.count_nonzero(mask, axis=-1)
    if np.any(count < least):
        worst = np.unravel_index(np.argmin(count), count.shape)
        raise ValueError(
            f"{name} {low[worst][0]:.1f} to {high[worst][0]:.1f} eV holds {count[worst]} points, "
            f"{least} are needed; {remedy}"
        )
    return np.asarray(mask)
