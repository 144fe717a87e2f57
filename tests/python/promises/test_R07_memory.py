"""What does not fit is refused before it starts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from promises.shows import Shows

#: A process that may take 1 GB more than Python has taken. Prints a line per entry: what it came
#: to, its message, and how much memory it took until then [MB].
CHILD = """
import contextlib, io, json, resource, sys
import numpy as np
import nmcx.run
from nmcx import cli, cones, io as nio, mesh, phantom, xanes
from nmcx.errors import MemoryLimitError

def pages(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

def command(*words):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(["-q", *words])
    return code, said.getvalue()

WINDOWS = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640)}
ENTRIES = {
    "io.open_stack": lambda: np.asarray(nio.open_stack("stack.h5").mu),
    "io.read_volume of HDF5": lambda: nio.read_volume("volume.h5", dataset="exchange/data"),
    "io.read_volume of TIFF": lambda: nio.read_volume("volume.tif"),
    "io.read_stxm_hdf5": lambda: nio.read_stxm_hdf5(
        "volume.h5", data="exchange/data", energy="exchange/energy", pixel_size_um=0.1),
    "xanes.fit_edges": lambda: xanes.fit_edges(
        nio.open_stack("stack.h5").energy_ev, nio.open_stack("stack.h5").mu, **WINDOWS),
    "xanes.fit_edges_to_file": lambda: xanes.fit_edges_to_file(
        "slice.h5", "edges.nxs", block_bytes=10**13, **WINDOWS),
    "nmcx edges": lambda: command("edges", "wide.h5", "out.nxs", "--pre-edge", "8250", "8320",
                                  "--post-edge", "8380", "8640"),
    "nmcx check": lambda: command("check", "run.toml"),
    "nmcx run": lambda: command("run", "run.toml", "-o", "out"),
    "nmcx cones": lambda: command("cones", "volume.tif", "cones.nxs"),
}
for name in sys.argv[1:]:
    before = pages()
    try:
        found = ENTRIES[name]()
        code, text = found if isinstance(found, tuple) else (0, repr(found)[:100])
    except MemoryLimitError as error:
        code, text = 6, str(error)
    except Exception as error:
        code, text = -1, f"{type(error).__name__}: {error}"
    told = {"entry": name, "code": code, "text": text, "taken": (pages() - before) / 1e6}
    print(json.dumps(told), flush=True)
"""
ENTRIES = re.findall(r'^    "([^"]+)": lambda', CHILD, re.MULTILINE)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("large")
    energy = np.linspace(8200.0, 8700.0, 61)
    for name, shape, chunk in (
        ("stack.h5", (61, 512, 1024, 1024), (1, 1, 64, 64)),
        ("wide.h5", (61, 4, 50_000, 50_000), (1, 1, 64, 64)),
        ("slice.h5", (61, 1, 2800, 2800), (1, 1, 64, 64)),
        ("volume.h5", (61, 2**14, 2**14), (1, 64, 64)),
    ):
        with h5py.File(folder / name, "w") as out:
            out["exchange/energy"] = energy
            out.create_dataset("exchange/data", shape, "f4", chunks=chunk)
    _large_tiff(folder / "volume.tif")
    (folder / "run.toml").write_text('[hard]\nstack = "wide.h5"\n')
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *ENTRIES], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stdout}\n{done.stderr}"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    left = {path.name for path in folder.iterdir()}
    made = {"stack.h5", "wide.h5", "slice.h5", "volume.h5", "volume.tif", "run.toml"}
    assert left == made, "something was begun"
    return {line["entry"]: line for line in lines}


def _large_tiff(path: Path) -> None:
    """One page of 40,000 × 40,000 float32, all of it a hole in the file."""
    import struct

    n = 40_000
    entries = [
        (256, 4, 1, n), (257, 4, 1, n), (258, 3, 1, 32), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 16, 1, 4096), (277, 3, 1, 1), (278, 4, 1, n), (279, 16, 1, 4 * n * n), (339, 3, 1, 3),
    ]  # fmt: skip
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + struct.pack("<Q", len(entries))
    for tag, kind, count, value in entries:
        head += struct.pack("<HHQQ", tag, kind, count, value)
    with path.open("wb") as out:
        out.write(head + struct.pack("<Q", 0))
        out.truncate(4096 + 4 * n * n)


@pytest.mark.parametrize("entry", ENTRIES)
def test_R07_what_does_not_fit_is_refused_before_it_starts(
    entry: str, told: dict[str, dict[str, Any]], shows: Shows
) -> None:
    found = told[entry]
    numbers = re.search(r"needs ([\d.e+]+) GB but ([\d.e+]+) GB are free", found["text"])
    assert found["code"] == 6, found
    assert numbers and float(numbers[1]) > float(numbers[2]), found["text"]
    shows.holds("entry points that say needed and free GB", 1, 1)
    shows.most("memory taken before it was refused", found["taken"], 200.0, "MB")
