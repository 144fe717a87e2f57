"""Surface conditions that are linear in the concentration, as the kernel takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Condition, Doubles, Flux, Robin
from nmcx.chemomechanics.demand import ImpossibleDemand
from nmcx.chemomechanics.domain import Domain


@dataclass(frozen=True)
class Solved:
    """Outcome of one implicit step."""

    concentration: Doubles  #: (n,) per unknown
    inflow: float  #: at the end of the step [mol/s]
    iterations: int
    surface_flux: Doubles  #: (s,) outward [mol/m²/s]
    potential: float = np.nan  #: [V]
    current: float = np.nan  #: [A]


class LinearDrive:
    """Dirichlet, flux and Robin conditions on parts of the surface; the rest is closed."""

    def __init__(self, domain: Domain, conditions: Sequence[Condition]) -> None:
        self.domain = domain
        n, n_facet = domain.size, domain.n_facet
        self.load, self.exchange = np.zeros(n), np.zeros(n)
        self.fixed = np.full(n, np.nan)
        self._density = np.zeros(n_facet)
        self._layer = np.full(n_facet, np.inf)
        self._coefficient, self._outside = np.zeros(n_facet), np.zeros(n_facet)
        self._held = np.zeros(n_facet, dtype=bool)
        taken = np.zeros(n_facet, dtype=bool)
        for each in conditions:
            where = domain.facets_of(each.where)
            if (taken & where).any():
                facet = int(np.flatnonzero(taken & where)[0])
                raise ValueError(f"boundary gives two conditions for surface facet {facet}")
            taken |= where
            self._add(each, where)
        area = domain.corner_area
        self.load = domain.gather(
            area * (self._coefficient * self._outside - self._density)[:, None]
        )
        self.exchange = domain.gather(area * self._coefficient[:, None])
        self._held_area = domain.gather(area * self._held[:, None])

    def _add(self, each: Condition, where: NDArray[np.bool_]) -> None:
        domain = self.domain
        if isinstance(each, Flux):
            self._density[where] = domain.on_facets(each.density, "density")[where]
            layer = domain.on_facets(each.layer_conductance, "layer_conductance", infinite=True)[
                where
            ]
            if not (layer > 0).all():
                raise ValueError("layer_conductance must be positive; infinite without a layer")
            self._layer[where] = layer
            return
        outside = domain.on_facets(each.concentration, "concentration")
        limit = domain.max_concentration
        if not ((outside >= 0) & (outside <= limit))[where].all():
            raise ValueError(
                f"concentration of {type(each).__name__} must be between 0 and max_concentration, "
                f"{limit:g} mol/m³"
            )
        if isinstance(each, Robin):
            coefficient = domain.on_facets(each.coefficient, "coefficient")
            if not (coefficient[where] >= 0).all():
                raise ValueError("coefficient must be 0 or more; infinite means Dirichlet")
            self._coefficient[where], self._outside[where] = coefficient[where], outside[where]
            return
        self._held |= where
        weight = domain.corner_area * where[:, None]
        held = domain.gather(weight)
        at = held > 0
        self.fixed[at] = domain.gather(weight * outside[:, None])[at] / held[at]

    @property
    def is_free(self) -> NDArray[np.bool_]:
        """(n,) unknowns that are not held."""
        return np.asarray(np.isnan(self.fixed))

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing to know beyond the settings."""
        return ()

    def spread(self) -> tuple[float, float, float]:
        """Lowest and highest concentration that the surface knows, and its given inflow [mol/s]."""
        known = np.concatenate([self.fixed[~self.is_free], self._outside[self._coefficient > 0]])
        low, high = (known.min(), known.max()) if known.size else (np.inf, -np.inf)
        return float(low), float(high), -float(self._density @ self.domain.surface_area)

    def solve(self, time: float, rate: float, history: Doubles, guess: Doubles) -> Solved:
        """Take the implicit step `rate` M c − M history = … that ends at a time."""
        options = self.domain.solver
        result = self.domain.kernel.step(
            rate,
            history,
            self.load,
            self.exchange,
            self.fixed,
            guess,
            options.tolerance,
            options.max_iterations,
            options.threads,
        )
        return Solved(
            result.concentration,
            result.inflow,
            result.iterations,
            self.surface_flux(result.concentration, result.reaction),
        )

    def surface_flux(self, concentration: Doubles, reaction: Doubles) -> Doubles:
        """(s,) outward flux [mol/m²/s]; through held facets that of their nodes' reactions."""
        at = self.domain.at_facets(concentration)
        flux = self._density + self._coefficient * (at - self._outside)
        if self._held.any():
            area = np.where(self._held_area > 0, self._held_area, 1.0)
            flux[self._held] = self.domain.at_facets(-reaction / area)[self._held]
        return np.asarray(flux)

    def initial(self, concentration: Doubles) -> Solved:
        """What holds at the start: nothing has reacted yet at held nodes."""
        flux = self.surface_flux(concentration, np.zeros(self.domain.size))
        flux[self._held] = np.nan
        return Solved(concentration, np.nan, 0, flux)

    def check(self, time: float, solved: Solved) -> None:
        """Refuse a flux that asks a facet for lithium it has not, or for room that is taken.

        Raises
        ------
        ImpossibleDemand
            With the facet that is worst off.
        """
        asked = self._density != 0
        if not asked.any():
            return
        limit = self.domain.max_concentration
        at_corner = solved.concentration[self.domain.surface_unknowns]
        outer = at_corner - (self._density / self._layer)[:, None]
        # A millionth of the range is rounding and what the iterative solver leaves.
        lacking = np.where(self._density > 0, -outer.min(axis=1), outer.max(axis=1) - limit) * asked
        facet = int(np.argmax(lacking))
        if lacking[facet] <= 1e-6 * limit:
            return
        outer_value = outer[facet].min() if self._density[facet] > 0 else outer[facet].max()
        raise ImpossibleDemand(
            f"a flux of {self._density[facet]:.4g} mol/m²/s cannot go on: ",
            time=time,
            facet=facet,
            position=self.domain.facet_centre(facet),
            concentration=float(outer_value),
            limit=limit,
        )

    def blame(self, time: float, solved: Solved) -> ImpossibleDemand | None:
        """Nothing to blame: `check` has seen it before anything fails."""
        return None
