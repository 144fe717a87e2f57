"""Energy stacks in zarr: chunks that hold all energies of a block, for many readers at once."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe, _units, _zarr_plain, ome_metadata
from nmcx.io._atomic import atomic_folder
from nmcx.io._lazy import LazyArray, row_runs, selected_shape
from nmcx.results import EnergyStack

METADATA = ("zarr.json", ".zgroup", ".zarray")
#: Size of a chunk [bytes]: large enough for a disk's speed, small enough for a worker's memory.
CHUNK_BYTES = 8 * 2**20
MAX_FILES = 2_000_000
_ENERGIES = ("energy_ev", "energy", "energies")
# Codecs that only unpack numbers; others may run code of the store's choice (pickle).
_PLAIN = ("blosc", "bz2", "crc32", "delta", "gzip", "lz4", "lzma", "shuffle", "zlib", "zstd")
_CODECS = frozenset(
    {"adler32", "bytes", "crc32c", "sharding_indexed", "transpose"}.union(
        _PLAIN, (f"numcodecs.{name}" for name in _PLAIN)
    )
)


def is_store(path: Path) -> bool:
    """Whether a path is a folder with zarr's metadata in it."""
    return path.is_dir() and any((path / name).is_file() for name in METADATA)


def open_store(path: Path) -> EnergyStack:
    """See `nmcx.io.open_stack`."""
    check_store(path)
    notes: list[str] = []
    with opened(path) as root:
        group = root if hasattr(root, "array_keys") else None
        ome = None if group is None or "mu" in group else ome_metadata.read(dict(root.attrs))
        name = "mu" if ome is None else ome.path
        if group is not None and name not in group:
            raise InputError(f"{path}: the zarr group has no array mu; name the array's own folder")
        values = root if group is None else group[name]
        energy, where = _energies(root, values, path, notes)
        check_numeric(values, f"{path}: mu")
        order = _units.energy_order(energy, values.shape[0], where, notes)
        spread = None
        if group is not None and "variance" in group:
            spread = group["variance"]
            check_numeric(spread, f"{path}: variance")
            if spread.shape != values.shape:
                raise InputError(f"{path}: variance is {spread.shape}, mu {values.shape}")
        size = _voxel_size(dict(root.attrs), values.ndim - 1)
        if ome is not None and len(ome.axes) == values.ndim:
            size = ome.voxel_size_um
        if size is None:
            notes.append("the store states no voxel size")
        return EnergyStack(
            energy[order],
            lazy_zarr(values, path, "" if group is None else name, order),
            None if spread is None else lazy_zarr(spread, path, "variance", order),
            size,
            tuple(notes),
        )


def open_volume(path: Path) -> tuple[LazyArray, tuple[float, ...] | None]:
    """An OME-Zarr image without energies, (nz, ny, nx) or (ny, nx), and its voxel size [µm].

    Raises
    ------
    nmcx.errors.InputError
        If the store is damaged, or no such image.
    """
    check_store(path)
    with opened(path) as root:
        ome = ome_metadata.read(dict(root.attrs)) if hasattr(root, "array_keys") else None
        if ome is None or ome.path not in root:
            raise InputError(f"{path}: is no OME-Zarr image; convert it from what it was made of")
        values = root[ome.path]
        check_numeric(values, f"{path}: {ome.path}")
        if values.ndim not in (2, 3) or ome.axes != ("z", "y", "x")[-values.ndim :]:
            raise InputError(f"{path}: has axes {', '.join(ome.axes)}; a volume has z, y, x")
        return lazy_zarr(values, path, ome.path), ome.voxel_size_um


