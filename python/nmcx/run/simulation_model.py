"""From the sections of a simulation's run file to what the model takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import chemomechanics, io, materials, mesh
from nmcx.errors import Error
from nmcx.results import Mesh
from nmcx.run_file import Coupling as CouplingSection
from nmcx.run_file import Model, Polycrystal, RunFile, RunFileError, SimulationFile, Transport
from nmcx.run_file.protocol import part_values

#: Keys of [fracture] that are numbers of the material.
MECHANICAL = (
    *("c11", "c12", "c13", "c33", "c44", "c14"),
    *("cohesive_stiffness", "strength", "fracture_energy"),
)


def metres(value: float, power: int) -> float:
    """A length as it is written, times a power of ten: 0.4 µm is 0.4e-6 m to the last bit."""
    return float(Decimal(repr(value)).scaleb(power))


@contextlib.contextmanager
def refusals(file: SimulationFile | RunFile, section: str) -> Iterator[None]:
    """What a part of the model refuses comes from the values of its section."""
    try:
        yield
    except Error:
        raise  # some are ValueErrors too, and name what they are about
    except ValueError as error:
        raise RunFileError(f"{file.path}: [{section}]: {error}") from error


def read_labels(file: SimulationFile) -> tuple[NDArray[Any], tuple[float, ...], tuple[str, ...]]:
    """Labels (nz, ny, nx), or (ny, nx) of a single slice, the edges of a voxel [µm], and notes.

    Raises
    ------
    nmcx.run_file.RunFileError
        If the image holds no whole numbers, or no voxel size is known.
    nmcx.errors.InputError
        If the image cannot be read.
    """
    grains = file.polycrystal
    assert grains.labels is not None
    values, stated, notes = io.read_volume(grains.labels, dataset=grains.dataset)
    size = grains.voxel_size_um or stated
    if size is None:
        raise RunFileError(
            f"{file.path}: [polycrystal] voxel_size_um: {grains.labels.name} states none; give it"
        )
    if values.dtype.kind == "f":
        # Some programs save labels as floating point.
        whole = np.rint(values)
        if not np.array_equal(whole, values):
            raise RunFileError(
                f"{file.path}: [polycrystal] labels: {grains.labels.name} holds numbers that are "
                "not whole; give an image of grain labels"
            )
        values = whole.astype(np.int64)
    if len(values) == 1:
        values, size = values[0], size[1:]
    # A size that was given replaces what the file lacks: nothing to remark.
    return values, size, notes if stated is not None else ()


def build_mesh(file: SimulationFile) -> Mesh:
    """The polycrystal that a run file asks for.

    Raises
    ------
    nmcx.run_file.RunFileError
        If a value cannot be.
    nmcx.errors.InputError
        If an image of labels cannot be read.
    nmcx.errors.ConvergenceError
        If no mesh passes the checks of conformity.
    """
    grains = file.polycrystal
    with refusals(file, "polycrystal"):
        return _made(grains) if grains.labels is None else _imaged(file)


def _made(grains: Polycrystal) -> Mesh:
    shape = mesh.ball if grains.shape == "ball" else mesh.disc
    size = grains.grain_size_um
    return shape(
        metres(grains.radius_um, -6),
        n_grains=grains.n_grains,
        grain_size=None if size is None else metres(size, -6),
        size=metres(grains.size_um, -6),
        seed=grains.seed,
        texture=grains.texture,  # type: ignore[arg-type]
    )


def _imaged(file: SimulationFile) -> Mesh:
    grains = file.polycrystal
    labels, size, notes = read_labels(file)
    made = mesh.from_labels(
        labels,
        size,
        size=metres(grains.size_um, -6),
        outside=grains.outside,
        pores=grains.pores,
        seed=grains.seed,
    )
    if grains.texture == "radial":
        centres = np.stack([_centre(made, made.grain == i) for i in range(made.n_grain)])
        turned = mesh.radial_texture(centres, grains.seed, origin=centre_of(made))
        made = replace(made, orientation=turned)
    return replace(made, notes=(*notes, *made.notes))


def centre_of(grains: Mesh) -> NDArray[np.float64]:
    """(d,) centroid of a mesh [m]."""
    return _centre(grains, np.ones(len(grains.cells), dtype=bool))


def _centre(grains: Mesh, which: NDArray[np.bool_]) -> NDArray[np.float64]:
    centres = grains.points[grains.cells[which]].mean(axis=1)
    return np.asarray(np.average(centres, axis=0, weights=grains.volume[which]))


def material(file: SimulationFile | RunFile) -> materials.Parameters:
    """Table 1 with the numbers that the run file changes.

    Raises
    ------
    nmcx.run_file.RunFileError
        If a value cannot be.
    """
    with refusals(file, "material"):
        made = materials.NMC811.replace(**asdict(file.material))
    if file.fracture is None:
        return made
    with refusals(file, "fracture"):
        return made.replace(**{name: getattr(file.fracture, name) for name in MECHANICAL})


def tiring_walls(
    file: SimulationFile, parameters: materials.Parameters, grains: Mesh
) -> chemomechanics.CohesiveLaw | None:
    """The material's law of the walls with fatigue; None if they do not tire."""
    fracture = file.fracture
    if fracture is None or fracture.fatigue_cycles is None:
        return None
    return replace(
        chemomechanics.cohesive_law(parameters, grains),
        fatigue_cycles=fracture.fatigue_cycles,
        endurance=fracture.endurance,
    )


def coupling(file: SimulationFile | RunFile) -> chemomechanics.Coupling:
    """What cracks do to lithium.

    Raises
    ------
    nmcx.run_file.RunFileError
        If a value cannot be.
    """
    with refusals(file, "coupling"):
        return chemomechanics.Coupling(**asdict(file.coupling or CouplingSection()))


def passivated(transport: Transport, grains: Mesh) -> NDArray[np.bool_]:
    """(s,) facets of the surface that carry the layer, none if there is none."""
    n = len(grains.surface)
    if transport.layer_thickness_nm == 0:
        return np.zeros(n, dtype=bool)
    if transport.layer_side == "all":
        return np.ones(n, dtype=bool)
    away = grains.points[grains.surface].mean(axis=1) - centre_of(grains)
    return np.asarray(away @ np.asarray(transport.layer_towards)[: grains.dimension] > 0)


def electrode(
    transport: Transport, parameters: materials.Parameters, grains: Mesh
) -> chemomechanics.ButlerVolmer:
    """Kinetics of the surface, with its passivation layer if there is one."""
    if transport.layer_thickness_nm == 0:
        return chemomechanics.ButlerVolmer()
    conductance = chemomechanics.layer_conductance(
        metres(transport.layer_thickness_nm, -9), parameters.diffusivity_layer
    )
    covered = passivated(transport, grains)
    return chemomechanics.ButlerVolmer(
        layer_conductance=np.where(covered, conductance, np.inf),
        coverage=transport.layer_coverage,
    )


def protocol(transport: Transport | Model) -> list[chemomechanics.protocol_run.Part]:
    """Parts of the protocol, as often as it is gone through."""
    return [_part(text) for text in transport.protocol] * transport.cycles


def _part(text: str) -> chemomechanics.protocol_run.Part:
    kind, values = part_values(text)
    if kind == "hold":
        potential, duration = values["potential_v"], values["duration_s"]
        return chemomechanics.Hold(potential, duration, values.get("until_c_rate"))
    if kind == "rest":
        return chemomechanics.Rest(values["duration_s"])
    driven = chemomechanics.Charge if kind == "charge" else chemomechanics.Discharge
    return driven(values["c_rate"], values["until"], cutoff=values.get("cutoff_v"))
