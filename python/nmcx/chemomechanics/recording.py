"""States of a run, kept as a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmcx.chemomechanics.domain import Domain
from nmcx.chemomechanics.stepping import State, Stepper
from nmcx.results import TransportHistory


@dataclass
class Recorder:
    """Collects the states that are wanted, and the imbalance of all."""

    domain: Domain
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    worst: list[float] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    part: int = 0
    imbalance: float = 0.0
    n_step: int = 0
    n_rejected: int = 0
    n_iteration: int = 0
    progress: Callable[[float, float, str], None] | None = None
    n_expected: int = 0  #: states that will be kept if nothing ends a run before

    def see(self, state: State) -> None:
        """Take note of the balance of a step."""
        self.imbalance = max(self.imbalance, abs(state.imbalance))

    def keep(self, state: State) -> None:
        """Keep a state for the history."""
        self.states.append(state)
        self.worst.append(self.imbalance)
        self.parts.append(self.part)
        if self.progress is not None:
            self.progress(len(self.states), self.n_expected, f"t = {state.time:.4g} s")

    def keep_new(self, state: State) -> None:
        """Keep a state unless its time is kept already."""
        if not self.states or self.states[-1].time < state.time:
            self.keep(state)

    def count(self, stepper: Stepper) -> None:
        """Add the effort of a stepper that is done."""
        self.n_step += stepper.n_step
        self.n_rejected += stepper.n_rejected
        self.n_iteration += stepper.n_iteration

    def history(self) -> TransportHistory:
        """Everything kept so far."""
        domain, states = self.domain, self.states
        on_unknowns = np.array([s.concentration for s in states]).reshape(-1, domain.size)
        return TransportHistory(
            times=np.array([s.time for s in states]),
            concentration=on_unknowns[:, domain.unknown_of_node],
            mean_concentration=on_unknowns @ domain.mass / domain.volume,
            balance=np.array(self.worst),
            surface_flux=np.array([s.solved.surface_flux for s in states]).reshape(
                -1, domain.n_facet
            ),
            lowest=on_unknowns.min(axis=1),
            highest=on_unknowns.max(axis=1),
            potential=np.array([s.solved.potential for s in states]),
            current=np.array([s.solved.current for s in states]),
            part=np.array(self.parts, dtype=np.int64),
            n_step=self.n_step,
            n_rejected=self.n_rejected,
            n_iteration=self.n_iteration,
            settings=dict(self.settings),
            notes=tuple(self.notes),
        )
