"""Stress and lithium of the same moment: the way between two states, gone until both agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nmcx.chemomechanics.anderson import Anderson
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.protocol_run import ProtocolRun
from nmcx.chemomechanics.stress_drive import Pull, StressOverTime, StressReader, mobility_table
from nmcx.errors import ConvergenceError
from nmcx.io.arrays import into, within
from nmcx.materials import Parameters, Swelling
from nmcx.results import Equilibrium, Mesh

# A way that has not settled after so many goes is halved, and given up below this part of it.
_MOST = 8
_SHORTEST = 1.0 / 64.0


class StressFeedback:
    """Tells lithium of the stress that its own way brings about.

    Over a way ψ runs straight from what it is at its begin to what it is at its end: first as it
    went before, then as it was found to be. Lithium goes the way again until what is found is what
    it was told, but for so little that it could not move it by more than the tolerance: at rest a
    ψ that is wrong by δψ shifts the content by m δψ.
    """

    def __init__(
        self,
        mesh: Mesh,
        parameters: Parameters,
        swelling: Swelling,
        *,
        kind: str,
        tolerance: float,
    ) -> None:
        self._reader = StressReader(mesh, parameters, swelling)
        self._mobility = mobility_table(parameters, kind)
        self._tolerance = tolerance
        self.goes = 0  #: of the present way that have not settled
        # Pulls count by what they do over a cell; reliefs follow from the rest.
        n_cell, n_node = len(mesh.cells), len(mesh.points)
        edge = float(np.mean(np.abs(mesh.volume)) ** (1.0 / mesh.dimension))
        self._weight = np.concatenate(
            [np.full(n_cell * mesh.dimension, edge), np.ones(n_node), np.zeros(n_cell + n_node)]
        )
        self._acceleration = Anderson(self._weight)
        self.stress: StressOverTime | None = None

    def read(self, body: Equilibrium, x: Doubles) -> Pull:
        """What an equilibrium does to contents x at the nodes."""
        return self._reader.pull(np.asarray(body.stress), x)

    def begin(self, time: float, now: Pull) -> StressOverTime:
        """What drives lithium from an accepted state on: as if ψ went on as it came."""
        before = self.stress
        self.stress = StressOverTime(self._mobility, time, np.inf, now, now)
        if before is not None and time > before.begin:
            onward = _floored(before.first.towards(now, 2.0))
            self.stress = replace(self.stress, end=2.0 * time - before.begin, last=onward)
        self.goes = 0
        self._acceleration = Anderson(self._weight)
        return self.stress

    def to_arrays(self) -> dict[str, Any]:
        """What drives lithium from the last accepted state on, for `take_up`."""
        assert self.stress is not None
        arrays: dict[str, Any] = {"begin": self.stress.begin, "end": self.stress.end}
        for name in ("first", "last"):
            arrays |= into(name, getattr(self.stress, name)._asdict())
        return arrays

    def take_up(self, arrays: Mapping[str, Any]) -> StressOverTime:
        """Go on like the one whose arrays these are."""
        first, last = (Pull(**within(arrays, name)) for name in ("first", "last"))
        self.stress = StressOverTime(self._mobility, arrays["begin"], arrays["end"], first, last)
        return self.stress

    def has_settled(self, run: ProtocolRun, x: Doubles, found: Pull) -> bool:
        """Whether lithium and stress agree; if not, the run is sent back to go its way again.

        Raises
        ------
        ConvergenceError
            If even a short way does not settle.
        """
        assert self.stress is not None
        self.goes += 1
        told = self.stress.at(run.state.time)
        apart = float((self._mobility_at(x) * np.abs(found.at(x) - told.at(x))).max())
        if apart <= self._tolerance:
            return True
        shorter = self.goes == _MOST
        if shorter:
            if 0.5 * run.share < _SHORTEST:
                raise ConvergenceError(
                    f"lithium and stress did not settle at t = {run.state.time:.6g} s: after "
                    f"{_MOST} goes they are apart by {apart:.3g} of c / C_max, tolerance "
                    f"{self._tolerance:.3g}; more states make each way shorter"
                )
            self.goes = 0
            self._acceleration = Anderson(self._weight)
        else:
            guess = self._acceleration.next(_joined(told), _joined(found))
            found = _floored(_parted(guess, found))
        self.stress = replace(self.stress, end=run.state.time, last=found)
        run.drive.stress = self.stress
        run.again(shorter=shorter, same_steps=self.goes > 1)
        return False

    def _mobility_at(self, x: Doubles) -> Doubles:
        return np.interp(x, np.linspace(0.0, 1.0, len(self._mobility)), self._mobility)


def _joined(pull: Pull) -> Doubles:
    return np.concatenate([part.ravel() for part in pull])


def _parted(values: Doubles, like: Pull) -> Pull:
    ends = np.cumsum([part.size for part in like])[:-1]
    parts = zip(np.split(values, ends), like, strict=True)
    return Pull(*(part.reshape(old.shape) for part, old in parts))


def _floored(pull: Pull) -> Pull:
    """With reliefs that are none where a combination has made them negative."""
    return pull._replace(
        relief=np.maximum(pull.relief, 0.0), relief_at_nodes=np.maximum(pull.relief_at_nodes, 0.0)
    )
