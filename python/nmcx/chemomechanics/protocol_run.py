"""What is done to the electrode, part after part, and the way of a particle through it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.demand import CutOff
from nmcx.chemomechanics.diffusion import step_control
from nmcx.chemomechanics.domain import Domain
from nmcx.chemomechanics.electrode_drive import ElectrodeDrive, one_c
from nmcx.chemomechanics.stepping import State, StepControl, Stepper, started
from nmcx.io.arrays import into, within

# What a run has reached, beside its state; what its linear solver has learned.
_KEPT = ("part", "imbalance", "n_step", "n_rejected", "n_iteration", "_seen")
_LEARNED = ("last_iterations", "n_solution", "n_unasked")


@dataclass(frozen=True)
class Charge:
    """Lithium leaves at a constant current until the mean c / C_max has fallen to `until`."""

    c_rate: float  #: fall of the mean c / C_max per hour [1/h]
    until: float  #: mean c / C_max at its end [1]
    #: mean c / C_max that a run starts from if this is its first part [1]; not 1, where the
    #: exchange current vanishes
    initial: float = 0.95
    cutoff: float | None = None  #: potential that ends it before [V]


@dataclass(frozen=True)
class Discharge:
    """Lithium enters at a constant current until the mean c / C_max has risen to `until`."""

    c_rate: float  #: rise of the mean c / C_max per hour [1/h]
    until: float  #: mean c / C_max at its end [1]
    initial: float = 0.3  #: mean c / C_max that a run starts from if this is its first part [1]
    cutoff: float | None = None  #: potential that ends it before [V]


@dataclass(frozen=True)
class Hold:
    """Potential held for a time, or until the current has fallen to a given C-rate."""

    potential: float  #: electrode against lithium [V]
    duration: float  #: [s]
    until_c_rate: float | None = None  #: size of the current that ends it before [1/h]


@dataclass(frozen=True)
class Rest:
    """No total current; lithium still moves from facet to facet through the electrolyte."""

    duration: float  #: [s]


Part: TypeAlias = Charge | Discharge | Hold | Rest


def check_part(part: object) -> None:
    """Refuse what no part of a protocol can be.

    Raises
    ------
    ValueError
        If it is none, or a rate, content or duration lies outside its range.
    """
    if not isinstance(part, Charge | Discharge | Hold | Rest):
        raise ValueError(f"protocol must hold Charge, Discharge, Hold and Rest, not {part!r}")
    if isinstance(part, Charge | Discharge):
        if not 0 < part.c_rate < np.inf:
            raise ValueError("c_rate of a charge or discharge must be positive")
        if not (0 <= part.until <= 1 and 0 < part.initial < 1):
            raise ValueError("until and initial are mean c / C_max, between 0 and 1")
    elif not 0 <= part.duration < np.inf:
        raise ValueError("duration must be 0 or more, and finite")


class _Mark(NamedTuple):
    """Where a run can go back to; what steppers keep is replaced, never changed."""

    state: State
    stepper: Stepper
    imbalance: float


@dataclass
class _Stretch:
    """How far a part of a protocol goes, and how far it has come."""

    begin: float  #: [s]
    duration: float  #: [s]
    control: StepControl
    n_reached: int = 0  #: states that have been handed out, or are being sought

    def to_arrays(self) -> dict[str, Any]:
        """Its numbers by name, for `from_arrays`."""
        numbers = {name: getattr(self, name) for name in ("begin", "duration", "n_reached")}
        return numbers | into("control", self.control.to_arrays())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> _Stretch:
        """The same stretch."""
        control = StepControl(**within(arrays, "control"))
        return cls(arrays["begin"], arrays["duration"], control, arrays["n_reached"])


class ProtocolRun:
    """Takes a particle through the parts of a protocol; what it reached stands in its attributes.

    Between two states the surface, and what holds grains together, may be another:
    `change_domain`.
    """

    def __init__(
        self,
        domain: Domain,
        drive: ElectrodeDrive,
        parts: Sequence[Part],
        concentration: Doubles,
        *,
        states: int,
        tolerance: float,
        scheme: str,
        max_change: float | None,
    ) -> None:
        self.domain, self.drive = domain, drive
        self._parts, self._n_state = parts, states
        self._tolerance, self._scheme, self._max_change = tolerance, scheme, max_change
        self.state = State(0.0, drive.idle(concentration), 0.0, 0.0)
        self.part = 0
        self.imbalance = 0.0  #: largest of all steps
        self.n_step = self.n_rejected = self.n_iteration = 0
        self._stretch: _Stretch | None = None  # the present part, once it has begun
        self._stepper: Stepper | None = None
        self._seen = -np.inf  # time of the state that was last handed out [s]
        self._mark: _Mark | None = None  # where the way to that state began
        self._goes_back = False
        self._share = 1.0
        self._went: list[State] = []  # the steps of the last way
        self._wanted: float | None = None  # step after it [s]
        self._same_steps = False
        self.is_due = True  #: whether the state is one of the evenly spaced ones

    def states(self) -> Iterator[State]:
        """The start, and evenly spaced states of each part, its end included.

        A state may be asked for `again` before the next; where that is done by shorter ways,
        states in between are handed out as well, with `is_due` False.

        Raises
        ------
        TransportFailure
            If a part cannot be gone on with; `state` is the last that was found.
        """
        for number in range(self.part, len(self._parts)):
            part, self.part = self._parts[number], number
            if self._stretch is None:
                duration, change = self._extent(part)
                if duration <= 0:
                    continue
                _demand(part, self.drive)
                self.state = started(self.state, self.drive)
                self._stretch = _Stretch(self.state.time, duration, self._control(change))
                if self._seen < 0:
                    yield self._handed_out()
            yield from self._through(self._stretch)
            self._stretch = None

    def to_arrays(self) -> dict[str, Any]:
        """All that the states to come depend on, but domain and drive; `take_up` goes on from it.

        Between two states only.
        """
        assert self._stretch is not None
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _KEPT}
        arrays |= into("state", self.state.to_arrays())
        arrays |= into("stretch", self._stretch.to_arrays())
        arrays |= into("drive", self.drive.to_arrays())
        learned = self.domain.kernel.experience
        arrays |= into("solver", {name: getattr(learned, name) for name in _LEARNED})
        if self._stepper is not None:
            arrays |= into("stepper", self._stepper.to_arrays())
        return arrays

    def take_up(self, domain: Domain, drive: ElectrodeDrive, arrays: Mapping[str, Any]) -> None:
        """Go on, with what walls and surface had become, like that whose arrays these are."""
        for name in _KEPT:
            setattr(self, name, arrays[name])
        self.domain, self.drive = domain, drive
        self.state = State.from_arrays(within(arrays, "state"))
        self._stretch = _Stretch.from_arrays(within(arrays, "stretch"))
        _demand(self._parts[self.part], drive)
        drive.take_up(within(arrays, "drive"))
        domain.kernel.experience = _core.SolverExperience(**within(arrays, "solver"))
        stepper = within(arrays, "stepper")
        self._stepper = Stepper.from_arrays(domain, drive, stepper) if stepper else None

    def change_drive(self, drive: ElectrodeDrive) -> None:
        """Go on in the steps that it came by: the surface is nearly what it was."""
        _demand(self._parts[self.part], drive)
        drive.take_up(self.drive.to_arrays())
        self.drive = drive
        if self._stepper is not None:
            self._stepper.drive = drive

    def change_domain(
        self, domain: Domain, drive: ElectrodeDrive, changed: NDArray[np.int64]
    ) -> None:
        """Go on from the present state with other walls or another surface, at some nodes."""
        nodal = self.state.concentration[self.domain.unknown_of_node]
        held = float(self.domain.mass @ self.state.concentration)
        _demand(self._parts[self.part], drive)
        drive.remember(self.drive)
        solved = drive.initial(domain.on_unknowns(nodal, "concentration"))
        # The next steps are balanced against what is held now: a change must not lose any.
        lost = (float(domain.mass @ solved.concentration) - held) / (
            domain.max_concentration * domain.volume
        )
        self.imbalance = max(self.imbalance, abs(lost))
        self.state = State(self.state.time, solved, self.state.supplied, lost)
        self.domain, self.drive = domain, drive
        if self._stepper is not None:
            self._count()
            # What is new changes lithium near it: a tenth of the last step is a fair first try.
            last = self._stepper.last_step
            control = replace(self._stepper.control, first=None if last is None else 0.1 * last)
            unwatched = np.zeros(domain.size, dtype=bool)
            unwatched[domain.unknown_of_node[changed]] = True
            self._stepper = Stepper(domain, drive, self.state, control, unwatched)

    @property
    def unkept(self) -> State | None:
        """The last state if it has not been handed out."""
        return self.state if self.state.time > self._seen else None

    def _handed_out(self) -> State:
        self._seen = self.state.time
        # What comes next must not depend on matrices that a run taken up here has not got.
        self.domain.kernel.forget_system()
        return self.state

    def _through(self, stretch: _Stretch) -> Iterator[State]:
        begins = self._stepper is None
        if self._stepper is None:
            self._stepper = Stepper(self.domain, self.drive, self.state, stretch.control)
        try:
            if begins:
                self.drive.check(self.state.time, self.state.solved)
            while stretch.n_reached < self._n_state:
                stretch.n_reached += 1
                share = stretch.duration * stretch.n_reached / self._n_state
                yield from self._until(stretch.begin + share, stretch)
        except CutOff:
            pass
        finally:
            self._count()
            self._stepper = None

    def _until(self, end: float, stretch: _Stretch) -> Iterator[State]:
        """States on the way to a saved one, and that.

        Raises
        ------
        CutOff
            If the part has come to its end before.
        """
        assert self._stepper is not None
        self._share, self._same_steps = 1.0, False
        n_reached = stretch.n_reached
        while self.state.time < end:
            self._mark = _Mark(self.state, copy.copy(self._stepper), self.imbalance)
            left = end - self.state.time
            stop = end if self._share == 1.0 else self.state.time + self._share * left
            cut_off: CutOff | None = None
            try:
                for state in self._way(stop):
                    self.state = state
                    self.imbalance = max(self.imbalance, abs(state.imbalance))
            except CutOff as reached:
                cut_off, stretch.n_reached = reached, self._n_state
                if self.unkept is None and self.is_due:
                    raise  # or else the state in between, where it stays, is the last of its part
            # In the steps of a go that was cut off, the next may fall short of the end.
            self.is_due = self.state.time == end or cut_off is not None
            self._goes_back = False
            yield self._handed_out()
            if self._goes_back:
                self.state, self._stepper, self.imbalance = self._mark
                self._seen, stretch.n_reached = self.state.time, n_reached
            elif cut_off is not None:
                raise cut_off
            else:
                self._share, self._same_steps = min(1.0, 2.0 * self._share), False

    def _way(self, stop: float) -> Iterator[State]:
        assert self._stepper is not None
        if self._same_steps:
            states = self._stepper.along(self._went, self._wanted)
        else:
            states = self._stepper.until(stop)
        self._went = []
        for state in states:
            self._went.append(state)
            yield state
        self._wanted = self._stepper.wanted

    def again(self, *, shorter: bool = False, same_steps: bool = False) -> None:
        """Go the way to the present state once more, or only half of it: then that is the next.

        Parameters
        ----------
        shorter : bool
            Only half of it.
        same_steps : bool
            In the time steps of the last go.
        """
        self._goes_back, self._same_steps = True, same_steps
        if shorter:
            self._share *= 0.5

    @property
    def share(self) -> float:
        """Part of what is left to the next saved state that is gone at a time."""
        return self._share

    @property
    def came_from(self) -> State:
        """The state that the way to the present one began at; itself at the start."""
        return self.state if self._mark is None else self._mark.state

    def _count(self) -> None:
        assert self._stepper is not None
        self.n_step += self._stepper.n_step
        self.n_rejected += self._stepper.n_rejected
        self.n_iteration += self._stepper.n_iteration

    def _control(self, change: float) -> StepControl:
        full = self.domain.max_concentration
        return step_control(
            self._tolerance * max(change, 1e-3) * full,
            scheme=self._scheme,
            step=None,
            max_change=None if self._max_change is None else self._max_change * full,
        )

    def _extent(self, part: Part) -> tuple[float, float]:
        """Length of a part [s], and the change of c / C_max that it is about."""
        domain, concentration = self.domain, self.state.concentration
        if isinstance(part, Hold):
            return part.duration, 1.0
        if isinstance(part, Rest):
            return part.duration, float(np.ptp(concentration)) / domain.max_concentration
        sense = 1 if isinstance(part, Charge) else -1
        mean = float(domain.mass @ concentration) / domain.volume / domain.max_concentration
        change = sense * (mean - part.until)
        if change < -1e-9:
            raise ValueError(
                f"{type(part).__name__}(until={part.until:g}) starts at a mean c / C_max of "
                f"{mean:.4g}, which is past it"
            )
        return 3600.0 * change / part.c_rate, change


def _demand(part: Part, drive: ElectrodeDrive) -> None:
    """Set the electrode to a part."""
    drive.cutoff, drive.least_current = None, None
    rate = one_c(drive.domain)
    if isinstance(part, Hold):
        drive.hold_potential(part.potential)
        if part.until_c_rate is not None:
            drive.least_current = part.until_c_rate * rate
    elif isinstance(part, Rest):
        drive.hold_current(0.0)
    else:
        sense = 1 if isinstance(part, Charge) else -1
        drive.hold_current(sense * part.c_rate * rate)
        if part.cutoff is not None:
            drive.cutoff = part.cutoff, sense
