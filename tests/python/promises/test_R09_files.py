"""No file makes a reader die: the long campaign is tests/fuzz, this is a taste of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from promises.shows import Shows

from nmcx import io, phantom

ROOT = Path(__file__).parents[3]
#: Reads mutated files in a process of its own and prints their number and how many it refused.
CHILD = """
import sys, warnings
import numpy as np
from pathlib import Path
from nmcx import io
from nmcx.errors import Error

reader, path, n = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
content, refused = path.read_bytes(), 0
def read(place):
    found = getattr(io, reader)(place)
    stack = getattr(found, "mu", getattr(found, "counts", None))
    return None if stack is None else np.asarray(stack)
read(path)
for seed in range(n):
    random = np.random.default_rng(seed)
    changed = bytearray(content)
    for at in random.integers(0, len(content), int(random.integers(1, 9))):
        changed[at] = int(random.integers(256))
    if seed % 3 == 2:
        del changed[int(random.integers(len(changed))):]
    path.write_bytes(changed)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        try:
            read(path)
        except (Error, ValueError, MemoryError):
            refused += 1
print(n, refused)
"""


def _spectrum(path: Path) -> Path:
    energy = phantom.edge_energies()
    table = np.column_stack([energy, phantom.edge_curve(energy, 8343.0)])
    np.savetxt(path / "a.csv", table, delimiter=",", header="energy,mu")
    return path / "a.csv"


def _stack(path: Path) -> Path:
    made = phantom.edge_spectra(12, noise=0.01, seed=1)
    from nmcx.results import EnergyStack

    io.write_energy_stack(path / "a.h5", EnergyStack(made.energy_ev, made.mu.reshape(-1, 3, 4)))
    return path / "a.h5"


def _scan(path: Path) -> Path:
    io.write_stxm(path / "a.hdr", phantom.pair_scans(1, shape=(16, 16)).low)
    return path / "a.hdr"


def _volume(path: Path) -> Path:
    io.write_tiff(path / "a.tif", np.ones((3, 8, 8), np.float32), 0.1)
    return path / "a.tif"


READERS = {
    "read_spectrum": _spectrum, "open_stack": _stack, "read_stxm": _scan, "read_volume": _volume,
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_R09_mutated_files_are_read_or_refused(
    reader: str, tmp_path: Path, shows: Shows, full: bool
) -> None:
    file, n = READERS[reader](tmp_path), 5000 if full else 60
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CHILD, reader, str(file), str(n)],
        capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    n_read, n_refused = map(int, done.stdout.split())
    assert n_refused > 0
    shows.holds("mutated files read or refused", n_read, n, "files")


def test_R09_the_long_campaign_finds_nothing(shows: Shows, full: bool) -> None:
    """All readers, by the tests of tests/fuzz: they run beside these, and once more at full."""
    fuzz = ROOT / "tests" / "fuzz" / "test_R09_readers.py"
    if not full:
        if fuzz.exists():
            assert "def test_R09_" in fuzz.read_text()
        return
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(fuzz)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    last = (done.stdout.strip().splitlines() or ["nothing printed"])[-1]
    assert done.returncode == 0, last
    shows.holds("campaigns of mutated files for every reader", 1, 1)
