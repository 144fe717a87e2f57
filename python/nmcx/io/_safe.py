"""The gate every reader goes through, and the way every file is written.

A file is refused before it can do harm: it must be a regular file of a size that fits, an HDF5 file
may neither point at other files nor hide cycles, and nothing is unpickled. Results are written to a
temporary file in the same folder, synced and renamed, so that a crash never leaves half a result.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import Error, InputError, MemoryLimitError
from nmcx.io._atomic import atomic_write as atomic_write
from nmcx.io._heaps import WINDOW, check_heaps
from nmcx.io._links import check_links
from nmcx.io._memory import check_memory, n_bytes

if TYPE_CHECKING:
    import h5py

# What HDF5 keeps of each chunk that it reads, and what is not counted of it.
_LIST_BYTES = 4096
_SHORT_LIST_BYTES = 2**20
AnyPath = str | PathLike[str]

MAX_TEXT_BYTES = 256 * 2**20
_UNPACKED_BYTES = 16 * 2**20  # at a time
MAX_STRING_BYTES = 64 * 2**20
# Of a list of numbers, while it is checked, converted and sorted.
_VECTOR_COPIES = 8
# deflate, shuffle, fletcher32, szip, nbit, scaleoffset and lzf come with every h5py.
BUILT_IN_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})


def check_file(path: AnyPath, what: str = "file") -> Path:
    """`path` as a `Path`, once it is known to be a readable regular file that is not empty.

    Parameters
    ----------
    path : path-like
        The file.
    what : str
        What the file should be, for the message.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    nmcx.errors.InputError
        If it does not exist, is a folder, a pipe or a device, is empty, or cannot be read.
    """
    file = Path(path)
    try:
        status = file.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{file}: cannot open the {what} ({reason}); check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{file}: is a folder, a {what} was expected; name the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{file}: is not a regular file; copy its content to one")
    if status.st_size == 0:
        raise InputError(
            f"{file}: is empty; was the transfer of the {what} interrupted? Copy it again"
        )
    if not os.access(file, os.R_OK):
        raise InputError(f"{file}: may not be read; change its permissions")
    return file


def natural_order(files: Iterable[Path]) -> list[Path]:
    """Files by name, numbers in them by value: e_2 before e_10.

    Examples
    --------
    >>> [file.name for file in natural_order([Path("e_10.h5"), Path("e_2.h5")])]
    ['e_2.h5', 'e_10.h5']
    """

    def key(file: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", file.name)
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    return sorted(files, key=key)


def read_text(path: AnyPath, what: str = "text file") -> str:
    """Text of a small file, plain or gzipped, UTF-8 or Latin-1.

    Raises
    ------
    nmcx.errors.InputError
        As `check_file`, and if the file is larger than 256 MB, unpacked too, or binary.
    """
    file = check_file(path, what)
    if file.stat().st_size > MAX_TEXT_BYTES:
        raise InputError(f"{file}: is too large to be a {what}; is it the right file?")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the disk") from error
    if content.startswith(b"\x1f\x8b"):
        content = _unpack(content, file, what)
    if b"\0" in content:
        raise InputError(f"{file}: is binary, a {what} was expected; is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _unpack(content: bytes, file: Path, what: str) -> bytes:
    # Never more than the limit is unpacked: a few kB can hold gigabytes.
    with damaged(file, f"gzipped {what}"), gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        pieces: list[bytes] = []
        n_byte = 0
        while True:
            # Once in pieces, once joined, and again what is unpacked next.
            check_memory(2 * (n_byte + _UNPACKED_BYTES), f"{file}: the gzipped {what}")
            piece = packed.read(_UNPACKED_BYTES)
            if not piece:
                return b"".join(pieces)
            n_byte += len(piece)
            if n_byte > MAX_TEXT_BYTES:
                raise InputError(
                    f"{file}: unpacks to more than a {what} can hold; is it the right file?"
                )
            pieces.append(piece)


def sha256(path: AnyPath) -> str:
    """SHA-256 of a file's content as 64 hexadecimal digits.

    Raises
    ------
    nmcx.errors.InputError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "abc.txt")
    ...     _ = file.write_bytes(b"abc")
    ...     sha256(file)[:8]
    'ba7816bf'
    """
    with check_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def damaged(path: AnyPath, kind: str) -> Iterator[None]:
    """Turn whatever a format library raises on a damaged file into an `InputError`.

    Libraries meet damaged bytes with IndexError, struct.error, KeyError, RuntimeError and more;
    the caller only needs to know which file it was.
    """
    try:
        yield
    except Error:
        raise
    except MemoryError as error:
        raise MemoryLimitError(f"{path}: the {kind} does not fit into memory") from error
    except Exception as error:
        raise InputError(
            f"{path}: is not a readable {kind} ({type(error).__name__}: {error}); "
            "is it complete and of this format?"
        ) from error


@contextlib.contextmanager
def open_hdf5(path: AnyPath) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after making sure that it is only itself.

    Parameters
    ----------
    path : path-like
        The file.

    Yields
    ------
    h5py.File
        The open file; datasets should be read with `read_array` and `read_string`, which check
        type, filters and size.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, holds external links, external storage or virtual datasets, soft
        links that chain more than 16 times or run in a circle, groups nested deeper than 64, or
        more than 100,000 objects.
    """
    import h5py

    file = check_file(path, "HDF5 file")
    # A virtual dataset is read from a heap as soon as it is looked at; of large files heaps are
    # looked for where strings are read.
    if file.stat().st_size <= 2 * WINDOW:
        check_heaps(file)
    with damaged(file, "HDF5 file"), h5py.File(file, "r", locking=False) as opened:
        check_links(opened, file)
        yield opened


