"""Steps in time: backward Euler and BDF2 of variable step, by the error of each step.

With ω = Δt_n / Δt_{n-1} (variable-step BDF2, e.g. Hairer, Nørsett, Wanner, Solving Ordinary
Differential Equations I, III.5):

    (1 + 2ω)/(1 + ω) c^{n+1} − (1 + ω) c^n + ω²/(1 + ω) c^{n−1} = Δt_n f(c^{n+1}).

The error of a step is read from its distance to the polynomial through the states before it: both
err by known multiples of the same derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.demand import CutOff, ImpossibleDemand, TransportFailure
from nmcx.chemomechanics.domain import Domain
from nmcx.chemomechanics.linear_drive import Solved
from nmcx.errors import ConvergenceError
from nmcx.io.arrays import into, within

_GROWTH = 2.0  # BDF2 is zero-stable for ratios below 1 + √2
_WORTHWHILE = 1.2  # a smaller gain would only cost a new factorisation
_SAFETY = 0.8
_SHORTEST = 1e-12  # of the whole interval
_MOMENT = 1e-3  # of the whole interval: how well the time of an impossible demand is found
# What a stepper has reached, beside its states.
_KEPT = ("unwatched", "_increment", "_held_at_start", "n_step", "n_rejected", "n_iteration")


class Drive(Protocol):
    """What the surface does during a step."""

    @property
    def is_free(self) -> NDArray[np.bool_]:
        """(n,) unknowns that are not held."""

    def initial(self, concentration: Doubles) -> Solved:
        """What holds at the start, before anything has moved."""

    def solve(self, time: float, rate: float, history: Doubles, guess: Doubles) -> Solved:
        """Take the implicit step `rate` M c − M history = … that ends at a time."""

    def check(self, time: float, solved: Solved) -> None:
        """Refuse a state that cannot be."""

    def blame(self, time: float, solved: Solved) -> ImpossibleDemand | None:
        """What in this state may have made the next step fail."""


@dataclass(frozen=True)
class StepControl:
    """How long a step may be."""

    error: float  #: largest error of a step at any unknown [mol/m³]
    max_change: float = np.inf  #: largest change of any free unknown in a step [mol/m³]
    first: float | None = None  #: first step after a start [s]; None: a ten-thousandth of the whole
    fixed: float | None = None  #: all steps alike, whatever their error [s]
    order: int = 2  #: 2: BDF2 after a first step of backward Euler; 1: backward Euler

    def to_arrays(self) -> dict[str, Any]:
        """What is given of it, by the names of its fields."""
        return {name: each for name, each in vars(self).items() if each is not None}


@dataclass(frozen=True)
class State:
    """Where the solution is."""

    time: float  #: [s]
    solved: Solved
    supplied: float  #: came in since the start, by the scheme's own quadrature [mol]
    imbalance: float  #: held − held at the start − supplied, relative to C_max V [1]

    @property
    def concentration(self) -> Doubles:
        """(n,) per unknown [mol/m³]."""
        return self.solved.concentration

    def to_arrays(self) -> dict[str, Any]:
        """Its numbers by name, for `from_arrays`."""
        numbers = {"time": self.time, "supplied": self.supplied, "imbalance": self.imbalance}
        return numbers | into("solved", vars(self.solved))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> State:
        """The same state."""
        solved = Solved(**within(arrays, "solved"))
        return cls(arrays["time"], solved, arrays["supplied"], arrays["imbalance"])


class Stepper:
    """Goes from state to state; a new one is made after every event, which starts with Euler."""

    def __init__(
        self,
        domain: Domain,
        drive: Drive,
        state: State,
        control: StepControl,
        unwatched: NDArray[np.bool_] | None = None,
    ) -> None:
        self.domain, self.drive, self.control = domain, drive, control
        #: (n,) unknowns whose errors shorten no step, beside those that are held
        self.unwatched = np.zeros(domain.size, dtype=bool) if unwatched is None else unwatched
        self.state = state
        self._past = [state]  # newest first
        self._increment = 0.0  # of the supply in the last step [mol]
        self._wanted: float | None = None
        self._held_at_start = float(domain.mass @ state.concentration) - state.supplied
        self._scale = domain.max_concentration * domain.volume
        self.n_step = self.n_rejected = self.n_iteration = 0

    @property
    def last_step(self) -> float | None:
        """Length of the last step [s]."""
        return self._past[0].time - self._past[1].time if len(self._past) > 1 else None

    def to_arrays(self) -> dict[str, Any]:
        """All that its next steps depend on, but domain and drive."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _KEPT}
        if self._wanted is not None:
            arrays["_wanted"] = self._wanted
        arrays |= into("control", self.control.to_arrays())
        for i, state in enumerate(self._past):
            arrays |= into(f"past/{i}", state.to_arrays())
        return arrays

    @classmethod
    def from_arrays(cls, domain: Domain, drive: Drive, arrays: Mapping[str, Any]) -> Stepper:
        """One that goes on like that whose arrays these are, to the bit."""
        n_past = len({name.split("/")[1] for name in arrays if name.startswith("past/")})
        past = [State.from_arrays(within(arrays, f"past/{i}")) for i in range(n_past)]
        stepper = cls(domain, drive, past[0], StepControl(**within(arrays, "control")))
        stepper._past = past
        stepper._wanted = arrays.get("_wanted")
        for name in _KEPT:
            setattr(stepper, name, arrays[name])
        return stepper

    def until(self, end: float) -> Iterator[State]:
        """States up to and including `end`, which the last step hits exactly."""
        whole = end - self.state.time
        wanted = self._wanted or self.control.fixed or self.control.first or 1e-4 * whole
        while self.state.time < end:
            left = end - self.state.time
            dt = wanted
            if dt >= left * (1.0 - 1e-6):
                dt = left
            elif self.control.fixed is None and dt > 0.5 * left:
                dt = 0.5 * left  # two alike rather than a long one and a splinter
            try:
                state, increment, factor = self._attempt(
                    dt, end if dt == left else self.state.time + dt
                )
            except ConvergenceError:
                if self.control.fixed is not None:
                    raise
                wanted = 0.25 * dt
                self._rejected(wanted, whole, failed=True)
                continue
            if state is None:
                wanted = factor * dt
                self._rejected(wanted, whole)
                continue
            try:
                self.drive.check(state.time, state.solved)
            except (ImpossibleDemand, CutOff):
                if self.control.fixed is not None or dt < _MOMENT * whole:
                    raise
                self.n_rejected += 1
                wanted = 0.5 * dt  # to find the moment, not just the step, in which it fails
                continue
            self._accept(state, increment)
            if self.control.fixed is None:
                # A step cut to hit a time says nothing against the length it was cut from.
                longer = dt * factor if factor >= _WORTHWHILE or factor < 1.0 else dt
                wanted = max(longer, min(wanted, _GROWTH * dt)) if factor >= 1.0 else longer
            self._wanted = wanted
            yield state

    def along(self, way: Sequence[State], wanted: float | None) -> Iterator[State]:
        """States at the times of others, whatever their error; later steps are tried with `wanted`.

        For going a way again with what drives it only a little changed: other steps would make
        another error, which would pass for an effect of that change.
        """
        for last in way:
            dt = last.time - self.state.time
            state, increment, _ = self._attempt(dt, last.time, near=last.concentration)
            assert state is not None
            self.drive.check(state.time, state.solved)
            self._accept(state, increment)
            yield state
        self._wanted = wanted

    @property
    def wanted(self) -> float | None:
        """Length that the next step will be tried with [s]."""
        return self._wanted

    def _accept(self, state: State, increment: float) -> None:
        self._increment = increment
        self._past = [state, *self._past[:2]]
        self.state = state
        self.n_step += 1

    def _rejected(self, wanted: float, whole: float, *, failed: bool = False) -> None:
        """Count a rejection, and give up where shorter steps will not help."""
        self.n_rejected += 1
        now = self.state
        if failed and wanted < _MOMENT * whole:
            culprit = self.drive.blame(now.time, now.solved)
            if culprit is not None:
                raise culprit
        if wanted < _SHORTEST * whole:
            raise TransportFailure(
                f"the time step fell to {wanted:.3g} s at t = {now.time:.6g} s: no step meets the "
                "tolerance; raise it, or check the boundary conditions",
                time=now.time,
            )

    def _attempt(
        self, dt: float, time: float, *, near: Doubles | None = None
    ) -> tuple[State | None, float, float]:
        """Try one step; its state or None, what came in, the factor to the length allowed.

        Near a solution that is known the search begins there, and takes the step in any case.
        """
        now, *before = self._past
        order = 1 if not before else self.control.order
        omega = dt / (now.time - before[0].time) if before else 0.0
        guess = self._extrapolated(time) if near is None else near
        if order == 1:
            rate, history = 1.0 / dt, now.concentration / dt
        else:
            rate = (1.0 + 2.0 * omega) / ((1.0 + omega) * dt)
            history = (
                (1.0 + omega) * now.concentration
                - omega**2 / (1.0 + omega) * before[0].concentration
            ) / dt
        solved = self.drive.solve(time, rate, history, guess)
        self.n_iteration += solved.iterations
        increment = dt * solved.inflow
        if order == 2:
            increment = ((1.0 + omega) * increment + omega**2 * self._increment) / (
                1.0 + 2.0 * omega
            )
        factor = self._factor(solved.concentration, guess, dt)
        if factor < 1.0 and self.control.fixed is None and near is None:
            return None, 0.0, max(0.2, _SAFETY * factor)
        supplied = now.supplied + increment
        held = float(self.domain.mass @ solved.concentration)
        imbalance = (held - self._held_at_start - supplied) / self._scale
        state = State(time, solved, supplied, imbalance)
        return state, increment, min(_GROWTH, _SAFETY * factor)

    def _extrapolated(self, time: float) -> Doubles:
        """Polynomial through the last states, one more than the order of the scheme."""
        states = self._past[: self.control.order + 1]
        result = np.zeros(self.domain.size)
        for i, each in enumerate(states):
            weight = 1.0
            for k, other in enumerate(states):
                if k != i:
                    weight *= (time - other.time) / (each.time - other.time)
            result += weight * each.concentration
        return result

    def _factor(self, found: Doubles, guess: Doubles, dt: float) -> float:
        """Factor to the step whose error would be just what is allowed; below 1: too long."""
        free = self.drive.is_free & ~self.unwatched
        apart = float(np.abs(found - guess)[free].max(initial=0.0))
        share, power = self._error_share(dt)
        change = float(np.abs(found - self._past[0].concentration)[free].max(initial=0.0))
        by_error: float = (self.control.error / max(share * apart, 1e-300)) ** power
        by_change = self.control.max_change / max(change, 1e-300)
        return min(by_error, by_change, 1e3)

    def _error_share(self, dt: float) -> tuple[float, float]:
        """Error of the step per distance to the polynomial, and 1 / (order of that error)."""
        n = len(self._past)
        if n == 1:
            # Only a constant to compare with: half of the change bounds the error of Euler's step.
            # With consistent mass a jump of the surface moves its neighbours at once, however
            # short the step: nothing to be learned from that.
            return (0.5 if self.domain.is_lumped else 0.0), 1.0
        h1 = self._past[0].time - self._past[1].time
        if n == 2 or self.control.order == 1:
            # Errors c''/2 Δt² and −c''/2 Δt (Δt + h1).
            return dt / (2.0 * dt + h1), 0.5
        h2 = self._past[1].time - self._past[2].time
        omega = dt / h1
        of_step = dt**3 * (1.0 + omega) ** 2 / (6.0 * omega * (1.0 + 2.0 * omega))
        of_polynomial = dt * (dt + h1) * (dt + h1 + h2) / 6.0
        return of_step / (of_step + of_polynomial), 1.0 / 3.0


def started(state: State, drive: Drive) -> State:
    """The same state as another drive sees it, at an event."""
    return replace(state, solved=drive.initial(state.concentration))
