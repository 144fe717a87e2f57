"""What a simulation gave, and how it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import chemomechanics, mesh
from nmcx.chemomechanics.crack_networks import DAMAGED, wall_shares
from nmcx.errors import ConvergenceError
from nmcx.progress import duration
from nmcx.results import History, Mesh, TransportHistory


@dataclass(frozen=True)
class Simulated:
    """A polycrystal, what became of it, and what both were made from."""

    grains: Mesh
    history: TransportHistory | History
    max_concentration: float  #: C_max [mol/m³]

    @property
    def content(self) -> Any:
        """(n,) mean c / C_max [1]."""
        return self.history.mean_concentration / self.max_concentration


@dataclass(frozen=True)
class SimulationJob:
    """What `simulate` made and where it lies."""

    folder: Path  #: holds history.vtkhdf, mesh.vtu, state_of_charge.csv, pictures and more
    mesh: Mesh  #: the polycrystal
    history: TransportHistory | History  #: its lithium; with [fracture] its stress and cracks too
    max_concentration: float  #: C_max [mol/m³]
    seconds: float  #: wall time [s]

    def summary(self) -> list[str]:
        """The main numbers in words, one line each."""
        return describe(Simulated(self.mesh, self.history, self.max_concentration))


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
    n_rejected = history.n_rejected if isinstance(history, TransportHistory) else 0
    again = f" ({n_rejected} done again with a shorter one)" if n_rejected else ""
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
    return lines + (_cracks(made.grains, history) if isinstance(history, History) else [])


def _cracks(grains: Mesh, history: History) -> list[str]:
    """What has come of the walls, in words."""
    damaged, filled = (100.0 * float(share[-1]) for share in wall_shares(grains, history))
    grown = float(history.reactive_area[-1] / grains.surface_area.sum())
    unit = "J" if grains.dimension == 3 else "J/m"
    return [
        f"cracks at the end: {damaged:.3g} % of the walls damaged by {DAMAGED:g} or more, "
        f"{filled:.3g} % filled; {grown:.3g} times the outer surface reacts; crack porosity "
        f"{100.0 * float(history.crack_porosity[-1]):.3g} %",
        f"energy: {float(history.stored[-1]):.3g} {unit} stored, "
        f"{float(history.dissipated[-1]):.3g} dissipated, {float(history.released[-1]):.3g} "
        f"released by jumps; {history.n_iteration} iterations for equilibrium",
    ]


def told(failure: ConvergenceError, made: Simulated) -> str:
    """What stopped a simulation, with time and place.

    Parameters
    ----------
    failure : TransportFailure or SimulationFailure
    made : Simulated
        The states up to then.

    Returns
    -------
    str
    """
    cause = failure.__cause__ or failure
    if isinstance(cause, chemomechanics.ImpossibleDemand | chemomechanics.FractureFailure):
        return str(failure)
    share = made.history.concentration[-1] / made.max_concentration
    node = int(np.argmin(np.minimum(share, 1.0 - share)))
    place = ", ".join(f"{1e6 * x:.3g}" for x in made.grains.points[node])
    return f"{failure}; nearest to empty or full is ({place}) µm with x = {share[node]:.3g}"
