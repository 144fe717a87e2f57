"""Steps from the placed map to the model, and to model and experiment by one statistic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nmcx import __version__, _core, comparison
from nmcx.chemomechanics.identity import digest
from nmcx.comparison import SimulatedParticle
from nmcx.errors import ConvergenceError
from nmcx.report import Findings
from nmcx.run.simulation_model import coupling, material, metres, protocol, refusals
from nmcx.run.workers import workers
from nmcx.run_file import RunFile

Progress = Callable[[float, float, str], None]

#: Options that the simulation of a given mesh with a given layer has.
_OF_SIMULATION = (
    *("protocol", "pores", "coupling", "initial", "states"),
    *("eigenstrain", "tolerance", "max_step", "stress_tolerance"),
)
#: In the folder of unfinished work: states of the model, of it without couplings, members.
MODEL, WITHOUT, MEMBERS = "model", "without", "members"


class Stopped(ConvergenceError):
    """A step that could not be gone to its end, with what was found by then."""

    def __init__(self, message: str, found: Findings) -> None:
        super().__init__(message)
        self.found = found


def model_options(file: RunFile) -> dict[str, Any]:
    """What the run file says of the model, as `nmcx.comparison.simulate_particle` takes it.

    Parameters
    ----------
    file : RunFile
        With a section ``[model]``.

    Returns
    -------
    dict of str to object
        All but the particle, its map, its material, and the seed.

    Raises
    ------
    nmcx.run_file.RunFileError
        If a value cannot be.
    """
    model, fracture = file.model, file.fracture
    assert model is not None
    content, grain_size = model.initial_content, model.grain_size_um
    with refusals(file, "model"):
        parts = protocol(model)
    return {
        "protocol": parts,
        "n_grains": model.n_grains,
        "grain_size": None if grain_size is None else metres(grain_size, -6),
        "size": metres(model.size_um, -6),
        "texture": model.texture,
        "pores": model.pores,
        "largest_layer": metres(model.largest_layer_nm, -9),
        "percentiles": model.percentiles,
        "unseen": model.unseen,
        "coupling": coupling(file),
        "initial": None if content is None else content * material(file).max_concentration,
        "states": model.states,
        "eigenstrain": fracture.eigenstrain,
        "tolerance": model.tolerance,
        "max_step": fracture.max_step,
        "stress_tolerance": fracture.stress_tolerance,
    }


def check_model(file: RunFile) -> None:
    """Refuse before hours of work what the model would refuse after them.

    Raises
    ------
    nmcx.run_file.RunFileError
        If a value of the material, the coupling or the protocol cannot be.
    """
    if file.model is not None:
        material(file)
        model_options(file)


def add_model(file: RunFile, found: Findings, kept: Path, say: Progress) -> Findings:
    """The findings with the particle simulated under the layer that its map says.

    Parameters
    ----------
    file : RunFile
        With a section ``[model]``.
    found : Findings
        With `particle` and `surface`; without one of them a note says that there is no model.
    kept : path
        Folder that keeps every state as it is found.
    say : callable
        Called as ``say(done, total, label)``.

    Returns
    -------
    Findings

    Raises
    ------
    Stopped
        If the surface is asked for what it cannot give, or no equilibrium is found; with the states
        up to then.
    ValueError
        If there is no such mesh or layer.
    """
    if found.particle is None or found.surface is None:
        note = "no map placed on a particle: no model"
        return replace(found, notes=(*found.notes, note))
    assert file.model is not None
    parameters = material(file)
    say(0, 1, "grains")
    failure = None
    try:
        made = comparison.simulate_particle(
            found.particle, found.surface, parameters, **model_options(file), seed=file.model.seed,
            progress=say, checkpoint=_checkpoint(file, found, kept, MODEL),
        )  # fmt: skip
    except comparison.ParticleFailure as stopped:
        if len(stopped.made.history.times) < 2:
            raise  # the start alone shows nothing
        failure, made = stopped, stopped.made
    found = replace(
        found, parameters=parameters, mesh=made.mesh, layer=made.layer, history=made.history
    )
    if failure is not None:
        n = len(made.history.times)
        raise Stopped(f"{failure}; {n} states up to then are kept", found) from failure
    return found


def add_contributions(file: RunFile, found: Findings, kept: Path, say: Progress) -> Findings:
    """The findings with the same particle without each coupling in turn.

    Parameters
    ----------
    file, found, kept, say
        As of `add_model`; without a model they stay as they are.

    Returns
    -------
    Findings
    """
    made = _simulated(found)
    if made is None or found.scan is None:
        return found
    assert found.particle is not None and found.surface is not None and found.cones is not None
    options = model_options(file)
    contributions = comparison.coupling_contributions(
        made, found.particle, found.surface, found.cones, material(file),
        **{name: options[name] for name in _OF_SIMULATION},
        **_of_prediction(file), measured=found.scan, progress=say,
        checkpoint=_checkpoint(file, found, kept, WITHOUT),
    )  # fmt: skip
    return replace(found, contributions=contributions)


def add_comparison(file: RunFile, found: Findings, kept: Path, say: Progress) -> Findings:
    """The findings with many such particles beside the measured one.

    Parameters
    ----------
    file : RunFile
        With a section ``[compare]``.
    found, say
        As of `add_model`; without a model they stay as they are.
    kept : path
        Folder that keeps what is found of every member.

    Returns
    -------
    Findings

    Raises
    ------
    nmcx.errors.ConvergenceError
        If fewer than three members of a kind could be simulated.
    """
    made = _simulated(found)
    if made is None or found.scan is None:
        return found
    assert file.model is not None and file.compare is not None
    assert found.particle is not None and found.surface is not None and found.cones is not None
    with workers(file.compare.workers) as (mapper, threads):
        compared = comparison.compare(
            found.particle, found.surface, found.cones, material(file), **model_options(file),
            **_of_prediction(file), n_member=file.compare.n_member, n_turned=file.compare.n_turned,
            seed=file.model.seed, measured=found.scan, first=made, mapper=mapper, threads=threads,
            progress=say, checkpoint=kept / MEMBERS,
        )  # fmt: skip
    return replace(found, comparison=compared)


def _checkpoint(file: RunFile, found: Findings, kept: Path, what: str) -> Path:
    """Folder for states, named by all that they are made from: others have another name."""
    assert file.model is not None
    made_from = (
        found.particle, found.surface, material(file), model_options(file), file.model.seed,
        __version__, str(_core.active_instruction_set()),
    )  # fmt: skip
    return kept / f"{what}-{digest(*made_from)[:32]}"


def _simulated(found: Findings) -> SimulatedParticle | None:
    if found.mesh is None or found.layer is None or found.history is None:
        return None
    return SimulatedParticle(found.mesh, found.layer, found.history)


def _of_prediction(file: RunFile) -> dict[str, Any]:
    if file.compare is None:
        return {}
    return {"indicator": file.compare.indicator, "imaged_pores": file.compare.imaged_pores}
