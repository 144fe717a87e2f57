"""Damaged string heaps of HDF5 files, found before the HDF5 library meets them.

Strings of variable length lie in global heap collections. The library walks a collection from
object to object by their sizes; where the free space claims the size 0 it never arrives at the end.
"""

from __future__ import annotations

import functools
import struct
from os import PathLike
from pathlib import Path

from nmcx.errors import InputError

_SIGNATURE = b"GCOL\x01\0\0\0"
#: Part of a file, at its beginning and at its end, in which heaps are looked for [bytes].
WINDOW = 16 * 2**20


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


@functools.lru_cache(maxsize=256)
def _endless(file: Path, size: int, _changed: int) -> bool:
    with file.open("rb") as opened:
        start = opened.read(WINDOW)
        opened.seek(max(size - WINDOW, len(start)))
        return any(_has_endless_heap(part) for part in (start, opened.read(WINDOW)))


def _has_endless_heap(content: bytes) -> bool:
    at = content.find(_SIGNATURE)
    while at >= 0:
        if _is_endless(content, at):
            return True
        at = content.find(_SIGNATURE, at + 1)
    return False


def _is_endless(content: bytes, at: int) -> bool:
    header = 16  # of the collection, and of each of its objects
    if at + header > len(content):
        return False
    end = min(at + struct.unpack_from("<Q", content, at + 8)[0], len(content))
    at += header
    while at + header <= end:
        index, size = struct.unpack_from("<H6xQ", content, at)
        if index == 0 and size == 0:
            return True
        # Object 0 is the free space, whose size includes its header.
        at += size if index == 0 else header + -(-size // 8) * 8
    return False
