"""TIFF stacks and volumes, with spacing only where the file states it."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe
from nmcx.io._beside import check_beside
from nmcx.io._boxes import stored_type
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
        _quiet("tifffile"),
        tifffile.TiffFile(path, is_ome=False, is_mmstack=False) as opened,
    ):
        yield opened


@contextlib.contextmanager
def _quiet(library: str) -> Iterator[None]:
    """Keep a library from telling this thread's user of every damaged tag that it steps over.

    What nmcx needs of a file is checked by nmcx, and what cannot be read is an error.
    """
    thread = threading.get_ident()

    def is_of_others(_: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    logger = logging.getLogger(library)
    logger.addFilter(is_of_others)
    try:
        yield
    finally:
        logger.removeFilter(is_of_others)


class Layout(NamedTuple):
    """Where a TIFF file keeps its pages."""

    shape: tuple[int, int, int]  #: (n_page, ny, nx)
    stored: np.dtype[Any]  #: type of the numbers in the file's byte order
    offset: int | None  #: where the first page's numbers begin, if all follow each other unpacked

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers in native byte order."""
        return self.stored.newbyteorder("=")


def layout(path: Path) -> Layout:
    """Size, type and place of a TIFF file's pages.

    Raises
    ------
    nmcx.errors.InputError
        If pages differ in size, are not grey-scale numbers, or are cut short.
    """
    with open_tiff(path) as opened:
        first = opened.pages[0]
        if len(first.shape) != 2 or first.dtype is None or first.dtype.kind not in "iuf":
            raise InputError(f"{path}: pages are not grey-scale images; convert the file")
        ny, nx = (int(n) for n in first.shape)
        stored = first.dtype.newbyteorder(opened.byteorder)
        metadata = opened.imagej_metadata
        n_page = len(opened.pages)
        offset = int(first.dataoffsets[0]) if _unpacked(first) else None
        if isinstance(metadata, dict) and n_page == 1:
            # ImageJ writes stacks beyond 4 GB as one page followed by bare data.
            n_page = max(int(metadata.get("images", 1)), 1)
        elif any(page.shape != first.shape or page.dtype != first.dtype for page in opened.pages):
            raise InputError(f"{path}: pages differ in size or type; save them as one stack")
        elif offset is not None:
            step = ny * nx * stored.itemsize
            starts = [page.dataoffsets[0] for page in opened.pages if _unpacked(page)]
            if starts != [offset + i * step for i in range(n_page)]:
                offset = None
        if n_page > len(opened.pages) and offset is None:
            raise InputError(f"{path}: declares {n_page} images but holds one; save it again")
        return Layout((n_page, ny, nx), stored, offset)


def _unpacked(page: Any) -> bool:
    return bool(
        page.is_contiguous and page.compression == 1 and page.predictor == 1 and page.fillorder == 1
    )


def read_part(path: Path, where: Layout, pages: range, rows: range, out: NDArray[Any]) -> None:
    """Fill `out` (n_page, n_row, nx) with consecutive rows of consecutive pages of one file.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or has become shorter.
    """
    n_page, ny, nx = where.shape
    if pages.stop > n_page or rows.stop > ny:
        raise InputError(f"{path}: has {n_page} pages of {ny} rows, more were asked for")
    if where.offset is None:
        with open_tiff(path) as opened:
            for k, i in enumerate(pages):
                page = opened.pages[i]
                if page.shape != (ny, nx):
                    raise InputError(f"{path}: page {i} has changed its size; open it again")
                _require_segments(page, path)
                # Beside `out` there are the page and, in the worst case, one strip as large as it.
                needed = 2 * _memory.n_bytes(page.shape, where.stored)
                _memory.check_memory(needed, f"{path}: page {i}")
                out[k] = page.asarray()[rows.start : rows.stop]
        return
    whole = len(rows) == ny
    row = nx * where.stored.itemsize
    with _safe.damaged(path, "TIFF file"), path.open("rb", buffering=0) as raw:
        if whole:
            raw.seek(where.offset + pages.start * ny * row)
            _fill(raw, out, path)
        else:
            for k, i in enumerate(pages):
                raw.seek(where.offset + (i * ny + rows.start) * row)
                _fill(raw, out[k], path)
    if not where.stored.isnative:
        out.byteswap(inplace=True)


