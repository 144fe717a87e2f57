"""A surface that reacts at one electrode potential: Butler–Volmer kinetics, layers, coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.demand import CutOff, ImpossibleDemand
from nmcx.chemomechanics.domain import Domain
from nmcx.chemomechanics.linear_drive import Solved
from nmcx.chemomechanics.potential_table import FARADAY, GAS_CONSTANT, N_ROW, potential_table
from nmcx.chemomechanics.stress_drive import Pull, StressOverTime
from nmcx.errors import ConvergenceError
from nmcx.materials import POTENTIAL_RANGE, Parameters, open_circuit_potential

_RUNAWAY = 1.0  # V beyond all equilibrium potentials: the surface cannot carry its current
_EXHAUSTED = 0.02  # of C_max from empty or full: what a failing surface is blamed for


@dataclass(frozen=True)
class ButlerVolmer:
    """Surface that reacts at one electrode potential, shared by all facets.

    i = i_0 (exp(α_a F η/RT) − exp(−α_c F η/RT)), η = φ − U(c), J·n_out = i/F, with the exchange
    current i_0 = k c_e^α_a (C_max − c)^α_a c^α_c; constants are those of the parameters. Behind a
    layer the reaction sees the concentration at the layer's outer face. In `diffuse` exactly one of
    `c_rate`, `current` and `potential` is given and held; in `cycle` none, the protocol does it.
    """

    c_rate: float | None = None  #: rate of change of the mean c / C_max, > 0: it falls [1/h]
    current: float | None = None  #: total, > 0 while lithium leaves [A]; in 2-D [A/m]
    potential: float | None = None  #: electrode against lithium [V]
    #: k = D_L / h of the layer, number or (s,) per surface facet [m/s]; infinite: no layer
    layer_conductance: ArrayLike = np.inf
    coverage: ArrayLike = 1.0  #: part of each facet that the layer covers, number or (s,)
    transfer_anodic: float = 0.5  #: α_a [1]
    transfer_cathodic: float = 0.5  #: α_c [1]
    where: ArrayLike | None = None  #: (s,) facets that react; None: all


class ElectrodeDrive:
    """Butler–Volmer kinetics on (part of) the surface; the rest is closed."""

    def __init__(self, domain: Domain, parameters: Parameters, kinetics: ButlerVolmer) -> None:
        self.domain = domain
        self._facets = np.flatnonzero(domain.facets_of(kinetics.where))
        d = domain.surface_unknowns.shape[1]
        conductance = domain.on_facets(
            kinetics.layer_conductance, "layer_conductance", infinite=True
        )
        coverage = domain.on_facets(kinetics.coverage, "coverage")
        self._unknown = np.ascontiguousarray(domain.surface_unknowns[self._facets].ravel())
        self._conductance = np.repeat(conductance[self._facets], d)
        self._full = parameters.max_concentration
        self._potential = parameters.open_circuit_potential
        self._node = domain.mesh.surface[self._facets].ravel()
        self._thermal = GAS_CONSTANT * parameters.temperature / FARADAY
        self._shift, self._relief = np.zeros(self._unknown.size), np.zeros(self._unknown.size)
        self._table, slope = potential_table(parameters)
        self._electrode = _core.Electrode(
            self._unknown,
            np.ascontiguousarray(domain.corner_area[self._facets].ravel()),
            self._conductance,
            np.repeat(coverage[self._facets], d),
            self._shift,
            self._relief,
            self._table,
            slope,
            self._full,
            parameters.exchange_current_prefactor
            * parameters.electrolyte_concentration**kinetics.transfer_anodic,
            kinetics.transfer_anodic,
            kinetics.transfer_cathodic,
            1.0 / self._thermal,
        )
        self._none = np.zeros(domain.size)
        self._all_free = np.full(domain.size, np.nan)
        self._reached = (1.0, 0.0)  # lowest and highest c / C_max that the kinetics saw
        self.stress: StressOverTime | None = None  #: what drives lithium beside its own gradient
        self.cutoff: tuple[float, int] | None = None  # potential [V], and its sense of passing
        self.least_current: float | None = None  # |current| [A] that ends a held potential

    def hold_current(self, current: float) -> None:
        """Hold the total current [A], positive while lithium leaves."""
        self._electrode.current_is_given, self._electrode.current = True, current

    def hold_potential(self, potential: float) -> None:
        """Hold the potential of the electrode against lithium [V]."""
        self._electrode.current_is_given, self._electrode.potential = False, potential

    def remember(self, before: ElectrodeDrive) -> None:
        """Take over what the one before it has seen."""
        self._reached = before._reached

    def to_arrays(self) -> dict[str, Any]:
        """What it has seen; what is demanded of it is for the protocol to say."""
        low, high = self._reached
        return {"potential": self._electrode.potential, "lowest": low, "highest": high}

    def take_up(self, arrays: Mapping[str, Any]) -> None:
        """Go on like the one whose arrays these are."""
        self._electrode.potential = arrays["potential"]
        self._reached = arrays["lowest"], arrays["highest"]

    @property
    def is_free(self) -> NDArray[np.bool_]:
        """(n,) all of them."""
        return np.ones(self.domain.size, dtype=bool)

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever uses the results should know."""
        low, high = self._reached
        first, last = POTENTIAL_RANGE
        if self._potential is not open_circuit_potential or (low >= first and high <= last):
            return ()
        return (
            f"The reacting surface went through c / C_max = {low:.3g} … {high:.3g}; the "
            f"open-circuit potential was fitted on {first:g} … {last:g} and is extrapolated "
            "beyond.",
        )

    def spread(self) -> tuple[float, float, float]:
        """No known concentrations; inflow [mol/s] that the current brings, or all of the range."""
        if self._electrode.current_is_given:
            return np.inf, -np.inf, -self._electrode.current / FARADAY
        return 0.0, self._full, 0.0

    def idle(self, concentration: Doubles) -> Solved:
        """A state that nothing is known of but its concentration."""
        return Solved(concentration, np.nan, 0, np.full(self.domain.n_facet, np.nan))

    def initial(self, concentration: Doubles) -> Solved:
        """Potential and fluxes that hold at the start, before anything has moved."""
        if self.stress is not None:
            self._set_surface(self.stress.first)
        if self._electrode.current_is_given:
            middle = concentration[self._unknown].mean() / self._full
            self._electrode.potential = float(
                np.interp(middle, np.linspace(0.0, 1.0, N_ROW), self._table)
            )
        try:
            result = _core.electrode_potential(self._electrode, np.ascontiguousarray(concentration))
        except ConvergenceError:
            return self._out_of_reach(concentration)
        return self._solved(result, concentration)

    def _out_of_reach(self, concentration: Doubles) -> Solved:
        """What `check` refuses: the current as if every facet carried its share."""
        current = self._electrode.current
        area = self.domain.surface_area[self._facets]
        flux = np.zeros(self.domain.n_facet)
        flux[self._facets] = current / FARADAY / area.sum()
        return Solved(concentration, np.nan, 0, flux, np.copysign(np.inf, current), current)

    def solve(self, time: float, rate: float, history: Doubles, guess: Doubles) -> Solved:
        """Take the implicit step `rate` M c − M history = … that ends at a time."""
        options = self.domain.solver
        load = self._none if self.stress is None else self._driven(self.stress, time, guess)
        result = self.domain.kernel.electrode_step(
            rate,
            history,
            load,
            self._none,
            self._all_free,
            guess,
            self._electrode,
            options.tolerance,
            options.max_iterations,
            options.threads,
        )
        return self._solved(result, result.concentration)

    def _driven(self, stress: StressOverTime, time: float, guess: Doubles) -> Doubles:
        """(n,) what stress brings to each unknown [mol/s]; kernel and surface are set to it."""
        now = stress.at(time)
        self._set_surface(now)
        return self.domain.kernel.drive_by_stress(
            guess, stress.mobility, now.relief, now.pull, self._full, self.domain.solver.threads
        )

    def _set_surface(self, now: Pull) -> None:
        # The electrode sees these arrays, so they are filled, not replaced.
        self._shift[:] = self._thermal * now.at_nodes[self._node]
        self._relief[:] = self._thermal / self._full * now.relief_at_nodes[self._node]

    def _solved(self, result: _core.ElectrodeResult, concentration: Doubles) -> Solved:
        if self._electrode.current_is_given:
            self._electrode.potential = result.potential  # where the next solution starts
        seen = (concentration[self._unknown] - result.flux / self._conductance) / self._full
        self._reached = (
            min(self._reached[0], float(seen.min())),
            max(self._reached[1], float(seen.max())),
        )
        flux = np.zeros(self.domain.n_facet)
        flux[self._facets] = result.flux.reshape(len(self._facets), -1).mean(axis=1)
        return Solved(
            concentration,
            result.inflow,
            result.iterations,
            flux,
            potential=result.potential,
            current=result.current,
        )

    def check(self, time: float, solved: Solved) -> None:
        """Refuse a current that the surface can no longer carry; stop at the cut-off potential.

        Raises
        ------
        ImpossibleDemand
            If the potential has left every equilibrium by more than a volt.
        CutOff
            If the potential has passed the cut-off.
        """
        if not self._electrode.current_is_given:
            if self.least_current is not None and abs(solved.current) < self.least_current:
                raise CutOff
            return
        low, high = float(self._table.min()), float(self._table.max())
        if not low - _RUNAWAY <= solved.potential <= high + _RUNAWAY:
            raise self._worst(time, solved)
        if self.cutoff is not None:
            potential, sense = self.cutoff
            if sense * (solved.potential - potential) > 0:
                raise CutOff

    def blame(self, time: float, solved: Solved) -> ImpossibleDemand | None:
        """The facet that is nearest to empty or full, if a failure may be its doing."""
        worst = self._worst(time, solved)
        room = min(abs(worst.concentration), abs(self._full - worst.concentration))
        return worst if room < _EXHAUSTED * self._full else None

    def _worst(self, time: float, solved: Solved) -> ImpossibleDemand:
        outer = self._outer(solved).reshape(len(self._facets), -1).mean(axis=1)
        worst = int(np.argmin(outer) if solved.current > 0 else np.argmax(outer))
        facet = int(self._facets[worst])
        return ImpossibleDemand(
            f"a current of {solved.current:.4g} A cannot go on: ",
            time=time,
            facet=facet,
            position=self.domain.facet_centre(facet),
            concentration=float(outer[worst]),
            limit=self._full,
        )

    def _outer(self, solved: Solved) -> Doubles:
        """(p,) concentration that the reaction sees where a layer covers, from its facet's flux."""
        flux = np.repeat(solved.surface_flux[self._facets], self._unknown.size // len(self._facets))
        return np.asarray(solved.concentration[self._unknown] - flux / self._conductance)


def one_c(domain: Domain) -> float:
    """Current that changes the mean c / C_max by 1 in an hour [A]; in two dimensions [A/m]."""
    return FARADAY * domain.max_concentration * domain.volume / 3600.0
