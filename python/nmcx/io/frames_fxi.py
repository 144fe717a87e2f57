"""Scans of NSLS-II FXI (18-ID) as its export writes them: one HDF5 file per scan.

Names and units are facts about these files: ``X_eng`` is in keV, ``angle`` in degrees,
``Pixel Size`` a text such as "19.5nm" that the export computes as 6500 nm / ``Magnification``.
In a 2-D XANES scan ``img_xanes`` is usually divided by the reference already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory
from nmcx.io import frames_hdf5 as frames
from nmcx.io._lazy import LazyArray
from nmcx.io.stacks_hdf5 import fxi_pixel_size_um

#: Pixel of the detector before magnification [µm].
DETECTOR_PIXEL_UM = 6.5
_ENERGY = ("X_eng", "XEng")
_IMAGE_COPIES = 6
# A scan has some tens; a few bytes can declare a million, which would be read one by one.
_MOST_DARK_IMAGES = 10_000


def recognises(opened: Any) -> bool:
    """Whether a file is one of these scans."""
    return "img_tomo" in opened or "img_xanes" in opened


def read(opened: Any, file: Path) -> frames.Scan:
    """Frames of one scan."""
    notes: list[str] = []
    pixel = _pixel_size(opened, file, notes)
    dark = _first_of(opened, ("img_dark", "img_dark_avg"), file)
    bright = _first_of(opened, ("img_bkg", "img_bkg_avg"), file)
    for images in (dark, bright):
        if images is not None:
            # Means and medians of single images are taken while the file is read.
            n_byte = _memory.n_bytes(images.shape[1:], np.dtype(np.float64))
            _memory.check_memory(_IMAGE_COPIES * n_byte, f"{file}: one image")
    if bright is None:
        notes.append("no img_bkg: no reference frames")
    if "img_tomo" in opened:
        parts = _tomography(opened, bright, file, notes)
    else:
        parts, dark = _spectroscopy(opened, bright, dark, file, notes)
    if dark is not None:
        parts.insert(0, frames.series(dark, frames.DARK, position=-1.0))
    notes.append("FXI files state no exposure time and no beam current")
    known = [
        frames.series(
            part.counts,
            part.role,
            position=part.position,
            energy_ev=part.energy_ev,
            theta=part.theta,
            pixel_size_um=pixel,
        )
        for part in parts
    ]
    time = frames.numbers(opened, "scan_time", file) if _is_number(opened, "scan_time") else None
    usable = time is not None and time.size == 1 and np.isfinite(time[0])
    return frames.Scan(file, known, float(time[0]) if usable else None, tuple(notes))  # type: ignore[index]


def _tomography(
    opened: Any, bright: LazyArray | None, file: Path, notes: list[str]
) -> list[frames.Series]:
    counts = frames.frames_of(opened, "img_tomo", file)
    n = len(counts)
    energy = frames.energies(opened, _ENERGY, n, file, notes)
    if n and np.ptp(energy) > 0:
        raise InputError(f"{file}: a tomogram has one energy, X_eng holds several; split the file")
    angle = frames.converted(opened, ("angle",), n, file, notes, lambda a, *_: np.deg2rad(a))
    if angle is None:
        notes.append("no angle in the file: angle 0 assumed")
        angle = np.zeros(n)
    position = np.arange(n)
    parts = [frames.series(counts, frames.SAMPLE, position=position, energy_ev=energy, theta=angle)]
    if bright is not None and n:
        parts.append(
            frames.series(bright, frames.REFERENCE, position=float(n), energy_ev=energy[0])
        )
    return parts


def _spectroscopy(
    opened: Any, bright: LazyArray | None, dark: LazyArray | None, file: Path, notes: list[str]
) -> tuple[list[frames.Series], LazyArray | None]:
    counts = frames.frames_of(opened, "img_xanes", file)
    n = len(counts)
    energy = frames.energies(opened, _ENERGY, n, file, notes)
    if n > 1 and np.isfinite(energy).all() and np.ptp(energy) == 0:
        raise InputError(f"{file}: X_eng has one energy for {n} images; give one per image")
    position = np.arange(n, dtype=np.float64)
    if bright is None or not n:
        return [frames.series(counts, frames.SAMPLE, position=position, energy_ev=energy)], dark
    if len(bright) != n:
        raise InputError(f"{file}: /img_bkg has {len(bright)} frames for {n} energies")
    if np.all(bright[0] == 1.0):
        notes.append(
            "img_bkg is 1 throughout: exported without references and with the dark counts "
            "subtracted; add references of the same energies"
        )
        return [frames.series(counts, frames.SAMPLE, position=position, energy_ev=energy)], None
    notes.append("img_xanes and img_bkg are means of an unknown number of exposures")
    # Only images of one shape can have been divided by each other; for others nothing is taken.
    shape = counts.shape[1:]
    is_alike = bright.shape[1:] == shape and (dark is None or dark.shape[1:] == shape)
    mean_dark = _mean_dark(dark, shape, file) if is_alike and counts.dtype.kind == "f" else None
    if mean_dark is not None and _is_transmission(counts, bright, mean_dark):
        counts = _counts(counts, bright, mean_dark)
        notes.append(
            "img_xanes is divided by the reference already: turned back into counts with img_bkg "
            "and img_dark"
        )
    return [
        frames.series(counts, frames.SAMPLE, position=position, energy_ev=energy),
        # Each reference follows its own image.
        frames.series(bright, frames.REFERENCE, position=position + 0.5, energy_ev=energy),
    ], dark


def _is_transmission(images: LazyArray, bright: LazyArray, dark: NDArray[np.float64]) -> bool:
    """Counts lie within three optical densities of the reference, transmissions near 1."""
    with np.errstate(all="ignore"):
        level = float(np.nanmedian(images[0])) if np.isfinite(images[0]).any() else np.nan
        light = bright[0] - dark
        reference = float(np.nanmedian(light)) if np.isfinite(light).any() else np.nan
    return abs(level) < 3.0 and reference > 20.0 * max(abs(level), 1.0)


def _counts(transmission: LazyArray, bright: LazyArray, dark: NDArray[np.float64]) -> LazyArray:
    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        below = dark[rest]
        with np.errstate(all="ignore"):
            counts = below + transmission[(first, *rest)] * (bright[(first, *rest)] - below)
        return np.asarray(counts, np.float64)

    # In double precision: the optical density is then that of the file to its last digit.
    return LazyArray(read, transmission.shape, np.float64)


def _mean_dark(images: LazyArray | None, shape: tuple[int, ...], file: Path) -> NDArray[np.float64]:
    total = np.zeros(shape)
    if images is None:
        return total
    if len(images) > _MOST_DARK_IMAGES:
        raise InputError(
            f"{file}: declares {len(images)} dark images, more than {_MOST_DARK_IMAGES}; "
            "is it damaged?"
        )
    for i in range(len(images)):
        total += images[i]
    return total / max(len(images), 1)


def _first_of(opened: Any, names: tuple[str, ...], file: Path) -> LazyArray | None:
    name = next((name for name in names if name in opened), None)
    return None if name is None else frames.frames_of(opened, name, file)


def _is_number(opened: Any, name: str) -> bool:
    import h5py

    item = opened.get(name)
    return isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf"


def _pixel_size(opened: Any, file: Path, notes: list[str]) -> float:
    import h5py

    size = None
    if isinstance(opened.get("Pixel Size"), h5py.Dataset):
        size = fxi_pixel_size_um(opened["Pixel Size"], file)
        rule = "pixel size as /Pixel Size states it"
    if size is None and _is_number(opened, "Magnification"):
        magnification = frames.numbers(opened, "Magnification", file)
        if magnification.size == 1 and np.isfinite(magnification[0]) and magnification[0] > 0:
            size = DETECTOR_PIXEL_UM / float(magnification[0])
            rule = f"pixel size {DETECTOR_PIXEL_UM} µm / Magnification"
    if size is None:
        notes.append("no usable Pixel Size or Magnification: pixel size unknown")
        return float("nan")
    notes.append(f"{rule}, one for all energies; binning of the camera is not in it")
    return size
