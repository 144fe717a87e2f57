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
    #: (n, s) that on each facet of the outer surface, NaN where it does not react [m]
    surface_layer: Float = quantity("m", "time facet")
    #: (n, k) that on either side of each wall facet, NaN where none has been wetted [m]
    wall_layer: Float = quantity("m", "time interface")
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


@dataclass(frozen=True)
class CycleTable(Result):
    """A cycled particle cycle by cycle, and what the growth of its layer would show.

    The first row is the start, before any cycle; the others are states at the end of a cycle.
    """

    cycle: Int = quantity("1", "cycle")  #: (n,) 0 at the start
    times: Float = quantity("s", "cycle")  #: (n,) [s]
    surface_layer: Float = quantity("m", "cycle")  #: (n,) mean thickness on the outer surface [m]
    #: (n,) mean thickness on the sides of wetted walls, NaN without any [m]
    wall_layer: Float = quantity("m", "cycle")
    #: (n,) h / D_L, mean over all that reacts: to lithium on its way in or out [s/m]
    resistance: Float = quantity("s/m", "cycle")
    capacity: Float = quantity("1", "cycle")  #: (n,) highest less lowest mean c / C_max in a cycle
    charged: Float = quantity("1", "cycle")  #: (n,) lowest mean c / C_max in a cycle
    discharged: Float = quantity("1", "cycle")  #: (n,) highest mean c / C_max in a cycle
    damage: Float = quantity("1", "cycle")  #: (n,) mean over the area of the walls
    reactive_area: Float = quantity("m^2", "cycle")  #: (n,) surface and wetted walls [m²]
    #: (n,) change of the mean ξ of the outer surface since `since`; NaN without a map
    xi_change: Float = quantity("1", "cycle")
    xi_change_std: Float = quantity("1", "cycle")  #: (n,) from the error of the map
    #: (n,) 1 - A / A(`since`) of the O K pre-edge area A by electron yield
    suppression: Float = quantity("1", "cycle")
    #: (n, 2) least and largest over the probing depths
    suppression_range: Float = quantity("1", "cycle bound")
    since: int = quantity("1", default=1)  #: cycle with which ξ and pre-edge are compared
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was computed
    notes: tuple[str, ...] = ()  #: what whoever uses it should know
