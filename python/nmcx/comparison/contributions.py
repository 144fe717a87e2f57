"""What each coupling of cracks, stress and lithium contributes to a simulated particle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics import Coupling, SimulationFailure, simulate
from nmcx.chemomechanics.crack_networks import wall_shares
from nmcx.comparison.layers import layered_surface
from nmcx.comparison.members import Part, SimulatedParticle, body_of, predicted_porosity
from nmcx.comparison.statistic import Statistic
from nmcx.io._atomic import made_folder
from nmcx.materials import Parameters
from nmcx.results import (
    AngleScan,
    ConePorosity,
    Contributions,
    History,
    Mesh,
    Particle,
    SurfaceValues,
)

_Float = NDArray[np.float64]

#: Values that switch a coupling off.
_OFF: dict[str, Any] = {
    "stress_drive": "none",
    "cracks_resist": False,
    "wetting": False,
    "layer_growth": 0.0,
}


def coupling_contributions(
    made: SimulatedParticle,
    particle: Particle,
    surface_values: SurfaceValues,
    cones: ConePorosity,
    parameters: Parameters,
    *,
    protocol: Part | Sequence[Part],
    pores: str = "open",
    coupling: Coupling | None = None,
    initial: float | None = None,
    states: int = 10,
    eigenstrain: str = "table",
    tolerance: float = 5e-3,
    max_step: float = 0.2,
    stress_tolerance: float = 5e-3,
    indicator: str = "opening",
    imaged_pores: bool = False,
    measured: AngleScan | None = None,
    threads: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
    checkpoint: str | PathLike[str] | None = None,
) -> Contributions:
    """Simulate a particle again with each coupling switched off in turn.

    Grains, orientations and layer stay; only the coupling differs. What is off already is not
    among them.

    Parameters
    ----------
    made : SimulatedParticle
        From `simulate_particle` with the same arguments.
    particle, surface_values, cones
        As measured, see `compare`.
    parameters, protocol, pores, coupling, initial, states
        See `simulate_particle`; `initial` [mol/m³].
    eigenstrain, tolerance, max_step, stress_tolerance
        See `simulate_particle`.
    indicator, imaged_pores
        See `predicted_porosity`.
    measured
        See `compare`: it gives the options of the correlation.
    threads : int
        0: all cores.
    progress : callable, optional
        Called as ``progress(done, total, label)`` before each simulation and at the end.
    checkpoint : path-like, optional
        Folder in which each simulation keeps its states, see `nmcx.chemomechanics.simulate`.

    Returns
    -------
    Contributions
        The ends, that of `made` first, and r at each opening angle [1]. One that could not go on
        is NaN, and said in the notes.

    Raises
    ------
    ValueError
        If every coupling is off, or as `simulate_particle`.
    nmcx.errors.OutputError
        If the checkpoint cannot be written.

    References
    ----------
    Our choice of figures.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import chemomechanics as cm, comparison, cones, materials, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, shape=(28, 28, 28), voxel_size_um=0.4)
    >>> porosity = cones.cone_porosity(particle, cones.fibonacci_directions(200), [0.5])
    >>> options = {"protocol": cm.Charge(1.0, until=0.9), "states": 1}
    >>> made = comparison.simulate_particle(
    ...     particle, seen, materials.NMC811, n_grains=6, size=2.0e-6, largest_layer=50e-9,
    ...     **options)
    >>> found = comparison.coupling_contributions(
    ...     made, particle, seen, porosity, materials.NMC811, **options)
    >>> found.switched_off
    ('', 'stress_drive', 'cracks_resist', 'wetting')
    """
    asked = coupling or Coupling()
    on = [name for name, off in _OFF.items() if getattr(asked, name) != off]
    if not on:
        raise ValueError("coupling has nothing that could be switched off")
    surface = layered_surface(made.layer, body_of(particle, pores), made.mesh, parameters, draw=0)
    statistic = Statistic(surface_values, cones, measured)

    def porosity(history: History) -> _Float:
        predicted = predicted_porosity(
            made.mesh, history, particle, cones, indicator=indicator, imaged_pores=imaged_pores,
            threads=threads,
        )  # fmt: skip
        return np.asarray(predicted.porosity, dtype=np.float64)

    ends, notes = [_end(made.mesh, made.history, parameters)], []
    curves = [statistic.curve(porosity(made.history))]
    for i, name in enumerate(on):
        if progress is not None:
            progress(i, len(on), f"without {name}")
        try:
            history = simulate(
                made.mesh, parameters, protocol=protocol, surface=surface,
                coupling=replace(asked, **{name: _OFF[name]}), initial=initial, states=states,
                eigenstrain=eigenstrain, tolerance=tolerance, max_step=max_step,
                stress_tolerance=stress_tolerance, threads=threads,
                checkpoint=None if checkpoint is None else made_folder(checkpoint) / name,
            )  # fmt: skip
        except SimulationFailure as failure:
            notes.append(f"without {name}: {failure}")
            ends.append(dict.fromkeys(ends[0], float("nan")))
            curves.append(np.full(len(cones.half_angle), np.nan))
            continue
        ends.append(_end(made.mesh, history, parameters))
        curves.append(statistic.curve(porosity(history)))
    if progress is not None:
        progress(len(on), len(on), "couplings")
    return Contributions(
        switched_off=("", *on),
        **{name: np.array([end[name] for end in ends]) for name in ends[0]},
        half_angle=np.asarray(cones.half_angle, dtype=np.float64),
        pearson=np.array(curves),
        notes=tuple(notes),
    )


def _end(mesh: Mesh, history: History, parameters: Parameters) -> dict[str, float]:
    """The figures of the last state."""
    c_max = parameters.max_concentration
    damaged, wetted = (float(share[-1]) for share in wall_shares(mesh, history))
    return {
        "time": float(history.times[-1]),
        "potential": float(history.potential[-1]),
        "content": float(history.mean_concentration[-1]) / c_max,
        "content_spread": float(history.highest[-1] - history.lowest[-1]) / c_max,
        "damaged": damaged,
        "wetted": wetted,
        "crack_porosity": float(history.crack_porosity[-1]),
        "reactive_area": float(history.reactive_area[-1]),
        "dissipated": float(history.dissipated[-1]),
    }
