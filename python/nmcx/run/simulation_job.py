"""`nmcx simulate`: from a run file to a polycrystal, its lithium over time, and their pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import __version__, chemomechanics, run_file
from nmcx.errors import ConvergenceError
from nmcx.results import Mesh
from nmcx.run import coupled_job
from nmcx.run.folder import new_folder
from nmcx.run.log import Log
from nmcx.run.provenance import configuration, origin
from nmcx.run.simulation_files import Origin, fill_folder
from nmcx.run.simulation_model import (
    build_mesh,
    coupling,
    electrode,
    material,
    protocol,
    read_labels,
    refusals,
)
from nmcx.run.simulation_words import Simulated, SimulationJob, describe_mesh, told
from nmcx.run_file import SimulationFile

Progress = Callable[[float, float, str], None]
Given = Mapping[str, Mapping[str, Any]]

#: Cells per (volume / edge³) of balls and (area / edge²) of discs, measured.
_CELLS = {"ball": 8.7, "disc": 2.15}


def simulate(
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    given: Given | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> SimulationJob:
    """Charge, hold and rest the particle of a run file and write what becomes of it.

    Parameters
    ----------
    path : str or path
        The run file, TOML, with a section ``[polycrystal]``.
    out : str or path, optional
        Folder for the results; default the run file's ``[output] folder``.
    given : mapping of str to mapping, optional
        Values by section and key that replace those of the run file.
    force : bool
        Replace earlier results in that folder.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    SimulationJob

    Raises
    ------
    nmcx.run_file.RunFileError
        If the run file, or a value in it, cannot be used.
    nmcx.errors.InputError
        If an image of labels is missing or damaged.
    nmcx.errors.ConvergenceError
        If there is no mesh, or the surface is asked for what it cannot give, or no time step meets
        the tolerance. The states up to then are in the folder, which the message names; the cause
        is the `nmcx.chemomechanics.TransportFailure` or `SimulationFailure`.
    nmcx.errors.OutputError
        If the folder holds results or unfinished work already and `force` is false, or cannot be
        written.

    Notes
    -----
    With a section ``[fracture]`` the grains strain and crack. Every state is then on the disk as
    soon as it is found, in the folder ``<out>.part``; after whatever stops the run, `resume` goes
    on.
    """
    started = time.perf_counter()
    file = run_file.read_simulation(path, given)
    folder = Path(out).absolute() if out is not None else file.folder
    say = progress or _silent
    if file.fracture is not None:
        return coupled_job.begin(file, folder, inputs=_inputs(file), force=force, say=say)
    log = Log()
    log.say(f"nmcx {__version__}, run file {file.path}")
    with new_folder(folder, force=force) as work:
        say(0, 1, "grains")
        grains = build_mesh(file)
        log.say(describe_mesh(grains))
        made, failure = _simulated(file, grains, say)
        say(1, 1, "files and pictures")
        come_from = Origin(run_file.to_toml(file, folder), _inputs(file), origin())
        seconds = fill_folder(work, file, made, failure, come_from, log, started)
    if failure is not None:
        where = f"the states up to then are in {folder}"
        raise ConvergenceError(f"{told(failure, made)}; {where}") from failure
    return SimulationJob(folder, grains, made.history, made.max_concentration, seconds)


def resume(
    folder: str | PathLike[str], *, progress: Progress | None = None
) -> SimulationJob | None:
    """Go on with a simulation of a particle that cracks, after whatever has stopped it.

    The result file has the bytes that it would have had without the stop.

    Parameters
    ----------
    folder : str or path
        The folder for its results, or that of its unfinished work, ``<folder>.part``.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    SimulationJob or None
        None if it is finished already.

    Raises
    ------
    nmcx.errors.UsageError
        If there is nothing to go on with.
    nmcx.errors.InputError
        If the unfinished work is damaged, or of another version or instruction set.
    nmcx.errors.ConvergenceError, nmcx.errors.OutputError
        As `simulate`.
    """
    return coupled_job.resume(Path(folder).absolute(), say=progress or _silent)


def plan_simulate(
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    given: Given | None = None,
) -> list[str]:
    """What `simulate` would do, found from the run file; nothing is computed or written.

    Parameters
    ----------
    path, out, given
        As in `simulate`.

    Returns
    -------
    list of str
        Lines for the user.

    Raises
    ------
    nmcx.run_file.RunFileError, nmcx.errors.InputError
        As in `simulate`.
    """
    file = run_file.read_simulation(path, given)
    folder = Path(out).absolute() if out is not None else file.folder
    material(file)
    transport = file.transport
    times = "" if transport.cycles == 1 else f"{transport.cycles} times: "
    lines = [f"{'grains':<10} {_planned_grains(file)}"]
    if transport.layer_thickness_nm:
        where = "the whole surface" if transport.layer_side == "all" else "a half of the surface"
        lines.append(
            f"{'layer':<10} {transport.layer_thickness_nm:g} nm on "
            f"{100 * transport.layer_coverage:g} % of {where}"
        )
    lines.append(f"{'protocol':<10} {times}{'; '.join(transport.protocol)}")
    if file.fracture is not None:
        coupling(file)
        lines.append(f"{'cracks':<10} along grain boundaries; every state is kept, to be resumed")
    settings = [
        line
        for name in ("polycrystal", "material", "transport", "fracture", "coupling", "output")
        if getattr(file, name) is not None
        for line in configuration(name, getattr(file, name)).splitlines()[1:]
    ]
    lines.append(f"{'options':<10} {', '.join(settings)}")
    exists = " (exists; --force or -o needed)" if (folder / "result.nxs").exists() else ""
    return [*lines, f"{'output':<10} {folder}{exists}"]


def _simulated(
    file: SimulationFile, grains: Mesh, say: Progress
) -> tuple[Simulated, chemomechanics.TransportFailure | None]:
    """The lithium, up to a failure if there is one."""
    parameters, transport = material(file), file.transport
    initial = transport.initial_content
    failure = None
    try:
        with refusals(file, "transport"):
            history = chemomechanics.cycle(
                grains,
                parameters,
                protocol=protocol(transport),
                surface=electrode(transport, parameters, grains),
                initial=None if initial is None else initial * parameters.max_concentration,
                states=transport.states,
                tolerance=transport.tolerance or 1e-3,
                progress=say,
            )
    except chemomechanics.TransportFailure as stopped:
        if stopped.history is None or not len(stopped.history.times):
            raise
        failure = stopped
        history = replace(stopped.history, notes=(*stopped.history.notes, str(stopped)))
    return Simulated(grains, history, parameters.max_concentration), failure


def _planned_grains(file: SimulationFile) -> str:
    grains = file.polycrystal
    size = f"edges of {grains.size_um:g} µm"
    if grains.labels is not None:
        labels, voxel, _ = read_labels(file)
        void = {grains.outside, *grains.pores}
        n = len(set(np.unique(labels).tolist()) - void)
        shape = " × ".join(map(str, labels.shape))
        edges = " × ".join(f"{1000 * v:.4g}" for v in voxel)
        return f"{n} of {grains.labels.name}, {shape} voxels of {edges} nm; {size}"
    ratio = grains.radius_um / grains.size_um
    ball = grains.shape == "ball"
    filled = 4 / 3 * math.pi * ratio**3 if ball else math.pi * ratio**2
    number = (
        f"{grains.n_grains}" if grains.n_grains is not None else f"of {grains.grain_size_um:g} µm"
    )
    return (
        f"{number} in a {grains.shape} of radius {grains.radius_um:g} µm; {size}, about "
        f"{_CELLS[grains.shape] * filled:.2g} cells"
    )


def _inputs(file: SimulationFile) -> dict[str, str]:
    """sha256 of every file that was read, by path."""
    from nmcx.io._safe import sha256

    inputs = {str(file.path): file.sha256}
    labels = file.polycrystal.labels
    if labels is not None:
        files = sorted(p for p in labels.iterdir() if p.is_file()) if labels.is_dir() else [labels]
        inputs |= {str(path): sha256(path) for path in files}
    return inputs


def _silent(done: float, total: float, label: str) -> None:
    pass
