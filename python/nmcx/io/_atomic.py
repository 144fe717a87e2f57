"""Files that appear whole or not at all: temporary file in the same folder, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

from nmcx.errors import Error, OutputError


@contextlib.contextmanager
def atomic_write(path: str | PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Write a file all at once: temporary file in the same folder, fsync, rename.

    Parameters
    ----------
    path : path-like
        Where the file shall be.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    pathlib.Path
        The temporary file, to be written and closed inside the ``with`` block.

    Raises
    ------
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or writing fails; what was at `path` before is
        then untouched and no temporary file stays.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "result.txt")
    ...     with atomic_write(file) as temporary:
    ...         _ = temporary.write_text("42")
    ...     file.read_text()
    '42'
    """
    target = Path(path)
    exists = f"{target}: exists already; choose another name or allow overwriting (--force)"
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; name a file in it")
    if not overwrite and os.path.lexists(target):
        raise OutputError(exists)
    # Not tempfile.mkstemp: results get the permissions of any new file, not the owner's alone.
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{target}: cannot be written ({getattr(error, 'strerror', None) or error}); "
            "check the folder and its permissions"
        ) from error
    try:
        with _told(target):
            yield temporary
            sync(temporary)
            try:
                move(temporary, target, overwrite)
            except FileExistsError as error:
                raise OutputError(exists) from error
            sync(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(target: Path) -> Iterator[None]:
    """What the disk refuses, in words."""
    try:
        yield
    except Error:
        raise
    except OSError as error:
        raise OutputError(
            f"{target}: writing failed ({error.strerror or error}); check space and permissions"
        ) from error


@contextlib.contextmanager
def atomic_folder(
    path: str | PathLike[str], overwrite: bool, is_one: Callable[[Path], bool], what: str
) -> Iterator[Path]:
    """Fill a folder all at once: a new one beside it, which takes its place at the end.

    Parameters
    ----------
    path : path-like
        Where the folder shall be.
    overwrite : bool
        Whether an existing one may be replaced.
    is_one : callable
        Whether a folder is of the kind that is written: no other is ever replaced.
    what : str
        That kind, for the message.

    Yields
    ------
    pathlib.Path
        Where to make the new folder.

    Raises
    ------
    nmcx.errors.OutputError
        If it exists and may not be replaced, or writing fails; what was at `path` before is then
        untouched, and nothing of the new one stays.
    """
    target = Path(path)
    if os.path.lexists(target) and not (
        overwrite and target.is_dir() and not target.is_symlink() and is_one(target)
    ):
        reason = "exists already" if not overwrite else f"exists and is no {what}"
        raise OutputError(f"{target}: {reason}; choose another name or allow overwriting (--force)")
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with _told(target):
            yield temporary
            _replace_folder(temporary, target)
            sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = temporary.with_name(temporary.name + ".old")
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Have a file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; the file itself is synced already.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def move(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give a file its final name; `FileExistsError` if it is taken and may not be replaced."""
    if overwrite:
        temporary.replace(target)
        return
    # Unlike a rename, a link never replaces a file that came into being meanwhile.
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system: reserve the name instead
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        temporary.replace(target)


def made_folder(path: str | PathLike[str]) -> Path:
    """A folder, made with those above it if it does not exist.

    Raises
    ------
    nmcx.errors.OutputError
        If it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"{folder}: cannot be made ({error.strerror or error}); name another folder"
        raise OutputError(text) from error
    return folder
