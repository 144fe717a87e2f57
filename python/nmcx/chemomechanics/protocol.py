"""Charging, holding, resting a particle whose surface is at one potential."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics.demand import TransportFailure
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer, ElectrodeDrive
from nmcx.chemomechanics.protocol_run import (
    Charge,
    Discharge,
    Part,
    ProtocolRun,
    check_part,
)
from nmcx.chemomechanics.recording import Recorder
from nmcx.materials import Parameters
from nmcx.results import Mesh, TransportHistory


def cycle(
    mesh: Mesh,
    parameters: Parameters,
    *,
    protocol: Part | Sequence[Part],
    surface: ButlerVolmer | None = None,
    initial: ArrayLike | None = None,
    states: int = 20,
    diffusivity: ArrayLike | None = None,
    interface_conductance: ArrayLike = np.inf,
    interface_diffusion: ArrayLike = 0.0,
    tolerance: float = 1e-3,
    max_change: float | None = None,
    scheme: str = "bdf2",
    mass: str = "lumped",
    solver: str = "automatic",
    solver_tolerance: float = 1e-10,
    threads: int = 0,
    progress: Callable[[float, float, str], None] | None = None,
) -> TransportHistory:
    """Charge, hold and rest a particle whose whole surface is at one electrode potential.

    Parameters
    ----------
    mesh, parameters, diffusivity, interface_conductance, interface_diffusion
        See `diffuse`; `open_circuit_potential`, `exchange_current_prefactor`,
        `electrolyte_concentration` and `temperature` are used, too.
    protocol : Charge, Discharge, Hold, Rest or a sequence of them
        Parts, one after another; a list times n makes n cycles.
    surface : ButlerVolmer, optional
        Kinetics, layers and coverage; without rate, current or potential. Default: bare surface.
    initial : array_like, optional
        Concentration at the start [mol/m³], number or (n_node,); default: that of the first part.
    states : int
        States kept of each part, evenly spaced in time, its end included.
    tolerance, max_change, scheme, mass, solver, solver_tolerance, threads
        See `diffuse`; the tolerance is relative to the change of the mean that a part brings about,
        to C_max where the potential is held.
    progress : callable, optional
        Called as ``progress(done, total, label)`` after each state that is kept.

    Returns
    -------
    TransportHistory
        The start and `states` times of each part, with potential, current and the part's number.

    Raises
    ------
    ValueError
        As `diffuse`, and for parts that cannot be: a charge to more lithium than there is.
    nmcx.chemomechanics.ImpossibleDemand
        If the surface cannot carry the current any longer; with time, place and history.
    nmcx.ConvergenceError
        If Newton's method or a linear system is not solved at any step.

    Notes
    -----
    Where a cut-off ends a part its time is found to a thousandth of the part's length. Each part
    starts with a step of backward Euler.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import chemomechanics, materials
    >>> from nmcx.results import Mesh
    >>> square = Mesh(
    ...     points=1e-7 * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]),
    ...     cells=np.array([[0, 1, 2], [0, 2, 3]]),
    ...     grain=np.zeros(2, dtype=int),
    ...     orientation=np.eye(3)[None],
    ...     interfaces=np.empty((0, 4), dtype=int),
    ...     interface_grains=np.empty((0, 2), dtype=int),
    ...     surface=np.array([[0, 1], [1, 2], [2, 3], [3, 0]]),
    ... )
    >>> protocol = [chemomechanics.Charge(1.0, until=0.5), chemomechanics.Rest(600.0)]
    >>> history = chemomechanics.cycle(
    ...     square, materials.NMC811, protocol=protocol, states=2
    ... )
    >>> (history.mean_concentration / materials.NMC811.max_concentration).round(6).tolist()
    [0.95, 0.725, 0.5, 0.5, 0.5]
    >>> history.times.tolist()
    [0.0, 810.0, 1620.0, 1920.0, 2220.0]
    """
    parts, kinetics = checked_parts(protocol, surface, states)
    domain = Domain(
        mesh,
        parameters,
        diffusivity=diffusivity,
        interface_conductance=interface_conductance,
        interface_diffusion=interface_diffusion,
        mass=mass,
        solver=SolverOptions(solver, solver_tolerance, threads=threads),
    )
    initial = first_concentration(parts, parameters, initial)
    drive = ElectrodeDrive(domain, parameters, kinetics)
    settings = {"protocol": tuple(map(repr, parts)), "tolerance": tolerance}
    recorder = Recorder(domain, settings, progress=progress, n_expected=1 + states * len(parts))
    run = ProtocolRun(
        domain,
        drive,
        parts,
        domain.on_unknowns(initial, "initial"),
        states=states,
        tolerance=tolerance,
        scheme=scheme,
        max_change=max_change,
    )
    try:
        for state in run.states():
            recorder.part, recorder.imbalance = run.part, run.imbalance
            recorder.keep(state)
    except TransportFailure as failure:
        failure.history = _history(recorder, run)
        raise
    return _history(recorder, run)


def checked_parts(
    protocol: Part | Sequence[Part], surface: ButlerVolmer | None, states: int
) -> tuple[list[Part], ButlerVolmer]:
    """Parts of a protocol, and the kinetics of a surface that the protocol demands of.

    Raises
    ------
    ValueError
        If there is no part, one cannot be, or the surface holds something by itself.
    """
    parts = list(protocol) if isinstance(protocol, Sequence) else [protocol]
    for part in parts:
        check_part(part)
    if not parts or states < 1:
        raise ValueError("protocol needs a part, and states must be 1 or more")
    kinetics = surface or ButlerVolmer()
    if (kinetics.c_rate, kinetics.current, kinetics.potential) != (None, None, None):
        raise ValueError("surface must not hold a rate, current or potential: the protocol does")
    return parts, kinetics


def first_concentration(
    parts: Sequence[Part], parameters: Parameters, initial: ArrayLike | None
) -> ArrayLike:
    """What a run starts from [mol/m³]: as given, or as its first part says.

    Raises
    ------
    ValueError
        If neither does.
    """
    if initial is not None:
        return initial
    if not isinstance(parts[0], Charge | Discharge):
        raise ValueError("initial must be given unless the protocol starts with a charge")
    return parts[0].initial * parameters.max_concentration


def _history(recorder: Recorder, run: ProtocolRun) -> TransportHistory:
    if run.unkept is not None:
        recorder.part, recorder.imbalance = run.part, run.imbalance
        recorder.keep_new(run.unkept)
    recorder.n_step, recorder.n_rejected = run.n_step, run.n_rejected
    recorder.n_iteration = run.n_iteration
    recorder.notes += run.drive.notes
    return recorder.history()
