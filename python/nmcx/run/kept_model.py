"""The folder in which a run keeps what its model has found, until all is done."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from nmcx.errors import OutputError, UsageError
from nmcx.io import _system
from nmcx.io.work import lock
from nmcx.run.folder import part_of
from nmcx.run.model_steps import MEMBERS, MODEL, WITHOUT

#: A file of this name says that the folder is of a run; the command that began it stands in it.
MARK = "run"
#: Files of the states of the model, and of the members.
_STATES = (f"{MODEL}-*/state_*.h5", f"{WITHOUT}-*/*/state_*.h5")
_MEMBERS = f"{MEMBERS}/*.h5"


@contextlib.contextmanager
def kept_model(folder: Path, wanted: bool, command: str = "") -> Iterator[Path]:
    """The folder of unfinished work towards the results in another, for this process alone.

    It goes when the block ends well, and when it holds nothing that were a loss.

    Parameters
    ----------
    folder : path
        Of the results.
    wanted : bool
        Whether there is anything to be kept; else there will be no such folder.
    command : str
        What goes on with it, for whoever finds the folder.

    Yields
    ------
    pathlib.Path

    Raises
    ------
    nmcx.errors.OutputError
        If the folder is of something else, another process works in it, or the disk refuses.
    """
    part = part_of(folder)
    if not wanted:
        yield part
        return
    made = [parent for parent in part.parents if not parent.exists()]
    with _alone(part, command):
        try:
            yield part
        except BaseException as stopped:
            kept = told(part)
            if not kept:
                _remove(part, made)
            elif isinstance(stopped, KeyboardInterrupt):
                later = f"the same command goes on with the {kept} kept in {part}"
                raise KeyboardInterrupt(later) from None
            raise
        _remove(part, [])


def refuse_run(part: Path) -> None:
    """Say how to go on with a run, to who asks for it in another way.

    Raises
    ------
    nmcx.errors.UsageError
        If the folder is that of an unfinished run.
    """
    if (part / MARK).exists():
        again = last_command(part).split()[1:2] or ["run"]
        raise UsageError(f"{part}: is of `nmcx {again[0]}`; give that command again and it goes on")


@contextlib.contextmanager
def _alone(part: Path, command: str) -> Iterator[None]:
    if part.exists() and any(part.iterdir()) and not (part / MARK).exists():
        raise OutputError(f"{part}: is no unfinished run; move it away, or finish or remove it")
    try:
        part.mkdir(parents=True, exist_ok=True)
        file = os.open(part / MARK, os.O_RDWR | os.O_CREAT | _system.BINARY, 0o666)
    except OSError as error:
        text = f"{part}: cannot be written ({error.strerror or error})"
        raise OutputError(f"{text}; name another folder with -o") from error
    try:
        lock(file, part)
        if command:
            os.ftruncate(file, 0)
            os.write(file, command.encode())
        yield
    finally:
        os.close(file)


def last_command(part: Path) -> str:
    """The command that goes on with an unfinished run; nothing if it was begun in Python.

    Parameters
    ----------
    part : path
        Folder of the unfinished run.

    Returns
    -------
    str
    """
    return (part / MARK).read_text(encoding="utf-8", errors="replace").strip()


def told(part: Path) -> str:
    """What is kept, in words; nothing if nothing is."""
    states = sum(len([*part.glob(pattern)]) for pattern in _STATES)
    members = len([*part.glob(_MEMBERS)])
    if not states and not members:
        return ""
    return f"{_number(states, 'state')} of the model and {_number(members, 'member')}"


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _remove(part: Path, made: list[Path]) -> None:
    """Remove the folder, and those above it that were made for it."""
    shutil.rmtree(part, ignore_errors=True)
    for parent in made:
        with contextlib.suppress(OSError):
            parent.rmdir()
