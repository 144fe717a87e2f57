"""How much memory there is: what does not fit is refused before it is begun."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from nmcx.errors import MemoryLimitError
from nmcx.io import _system


def free_memory() -> int:
    """Memory this process may still take [bytes]: of the machine, its group and its own limit."""
    limits = [2**62]
    with contextlib.suppress(OSError, ValueError, IndexError):
        available = _content("/proc/meminfo").partition(b"MemAvailable:")[2]
        limits.append(int(available.split(maxsplit=1)[0]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        allowed = int(_content("/sys/fs/cgroup/memory.max"))
        limits.append(allowed - int(_content("/sys/fs/cgroup/memory.current")))
    with contextlib.suppress(OSError, ValueError, IndexError):
        limit = _system.address_limit()
        if limit is not None:
            pages = int(_content("/proc/self/statm").split()[0])
            limits.append(limit - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(min(limits), 0)


def _content(path: str) -> bytes:
    # Asked for every dataset of a file: a few microseconds, where a text file takes a hundred.
    with Path(path).open("rb", buffering=0) as file:
        return file.read(4096)


def check_memory(n_byte: int, what: str) -> None:
    """Refuse to read what does not fit.

    Parameters
    ----------
    n_byte : int
        Memory needed [bytes].
    what : str
        What needs it: file and dataset.

    Raises
    ------
    nmcx.errors.MemoryLimitError
        If `n_byte` exceeds the free memory; the message gives both in GB.
    """
    free = free_memory()
    if n_byte > free:
        # A damaged file can declare more than a float holds.
        declared = min(n_byte, 10**300)
        raise MemoryLimitError(
            f"{what}: needs {declared / 1e9:.3g} GB but {free / 1e9:.3g} GB are free; "
            "read a part, bin the data, or use a machine with more memory"
        )


def n_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Size of an array [bytes], in integers that cannot overflow."""
    return math.prod(int(n) for n in shape) * dtype.itemsize
