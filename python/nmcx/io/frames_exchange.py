"""Raw counts in APS Data Exchange files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe, _units
from nmcx.io import frames_hdf5 as frames

_ENERGY = ("exchange/energy", "measurement/instrument/monochromator/energy")
_PIXEL = ("measurement/instrument/detection_system/objective/resolution",)
_EXPOSURE = ("measurement/instrument/detector/exposure_time",)
_FLATS = "process/acquisition/flat_fields"
_TIMES = ("file_creation_datetime", "process/acquisition/start_date", "measurement/start_time")


def recognises(opened: Any) -> bool:
    """Whether a file is one of these."""
    return "exchange/data" in opened


def read(opened: Any, file: Path) -> frames.Scan:
    """Frames of ``/exchange``; further ranks ``/exchange_N`` hold processed data and are named."""
    notes: list[str] = []
    others = sorted(name for name in opened if name.startswith("exchange_"))
    if others:
        notes.append(f"left out, as only /exchange holds raw counts: {', '.join(others)}")
    counts = frames.frames_of(opened, "exchange/data", file)
    n = len(counts)
    energy = frames.energies(opened, _ENERGY, n, file, notes)
    theta = frames.converted(opened, ("exchange/theta",), n, file, notes, _units.to_rad)
    if theta is None:
        notes.append("no theta in the file: angle 0 assumed")
        theta = np.zeros(n)
    exposure, flat_exposure = _exposures(opened, n, file, notes)
    pixel = _pixel_size(opened, file, notes)
    position = np.arange(n, dtype=np.float64)
    parts = [
        frames.series(
            counts,
            frames.SAMPLE,
            position=position,
            energy_ev=energy,
            theta=theta,
            pixel_size_um=pixel,
            exposure_s=exposure,
        )
    ]
    if "exchange/data_dark" in opened:
        dark = frames.frames_of(opened, "exchange/data_dark", file)
        parts.append(
            frames.series(
                dark, frames.DARK, position=-2.0, pixel_size_um=pixel, exposure_s=exposure[:1]
            )
        )
    else:
        notes.append("no data_dark: no dark frames")
    if "exchange/data_white" in opened and n:
        white = frames.frames_of(opened, "exchange/data_white", file)
        at, white_energy = _white_energies(len(white), energy, file, notes)
        parts.append(
            frames.series(
                white,
                frames.REFERENCE,
                position=at,
                energy_ev=white_energy,
                pixel_size_um=pixel,
                exposure_s=flat_exposure[:1],
            )
        )
    else:
        notes.append("no data_white: no reference frames")
    written = (frames.timestamp(frames.text(opened, name, file)) for name in _TIMES)
    time = next((when for when in written if when is not None), None)
    return frames.Scan(file, parts, time, tuple(notes))


def _white_energies(
    n_white: int, energy: NDArray[np.float64], file: Path, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position and energy of every white frame."""
    if np.isnan(energy).any() or np.ptp(energy) == 0:
        notes.append("data_white does not say when it was taken: put before the data")
        return np.full(n_white, -1.0), np.full(n_white, energy[0])
    if n_white == energy.size:
        return np.arange(n_white, dtype=np.float64) + 0.5, energy
    first = np.sort(np.unique(energy, return_index=True)[1])
    if n_white % first.size or not n_white:
        raise InputError(
            f"{file}: /exchange/data_white has {n_white} frames for {first.size} energies, so "
            "their energies are unknown; write one file per energy"
        )
    n_each = n_white // first.size
    notes.append(f"data_white taken as {n_each} frames per energy in the order of the energies")
    return np.repeat(first - 0.5, n_each), np.repeat(energy[first], n_each)


def _exposures(
    opened: Any, n: int, file: Path, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = frames.converted(opened, _EXPOSURE, n, file, notes, _units.to_seconds)
    if found is None:
        notes.append("no exposure time in the file: unknown")
        return np.full(n, np.nan), np.full(n, np.nan)
    if frames.text(opened, f"{_FLATS}/different_flat_exposure", file).lower() not in (
        "yes",
        "true",
    ):
        return found, found
    name = (f"{_FLATS}/flat_exposure_time",)
    flat = frames.converted(opened, name, n, file, notes, _units.to_seconds)
    if flat is None:
        raise InputError(
            f"{file}: the white frames were exposed differently, but {name[0]} is missing; add it"
        )
    return found, flat


def _pixel_size(opened: Any, file: Path, notes: list[str]) -> float:
    for name in _PIXEL:
        if name not in opened:
            continue
        values = frames.numbers(opened, name, file)
        unit = _safe.attribute(opened[name], "units") or "um"
        size = _units.to_um(float(values[0]), unit) if values.size == 1 else None
        if size is not None:
            return size
    notes.append("no usable pixel size in the file (objective/resolution): unknown")
    return float("nan")
