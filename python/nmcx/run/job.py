"""One run from start to end: steps, log, result file, report, provenance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from nmcx import __version__, io, report, run_file
from nmcx.errors import ConvergenceError, InputError
from nmcx.report import Findings, Table
from nmcx.run.chain import Step, steps
from nmcx.run.crate import crate
from nmcx.run.curves import curves
from nmcx.run.folder import CRATE, new_folder, write_text
from nmcx.run.held import remarks
from nmcx.run.kept_model import kept_model, told
from nmcx.run.known import command
from nmcx.run.log import Log
from nmcx.run.model_steps import Stopped, check_model
from nmcx.run.provenance import inputs_told, origin, scan_files
from nmcx.run.simulation_files import Origin, write_particle
from nmcx.run.simulation_words import Simulated, describe
from nmcx.run_file import RunFile, RunFileError

Progress = Callable[[float, float, str], None]

# What a folder of frames may hold, with the list of a 6-2c scan.
_FRAMES = (".xrm", ".txrm", ".txt", ".h5", ".hdf5", ".hdf", ".nx", ".nxs")


@dataclass(frozen=True)
class RunResult:
    """What a run found and where it lies."""

    #: holds result.nxs, run.resolved.toml, report.html, log.txt, curves as CSV, metadata of all
    #: that, and the model's history
    folder: Path
    findings: Findings  #: all results
    seconds: float  #: wall time [s]

    @property
    def report(self) -> Path:
        """The report of this run."""
        return self.folder / "report.html"


def run(
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    compare: Callable[[Findings], tuple[Table, ...]] | None = None,
) -> RunResult:
    """Do everything that a run file asks for and write it to a folder.

    Parameters
    ----------
    path : str or path
        The run file, TOML.
    out : str or path, optional
        Folder for the results; default the run file's ``[output] folder``.
    force : bool
        Replace the results of an earlier run in that folder.
    progress : callable, optional
        Called as ``progress(done, total, label)`` before each step and at the end.
    compare : callable, optional
        Gives further tables for the report from the findings.

    Returns
    -------
    RunResult
        Results in memory and the folder where they lie.

    Raises
    ------
    nmcx.run_file.RunFileError
        If the run file, or a value in it, cannot be used.
    nmcx.errors.InputError
        If a measured file is missing or damaged.
    nmcx.errors.OutputError
        If the folder holds results already and `force` is false, or cannot be written.
    nmcx.errors.MemoryLimitError
        If the data do not fit into the free memory.
    nmcx.errors.ConvergenceError
        If the model cannot go on: what was found up to then is in the folder, which the message
        names. Or if the measurement cannot be brought together.

    Notes
    -----
    Whatever a section ``[model]`` or ``[compare]`` asks for is on the disk as soon as it is found,
    in the folder ``<out>.part``; after whatever stops the run, the same call goes on from there.
    """
    started = time.perf_counter()
    file = run_file.read(path)
    folder = Path(out).absolute() if out is not None else file.folder
    log = Log()
    log.say(f"nmcx {__version__}, run file {file.path}")
    check_model(file)
    course = Course(progress)
    with (
        kept_model(folder, file.model is not None, _again(file, folder, force)) as kept,
        new_folder(folder, force=force, work=kept / "result" if file.model else None) as work,
    ):
        if (before := told(kept)) != "":
            log.say(f"goes on with the {before} that are kept")
        chosen = steps(file, kept, course.within)
        found, failure = take(chosen, file, Findings(), course, log)
        if compare is not None:
            found = replace(found, tables=(*found.tables, *compare(found)))
        facts, inputs = _provenance(file)
        come_from = Origin(run_file.to_toml(file, folder), inputs, facts)
        leave(work, found, come_from, title=file.output.title, course=course)
        seconds = finish(work, folder, come_from, log, started, title=file.output.title)
    if failure is not None:
        raise ConvergenceError(f"{file.path}: {failure}; what was found up to then is in {folder}")
    course.end()
    return RunResult(folder, found, seconds)


def _again(file: RunFile, folder: Path, force: bool) -> str:
    return command("run", file.path, "-o", folder, *(["--force"] if force else []))


class Course:
    """Progress through steps that do not take equally long."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done, self._weight = 0.0, 0.0
        self.total = 0.0  #: sum of the weights

    def begin(self, label: str, weight: float) -> None:
        """The step before is done, the next begins."""
        self._done, self._weight = self._done + self._weight, weight
        self._say(self._done, label)

    def within(self, done: float, total: float, label: str) -> None:
        """Of the present step `done` of `total` is done."""
        self._say(self._done + self._weight * done / total, label)

    def end(self) -> None:
        """All is done."""
        self._say(self.total, "done")

    def _say(self, done: float, label: str) -> None:
        if self._progress is not None:
            self._progress(done, self.total, label)


