"""Charging, holding, resting: what is done to the electrode, one part after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics.demand import CutOff, TransportFailure
from nmcx.chemomechanics.diffusion import step_control
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.chemomechanics.electrode_drive import ButlerVolmer, ElectrodeDrive, one_c
from nmcx.chemomechanics.recording import Recorder
from nmcx.chemomechanics.stepping import State, StepControl, Stepper, started
from nmcx.materials import Parameters
from nmcx.results import Mesh, TransportHistory


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
    parts = list(protocol) if isinstance(protocol, Sequence) else [protocol]
    for part in parts:
        _check_part(part)
    if not parts or states < 1:
        raise ValueError("protocol needs a part, and states must be 1 or more")
    kinetics = surface or ButlerVolmer()
    if (kinetics.c_rate, kinetics.current, kinetics.potential) != (None, None, None):
        raise ValueError("surface must not hold a rate, current or potential: the protocol does")
    domain = Domain(
        mesh,
        parameters,
        diffusivity=diffusivity,
        interface_conductance=interface_conductance,
        interface_diffusion=interface_diffusion,
        mass=mass,
        solver=SolverOptions(solver, solver_tolerance, threads=threads),
    )
    if initial is None:
        if not isinstance(parts[0], Charge | Discharge):
            raise ValueError("initial must be given unless the protocol starts with a charge")
        initial = parts[0].initial * domain.max_concentration
    drive = ElectrodeDrive(domain, parameters, kinetics)
    settings = {"protocol": tuple(map(repr, parts)), "tolerance": tolerance}
    recorder = Recorder(domain, settings, progress=progress, n_expected=1 + states * len(parts))
    state = State(0.0, drive.idle(domain.on_unknowns(initial, "initial")), 0.0, 0.0)
    for number, part in enumerate(parts):
        recorder.part = number
        duration, change = _begin(part, drive, domain, state)
        if duration <= 0:
            continue
        state = started(state, drive)
        if not recorder.states:
            recorder.keep(state)
        control = step_control(
            tolerance * max(change, 1e-3) * domain.max_concentration,
            scheme=scheme,
            step=None,
            max_change=None if max_change is None else max_change * domain.max_concentration,
        )
        state = _run(part, drive, state, duration, control, states, recorder)
    recorder.notes += drive.notes
    return recorder.history()


def _check_part(part: object) -> None:
    if not isinstance(part, Charge | Discharge | Hold | Rest):
        raise ValueError(f"protocol must hold Charge, Discharge, Hold and Rest, not {part!r}")
    if isinstance(part, Charge | Discharge):
        if not 0 < part.c_rate < np.inf:
            raise ValueError("c_rate of a charge or discharge must be positive")
        if not (0 <= part.until <= 1 and 0 < part.initial < 1):
            raise ValueError("until and initial are mean c / C_max, between 0 and 1")
    elif not 0 <= part.duration < np.inf:
        raise ValueError("duration must be 0 or more, and finite")


def _begin(part: Part, drive: ElectrodeDrive, domain: Domain, state: State) -> tuple[float, float]:
    """Set the drive to a part; its length [s] and the change of c / C_max it is about."""
    drive.cutoff, drive.least_current = None, None
    if isinstance(part, Hold):
        drive.hold_potential(part.potential)
        if part.until_c_rate is not None:
            drive.least_current = part.until_c_rate * one_c(domain)
        return part.duration, 1.0
    if isinstance(part, Rest):
        drive.hold_current(0.0)
        spread = float(np.ptp(state.concentration)) / domain.max_concentration
        return part.duration, spread
    sense = 1 if isinstance(part, Charge) else -1
    mean = float(domain.mass @ state.concentration) / domain.volume / domain.max_concentration
    change = sense * (mean - part.until)
    if change < -1e-9:
        raise ValueError(
            f"{type(part).__name__}(until={part.until:g}) starts at a mean c / C_max of "
            f"{mean:.4g}, which is past it"
        )
    drive.hold_current(sense * part.c_rate * one_c(domain))
    if part.cutoff is not None:
        drive.cutoff = part.cutoff, sense
    return 3600.0 * change / part.c_rate, change


def _run(
    part: Part,
    drive: ElectrodeDrive,
    state: State,
    duration: float,
    control: StepControl,
    states: int,
    recorder: Recorder,
) -> State:
    """Step through a part; the state at its end."""
    stepper = Stepper(recorder.domain, drive, state, control)
    last = state
    begin = state.time
    try:
        drive.check(last.time, last.solved)
        for i in range(1, states + 1):
            for last in stepper.until(begin + duration * i / states):
                recorder.see(last)
            recorder.keep(last)
    except CutOff:
        recorder.keep_new(last)
    except TransportFailure as failure:
        recorder.keep_new(last)
        recorder.count(stepper)
        recorder.notes += drive.notes
        failure.history = recorder.history()
        raise
    recorder.count(stepper)
    return last
