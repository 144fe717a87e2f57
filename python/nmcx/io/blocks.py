"""Stacks larger than memory, read in blocks: one is being read while another is worked on."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.io import _memory
from nmcx.io._lazy import LazyArray

_PIECE_BYTES = 32 * 2**20  # read at once where it cannot be read into place


def check_fits(sources: Sequence[Any], dtype: Any, blocks: Sequence[tuple[int, int]]) -> None:
    """Refuse blocks of which two do not fit into memory, before anything is begun.

    Raises
    ------
    nmcx.errors.MemoryLimitError
        With the needed and the free memory.
    """
    n_energy, _, *rest = sources[0].shape
    largest = max((stop - start for start, stop in blocks), default=0)
    n_value = min(2, len(blocks)) * len(sources) * n_energy * largest * math.prod(rest)
    _memory.check_memory(n_value * np.dtype(dtype).itemsize, _name_of(sources))


def read_blocks(
    sources: Sequence[Any], dtype: Any, blocks: Sequence[tuple[int, int]]
) -> Generator[list[NDArray[Any]], None, None]:
    """Blocks of rows of stacks, with the next one already under way.

    Parameters
    ----------
    sources : sequence of array
        Stacks (n_energy, n_row, ...) of one shape: arrays, lazy arrays, h5py or zarr datasets.
    dtype : dtype
        Type of the blocks.
    blocks : sequence of (int, int)
        First row and row after the last one of each block.

    Yields
    ------
    list of array
        One contiguous (n_energy, n_row_of_block, ...) per source; overwritten later on: the block
        after the next takes its place.

    Raises
    ------
    nmcx.errors.InputError
        If a file cannot be read.
    nmcx.errors.MemoryLimitError
        If two blocks do not fit into memory.

    Examples
    --------
    >>> stack = np.arange(12.0).reshape(2, 3, 2)
    >>> [block[0].tolist() for block in read_blocks([stack], np.float32, [(0, 2), (2, 3)])]
    [[[[0.0, 1.0], [2.0, 3.0]], [[6.0, 7.0], [8.0, 9.0]]], [[[4.0, 5.0]], [[10.0, 11.0]]]]
    """
    if not blocks:
        return
    check_fits(sources, dtype, blocks)
    n_energy, _, *rest = sources[0].shape
    size = n_energy * max(stop - start for start, stop in blocks) * math.prod(rest)
    buffers = [[np.empty(size, dtype) for _ in sources] for _ in range(min(2, len(blocks)))]

    def read(i: int) -> list[NDArray[Any]]:
        start, stop = blocks[i]
        shape = (n_energy, stop - start, *rest)
        outs = [flat[: math.prod(shape)].reshape(shape) for flat in buffers[i % 2]]
        for source, out in zip(sources, outs, strict=True):
            read_rows(source, out, start)
        return outs

    with ThreadPoolExecutor(1, thread_name_prefix="nmcx-read") as reader:
        pending = reader.submit(read, 0)
        for i in range(len(blocks)):
            block = pending.result()
            if i + 1 < len(blocks):
                pending = reader.submit(read, i + 1)
            yield block


def _name_of(sources: Sequence[Any]) -> str:
    """The file that the first stack lies in, as far as it can be told."""
    planes = getattr(sources[0], "planes", None)
    return f"{planes.files[0]}: blocks" if planes is not None else "blocks of the stack"


def read_rows(source: Any, out: NDArray[Any], start: int) -> None:
    """Fill `out` with ``source[:, start : start + out.shape[1]]``, with little memory besides."""
    if isinstance(source, LazyArray) and source.read_rows_into(out, start):
        return
    stop = start + out.shape[1]
    if isinstance(source, np.ndarray):
        np.copyto(out, source[:, start:stop], casting="unsafe")
        return
    # In pieces of whole chunks, which are unpacked once; else of whole images.
    chunks = getattr(source, "chunks", None) or (1, out.shape[1])
    n_byte = np.dtype(source.dtype).itemsize * math.prod(source.shape[2:])
    rows = chunks[1] * max(_PIECE_BYTES // (n_byte * chunks[0] * chunks[1] or 1), 1)
    energies = chunks[0] * max(_PIECE_BYTES // (n_byte * chunks[0] * min(rows, stop) or 1), 1)
    for e in range(0, out.shape[0], energies):
        row = start
        while row < stop:
            end = min(row - row % chunks[1] + rows, stop)
            out[e : e + energies, row - start : end - start] = source[e : e + energies, row:end]
            row = end


def rows_per_block(source: Any, n_byte_of_row: int, block_bytes: int) -> int:
    """Rows that fill `block_bytes`: at least one, whole chunks where the file has chunks."""
    rows = max(block_bytes // max(n_byte_of_row, 1), 1)
    chunks = getattr(source, "chunks", None)
    if chunks is not None and len(chunks) > 1 and rows > chunks[1]:
        rows -= rows % chunks[1]
    return int(min(rows, max(source.shape[1], 1)))