def take(
    chosen: Sequence[Step], file: RunFile, found: Findings, course: Course, log: Log
) -> tuple[Findings, str | None]:
    """Take steps one after the other, up to one of the model that does not come to its end.

    Parameters
    ----------
    chosen : sequence of Step
    file : RunFile
        What is asked for.
    found : Findings
        What there is already.
    course : Course
        Hears of progress; two more steps follow, result file and report.
    log : Log

    Returns
    -------
    Findings
    str or None
        Why the model could not go on, if it could not.

    Raises
    ------
    nmcx.run_file.RunFileError
        If a step refuses the values of its section.
    nmcx.errors.ConvergenceError
        If the measurement cannot be brought together.
    """
    course.total = sum(step.weight for step in chosen) + 2
    for step in chosen:
        course.begin(step.label, step.weight)
        try:
            found = _do(step, file, found, log)
        except ConvergenceError as error:
            if step.section not in ("model", "compare"):
                raise
            # What was measured is not lost for what the model cannot do.
            failure = f"[{step.section}]: {error}"
            log.say(failure)
            found = error.found if isinstance(error, Stopped) else found
            return replace(found, notes=(*found.notes, failure)), failure
    return found, None


def leave(
    work: Path,
    found: Findings,
    come_from: Origin,
    *,
    title: str,
    course: Course,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write what a run leaves, but for its log.

    Parameters
    ----------
    work : path
        Folder to write into.
    found : Findings
    come_from : Origin
        Settings, inputs and machine.
    title : str
        Heading of the report.
    course : Course
        Hears that result file and report are written.
    more : mapping, optional
        To be kept in the result file beside what its report shows.
    """
    course.begin("result file", 1)
    text, facts, inputs = come_from.configuration, come_from.facts, come_from.inputs
    write_text(work / "run.resolved.toml", text)
    told = {**remarks(found, title=title, facts=facts), **(more or {})}
    about = {"configuration": text, "inputs": inputs, "date": facts["date"], "report": told}
    io.save(work / "result.nxs", *(result for _, result in found.results()), provenance=about)
    if (made := _simulated(found)) is not None:
        write_particle(work, made)
    for name, curve in curves(found):
        write_text(work / name, curve)
    course.begin("report", 1)
    report.write(
        work / "report.html",
        found,
        title=title,
        provenance={**facts, **inputs_told(inputs)},
        parameters=text,
    )


def finish(
    work: Path,
    folder: Path,
    come_from: Origin,
    log: Log,
    started: float,
    *,
    title: str = "",
    command: str = "run",
) -> float:
    """Write the log, and what all the files are.

    Parameters
    ----------
    work : path
        Folder to write into.
    folder : path
        Where its files will be.
    come_from : Origin
        Settings, inputs and machine.
    log : Log
    started : float
        When, by `time.perf_counter` [s].
    title : str
        Of the run.
    command : str
        Of nmcx, that made it.

    Returns
    -------
    float
        Wall time since then [s].
    """
    seconds = time.perf_counter() - started
    log.say(f"finished after {seconds:.1f} s")
    write_text(work / "log.txt", log.text())
    facts, inputs = come_from.facts, come_from.inputs
    text = crate(work, folder, facts=facts, inputs=inputs, title=title, command=command)
    write_text(work / CRATE, text)
    return seconds


def _do(step: Step, file: RunFile, found: Findings, log: Log) -> Findings:
    started = time.perf_counter()
    known = set(found.all_notes())
    try:
        found = step.act(file, found)
    except InputError:
        raise
    except ValueError as error:
        # What a step refuses comes from the values of its section.
        raise RunFileError(f"{file.path}: [{step.section}]: {error}") from error
    log.say(f"{step.label}: {time.perf_counter() - started:.2f} s")
    for where, note in found.all_notes():
        if (where, note) not in known:
            log.say(f"{where}: {note}")
    if step.label == "model" and (made := _simulated(found)) is not None:
        for line in describe(made):
            log.say(line)
    return found


def _simulated(found: Findings) -> Simulated | None:
    if found.mesh is None or found.history is None or found.parameters is None:
        return None
    return Simulated(found.mesh, found.history, found.parameters.max_concentration)


def input_files(file: RunFile) -> Iterator[Path]:
    """Every measured file that a run file names or implies.

    Parameters
    ----------
    file : RunFile
        From `nmcx.run_file.read`.

    Yields
    ------
    pathlib.Path
    """
    if file.soft is not None:
        soft = file.soft
        for named in (soft.low, soft.high, soft.stack, soft.background, soft.spectrum):
            if isinstance(named, Path):
                yield from scan_files(named)
    if file.spectra is not None:
        for pair in file.spectra.pairs().values():
            yield from pair
    if file.hard is not None:
        frames = file.hard.frames
        if file.hard.stack is not None:
            yield from _contents(file.hard.stack)
        if isinstance(frames, Path):
            yield from sorted(p for p in frames.iterdir() if p.suffix in _FRAMES)
        elif frames is not None:
            yield from frames
        if file.hard.template is not None:
            yield file.hard.template
    if file.tomogram is not None:
        yield from _contents(file.tomogram.file)


def _contents(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(p for p in path.iterdir() if p.is_file())
    else:
        yield path


def _provenance(file: RunFile) -> tuple[dict[str, str], dict[str, str]]:
    """(what was used, sha256 of every input by path)."""
    from nmcx.io._safe import sha256

    facts = origin()
    if file.placing is not None:
        facts["seed"] = str(file.correlation.seed)
    if file.model is not None:
        facts["seed of the model"] = str(file.model.seed)
    inputs = {str(path): sha256(path) for path in input_files(file)}
    return facts, {str(file.path): file.sha256, **inputs}
