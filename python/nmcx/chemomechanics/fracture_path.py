"""The way of a cracking body along a load: steps as long as their energies add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.results import Equilibrium, LoadSteps

_Doubles = NDArray[np.float64]

# A step's energies may miss by this part of what it dissipates, and by a part of what all walls
# could dissipate in the same share of the load: together a third of a percent of the whole.
_SHARE_OF_STEP = 3e-3
_SHARE_OF_WALLS = 4e-4
# Mean part of its fracture energy that a wall may spend within a step, over those that spend any.
_MOST_GROWTH = 0.2
#: Steps end where they are this part of the longest: what does not follow the load then, jumps.
SHORTEST = 1 / 16
# Where equilibrium is not found, steps shrink on to this part of the shortest.
_LAST_RESORT = 1 / 64
# Followed steps that spend less than this part of the first are given up, and the body jumps.
_LEAST_SPENT = 1 / 4096
# Iterations that a step may take which can be shortened.
_MOST_PATIENT = 30
# Iterations of Newton's method that a followed step may take: it converges fast, or not at all.
_MOST_NEWTON = 20


class FractureFailure(ConvergenceError):
    """A load that could not be followed to its end; the last equilibrium is kept."""

    def __init__(self, message: str, *, equilibrium: Equilibrium | None = None) -> None:
        super().__init__(message)
        self.equilibrium = equilibrium  #: that of the last step that was found


class Mark(NamedTuple):
    """Where a path has passed."""

    t: float  #: part of the load
    x: _Doubles  #: unknowns of the body
    is_short: bool  #: the step there could not be shortened any further


@dataclass(frozen=True)
class PathControl:
    """How a load is followed."""

    max_step: float  #: part of the load
    min_step: float  #: part of the load: what does not follow a step so short, jumps
    tolerance: float  #: of the forces
    max_iterations: int
    residual_integrity: float
    snap_back: str  #: what happens where the load cannot grow: "jump" or "follow"
    duration: float  #: of the whole load [s]
    threads: int
    #: a step ends where the body is unstable on the way: it is likely to be too long, though those
    #: of small loads mostly are not
    gives_up: bool = True
    first_step: float = 1.0  #: part of the load
    share: float = 1.0  #: part that the load is of all that the body goes through


class FracturePath:
    """Follows a load from 0 to 1; what it has reached stands in its attributes at any time."""

    def __init__(
        self,
        kernel: _core.Fracture,
        load_at: Callable[[float], _core.FractureLoad],
        point: _core.FracturePoint,
        fracture_energy: float,
        control: PathControl,
        trail: Sequence[Mark] = (),
    ) -> None:
        self._kernel = kernel
        self._load_at = load_at
        self._control = control
        self._area = np.outer(kernel.walls.area, kernel.walls.weight)
        self._fracture_energy = fracture_energy
        self.t = 0.0
        self.point = point
        self._load = load_at(0.0)
        # At the load it starts from nothing moves: this gives tractions and energies.
        self.last = self._solve(self._load, point, None, 0.0, residual_integrity=1.0)
        self._begin = self.last.walls
        self._previous: tuple[float, _Doubles] | None = None
        self._rows: list[tuple[float, ...]] = []
        # The steps of a path to nearly the same load are tried first, for as long as they will do.
        self._ahead = list(trail)
        self.trail: list[Mark] = []  #: where it has passed

    def run(self) -> None:
        """Go to the end of the load.

        Raises
        ------
        nmcx.ConvergenceError
            If no equilibrium is found however short the step.
        """
        longest = self._control.max_step
        shortest = self._control.min_step
        step = min(longest, self._control.first_step)
        n_cut = 0
        while self.t < 1.0:
            # What is left is taken in one step, or halved, rather than leave a sliver.
            left = 1.0 - self.t
            step = left if step >= left else min(step, max(0.5 * left, shortest))
            guess, is_short = self._guess(step), step <= shortest
            if self._ahead:
                ahead = self._ahead.pop(0)
                step, guess, is_short = ahead.t - self.t, ahead.x, ahead.is_short
            load = self._load_at(self.t + step)
            # Where walls give way under a load that hardly grows, a long step misses its energies:
            # it may be shortened before the body has come to rest again.
            found = self._solve(
                load,
                self.point,
                guess,
                step,
                stops_if_unstable=self._control.gives_up and not is_short,
                most=self._control.max_iterations if is_short else _MOST_PATIENT,
            )
            wanted = self._wanted(found, step) if found.report.converged else 0.25
            if wanted < 1.0 and not is_short:
                self._ahead = []
                step = max(step * max(wanted, 0.25), shortest)
                n_cut += 1
                continue
            if wanted < 1.0 and not self._can_stay(found):
                if self._control.snap_back == "follow" and self._follow(step, n_cut):
                    self._previous = None
                    n_cut = 0
                    step = shortest
                    continue
                tried = found
                first, found = self._jump(load, step, tried)
                if not found.report.converged:
                    self._ahead = []
                    step *= 0.25
                    n_cut += 1
                    if step < _LAST_RESORT * shortest:
                        raise ConvergenceError(self._stuck(found, step))
                    continue
                self._record(self.t + step, n_cut, found, first, tried)
                self._previous = None
            else:
                self._record(self.t + step, n_cut, found)
                self._previous = (step, self.point.x)
            self.t = 1.0 if step == left else self.t + step
            self.point, self._load, self.last = found.point, load, found
            self.trail.append(Mark(self.t, self.point.x, is_short))
            n_cut = 0
            step = min(longest, step * float(np.clip(wanted, 1.0, 2.0)))

    def tire(self) -> None:
        """Walls lose what the way has cost them by fatigue, and the body comes to rest again.

        They lose it where they are; what the body then sets free at a load that stays is a jump's.

        Raises
        ------
        nmcx.ConvergenceError
            If no equilibrium is found.
        """
        walls, reached = self._kernel.walls, self.last.walls
        tired = walls.fatigued(self._begin, reached, self._control.residual_integrity)
        lost = walls.values_of(tired) - walls.values_of(reached.state)
        if not lost.any():
            return
        found = self._solve(self._load, self.point.with_walls(tired), None, 0.0)
        if not found.report.converged:
            raise ConvergenceError(self._stuck(found, 0.0))
        self._record(self.t, 0, found, fatigue=float((self._area * lost[:, :, 2]).sum()))
        self.point, self.last = found.point, found

    def steps(self) -> LoadSteps:
        """What happened in each step."""
        table = np.array(self._rows, dtype=np.float64).reshape(-1, 10)
        counts = table[:, 1:6].astype(np.int64)
        return LoadSteps(
            t=table[:, 0],
            newton=counts[:, 0],
            secant=counts[:, 1],
            factorisations=counts[:, 2],
            linear=counts[:, 3],
            cut_backs=counts[:, 4],
            supplied=table[:, 6],
            dissipated=table[:, 7],
            viscous=table[:, 8],
            released=table[:, 9],
        )

    def _solve(
        self,
        load: _core.FractureLoad,
        point: _core.FracturePoint,
        guess: _Doubles | None,
        step: float,
        *,
        residual_integrity: float | None = None,
        stops_if_unstable: bool = False,
        most: int | None = None,
    ) -> _core.FractureStep:
        control = self._control
        return self._kernel.equilibrate(
            self._load,
            load,
            point,
            guess,
            tolerance=control.tolerance,
            max_iterations=min(control.max_iterations, most or control.max_iterations),
            residual_integrity=(
                control.residual_integrity if residual_integrity is None else residual_integrity
            ),
            time_step=step * control.duration,
            stops_if_unstable=stops_if_unstable,
            threads=control.threads,
        )

    def _guess(self, step: float) -> _Doubles | None:
        if self._previous is None:
            return None
        length, x = self._previous
        return np.asarray(self.point.x + (step / length) * (self.point.x - x))

    def _wanted(self, found: _core.FractureStep, step: float) -> float:
        """Length that the step should have had, relative to the one it has."""
        energies = found.energies
        allowed = _SHARE_OF_STEP * energies.dissipated_step
        share = self._control.share * step
        allowed += _SHARE_OF_WALLS * share * self._fracture_energy * float(self._area.sum())
        # The trapezoid rule errs with the third power of the step.
        by_energy = 0.8 * np.cbrt(allowed / max(abs(imbalance(energies)), 1e-3 * allowed))
        before = self._kernel.walls.values_of(self.last.walls.state)[:, :, 2]
        spent = self._kernel.walls.values_of(found.walls.state)[:, :, 2] - before
        growing = self._area[spent > 0].sum()
        growth = (self._area * spent).sum() / (self._fracture_energy * growing) if growing else 0.0
        by_growth = 2.0 if growth <= 0.5 * _MOST_GROWTH else _MOST_GROWTH / growth
        wanted = min(float(by_energy), float(by_growth))
        # What is good enough is taken, what is better by far lets the next step grow.
        return wanted if wanted >= 1.0 else max(wanted, 0.0) if wanted < 0.8 else 1.0

    def _can_stay(self, found: _core.FractureStep) -> bool:
        """Whether a step that is as short as it may be has followed the load all the same."""
        return found.report.converged and imbalance(found.energies) <= 0.0

    def _jump(
        self, load: _core.FractureLoad, step: float, tried: _core.FractureStep
    ) -> tuple[_core.FractureStep, _core.FractureStep]:
        """To the new load while no damage grows; then damage, while the load stays.

        Where the step that was tried has come to rest, the jump does too: walls remember no more
        than what they were before.
        """
        first = self._solve(load, self.point, None, 0.0, residual_integrity=1.0)
        before, self._load = self._load, load
        try:
            if tried.report.converged:
                found = self._solve(load, first.point, tried.point.x, step)
                if found.report.converged and imbalance(found.energies) >= 0.0:
                    return first, found
            return first, self._solve(load, first.point, None, step)
        finally:
            self._load = before

    def _follow(self, step: float, n_cut: int) -> bool:
        """Along equilibria that the load alone would not hold, to where it carries on.

        Returns whether any was found: where none is, the body has to jump.
        """
        control = self._control
        # Walls at rest tell nothing of what they could spend: they are opened to start with.
        sound = self._load_at(self.t + step)
        opened = self._solve(sound, self.point, None, 0.0, residual_integrity=1.0).point.x
        first = _MOST_GROWTH * self._fracture_energy * float(self._area.sum(axis=1).mean())
        spend = first
        beyond = self.t + step
        previous: tuple[float, float, _Doubles] | None = None
        while spend >= _LEAST_SPENT * first and self.t < 1.0:
            if previous is None:
                share = spend / first
                guess = self.point.x + share * (opened - self.point.x)
                t = self.t + share * step
            else:
                spent, t_before, x_before = previous
                guess = self.point.x + (spend / spent) * (self.point.x - x_before)
                t = self.t + (spend / spent) * (self.t - t_before)
            found = self._kernel.follow(
                self._load,
                self._load_at,
                self.point,
                guess,
                float(np.clip(t, 0.0, 1.0)),
                spend,
                tolerance=control.tolerance,
                max_iterations=_MOST_NEWTON,
                residual_integrity=control.residual_integrity,
                threads=control.threads,
            )
            wanted = self._wanted(found.step, abs(found.t - self.t))
            if not found.step.report.converged or wanted < 1.0:
                spend *= 0.25 if not found.step.report.converged else max(wanted, 0.25)
                n_cut += 1
                continue
            self._record(found.t, n_cut, found.step)
            carries = found.t > beyond and not found.step.report.was_unstable
            previous = (spend, self.t, self.point.x)
            self.t, self._load = found.t, found.load
            self.point, self.last = found.step.point, found.step
            if carries:
                return True
            n_cut = 0
            spend *= float(np.clip(wanted, 1.0, 2.0))
        return previous is not None

    def _record(
        self,
        t: float,
        n_cut: int,
        found: _core.FractureStep,
        first: _core.FractureStep | None = None,
        tried: _core.FractureStep | None = None,
        fatigue: float | None = None,
    ) -> None:
        energies = found.energies
        released = imbalance(energies) if first else 0.0
        if fatigue is not None:
            # What is left of a body that hardly moved is rounding, of either sign.
            released = max(0.0, imbalance(energies))
        reports = [part.report for part in (found, first, tried) if part is not None]
        supplied = energies.supplied_step + (first.energies.supplied_step if first else 0.0)
        self._rows.append(
            (
                t,
                sum(report.newton for report in reports),
                sum(report.secant for report in reports),
                sum(report.factorisations for report in reports),
                sum(report.linear for report in reports),
                n_cut,
                supplied,
                energies.dissipated_step + (fatigue or 0.0),
                energies.viscous_step,
                released,
            )
        )

    def _stuck(self, found: _core.FractureStep, step: float) -> str:
        report = found.report
        reached = report.residual / report.reference
        return (
            f"no equilibrium beyond {self.t:.6g} of the load, in step {len(self._rows) + 1}: "
            f"relative residual {reached:.2g}, tolerance {self._control.tolerance:.2g}, after "
            f"{report.newton} steps with the consistent tangent and {report.secant} with the "
            f"secant; tried steps down to {step:.2g} of the load, and jumps at a load that stays. "
            "The last equilibrium is kept in the error's `equilibrium`; raise max_iterations"
        )


def imbalance(energies: _core.FractureEnergies) -> float:
    """What a step was supplied with and has neither stored nor spent [J]."""
    spent = energies.dissipated_step + energies.viscous_step
    return energies.supplied_step - energies.stored_step - spent
