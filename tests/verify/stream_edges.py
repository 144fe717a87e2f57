"""Speed and memory of `xanes.fit_edges_to_file`; one line "name value" per figure.

usage: python tests/verify/stream_edges.py [--nz N] [--n N] [--folder FOLDER] [--block-mib MIB]
                                           [--format {hdf5,tiff,zarr}] [--no-fit]

Writes a stack of 64 × nz × n × n float32 to FOLDER (25 GB and more free for nz = 96, n = 512: the
stack, the maps and the unfinished ones), reads it plainly and in blocks, with the page cache
dropped and warm, and fits it. 64 × 512³ (34 GB) is `--nz 512`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, phantom
from nmcx.io import blocks
from nmcx.results import EnergyStack

ENERGY_EV = np.concatenate(
    [
        np.linspace(8233, 8310, 8),
        np.linspace(8320, 8400, 44, endpoint=False),
        np.linspace(8400, 8600, 12),
    ]
)
WINDOWS = "pre_edge=(8230, 8315), post_edge=(8390, 8605), post_degree=1"
FIT = """
import sys, time
from nmcx import io, xanes
stack, result, block, small = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
# The same work on a small stack: what Python, its libraries and the kernel take by themselves.
xanes.fit_edges_to_file(small, result + ".small", block_bytes=block, WINDOWS)
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
before = peak()
start = time.perf_counter(), time.process_time()
xanes.fit_edges_to_file(stack, result, block_bytes=block, WINDOWS)
print(before, peak(), time.perf_counter() - start[0], time.process_time() - start[1])
""".replace("WINDOWS", WINDOWS)


class Images:
    """One energy after the other, made when asked for, so that writing needs little memory."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = (ENERGY_EV.size, *shape), np.dtype(np.float32)
        self.some = phantom.edge_spectra(65536, noise=0.01, seed=1, energy_ev=ENERGY_EV).mu

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, i: int) -> np.ndarray:
        return np.resize(self.some[i].astype(np.float32), self.shape[1:])


def write(folder: Path, images: Images, kind: str) -> Path:
    if kind == "hdf5":
        io.write_energy_stack(folder / "stack.h5", EnergyStack(ENERGY_EV, images))
        return folder / "stack.h5"
    if kind == "tiff":
        (folder / "stack").mkdir()
        for i in range(len(images)):
            io.write_tiff(folder / "stack" / f"{i:03d}.tif", images[i])
        (folder / "stack" / "energies.csv").write_text("\n".join(map(str, ENERGY_EV)))
        return folder / "stack"
    import zarr

    # Uncompressed chunks of about 8 MB with all energies.
    chunks = (len(images), 1, 64, images.shape[3])
    array = zarr.create_array(
        str(folder / "stack.zarr"), shape=images.shape, dtype="f4", chunks=chunks, compressors=None
    )
    for z in range(images.shape[1]):
        array[:, z] = np.resize(images.some.astype(np.float32), (len(images), *images.shape[2:]))
    return folder / "stack.zarr"


def opened(path: Path) -> Any:
    if path.suffix == ".zarr":
        import zarr

        return zarr.open(str(path), mode="r")
    return io.open_stack(path).mu


def files_of(path: Path) -> list[Path]:
    return sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]


def drop(path: Path) -> None:
    for file in files_of(path):
        with file.open("rb") as content:
            os.fsync(content.fileno())
            os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def plain(path: Path, size: int) -> float:
    """Seconds for reading all files from end to end into one buffer."""
    buffer = bytearray(size)
    start = time.perf_counter()
    for file in files_of(path):
        with file.open("rb", buffering=0) as content:
            while content.readinto(buffer):
                pass
    return time.perf_counter() - start


def in_blocks(path: Path, size: int) -> float:
    """Seconds for reading the stack as the fit does."""
    mu = opened(path)
    n_byte = mu.nbytes // mu.shape[1]
    rows = blocks.rows_per_block(mu, n_byte, size)
    where = [(i, min(i + rows, mu.shape[1])) for i in range(0, mu.shape[1], rows)]
    start = time.perf_counter()
    for _ in blocks.read_blocks([mu], mu.dtype, where):
        pass
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nz", type=int, default=96)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--block-mib", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--format", choices=("hdf5", "tiff", "zarr"), default="hdf5")
    parser.add_argument("--no-fit", action="store_true")
    options = parser.parse_args()
    size = options.block_mib * 2**20
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        small = Path(folder, "small.h5")
        shape = (options.nz, options.n, options.n)
        file = write(Path(folder), Images(shape), options.format)
        io.write_energy_stack(small, EnergyStack(ENERGY_EV, Images((2, 16, 16))))
        gigabyte = sum(f.stat().st_size for f in files_of(file)) / 1e9
        print(f"stack, GB {gigabyte:.2f}")
        best = {}
        for state in ("cold", "warm"):
            # In turn, so that what else the machine does hits both alike; the best of each counts.
            raw, ours = [], []
            for _ in range(options.repeats):
                for measured, read in ((raw, plain), (ours, in_blocks)):
                    if state == "cold":
                        drop(file)
                    measured.append(read(file, size))
            best[state] = min(raw)
            print(f"plain reading {state}, GB/s {gigabyte / min(raw):.2f}")
            print(f"reading in blocks {state}, GB/s {gigabyte / min(ours):.2f}")
            print(f"share of the raw file speed {state} {min(raw) / min(ours):.2f}")
        if options.no_fit or options.format == "zarr":
            return
        drop(file)
        before, peak, wall, cpu = map(
            float,
            subprocess.run(
                [sys.executable, "-c", FIT, *map(str, (file, f"{folder}/edges.nxs", size, small))],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split(),
        )
        print(f"fit from file to file, cold, s {wall:.1f}")
        print(f"fit from file to file, CPU s {cpu:.1f}")
        print(f"fit from file to file, share of the cold file speed {best['cold'] / wall:.2f}")
        print(f"peak memory, MiB {peak:.0f}")
        beyond = peak - before - 2 * options.block_mib
        print(f"peak memory beyond Python and two blocks, MiB {beyond:.0f}")
        print(f"result, MiB {Path(folder, 'edges.nxs').stat().st_size / 2**20:.0f}")


if __name__ == "__main__":
    main()
