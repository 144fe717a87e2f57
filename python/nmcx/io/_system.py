"""What only some operating systems offer, each with what is done where there is nothing of it.

Linux has all of it; macOS lacks hints, reserved space and the count of allowed cores, Windows locks
and reading at a place too.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

#: For `os.open`: bytes stay what they are.
BINARY: int = getattr(os, "O_BINARY", 0)


def lock(file: int, *, shared: bool = False) -> bool | None:
    """Take the lock of an open file, until it is closed.

    Parameters
    ----------
    file : int
        Descriptor.
    shared : bool, optional
        Whether others may have it too who ask so.

    Returns
    -------
    bool or None
        False if another process has it; None where there are no locks, as on some network file
        systems.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            return None
        raise
    return True


def read_at(file: int, pieces: Sequence[Any], offset: int) -> int:
    """Bytes read into one buffer after the other, from a place of the file on; 0 at its end."""
    if hasattr(os, "preadv"):
        return os.preadv(file, pieces, offset)
    os.lseek(file, offset, os.SEEK_SET)
    done = 0
    for piece in pieces:
        content = os.read(file, len(piece))
        piece[: len(content)] = content
        done += len(content)
        if len(content) < len(piece):
            break
    return done


def write_at(file: int, content: Any, offset: int) -> int:
    """Bytes of a buffer that were written at a place of the file."""
    if hasattr(os, "pwritev"):
        return os.pwritev(file, [content], offset)
    os.lseek(file, offset, os.SEEK_SET)
    return os.write(file, content)


def will_read(file: int, offset: int, n_byte: int) -> None:
    """Say what is read soon, so that the disk may begin."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, offset, n_byte, os.POSIX_FADV_WILLNEED)


def reserve(file: int, n_byte: int) -> None:
    """Take the space of a file; where it cannot be reserved, a full disk is met when it happens.

    Raises
    ------
    OSError
        If the disk has not got it.
    """
    try:
        if n_byte and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file, 0, n_byte)
    except OSError as error:
        # Some file systems cannot.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def n_core() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int | None:
    """Memory of the machine [bytes], if it says so."""
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def address_limit() -> int | None:
    """Addresses that this process may use [bytes], if that is limited."""
    if resource is None:
        return None
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if allowed == resource.RLIM_INFINITY else int(allowed)
