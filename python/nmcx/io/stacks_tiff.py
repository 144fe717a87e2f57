"""Energy stacks in TIFF: pages or files in the order of a list of energies beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe, _units, tiff
from nmcx.io._atomic import atomic_folder
from nmcx.io._beside import check_beside
from nmcx.io._boxes import Say
from nmcx.io._lazy import LazyArray
from nmcx.io._planes import Planes
from nmcx.results import EnergyStack


def open_tiff(path: Path) -> EnergyStack:
    """See `nmcx.io.open_stack`."""
    notes: list[str] = []
    images = _folder_images(path) if path.is_dir() else _page_images(path)
    energy, source = _sidecar(path, notes)
    order = _units.energy_order(energy, len(images), str(source), notes)
    size = tiff.tiff_spacing(images[0].file)
    if size is None:
        notes.append("the file states no voxel size")
    mu = _lazy(images, order, path)
    return EnergyStack(energy[order], mu, None, size and size[4 - mu.ndim :], tuple(notes))


def lazy_pages(path: Path) -> LazyArray:
    """Pages of a file, or of a folder of single pages, (n_page, ny, nx), read when indexed."""
    if path.is_dir():
        images = _folder_images(path)
        if len(images[0].pages) != 1:
            file = images[0].file
            raise InputError(f"{file}: has several pages; one slice per file was expected")
    else:
        where = tiff.layout(path)
        images = [_Image(path, where, range(i, i + 1)) for i in range(where.shape[0])]
    return _lazy(images, np.arange(len(images)), path)


class _Image(NamedTuple):
    """The pages that make the image of one energy."""

    file: Path
    where: tiff.Layout
    pages: range


def _folder_images(folder: Path) -> list[_Image]:
    files = tiff.folder(folder)
    first = tiff.layout(files[0])
    images = []
    for file in files:
        where = tiff.layout(file)
        if (where.shape, where.dtype) != (first.shape, first.dtype):
            raise InputError(f"{file}: differs from {files[0].name} in size or type")
        images.append(_Image(file, where, range(where.shape[0])))
    return images


def _page_images(file: Path) -> list[_Image]:
    _safe.check_file(file, "TIFF stack")
    where = tiff.layout(file)
    n_page = where.shape[0]
    if n_page == 1:
        raise InputError(f"{file}: has a single page; a stack has one page per energy")
    return [_Image(file, where, range(i, i + 1)) for i in range(n_page)]


def _lazy(images: list[_Image], order: NDArray[np.intp], path: Path) -> LazyArray:
    where, n_page = images[0].where, len(images[0].pages)
    flat = n_page == 1  # images, not volumes
    shape = where.shape[1:] if flat else (n_page, *where.shape[1:])

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        keys = (slice(None), *rest) if flat else rest
        keys = (*keys, *[slice(None)] * 3)[:3]
        (pages, at_page), (rows, at_row) = (
            _span(key, n) for key, n in zip(keys, (n_page, where.shape[1]), strict=False)
        )
        block = (first.size, len(pages), len(rows), where.shape[2])
        _memory.check_memory(_memory.n_bytes(block, where.dtype), str(path))
        out = np.empty(block, where.dtype)
        for k, i in enumerate(first):
            image = images[i]
            tiff.read_part(
                image.file, image.where, image.pages[pages.start : pages.stop], rows, out[k]
            )
        # Without steps and integers this is a view.
        return np.asarray(out[(slice(None), 0 if flat else at_page, at_row, keys[2])])

    planes = _planes(images, shape)
    return LazyArray(read, (len(images), *shape), where.dtype, order, planes=planes)


def _planes(images: list[_Image], shape: tuple[int, ...]) -> Planes | None:
    """Where the images lie, if all do so unpacked and in the same byte order."""
    stored = images[0].where.stored
    page = _memory.n_bytes(shape[-2:], stored)
    offsets = []
    for image in images:
        if image.where.offset is None or image.where.stored != stored:
            return None
        offsets.append(image.where.offset + image.pages.start * page)
    return Planes(tuple(image.file for image in images), tuple(offsets), shape, stored)


def _span(key: Any, n: int) -> tuple[range, Any]:
    """The consecutive elements that hold what `key` asks for, and the key within them."""
    if not isinstance(key, slice):
        return range(int(key), int(key) + 1), 0
    wanted = range(*key.indices(n))
    if not wanted:
        return range(0), slice(None)
    return range(wanted[0], wanted[-1] + 1), slice(None, None, wanted.step)


def _sidecar(path: Path, notes: list[str]) -> tuple[NDArray[np.float64], Path]:
    stem = path.name if path.is_dir() else path.stem
    folders = (path, path.parent) if path.is_dir() else (path.parent,)
    names = [stem, f"{stem}_energies", f"{stem}_energy"]
    for folder in folders:
        own = [] if folder == path.parent and path.is_dir() else ["energies", "energy"]
        for name in (*names, *own):
            for suffix in (".csv", ".txt"):
                candidate = folder / f"{name}{suffix}"
                if candidate.is_file():
                    notes.append(f"energies from {candidate.name}")
                    check_beside(candidate, folder if folder != path.parent else path)
                    return _energy_list(candidate, notes), candidate
    where = path / "energies.csv" if path.is_dir() else path.with_suffix(".csv")
    raise InputError(f"{path}: no list of energies beside it; write one energy per line to {where}")


def _energy_list(path: Path, notes: list[str]) -> NDArray[np.float64]:
    energies: list[float] = []
    for number, raw in enumerate(_safe.read_text(path, "list of energies").splitlines(), start=1):
        words = raw.split("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            energies.append(float(words[0]))
        except ValueError as error:
            if energies:
                raise InputError(f"{path}: line {number} does not begin with a number") from error
    return _units.to_ev(np.array(energies, dtype=np.float64), None, str(path), notes)


def is_stack(folder: Path) -> bool:
    """Whether a folder holds what `write_folder` writes, and nothing else."""
    names = [file.name for file in folder.iterdir()]
    return "energies.csv" in names and all(
        name == "energies.csv" or Path(name).suffix.lower() in tiff.SUFFIXES for name in names
    )


def write_folder(
    path: Path,
    values: Any,
    energy_ev: NDArray[np.float64],
    voxel_size_um: tuple[float, ...] | None,
    *,
    overwrite: bool = False,
    say: Say | None = None,
) -> None:
    """Write a stack that `open_tiff` reads back: a file per energy, and a list of the energies.

    Parameters
    ----------
    path : path
        The folder.
    values : (n_energy, nz, ny, nx) or (n_energy, ny, nx) array
        May be lazy: one image is read at a time, slice by slice.
    energy_ev : (n_energy,) array
        [eV].
    voxel_size_um : tuple of float or None
        [µm].
    overwrite : bool
        Whether an earlier stack in that folder may be replaced.
    say : callable, optional
        Called as ``say(done, total)`` [bytes].

    Raises
    ------
    nmcx.errors.OutputError
        If it exists and `overwrite` is false, or it cannot be written.
    """
    n_digit = len(str(len(energy_ev)))
    size = voxel_size_um
    if size is not None and len(size) == 2:
        size = (size[0], *size)  # a single slice is as thick as a row
    total = _memory.n_bytes(values.shape, np.dtype(values.dtype))
    with atomic_folder(path, overwrite, is_stack, "folder of a TIFF stack") as temporary:
        temporary.mkdir()
        for i, energy in enumerate(energy_ev):
            file = temporary / f"{i + 1:0{n_digit}d}_{energy:.2f}eV.tif"
            tiff.write_pages(file, _OneEnergy(values, i), size)
            if say is not None:
                say((i + 1) * total // len(energy_ev), total)
        # Every digit: the energies come back as they are.
        lines = "".join(f"{float(energy)!r}\n" for energy in energy_ev)
        (temporary / "energies.csv").write_text(lines, encoding="utf-8")


class _OneEnergy:
    """The image (nz, ny, nx) at one energy, a slice of which is read at a time."""

    def __init__(self, values: Any, i: int) -> None:
        self._values, self._i = values, i
        shape = tuple(int(n) for n in values.shape[1:])
        self._flat = len(shape) == 2
        self.shape, self.dtype = (1, *shape) if self._flat else shape, values.dtype

    def __getitem__(self, k: int) -> Any:
        return self._values[self._i] if self._flat else self._values[self._i, k]
