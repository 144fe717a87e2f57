"""Reading a file never opens another one, by Python or by a library below it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import campaign
import h5py
import numpy as np
import pytest
from attack_files import ATTACKS

CALLS = [(name, reader) for name, attack in ATTACKS.items() for reader in attack.readers]
_PATH = re.compile(r'(?:open|openat|openat2)\((?:AT_FDCWD|\d+)?(?:, )?"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Watched:
    """What reading attack files came to."""

    told: dict[tuple[str, str], dict]  #: of each attack and reader, with the files Python opened
    traced: list[str] | None  #: files that anything opened, as strace sees it; None without it


@pytest.fixture(scope="module")
def attacks(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """All attacks, read by one process."""
    folder = tmp_path_factory.mktemp("attacks")
    calls = []
    for name, attack in ATTACKS.items():
        parts = [folder / name / part for part in ("attack", "secret")]
        for part in parts:
            part.mkdir(parents=True)
        path = attack.make(*parts)
        calls += [(name, reader, str(path)) for reader in attack.readers]
    return watched(folder, calls)


def watched(folder: Path, calls: list[tuple[str, str, str]]) -> Watched:
    """Read files (attack, reader, path) in a process of its own, under strace if it is there."""
    (folder / "attacks.json").write_text(json.dumps(calls))
    log = folder / "strace.log"
    command = [
        "strace",
        "-f",
        "-qq",
        "-s",
        "4096",
        "-e",
        "trace=open,openat,openat2",
        "-o",
        str(log),
    ]
    has_strace = shutil.which("strace") is not None
    child = campaign.start(
        "attack_child.py", str(folder), folder=folder, under=command if has_strace else []
    )
    said = child.communicate()[1]
    assert child.returncode == 0, said
    told = json.loads((folder / "opened.json").read_text())
    lines = log.read_text(errors="replace").splitlines() if has_strace else []
    named = {found[1] for line in lines if (found := _PATH.search(line))}
    # A link in the folder of the attack is opened under its own name.
    real = sorted(str((folder / path).resolve()) for path in named)
    return Watched(
        {(one["attack"], one["reader"]): one for one in told}, real if has_strace else None
    )


def secrets(paths: list[str]) -> list[str]:
    """Those of the paths that lie in a folder of secrets, or in /etc."""
    return [p for p in paths if "secret" in Path(p).parts or p.startswith("/etc/passwd")]


@pytest.mark.parametrize(("attack", "reader"), CALLS)
def test_R10_attacks_are_refused_or_read_without_opening_another_file(
    attack: str, reader: str, attacks: Watched
) -> None:
    found = attacks.told[attack, reader]
    assert found["outcome"] == ATTACKS[attack].outcome, found["message"]
    assert secrets(found["opened"]) == []


def test_R10_no_library_opens_another_file_either(attacks: Watched) -> None:
    if attacks.traced is None:
        pytest.skip("no strace; install it with apt-get install strace")
    assert any(path.endswith("attack/a.h5") for path in attacks.traced)
    assert secrets(attacks.traced) == []


def test_the_watch_sees_a_file_that_python_opens(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.txt").write_text("x")
    (tmp_path / "a.txt").symlink_to(tmp_path / "secret" / "a.txt")
    read = watched(tmp_path, [("link", "fakes:opens", str(tmp_path / "a.txt"))])
    secret = str((tmp_path / "secret" / "a.txt").resolve())
    assert secrets(read.told["link", "fakes:opens"]["opened"]) == [secret]


def test_the_watch_sees_a_file_that_hdf5_opens(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace; install it with apt-get install strace")
    (tmp_path / "secret").mkdir()
    with h5py.File(tmp_path / "secret" / "b.h5", "w") as out:
        out["data"] = np.ones(3)
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out["data"] = h5py.ExternalLink("secret/b.h5", "/data")
    read = watched(tmp_path, [("link", "fakes:follows_links", str(tmp_path / "a.h5"))])
    assert read.traced is not None
    assert [Path(path).name for path in secrets(read.traced)] == ["b.h5"]
