"""Lithium, stress and cracks together: each state of the one is where the other goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.cohesive import CohesiveLaw
from nmcx.chemomechanics.coupling import Coupling, CrackedSurface
from nmcx.chemomechanics.domain import SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer
from nmcx.chemomechanics.fracture import CrackingBody
from nmcx.chemomechanics.fracture_path import PathControl
from nmcx.chemomechanics.protocol import checked_parts, first_concentration
from nmcx.chemomechanics.protocol_run import Part, ProtocolRun
from nmcx.chemomechanics.stress_feedback import StressFeedback
from nmcx.chemomechanics.whole_body import WholeBody
from nmcx.errors import ConvergenceError
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
    stress_tolerance: float = 1e-3,
    solver_tolerance: float = 1e-10,
    threads: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
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
    stress_tolerance : float
        Lithium and the stress that drives it are of the same moment once what they are apart
        could shift c / C_max at no node by more than this [1].
    threads : int
        0: all cores. Results have the same bits for every number.
    progress : callable, optional
        Called as ``progress(done, total, label)`` after each state.

    Returns
    -------
    History
        The start and `states` times of each part.

    Raises
    ------
    ValueError
        As `cycle` and `equilibrium`.
    SimulationFailure
        If the surface cannot carry its current any longer, or no equilibrium is found; with the
        history up to then.

    Notes
    -----
    Lithium and stress are iterated from state to state until they agree. What cracks do to lithium
    is an event of the state that it is found at, and acts from there on: more states make it come
    sooner. Without stress drive and while nothing cracks, lithium is that of `cycle` to the bit.

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
        "stress_tolerance": stress_tolerance,
        "plane": plane if mesh.dimension == 2 else "solid",
        "eigenstrain": swelling.kind,
        "stress_free": swelling.stress_free,
    }
    record = _Record(settings)
    grains = _body(mesh, parameters, swelling, plane, law, threads)
    control = PathControl(
        max_step=max_step, tolerance=1e-6, max_iterations=200, residual_integrity=1e-7,
        snap_back="jump", duration=0.0, threads=threads,
    )  # fmt: skip
    full = parameters.max_concentration
    feedback: StressFeedback | None = None
    if cracks.coupling.stress_drive != "none":
        feedback = StressFeedback(
            mesh, parameters, swelling, kind=cracks.coupling.stress_drive,
            tolerance=stress_tolerance,
        )  # fmt: skip
    body: Equilibrium | None = None
    before = np.full(len(mesh.points), swelling.stress_free)
    n_expected = 1 + states * len(parts)
    try:
        for state in run.states():
            nodal = state.concentration[run.domain.unknown_of_node]
            way = float(np.abs(nodal / full - before).max())
            share = min(1.0, max_step / max(way, 1e-300))
            found = grains.equilibrium(nodal, start=body, control=replace(control, max_step=share))
            x = nodal / full
            if body is not None and feedback and not feedback.has_settled(run, x, found):
                continue
            elapsed = state.time - run.came_from.time
            is_new = cracks.update(found, elapsed)
            drive = cracks.drive() if is_new else run.drive
            if feedback is not None:
                drive.stress = feedback.begin(state.time, x, found)
            if is_new or (feedback is not None and body is None):
                run.change_domain(cracks.domain, drive)
            body, before = found, x
            if run.is_due:
                record.keep(run, nodal, body, cracks)
                if progress is not None:
                    progress(len(record.times), n_expected, f"t = {state.time:.4g} s")
    except ConvergenceError as failure:
        history = record.history(run) if record.times else None
        raise SimulationFailure(str(failure), history=history) from failure
    return record.history(run)


def _body(
    mesh: Mesh,
    parameters: Parameters,
    swelling: Swelling,
    plane: str,
    law: CohesiveLaw | None,
    threads: int,
) -> CrackingBody | WholeBody:
    if (mesh.interface_grains == mesh.layer_grain).any(axis=1).all():
        return WholeBody(mesh, parameters, swelling=swelling, plane=plane, threads=threads)
    return CrackingBody(
        mesh, parameters, swelling=swelling, plane=plane, order=1, law=law, fixed=None,
        threads=threads,
    )  # fmt: skip


@dataclass
class _Record:
    """States of a simulation, one list per field of the history."""

    settings: dict[str, Any]
    times: list[float] = field(default_factory=list)
    rows: dict[str, list[Any]] = field(default_factory=dict)
    n_iteration: int = 0

    def keep(
        self, run: ProtocolRun, nodal: Doubles, body: Equilibrium, cracks: CrackedSurface
    ) -> None:
        solved = run.state.solved
        self.times.append(run.state.time)
        self.n_iteration += body.iterations
        row = {
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
            **{name: body.energies[name] for name in _ENERGIES},
        }
        for name, value in row.items():
            self.rows.setdefault(name, []).append(value)

    def history(self, run: ProtocolRun) -> History:
        arrays = {name: np.array(values) for name, values in self.rows.items()}
        return History(
            times=np.array(self.times),
            **arrays,
            n_step=run.n_step,
            n_iteration=self.n_iteration,
            settings=self.settings,
            notes=run.drive.notes,
        )
