"""The way of lithium, stress and cracks from state to state, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.checkpoint import Checkpoint
from nmcx.chemomechanics.coupling import CrackedSurface
from nmcx.chemomechanics.fracture import CrackingBody
from nmcx.chemomechanics.fracture_path import PathControl
from nmcx.chemomechanics.protocol_run import ProtocolRun
from nmcx.chemomechanics.stress_feedback import StressFeedback
from nmcx.chemomechanics.whole_body import WholeBody
from nmcx.errors import ConvergenceError
from nmcx.io.arrays import into, within
from nmcx.results import Equilibrium, History

_ENERGIES = ("stored", "dissipated", "released", "supplied")
_COUNTS = ("n_iteration", "n_pass")


class CoupledRun:
    """Takes a particle through a protocol while it strains, cracks and lets lithium in."""

    def __init__(
        self,
        run: ProtocolRun,
        body: CrackingBody | WholeBody,
        cracks: CrackedSurface,
        feedback: StressFeedback | None,
        control: PathControl,
        stress_free: float,
        settings: Mapping[str, Any],
    ) -> None:
        self._run, self._body, self._cracks = run, body, cracks
        self._feedback, self._control = feedback, control
        self._full = run.domain.max_concentration
        self._record = Record(dict(settings))
        self._state: Equilibrium | None = None  # of the body, at the last accepted state
        self._content = np.full(len(run.domain.unknown_of_node), stress_free)  # there, c / C_max
        self._step = 1.0  # longest of cracking on the way there, as a change of c / C_max

    @property
    def n_state(self) -> int:
        """How many saved states there are."""
        return self._record.n_state

    def states(self) -> Iterator[dict[str, Any]]:
        """Rows of the history, one after another.

        Raises
        ------
        nmcx.ConvergenceError
            If the surface cannot carry its current, no equilibrium is found, or lithium and stress
            do not settle.
        """
        run, feedback = self._run, self._feedback
        sought = dict.fromkeys(_COUNTS, 0)
        for state in run.states():
            nodal = state.concentration[run.domain.unknown_of_node]
            x = nodal / self._full
            again = feedback is not None and feedback.goes > 0
            found = self._equilibrium(nodal, x, again=again)
            sought["n_iteration"] += found.iterations
            sought["n_pass"] += 1
            begun = self._state is not None
            if feedback is not None:
                pull = feedback.read(found, x)
                if begun and not feedback.has_settled(run, x, pull):
                    continue
            change = self._cracks.update(found, state.time - run.came_from.time)
            has_cracked = change.nodes.size > 0
            drive = self._cracks.drive() if change.layers or has_cracked else run.drive
            if feedback is not None:
                drive.stress = feedback.begin(state.time, pull)
            if has_cracked or (feedback is not None and not begun):
                run.change_domain(self._cracks.domain, drive, change.nodes)
            elif change.layers:
                run.change_drive(drive)
            way = float(np.abs(x - self._content).max())
            # What hardly moves, as at rest, says nothing of the steps that a way needs.
            if found.steps is not None and way > self._control.min_step:
                self._step = way * float(np.diff(found.steps.t, prepend=0.0).max(initial=0.0))
            self._state, self._content = found, x
            if run.is_due:
                yield self._record.keep(run, nodal, found, self._cracks, sought)
                sought = dict.fromkeys(_COUNTS, 0)

    def _equilibrium(self, nodal: Doubles, x: Doubles, *, again: bool) -> Equilibrium:
        way = float(np.abs(x - self._content).max())
        longest, shortest, first = (
            min(1.0, step / max(way, 1e-300))
            for step in (self._control.max_step, self._control.min_step, 2.0 * self._step)
        )
        control = replace(
            self._control, max_step=longest, min_step=shortest, first_step=max(first, shortest),
            share=min(1.0, max(way, self._control.min_step)),
        )  # fmt: skip
        try:
            return self._body.equilibrium(nodal, start=self._state, control=control, again=again)
        except ValueError as error:
            if self._state is None:
                raise
            # Lithium has left the lattice table on the way, which nobody could have seen before.
            raise ConvergenceError(f"at t = {self._run.state.time:.6g} s {error}") from error

    def to_arrays(self) -> dict[str, Any]:
        """All that goes on from a saved state."""
        assert self._state is not None
        arrays = into("run", self._run.to_arrays()) | into("cracks", self._cracks.to_arrays())
        arrays["step"] = self._step
        if self._feedback is not None:
            arrays |= into("stress", self._feedback.to_arrays())
        return arrays | into("body", self._body.to_arrays(self._state))

    def take_up(self, kept: Checkpoint) -> None:
        """Go on like the one that kept these states."""
        self._record.take_up(kept.rows())
        last = kept.last()
        self._cracks.take_up(within(last, "cracks"))
        drive = self._cracks.drive()
        if self._feedback is not None:
            drive.stress = self._feedback.take_up(within(last, "stress"))
        self._run.take_up(self._cracks.domain, drive, within(last, "run"))
        self._state = self._body.from_arrays(within(last, "body"))
        self._step = last["step"]
        self._content = self._record.rows["concentration"][-1] / self._full

    def history(self) -> History:
        """All saved states."""
        return self._record.history(self._run)


@dataclass
class Record:
    """States of a simulation, one list per field of the history."""

    settings: dict[str, Any]
    rows: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def n_state(self) -> int:
        """How many there are."""
        return len(self.rows.get("times", ()))

    def keep(
        self,
        run: ProtocolRun,
        nodal: Doubles,
        body: Equilibrium,
        cracks: CrackedSurface,
        sought: Mapping[str, int],
    ) -> dict[str, Any]:
        """Add a state, and return its row."""
        solved = run.state.solved
        row = {
            "times": run.state.time,
            "concentration": nodal,
            "mean_concentration": run.domain.mass @ run.state.concentration / run.domain.volume,
            "balance": run.imbalance,
            "potential": solved.potential,
            "current": solved.current,
            "part": run.part,
            "stress": body.stress,
            "damage": body.damage,
            "opening": body.opening,
            "wetted": cracks.wetted,
            "reactive_area": cracks.reactive_area,
            "layer_thickness": cracks.mean_thickness,
            "surface_layer": cracks.surface_layer,
            "wall_layer": cracks.wall_layer,
            "crack_porosity": body.crack_porosity,
            **sought,
            **{name: body.energies[name] for name in _ENERGIES},
        }
        self._add(row)
        return row

    def take_up(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add states that were kept before."""
        for row in rows:
            self._add(row)

    def _add(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            self.rows.setdefault(name, []).append(value)

    def history(self, run: ProtocolRun) -> History:
        """All of them."""
        arrays = {name: np.array(values) for name, values in self.rows.items()}
        return History(
            **arrays | {name: sum(self.rows[name]) for name in _COUNTS},
            n_step=run.n_step,
            settings=self.settings,
            notes=run.drive.notes,
        )
