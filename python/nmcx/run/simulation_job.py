"""`nmcx simulate`: from a run file to a polycrystal, its lithium over time, and their pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import __version__, chemomechanics, mesh, run_file
from nmcx.errors import ConvergenceError
from nmcx.progress import duration
from nmcx.results import Mesh, TransportHistory
from nmcx.run.folder import new_folder, write_text
from nmcx.run.log import Log
from nmcx.run.provenance import configuration, origin
from nmcx.run.simulation_files import Simulated, draw, write_results
from nmcx.run.simulation_model import (
    build_mesh,
    electrode,
    material,
    protocol,
    read_labels,
    refusals,
)
from nmcx.run_file import SimulationFile

Progress = Callable[[float, float, str], None]
Given = Mapping[str, Mapping[str, Any]]

#: Cells per (volume / edge³) of balls and (area / edge²) of discs, measured.
_CELLS = {"ball": 8.7, "disc": 2.15}


@dataclass(frozen=True)
class SimulationJob:
    """What `simulate` made and where it lies."""

    folder: Path  #: holds history.vtkhdf, mesh.vtu, state_of_charge.csv, pictures and more
    mesh: Mesh  #: the polycrystal
    history: TransportHistory  #: its lithium
    max_concentration: float  #: C_max [mol/m³]
    seconds: float  #: wall time [s]

    def summary(self) -> list[str]:
        """The main numbers in words, one line each."""
        return describe(Simulated(self.mesh, self.history, self.max_concentration))


def simulate(
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    given: Given | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> SimulationJob:
    """Charge, hold and rest the particle of a run file and write what becomes of its lithium.

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
        is the `nmcx.chemomechanics.TransportFailure`.
    nmcx.errors.OutputError
        If the folder holds results already and `force` is false, or cannot be written.
    """
    started = time.perf_counter()
    file = run_file.read_simulation(path, given)
    folder = Path(out).absolute() if out is not None else file.folder
    say, log = progress or _silent, Log()
    log.say(f"nmcx {__version__}, run file {file.path}")
    with new_folder(folder, force=force) as work:
        say(0, 1, "grains")
        grains = build_mesh(file)
        log.say(describe_mesh(grains))
        made, failure = _simulated(file, grains, say)
        for line in describe(made)[1:]:
            log.say(line)
        if failure is not None:
            log.say(f"stopped: {told(failure, made)}")
        text = run_file.to_toml(file, folder)
        facts, inputs = origin(), _inputs(file)
        for name, fact in facts.items():
            log.say(f"{name}: {fact}")
        say(1, 1, "files and pictures")
        provenance = {"configuration": text, "inputs": inputs, "date": facts["date"]}
        write_text(work / "run.resolved.toml", text)
        write_results(work, made, provenance)
        if file.output.pictures:
            draw(work, made, frames=file.output.frames)
        seconds = time.perf_counter() - started
        log.say(f"{'stopped' if failure else 'finished'} after {seconds:.1f} s")
        write_text(work / "log.txt", log.text())
    if failure is not None:
        where = f"the states up to then are in {folder}"
        raise ConvergenceError(f"{told(failure, made)}; {where}") from failure
    return SimulationJob(folder, grains, made.history, made.max_concentration, seconds)


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
    settings = [
        line
        for name in ("polycrystal", "material", "transport", "output")
        for line in configuration(name, getattr(file, name)).splitlines()[1:]
    ]
    lines.append(f"{'options':<10} {', '.join(settings)}")
    exists = " (exists; --force or -o needed)" if (folder / "result.nxs").exists() else ""
    return [*lines, f"{'output':<10} {folder}{exists}"]


def describe_mesh(grains: Mesh) -> str:
    """Grains, cells, nodes and smallest angle of a mesh in words.

    Parameters
    ----------
    grains : Mesh

    Returns
    -------
    str
    """
    cells = "triangles" if grains.dimension == 2 else "tetrahedra"
    least = np.degrees(mesh.quality(grains).angle_least)
    return (
        f"{grains.n_grain} grain{'s' if grains.n_grain > 1 else ''}, {len(grains.cells)} {cells}, "
        f"{len(grains.points)} nodes; smallest angle {least:.1f}°"
    )


def describe(made: Simulated) -> list[str]:
    """What was simulated in words, one line each.

    Parameters
    ----------
    made : Simulated

    Returns
    -------
    list of str
    """
    history, content = made.history, made.content
    low, high = (
        float(edge[-1]) / made.max_concentration for edge in (history.lowest, history.highest)
    )
    seconds = float(history.times[-1] - history.times[0])
    again = f" ({history.n_rejected} done again with a shorter one)" if history.n_rejected else ""
    lines = [
        describe_mesh(made.grains),
        f"{history.n_step} time steps{again}, {len(history.times)} states saved; largest imbalance "
        f"of lithium {np.abs(history.balance).max():.1e} of what the particle holds when full",
        f"{seconds:.5g} s ({duration(seconds)}): mean lithium content x from {content[0]:.4f} to "
        f"{content[-1]:.4f}; at the end x = {low:.3f} … {high:.3f} within the particle",
    ]
    potential = None if history.potential is None else float(history.potential[-1])
    if potential is not None and math.isfinite(potential):
        lines.append(f"potential at the end {potential:.3f} V against lithium")
    return lines


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
                tolerance=transport.tolerance,
                progress=say,
            )
    except chemomechanics.TransportFailure as stopped:
        if stopped.history is None or not len(stopped.history.times):
            raise
        failure = stopped
        history = replace(stopped.history, notes=(*stopped.history.notes, str(stopped)))
    return Simulated(grains, history, parameters.max_concentration), failure


def told(failure: chemomechanics.TransportFailure, made: Simulated) -> str:
    """What stopped a simulation, with time and place.

    Parameters
    ----------
    failure : TransportFailure
    made : Simulated
        The states up to then.

    Returns
    -------
    str
    """
    if isinstance(failure, chemomechanics.ImpossibleDemand):
        return str(failure)
    share = made.history.concentration[-1] / made.max_concentration
    node = int(np.argmin(np.minimum(share, 1.0 - share)))
    place = ", ".join(f"{1e6 * x:.3g}" for x in made.grains.points[node])
    return f"{failure}; nearest to empty or full is ({place}) µm with x = {share[node]:.3g}"


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
