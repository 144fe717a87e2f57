"""The folder of an unfinished result: its data, and a journal of what is safely among them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any

from nmcx.errors import Error, InputError, OutputError
from nmcx.io import _atomic, _safe, _system

#: Time between two syncs [s]: about so much work is lost by a crash. More often would cost the time
#: that the disk takes for writing what could have been removed again before.
SYNC_SECONDS = 30.0
_BEGUN = "fingerprint.json"


class Work:
    """Work on a file that can be stopped at any moment and resumed.

    Made by `unfinished`. Data go first, then they are synced, then a line of the journal says so,
    and is synced itself: a line never stands for data that are not on the disk.
    """

    def __init__(self, folder: Path, journal: int) -> None:
        self.folder = folder
        self._journal = journal
        self._lines: list[str] = []
        self._files: set[Path] = set()
        self._synced = time.monotonic()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="nmcx-write")
        self._pending: Future[None] | None = None

    def done(self, what: str) -> set[tuple[int, int]]:
        """Blocks of the stage `what` that the journal holds."""
        return done_in(self.folder, what)

    def put(
        self, what: str, start: int, stop: int, write: Callable[[], None], *files: Path
    ) -> None:
        """Have `write` called in the background and the block noted once `files` are synced."""
        self.wait()

        def task() -> None:
            write()
            self._lines.append(f"{what} {start} {stop} .\n")
            self._files.update(files)
            if time.monotonic() - self._synced > SYNC_SECONDS:
                self._sync()

        self._pending = self._writer.submit(task)

    def wait(self) -> None:
        """Wait until everything put so far is written, though perhaps not yet on the disk."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def flush(self) -> None:
        """Wait until everything put so far is on the disk and in the journal."""
        self.wait()
        self._writer.submit(self._sync).result()

    def close(self) -> None:
        """Stop the writing thread; unfinished work is synced, if that can still be done."""
        with contextlib.suppress(OSError):
            if self.folder.exists():
                self.flush()
        self._writer.shutdown(wait=True)

    def _sync(self) -> None:
        for file in self._files:
            _atomic.sync(file)
        if self._lines:
            os.write(self._journal, "".join(self._lines).encode())
            os.fsync(self._journal)
        self._lines, self._files = [], set()
        self._synced = time.monotonic()


def done_in(folder: Path, what: str) -> set[tuple[int, int]]:
    """Blocks of the stage `what` that the journal of a folder holds; none without a journal.

    Raises
    ------
    nmcx.errors.InputError
        If a line that is whole counts no block.
    """
    journal = folder / "journal"
    found = set()
    for line in journal.read_bytes().split(b"\n")[:-1] if journal.exists() else ():
        words = line.split()
        # The last line may have been torn by a crash: it then lacks its end mark.
        if len(words) == 4 and words[0] == what.encode() and words[3] == b".":
            try:
                found.add((int(words[1]), int(words[2])))
            except ValueError:
                raise InputError(
                    f"{journal}: a line is damaged ({words[1]!r} to {words[2]!r}); start anew in "
                    "another folder"
                ) from None
    return found


