"""What all readers of scanned images end with: axes that rise, energies in order, one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _detectors, _units
from nmcx.results import StxmStack
from nmcx.results.soft import one_or_each

Array = NDArray[np.float64]

_TRANSMISSION = {"pmt", "transmission", "trans", "itrans", "it", "i1", "diode", "photodiode"}
_UNITS = {"": "counts", "counts": "counts", "count": "counts", "cts": "counts", "v": "V"}
_UNITS |= {"hz": "Hz", "counts/s": "Hz", "cps": "Hz", "volt": "V", "volts": "V"}
_AMPERES = {"a": 1.0, "amp": 1.0, "ampere": 1.0, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6}
_AMPERES |= {"na": 1e-9, "pa": 1e-12}


@dataclass(frozen=True)
class Images:
    """Images as a file holds them, before they are put in order."""

    counts: Array  #: (n_energy, ny, nx)
    energy_ev: Array  #: (n_energy,)
    x_um: Array  #: (nx,)
    y_um: Array  #: (ny,)
    dwell_s: Array  #: (n_energy,), NaN where unknown
    i0: Array | None  #: (n_energy,)
    channel: str  #: the channel's name, which may tell the detector
    unit: str  #: unit of the counts as stated, "" if it is not
    axes: tuple[str, str] = ("sample_x", "sample_y")  #: what the axes are called in the file


def in_order(images: Images, where: str, notes: list[str]) -> StxmStack:
    """Images by rising energy, with rising axes; `notes` gains what was done.

    Raises
    ------
    nmcx.errors.InputError
        If an axis neither rises nor falls throughout.
    """
    n_bad = int(np.count_nonzero(~np.isfinite(images.counts)))
    if n_bad:
        notes.append(f"{n_bad} pixels are not finite numbers; they stay so")
    order = np.argsort(images.energy_ev, kind="stable")
    if np.any(np.diff(order) < 0):
        notes.append("energies were not in ascending order: sorted")
    if np.any(np.diff(images.energy_ev[order]) == 0):
        notes.append("some energies occur more than once")
    counts, x, y = _ascending(images, where, notes)
    units, factor = _counted_in(images.unit, notes)
    detector = detector_of(images.channel)
    if detector:
        notes.append(f"detector {detector} by the channel's name {images.channel!r}")
    return StxmStack(
        np.ascontiguousarray(counts[order]) * factor,
        images.energy_ev[order],
        x,
        y,
        one_or_each(images.dwell_s[order]),
        tuple(notes),
        _incident(images.i0, order, notes),
        detector,
        units,
    )


def _ascending(images: Images, where: str, notes: list[str]) -> tuple[Array, Array, Array]:
    counts, x, y = images.counts, images.x_um, images.y_um
    if x.size > 1 and np.all(np.diff(x) < 0):
        counts, x = counts[:, :, ::-1], x[::-1]
        notes.append("x ran downwards: columns reversed")
    if y.size > 1 and np.all(np.diff(y) < 0):
        counts, y = counts[:, ::-1], y[::-1]
        notes.append("y ran downwards: rows reversed")
    for name, axis in zip(images.axes, (x, y), strict=True):
        step = np.diff(axis)
        if np.any(step <= 0):
            raise InputError(
                f"{where}: {name} neither rises nor falls throughout; is it an image scan?"
            )
        # Positions are written with few digits, so a regular grid is uneven by rounding.
        if step.size and np.ptp(step) > 0.05 * np.median(step):
            notes.append(f"{name} is not uniform: steps {step.min():.4g} … {step.max():.4g} µm")
    return counts, np.ascontiguousarray(x), np.ascontiguousarray(y)


def _counted_in(unit: str, notes: list[str]) -> tuple[str, float]:
    """Unit of the counts, and the factor to it."""
    stated = unit.strip().lower()
    if stated in _AMPERES:
        return "A", _AMPERES[stated]
    if stated not in _UNITS:
        notes.append(f"unit {unit!r} of the channel kept as it is")
        return unit.strip(), 1.0
    if not stated:
        notes.append("unit of the channel not stated: counts")
    if _UNITS[stated] == "Hz":
        notes.append("the channel's unit is Hz: a rate, unless the header's label is wrong")
    return _UNITS[stated], 1.0


def detector_of(channel: str) -> str:
    """Detector by the channel's name: "tey", "transmission", "" if it does not tell."""
    if _detectors.is_electron_yield(channel):
        return "tey"
    return "transmission" if _TRANSMISSION & set(_detectors.words(channel)) else ""


def _incident(i0: Array | None, order: NDArray[np.intp], notes: list[str]) -> Array | None:
    if i0 is None:
        return None
    if not np.all(np.isfinite(i0) & (i0 > 0)):
        notes.append("i0 is not positive for every image: not used")
        return None
    return np.asarray(i0[order])


def image_means(images: Any) -> Array:
    """(n_energy,) means over the finite pixels of each image, NaN where there is none."""
    flat = np.reshape(np.asarray(images, dtype=np.float64), (len(images), -1))
    finite = np.isfinite(flat)
    n = finite.sum(axis=1)
    total = np.where(finite, flat, 0.0).sum(axis=1)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan))


def without_blank_end(images: Images, notes: list[str]) -> Images:
    """`images` without the empty ones that an interrupted scan leaves at its end."""
    blank = ~np.any(np.isfinite(images.counts) & (images.counts != 0), axis=(1, 2))
    n = len(blank) - int(np.argmax(~blank[::-1])) if not blank.all() else len(blank)
    if n == len(blank):
        return images
    notes.append(f"interrupted scan: the last {len(blank) - n} of {len(blank)} images are empty")
    i0 = None if images.i0 is None else images.i0[:n]
    return Images(
        images.counts[:n],
        images.energy_ev[:n],
        images.x_um,
        images.y_um,
        images.dwell_s[:n],
        i0,
        images.channel,
        images.unit,
        images.axes,
    )


def positions_um(positions: Array, unit: object, name: str, where: str, notes: list[str]) -> Array:
    """Positions [µm]; without a unit they are µm, or mm where steps would be below a nanometre."""
    if not positions.size or positions.ndim != 1 or not np.isfinite(positions).all():
        raise InputError(f"{where}: {name} is not a list of positions; is it an image scan?")
    if not unit:
        step = np.abs(np.diff(positions))
        unit = "mm" if step.size and 0 < np.median(step) < 1e-3 else "um"
        notes.append(f"{name} has no unit: {unit} (mm where steps would be below 0.001 µm)")
    factor = _units.to_um(1.0, unit)
    if factor is None:
        raise InputError(f"{where}: {name} is in {unit!r}, not a length; is it an image scan?")
    return positions * factor
