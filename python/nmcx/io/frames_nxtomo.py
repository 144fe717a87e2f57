"""Raw counts in NeXus files that follow the application definition NXtomo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe, _units
from nmcx.io import frames_hdf5 as frames

_DETECTOR = "instrument/detector"
_ENERGY = (
    "instrument/beam/energy",
    "instrument/beam/incident_energy",
    "beam/energy",
    "beam/incident_energy",
    "instrument/monochromator/energy",
)
# The first two are at the sample, the last is the detector's own.
_PIXEL = (
    "sample/x_pixel_size",
    f"{_DETECTOR}/x_magnified_pixel_size",
    f"{_DETECTOR}/x_pixel_size",
)
_ROLES = {0: frames.SAMPLE, 1: frames.REFERENCE, 2: frames.DARK}


def recognises(opened: Any) -> bool:
    """Whether a file holds an NXtomo entry."""
    return bool(_entries(opened))


def _entries(opened: Any) -> list[str]:
    return [
        name
        for name in sorted(opened)
        if f"{name}/{_DETECTOR}/data" in opened
        and any(f"{name}/{_DETECTOR}/{key}" in opened for key in ("image_key", "image_key_control"))
    ]


def read(opened: Any, file: Path) -> frames.Scan:
    """Frames of all NXtomo entries of a file, one after the other."""
    notes: list[str] = []
    parts, n_before, times = [], 0, []
    entries = _entries(opened)
    if len(entries) > 1:
        notes.append(f"{len(entries)} NXtomo entries, read one after the other")
    for name in entries:
        entry = opened[name]
        parts.append(_entry(entry, n_before, file, notes))
        n_before += len(parts[-1].counts)
        times.append(frames.timestamp(frames.text(entry, "start_time", file)))
    return frames.Scan(file, parts, times[0], tuple(dict.fromkeys(notes)))


def _entry(entry: Any, n_before: int, file: Path, notes: list[str]) -> frames.Series:
    counts = frames.frames_of(entry, f"{_DETECTOR}/data", file)
    n = len(counts)
    key = _image_key(entry, n, file)
    kept = np.flatnonzero(np.isin(key, list(_ROLES)))
    if kept.size < n:
        notes.append(f"{n - kept.size} frames marked invalid or for alignment only: left out")
    energy = frames.energies(entry, _ENERGY, n, file, notes)
    theta = frames.converted(entry, ("sample/rotation_angle",), n, file, notes, _units.to_rad)
    if theta is None:
        notes.append("no sample/rotation_angle: angle 0 assumed")
        theta = np.zeros(n)
    exposure = frames.converted(
        entry, (f"{_DETECTOR}/count_time",), n, file, notes, _units.to_seconds
    )
    if exposure is None:
        notes.append("no count_time in the file: exposure unknown")
        exposure = np.full(n, np.nan)
    monitor = _monitor(entry, n, file, notes)
    return frames.series(
        frames.subset(counts, kept),
        [_ROLES[int(k)] for k in key[kept]],
        position=n_before + np.arange(kept.size),
        energy_ev=energy[kept],
        theta=theta[kept],
        pixel_size_um=_pixel_size(entry, file, notes),
        exposure_s=exposure[kept],
        current=monitor[kept],
    )


def _image_key(entry: Any, n: int, file: Path) -> NDArray[np.float64]:
    """One key per frame; image_key_control alone tells alignment images (-1) from projections."""
    where = f"{file}: {entry.name}/{_DETECTOR}/image_key"
    found = [
        frames.numbers(entry, f"{_DETECTOR}/{name}", file)
        for name in ("image_key", "image_key_control")
        if f"{_DETECTOR}/{name}" in entry
    ]
    for key in found:
        if key.size != n:
            raise InputError(f"{where} has {key.size} values for {n} frames; make them agree")
    known = np.isin(found[0], (-1, 0, 1, 2, 3))
    if not known.all():
        raise InputError(f"{where} holds {found[0][~known][0]:g}; 0, 1, 2 and 3 are defined")
    return np.where(found[-1] == -1, -1.0, found[0])


def _monitor(entry: Any, n: int, file: Path, notes: list[str]) -> NDArray[np.float64]:
    import h5py

    if not isinstance(entry.get("control/data"), h5py.Dataset):
        return np.full(n, np.nan)
    values = frames.numbers(entry, "control/data", file)
    if values.size != n:
        notes.append(f"control/data has {values.size} values for {n} frames: not used")
        return np.full(n, np.nan)
    notes.append("control/data taken as the beam current")
    return values


def _pixel_size(entry: Any, file: Path, notes: list[str]) -> float:
    import h5py

    name = next((name for name in _PIXEL if isinstance(entry.get(name), h5py.Dataset)), None)
    if name is None:
        notes.append("no x_pixel_size in the file: pixel size unknown")
        return float("nan")
    values = frames.numbers(entry, name, file)
    unit = _safe.attribute(entry[name], "units")
    if not unit and values.size == 1:
        # A pixel of a millimetre is none of a microscope, one of a nanometre none of a detector.
        unit = "m" if values[0] < 1e-3 else "um"
        notes.append(f"{name} without a unit: below 0.001 metres, else micrometres; here {unit}")
    size = _units.to_um(float(values[0]), unit) if values.size == 1 else None
    if size is None:
        notes.append(f"{name} is not a length: pixel size unknown")
        return float("nan")
    if name == _PIXEL[-1]:
        notes.append("pixel size is detector/x_pixel_size: a magnification is not in it")
    return size
