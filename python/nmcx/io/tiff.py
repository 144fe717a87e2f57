"""TIFF stacks and volumes, with spacing only where the file states it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.errors import InputError
from nmcx.io import _safe
from nmcx.results import voxel_spacing

if TYPE_CHECKING:
    import tifffile

SUFFIXES = (".tif", ".tiff")
_TO_UM = {"um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3}
_TO_UM["\\u00B5m"] = 1.0  # as ImageJ writes the micro sign


@contextlib.contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file without following what its metadata says about other files.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or of another format.
    """
    import tifffile

    _safe.check_file(path, "TIFF file")
    # OME and Micro-Manager metadata may name further files: only this one's own pages are read.
    with (
        _safe.damaged(path, "TIFF file"),
        tifffile.TiffFile(path, is_ome=False, is_mmstack=False) as opened,
    ):
        yield opened


def pages_shape(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape (n_page, ny, nx), or (ny, nx) of a single page, and type of a TIFF file's pages.

    Raises
    ------
    nmcx.errors.InputError
        If pages differ in size, are not grey-scale numbers, or are cut short.
    """
    with open_tiff(path) as opened:
        first = opened.pages[0]
        if len(first.shape) != 2 or first.dtype is None or first.dtype.kind not in "iuf":
            raise InputError(f"{path}: pages are not grey-scale images; convert the file")
        metadata = opened.imagej_metadata
        n_page = len(opened.pages)
        if isinstance(metadata, dict) and n_page == 1:
            # ImageJ writes stacks beyond 4 GB as one page followed by bare data.
            n_page = max(int(metadata.get("images", 1)), 1)
        elif any(page.shape != first.shape or page.dtype != first.dtype for page in opened.pages):
            raise InputError(f"{path}: pages differ in size or type; save them as one stack")
        shape = tuple(int(n) for n in first.shape)
        return ((n_page, *shape) if n_page > 1 else shape), first.dtype.newbyteorder("=")


def read_pages(path: Path, first: int = 0, n_page: int | None = None) -> NDArray[Any]:
    """Pages ``first … first + n_page`` of a TIFF file, (n_page, ny, nx).

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or has fewer pages.
    nmcx.errors.MemoryLimitError
        If the pages do not fit into memory.
    """
    shape, dtype = pages_shape(path)
    n_total = shape[0] if len(shape) == 3 else 1
    n_page = n_total - first if n_page is None else n_page
    if first + n_page > n_total:
        raise InputError(f"{path}: has {n_total} pages, {first + n_page} are needed")
    wanted = (n_page, *shape[-2:])
    _safe.check_memory(_safe.n_bytes(wanted, dtype), str(path))
    with open_tiff(path) as opened:
        if len(opened.pages) == n_total:
            values = np.empty(wanted, dtype)
            for i in range(n_page):
                values[i] = opened.pages[first + i].asarray()
            return values
        n_byte = math.prod(shape) * dtype.itemsize
        offset = opened.pages[0].dataoffsets[0]
        if offset + n_byte > path.stat().st_size:
            raise InputError(f"{path}: is cut short; copy it again")
        stored = dtype.newbyteorder(opened.byteorder)
        step = n_byte // n_total
        with path.open("rb") as raw:
            raw.seek(offset + first * step)
            content = np.fromfile(raw, stored, n_page * step // dtype.itemsize)
        return np.asarray(content.reshape(wanted), dtype)


def tiff_spacing(path: Path) -> tuple[float, float, float] | None:
    """Voxel size (dz, dy, dx) [µm] if the file states all three with a unit, else None."""
    with open_tiff(path) as opened:
        own = opened.shaped_metadata
        if own and "voxel_size_um" in own[0]:
            with contextlib.suppress(ValueError, TypeError):
                return voxel_spacing(tuple(own[0]["voxel_size_um"]))
        metadata = opened.imagej_metadata
        tags = opened.pages.first.tags
        if not isinstance(metadata, dict) or "spacing" not in metadata:
            return None
        factor = _TO_UM.get(str(metadata.get("unit", "")))
        resolution = [tags[name].value for name in ("YResolution", "XResolution") if name in tags]
        if factor is None or len(resolution) != 2:
            return None
        try:
            dy, dx = (factor * denominator / numerator for numerator, denominator in resolution)
            return voxel_spacing((factor * float(metadata["spacing"]), dy, dx))
        except (ZeroDivisionError, ValueError, TypeError):
            return None


def write_tiff(
    path: str | PathLike[str],
    volume: ArrayLike,
    voxel_size_um: float | tuple[float, ...] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write a volume as a TIFF stack, one page per slice.

    Parameters
    ----------
    path : path-like
        The file.
    volume : (nz, ny, nx) array_like
        Numbers; bool is stored as uint8. Files beyond 2 GB become BigTIFF.
    voxel_size_um : float or (dz, dy, dx), optional
        Voxel size [µm], stored in the description; None stores none.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or it cannot be written.
    ValueError
        If `volume` is not a 3-D array of numbers or `voxel_size_um` is not positive.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx.io import read_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "particle.tif")
    ...     write_tiff(file, np.zeros((2, 3, 4), np.float32), 0.1)
    ...     read_volume(file).voxel_size_um
    (0.1, 0.1, 0.1)
    """
    import tifffile

    values = np.asarray(volume)
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.ndim != 3 or values.dtype.kind not in "iuf" or not values.size:
        raise ValueError(
            f"volume must be a 3-D array of numbers, not {values.dtype} {values.shape}"
        )
    metadata: dict[str, Any] = {"axes": "ZYX"}
    resolution: dict[str, Any] = {}
    if voxel_size_um is not None:
        dz, dy, dx = voxel_spacing(voxel_size_um)
        metadata |= {"voxel_size_um": [dz, dy, dx], "spacing": dz, "unit": "um"}
        resolution = {"resolution": (1e4 / dx, 1e4 / dy), "resolutionunit": "CENTIMETER"}
    with _safe.atomic_write(path, overwrite) as temporary:
        tifffile.imwrite(
            temporary,
            values,
            photometric="minisblack",
            bigtiff=values.nbytes > 2**31,
            metadata=json.loads(json.dumps(metadata)),
            software="nmcx",
            **resolution,
        )
