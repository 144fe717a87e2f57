"""Arrays copied in parts that fit into memory whatever the size of the whole."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

#: Size of a part [bytes].
BOX_BYTES = 32 * 2**20

Say = Callable[[int, int], None]


def boxes(
    shape: tuple[int, ...], itemsize: int, unit: tuple[int, ...] | None = None
) -> Iterator[tuple[slice, ...]]:
    """Parts of an array of at most `BOX_BYTES`, whole along its last axes, in order.

    Parameters
    ----------
    shape : tuple of int
        Of the whole.
    itemsize : int
        Size of an element [bytes].
    unit : tuple of int, optional
        Edges of a part are multiples of it, so that no chunk is written twice.

    Yields
    ------
    tuple of slice

    Examples
    --------
    >>> [box[0] for box in boxes((3, 2048, 2048), 4, (2, 64, 64))]
    [slice(0, 2, None), slice(2, 3, None)]
    """
    unit = unit or (1,) * len(shape)
    lengths = [min(u, n) for u, n in zip(unit, shape, strict=True)]
    for axis in reversed(range(len(shape))):
        row = itemsize * math.prod(lengths) // max(lengths[axis], 1)
        fitting = BOX_BYTES // max(row * unit[axis], 1)
        lengths[axis] = min(shape[axis], max(fitting, 1) * unit[axis])
        if lengths[axis] < shape[axis]:
            break
    yield from _tiles(shape, tuple(lengths))


def _tiles(shape: tuple[int, ...], lengths: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    steps = [range(0, n, max(step, 1)) for n, step in zip(shape, lengths, strict=True)]
    for corner in itertools.product(*steps):
        yield tuple(
            slice(start, min(start + step, n))
            for start, step, n in zip(corner, lengths, shape, strict=True)
        )


def copy(
    source: Any, target: Any, unit: tuple[int, ...] | None = None, say: Say | None = None
) -> None:
    """Copy an array part by part.

    Parameters
    ----------
    source : array
        What is indexed by slices: an array, a lazy one, an HDF5 dataset.
    target : array
        Of the same shape; it may have another type of numbers.
    unit : tuple of int, optional
        Chunk of the target.
    say : callable, optional
        Called as ``say(done, total)`` [bytes].
    """
    shape, itemsize = tuple(int(n) for n in source.shape), np.dtype(source.dtype).itemsize
    total = itemsize * math.prod(shape)
    done = 0
    for box in boxes(shape, itemsize, unit):
        part = np.asarray(source[box])
        # One chunk after the other: a library that packs many at once holds all of them again.
        for inner in _tiles(part.shape, unit or part.shape):
            place = tuple(
                slice(at.start + span.start, at.start + span.stop)
                for at, span in zip(box, inner, strict=True)
            )
            target[place] = part[inner]
        done += part.nbytes
        if say is not None:
            say(done, total)


def stored_type(values: Any) -> np.dtype[Any]:
    """Type of numbers in a file that other programs read: bool becomes uint8."""
    dtype = np.dtype(values.dtype).newbyteorder("=")
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype
