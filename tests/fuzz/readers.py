"""Every reader of nmcx, called as a user calls it; what is lazy is read as well."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmcx import io, run_file
from nmcx.io import blocks, work
from nmcx.io.arrays import read_arrays


@dataclass(frozen=True)
class Reader:
    """A kind of file and what reads it."""

    read: Callable[[Path], object]
    covers: tuple[str, ...]  #: public functions
    seeds: str  #: function of `seed_files`
    in_ci: int = 250  #: mutated files, of about equal time for each reader


def frames(path: Path) -> None:
    read = io.read_frames(path)
    for k in range(min(len(read.counts), 3)):
        np.asarray(read.counts[k])
    read.counts[:, 1:2]


def stack(path: Path) -> None:
    read = io.open_stack(path)
    read.mu[:1]
    if read.mu.ndim > 2 and read.mu.shape[1]:
        # As fits read it, past the format's library where that can be done.
        list(blocks.read_blocks([read.mu], np.float32, [(0, 1)]))
    np.asarray(read.mu)
    if read.variance is not None:
        np.asarray(read.variance)


def results(path: Path) -> None:
    io.load(path)
    io.load(path, lazy=True)
    io.read_provenance(path)


def volume(path: Path) -> None:
    io.read_volume(path)
    np.asarray(io.open_image(path).values)


def gathered(path: Path) -> None:
    io.gather(path.with_name("all.nxs"), {"one": path}, overwrite=True)


def stxm_layout(path: Path) -> None:
    io.read_stxm_hdf5(
        path, data="scan/signal", energy="scan/kev", x="scan/x", y="scan/y", i0="scan/mesh",
        dwell="scan/dwell", axes="y x energy",
    )  # fmt: skip


def nxstxm(path: Path) -> None:
    io.read_nxstxm(path)
    io.read_nxstxm(path, channel="TEY", position_unit="um")


def spectrum(path: Path) -> None:
    io.read_spectrum(path)


def run(path: Path) -> None:
    of_kind = run_file.read_simulation if run_file.is_simulation(path) else run_file.read
    run_file.to_toml(of_kind(path), path.parent)
    if of_kind is run_file.read and run_file.read(path).compare is not None:
        run_file.read_model(path)


def checkpoint(folder: Path) -> None:
    """What goes on where something was stopped: simulations, and members of an ensemble."""
    from nmcx.chemomechanics.checkpoint import Checkpoint
    from nmcx.chemomechanics.ensemble_member import Task
    from nmcx.run.coupled_job import _Begun

    Task("member", dict, {"seed": 1}, folder, 1, "1", "abc").kept()
    _Begun.read(folder)
    made_from = {"nmcx": "1", "grains": "abc"}
    folder = folder.absolute()
    with work.in_folder(
        folder, made_from, lambda _: None, target=folder, resume=True, anew="", again=""
    ) as kept:
        states = Checkpoint(kept)
        if states.n_state:
            list(states.rows())
            states.last()


READERS: dict[str, Reader] = {
    "xradia": Reader(frames, ("read_frames",), "xradia_frames", 2000),
    "fxi": Reader(frames, ("read_frames",), "fxi_frames"),
    "exchange": Reader(frames, ("read_frames",), "exchange_frames"),
    "nxtomo": Reader(frames, ("read_frames",), "nxtomo_frames"),
    "results": Reader(results, ("load", "read_provenance"), "results"),
    "gather": Reader(gathered, ("gather",), "results"),
    "sdf": Reader(io.read_stxm, ("read_stxm",), "sdf", 1500),
    "nxstxm": Reader(nxstxm, ("read_nxstxm",), "nxstxm_files"),
    "stxm_hdf5": Reader(stxm_layout, ("read_stxm_hdf5",), "stxm_layout"),
    "spectrum": Reader(spectrum, ("read_spectrum",), "spectra", 2500),
    "athena": Reader(io.read_athena, ("read_athena",), "athena", 2500),
    "stack_hdf5": Reader(stack, ("open_stack",), "hdf5_stacks"),
    "stack_tiff": Reader(stack, ("open_stack",), "tiff_stacks", 1000),
    "stack_zarr": Reader(stack, ("open_stack",), "zarr_stacks", 500),
    "volume": Reader(volume, ("read_volume", "open_image"), "volumes", 1000),
    "run_file": Reader(
        run, ("is_simulation", "read", "read_model", "read_simulation"), "run_files", 1500
    ),
    "arrays": Reader(read_arrays, ("read_arrays",), "arrays"),
    "checkpoint": Reader(checkpoint, ("resume",), "checkpoints"),
}


def reader_of(name: str) -> Reader:
    """A reader by its name; MODULE:NAME is of another module's table."""
    module, _, own = name.rpartition(":")
    table: dict[str, Reader] = importlib.import_module(module).READERS if module else READERS
    return table[own]
