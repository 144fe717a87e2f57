"""Scans as counts with their noise, and the way from there to intensity or optical density."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmcx.results import StxmStack
from nmcx.surface.noise import Image, noise_model, saturated_pixels


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
            "select_pair picks two images of a longer stack"
        )
    low, high = (stack.select([int(i)]) for i in np.argsort(energy))
    return low, high


@dataclass(frozen=True)
class Scan:
    """One scan in counts with its noise, what makes intensity of it, and the image to register."""

    name: str
    counts: Image  #: (ny, nx), NaN where saturated
    dark: float  #: counts in a pixel
    flux: float  #: intensity is net counts over this (in transmission: open field in net counts)
    excess: float  #: variance per expected count; 1: Poisson
    read_variance: float  #: [counts^2]
    contrast: Image  #: what the drift is found on
    even: Image  #: with even noise: what its texture is read from
    saturated: float  #: share of the pixels
    notes: tuple[str, ...]

    def intensity(self, counts: Image, mode: str) -> tuple[Image, Image]:
        """Intensity (or optical density) of counts on any grid, and its slope per count."""
        net = counts - self.dark
        if mode == "tey":
            return net / self.flux, np.full(net.shape, 1.0 / self.flux)
        with np.errstate(all="ignore"):
            positive = np.where(net > 0, net, np.nan)
            return -np.log(positive / self.flux), 1.0 / positive


@dataclass(frozen=True)
class Exposure:
    """What a scan needs besides its readings."""

    dwell: float
    dark: float
    i0: float | None
    gain: float | None
    read_noise: float


def each(
    value: float | tuple[float, ...] | None, name: str, n_scan: int, *, least: float
) -> tuple[float | None, ...]:
    """One value for all scans, or one for each (low, high, background)."""
    if value is None:
        return (None,) * n_scan
    if np.size(value) not in (1, n_scan):
        wanted = "(low, high)" if n_scan == 2 else "(low, high, background)"
        raise ValueError(f"{name} must be a number or {wanted}, not {value}")
    values = np.broadcast_to(np.asarray(value, dtype=float), (n_scan,))
    if not np.all(np.isfinite(values) & (values >= least)):
        raise ValueError(
            f"{name} must be {'positive' if least > 0 else 'zero or more'}, not {value}"
        )
    return tuple(float(v) for v in values)


def common_grid(scans: Sequence[StxmStack]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Energies (low, high) and pixel size of scans that must go together."""
    names = ("low", "high", "background")
    for name, scan in zip(names, scans, strict=False):
        if not isinstance(scan, StxmStack) or np.shape(scan.counts)[0] != 1:
            raise ValueError(
                f"{name} must be a StxmStack of one energy; surface.split parts a stack of two, "
                "surface.select_pair picks from more"
            )
    energy = [float(scan.energy_ev[0]) for scan in scans]
    if not energy[0] < energy[1]:
        raise ValueError(
            f"low ({energy[0]} eV) must have a lower energy than high ({energy[1]} eV): swap them"
        )
    if len(scans) > 2 and not energy[2] < energy[0]:
        raise ValueError(f"background ({energy[2]} eV) must lie below low ({energy[0]} eV)")
    first = scans[0]
    size = np.array(first.pixel_size_um)
    for name, scan in zip(names[1:], scans[1:], strict=False):
        if first.counts.shape != scan.counts.shape:
            raise ValueError(
                f"low {first.counts.shape[1:]} and {name} {scan.counts.shape[1:]} must have the "
                "same number of pixels; cut them to the common field"
            )
        if first.units != scan.units:
            raise ValueError(f"low is in {first.units}, {name} in {scan.units}: convert one")
        if np.any(np.abs(np.array(scan.pixel_size_um) / size - 1.0) > 0.01):
            raise ValueError(
                f"low and {name} have different pixel sizes: {size.tolist()} and "
                f"{list(scan.pixel_size_um)} um; resample one of them first"
            )
    return (energy[0], energy[1]), (float(size[0]), float(size[1]))


def dwell_times(scans: Sequence[StxmStack]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Dwell of the scans [s], and a note where it is unknown; 1 for readings that do not add up."""
    if scans[0].units != "counts":
        return (1.0,) * len(scans), ()
    times = tuple(float(scan.dwell_s) for scan in scans)
    if all(np.isfinite(t) and t > 0 for t in times):
        return times, ()
    return (1.0,) * len(scans), ("dwell time unknown: all scans are taken to have 1 s per pixel",)


def reading_per_count(scan: StxmStack, given: float | None) -> float | None:
    """Gain of a scan: as given, or one over the dwell for a rate."""
    dwell = float(np.ravel(scan.dwell_s)[0])
    if given is None and scan.units == "Hz" and np.isfinite(dwell) and dwell > 0:
        return 1.0 / dwell
    return given


def beam(
    scans: Sequence[StxmStack], i0: float | tuple[float, ...] | None, mode: str
) -> tuple[tuple[float | None, ...], tuple[str, ...]]:
    """Incident beam of each scan: as given, or as recorded with the scans."""
    given = each(i0, "i0", len(scans), least=float(np.finfo(float).tiny))
    if i0 is not None or any(scan.i0 is None for scan in scans):
        return given, ()
    recorded = np.array([float(np.ravel(np.asarray(scan.i0))[0]) for scan in scans])
    if not np.all(np.isfinite(recorded) & (recorded > 0)):
        return given, ("the recorded i0 is not positive and was not used",)
    if mode == "transmission":
        return given, ("the recorded i0 is not the open field and was not used; i0= takes that",)
    # Only the ratio matters: a mean of one keeps the intensities in counts a second.
    relative = recorded / recorded[:2].mean()
    shown = ", ".join(f"{v:.4g}" for v in relative)
    return tuple(float(v) for v in relative), (f"recorded i0, relative to its mean: {shown}",)


def prepare(stack: StxmStack, exposure: Exposure, *, mode: str, noise: str, name: str) -> Scan:
    """Counts, noise and contrast of one scan."""
    data = np.array(stack.counts[0], dtype=np.float64)
    unit, excess, read, notes = noise_model(data, stack.units, exposure, noise, name)
    if stack.detector and stack.detector != mode:
        notes += (f'{name} was recorded as "{stack.detector}" but is treated as "{mode}"',)
    full = saturated_pixels(data)
    share = float(full.mean())
    if share:
        notes += (f"{name}: {np.count_nonzero(full)} saturated pixels left out",)
        data[full] = np.nan
    if not np.any(np.isfinite(data)):
        raise ValueError(f"{name} holds no finite pixel")
    counts = np.ascontiguousarray(data / unit)
    dark = exposure.dark * exposure.dwell / unit
    if mode == "tey":
        flux = exposure.dwell * (exposure.i0 or 1.0) / unit
        if exposure.i0 is None:
            notes += (f"{name}: no i0 given, incident flux taken as 1",)
        # One count more keeps empty pixels finite; it matters to the registration only.
        contrast = np.log1p(np.maximum(counts, 0.0))
        # The square root of Poisson counts has even noise.
        even = np.sqrt(np.maximum(counts, 0.0) + 0.375)
    else:
        net = counts - dark
        flux = exposure.i0 / unit if exposure.i0 else _open_field(net[np.isfinite(net)])
        if exposure.i0 is None:
            notes += (f"{name}: open field of {flux:.6g} counts, the brightest mode of the image",)
        with np.errstate(all="ignore"):
            contrast = np.where(net > 0, -np.log(net / flux), np.nan)
        even = contrast
    return Scan(name, counts, dark, flux, excess, read**2, contrast, even, share, notes)


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
