"""Damaged string heaps of HDF5 files, found before the HDF5 library meets them.

Strings of variable length, and what a virtual dataset is made of, lie in global heap collections.
The library walks a collection from object to object by their sizes; where the free space claims the
size 0 it never arrives at the end.
"""

from __future__ import annotations

import functools
import struct
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from nmcx.errors import InputError

_SIGNATURE = b"GCOL\x01\0\0\0"
#: Part of a file, at its beginning and at its end, in which heaps are looked for [bytes].
WINDOW = 16 * 2**20
#: What is read of it at a time: beside the blocks of a streamed fit it takes no room [bytes].
_PIECE = 2**20


def check_heaps(path: str | PathLike[str]) -> None:
    """Refuse a file with a heap that the HDF5 library would walk forever.

    Raises
    ------
    nmcx.errors.InputError
        If there is such a heap in the first or last 16 MB.

    References
    ----------
    .. [1] HDF5 File Format Specification, version 3.0, section III.E "Global Heap".
    """
    file = Path(path)
    status = file.stat()
    if _endless(file, status.st_size, status.st_mtime_ns):
        raise InputError(f"{file}: its heap of strings is damaged; copy the file again")


@functools.lru_cache(maxsize=4096)
def _endless(file: Path, size: int, _changed: int) -> bool:
    with file.open("rb") as opened:
        first = range(0, min(size, WINDOW), _PIECE)
        last = range(max(size - WINDOW, first.stop), size, _PIECE)
        return any(_has_endless_heap(opened, at) for part in (first, last) for at in part)


def _has_endless_heap(file: BinaryIO, start: int) -> bool:
    """Whether an endless collection begins in the piece at `start`."""
    file.seek(start)
    # A signature may lie across the border of two pieces.
    content = file.read(_PIECE + len(_SIGNATURE) - 1)
    at = content.find(_SIGNATURE)
    while at >= 0:
        if _is_endless(file, start + at):
            return True
        at = content.find(_SIGNATURE, at + 1)
    return False


def _is_endless(file: BinaryIO, at: int) -> bool:
    """Whether the collection at `at` holds free space of size 0, or a size that wraps 64 bits."""
    header = 16  # of the collection, and of each of its objects

    def head(place: int) -> bytes:
        file.seek(place)
        return file.read(header)

    content = head(at)
    if len(content) < header:
        return False
    end = at + min(struct.unpack_from("<Q", content, 8)[0], WINDOW)
    at += header
    while at + header <= end and len(content := head(at)) == header:
        index, size = struct.unpack("<H6xQ", content)
        # Other sizes beyond the end, as in a collection that was given up and written over, stop
        # the library by themselves.
        if (index == 0 and size == 0) or size >= 2**63:
            return True
        # Object 0 is the free space, whose size includes its header.
        at += size if index == 0 else header + -(-size // 8) * 8
    return False