def _energies(
    root: Any, values: Any, path: Path, notes: list[str]
) -> tuple[NDArray[np.float64], str]:
    attributes = {**dict(values.attrs), **dict(root.attrs)}
    for name in _ENERGIES:
        where = f"{path}: {name}"
        unit = "ev" if name == "energy_ev" else attributes.get("energy_units")
        if hasattr(root, "array_keys") and name in root:
            array = root[name]
            check_numeric(array, where)
            _memory.check_memory(_memory.n_bytes(array.shape, array.dtype), where)
            stored = np.atleast_1d(np.asarray(array[...], dtype=np.float64))
            return _units.to_ev(stored, array.attrs.get("units", unit), where, notes), where
        if name in attributes:
            try:
                stored = np.atleast_1d(np.asarray(attributes[name], dtype=np.float64))
            except (ValueError, TypeError) as error:
                raise InputError(f"{where} is not a list of numbers; correct it") from error
            return _units.to_ev(stored, unit, where, notes), where
    raise InputError(f"{path}: has no energies; store an array or attribute energy_ev [eV]")


def check_numeric(array: Any, where: str) -> None:
    """Refuse what is no array of plain numbers."""
    if not hasattr(array, "dtype") or np.dtype(array.dtype).kind not in "biuf" or not array.ndim:
        raise InputError(f"{where} is not an array of plain numbers; convert it")
    # To read a single number, a chunk is unpacked, or the shard that holds it.
    chunk = getattr(array, "shards", None) or array.chunks
    _memory.check_memory(2 * _memory.n_bytes(chunk, np.dtype(array.dtype)), f"{where}: one chunk")


def _voxel_size(attributes: dict[str, Any], n_axis: int) -> tuple[float, ...] | None:
    with contextlib.suppress(KeyError, ValueError, TypeError):
        values = np.atleast_1d(np.asarray(attributes["voxel_size_um"], dtype=np.float64))
        values = np.repeat(values, n_axis) if values.size == 1 else values
        if values.shape == (n_axis,) and np.isfinite(values).all() and (values > 0).all():
            return tuple(values.tolist())
    return None


def lazy_zarr(
    array: Any, path: Path, name: str, order: NDArray[np.intp] | None = None
) -> LazyArray:
    """An array of a store that is read when it is indexed."""
    shape, dtype = tuple(int(n) for n in array.shape), np.dtype(array.dtype).newbyteorder("=")

    chunks = tuple(int(n) for n in array.chunks)
    plain = _zarr_plain.find(path / name, shape, chunks)

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        wanted = (first.size, *selected_shape(shape[1:], rest))
        _memory.check_memory(_memory.n_bytes(wanted, dtype), f"{path}: {name or 'array'}")
        spans = _spans(first, rest, shape)
        if plain is not None and spans is not None:
            block = np.empty(wanted, dtype)
            with _safe.damaged(path, "zarr store"):
                if plain.read_box_into(block, spans):
                    return block
        with opened(path) as root:
            again = root[name] if name else root
            if tuple(again.shape) != shape:
                raise InputError(f"{path}: {name} has changed since it was opened; open it again")
            if not all(wanted):
                return np.empty(wanted, dtype)
            parts = [again[(run, *rest)] for run in row_runs(first)]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return np.asarray(values, dtype).reshape(wanted)

    return LazyArray(read, shape, dtype, order, chunks, plain)


def _spans(
    first: NDArray[np.intp], rest: tuple[Any, ...], shape: tuple[int, ...]
) -> list[range] | None:
    """What is asked for as consecutive elements along every axis; None if it is something else."""
    runs = row_runs(first)
    if len(runs) != 1 or not all(isinstance(part, slice) for part in rest):
        return None
    parts = [*runs, *rest, *[slice(None)] * (len(shape) - 1 - len(rest))]
    spans = [range(*part.indices(n)) for part, n in zip(parts, shape, strict=True)]
    return spans if all(span and span.step == 1 for span in spans) else None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The root of a store."""
    zarr = zarr_library()
    with _safe.damaged(path, "zarr store"):
        yield zarr.open(store=str(path), mode="r")


def zarr_library() -> Any:
    """The library, or how to get it."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError('zarr stores need zarr: pip install "nmcx[zarr]"') from error
    return zarr