def _require_segments(page: Any, path: Path) -> None:
    """Refuse strips or tiles that the file does not hold: as much would be set aside for each."""
    size = path.stat().st_size
    n_segment = math.prod(-(-n // chunk) for n, chunk in zip(page.shape, page.chunks, strict=True))
    if not page.is_contiguous and len(page.dataoffsets) < n_segment:
        raise InputError(f"{path}: declares more strips than it holds; copy it again")
    pairs = zip(page.dataoffsets, page.databytecounts, strict=False)
    if any(offset + n_byte > size for offset, n_byte in pairs):
        raise InputError(f"{path}: is cut short; copy it again")


def _fill(raw: Any, out: NDArray[Any], path: Path) -> None:
    left = memoryview(np.ascontiguousarray(out).reshape(-1).view(np.uint8).data)
    while left:
        n_byte = raw.readinto(left)
        if not n_byte:
            raise InputError(f"{path}: is cut short; copy it again")
        left = left[n_byte:]


def read_pages(path: Path) -> NDArray[Any]:
    """All pages of a TIFF file, (n_page, ny, nx).

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or cut short.
    nmcx.errors.MemoryLimitError
        If the pages do not fit into memory.
    """
    where = layout(path)
    _memory.check_memory(_memory.n_bytes(where.shape, where.stored), str(path))
    values = np.empty(where.shape, where.dtype)
    read_part(path, where, range(where.shape[0]), range(where.shape[1]), values)
    return values


def folder(path: Path) -> list[Path]:
    """TIFF files of a folder in the natural order of their names.

    Raises
    ------
    nmcx.errors.InputError
        If there is none.
    """
    found = [check_beside(file, path) for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
    if not found:
        raise InputError(f"{path}: holds no .tif or .tiff file")
    return _safe.natural_order(found)


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
    values = np.asarray(volume)
    if values.ndim != 3 or values.dtype.kind not in "biuf" or not values.size:
        raise ValueError(
            f"volume must be a 3-D array of numbers, not {values.dtype} {values.shape}"
        )
    with _safe.atomic_write(path, overwrite) as temporary:
        write_pages(
            temporary, values, None if voxel_size_um is None else voxel_spacing(voxel_size_um)
        )


def write_pages(
    path: Path,
    values: Any,
    voxel_size_um: tuple[float, ...] | None,
    say: Callable[[int, int], None] | None = None,
) -> None:
    """Fill a TIFF file, one page per slice, read a few at a time.

    Parameters
    ----------
    path : path
        To be written.
    values : (nz, ny, nx) array
        Numbers; may be lazy; bool is stored as uint8.
    voxel_size_um : (dz, dy, dx) or None
        [µm].
    say : callable, optional
        Called as ``say(done, total)`` [bytes].
    """
    import tifffile

    dtype, shape = stored_type(values), tuple(int(n) for n in values.shape)
    n_byte = _memory.n_bytes(shape, dtype)
    metadata: dict[str, Any] = {"axes": "ZYX"}
    resolution: dict[str, Any] = {}
    if voxel_size_um is not None:
        dz, dy, dx = voxel_size_um
        metadata |= {"voxel_size_um": [dz, dy, dx], "spacing": dz, "unit": "um"}
        resolution = {"resolution": (1e4 / dx, 1e4 / dy), "resolutionunit": "CENTIMETER"}

    def pages() -> Iterator[NDArray[Any]]:
        for i in range(shape[0]):
            yield np.asarray(values[i]).astype(dtype, copy=False)
            if say is not None:
                say((i + 1) * n_byte // shape[0], n_byte)

    settings: dict[str, Any] = {
        "photometric": "minisblack",
        "metadata": json.loads(json.dumps(metadata)),
        "software": "nmcx",
        **resolution,
    }
    if shape[-1] == 1:
        # tifffile takes a last axis of one element for the colours, and slices for rows: each slice
        # by itself then, which are no volume to it.
        del settings["metadata"]["axes"]
        with tifffile.TiffWriter(path, bigtiff=n_byte > 2**31) as writer:
            for page in pages():
                writer.write(page, contiguous=True, **settings)
        return
    tifffile.imwrite(path, pages(), shape=shape, dtype=dtype, bigtiff=n_byte > 2**31, **settings)
