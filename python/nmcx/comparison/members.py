"""One imaged particle through the model, and its cracks by the statistic of the experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics import (
    Charge,
    Coupling,
    Discharge,
    Hold,
    Rest,
    SimulationFailure,
    simulate,
)
from nmcx.comparison.layers import layer_from_xi, layered_surface
from nmcx.comparison.voxels import cracked_particle
from nmcx.cones import cone_porosity
from nmcx.materials import Parameters
from nmcx.mesh import from_particle
from nmcx.mesh.polycrystal import Texture
from nmcx.results import (
    ConePorosity,
    History,
    LayerMap,
    Mesh,
    Particle,
    SurfaceValues,
)

Part = Charge | Discharge | Hold | Rest

#: Thickness that damage is multiplied by when it stands for void; correlations do not depend on it.
_DAMAGED = 1e-9
_INDICATORS = ("opening", "damage")
_PORES = ("open", "closed")


@dataclass(frozen=True)
class SimulatedParticle:
    """An imaged particle in the model."""

    mesh: Mesh
    layer: LayerMap  #: one draw, the one that acted
    history: History


class ParticleFailure(SimulationFailure):
    """An imaged particle that the model could not take on; what it was by then is kept."""

    def __init__(self, message: str, *, made: SimulatedParticle) -> None:
        super().__init__(message, history=made.history)
        self.made = made  #: with the states up to the failure


def simulate_particle(
    particle: Particle,
    surface_values: SurfaceValues,
    parameters: Parameters,
    *,
    protocol: Part | Sequence[Part],
    n_grains: int | None = None,
    grain_size: float | None = None,
    size: float,
    texture: Texture = "random",
    pores: str = "open",
    largest_layer: float,
    percentiles: tuple[float, float] = (5.0, 95.0),
    unseen: str = "drawn",
    turn: ArrayLike | None = None,
    coupling: Coupling | None = None,
    initial: float | None = None,
    states: int = 10,
    eigenstrain: str = "table",
    tolerance: float = 5e-3,
    max_step: float = 0.2,
    stress_tolerance: float = 5e-3,
    seed: int = 1,
    threads: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
    checkpoint: str | PathLike[str] | None = None,
) -> SimulatedParticle:
    """Take an imaged particle with the layer that its map of ξ says through a protocol.

    Parameters
    ----------
    particle, surface_values
        As measured: from `nmcx.morphology.segment` and `nmcx.correlation.place`.
    parameters : Parameters
        Of the material, in SI units.
    protocol, coupling, initial, states, eigenstrain, tolerance, max_step, stress_tolerance
        See `nmcx.chemomechanics.simulate`; `initial` [mol/m³].
    n_grains, grain_size, size, texture
        See `nmcx.mesh.from_particle` [m].
    pores : {"open", "closed"}
        Imaged pores and cracks stay open, or the whole envelope is grains: a particle before it
        was cracked.
    largest_layer : float
        Thickness of the layer where ξ is lowest [m], see `layer_from_xi`.
    percentiles, unseen, turn
        See `layer_from_xi`.
    seed : int
        Of grains, orientations and the layer's draw: the same seed gives the same bits.
    threads : int
        0: all cores.
    progress, checkpoint
        See `nmcx.chemomechanics.simulate`.

    Returns
    -------
    SimulatedParticle
        Mesh, layer (one draw, the one that acted), history.

    Raises
    ------
    ValueError
        As the functions above.
    ParticleFailure
        If the simulation cannot go on, as with a layer too thick for the current; with the
        particle up to then. One that fails at its start is a
        `nmcx.chemomechanics.SimulationFailure`.

    References
    ----------
    Our model, see `docs/explanation/comparison.md`.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, comparison, materials, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, shape=(28, 28, 28), voxel_size_um=0.4)
    >>> made = comparison.simulate_particle(
    ...     particle, seen, materials.NMC811, protocol=cm.Charge(1.0, until=0.8), n_grains=6,
    ...     size=2.0e-6, largest_layer=50e-9, states=1)
    >>> bool(made.history.damage[-1].max() > 0.5)
    True
    """
    body = body_of(particle, pores)
    mesh = from_particle(
        body, n_grains=n_grains, grain_size=grain_size, size=size, seed=seed, texture=texture,
        threads=threads,
    )  # fmt: skip
    layer = layer_from_xi(
        surface_values, body, mesh, largest=largest_layer, percentiles=percentiles,
        unseen=unseen, turn=turn, n_draw=1, seed=seed,
    )  # fmt: skip
    surface = layered_surface(layer, body, mesh, parameters, draw=0)
    try:
        history = simulate(
            mesh, parameters, protocol=protocol, surface=surface, coupling=coupling,
            initial=initial, states=states, eigenstrain=eigenstrain, tolerance=tolerance,
            max_step=max_step, stress_tolerance=stress_tolerance, threads=threads,
            progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
    except SimulationFailure as failure:
        if failure.history is None:
            raise
        made = SimulatedParticle(mesh, layer, failure.history)
        raise ParticleFailure(str(failure), made=made) from failure
    return SimulatedParticle(mesh=mesh, layer=layer, history=history)


def predicted_porosity(
    mesh: Mesh,
    history: History,
    particle: Particle,
    cones: ConePorosity,
    *,
    indicator: str = "opening",
    imaged_pores: bool = False,
    index: int = -1,
    threads: int | None = None,
) -> ConePorosity:
    """Cone porosity of a simulated particle, by the very function that measures the imaged one.

    Parameters
    ----------
    mesh, history
        From `simulate_particle`.
    particle : Particle
        The imaged one: voxels, envelope and centre are those of the measurement.
    cones : ConePorosity
        The measured ones: directions, half-angles [rad], apex, weights and gate are taken from it.
    indicator : {"opening", "damage"}
        What counts as void: walls by area × opening, or by area × damage, of which the correlation
        takes the course only.
    imaged_pores : bool
        Whether the imaged pores count as void too, or only what the model has opened.
    index : int
        Which of the saved times.
    threads : int, optional
        Default all cores.

    Returns
    -------
    ConePorosity
        Porosity by volume, however thin the cracks (``soft``).

    Raises
    ------
    ValueError
        If the indicator is none of its choices, or as `cone_porosity` and `opened_voxels`.

    References
    ----------
    As of `nmcx.cones.cone_porosity`.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import chemomechanics as cm, comparison, cones, materials, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, shape=(28, 28, 28), voxel_size_um=0.4)
    >>> measured = cones.cone_porosity(
    ...     particle, cones.fibonacci_directions(50), np.deg2rad([30, 180]))
    >>> made = comparison.simulate_particle(
    ...     particle, seen, materials.NMC811, protocol=cm.Charge(1.0, until=0.8), n_grains=6,
    ...     size=2.0e-6, largest_layer=50e-9, states=1)
    >>> found = comparison.predicted_porosity(made.mesh, made.history, particle, measured)
    >>> found.porosity.shape, bool((found.porosity[:, 1] > 0).all())
    ((50, 2), True)
    """
    if indicator not in _INDICATORS:
        raise ValueError(f"indicator must be one of {', '.join(_INDICATORS)}, not {indicator!r}")
    thickness = history.opening if indicator == "opening" else history.damage * _DAMAGED
    whole = particle if imaged_pores else _without_pores(particle)
    cracked = cracked_particle(mesh, np.asarray(thickness[index], dtype=np.float64), whole)
    return cone_porosity(
        cracked, cones.directions, cones.half_angle, apex_um=cones.apex_um, soft=True,
        weight=cones.settings.get("weight", "volume"), threads=threads,
        radial_gate_um=cones.radial_gate_um,
    )  # fmt: skip


def body_of(particle: Particle, pores: str) -> Particle:
    """What is meshed of a particle.

    Raises
    ------
    ValueError
        If `pores` is neither "open" nor "closed".
    """
    if pores not in _PORES:
        raise ValueError(f"pores must be one of {', '.join(_PORES)}, not {pores!r}")
    return particle if pores == "open" else _without_pores(particle)


def _without_pores(particle: Particle) -> Particle:
    return Particle(
        particle.envelope, particle.envelope, particle.voxel_size_um, particle.centre_um
    )
