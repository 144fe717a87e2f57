"""Raw counts in HDF5 files: which layout a file has, and one stack of the frames of several."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe, _units
from nmcx.io._lazy import LazyArray, selected_shape
from nmcx.io.stacks_hdf5 import lazy_hdf5
from nmcx.results import FrameStack

SAMPLE, REFERENCE, DARK = 0, 1, 2
_FRAME_BYTES = 256  # of what is known of one frame: role, place, energy, angle and so on


@dataclass(frozen=True)
class Series:
    """Frames of one dataset; `position` orders them among the others of their file."""

    counts: LazyArray  #: (n, ny, nx)
    role: NDArray[np.int8]  #: (n,) SAMPLE, REFERENCE or DARK
    position: NDArray[np.float64]  #: (n,) order of acquisition
    energy_ev: NDArray[np.float64]  #: (n,) [eV], NaN where unknown
    theta: NDArray[np.float64]  #: (n,) [rad]
    pixel_size_um: NDArray[np.float64]  #: (n,) [µm], NaN where unknown
    exposure_s: NDArray[np.float64]  #: (n,) [s], NaN where unknown
    current: NDArray[np.float64]  #: (n,) beam current or monitor, NaN where unknown


def series(
    counts: LazyArray,
    role: Any,
    *,
    position: Any = 0.0,
    energy_ev: Any = np.nan,
    theta: Any = 0.0,
    pixel_size_um: Any = np.nan,
    exposure_s: Any = np.nan,
    current: Any = np.nan,
) -> Series:
    """A `Series` whose single values hold for all of its frames."""

    def each(value: Any, dtype: Any = np.float64) -> Any:
        return np.broadcast_to(np.asarray(value, dtype=dtype), (len(counts),))

    return Series(
        counts,
        each(role, np.int8),
        each(position),
        each(energy_ev),
        each(theta),
        each(pixel_size_um),
        each(exposure_s),
        each(current),
    )


@dataclass(frozen=True)
class Scan:
    """What one file holds."""

    file: Path
    series: list[Series]
    time: float | None  #: when it was measured [s], on any clock that its siblings share
    notes: tuple[str, ...]


def read_files(files: list[Path], notes: list[str]) -> FrameStack:
    """Frames of HDF5 files of any known layout, lazily, in order of acquisition."""
    scans = [_read_file(file) for file in files]
    times = [scan.time for scan in scans]
    if len(scans) > 1 and all(time is not None for time in times):
        order = np.argsort(np.array(times, dtype=np.float64), kind="stable")
        if not np.array_equal(order, np.arange(len(scans))):
            notes.append("files ordered by the time they state")
            scans = [scans[i] for i in order]
    for text, n in Counter(text for scan in scans for text in scan.notes).items():
        notes.append(text if len(scans) == 1 else f"{n} of {len(scans)} files: {text}")
    return _join(scans, notes)


def _read_file(file: Path) -> Scan:
    from nmcx.io import frames_exchange, frames_fxi, frames_nxtomo

    readers: tuple[Any, ...] = (frames_fxi, frames_exchange, frames_nxtomo)
    with _safe.open_hdf5(file) as opened:
        for reader in readers:
            if reader.recognises(opened):
                scan: Scan = reader.read(opened, file)
                return scan
    raise InputError(
        f"{file}: holds neither FXI's /img_tomo or /img_xanes, nor /exchange/data, nor an NXtomo "
        "entry; convert it to Data Exchange"
    )


def _join(scans: list[Scan], notes: list[str]) -> FrameStack:
    parts = [part for scan in scans for part in scan.series if len(part.counts)]
    if not parts:
        raise InputError(f"{scans[0].file}: holds no frames; was the scan interrupted?")
    shape = parts[0].counts.shape[1:]
    for scan in scans:
        for part in scan.series:
            if part.counts.shape[1:] != shape:
                raise InputError(
                    f"{scan.file}: frames of {part.counts.shape[1:]} pixels among frames of "
                    f"{shape}; read frames of one size at a time"
                )
    in_scan = np.concatenate(
        [np.full(sum(len(part.counts) for part in scan.series), i) for i, scan in enumerate(scans)]
    )

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    order = np.lexsort((joined("position"), in_scan))
    role, current = joined("role")[order], joined("current")[order]
    where = str(scans[0].file) + (f" and {len(scans) - 1} more files" if len(scans) > 1 else "")
    known = np.isfinite(current) & (current > 0)
    return FrameStack(
        counts=_concatenated([part.counts for part in parts], order, where),
        energy_ev=joined("energy_ev")[order],
        is_reference=role == REFERENCE,
        theta=joined("theta")[order],
        pixel_size_um=joined("pixel_size_um")[order],
        exposure_s=joined("exposure_s")[order],
        notes=tuple(notes),
        is_dark=role == DARK if (role == DARK).any() else None,
        beam_current=current if known[role != DARK].all() else None,
    )


def _concatenated(sources: list[LazyArray], order: NDArray[np.intp], where: str) -> LazyArray:
    starts = np.cumsum([0, *(len(source) for source in sources)])
    shape, dtype = sources[0].shape[1:], np.result_type(*{source.dtype for source in sources})

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        wanted = (first.size, *selected_shape(shape, rest))
        _memory.check_memory(_memory.n_bytes(wanted, dtype), f"{where}: frames")
        out = np.empty(wanted, dtype)
        for source, start, stop in zip(sources, starts, starts[1:], strict=False):
            at = np.flatnonzero((first >= start) & (first < stop))
            if at.size:
                out[at[0] : at[-1] + 1] = source[(first[at] - start, *rest)]
        return out

    return LazyArray(read, (order.size, *shape), dtype, order)


def frames_of(opened: Any, name: str, file: Path) -> LazyArray:
    """A dataset (n, ny, nx) or a single image (ny, nx), as (n, ny, nx)."""
    dataset = _safe.get_dataset(opened, name, file)
    _safe.check_numeric(dataset, file)
    if dataset.ndim == 3:
        _memory.check_memory(_FRAME_BYTES * int(dataset.shape[0]), f"{file}: {dataset.name}")
        return lazy_hdf5(dataset, file)
    if dataset.ndim != 2:
        raise InputError(
            f"{file}: {dataset.name} has {dataset.ndim} axes; frames are (n, y, x); split the file"
        )
    image = lazy_hdf5(dataset, file)

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        return np.asarray(image[:][None][(first, *rest)])

    return LazyArray(read, (1, *image.shape), image.dtype)


def subset(frames: LazyArray, chosen: NDArray[np.intp]) -> LazyArray:
    """Some frames of a series, still lazy."""

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        return frames[(chosen[first], *rest)]

    return LazyArray(read, (chosen.size, *frames.shape[1:]), frames.dtype)


def numbers(opened: Any, name: str, file: Path) -> NDArray[np.float64]:
    """A small dataset as a vector of float64."""
    return _safe.read_vector(_safe.get_dataset(opened, name, file), file)


def converted(
    opened: Any,
    names: tuple[str, ...],
    n: int,
    file: Path,
    notes: list[str],
    to: Callable[[NDArray[np.float64], object, str, list[str]], NDArray[np.float64]],
) -> NDArray[np.float64] | None:
    """The first of `names` that is there, converted from its unit: one value, or one per frame.

    Raises
    ------
    nmcx.errors.InputError
        If it holds another number of values, or values that are not finite.
    """
    import h5py

    name = next((name for name in names if isinstance(opened.get(name), h5py.Dataset)), None)
    if name is None:
        return None
    values = numbers(opened, name, file)
    where = f"{file}: {opened[name].name}"
    if values.size not in (1, n):
        raise InputError(f"{where} has {values.size} values for {n} frames; make them agree")
    if not np.isfinite(values).all():
        raise InputError(f"{where} holds values that are not finite; correct or remove them")
    values = to(values, _safe.attribute(opened[name], "units"), where, notes)
    return np.broadcast_to(values, (n,))


def energies(
    opened: Any, names: tuple[str, ...], n: int, file: Path, notes: list[str]
) -> NDArray[np.float64]:
    """(n,) energies [eV]; NaN, and a note, if the file has none."""
    found = converted(opened, names, n, file, notes, _units.to_ev)
    if found is None:
        notes.append("no energy in the file: unknown; set energy_ev before making optical density")
        return np.full(n, np.nan)
    return found


def text(opened: Any, name: str, file: Path) -> str:
    """A short string of the file, "" if it is not there."""
    import h5py

    dataset = opened.get(name)
    if not isinstance(dataset, h5py.Dataset) or h5py.check_string_dtype(dataset.dtype) is None:
        return ""
    return _safe.read_string(dataset, file).strip()


def timestamp(written: str) -> float | None:
    """Seconds from an ISO 8601 date and time; None if it is not one."""
    try:
        when = datetime.datetime.fromisoformat(written)
    except ValueError:
        return None
    # Without a zone all files share the same unknown one, which does not change their order.
    return when.replace(tzinfo=when.tzinfo or datetime.UTC).timestamp()
