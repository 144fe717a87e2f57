"""New HDF5 files on disks that may fill up.

The HDF5 library does not survive a write that fails: when it closes the file it ends the whole
process. So what fails is kept from it, the file goes to its end as if nothing had happened, and the
failure is raised once it is closed.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py


@contextlib.contextmanager
def new_hdf5(path: str | PathLike[str], **options: Any) -> Iterator[h5py.File]:
    """A new HDF5 file, open for writing within the block.

    Parameters
    ----------
    path : path-like
        Where it shall be; a file that is there is emptied.
    **options
        Of ``h5py.File``, such as ``track_order``.

    Yields
    ------
    h5py.File
        The file, to be filled.

    Raises
    ------
    OSError
        After the block, if something could not be written.
    """
    import h5py

    with Path(path).open("w+b", buffering=0) as raw:
        held = _Patient(raw)
        try:
            with h5py.File(held, "w", **options) as out:
                yield out
        finally:
            # Whatever came of it afterwards came of this.
            if held.failure is not None:
                raise held.failure


class _Patient(io.RawIOBase):
    """A file whose first failure is kept; from then on nothing is written."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.failure: OSError | None = None

    def write(self, content: Any) -> int:
        """Write all of it, or remember why not."""
        left = memoryview(content).cast("B")
        size = len(left)
        if self.failure is None:
            with self._keeping():
                while left:
                    left = left[self._raw.write(left) :]
        return size

    def readinto(self, buffer: Any) -> int:
        """Read; what could not be written is zero."""
        wanted = memoryview(buffer).cast("B")
        n = 0
        with self._keeping():
            while n < len(wanted) and (more := self._raw.readinto(wanted[n:])):
                n += more
        wanted[n:] = bytes(len(wanted) - n)
        return len(wanted)

    def truncate(self, size: int | None = None) -> int:
        """Change the size, unless that fails."""
        with self._keeping():
            self._raw.truncate(size)
        return size or 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._raw.tell()

    def flush(self) -> None:
        """Nothing waits here."""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def writable(self) -> bool:
        """It can be written."""
        return True

    def seekable(self) -> bool:
        """It has places."""
        return True

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = self.failure or error
