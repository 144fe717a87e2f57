"""Writing that fails leaves what was there, and nothing else."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from promises.public_calls import digest
from promises.shows import Shows

from nmcx import chemomechanics as cm
from nmcx import cli, io, materials, mesh, phantom
from nmcx.errors import OutputError
from nmcx.results import EnergyStack

#: Calls that writing goes through; HDF5 has its own, which a limit on the size of files stops.
CALLS = ("fsync", "replace", "link", "write", "open", "mkdir", "posix_fallocate")
N_POINT = 20
GRAINS = mesh.disc(1e-6, n_grains=4, size=0.3e-6, seed=1)
SCAN = phantom.pair_scans(1, shape=(24, 24)).low
HISTORY = cm.diffuse(
    GRAINS, materials.NMC811, initial=0.0, threads=1,
    boundary=cm.Dirichlet(materials.NMC811.max_concentration), times=[1.0],
)  # fmt: skip
SPECTRA = phantom.edge_spectra(24, noise=0.01, seed=1)
STACK = EnergyStack(SPECTRA.energy_ev, SPECTRA.mu.reshape(-1, 2, 3, 4))
WRITERS: dict[str, Callable[[Path], Any]] = {
    "save": lambda folder: io.save(
        folder / "a.nxs", HISTORY, overwrite=True, provenance={"date": "2026-01-01T00:00:00+00:00"}
    ),
    "write_mesh": lambda folder: io.write_mesh(folder / "a.vtu", GRAINS, overwrite=True),
    "write_history": lambda folder: io.write_history(
        folder / "a.vtkhdf", GRAINS, HISTORY, overwrite=True
    ),
    "write_stxm": lambda folder: io.write_stxm(folder / "a.hdr", SCAN, overwrite=True),
    "write_tiff": lambda folder: io.write_tiff(
        folder / "a.tif", np.ones((4, 30, 30), np.float32), 0.1, overwrite=True
    ),
    "write_energy_stack": lambda folder: io.write_energy_stack(
        folder / "a.h5", STACK, overwrite=True
    ),
}


@contextmanager
def failing(at: int, number: int) -> Iterator[list[str]]:
    """The call of that number, counted from 1, fails; what asks for room fails from then on."""
    made: list[str] = []

    def replaced(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*words: Any, **options: Any) -> Any:
            writes = name != "open" or (len(words) > 1 and words[1] & (os.O_WRONLY | os.O_RDWR))
            if writes:
                made.append(name)
                if len(made) == at or (0 < at < len(made) and name != "replace"):
                    raise OSError(number, os.strerror(number))
            return call(*words, **options)

        return counting

    before = {name: getattr(os, name) for name in CALLS}
    for name, call in before.items():
        setattr(os, name, replaced(name, call))
    try:
        yield made
    finally:
        for name, call in before.items():
            setattr(os, name, call)


@contextmanager
def small_disk(n_byte: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, by whatever library."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_byte, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def points(total: int, n: int) -> list[int]:
    return sorted({int(i) for i in np.linspace(1, total, min(n, total))})


@pytest.mark.parametrize("name", WRITERS)
def test_R02_a_failing_disk_leaves_the_old_result(
    name: str, tmp_path: Path, shows: Shows, full: bool
) -> None:
    write = WRITERS[name]
    write(tmp_path)
    old = contents(tmp_path)
    size = max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    with failing(0, 0) as calls:
        write(tmp_path)
    n_call = len(calls)
    assert n_call >= 2
    old = contents(tmp_path)
    n_intact = n_tried = 0
    for number in (errno.ENOSPC, errno.EIO, errno.EROFS):
        for at in points(n_call, N_POINT if full else 2):
            with pytest.raises(OutputError), failing(at, number):
                write(tmp_path)
            n_tried, n_intact = n_tried + 1, n_intact + (contents(tmp_path) == old)
    for limit in points(size - 1, N_POINT if full else 3):
        with pytest.raises(OutputError), small_disk(limit):
            write(tmp_path)
        n_tried, n_intact = n_tried + 1, n_intact + (contents(tmp_path) == old)
    shows.holds("failures of writing: old result intact and nothing beside it", n_intact, n_tried)


DISC = """[polycrystal]
shape = "disc"
radius_um = 1
n_grains = 4
size_um = 0.4
[transport]
protocol = ["charge c_rate=1 until=0.9"]
"""


def commands(name: str, source: Path, out: Path) -> tuple[list[object], list[object]]:
    """Two commands with results that differ, into the same place."""
    source.mkdir()
    if name == "edges":
        io.write_energy_stack(source / "stack.h5", STACK)
        words = ["edges", source / "stack.h5", out / "edges.nxs", "--pre-edge", 8250, 8320,
                 "--post-edge", 8380, 8640, "--no-picture"]  # fmt: skip
        return [*words, "--level", 0.5], [*words, "--level", 0.6]
    (source / "disc.toml").write_text(DISC)
    words = ["simulate", source / "disc.toml", "-o", out / "run", "--no-picture"]
    return [*words, "--states", 1], [*words, "--states", 2]


@pytest.mark.parametrize("name", ["edges", "simulate"])
def test_R02_a_command_ends_with_5(
    name: str, tmp_path: Path, shows: Shows, full: bool, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    out, earlier = tmp_path / "out", tmp_path / "earlier"
    out.mkdir()
    first, second = commands(name, tmp_path / "source", out)
    assert cli.main(["-q", *map(str, first)]) == 0
    shutil.copytree(out, earlier)
    asked = ["-q", *map(str, second), "--force"]
    with failing(0, 0) as calls:
        assert cli.main(asked) == 0
    old, new = results(earlier), results(out)
    assert old.keys() == new.keys() and old != new
    capsys.readouterr()
    n_good = n_tried = 0
    for at in points(len(calls), N_POINT if full else 5):
        shutil.rmtree(out)
        shutil.copytree(earlier, out)
        with failing(at, errno.ENOSPC):
            code = cli.main(asked)
        said = capsys.readouterr().err
        n_tried += 1
        # The last calls have the result on the disk, whole; only its folder is not synced. Where
        # a file cannot have a second name it is moved: that is no failure.
        is_told = code == 5 and said.count("\n") == 1 and results(out) in (old, new)
        n_good += is_told or (code == 0 and results(out) == new)
        assert n_good == n_tried, (at, calls[at - 1], code, said, results(out), old)
    shows.holds("commands on a full disk: exit code 5, old result intact", n_good, n_tried)


def results(folder: Path) -> dict[str, str]:
    """All files but the log, which has times, and what a folder NAME.part keeps to go on from."""
    found = contents(folder)
    found |= {k: digest(io.load(folder / k)) for k in found if k.endswith(".nxs")}  # but the date
    return {k: v for k, v in found.items() if ".part/" not in k and not k.endswith("log.txt")}


def test_R02_a_folder_that_nobody_may_write_into(tmp_path: Path, shows: Shows) -> None:
    # Not even root may make files in /proc.
    n_refused = 0
    for write in WRITERS.values():
        with pytest.raises(OutputError):
            write(Path("/proc/nmcx"))
        n_refused += 1
    shows.holds("writers into a folder that cannot be written", n_refused, len(WRITERS))
