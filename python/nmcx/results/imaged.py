"""The imaged particle in the model, and the model beside the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results.base import Bool, Float, Result, quantity
from nmcx.results.structure import AngleScan


@dataclass(frozen=True)
class LayerMap(Result):
    """Passivation layer of each surface facet of a mesh, from a map of ξ, and how sure it is."""

    thickness: Float = quantity("m", "facet")  #: (s,) at the most likely ξ [m]
    draws: Float = quantity("m", "draw facet")  #: (n_draw, s) layers as likely as each other [m]
    is_seen: Bool = quantity("1", "facet")  #: (s,) whether the map shows the facet
    xi: Float = quantity("1", "facet")  #: (s,) most likely ξ
    xi_std: Float = quantity("1", "facet")  #: (s,) its standard deviation
    xi_bare: float = quantity("1")  #: ξ from which on there is no layer
    xi_thickest: float = quantity("1")  #: ξ down from which the layer is thickest
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was made

    def conductance(self, diffusivity: float, draw: int | None = None) -> NDArray[np.float64]:
        """(s,) D_L / h [m/s] of the most likely layer, or of a draw; infinite where there is none.

        Raises
        ------
        ValueError
            If the diffusivity [m²/s] is not positive and finite.
        """
        if not 0.0 < diffusivity < np.inf:
            raise ValueError(f"diffusivity must be positive and finite, not {diffusivity}")
        h = np.asarray(self.thickness if draw is None else self.draws[draw], dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.asarray(diffusivity / h)


@dataclass(frozen=True)
class Comparison(Result):
    """Correlation of ξ and porosity against opening angle: measured, and in simulated particles.

    Members have grains of their own and a layer that agrees with the map of ξ. Turned members have
    been simulated with the map laid elsewhere, and correlated with the map as measured: what the
    same statistic gives if the layer has nothing to do with the place of the cracks.
    """

    half_angle: Float = quantity("rad", "angle")  #: (n_angle,) [rad]
    measured: AngleScan = quantity("")  #: of the experiment
    predicted: Float = quantity("1", "member angle")  #: (n_member, n_angle) r of each member
    turned: Float = quantity("1", "turned angle")  #: (n_turned, n_angle) r of each turned member
    predicted_band: Float = quantity("1", "angle bound")  #: (n_angle, 2) 95 % of the members
    turned_band: Float = quantity("1", "angle bound")  #: (n_angle, 2) 95 % of the turned members
    mean_porosity: AngleScan = quantity("")  #: of the members' mean porosity, with the map
    p_effect: float = quantity("1")  #: that members and turned members differ by chance alone
    p_model: float = quantity("1")  #: that the measured curve is one of the members'
    p_turned: float = quantity("1")  #: that it is one of the turned members'
    verdict: str = ""  #: what that says, in words
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was computed
    notes: tuple[str, ...] = ()  #: what whoever uses it should know


@dataclass(frozen=True)
class Contributions(Result):
    """What each coupling does to a simulated particle: its end with each switched off in turn."""

    #: (n,) name of the field of `nmcx.chemomechanics.Coupling`; first "", with all of them
    switched_off: tuple[str, ...] = quantity("")
    time: Float = quantity("s", "run")  #: (n,) at the end [s]; all below NaN where it did not end
    potential: Float = quantity("V", "run")  #: (n,) against lithium [V]
    content: Float = quantity("1", "run")  #: (n,) mean c / C_max [1]
    content_spread: Float = quantity("1", "run")  #: (n,) largest less smallest c / C_max [1]
    damaged: Float = quantity("1", "run")  #: (n,) share of the walls damaged by 0.95 or more [1]
    wetted: Float = quantity("1", "run")  #: (n,) share of the walls that electrolyte has filled [1]
    crack_porosity: Float = quantity("1", "run")  #: (n,) opened volume over that of the body [1]
    reactive_area: Float = quantity("m^2", "run")  #: (n,) of surface and filled walls [m²]
    dissipated: Float = quantity("J", "run")  #: (n,) spent by damage [J]
    half_angle: Float = quantity("rad", "angle")  #: (n_angle,) [rad]
    #: (n, n_angle) correlation of ξ with the porosity of cones, as in `Comparison`
    pearson: Float = quantity("1", "run angle")
    notes: tuple[str, ...] = ()  #: which did not end, and why
