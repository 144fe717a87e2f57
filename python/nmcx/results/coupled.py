"""Lithium, stress and cracks of a particle over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmcx.results.base import Bool, Float, Int, Result, quantity


@dataclass(frozen=True)
class History(Result):
    """A polycrystal that is charged and cracks, at chosen times, time first.

    With two dimensions amounts and energies are per length.
    """

    times: Float = quantity("s", "time")  #: (n,) [s]
    concentration: Float = quantity("mol/m^3", "time node")  #: (n, n_node) [mol/m³]
    mean_concentration: Float = quantity("mol/m^3", "time")  #: (n,) over the volume [mol/m³]
    #: (n,) largest imbalance of lithium of any step so far, relative to C_max × volume [1]
    balance: Float = quantity("1", "time")
    potential: Float = quantity("V", "time")  #: (n,) electrode against lithium [V]
    current: Float = quantity("A", "time")  #: (n,) total, positive while lithium leaves [A]
    part: Int = quantity("1", "time")  #: (n,) number of the protocol's part
    stress: Float = quantity("Pa", "time cell voigt")  #: (n, m, 6) mean over each cell [Pa]
    damage: Float = quantity("1", "time interface")  #: (n, k) mean of each wall facet [1]
    opening: Float = quantity("m", "time interface")  #: (n, k) mean normal opening [m]
    #: (n, k) wall facets whose two sides react, because the electrolyte has come to them
    wetted: Bool = quantity("1", "time interface")
    reactive_area: Float = quantity("m^2", "time")  #: (n,) of the surface and wetted walls [m²]
    #: (n,) mean thickness of the passivation layer over the reactive area [m]
    layer_thickness: Float = quantity("m", "time")
    crack_porosity: Float = quantity("1", "time")  #: (n,) opened volume over that of the body [1]
    stored: Float = quantity("J", "time")  #: (n,) elastic energy, of walls too [J]
    dissipated: Float = quantity("J", "time")  #: (n,) spent by damage so far [J]
    released: Float = quantity("J", "time")  #: (n,) set free by jumps so far [J]
    supplied: Float = quantity("J", "time")  #: (n,) work of the lattice strain so far [J]
    n_step: int = quantity("1", default=0)  #: accepted time steps of lithium
    n_iteration: int = quantity("1", default=0)  #: of the searches for equilibrium
    #: goes from state to state: more than states where lithium and stress were iterated
    n_pass: int = quantity("1", default=0)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was computed
    notes: tuple[str, ...] = ()  #: what whoever uses it should know

    @property
    def lowest(self) -> Float:
        """(n,) smallest nodal concentration; never clipped [mol/m³]."""
        return np.asarray(np.min(self.concentration, axis=1))

    @property
    def highest(self) -> Float:
        """(n,) largest nodal concentration; never clipped [mol/m³]."""
        return np.asarray(np.max(self.concentration, axis=1))
