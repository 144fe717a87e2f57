"""Three-dimensional images from TIFF, HDF5, OME-Zarr and npy files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe, stacks_zarr, tiff
from nmcx.io.stacks_hdf5 import voxel_size
from nmcx.results import voxel_spacing


class Volume(NamedTuple):
    """A 3-D image with its voxel size, if the file states one."""

    values: NDArray[Any]  #: (nz, ny, nx) as stored
    voxel_size_um: tuple[float, float, float] | None  #: (dz, dy, dx) [µm]
    notes: tuple[str, ...]  #: what was missing


def read_volume(path: str | PathLike[str], *, dataset: str | None = None) -> Volume:
    """A 3-D image from a TIFF, HDF5 or npy file, or from OME-Zarr.

    Parameters
    ----------
    path : path-like
        A multi-page TIFF file, a folder of single-page TIFF files in the order of their names, an
        HDF5 file, an OME-Zarr image, or what `numpy.save` wrote (``.npy``). One of two dimensions
        is a single slice.
    dataset : str, optional
        Path of the dataset in an HDF5 file; not needed if only one is three-dimensional.

    Returns
    -------
    Volume
        ``values`` (nz, ny, nx), ``voxel_size_um`` (dz, dy, dx) [µm] or None if the file does not
        state it, ``notes``.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, not three-dimensional, or holds several candidates.
    nmcx.errors.MemoryLimitError
        If the volume does not fit into memory.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "tomogram.tif")
    ...     tiff.write_tiff(file, np.zeros((2, 3, 4), np.float32), (0.2, 0.1, 0.1))
    ...     values, voxel_size_um, notes = read_volume(file)
    >>> values.shape, voxel_size_um
    ((2, 3, 4), (0.2, 0.1, 0.1))
    """
    file = Path(path)
    if stacks_zarr.is_store(file):
        stored, size = stacks_zarr.open_volume(file)
        whole = np.asarray(stored)
        if whole.ndim == 3:
            return _volume(whole, size)
        return _volume(whole[np.newaxis], None if size is None else (size[0], *size))
    if file.is_dir():
        pages = tiff.folder(file)
        first = tiff.layout(pages[0])
        n_page, *shape = first.shape
        if n_page != 1:
            raise InputError(f"{pages[0]}: has several pages; one slice per file was expected")
        _memory.check_memory(_memory.n_bytes((len(pages), *shape), first.stored), str(file))
        return _volume(np.stack([_one_page(page, tuple(shape)) for page in pages]), None)
    if file.suffix.lower() in tiff.SUFFIXES:
        values = tiff.read_pages(file)
        return _volume(values, tiff.tiff_spacing(file))
    if file.suffix.lower() == ".npy":
        return _volume(_saved_array(file), None)
    with _safe.open_hdf5(file) as opened:
        found = volume_dataset(opened, dataset, file)
        return _volume(_safe.read_array(found, file), voxel_size(found.parent, 3))


def _volume(values: NDArray[Any], size: tuple[float, ...] | None) -> Volume:
    notes = () if size is not None else ("the file states no voxel size",)
    return Volume(values, None if size is None else voxel_spacing(size), notes)


def mapped_array(file: Path) -> NDArray[Any]:
    """What `numpy.save` wrote, (nz, ny, nx), read when it is indexed; one slice of two dimensions.

    Raises
    ------
    nmcx.errors.InputError
        If it is damaged, holds no plain numbers, or has another number of axes.
    """
    _safe.check_file(file, "npy file")
    _check_header(file)
    # Mapped first: the header is believed only as far as the file is long.
    with _safe.damaged(file, "npy file"):
        mapped = np.load(file, mmap_mode="r", allow_pickle=False)
    if mapped.dtype.kind not in "biuf":
        raise InputError(f"{file}: holds {mapped.dtype}, not plain numbers; convert it")
    if mapped.ndim not in (2, 3):
        raise InputError(f"{file}: has {mapped.ndim} axes, a volume has three")
    return np.asarray(mapped) if mapped.ndim == 3 else np.asarray(mapped)[np.newaxis]


def _check_header(file: Path) -> None:
    """Numpy takes the memory for as long a header as the file says that it has."""
    with file.open("rb") as opened:
        start = opened.read(12)
    size = int.from_bytes(start[8:12] if start[6:7] > b"\x01" else start[8:10], "little")
    if size > file.stat().st_size:
        raise InputError(f"{file}: is damaged, its header is longer than the file; save it again")


def _saved_array(file: Path) -> NDArray[Any]:
    mapped = mapped_array(file)
    _memory.check_memory(mapped.nbytes, str(file))
    return np.array(mapped, dtype=mapped.dtype.newbyteorder("="))


def _one_page(page: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    values = tiff.read_pages(page)
    if values.shape != (1, *shape):
        raise InputError(f"{page}: is {values.shape[1:]}, the first slice {shape}; crop them alike")
    return np.asarray(values[0])


def volume_dataset(opened: Any, name: str | None, file: Path) -> Any:
    """The dataset of that name, or the only one of three dimensions."""
    import h5py

    if name is not None:
        found = _safe.get_dataset(opened, name, file)
        if found.ndim != 3:
            raise InputError(f"{file}: {name} has {found.ndim} axes, a volume has three")
        return found
    found = []

    def collect(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3 and item.dtype.kind in "biuf":
            found.append(item)

    opened.visititems(collect)
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise InputError(f"{file}: three-dimensional datasets: {names}; name one with dataset=")
    return found[0]
