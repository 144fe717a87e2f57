"""The simulation of a particle that cracks: stopped at any moment, it can be gone on with."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from nmcx import __version__, chemomechanics, run_file
from nmcx.chemomechanics.checkpoint import n_kept
from nmcx.errors import ConvergenceError, InputError, OutputError, UsageError
from nmcx.io import _safe, _system
from nmcx.io.work import lock
from nmcx.results import Mesh
from nmcx.run.folder import check_free, new_folder, part_of, write_text
from nmcx.run.kept_model import refuse_run
from nmcx.run.log import Log
from nmcx.run.provenance import origin
from nmcx.run.simulation_files import Origin, fill_folder
from nmcx.run.simulation_model import (
    build_mesh,
    coupling,
    electrode,
    material,
    protocol,
    refusals,
    tiring_walls,
)
from nmcx.run.simulation_words import Simulated, SimulationJob, describe_mesh, told
from nmcx.run_file import RunFileError, SimulationFile

Progress = Callable[[float, float, str], None]

# In the folder of unfinished work: what it is, its run file, its log, its states, its results while
# they are written. With the first it has begun; it goes first when all is done.
_BEGUN, _FILE, _LOG, _STATES, _RESULT = "begun.json", "run.toml", "log.txt", "states", "result"


@dataclass(frozen=True)
class _Begun:
    """What of the first start is the same after every stop."""

    folder: str  #: where the results go
    run_file: str  #: that of the user
    configuration: str
    inputs: Mapping[str, str]
    facts: Mapping[str, str]
    forced: bool  #: earlier results may be replaced

    @classmethod
    def read(cls, part: Path) -> _Begun:
        file = part / _BEGUN
        with _safe.damaged(file, "unfinished simulation"):
            return cls(**json.loads(_safe.read_text(file)))


def begin(
    file: SimulationFile, folder: Path, *, inputs: Mapping[str, str], force: bool, say: Progress
) -> SimulationJob:
    """Simulate the particle of a run file from the start.

    Raises
    ------
    nmcx.errors.OutputError
        If results or unfinished work are there already and `force` is false, or the disk refuses.
    nmcx.errors.Error
        As `nmcx.run.simulate`.
    """
    check_free(folder, force)
    part = part_of(folder)
    if (part / _BEGUN).exists() and not force:
        raise OutputError(
            f"{part}: holds an unfinished simulation; go on with `nmcx resume {folder}`, or start "
            "anew with --force"
        )
    _clear(part)
    part.mkdir(parents=True)
    configuration = run_file.to_toml(file, folder)
    begun = _Begun(str(folder), str(file.path), configuration, inputs, origin(), force)
    write_text(part / _FILE, run_file.to_toml(file, part))
    write_text(part / _BEGUN, json.dumps(asdict(begun)))
    return _go_on(part, begun, file, say)


def resume(folder: Path, *, say: Progress) -> SimulationJob | None:
    """Go on with an unfinished simulation; None if it is finished already.

    Raises
    ------
    nmcx.errors.Error
        As `nmcx.run.resume`.
    """
    part = folder if folder.suffix == ".part" else part_of(folder)
    if (part / _BEGUN).exists():
        return _go_on(part, _Begun.read(part), run_file.read_simulation(part / _FILE), say)
    refuse_run(part)
    if (part.with_suffix("") / "result.nxs").exists():
        if _is_own(part):  # what a stop in the middle of tidying up has left
            shutil.rmtree(part, ignore_errors=True)
        return None
    if (part / "fingerprint.json").exists():
        raise UsageError(f"{part}: is of `nmcx edges`; give that command again with --resume")
    raise UsageError(
        f"{folder}: nothing to resume, there is no {part.name} of a simulation with [fracture]; "
        "begin one with `nmcx simulate`"
    )


def _go_on(part: Path, begun: _Begun, file: SimulationFile, say: Progress) -> SimulationJob:
    """From the last state that is kept to the results."""
    later = f"`nmcx resume {begun.folder}` goes on from here"
    try:
        with _alone(part):
            return _finished(part, begun, file, say)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(later) from None
    except OutputError as error:
        raise OutputError(f"{error}; {later}") from error
    except (ConvergenceError, InputError) as error:
        # What cannot be begun, or cannot be as its run file wants it, is not worth going on with.
        if n_kept(part / _STATES) == 0 or isinstance(error, RunFileError):
            shutil.rmtree(part, ignore_errors=True)
        raise


def _finished(part: Path, begun: _Begun, file: SimulationFile, say: Progress) -> SimulationJob:
    started = time.perf_counter()
    folder = Path(begun.folder)
    log = Log(part / _LOG)
    n_before = n_kept(part / _STATES)
    where = f"goes on after state {n_before}" if n_before else f"run file {begun.run_file}"
    log.say(f"nmcx {__version__}, {where}")
    say(0, 1, "grains")
    grains = build_mesh(file)
    log.say(describe_mesh(grains))

    def kept(done: float, total: float, label: str) -> None:
        log.say(f"state {done:.0f} of {total:.0f} is kept, {label}")
        say(done, total, label)

    made, failure = _simulated(file, grains, part / _STATES, kept)
    say(1, 1, "files and pictures")
    come_from = Origin(begun.configuration, begun.inputs, begun.facts)
    force = begun.forced or _holds(folder, begun.configuration)
    with new_folder(folder, force=force, work=part / _RESULT) as work:
        seconds = fill_folder(work, file, made, failure, come_from, log, started)
    (part / _BEGUN).unlink()
    shutil.rmtree(part, ignore_errors=True)
    if failure is not None:
        text = f"{told(failure, made)}; the states up to then are in {folder}"
        raise ConvergenceError(text) from failure
    return SimulationJob(folder, grains, made.history, made.max_concentration, seconds)


def _simulated(
    file: SimulationFile, grains: Mesh, states: Path, say: Progress
) -> tuple[Simulated, chemomechanics.SimulationFailure | None]:
    """What becomes of the particle, up to a failure if there is one."""
    fracture, transport = file.fracture, file.transport
    assert fracture is not None
    parameters, couples = material(file), coupling(file)
    initial = transport.initial_content
    failure = None
    try:
        with refusals(file, "transport"):
            history = chemomechanics.simulate(
                grains,
                parameters,
                protocol=protocol(transport),
                surface=electrode(transport, parameters, grains),
                coupling=couples,
                initial=None if initial is None else initial * parameters.max_concentration,
                states=transport.states,
                eigenstrain=fracture.eigenstrain,
                plane=fracture.plane,
                order=fracture.order,
                law=tiring_walls(file, parameters, grains),
                tolerance=transport.tolerance or 5e-3,
                max_step=fracture.max_step,
                stress_tolerance=fracture.stress_tolerance,
                progress=say,
                checkpoint=states,
            )
    except chemomechanics.SimulationFailure as stopped:
        if stopped.history is None:
            raise
        failure = stopped
        history = replace(stopped.history, notes=(*stopped.history.notes, str(stopped)))
    return Simulated(grains, history, parameters.max_concentration), failure


def _holds(folder: Path, configuration: str) -> bool:
    """Whether a folder has the results of this very run, which stopped just after writing them."""
    resolved = folder / "run.resolved.toml"
    return resolved.exists() and resolved.read_text(encoding="utf-8") == configuration


def _is_own(part: Path) -> bool:
    """Whether a folder holds nothing but unfinished work of a simulation."""
    own = {_BEGUN, _FILE, _LOG, _STATES, _RESULT}
    return all(item.name in own or item.suffix == ".tmp" for item in part.glob("*"))


def _clear(part: Path) -> None:
    """Remove earlier unfinished work, if it is that and nobody is at it."""
    if not part.exists():
        return
    if not _is_own(part):
        raise OutputError(f"{part}: is no work of nmcx; move it away")
    if (part / _BEGUN).exists():
        with _alone(part):
            (part / _BEGUN).unlink()
    shutil.rmtree(part)


@contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Nobody else works on it.

    Raises
    ------
    nmcx.errors.OutputError
        If another process does.
    """
    file = os.open(part / _BEGUN, os.O_RDONLY | _system.BINARY)
    try:
        lock(file, part)
        yield
    finally:
        os.close(file)
