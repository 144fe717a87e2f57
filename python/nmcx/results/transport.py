"""Lithium in a polycrystal over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmcx.results.base import Float, Int, Result, quantity


@dataclass(frozen=True)
class TransportHistory(Result):
    """Concentration of lithium in a mesh at chosen times, time first.

    With two dimensions amounts are per length: mol/m, A/m.
    """

    times: Float = quantity("s", "time")  #: (n,) [s]
    concentration: Float = quantity("mol/m^3", "time node")  #: (n, n_node) [mol/m³]
    mean_concentration: Float = quantity("mol/m^3", "time")  #: (n,) over the volume [mol/m³]
    #: (n,) largest imbalance of any step so far: lithium held − lithium at the start − lithium that
    #: came in, relative to C_max × volume [1]
    balance: Float = quantity("1", "time")
    #: (n, s) outward flux J·n through each facet of the surface [mol/m²/s]
    surface_flux: Float = quantity("mol/m^2/s", "time facet")
    lowest: Float = quantity("mol/m^3", "time")  #: (n,) smallest nodal value; never clipped
    highest: Float = quantity("mol/m^3", "time")  #: (n,) largest nodal value; never clipped
    #: (n,) electrode against lithium [V]; NaN without Butler–Volmer kinetics
    potential: Float = quantity("V", "time", default=None)
    #: (n,) total current [A], positive while lithium leaves; NaN without Butler–Volmer kinetics
    current: Float = quantity("A", "time", default=None)
    part: Int = quantity("1", "time", default=None)  #: (n,) number of the protocol's part
    n_step: int = quantity("1", default=0)  #: accepted time steps
    n_rejected: int = quantity("1", default=0)  #: steps done again with a shorter one
    n_iteration: int = quantity("1", default=0)  #: of the linear solver, 0 if it is direct
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was computed
    notes: tuple[str, ...] = ()  #: what whoever uses it should know