def remaining(n_row: int, rows: int, done: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Blocks of at most `rows` rows that make up what is not done.

    Examples
    --------
    >>> remaining(10, 3, {(0, 2), (6, 7)})
    [(2, 5), (5, 6), (7, 10)]
    """
    blocks, at = [], 0
    for start, stop in [*sorted(done), (n_row, n_row)]:
        blocks += [(first, min(first + rows, start)) for first in range(at, start, rows)]
        at = max(at, stop)
    return blocks


@contextlib.contextmanager
def unfinished(
    path: str | PathLike[str],
    fingerprint: Mapping[str, Any],
    prepare: Callable[[Path], None],
    *,
    overwrite: bool,
    resume: bool,
) -> Iterator[Work]:
    """Work towards the file `path` in the folder ``<path>.part``.

    Parameters
    ----------
    path : path-like
        The file to be made.
    fingerprint : mapping
        What the result depends on, by name, as JSON values; must agree when work is resumed.
    prepare : callable
        ``prepare(folder)`` makes the files in a new folder.
    overwrite : bool
        Whether a finished or unfinished file may be replaced.
    resume : bool
        Whether unfinished work is taken up.

    Yields
    ------
    Work
        The folder; `finish` makes its file the result.

    Raises
    ------
    nmcx.errors.OutputError
        If the file or unfinished work exists and may not be replaced, another process is at it, or
        the disk is full.
    nmcx.errors.InputError
        If unfinished work belongs to another input or other options.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{target}: is a folder; name a file in it")
    if not overwrite and os.path.lexists(target):
        raise OutputError(
            f"{target}: exists already; choose another name or allow overwriting (overwrite=True)"
        )
    folder = target.with_name(f"{target.name}.part")
    if os.path.lexists(folder) and not resume and not overwrite:
        raise OutputError(
            f"{folder}: holds unfinished work; go on with resume=True, or start anew with "
            "overwrite=True"
        )
    with in_folder(
        folder,
        fingerprint,
        prepare,
        target=target,
        resume=resume,
        anew="start anew with overwrite=True and resume=False",
        again="go on with resume=True",
    ) as work:
        yield work


@contextlib.contextmanager
def in_folder(
    folder: Path,
    fingerprint: Mapping[str, Any],
    prepare: Callable[[Path], None],
    *,
    target: Path,
    resume: bool,
    anew: str,
    again: str,
) -> Iterator[Work]:
    """Work in a folder of its own, begun if it is not there yet.

    Parameters
    ----------
    folder : path
    fingerprint, prepare
        See `unfinished`.
    target : path
        What the work is for, as errors name it.
    resume : bool
        Whether to take up what is there; else it is thrown away.
    anew, again : str
        What errors tell the user to do: to start anew, and to go on later.

    Yields
    ------
    Work

    Raises
    ------
    nmcx.errors.OutputError
        If the folder is of someone else, another process is at it, or the disk refuses.
    nmcx.errors.InputError
        If the work there belongs to another input or other options.
    """
    wanted = json.loads(json.dumps(dict(fingerprint)))
    with contextlib.ExitStack() as stack:
        try:
            if folder.exists() and any(folder.iterdir()) and not (folder / "journal").exists():
                raise OutputError(f"{folder}: is no work of nmcx; move it away")
            folder.mkdir(exist_ok=True)
            journal = os.open(
                folder / "journal", os.O_RDWR | os.O_CREAT | os.O_APPEND | _system.BINARY, 0o666
            )
            stack.callback(os.close, journal)
            lock(journal, folder)
            begun = _begun(folder)
            if resume and begun is not None:
                _compare(begun, wanted, folder, anew)
                _mend(folder, journal)
            else:
                _begin(folder, journal, wanted, prepare)
            work = Work(folder, journal)
            try:
                yield work
            finally:
                work.close()
        except Error:
            raise
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = "free space" if full else "check the folder and its permissions"
            raise OutputError(
                f"{target}: writing failed ({error.strerror or error}); {remedy}"
                + (f", then {again} ({folder.name} is kept)" if folder.exists() else "")
            ) from error


def finish(work: Work, name: str, path: str | PathLike[str], overwrite: bool) -> None:
    """Give the file `name` of the folder its final name, and remove the folder."""
    work.wait()
    target = Path(path)
    _atomic.sync(work.folder / name)
    try:
        _atomic.move(work.folder / name, target, overwrite)
    except FileExistsError as error:
        raise OutputError(f"{target}: came into being meanwhile; move it away") from error
    _atomic.sync(target.parent)
    shutil.rmtree(work.folder, ignore_errors=True)


def lock(file: int, folder: Path) -> None:
    """Have an open file of a folder to oneself, until it is closed.

    Raises
    ------
    nmcx.errors.OutputError
        If another process has it.
    """
    if _system.lock(file) is False:
        raise OutputError(f"{folder}: another process works on it; wait for it or stop it")


def _begun(folder: Path) -> dict[str, Any] | None:
    """Fingerprint of the work in a folder; None if there is none, or it was finished already."""
    file = folder / _BEGUN
    if not file.exists():
        return None
    with _safe.damaged(file, "fingerprint"):
        content = json.loads(file.read_text())
        complete = all((folder / name).exists() for name in content["files"])
        return dict(content["fingerprint"]) if complete else None


def _begin(
    folder: Path, journal: int, wanted: Mapping[str, Any], prepare: Callable[[Path], None]
) -> None:
    for file in folder.iterdir():
        if file.name != "journal":
            file.unlink()
    os.ftruncate(journal, 0)
    try:
        prepare(folder)
        files = sorted(file.name for file in folder.iterdir())
        for name in files:
            _atomic.sync(folder / name)
        # Last, so that a folder with a fingerprint is complete.
        temporary = folder / "fingerprint.tmp"
        temporary.write_text(json.dumps({"files": files, "fingerprint": wanted}))
        _atomic.sync(temporary)
        temporary.replace(folder / _BEGUN)
        _atomic.sync(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _compare(begun: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path, anew: str) -> None:
    differing = [name for name in wanted if begun.get(name) != wanted[name]]
    if differing:
        raise InputError(
            f"{folder}: was begun with other values of {', '.join(differing)}; give the same "
            f"input and options, or {anew}"
        )


def _mend(folder: Path, journal: int) -> None:
    """Cut off a line that a crash has torn, so that the next one begins on its own."""
    content = (folder / "journal").read_bytes()
    os.ftruncate(journal, content.rfind(b"\n") + 1)
