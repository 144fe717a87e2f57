"""Scans as intensity or optical density, with variance."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmcx.results import StxmStack

Image = NDArray[np.float64]

#: Structure smoother than this tells chemistry rather than drift [px] (our default).
_DETAIL_PX = 1.2


def split(stack: StxmStack) -> tuple[StxmStack, StxmStack]:
    """The two single-energy scans of a two-energy stack, the lower energy first.

    Parameters
    ----------
    stack : StxmStack
        ``counts (2, ny, nx)`` in any order of energy.

    Returns
    -------
    tuple of StxmStack
        (low, high), each with ``counts (1, ny, nx)``.

    Raises
    ------
    ValueError
        If the stack does not hold two different energies.

    References
    ----------
    Nothing is computed: the pair is what `xi_map` takes.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import StxmStack
    >>> axis = np.arange(3.0)
    >>> stack = StxmStack(np.ones((2, 3, 3)), np.array([856.2, 854.0]), axis, axis)
    >>> [float(scan.energy_ev[0]) for scan in surface.split(stack)]
    [854.0, 856.2]
    """
    energy = np.asarray(stack.energy_ev, dtype=float)
    if energy.size != 2 or not energy[0] != energy[1]:
        raise ValueError(
            f"the stack must hold two different energies, not {energy.tolist()} eV; "
            "pick two images of a longer stack"
        )
    order = np.argsort(energy)
    low, high = (
        replace(stack, counts=stack.counts[i : i + 1], energy_ev=stack.energy_ev[i : i + 1])
        for i in order
    )
    return low, high


@dataclass(frozen=True)
class Scan:
    """One scan as intensity (or optical density) with variance, and the image to register."""

    counts: Image
    intensity: Image
    variance: Image
    contrast: Image
    detail: Image | None  #: finest structure, for the drift; None: not known apart
    notes: tuple[str, ...]


def pair(value: float | tuple[float, float], name: str, *, least: float) -> tuple[float, float]:
    """One value for both scans, or one for each (low, high)."""
    if np.size(value) not in (1, 2):
        raise ValueError(f"{name} must be a number or (low, high), not {value}")
    both = np.broadcast_to(np.asarray(value, dtype=float), (2,))
    if not np.all(np.isfinite(both) & (both >= least)):
        raise ValueError(
            f"{name} must be {'positive' if least > 0 else 'zero or more'}, not {value}"
        )
    return float(both[0]), float(both[1])


def common_grid(low: StxmStack, high: StxmStack) -> tuple[tuple[float, float], tuple[float, float]]:
    """Energies and pixel size of two scans that must go together."""
    for name, scan in (("low", low), ("high", high)):
        if not isinstance(scan, StxmStack) or np.shape(scan.counts)[0] != 1:
            raise ValueError(
                f"{name} must be a StxmStack of one energy; surface.split parts a stack of two"
            )
    energy = float(low.energy_ev[0]), float(high.energy_ev[0])
    if not energy[0] < energy[1]:
        raise ValueError(
            f"low ({energy[0]} eV) must have a lower energy than high ({energy[1]} eV): swap them"
        )
    if low.counts.shape != high.counts.shape:
        raise ValueError(
            f"low {low.counts.shape[1:]} and high {high.counts.shape[1:]} must have the same "
            "number of pixels; cut them to the common field"
        )
    sizes = np.array([low.pixel_size_um, high.pixel_size_um])
    if np.any(np.abs(sizes[1] / sizes[0] - 1.0) > 0.01):
        raise ValueError(
            f"low and high have different pixel sizes: {sizes[0].tolist()} and "
            f"{sizes[1].tolist()} um; resample one of them first"
        )
    return energy, (float(sizes[0, 0]), float(sizes[0, 1]))


def dwell_times(low: StxmStack, high: StxmStack) -> tuple[tuple[float, float], tuple[str, ...]]:
    """Dwell of both scans [s], and a note where it is unknown."""
    times = float(low.dwell_s), float(high.dwell_s)
    if all(np.isfinite(t) and t > 0 for t in times):
        return times, ()
    return (1.0, 1.0), ("dwell time unknown: both scans are taken to have 1 s per pixel",)


def _poisson(counts: Image, name: str) -> tuple[Image, tuple[str, ...]]:
    """Variance of counts, and a word of warning if they do not look like counts."""
    finite = counts[np.isfinite(counts)]
    if finite.size == 0 or np.any(finite < 0):
        raise ValueError(
            f"{name} must hold counts of zero or more; convert electrometer currents to counts"
        )
    # A pixel without counts still has an error: that of one count.
    variance = np.maximum(counts, 1.0)
    if np.any(finite != np.rint(finite)):
        return variance, (f"{name} does not hold whole counts: Poisson errors are an assumption",)
    return variance, ()


def yield_scan(counts: Image, dwell: float, dark: float, flux: float | None, name: str) -> Scan:
    """Electron yield: counts a second over the incident flux."""
    variance, notes = _poisson(counts, name)
    if flux is None:
        notes += (f"{name}: no i0 given, incident flux taken as 1",)
    scale = 1.0 / (dwell * (1.0 if flux is None else flux))
    return Scan(
        counts=np.ascontiguousarray(counts),
        intensity=(counts - dark * dwell) * scale,
        variance=variance * scale**2,
        # One count more keeps empty pixels finite; it matters to the registration only.
        contrast=np.log1p(counts),
        detail=_detail(counts),
        notes=notes,
    )


def transmission_scan(
    counts: Image, dwell: float, dark: float, flux: float | None, name: str
) -> Scan:
    """Optical density against the open field."""
    variance, notes = _poisson(counts, name)
    net = counts - dark * dwell
    if flux is None:
        flux = _open_field(net[np.isfinite(net)])
        notes += (f"{name}: open field of {flux:.6g} counts, the brightest mode of the image",)
    with np.errstate(all="ignore"):
        density = np.where(net > 0, -np.log(net / flux), np.nan)
        spread = np.where(net > 0, variance / net**2, np.nan)
    return Scan(np.ascontiguousarray(counts), density, spread, density, None, notes)


def _open_field(counts: Image) -> float:
    """Counts at the brightest mode of the histogram that holds a fair share of the pixels."""
    low, high = np.percentile(counts, (0.1, 99.9))
    if not high > low:
        return float(np.median(counts))
    n_bin = 64
    height, edges = np.histogram(counts, bins=n_bin, range=(low, high))
    smooth = np.convolve(height, np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0, mode="same")
    around = np.pad(smooth, 1, constant_values=-1.0)
    peak = (smooth >= around[:-2]) & (smooth > around[2:]) & (smooth >= 0.2 * smooth.max())
    at = int(np.flatnonzero(peak)[-1])
    near = counts[(counts >= edges[max(at - 2, 0)]) & (counts <= edges[min(at + 3, n_bin)])]
    return float(np.median(near))


def _detail(counts: Image) -> Image:
    """Square root of the counts, whose Poisson noise is even, less what is smooth."""
    from scipy.ndimage import gaussian_filter

    root = np.sqrt(np.where(counts > 0, counts, 0.0) + 0.375)
    return np.asarray(root - gaussian_filter(root, _DETAIL_PX, mode="nearest"))