def get_dataset(opened: Any, name: str, file: AnyPath) -> Any:
    """Dataset `name` of a file or group.

    Raises
    ------
    nmcx.errors.InputError
        If there is no such dataset.
    """
    import h5py

    found = opened.get(name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{file}: has no dataset {name}; is it the right kind of file?")
    return found


def check_numeric(dataset: Any, file: AnyPath) -> None:
    """Refuse datasets that are not plain numbers, or need a filter that is not at hand.

    Raises
    ------
    nmcx.errors.InputError
        Naming file, dataset and remedy.
    """
    where = f"{file}: {dataset.name}"
    if dataset.dtype.kind not in "biuf" or dataset.dtype.subdtype or dataset.shape is None:
        raise InputError(f"{where} holds {dataset.dtype}, not plain numbers; convert it")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if filters - BUILT_IN_FILTERS:
        try:
            import hdf5plugin  # noqa: F401  (registers its filters)
        except ImportError as error:
            raise InputError(
                f'{where} is compressed by a plug-in filter; pip install "nmcx[filters]"'
            ) from error


def read_array(dataset: Any, file: AnyPath, key: Any = ()) -> NDArray[Any]:
    """Numbers of a dataset, or of the part `key`, in native byte order.

    Raises
    ------
    nmcx.errors.InputError
        If they are not numbers or cannot be decompressed.
    nmcx.errors.MemoryLimitError
        If the dataset's declared size exceeds the free memory.
    """
    check_numeric(dataset, file)
    needed = _of_chunks(dataset, key if isinstance(key, tuple) else (key,))
    if key == ():
        needed += n_bytes(dataset.shape, dataset.dtype)
    check_memory(needed, f"{file}: {dataset.name}")
    with damaged(f"{file}: {dataset.name}", "dataset"):
        values = np.asarray(dataset[key])
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _of_chunks(dataset: Any, key: tuple[Any, ...]) -> int:
    """Bytes that HDF5 takes for the list of the chunks that a part lies in, and to unpack one.

    A million chunks of one byte cost 4 GB.
    """
    if dataset.chunks is None:
        return 0
    if any(part is Ellipsis for part in key):
        key = ()
    n_chunk = 1
    for axis, (size, chunk) in enumerate(zip(dataset.shape, dataset.chunks, strict=True)):
        extent = _extent(key[axis], int(size)) if axis < len(key) else int(size)
        # A part need not begin where a chunk does.
        n_chunk *= min(-(-int(size) // int(chunk)), (extent - 1) // int(chunk) + 2)
    list_bytes = _LIST_BYTES * n_chunk
    short = list_bytes <= _SHORT_LIST_BYTES
    return n_bytes(dataset.chunks, dataset.dtype) + (0 if short else list_bytes)


def _extent(part: Any, size: int) -> int:
    """From the first to the last index of an axis that a part of a dataset needs."""
    if not isinstance(part, slice):
        return 1 if isinstance(part, (int, np.integer)) else size
    indices = range(*part.indices(size))
    return abs(indices[-1] - indices[0]) + 1 if indices else 0


def read_vector(dataset: Any, file: AnyPath) -> NDArray[np.float64]:
    """Numbers of a dataset of any shape as float64, in one row: energies, angles, positions.

    Raises
    ------
    nmcx.errors.InputError
        As `read_array`.
    nmcx.errors.MemoryLimitError
        If what is made of the numbers afterwards would not fit into the free memory.
    """
    check_numeric(dataset, file)
    n_byte = n_bytes(dataset.shape, np.dtype(np.float64))
    check_memory(_VECTOR_COPIES * n_byte, f"{file}: {dataset.name}")
    return np.ravel(read_array(dataset, file)).astype(np.float64)


def read_string(dataset: Any, file: AnyPath) -> str:
    """One string of at most 64 MB; variable length is allowed for a scalar only.

    Raises
    ------
    nmcx.errors.InputError
        If the dataset is something else.
    """
    import h5py

    info = h5py.check_string_dtype(dataset.dtype)
    too_long = info is not None and (info.length or 0) > MAX_STRING_BYTES
    if info is None or dataset.size != 1 or too_long:
        raise InputError(f"{file}: {dataset.name} is not a single short string; convert it")
    if info.length is None:
        check_heaps(file)
    with damaged(f"{file}: {dataset.name}", "string"):
        value = dataset[()] if dataset.shape == () else dataset[:].ravel()[0]
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _read_attribute(item: Any, name: str) -> Any:
    """Content of an attribute; None where it is missing, damaged, or neither text nor number."""
    import h5py

    try:
        if name not in item.attrs:
            return None
        stored = item.attrs.get_id(name)
        kind = stored.get_type().get_class()
        # HDF5 crashes on sequences of variable length whose description is damaged.
        if kind not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM):
            return None
        info = h5py.check_string_dtype(stored.dtype)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return None
    if info is not None and info.length is None:
        check_heaps(item.file.filename)
    try:
        return item.attrs[name]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return None


def attribute(item: Any, name: str) -> str | float | None:
    """Attribute as text or number; None where it is missing or neither."""
    value = _read_attribute(item, name)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    return float(value) if isinstance(value, (int, float, np.number)) else None


def text_attribute(item: Any, name: str) -> list[str]:
    """Attribute as a list of texts; empty where it is missing or not text."""
    value = _read_attribute(item, name)
    listed = np.ravel(value).tolist() if value is not None else []
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in listed]
    return texts if all(isinstance(text, str) for text in texts) else []
