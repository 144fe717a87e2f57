"""The steps of the chain: each takes the run file and what is found, and gives what it adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, morphology, txm, xanes
from nmcx.errors import ConvergenceError
from nmcx.report import Findings
from nmcx.results import EnergyStack
from nmcx.run import model_steps
from nmcx.run.bulk_steps import add_cones, add_particle, add_placing, add_robustness, add_scan
from nmcx.run.jump import with_jump
from nmcx.run.spectrum_job import add_spectra
from nmcx.run.xi_job import add_map, add_scans
from nmcx.run_file import Hard, RunFile

#: Unit vectors (z, y, x) of the line profiles: along and against each axis.
AXES = tuple(
    tuple(sign if i == axis else 0.0 for i in range(3)) for axis in range(3) for sign in (1.0, -1.0)
)
#: A simulation against the other steps.
_LONG = 10.0


@dataclass(frozen=True)
class Step:
    """One step of the chain."""

    label: str  #: for progress and log
    section: str  #: section of the run file whose values it uses
    act: Callable[[RunFile, Findings], Findings]
    weight: float = 1.0  #: how long it takes, against the others


def steps(
    run_file: RunFile, kept: Path = Path(), say: model_steps.Progress = lambda *_: None
) -> list[Step]:
    """The steps that a run file asks for, in order.

    Parameters
    ----------
    run_file : RunFile
        From `nmcx.run_file.read`.
    kept : path, optional
        Folder in which the model keeps what it has found.
    say : callable
        Hears of progress within a step of the model, as ``say(done, total, label)``.

    Returns
    -------
    list of Step
    """
    chosen = []
    hard = run_file.hard
    if run_file.soft is not None:
        chosen += [Step("soft scans", "soft", _scans), Step("ratio map", "soft", _ratio)]
    if run_file.spectra is not None:
        chosen.append(Step("soft spectra", "spectra", _spectra))
    if hard is not None and hard.stack is not None:
        chosen.append(Step("edge energies", "hard", _edges))
    if hard is not None and hard.frames is not None:
        chosen += [
            Step("optical density", "hard", _optical_density),
            Step("jump image", "hard", _jump),
        ]
    if run_file.tomogram is not None:
        chosen.append(Step("tomogram", "tomogram", _tomogram))
    if run_file.tomogram is not None or (hard is not None and hard.stack is not None):
        chosen += [
            Step("segmentation", "morphology", _segmentation),
            Step("depth and line profiles", "morphology", _profiles),
            Step("cone porosity", "cones", _cones),
        ]
    if run_file.placing is not None:
        chosen += [
            Step("placing of the map", "placing", _placing),
            Step("correlation and its null", "correlation", _scan),
        ]
        if run_file.placing.robustness:
            chosen.append(Step("correlation with the map turned", "placing", _robustness))
    if run_file.model is not None:
        chosen += steps_of_model(run_file, kept, say)
    return chosen


def steps_of_model(
    run_file: RunFile, kept: Path = Path(), say: model_steps.Progress = lambda *_: None
) -> list[Step]:
    """The steps after the measurement: the model, and model and experiment.

    Parameters
    ----------
    run_file, kept, say
        As in `steps`; with a section ``[model]``.

    Returns
    -------
    list of Step
    """

    def model(file: RunFile, found: Findings) -> Findings:
        return model_steps.add_model(file, found, kept, say)

    def contributions(file: RunFile, found: Findings) -> Findings:
        return model_steps.add_contributions(file, found, kept, say)

    def comparison(file: RunFile, found: Findings) -> Findings:
        return model_steps.add_comparison(file, found, kept, say)

    chosen = [Step("model", "model", model, _LONG)]
    if run_file.model is not None and run_file.model.contributions:
        n = run_file.coupling.n_on
        chosen.append(Step("model without its couplings", "model", contributions, n * _LONG))
    if run_file.compare is not None:
        n = run_file.compare.n_member + run_file.compare.n_turned - 1
        chosen.append(Step("model and experiment", "compare", comparison, n * _LONG))
    return chosen


def _noted(found: Findings, *notes: str) -> tuple[str, ...]:
    return (*found.notes, *notes)


def _scans(run_file: RunFile, found: Findings) -> Findings:
    assert run_file.soft is not None
    return add_scans(run_file.soft, found)


def _ratio(run_file: RunFile, found: Findings) -> Findings:
    assert run_file.soft is not None
    return add_map(run_file.soft, found)


def _spectra(run_file: RunFile, found: Findings) -> Findings:
    assert run_file.spectra is not None
    return add_spectra(run_file.spectra, run_file.nickel, run_file.oxygen, found)


def _fit(hard: Hard, energy_ev: Any, mu: Any, variance: Any = None) -> Any:
    return xanes.fit_edges(
        energy_ev,
        mu,
        pre_edge=hard.pre_edge,
        post_edge=hard.post_edge,
        pre_degree=hard.pre_degree,
        post_degree=hard.post_degree,
        level=hard.level,
        estimator=hard.estimator,
        template=None if hard.template is None else io.read_spectrum(hard.template),
        normalisation=hard.normalisation,
        white_line_half_width_ev=hard.white_line_half_width_ev,
        variance=variance,
    )


def _edges(run_file: RunFile, found: Findings) -> Findings:
    hard = run_file.hard
    assert hard is not None and hard.stack is not None
    stack = io.open_stack(hard.stack)
    edges = _fit(hard, stack.energy_ev, stack.mu, stack.variance)
    notes = _noted(found, *(f"{hard.stack.name}: {note}" for note in stack.notes))
    size = stack.voxel_size_um
    if size is None:
        notes = (*notes, f"{hard.stack.name}: no voxel size in the file; 1 µm was used")
    return replace(found, edges=edges, edge_voxel_um=size or (1.0, 1.0, 1.0), notes=notes)


def _optical_density(run_file: RunFile, found: Findings) -> Findings:
    hard = run_file.hard
    assert hard is not None and hard.frames is not None
    frames = hard.frames
    od = txm.optical_density(io.read_frames(frames if not isinstance(frames, tuple) else [*frames]))
    return replace(found, od=od)


def _jump(run_file: RunFile, found: Findings) -> Findings:
    hard, od = run_file.hard, found.od
    assert hard is not None and od is not None
    energies = np.unique(od.energy_ev)
    if len(energies) < 2:
        return replace(found, notes=_noted(found, "frames at one energy only: no jump image"))
    if len(energies) < len(od.energy_ev):
        note = "several angles per energy: jump and edge energies need reconstructed volumes"
        return replace(found, notes=_noted(found, note))
    try:
        aligned = txm.align_energies(od)
    except ConvergenceError as error:
        return replace(found, notes=_noted(found, f"no jump image: {error}"))
    # What `od` says already is not said twice.
    new = tuple(note for note in aligned.notes if note not in od.notes)
    found = with_jump(replace(found, aligned=replace(aligned, notes=new)))
    if found.jump is None:
        note = "the energies could not be aligned with each other: no jump image"
        return replace(found, notes=_noted(found, note))
    return _frame_edges(hard, aligned.stack, found)


def _frame_edges(hard: Hard, stack: EnergyStack, found: Findings) -> Findings:
    energy = stack.energy_ev
    before = np.count_nonzero((energy >= hard.pre_edge[0]) & (energy <= hard.pre_edge[1]))
    after = np.count_nonzero((energy >= hard.post_edge[0]) & (energy <= hard.post_edge[1]))
    if before < 2 or after < 2 or energy.size - before - after < 4:
        note = (
            f"{energy.size} energies, {before} of them before and {after} after the edge: no edge "
            "energies (at least 2, 2 and 4 between are needed)"
        )
        return replace(found, notes=_noted(found, note))
    edges = _fit(hard, energy, stack.mu, stack.variance)
    size = found.jump_pixel_um
    return replace(found, edges=edges, edge_voxel_um=(size, size, size))


def _tomogram(run_file: RunFile, found: Findings) -> Findings:
    tomogram = run_file.tomogram
    assert tomogram is not None
    values, stated, notes = io.read_volume(tomogram.file)
    size = tomogram.voxel_size_um or stated
    if size is None:
        raise ValueError(f"{tomogram.file.name} has no voxel size: give voxel_size_um")
    return replace(
        found,
        volume=np.asarray(values),
        volume_name="tomogram, absorption [1]",
        volume_voxel_um=size,
        notes=_noted(found, *(f"{tomogram.file.name}: {note}" for note in notes)),
    )


def _segmentation(run_file: RunFile, found: Findings) -> Findings:
    if found.volume is None and found.edges is not None:
        found = replace(
            found,
            volume=found.edges.edge_jump,
            volume_name="edge jump [1]",
            volume_voxel_um=found.edge_voxel_um,
        )
    if found.volume is None or found.volume.ndim != 3:
        note = "the hard measurement is not a volume: no particle, profiles or cones"
        return replace(found, volume=None, notes=_noted(found, note))
    exclude, notes = _needle(run_file, found)
    found = add_particle(run_file.morphology, found, soft=run_file.cones.soft, exclude=exclude)
    return replace(found, notes=_noted(found, *notes))


def _needle(run_file: RunFile, found: Findings) -> tuple[Any, tuple[str, ...]]:
    """Where a tomogram shows what has no edge jump: needle, weld, surroundings."""
    if run_file.tomogram is None or found.edges is None or found.volume is None:
        return None, ()
    if found.edges.edge_jump.shape != found.volume.shape:
        note = "tomogram and edge map differ in shape: needle and weld were not told apart"
        return None, (note,)
    absorbing = morphology.segment(
        found.edges.edge_jump,
        voxel_size_um=found.edge_voxel_um,
        closing_radius_um=run_file.morphology.closing_radius_um,
    )
    note = "needle and weld, which have no edge jump, were left out of the tomogram"
    return ~absorbing.envelope, (note,)


def _profiles(run_file: RunFile, found: Findings) -> Findings:
    particle, edges = found.particle, found.edges
    if particle is None or edges is None:
        return found
    if edges.ok.shape != particle.envelope.shape:
        note = (
            f"tomogram {particle.envelope.shape} and edge map {edges.ok.shape} differ in shape: "
            "no depth or line profiles of the edge energy"
        )
        return replace(found, notes=_noted(found, note))
    values = np.where(edges.ok & particle.solid, edges.edge_energy_ev, np.nan)
    depth = morphology.depth_profile(values, particle)
    lines = morphology.line_profiles(values, particle, AXES)
    return replace(found, depth=replace(depth, unit="eV"), lines=replace(lines, unit="eV"))


def _cones(run_file: RunFile, found: Findings) -> Findings:
    return add_cones(run_file.cones, found)


def _placing(run_file: RunFile, found: Findings) -> Findings:
    assert run_file.placing is not None
    return add_placing(run_file.placing, found, seed=run_file.correlation.seed)


def _scan(run_file: RunFile, found: Findings) -> Findings:
    return add_scan(run_file.correlation, found)


def _robustness(run_file: RunFile, found: Findings) -> Findings:
    assert run_file.placing is not None
    return add_robustness(run_file.placing, run_file.correlation, found)
