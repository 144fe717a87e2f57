"""Lithium, stress and cracks together: each state of the one is where the other goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.checkpoint import checkpoint_in
from nmcx.chemomechanics.cohesive import CohesiveLaw
from nmcx.chemomechanics.coupling import Coupling, CrackedSurface
from nmcx.chemomechanics.demand import TransportFailure
from nmcx.chemomechanics.domain import SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer
from nmcx.chemomechanics.fracture import CrackingBody
from nmcx.chemomechanics.fracture_path import FractureFailure, PathControl
from nmcx.chemomechanics.protocol import checked_parts, first_concentration
from nmcx.chemomechanics.protocol_run import Part, ProtocolRun
from nmcx.errors import ConvergenceError
from nmcx.io.arrays import into, within
from nmcx.materials import Parameters, Swelling
from nmcx.results import Equilibrium, History, Mesh

_ENERGIES = ("stored", "dissipated", "released", "supplied")


class SimulationFailure(ConvergenceError):
    """A simulation that could not go on; the states up to then are kept."""

    def __init__(self, message: str, *, history: History | None) -> None:
        super().__init__(message)
        self.history = history  #: everything up to the failure; None if it failed at the start


def simulate(
    mesh: Mesh,
    parameters: Parameters,
    *,
    protocol: Part | Sequence[Part],
    surface: ButlerVolmer | None = None,
    coupling: Coupling | None = None,
    initial: ArrayLike | None = None,
    states: int = 20,
    eigenstrain: str | Swelling = "table",
    plane: str = "generalised_plane_strain",
    law: CohesiveLaw | None = None,
    tolerance: float = 1e-3,
    max_step: float = 0.02,
    solver_tolerance: float = 1e-10,
    threads: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
    checkpoint: str | PathLike[str] | None = None,
) -> History:
    """Take a particle through charges and rests while it strains, cracks and lets lithium in.

    Lithium goes on from state to state as in `cycle`. At each the body cracks on to its new
    lithium, as in `equilibrium` with cohesive walls; what it has opened is what lithium meets on
    the way to the next: walls that conduct less, and sides that react.

    Parameters
    ----------
    mesh, parameters
        Polycrystal and material.
    protocol, surface, initial, tolerance, solver_tolerance
        See `cycle`.
    coupling : Coupling, optional
        Which way cracks act on lithium. Default: all of them; ``Coupling.one_way()`` none, as in
        the paper.
    states : int
        Of each part, evenly spaced in time, its end included: how often lithium and cracks hear of
        each other.
    eigenstrain, plane, law
        See `equilibrium`.
    max_step : float
        Longest step of the cracking, as a change of c / C_max at any node [1].
    threads : int
        0: all cores. Results have the same bits for every number.
    progress : callable, optional
        Called as ``progress(done, total, label)`` after each state.
    checkpoint : path-like, optional
        Folder in which every state is on the disk before `progress` hears of it. If it holds states
        of the same simulation, this goes on from the last of them, to the bits that it would have
        had without a stop; remove it when the results are safe.

    Returns
    -------
    History
        The start and `states` times of each part.

    Raises
    ------
    ValueError
        As `cycle` and `equilibrium`; or if the checkpoint was made from other arguments
        (`nmcx.errors.InputError`), or by another version or instruction set.
    nmcx.errors.OutputError
        If the checkpoint cannot be written.
    SimulationFailure
        If the surface cannot carry its current any longer, or no equilibrium is found; with the
        history up to then.

    Notes
    -----
    The scheme is staggered without iteration, so that what cracks do to lithium comes one state
    late: more states make it come sooner. While nothing cracks, lithium is that of `cycle` to the
    bit. Stress does not drive lithium.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, materials, mesh
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> history = cm.simulate(
    ...     grains, materials.NMC811, protocol=cm.Charge(1.0, until=0.6), states=3
    ... )
    >>> (history.mean_concentration / materials.NMC811.max_concentration).round(3).tolist()
    [0.95, 0.833, 0.717, 0.6]
    >>> bool(history.dissipated[-1] > 0)
    True
    """
    parts, kinetics = checked_parts(protocol, surface, states)
    swelling = eigenstrain if isinstance(eigenstrain, Swelling) else Swelling(eigenstrain)
    if not 0.0 < max_step <= 1.0:
        raise ValueError(f"max_step must lie between 0 and 1, not {max_step!r}")
    cracks = CrackedSurface(
        mesh,
        parameters,
        kinetics,
        coupling or Coupling(),
        mass="lumped",
        solver=SolverOptions("automatic", solver_tolerance, threads=threads),
    )
    domain = cracks.domain
    run = ProtocolRun(
        domain,
        cracks.drive(),
        parts,
        domain.on_unknowns(first_concentration(parts, parameters, initial), "initial"),
        states=states,
        tolerance=tolerance,
        scheme="bdf2",
        max_change=None,
    )
    settings = {
        "protocol": tuple(map(repr, parts)),
        "coupling": repr(cracks.coupling),
        "tolerance": tolerance,
        "max_step": max_step,
        "plane": plane if mesh.dimension == 2 else "solid",
        "eigenstrain": swelling.kind,
        "stress_free": swelling.stress_free,
    }
    record = _Record(settings)
    grains = CrackingBody(
        mesh, parameters, swelling=swelling, plane=plane, order=1, law=law, fixed=None,
        threads=threads,
    )  # fmt: skip
    control = PathControl(
        max_step=max_step, tolerance=1e-6, max_iterations=200, residual_integrity=1e-7,
        snap_back="jump", duration=0.0, threads=threads,
    )  # fmt: skip
    made_from = {
        "mesh": mesh,
        "parameters": parameters,
        "protocol": parts,
        "surface": kinetics,
        "coupling": cracks.coupling,
        "initial": run.state.concentration,
        "states": states,
        "eigenstrain": swelling,
        "plane": settings["plane"],
        "law": grains.law,
        "tolerance": tolerance,
        "max_step": max_step,
        "solver_tolerance": solver_tolerance,
    }
    full = parameters.max_concentration
    body: Equilibrium | None = None
    before = np.full(len(mesh.points), swelling.stress_free)
    n_expected = 1 + states * len(parts)
    with checkpoint_in(checkpoint, made_from) as kept:
        if kept is not None and kept.n_state:
            record.take_up(kept.rows())
            last = kept.last()
            cracks.take_up(within(last, "cracks"))
            run.take_up(cracks.domain, cracks.drive(), within(last, "run"))
            body = grains.from_arrays(within(last, "body"))
            before = record.rows["concentration"][-1] / full
        try:
            for state in run.states():
                nodal = state.concentration[run.domain.unknown_of_node]
                way = float(np.abs(nodal / full - before).max())
                share = min(1.0, max_step / max(way, 1e-300))
                body = grains.equilibrium(
                    nodal, start=body, control=replace(control, max_step=share)
                )
                before = nodal / full
                elapsed = state.time - record.rows["times"][-1] if record.n_state else 0.0
                if cracks.update(body, elapsed):
                    run.change_domain(cracks.domain, cracks.drive())
                row = record.keep(run, nodal, body, cracks)
                if kept is not None:
                    reached = into("run", run.to_arrays()) | into("cracks", cracks.to_arrays())
                    kept.keep(row, reached | into("body", grains.to_arrays(body)))
                if progress is not None:
                    progress(record.n_state, n_expected, f"t = {state.time:.4g} s")
        except (TransportFailure, FractureFailure) as failure:
            history = record.history(run) if record.n_state else None
            raise SimulationFailure(str(failure), history=history) from failure
    return record.history(run)


@dataclass
class _Record:
    """States of a simulation, one list per field of the history."""

    settings: dict[str, Any]
    rows: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def n_state(self) -> int:
        """How many there are."""
        return len(self.rows.get("times", ()))

    def keep(
        self, run: ProtocolRun, nodal: Doubles, body: Equilibrium, cracks: CrackedSurface
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
            "crack_porosity": body.crack_porosity,
            "n_iteration": body.iterations,
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
        arrays = {name: np.array(values) for name, values in self.rows.items()}
        return History(
            **arrays | {"n_iteration": sum(self.rows["n_iteration"])},
            n_step=run.n_step,
            settings=self.settings,
            notes=run.drive.notes,
        )
