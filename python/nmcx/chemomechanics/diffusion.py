"""Diffusion of lithium in a polycrystal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics.boundary import (
    Condition,
    Dirichlet,
    Doubles,
    Flux,
    Robin,
    as_conditions,
)
from nmcx.chemomechanics.demand import TransportFailure
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer, ElectrodeDrive, one_c
from nmcx.chemomechanics.linear_drive import LinearDrive
from nmcx.chemomechanics.recording import Recorder
from nmcx.chemomechanics.stepping import State, StepControl, Stepper
from nmcx.materials import Parameters
from nmcx.results import Mesh, TransportHistory


def diffuse(
    mesh: Mesh,
    parameters: Parameters,
    *,
    initial: ArrayLike,
    boundary: Condition | ButlerVolmer | Sequence[Condition],
    times: ArrayLike,
    start: float = 0.0,
    diffusivity: ArrayLike | None = None,
    interface_conductance: ArrayLike = np.inf,
    interface_diffusion: ArrayLike = 0.0,
    tolerance: float = 1e-3,
    max_change: float | None = None,
    step: float | None = None,
    scheme: str = "bdf2",
    mass: str = "lumped",
    solver: str = "automatic",
    solver_tolerance: float = 1e-10,
    threads: int = 0,
) -> TransportHistory:
    """Implicit diffusion ∂c/∂t = ∇·(D ∇c) with one diffusion tensor per grain.

    Linear elements on triangles or tetrahedra; backward Euler, then BDF2 of variable step.

    Parameters
    ----------
    mesh : Mesh
        Polycrystal; D of a grain is D_ab I + (D_c − D_ab) n ⊗ n with n its c axis, in two
        dimensions the in-plane block of that.
    parameters : Parameters
        Material; `diffusivity_ab`, `diffusivity_c` and `max_concentration` are used.
    initial : array_like
        Concentration at the start [mol/m³], number or (n_node,).
    boundary : Dirichlet, Flux, Robin, a sequence of them, or ButlerVolmer
        Surface; where several are given each says `where` it holds. What none holds is closed.
    times : array_like
        (n,) output times [s], increasing, not before `start`.
    start : float
        Time of `initial` [s].
    diffusivity : array_like, optional
        (n_grain, d, d) or (d, d) tensors [m²/s] in place of those of `parameters`.
    interface_conductance : array_like
        k [m/s] of J = k (c⁺ − c⁻) across grain boundaries, number or (k,) per wall facet. Infinite:
        perfect contact, both sides share their unknowns.
    interface_diffusion : array_like
        Width × diffusivity of grain boundaries [m³/s], number or (k,); lithium also runs along
        them.
    tolerance : float
        Error of a step at any node, relative to the range of concentrations in play [1].
    max_change : float, optional
        Largest change of c / C_max at any node in a step [1].
    step : float, optional
        A constant step [s] instead of one by the error.
    scheme : {"bdf2", "backward-euler"}
    mass : {"lumped", "consistent"}
        Lumped does not overshoot after a jump of the surface.
    solver : {"automatic", "iterative", "direct", "petsc"}
        "petsc": your own PETSc through petsc4py, under MPI: all processes call, and get all of the
        result.
    solver_tolerance : float
        Relative residual of the iterative solver, or PETSc's [1].
    threads : int
        0: all cores. Results have the same bits for every number.

    Returns
    -------
    TransportHistory
        One entry per output time.

    Raises
    ------
    ValueError
        If arrays have wrong lengths or are not finite, times do not increase, cells have no
        positive volume, a diffusion tensor is not positive definite, concentrations are outside
        0 … C_max.
    ImportError
        If petsc4py is asked for and not installed.
    nmcx.chemomechanics.ImpossibleDemand
        If a flux would empty or overfill a facet; with time, place and the history up to then.
    nmcx.ConvergenceError
        If a linear system is not solved, or no time step meets the tolerance.

    Notes
    -----
    The range that `tolerance` refers to is that of the initial values and those the surface knows,
    or the mean change that a given flux brings about, whichever is larger: our default. The scheme,
    the error estimate and the balance are in `docs/explanation/transport.md`.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import chemomechanics, materials
    >>> from nmcx.results import Mesh
    >>> square = Mesh(
    ...     points=1e-6 * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]),
    ...     cells=np.array([[0, 1, 2], [0, 2, 3]]),
    ...     grain=np.zeros(2, dtype=int),
    ...     orientation=np.eye(3)[None],
    ...     interfaces=np.empty((0, 4), dtype=int),
    ...     interface_grains=np.empty((0, 2), dtype=int),
    ...     surface=np.array([[0, 1], [1, 2], [2, 3], [3, 0]]),
    ... )
    >>> rate = chemomechanics.Flux(-1e-5)  # inwards, mol/m²/s
    >>> history = chemomechanics.diffuse(
    ...     square, materials.NMC811, initial=1e4, boundary=rate, times=[10.0, 20.0]
    ... )
    >>> history.mean_concentration.round(6).tolist()
    [10400.0, 10800.0]
    """
    domain = Domain(
        mesh,
        parameters,
        diffusivity=diffusivity,
        interface_conductance=interface_conductance,
        interface_diffusion=interface_diffusion,
        mass=mass,
        solver=SolverOptions(solver, solver_tolerance, threads=threads),
    )
    outputs = output_times(times, start)
    first = domain.on_unknowns(initial, "initial")
    drive = _drive(domain, parameters, boundary)
    control = step_control(
        tolerance * _range(drive, first, outputs[-1] - start),
        scheme=scheme,
        step=step,
        max_change=None if max_change is None else max_change * domain.max_concentration,
    )
    settings = {
        "start": start,
        "tolerance": tolerance,
        "step": step,
        "scheme": scheme,
        "mass": mass,
    }
    recorder = Recorder(domain, settings)
    state = State(start, drive.initial(first), 0.0, 0.0)
    stepper = Stepper(domain, drive, state, control)
    try:
        drive.check(state.time, state.solved)
        for end in outputs:
            for state in stepper.until(end):
                recorder.see(state)
            recorder.keep(state)
    except TransportFailure as failure:
        recorder.keep_new(state)
        failure.history = recorder.history()
        raise
    recorder.count(stepper)
    recorder.notes += drive.notes
    return recorder.history()


def _drive(
    domain: Domain, parameters: Parameters, boundary: object
) -> LinearDrive | ElectrodeDrive:
    if not isinstance(boundary, ButlerVolmer):
        return LinearDrive(domain, as_conditions(boundary, (Dirichlet, Flux, Robin)))
    given = (boundary.c_rate, boundary.current, boundary.potential)
    if sum(value is not None for value in given) != 1:
        raise ValueError("ButlerVolmer needs exactly one of c_rate, current and potential")
    drive = ElectrodeDrive(domain, parameters, boundary)
    if boundary.potential is not None:
        drive.hold_potential(boundary.potential)
    elif boundary.current is not None:
        drive.hold_current(boundary.current)
    elif boundary.c_rate is not None:
        drive.hold_current(boundary.c_rate * one_c(domain))
    return drive


def _range(drive: LinearDrive | ElectrodeDrive, first: Doubles, duration: float) -> float:
    """Range of concentrations that errors are measured against [mol/m³]."""
    low, high, inflow = drive.spread()
    change = abs(inflow) * duration / drive.domain.volume
    span = max(float(first.max()), high) - min(float(first.min()), low)
    return max(span, change) or drive.domain.max_concentration


def output_times(times: ArrayLike, start: float) -> Doubles:
    """Output times, checked.

    Raises
    ------
    ValueError
        If they are not finite, do not increase, or lie before the start.
    """
    outputs = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if outputs.ndim != 1 or not outputs.size or not np.isfinite(outputs).all():
        raise ValueError("times must be one or more finite numbers")
    if (np.diff(outputs) <= 0).any() or outputs[0] < start:
        raise ValueError(f"times must increase and not lie before the start, {start:g} s")
    return outputs


def step_control(
    error: float, *, scheme: str, step: float | None, max_change: float | None
) -> StepControl:
    """Step control from the options of a run.

    Raises
    ------
    ValueError
        If an option is not positive, or the scheme is unknown.
    """
    orders = {"bdf2": 2, "backward-euler": 1}
    if scheme not in orders:
        raise ValueError(f"scheme must be 'bdf2' or 'backward-euler', not {scheme!r}")
    for name, value in (("tolerance", error), ("step", step), ("max_change", max_change)):
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite")
    return StepControl(
        error,
        max_change=np.inf if max_change is None else max_change,
        fixed=step,
        order=orders[scheme],
    )