def check_store(path: Path) -> None:
    """Refuse stores that reach out of their folder or name a codec that may run code."""
    pending, n_file = [str(path)], 0
    while pending:
        with os.scandir(pending.pop()) as items:
            for item in items:
                n_file += 1
                if n_file > MAX_FILES:
                    raise InputError(f"{path}: holds more than {MAX_FILES} files; rechunk it")
                if item.is_symlink():
                    raise InputError(f"{path}: {item.name} is a link; copy its target into place")
                if item.is_dir():
                    pending.append(item.path)
                elif item.name in (*METADATA, ".zmetadata"):
                    _check_codecs(Path(item.path))


def _check_codecs(file: Path) -> None:
    with _safe.damaged(file, "zarr metadata file"):
        document = json.loads(_safe.read_text(file, "zarr metadata file"))
        for codec in _codecs(document):
            if codec not in _CODECS:
                raise InputError(f"{file}: codec {codec!r} is not allowed; store plain numbers")


def _codecs(item: Any) -> Iterator[str]:
    if isinstance(item, list):
        for part in item:
            yield from _codecs(part)
        return
    if not isinstance(item, dict):
        return
    for key, value in item.items():
        if key in ("codecs", "index_codecs", "filters", "compressor"):
            for codec in value if isinstance(value, list) else [value]:
                if isinstance(codec, dict):
                    yield str(codec.get("name", codec.get("id")))
                elif codec is not None:
                    yield str(codec)
        if key != "attributes":
            yield from _codecs(value)


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Chunks of all energies × as many whole planes, else whole rows, as make about 8 MB.

    Examples
    --------
    >>> chunk_shape((64, 256, 256, 256), 4), chunk_shape((100, 300, 2048, 2048), 4)
    ((64, 1, 128, 256), (100, 1, 10, 2048))
    """
    left = max(CHUNK_BYTES // (shape[0] * itemsize), 1)
    chunk = []
    for n in shape[:0:-1]:
        chunk.append(max(min(n, left), 1))
        left //= chunk[-1]
    return (shape[0], *chunk[::-1])


def write_store(
    path: Path, stack: EnergyStack, energy: NDArray[np.float64], overwrite: bool
) -> None:
    """See `nmcx.io.write_energy_stack`: a store appears whole or not at all."""
    zarr = zarr_library()
    with atomic_folder(path, overwrite, is_store, "zarr store") as temporary:
        root = zarr.open_group(store=str(temporary), mode="w-")
        axis = root.create_array("energy_ev", data=energy)
        axis.attrs["units"] = "eV"
        for name, values in (("mu", stack.mu), ("variance", stack.variance)):
            if values is not None:
                _copy(root, name, values)
        if stack.voxel_size_um is not None:
            root.attrs["voxel_size_um"] = [float(v) for v in stack.voxel_size_um]
        root.attrs["nmcx_class"] = "EnergyStack"


def _copy(root: Any, name: str, values: Any) -> None:
    dtype = np.dtype(values.dtype)
    shape = tuple(int(n) for n in values.shape)
    chunks = chunk_shape(shape, dtype.itemsize)
    # A chunk that is lost later reads as NaN, not as zero absorption.
    fill = np.nan if dtype.kind == "f" else 0
    array = root.create_array(
        name, shape=shape, dtype=dtype, chunks=chunks, compressors=None, fill_value=fill
    )
    array.attrs["axes"] = ["energy", *("z", "y", "x")[-(len(shape) - 1) :]]
    array.attrs["units"] = "1"
    thickness = chunks[1] if len(shape) > 1 else 1
    for start in range(0, shape[1] if len(shape) > 1 else 1, thickness):
        block = (slice(None), slice(start, start + thickness)) if len(shape) > 1 else ...
        array[block] = np.asarray(values[block])
