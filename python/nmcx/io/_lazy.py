"""An array that stays in its file until it is indexed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nmcx.io import _memory
from nmcx.io._planes import Planes
from nmcx.io._zarr_plain import PlainArray


class LazyArray:
    """Array-like over a file: each access opens the file, reads the part asked for and closes it.

    `numpy.asarray` loads everything; indexing the first axis by an integer or a slice reads only
    those energies, and ``[:, z0:z1]`` only that slab of each.

    Parameters
    ----------
    read : callable
        ``read(first, rest)`` gives the elements ``first`` (integer array, ascending and unique) of
        the first axis, indexed by the tuple ``rest`` along the others.
    shape : tuple of int
        Shape of the whole.
    dtype : dtype
        Type of the elements, in native byte order.
    order : (n,) integer array, optional
        Order in which the first axis is shown; None: as stored.
    chunks : tuple of int, optional
        Shape of the blocks in which the file keeps the data; reading a part of one costs as much
        as all of it. None: the data are contiguous.
    planes : Planes or PlainArray, optional
        Where the elements lie in their files, if they do so uncompressed.

    Examples
    --------
    >>> stored = np.arange(6.0).reshape(3, 2)
    >>> lazy = LazyArray(lambda first, rest: stored[(first, *rest)], (3, 2), stored.dtype)
    >>> lazy[1], np.asarray(lazy).shape
    (array([2., 3.]), (3, 2))
    """

    def __init__(
        self,
        read: Callable[[NDArray[np.intp], tuple[Any, ...]], NDArray[Any]],
        shape: tuple[int, ...],
        dtype: DTypeLike,
        order: NDArray[np.intp] | None = None,
        chunks: tuple[int, ...] | None = None,
        planes: Planes | PlainArray | None = None,
    ) -> None:
        self._read = read
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.chunks = chunks
        self.planes = planes
        self._order = np.arange(shape[0]) if order is None else order

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Memory the whole would take [bytes]."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        keys = self._without_ellipsis(keys)
        first, rest = (keys[0], tuple(keys[1:])) if keys else (slice(None), ())
        if not all(_simple(part) for part in rest) or first is None:
            return np.asarray(np.asarray(self)[key])
        self._check_bounds(rest)
        wanted = np.asarray(self._order[first])
        stored, inverse = np.unique(wanted.ravel(), return_inverse=True)
        part = self._read_runs(stored, rest)
        if part is None:
            part = np.asarray(self._read(stored, rest))
        if wanted.ndim == 0:
            return np.asarray(part[0])
        rising = np.arange(stored.size)
        if np.array_equal(inverse, rising[::-1]):
            part = part[::-1]  # descending energies need no copy
        elif not np.array_equal(inverse, rising):
            part = part[inverse]
        return part.reshape(wanted.shape + part.shape[1:])

    def read_rows_into(self, out: NDArray[Any], start: int) -> bool:
        """Fill `out` with ``self[:, start : start + out.shape[1]]`` at the speed of the file.

        Returns
        -------
        bool
            False, and nothing read, if the file does not hold the numbers as they are.
        """
        return self.planes is not None and self.planes.read_into(out, self._order.tolist(), start)

    def _read_runs(self, first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any] | None:
        """Short runs along the last axis, without opening the file by its library."""
        if not isinstance(self.planes, Planes) or len(rest) != self.ndim - 1:
            return None
        if not all(isinstance(part, slice) for part in rest):
            return None
        spans = [range(*part.indices(n)) for part, n in zip(rest, self.shape[1:], strict=True)]
        if spans[-1].step != 1 or any(len(span) != 1 for span in spans[:-1]):
            return None
        corner = tuple(span.start for span in spans)
        wanted = (first.size, *map(len, spans))
        _memory.check_memory(_memory.n_bytes(wanted, self.dtype), f"{self.planes.files[0]}: a part")
        out = np.empty(wanted, self.dtype)
        if out.size:
            at = int(np.ravel_multi_index(corner, self.shape[1:]))
            self.planes.read_runs_into(out, first.tolist(), at)
        return out

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a lazy array cannot be had without reading a copy of it")
        values = self[:]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"LazyArray(shape={self.shape}, dtype={self.dtype})"

    def _check_bounds(self, rest: tuple[Any, ...]) -> None:
        if len(rest) >= self.ndim:
            raise IndexError(f"too many indices for an array of {self.ndim} axes")
        for axis, part in enumerate(rest, start=1):
            if not isinstance(part, slice) and part >= self.shape[axis]:
                raise IndexError(f"index {part} is out of bounds for axis {axis}")

    def _without_ellipsis(self, keys: tuple[Any, ...]) -> tuple[Any, ...]:
        at = next((i for i, part in enumerate(keys) if part is Ellipsis), None)
        if at is None:
            return keys
        missing = self.ndim - (len(keys) - 1)
        return (*keys[:at], *([slice(None)] * missing), *keys[at + 1 :])


def selected_shape(shape: tuple[int, ...], rest: tuple[Any, ...]) -> tuple[int, ...]:
    """Shape of what integers and slices `rest` select of an array of `shape`.

    Examples
    --------
    >>> selected_shape((7, 8, 9), (slice(2, 4), 3))
    (2, 9)
    """
    kept = [
        len(range(*part.indices(n)))
        for part, n in zip(rest, shape, strict=False)
        if isinstance(part, slice)
    ]
    return (*kept, *shape[len(rest) :])


def row_runs(first: NDArray[np.intp]) -> list[slice]:
    """Ascending unique indices as slices: files read a slice at full speed, a list row by row.

    Examples
    --------
    >>> row_runs(np.array([0, 1, 2, 5, 6]))
    [slice(0, 3, None), slice(5, 7, None)]
    """
    if not first.size:
        return []
    ends = np.flatnonzero(np.diff(first) > 1) + 1
    return [slice(int(run[0]), int(run[-1]) + 1) for run in np.split(first, ends)]


def _simple(part: Any) -> bool:
    """Whether h5py and numpy agree on what this index means."""
    if isinstance(part, slice):
        return part.step is None or bool(part.step > 0)
    return isinstance(part, (int, np.integer)) and bool(part >= 0)
