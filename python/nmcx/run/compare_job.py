"""`nmcx compare`: model and experiment, for a particle that has been measured already."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import __version__, io, run_file
from nmcx.errors import ConvergenceError, InputError
from nmcx.io import _safe
from nmcx.report import Findings
from nmcx.run.chain import steps_of_model
from nmcx.run.folder import new_folder
from nmcx.run.held import findings_of
from nmcx.run.inspection import lines_of_model
from nmcx.run.job import Course, Progress, RunResult, finish, leave, take
from nmcx.run.kept_model import kept_model, told
from nmcx.run.known import command
from nmcx.run.log import Log
from nmcx.run.model_steps import check_model
from nmcx.run.provenance import origin
from nmcx.run.report_job import result_file
from nmcx.run.simulation_files import Origin
from nmcx.run_file import ModelFile, RunFileError
from nmcx.run_file.measured import difference

#: What the comparison takes from the measurement, and what gives it.
_NEEDED = {
    "particle": "[tomogram] or [hard]",
    "surface": "[soft] and [placing]",
    "cones": "[cones]",
    "scan": "[placing] and [correlation]",
}
#: How notes begin that say why an earlier model did not come to its end.
_FAILED = ("[model]: ", "[compare]: ")


@dataclass(frozen=True)
class _Measured:
    """A measured particle, and how it was measured."""

    file: Path  #: the result file
    sha256: str  #: of it
    found: Findings  #: without any model
    title: str  #: of its report
    configuration: str  #: TOML of the measurement
    folder: Path  #: to which paths in that are relative


def compare(
    result: str | PathLike[str],
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Put a measured particle into the model and compare the two, without measuring it again.

    It takes the same run file as `nmcx.run.run` and gives the same numbers, to the bit. It is a
    call of its own, with two files: what was measured is in the one, what is modelled in the
    other, so that one measurement can be compared with many models. Of the run file the sections
    ``[model]``, ``[material]``, ``[fracture]``, ``[coupling]``, ``[compare]`` and ``[output]``
    count; measuring sections may be there, and must say how the particle was measured.

    Parameters
    ----------
    result : str or path
        Result file of ``nmcx run`` or ``nmcx cones`` with a map placed on a particle, or the
        folder of such a run.
    path : str or path
        The run file, TOML, with ``[model]`` and ``[compare]``.
    out : str or path, optional
        Folder for the results; default the run file's ``[output] folder``, or
        ``<run file>_compared`` beside it.
    force : bool
        Replace the results of an earlier run in that folder.
    progress : callable, optional
        Called as ``progress(done, total, label)`` before each step and at the end.

    Returns
    -------
    RunResult
        Results in memory and the folder where they lie, those of the measurement included.

    Raises
    ------
    nmcx.run_file.RunFileError
        If the run file, or a value in it, cannot be used, or it asks for another measurement.
    nmcx.errors.InputError
        If the result file is damaged, or does not hold what is compared.
    nmcx.errors.OutputError
        If the folder holds results already and `force` is false, or cannot be written.
    nmcx.errors.ConvergenceError
        If the model cannot go on: what was found up to then is in the folder.

    Notes
    -----
    What is found is on the disk at once, in ``<out>.part``, as with `nmcx.run.run`: after whatever
    stops it, the same call goes on from there.
    """
    started = time.perf_counter()
    file, measured = _opened(result, path)
    folder = Path(out).absolute() if out is not None else file.folder
    log = Log()
    log.say(f"nmcx {__version__}, run file {file.path}, measured: {measured.file}")
    course = Course(progress)
    onward = ["--force"] if force else []
    again = command("compare", measured.file, file.path, "-o", folder, *onward)
    with (
        kept_model(folder, True, again) as kept,
        new_folder(folder, force=force, work=kept / "result") as work,
    ):
        if (before := told(kept)) != "":
            log.say(f"goes on with the {before} that are kept")
        chosen = steps_of_model(file, kept, course.within)
        found, failure = take(chosen, file, measured.found, course, log)
        title, come_from = file.output.title or measured.title, _origin(file, measured, folder)
        how = {"measured": [measured.configuration, str(measured.folder)]}
        leave(work, found, come_from, title=title, course=course, more=how)
        seconds = finish(work, folder, come_from, log, started, title=title, command="compare")
    if failure is not None:
        raise ConvergenceError(f"{file.path}: {failure}; what was found up to then is in {folder}")
    course.end()
    return RunResult(folder, found, seconds)


def plan_compare(
    result: str | PathLike[str],
    path: str | PathLike[str],
    *,
    out: str | PathLike[str] | None = None,
) -> list[str]:
    """What `compare` would do; nothing is simulated or written.

    Parameters
    ----------
    result, path, out
        As in `compare`.

    Returns
    -------
    list of str
        Lines for the user: what was measured, what would be simulated, output folder.

    Raises
    ------
    nmcx.run_file.RunFileError, nmcx.errors.InputError
        As in `compare`.
    """
    file, measured = _opened(result, path)
    found = measured.found
    assert found.particle and found.surface and found.cones and found.scan
    shape = " × ".join(str(n) for n in found.particle.envelope.shape)
    folder = Path(out).absolute() if out is not None else file.folder
    there = " (exists; --force or -o needed)" if (folder / "result.nxs").exists() else ""
    angles = ", ".join(f"{2 * angle:g}°" for angle in np.rad2deg(found.scan.half_angle))
    lines = [
        ("measured", f"{measured.file}"),
        ("particle", f"{shape} voxels, {100 * found.particle.porosity:.2f} % of it void"),
        ("map", f"{found.surface.values.size} points on the particle"),
        ("cones", f"{len(found.cones.directions)} directions, opening angles {angles}"),
        *lines_of_model(file),
        ("steps", ", ".join(step.label for step in steps_of_model(file))),
        ("output", f"{folder}{there}"),
    ]
    return [f"{file.path}: valid", *(f"{name:<9} {text}" for name, text in lines)]


def _opened(result: Any, path: Any) -> tuple[ModelFile, _Measured]:
    """Run file and measurement, which must fit each other."""
    file = run_file.read_model(path)
    check_model(file)
    measured = _measured(result_file(result))
    with _safe.damaged(measured.file, "result file"):
        other = difference(file, measured.configuration, measured.folder)
    if other is not None:
        raise RunFileError(
            f"{file.path}: {other}; measure again with `nmcx run`, or leave the section out"
        )
    return file, measured


def _measured(source: Path) -> _Measured:
    about = io.read_provenance(source)
    found = findings_of(io.load(source), about.report)
    missing = [name for name in _NEEDED if getattr(found, name) is None]
    if missing:
        raise InputError(
            f"{source}: holds no {missing[0]}, which {_NEEDED[missing[0]]} of a run file gives; "
            "measure the particle with `nmcx run`"
        )
    # Beside what was measured there may be an earlier model of it.
    notes = tuple(note for note in found.notes if not note.startswith(_FAILED))
    found = replace(
        found, parameters=None, mesh=None, layer=None, history=None, contributions=None,
        comparison=None, notes=notes,
    )  # fmt: skip
    how, where = about.report.get("measured") or (about.configuration, str(source.parent))
    title = str(about.report.get("title", ""))
    return _Measured(source, _safe.sha256(source), found, title, how, Path(where))


def _origin(file: ModelFile, measured: _Measured, folder: Path) -> Origin:
    assert file.model is not None
    facts: Mapping[str, str] = origin() | {"seed of the model": str(file.model.seed)}
    inputs = {str(measured.file): measured.sha256, str(file.path): file.sha256}
    return Origin(run_file.to_toml(file, folder), inputs, facts)
