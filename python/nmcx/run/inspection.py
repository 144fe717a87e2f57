"""What `nmcx check` says: the inputs of a run file, opened but not computed."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, run_file
from nmcx.run.chain import steps
from nmcx.run.model_steps import check_model
from nmcx.run.simulation_job import plan_simulate
from nmcx.run_file import RunFile

# Rates of one core on a slow machine: a promise that is kept is worth more than a tight one.
_VOXELS_PER_S = 5e6
_CONE_VOXELS_PER_S = 1e7
_OVERHEAD_S = 10.0


def check(path: str | PathLike[str], *, out: str | PathLike[str] | None = None) -> list[str]:
    """Validate a run file, open its inputs, and say what is in them.

    Parameters
    ----------
    path : str or path
        The run file, TOML.
    out : str or path, optional
        Folder for the results; default the run file's ``[output] folder``.

    Returns
    -------
    list of str
        Lines for the user: shapes, energies, memory, time, output folder.

    Raises
    ------
    nmcx.run_file.RunFileError
        If the run file, or a value in it, cannot be used.
    nmcx.errors.InputError
        If a measured file is missing or damaged.
    nmcx.errors.MemoryLimitError
        If the data do not fit into the free memory.
    """
    if run_file.is_simulation(path):
        return [f"{Path(path).absolute()}: valid", *plan_simulate(path, out=out)]
    file = run_file.read(path)
    check_model(file)
    lines = [f"{file.path}: valid"]
    sizes: list[int] = [0]
    seconds = [_OVERHEAD_S]
    for name, text, n_byte, time_s in _inputs(file):
        lines.append(f"{name:<9} {text}")
        sizes.append(n_byte)
        seconds.append(time_s)
    from nmcx.io._memory import check_memory, free_memory

    needed = 2 * sum(sizes)
    check_memory(needed, "this run")
    folder = Path(out).absolute() if out is not None else file.folder
    simulated = [*lines_of_model(file)]
    lines += [
        *(f"{name:<9} {text}" for name, text in simulated),
        f"{'steps':<9} {', '.join(step.label for step in steps(file))}",
        f"{'memory':<9} about {needed / 1e9:.2g} GB of {free_memory() / 1e9:.2g} GB free",
        f"{'time':<9} about {max(sum(seconds), 1):.0f} s"
        + (", and that of the simulations" if simulated else ""),
        f"{'output':<9} {folder}"
        + (" (exists; --force or -o needed)" if (folder / "result.nxs").exists() else ""),
    ]
    return lines


def lines_of_model(file: RunFile) -> Iterator[tuple[str, str]]:
    """What would be simulated, as (section, text).

    Parameters
    ----------
    file : RunFile

    Yields
    ------
    tuple of str
    """
    model, compare = file.model, file.compare
    if model is None:
        return
    number = f"{model.n_grains}" if model.n_grains is not None else f"of {model.grain_size_um:g} µm"
    times = "" if model.cycles == 1 else f"{model.cycles} times "
    yield (
        "model",
        f"grains: {number}, edges of {model.size_um:g} µm; layer up to "
        f"{model.largest_layer_nm:g} nm; {times}{'; '.join(model.protocol)}; "
        f"{model.states} states of each part; seed {model.seed}",
    )
    if model.contributions:
        yield "model", f"{file.coupling.n_on} simulations more, each without one coupling"
    if compare is not None:
        yield (
            "compare",
            f"{compare.n_member} members and {compare.n_turned} with the map turned: "
            f"{compare.n_member + compare.n_turned - 1} simulations more",
        )


def _inputs(file: RunFile) -> Iterator[tuple[str, str, int, float]]:
    if file.soft is not None:
        soft = file.soft
        low_ev, high_ev = soft.energy_ev or (None, None)
        named = ((soft.low, low_ev), (soft.high, high_ev), (soft.stack, None))
        for header, energy in (*named, (soft.background, None)):
            if not isinstance(header, Path):
                continue
            scan = io.read_stxm(
                header,
                channel=soft.channel,
                region=soft.region,
                energy_ev=energy,
                i0=soft.i0_channel,
            )
            ny, nx = scan.counts.shape[1:]
            size = " × ".join(f"{1000 * s:.1f}" for s in scan.pixel_size_um)
            text = f"{header.name}: {ny} × {nx} pixels of {size} nm, {_energies(scan.energy_ev)}"
            yield "soft", text, scan.counts.nbytes, 1.0
    if file.spectra is not None:
        for name, pair in file.spectra.pairs().items():
            for path in pair:
                read = io.read_spectrum(path, column=file.spectra.column, i0=file.spectra.i0)
                text = f"{name.replace('_', ' ')}, {path.name}: {_energies(read.energy_ev)}"
                yield "spectra", text, read.mu.nbytes, 0.5
    if file.hard is not None and file.hard.stack is not None:
        stack = io.open_stack(file.hard.stack)
        shape = tuple(stack.mu.shape)
        text = f"{file.hard.stack.name}: {_shape(shape[1:])} voxels, {_energies(stack.energy_ev)}"
        n_voxel = int(np.prod(shape[1:], dtype=np.int64))
        yield "hard", text, 4 * n_voxel * shape[0], n_voxel / _VOXELS_PER_S
        if len(shape) == 4 and file.tomogram is None:
            yield _cone_line(file, n_voxel)
    if file.hard is not None and file.hard.frames is not None:
        frames = file.hard.frames
        stack_of = io.read_frames(frames if isinstance(frames, Path) else [*frames])
        is_dark = np.zeros(len(stack_of.counts), bool)
        if stack_of.is_dark is not None:
            is_dark = stack_of.is_dark
        n_reference, n_dark = (np.count_nonzero(a) for a in (stack_of.is_reference, is_dark))
        text = (
            f"{is_dark.size - n_reference - n_dark} sample, {n_reference} reference and {n_dark} "
            f"dark frames of {_shape(stack_of.counts.shape[1:])} pixels, "
            f"{_energies(np.unique(stack_of.energy_ev[~is_dark]))}"
        )
        yield "hard", text, 8 * stack_of.counts.size, stack_of.counts.size / _VOXELS_PER_S
    if file.tomogram is not None:
        n_byte = file.tomogram.file.stat().st_size
        yield (
            "tomogram",
            f"{file.tomogram.file.name}: {n_byte / 1e6:.3g} MB",
            4 * n_byte,
            n_byte / 1e7,
        )
        # Of four bytes each, as reconstructions usually are.
        yield _cone_line(file, n_byte // 4)


def _cone_line(file: RunFile, n_voxel: int) -> tuple[str, str, int, float]:
    options = file.cones
    text = f"{options.n_directions} directions × {len(options.half_angle_deg)} half-opening angles"
    return "cones", text, 8 * n_voxel, n_voxel / _CONE_VOXELS_PER_S


def _shape(shape: Any) -> str:
    return " × ".join(str(n) for n in shape)


def _energies(energy_ev: Any) -> str:
    energy = np.asarray(energy_ev)
    span = f"{energy.min():.2f}" + (f"–{energy.max():.2f}" if energy.size > 1 else "")
    return f"{energy.size} energ{'y' if energy.size == 1 else 'ies'} ({span} eV)"
