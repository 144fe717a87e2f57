"""Systems that lack something: what is done without it gives the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmcx.io import _system

#: What macOS lacks, and Windows besides.
MACOS = ("posix_fadvise", "posix_fallocate", "sched_getaffinity")
WINDOWS = (*MACOS, "preadv", "pwritev", "sysconf", "sysconf_names", "O_CLOEXEC")
WITHOUT = {"Linux": ((), ()), "macOS": (MACOS, ()), "Windows": (WINDOWS, ("fcntl", "resource"))}

PRELUDE = """
import os, sys
for name in {names!r}: delattr(os, name)
for name in {modules!r}: sys.modules[name] = None
"""

#: Stacks of several formats are written, read ahead in blocks, and fitted into files.
FITS = """
import hashlib, pathlib, numpy as np, zarr
from nmcx import io, phantom, xanes
from nmcx.results import EnergyStack
folder = pathlib.Path(sys.argv[1])
energy = np.linspace(8250.0, 8450.0, 40)
mu = phantom.edge_spectra(8 * 9 * 10, noise=0.01, seed=1, energy_ev=energy).mu
mu = mu.reshape(-1, 8, 9, 10).astype(np.float32)
io.write_energy_stack(folder / "stack.h5", EnergyStack(energy, mu))
(folder / "stack").mkdir()
for i, image in enumerate(mu): io.write_tiff(folder / "stack" / f"{i:03d}.tif", image)
(folder / "stack" / "energies.csv").write_text("\\n".join(map(str, energy)))
zarr.create_array(str(folder / "stack.zarr"), data=mu, chunks=(40, 1, 9, 10), compressors=None,
                  attributes={"energy_ev": energy.tolist()})
for name in ("stack.h5", "stack", "stack.zarr"):
    result = folder / f"{name}.nxs"
    xanes.fit_edges_to_file(folder / name, result, block_bytes=30_000,
                            pre_edge=(8250, 8320), post_edge=(8380, 8450))
    (found,) = io.load(result).values()
    print(name, hashlib.sha256(found.edge_energy_ev.tobytes()).hexdigest())
"""


def without(system: str, code: str, *words: str) -> str:
    """What a program prints where all is lacking that the system lacks."""
    names, modules = WITHOUT[system]
    there = [name for name in names if hasattr(os, name)]
    prelude = PRELUDE.format(names=there, modules=modules)
    done = subprocess.run(
        [sys.executable, "-c", prelude + code, *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("system", ["macOS", "Windows"])
def test_fits_in_blocks_are_the_same_to_the_bit(system: str, tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    printed = []
    for each in ("Linux", system):
        folder = tmp_path / each
        folder.mkdir()
        printed.append(without(each, FITS, str(folder)))
    assert len(printed[0].splitlines()) == 3
    assert printed[0] == printed[1]


@pytest.mark.parametrize("command", ["selftest", "info"])
@pytest.mark.parametrize("system", ["macOS", "Windows"])
def test_commands_work(system: str, command: str) -> None:
    code = "from nmcx.__main__ import main\nraise SystemExit(main())"
    assert without(system, code, command)


def test_bytes_are_read_and_written_at_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("preadv", "pwritev"):
        monkeypatch.delattr(os, name, raising=False)
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | _system.BINARY)
    try:
        assert _system.write_at(file, b"0123456789", 0) == 10
        assert _system.write_at(file, b"ab", 4) == 2
        first, second = bytearray(3), bytearray(9)
        assert _system.read_at(file, [first, second], 3) == 7  # the file ends there
        assert bytes(first) == b"3ab"
        assert bytes(second) == b"6789" + bytes(5)
        assert _system.read_at(file, [first], 10) == 0
    finally:
        os.close(file)


def test_a_lock_is_of_one_process_at_a_time(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "file"
    mine, other = (os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        assert _system.lock(mine) is True
        assert _system.lock(other) is False
        assert _system.lock(other, shared=True) is False
    finally:
        os.close(mine)
    try:
        assert _system.lock(other, shared=True) is True
    finally:
        os.close(other)
