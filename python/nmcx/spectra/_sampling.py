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


def local_value(energy: Float, at_ev: float, half_width_ev: float, degree: int = 2) -> Float:
    """Weights (n,) whose product with a spectrum is its smoothed value at an energy."""
    distance = np.abs(energy - at_ev)
    near = np.flatnonzero(distance <= half_width_ev * (1 + 1e-9))
    if near.size < degree + 2:
        near = np.argsort(distance, kind="stable")[: degree + 2]
    x = (energy[near] - at_ev) / half_width_ev
    weights = np.zeros(energy.size)
    weights[near] = np.linalg.pinv(np.vander(x, degree + 1, increasing=True))[0]
    return weights


def integral(energy: Float, low_ev: float, high_ev: float) -> Float:
    """Weights (n,) of the trapezoidal integral from `low_ev` to `high_ev`, ends interpolated."""
    inside = energy[(energy > low_ev) & (energy < high_ev)]
    nodes = np.concatenate([[low_ev], inside, [high_ev]])
    step = np.diff(nodes)
    at_node = 0.5 * (np.append(step, 0.0) + np.insert(step, 0, 0.0))
    left = np.clip(np.searchsorted(energy, nodes, side="right") - 1, 0, energy.size - 2)
    share = (nodes - energy[left]) / (energy[left + 1] - energy[left])
    weights = np.zeros(energy.size)
    np.add.at(weights, left, at_node * (1.0 - share))
    np.add.at(weights, left + 1, at_node * share)
    return weights


def in_window(
    energy: Float, window: tuple[float, float], name: str, least: int, remedy: str
) -> Bool:
    """Mask of a window, which must hold at least so many points."""
    low, high = float(window[0]), float(window[1])
    if not low < high:
        raise ValueError(f"{name} must run from a low to a high energy, not {window!r}")
    mask = (energy >= low - 1e-9) & (energy <= high + 1e-9)
    if np.count_nonzero(mask) < least:
        raise ValueError(
            f"{name} {low:.1f} to {high:.1f} eV holds {np.count_nonzero(mask)} points, "
            f"{least} are needed; {remedy}"
        )
    return np.asarray(mask)
