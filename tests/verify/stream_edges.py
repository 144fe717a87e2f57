"""Speed and memory of `xanes.fit_edges_to_file`; one line "name value" per figure.

usage: python tests/verify/stream_edges.py [--nz N] [--n N] [--folder FOLDER] [--block-mib MIB]
                                           [--format {hdf5,tiff,zarr,zarr-zstd}] [--no-fit]

Writes a stack of 64 × nz × n × n float32 to FOLDER (25 GB and more free for nz = 96, n = 512: the
stack, the maps and the unfinished ones), reads it plainly and in blocks, with the page cache
dropped and warm, and fits it; medians of `--repeats`. A share compares the time with that of plain
reading of the bytes stored, which of compressed chunks are fewer than those of the stack.
64 × 512³ (34 GB) is `--nz 512`; GB/s are of the bytes stored.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from statistics import median

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
xanes.fit_edges_to_file(small, result + ".small", block_bytes=block, overwrite=True, WINDOWS)
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
before = peak()
start = time.perf_counter(), time.process_time()
xanes.fit_edges_to_file(stack, result, block_bytes=block, overwrite=True, WINDOWS)
print(before, peak(), time.perf_counter() - start[0], time.process_time() - start[1])
""".replace("WINDOWS", WINDOWS)


class Images:
    """One energy after the other, made when asked for, so that writing needs little memory."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = (ENERGY_EV.size, *shape), np.dtype(np.float32)
        self.some = phantom.edge_spectra(65536, noise=0.01, seed=1, energy_ev=ENERGY_EV).mu

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, box: int | tuple[slice, ...]) -> np.ndarray:
        if not isinstance(box, tuple):
            return self._image(box)
        energies = range(*box[0].indices(len(self)))
        return np.stack([self._image(i)[box[1:]] for i in energies])

    # A file is written part by part: the parts of an image follow each other.
    @lru_cache(maxsize=1)  # noqa: B019 - lives as long as the script
    def _image(self, i: int) -> np.ndarray:
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
    # One image per energy at a time would rewrite every chunk: whole slices instead.
    import zarr

    chunks = (len(images), 1, min(64, images.shape[2]), images.shape[3])
    compressors = {"zarr": None, "zarr-zstd": "auto"}[kind]
    array = zarr.create_array(
        str(folder / "stack.zarr"),
        shape=images.shape,
        dtype="f4",
        chunks=chunks,
        compressors=compressors,
        attributes={"energy_ev": ENERGY_EV.tolist()},
    )
    for z in range(images.shape[1]):
        array[:, z] = np.resize(images.some.astype(np.float32), (len(images), *images.shape[2:]))
    return folder / "stack.zarr"


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
    mu = io.open_stack(path).mu
    n_byte = mu.nbytes // mu.shape[1]
    rows = blocks.rows_per_block(mu, n_byte, size)
    where = [(i, min(i + rows, mu.shape[1])) for i in range(0, mu.shape[1], rows)]
    start = time.perf_counter()
    for _ in blocks.read_blocks([mu], mu.dtype, where):
        pass
    return time.perf_counter() - start


def fit(file: Path, result: Path, size: int, small: Path) -> tuple[float, ...]:
    """Peak memory before and at the end [MiB], seconds and CPU seconds of the whole fit."""
    done = subprocess.run(
        [sys.executable, "-c", FIT, *map(str, (file, result, size, small))],
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(map(float, done.stdout.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nz", type=int, default=96)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--block-mib", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--format", choices=("hdf5", "tiff", "zarr", "zarr-zstd"), default="hdf5")
    parser.add_argument("--no-fit", action="store_true")
    options = parser.parse_args()
    size = options.block_mib * 2**20
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        small, result = Path(folder, "small.h5"), Path(folder, "edges.nxs")
        shape = (options.nz, options.n, options.n)
        file = write(Path(folder), Images(shape), options.format)
        io.write_energy_stack(small, EnergyStack(ENERGY_EV, Images((2, 16, 16))))
        stored = sum(f.stat().st_size for f in files_of(file)) / 1e9
        print(f"stack, GB {4e-9 * len(ENERGY_EV) * np.prod(shape):.2f}")
        print(f"stack as stored, GB {stored:.2f}")
        every: list[tuple[float, ...]] = []
        for state in ("cold", "warm"):
            # In turn, so that what else the machine does hits all alike.
            raw, ours, fits = [], [], []
            for _ in range(options.repeats):
                for measured, read in ((raw, plain), (ours, in_blocks)):
                    if state == "cold":
                        drop(file)
                    measured.append(read(file, size))
                if not options.no_fit:
                    if state == "cold":
                        drop(file)
                    fits.append(fit(file, result, size, small))
            plainly, in_parts = median(raw), median(ours)
            print(f"plain reading {state}, GB/s {stored / plainly:.2f}")
            print(f"plain reading {state}, slowest / fastest {max(raw) / min(raw):.2f}")
            print(f"reading in blocks {state}, GB/s {stored / in_parts:.2f}")
            print(f"share of the raw file speed {state} {plainly / in_parts:.2f}")
            if fits:
                wall = median(f[2] for f in fits)
                print(f"fit from file to file, {state}, s {wall:.1f}")
                share = plainly / wall
                print(f"fit from file to file, share of the {state} file speed {share:.2f}")
                every += fits
        if every:
            peak = max(f[1] for f in every)
            beyond = max(f[1] - f[0] for f in every) - 2 * options.block_mib
            print(f"fit from file to file, CPU s {median(f[3] for f in every):.1f}")
            print(f"peak memory, MiB {peak:.0f}")
            print(f"peak memory beyond Python and two blocks, MiB {beyond:.0f}")
            print(f"result, MiB {result.stat().st_size / 2**20:.0f}")


if __name__ == "__main__":
    main()
