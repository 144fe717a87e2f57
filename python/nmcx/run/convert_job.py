"""`nmcx convert`: images from one file format into another, part by part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io
from nmcx.errors import OutputError, UsageError
from nmcx.io import Image, stacks_hdf5, stacks_tiff, stacks_zarr, tiff
from nmcx.io._atomic import atomic_write

Progress = Callable[[float, float, str], None]

#: Formats that are written, and the ends of the names of their files.
FORMATS = {
    "exchange": (".h5", ".hdf5", ".hdf"),
    "ome-zarr": (".zarr",),
    "tiff": (".tif", ".tiff"),
}


@dataclass(frozen=True)
class ConvertJob:
    """What `convert` made."""

    path: Path  #: file, store or folder
    lines: tuple[str, ...]  #: what it holds, in words
    seconds: float  #: wall time [s]


def convert(
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    to: str | None = None,
    dataset: str | None = None,
    zarr_format: int = 2,
    force: bool = False,
    progress: Progress | None = None,
) -> ConvertJob:
    """Write an energy stack, a volume or a map in another file format.

    A few parts of 32 MB are in memory at a time, whatever the size of the whole. Energies, voxel
    size and unit go along; the numbers stay as they are.

    Parameters
    ----------
    source : str or path
        What `nmcx.io.open_image` opens.
    out : str or path
        Data Exchange file (``.h5``), OME-Zarr store (``.ome.zarr``), TIFF file (``.tif``) of a
        volume, or folder of TIFF files of a stack, one per energy.
    to : str, optional
        "exchange", "ome-zarr" or "tiff"; default by the end of the name of `out`.
    dataset : str, optional
        Of the image in an HDF5 file; in a result file ``"<result>/<field>"``.
    zarr_format : int
        2: OME-Zarr 0.4; 3: OME-Zarr 0.5.
    force : bool
        Replace what is at `out`, if it is of the same format.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    ConvertJob

    Raises
    ------
    nmcx.errors.UsageError
        If the format is unknown, or the name does not fit what is written.
    nmcx.errors.InputError
        If the source is missing or damaged, or holds no such image.
    nmcx.errors.OutputError
        If `out` exists and `force` is false, or it cannot be written.
    ImportError
        If zarr is needed but not installed.
    """
    started = time.perf_counter()
    image, kind, target = _planned(source, out, to, dataset, zarr_format)
    if not target.parent.is_dir():
        raise OutputError(f"{target.parent}: is no folder; make it, or name another")

    def say(done: int, total: int) -> None:
        if progress is not None:
            progress(done, total, target.name)

    if kind == "ome-zarr":
        io.write_ome_zarr(target, image, zarr_format=zarr_format, overwrite=force, say=say)
    elif kind == "exchange":
        with atomic_write(target, force) as temporary:
            stacks_hdf5.write_file(
                temporary, image.values, energy=image.energy_ev, variance=image.variance,
                voxel_size_um=image.voxel_size_um, unit=image.unit, say=say,
            )  # fmt: skip
    elif image.energy_ev is not None:
        stacks_tiff.write_folder(
            target, image.values, image.energy_ev, image.voxel_size_um, overwrite=force, say=say
        )
    else:
        with atomic_write(target, force) as temporary:
            tiff.write_pages(temporary, image.values, image.voxel_size_um, say)
    return ConvertJob(target, tuple(_lines(image)), time.perf_counter() - started)


def plan_convert(
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    to: str | None = None,
    dataset: str | None = None,
    zarr_format: int = 2,
) -> list[str]:
    """What `convert` would do; nothing is read but sizes, and nothing is written.

    Parameters
    ----------
    source, out, to, dataset, zarr_format
        As in `convert`.

    Returns
    -------
    list of str
        Lines for the user.

    Raises
    ------
    nmcx.errors.UsageError, nmcx.errors.InputError
        As in `convert`.
    """
    image, kind, target = _planned(source, out, to, dataset, zarr_format)
    there = " (exists; --force needed)" if target.exists() else ""
    return [*_lines(image), f"{'output':<8} {target}: {kind}{there}"]


def _planned(
    source: str | PathLike[str],
    out: str | PathLike[str],
    to: str | None,
    dataset: str | None,
    zarr_format: int,
) -> tuple[Image, str, Path]:
    target = Path(out).absolute()
    kind = _kind(target, to)
    if zarr_format not in (2, 3):
        raise UsageError(f"--zarr-format: must be 2 or 3, not {zarr_format}")
    if kind == "ome-zarr":
        stacks_zarr.zarr_library()
    image = io.open_image(source, dataset=dataset)
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target}: is the input; name another file")
    is_stack = image.energy_ev is not None
    if kind == "tiff" and is_stack and target.suffix.lower() in FORMATS["tiff"]:
        raise UsageError(
            f"{target}: a stack becomes a folder of TIFF files, one per energy; name a folder, "
            f"and give --to tiff: {target.with_suffix('')}"
        )
    if kind == "tiff" and not is_stack and target.suffix.lower() not in FORMATS["tiff"]:
        raise UsageError(f"{target}: the file of a volume ends in .tif; name it so")
    # A map is a single slice for programs that know volumes only; it is as thick as a row.
    if kind != "ome-zarr" and len(image.axes) == 2:
        size = image.voxel_size_um
        image = image._replace(
            values=_AsSlice(image.values), axes=("z", "y", "x"),
            voxel_size_um=None if size is None else (size[0], *size),
            notes=(*image.notes, "a map is written as a volume of one slice"),
        )  # fmt: skip
    if kind == "tiff" and image.variance is not None:
        image = image._replace(notes=(*image.notes, "the variance is left out: TIFF has no place"))
    return image, kind, target


class _AsSlice:
    """A map (ny, nx) as a volume (1, ny, nx)."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)[np.newaxis]
        self.shape, self.dtype = self._values.shape, self._values.dtype

    def __getitem__(self, key: Any) -> Any:
        return self._values[key]


def _kind(target: Path, to: str | None) -> str:
    suffix = target.suffix.lower()
    by_name = next((kind for kind, ends in FORMATS.items() if suffix in ends), None)
    if to is None:
        if by_name is None:
            raise UsageError(
                f"{target}: its name tells no format; end it in .h5, .ome.zarr or .tif, or give "
                "--to exchange, ome-zarr or tiff"
            )
        return by_name
    if to not in FORMATS:
        raise UsageError(f"--to: must be one of {', '.join(FORMATS)}, not {to}")
    if by_name not in (None, to):
        raise UsageError(f"--to {to}: but {target.name} ends as a file of {by_name} does")
    return to


def _lines(image: Image) -> list[str]:
    shape = " × ".join(str(n) for n in image.values.shape[-len(image.axes) :])
    size = image.voxel_size_um
    unit = "" if image.unit == "1" else f" [{image.unit}]"
    lines = [
        f"{'image':<8} {image.name}: {shape} ({', '.join(image.axes)}), {image.values.dtype}{unit}"
    ]
    if size is not None:
        lines.append(f"{'voxels':<8} {' × '.join(f'{s:.6g}' for s in size)} µm")
    if image.energy_ev is not None:
        low, high = image.energy_ev[0], image.energy_ev[-1]
        lines.append(f"{'energies':<8} {image.energy_ev.size}, {low:.2f}–{high:.2f} eV")
    return lines + [f"{'note':<8} {note}" for note in image.notes]
