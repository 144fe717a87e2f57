"""The folder of a simulation: result file, files for ParaView, curve and pictures."""

from __future__ import annotations

import csv
import io as text_io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, plot
from nmcx.chemomechanics import hoop_stress
from nmcx.errors import ConvergenceError
from nmcx.results import History, Mesh
from nmcx.run.folder import FRAMES, write_text
from nmcx.run.log import Log
from nmcx.run.simulation_model import centre_of, passivated
from nmcx.run.simulation_words import Simulated, describe, told
from nmcx.run.xi_job import png, write_bytes
from nmcx.run_file import SimulationFile


@dataclass(frozen=True)
class Origin:
    """Where results come from: what was asked for, what was read, when and by what."""

    configuration: str  #: the run file with every default
    inputs: Mapping[str, str]  #: sha256 of every file that was read, by path
    facts: Mapping[str, str]  #: program, date, versions and machine


def fill_folder(
    work: Path,
    file: SimulationFile,
    made: Simulated,
    failure: ConvergenceError | None,
    origin: Origin,
    log: Log,
    started: float,
) -> float:
    """Everything that a simulation leaves.

    Parameters
    ----------
    work : path
        Folder to write into.
    file : SimulationFile
    made : Simulated
    failure : ConvergenceError or None
        What stopped it, if anything did.
    origin : Origin
    log : Log
    started : float
        When, by `time.perf_counter` [s].

    Returns
    -------
    float
        Wall time since then [s].
    """
    for line in describe(made)[1:]:
        log.say(line)
    if failure is not None:
        log.say(f"stopped: {told(failure, made)}")
    for name, fact in origin.facts.items():
        log.say(f"{name}: {fact}")
    provenance = {
        "configuration": origin.configuration,
        "inputs": origin.inputs,
        "date": origin.facts["date"],
    }
    write_text(work / "run.resolved.toml", origin.configuration)
    write_results(work, made, provenance)
    if file.output.pictures:
        draw(work, made, file)
    seconds = time.perf_counter() - started
    log.say(f"{'stopped' if failure else 'finished'} after {seconds:.1f} s")
    write_text(work / "log.txt", log.text())
    return seconds


def write_results(work: Path, made: Simulated, provenance: dict[str, Any]) -> None:
    """Result file, mesh, history and state-of-charge curve.

    Parameters
    ----------
    work : path
        Folder to write into.
    made : Simulated
    provenance : dict
        As `nmcx.io.save` takes it.
    """
    io.save(work / "result.nxs", made.grains, made.history, provenance=provenance)
    write_particle(work, made)


def write_particle(work: Path, made: Simulated) -> None:
    """Mesh and history for ParaView, and the state-of-charge curve.

    Parameters
    ----------
    work : path
        Folder to write into.
    made : Simulated
    """
    history = made.history
    io.write_mesh(work / "mesh.vtu", made.grains, interfaces=True)
    content = history.concentration / made.max_concentration
    hoop = {}
    if isinstance(history, History):
        hoop["hoop_stress"] = hoop_stress(made.grains, history.stress)
    io.write_history(
        work / "history.vtkhdf", made.grains, history,
        point_data={"lithium_content": content}, cell_data=hoop,
    )  # fmt: skip
    if isinstance(history, History):
        io.write_wall_history(work / "walls.vtkhdf", made.grains, history)
    write_text(work / "state_of_charge.csv", curve(made))


def curve(made: Simulated) -> str:
    """The state of charge over time as CSV, one row per saved state, full precision.

    Parameters
    ----------
    made : Simulated

    Returns
    -------
    str
    """
    history, c_max = made.history, made.max_concentration
    # In the plane a current is per length.
    current = "current_a" if made.grains.dimension == 3 else "current_a_per_m"
    columns = {
        "time_s": history.times,
        "part": history.part,
        "lithium_content": made.content,
        "lowest_content": history.lowest / c_max,
        "highest_content": history.highest / c_max,
        "mean_concentration_mol_per_m3": history.mean_concentration,
        "potential_v": history.potential,
        current: history.current,
        "balance": history.balance,
    }
    if isinstance(history, History):
        columns |= _of_cracks(made.grains, history)
    text = text_io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    )
    return text.getvalue()


def _of_cracks(grains: Mesh, history: History) -> dict[str, Any]:
    """Columns of a particle that cracks; in the plane energies and areas are per length."""
    area = np.asarray(grains.interface_area)
    whole = max(float(area.sum()), np.finfo(float).tiny)
    solid = grains.dimension == 3
    return {
        "mean_damage": history.damage @ area / whole,
        "wetted_share": history.wetted @ area / whole,
        "reactive_area_m2" if solid else "reactive_area_m2_per_m": history.reactive_area,
        "layer_thickness_m": history.layer_thickness,
        "crack_porosity": history.crack_porosity,
        **{
            f"{name}_j" if solid else f"{name}_j_per_m": getattr(history, name)
            for name in ("stored", "dissipated", "released", "supplied")
        },
    }


def draw(work: Path, made: Simulated, file: SimulationFile) -> None:
    """Pictures of lithium and cracks, or its flux; of c axes and state of charge.

    Parameters
    ----------
    work : path
        Folder to write into.
    made : Simulated
    file : SimulationFile
        What was asked for: where the layer lies, and whether every saved state is drawn too.
    """
    grains, history = made.grains, made.history
    # Cut in the middle, wherever the origin lies.
    offset = float(centre_of(grains)[2]) if grains.dimension == 3 else 0.0
    lithium: dict[str, Any] = {"max_concentration": made.max_concentration, "offset": offset}
    fields = {**lithium, "passivated": passivated(file.transport, grains)}
    pictures = {
        "orientation": plot.orientation_map(grains, offset=offset).figure,
        "state_of_charge": plot.state_of_charge(history, max_concentration=made.max_concentration),
    }
    if isinstance(history, History):
        pictures["cracks"] = plot.coupled_series(grains, history, **lithium)
        pictures["fields"] = plot.coupled_fields(grains, history, **fields)
    else:
        # At the end of a rest there is next to no flux to be seen.
        flowing = np.abs(history.current) > 0.01 * np.abs(history.current).max()
        i = int(np.flatnonzero(flowing)[-1]) if flowing.any() else -1
        pictures["lithium"] = plot.lithium_series(grains, history, **lithium)
        pictures["surface_flux"] = plot.surface_flux(
            grains, history.surface_flux[i], title=f"Flux at {history.times[i]:.4g} s"
        ).figure
    for name, figure in pictures.items():
        write_bytes(work / f"{name}.png", png(figure))
    if file.output.frames:
        plot.lithium_frames(grains, history, work / FRAMES, **lithium)
        if isinstance(history, History) and len(history.times) > 1:
            plot.animate(grains, history, work / "animation.gif", **fields)
