"""Where the images of a stack lie in their files, for reading past the format libraries."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _system

_AHEAD_BYTES = 16 * 2**20  # asked of the disk ahead: it serves many small parts at a time


@dataclass(frozen=True)
class Planes:
    """Images that each lie in one piece, uncompressed, in a file."""

    files: tuple[Path, ...]  #: file of each image
    offsets: tuple[int, ...]  #: where in its file each begins [bytes]
    shape: tuple[int, ...]  #: shape of one image
    dtype: np.dtype[Any]  #: type of the elements as stored, with its byte order

    def read_into(self, out: NDArray[Any], order: Sequence[int], start: int) -> bool:
        """Rows ``start … start + out.shape[1]`` of the images `order` into ``out[i]``.

        Returns
        -------
        bool
            True: it is always possible.

        Raises
        ------
        nmcx.errors.InputError
            If a file cannot be read or is shorter than it was.
        """
        self.read_runs_into(out, order, start * math.prod(self.shape[1:]))
        return True

    def read_runs_into(self, out: NDArray[Any], order: Sequence[int], first: int) -> None:
        """As many elements as ``out[i]`` has, from element `first` of each image on."""
        n_byte = out[:1].size * self.dtype.itemsize
        depth = max(2, _AHEAD_BYTES // max(n_byte, 1))
        direct = out.dtype == self.dtype and out[0].flags.c_contiguous
        buffer = None if direct else np.empty(out.shape[1:], self.dtype)
        with contextlib.ExitStack() as stack:
            opened: dict[Path, int] = {}
            for i in order:
                if self.files[i] not in opened:
                    opened[self.files[i]] = stack.enter_context(_opened(self.files[i]))
            places = [(self.files[i], self.offsets[i] + first * self.dtype.itemsize) for i in order]
            for k, (file, offset) in enumerate(places):
                for ahead, at in places[k + depth : k + depth + 1] if k else places[: depth + 1]:
                    _system.will_read(opened[ahead], at, n_byte)
                into = out[k] if buffer is None else buffer
                _read_fully(opened[file], into, offset, n_byte, file)
                if buffer is not None:
                    out[k] = buffer


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[int]:
    try:
        descriptor = os.open(file, os.O_RDONLY | _system.BINARY)
    except OSError as error:
        raise InputError(f"{file}: cannot be opened ({error.strerror}); is it there?") from error
    try:
        yield descriptor
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the disk") from error
    finally:
        os.close(descriptor)


def _read_fully(descriptor: int, into: NDArray[Any], offset: int, n_byte: int, file: Path) -> None:
    view = into.reshape(-1).view(np.uint8).data
    done = 0
    while done < n_byte:
        n = _system.read_at(descriptor, [view[done:]], offset + done)
        if n == 0:
            raise InputError(f"{file}: is shorter than when it was opened; copy it again")
        done += n


def of_hdf5(dataset: Any, file: Path) -> Planes | None:
    """Images along the first axis of an HDF5 dataset; None if it is chunked or compressed."""
    offset = dataset.id.get_offset()
    if offset is None or dataset.ndim < 2 or dataset.file.userblock_size:
        return None
    shape = tuple(int(n) for n in dataset.shape)
    step = math.prod(shape[1:]) * dataset.dtype.itemsize
    offsets = tuple(offset + i * step for i in range(shape[0]))
    if dataset.dtype.kind not in "iuf" or offset + shape[0] * step > file.stat().st_size:
        return None
    return Planes((file,) * shape[0], offsets, shape[1:], dataset.dtype)
