"""Lithium, stress and cracks together: each state of the one is where the other goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike

from numpy.typing import ArrayLike

from nmcx.chemomechanics.checkpoint import checkpoint_in
from nmcx.chemomechanics.cohesive import CohesiveLaw
from nmcx.chemomechanics.coupled_run import CoupledRun
from nmcx.chemomechanics.coupling import Coupling, CrackedSurface
from nmcx.chemomechanics.domain import SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer
from nmcx.chemomechanics.fracture import CrackingBody
from nmcx.chemomechanics.fracture_path import SHORTEST, PathControl
from nmcx.chemomechanics.protocol import checked_parts, first_concentration
from nmcx.chemomechanics.protocol_run import Part, ProtocolRun
from nmcx.chemomechanics.stress_feedback import StressFeedback
from nmcx.chemomechanics.whole_body import WholeBody
from nmcx.errors import ConvergenceError
from nmcx.materials import Parameters, Swelling
from nmcx.results import History, Mesh


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
    order: int = 1,
    tolerance: float = 5e-3,
    max_step: float = 0.2,
    stress_tolerance: float = 5e-3,
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
        See `cycle`. Cells beside walls that have just cracked shorten no step.
    coupling : Coupling, optional
        Which way cracks act on lithium. Default: all of them; ``Coupling.one_way()`` none, as in
        the paper.
    states : int
        Of each part, evenly spaced in time, its end included: how often lithium and cracks hear of
        each other.
    eigenstrain, plane, law, order
        See `equilibrium`; lithium is linear in each cell whatever the order of displacements.
    max_step : float
        Longest step of the cracking, as a change of c / C_max at any node [1].
    stress_tolerance : float
        Lithium and the stress that drives it are of the same moment once what they are apart
        could shift c / C_max at no node by more than this [1].
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
    Lithium and stress are iterated from state to state until they agree. What cracks do to lithium
    is an event of the state that it is found at, and acts from there on: more states make it come
    sooner. Without stress drive and while nothing cracks, lithium is that of `cycle` with the same
    tolerance to the bit.

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
    solver = SolverOptions("automatic", solver_tolerance, threads=threads)
    cracks = CrackedSurface(
        mesh, parameters, kinetics, coupling or Coupling(), mass="lumped", solver=solver
    )
    start = cracks.domain.on_unknowns(first_concentration(parts, parameters, initial), "initial")
    run = ProtocolRun(
        cracks.domain, cracks.drive(), parts, start,
        states=states, tolerance=tolerance, scheme="bdf2", max_change=None,
    )  # fmt: skip
    body = _body(mesh, parameters, swelling, plane, law, order, threads)
    feedback: StressFeedback | None = None
    if cracks.coupling.stress_drive != "none":
        feedback = StressFeedback(
            mesh, parameters, swelling,
            kind=cracks.coupling.stress_drive, tolerance=stress_tolerance,
        )  # fmt: skip
    settings = {
        "protocol": tuple(map(repr, parts)),
        "coupling": repr(cracks.coupling),
        "tolerance": tolerance,
        "max_step": max_step,
        "stress_tolerance": stress_tolerance,
        "plane": plane if mesh.dimension == 2 else "solid",
        "order": order,
        "eigenstrain": swelling.kind,
        "stress_free": swelling.stress_free,
        **({} if body.law is None else body.law.fatigue()),
    }
    made_from = {
        "mesh": mesh,
        "parameters": parameters,
        "protocol": parts,
        "surface": kinetics,
        "coupling": cracks.coupling,
        "initial": start,
        "states": states,
        "eigenstrain": swelling,
        "plane": settings["plane"],
        "law": body.law,
        "order": order,
        "tolerance": tolerance,
        "max_step": max_step,
        "stress_tolerance": stress_tolerance,
        "solver_tolerance": solver_tolerance,
    }
    control = PathControl(
        max_step=max_step, min_step=SHORTEST * max_step, tolerance=1e-6, max_iterations=200,
        residual_integrity=1e-7, snap_back="jump", gives_up=False, duration=0.0, threads=threads,
    )  # fmt: skip
    coupled = CoupledRun(run, body, cracks, feedback, control, swelling.stress_free, settings)
    n_expected = 1 + states * len(parts)
    with checkpoint_in(checkpoint, made_from) as kept:
        if kept is not None and kept.n_state:
            coupled.take_up(kept)
        try:
            for row in coupled.states():
                if kept is not None:
                    kept.keep(row, coupled.to_arrays())
                if progress is not None:
                    progress(coupled.n_state, n_expected, f"t = {run.state.time:.4g} s")
        except ConvergenceError as failure:
            history = coupled.history() if coupled.n_state else None
            raise SimulationFailure(str(failure), history=history) from failure
    return coupled.history()


def _body(
    mesh: Mesh,
    parameters: Parameters,
    swelling: Swelling,
    plane: str,
    law: CohesiveLaw | None,
    order: int,
    threads: int,
) -> CrackingBody | WholeBody:
    if (mesh.interface_grains == mesh.layer_grain).any(axis=1).all():
        return WholeBody(
            mesh, parameters, swelling=swelling, plane=plane, order=order, threads=threads
        )
    return CrackingBody(
        mesh, parameters, swelling=swelling, plane=plane, order=order, law=law, fixed=None,
        threads=threads,
    )  # fmt: skip
