"""A streamed fit takes two blocks, whatever the size of the file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from promises.shows import Shows

from nmcx import phantom

CHILD = """
import resource, sys
from nmcx import xanes
xanes.fit_edges_to_file(sys.argv[1], sys.argv[2], pre_edge=(8250, 8320), post_edge=(8380, 8640),
                        post_degree=1, block_bytes=int(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_mib(folder: Path, n_slice: int, block: int) -> float:
    """Largest resident memory of a process that fits so many slices of 256 × 256 [MiB]."""
    made = phantom.edge_spectra(1024, noise=0.01, seed=1)
    with h5py.File(folder / "stack.h5", "w") as out:
        out["exchange/energy"] = made.energy_ev
        data = out.create_dataset("exchange/data", (61, n_slice, 256, 256), "f4")
        for i, values in enumerate(np.asarray(made.mu)):
            data[i] = np.resize(values, (n_slice, 256, 256))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, (folder / "stack.h5", folder / "e.nxs", block))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def test_R08_memory_does_not_grow_with_the_file(tmp_path: Path, shows: Shows, full: bool) -> None:
    block = (64 if full else 8) * 2**20
    sizes = (13, 130) if full else (2, 8)  # 0.2 GB and 2 GB; 32 MB and 128 MB
    if full and shutil.disk_usage(tmp_path).free < 5e9:
        pytest.fail("needs 5 GB of free disk")
    peaks = []
    for n_slice in sizes:
        folder = tmp_path / str(n_slice)
        folder.mkdir()
        peaks.append(peak_mib(folder, n_slice, block))
        shutil.rmtree(folder)
    shows.most("peak memory of a file ten times as large, beyond that of the small one"
               if full else "peak memory of a file four times as large, beyond the small one",
               peaks[1] - peaks[0], 100.0 if full else 30.0, "MiB")  # fmt: skip
