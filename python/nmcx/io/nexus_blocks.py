"""Results written in pieces: a file whose structure comes first and whose numbers come later.

The structure of an HDF5 file is written once, complete and closed. The numbers then go to their
places in the file past the HDF5 library, so that a crash can never damage the structure, several
processes may write at once, and what is written can be synced piece by piece.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import OutputError
from nmcx.io import _system


@dataclass(frozen=True)
class Unwritten:
    """Stands for an array whose numbers will be written later."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Region:
    """An array that lies in one piece in a file; it can be sent to other processes."""

    path: Path
    offset: int  #: where it begins [bytes]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def n_byte(self) -> int:
        """Size [bytes]."""
        return math.prod(self.shape) * self.dtype.itemsize

    def write_rows(self, start: int, values: NDArray[Any]) -> None:
        """Write rows ``start …`` of the first axis; `values` has any shape of that size."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        with _descriptor(self.path, os.O_WRONLY) as file:
            _write_fully(file, np.asarray(values, self.dtype), self.offset + start * row)

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Rows ``start … stop`` of the first axis."""
        rest = self.shape[1:]
        out = np.empty((stop - start, *rest), self.dtype)
        at = self.offset + start * math.prod(rest) * self.dtype.itemsize
        with _descriptor(self.path, os.O_RDONLY) as file:
            view, done = out.reshape(-1).view(np.uint8).data, 0
            while done < out.nbytes:
                n = _system.read_at(file, [view[done:]], at + done)
                if n == 0:
                    raise OutputError(f"{self.path}: was cut short meanwhile; start anew")
                done += n
        return out

    def __setitem__(self, key: Any, values: NDArray[Any]) -> None:
        """Write a box, the key being slices of step 1: what `dask.array.store` asks for."""
        keys = key if isinstance(key, tuple) else (key,)
        keys = (*keys, *[slice(None)] * (len(self.shape) - len(keys)))
        box = [part.indices(n)[:2] for part, n in zip(keys, self.shape, strict=True)]
        values = np.ascontiguousarray(values, self.dtype)
        values = values.reshape(tuple(stop - start for start, stop in box))
        if not values.size:
            return
        # Axes behind `last` are whole, so that the box consists of runs along it.
        last = len(box) - 1
        while last > 0 and box[last] == (0, self.shape[last]):
            last -= 1
        steps = [math.prod(self.shape[axis + 1 :]) for axis in range(len(box))]
        with _descriptor(self.path, os.O_WRONLY) as file:
            for index in np.ndindex(values.shape[: max(last, 0)]):
                inner = sum((box[a][0] + i) * steps[a] for a, i in enumerate(index))
                if box:
                    inner += box[last][0] * steps[last]
                _write_fully(file, values[index], self.offset + inner * self.dtype.itemsize)


def _write_fully(file: int, values: NDArray[Any], offset: int) -> None:
    view = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
    done = 0
    while done < len(view):
        done += _system.write_at(file, view[done:], offset + done)


class _descriptor:
    def __init__(self, path: Path, flags: int) -> None:
        self._file = os.open(path, flags | _system.BINARY)

    def __enter__(self) -> int:
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def create_unwritten(group: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Dataset with its place in the file, but without numbers."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)
    return group.create_dataset(name, shape, dtype, dcpl=properties, track_times=False)


def regions(path: Path, group: str, names: Iterable[str]) -> dict[str, Region]:
    """Where the datasets `names` of a group of a closed HDF5 file lie."""
    import h5py

    found = {}
    with h5py.File(path, "r", locking=False) as opened:
        for name in names:
            dataset = opened[f"{group}/{name}"]
            found[name] = Region(
                path, dataset.id.get_offset() or 0, tuple(dataset.shape), dataset.dtype
            )
    return found


def reserve(path: Path, n_byte: int) -> None:
    """Take the space of a file, so that a full disk is met now and not after hours.

    Raises
    ------
    OSError
        If the disk has not got it.
    """
    with _descriptor(path, os.O_WRONLY) as file:
        _system.reserve(file, n_byte)
