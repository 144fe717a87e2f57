"""Reading a file opens no other one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import test_io_safe
from promises.shows import Shows
from test_io_safe import exchange

#: Every file that Python opens while a reader is at work; libraries have their own way, which
#: tests/fuzz follows with strace where there is one.
CHILD = """
import json, os, sys
from nmcx import io
readers = {"open_stack": lambda p: io.open_stack(p), "load": lambda p: io.load(p),
           "read_volume": lambda p: io.read_volume(p, dataset="exchange/data")}
io.open_stack(sys.argv[1])
opened, listening = [], False
def hook(event, words):
    if listening and event == "open" and isinstance(words[0], (str, bytes)):
        opened.append(os.path.basename(os.fsdecode(words[0])))
sys.addaudithook(hook)
for path in sys.argv[2:]:
    for name, read in readers.items():
        opened.clear()
        listening = True
        try:
            outcome = read(path)
            outcome = "read"
        except Exception as error:
            outcome = type(error).__name__ if os.path.basename(path) in str(error) else str(error)
        listening = False
        print(json.dumps([os.path.basename(path), name, outcome, opened]))
"""


def path_in_external_link(path: Path) -> None:
    with exchange(path) as out:
        out["exchange/data"] = h5py.ExternalLink("../../../../etc/passwd", "/")


def external_link_to_itself(path: Path) -> None:
    with exchange(path) as out:
        out["exchange/other"] = np.ones((3, 2, 2))
        out["exchange/data"] = h5py.ExternalLink(path.name, "/exchange/other")


def external_storage_of_the_system(path: Path) -> None:
    with exchange(path) as out:
        out.create_dataset("exchange/data", (3, 2, 2), "u1", external=[("/etc/passwd", 0, 12)])


ATTACKS = [
    *test_io_safe.ATTACKS,
    path_in_external_link,
    external_link_to_itself,
    external_storage_of_the_system,
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str, list[str]]]:
    folder = tmp_path_factory.mktemp("attacks")
    exchange(folder / "good.h5", np.ones((3, 2, 2))).close()
    for attack in ATTACKS:
        attack(folder / f"{attack.__name__}.h5")
    files = [str(folder / f"{attack.__name__}.h5") for attack in ATTACKS]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder / "good.h5"), *files],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_R10_attack_files_open_no_other_file(
    told: list[tuple[str, str, str, list[str]]], shows: Shows
) -> None:
    assert {file for file, *_ in told} == {f"{attack.__name__}.h5" for attack in ATTACKS}
    others = [(file, reader, opened) for file, reader, _, opened in told if set(opened) - {file}]
    # What the readers look up of the machine: how much memory is free.
    others = [
        (file, reader, rest) for file, reader, opened in others
        if (rest := set(opened) - {file, "meminfo", "statm", "memory.max", "memory.current"})
    ]  # fmt: skip
    refused = sum(outcome == "InputError" for *_, outcome, _ in told)
    assert not others
    shows.least("attack files", len(ATTACKS), 12)
    shows.holds("attacks that are refused and open no other file", refused, len(told))
