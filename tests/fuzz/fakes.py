"""Readers that do what none may: the watch must see it, or it would see nothing of real ones."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from pathlib import Path

import h5py
import numpy as np
from readers import Reader

from nmcx.errors import InputError, MemoryLimitError


def dies(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(path: Path) -> None:
    while True:
        pass


def raises(path: Path) -> None:
    raise KeyError(path.name)


def names_nothing(path: Path) -> None:
    raise InputError("the file is damaged")


def takes_all(path: Path) -> None:
    try:
        np.ones(2**28)
    except MemoryError as error:
        raise MemoryLimitError(f"{path}: does not fit") from error


def leaves_memory_error(path: Path) -> None:
    np.ones(2**28)


def warns(path: Path) -> None:
    for i in range(20):
        warnings.warn(f"pixel {i}", stacklevel=1)


def logs(path: Path) -> None:
    for i in range(20):
        logging.getLogger("library").warning("tag %d", i)


def refuses(path: Path) -> None:
    raise InputError(f"{path}: is damaged; copy it again")


def opens(path: Path) -> None:
    path.read_text()


def follows_links(path: Path) -> None:
    with h5py.File(path, "r") as opened:
        opened["data"][()]


READERS = {
    call.__name__: Reader(call, (), "")
    for call in (
        *(dies, hangs, raises, names_nothing, takes_all, leaves_memory_error, warns, logs, refuses),
        *(opens, follows_links),
    )
}
