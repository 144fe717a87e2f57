"""How far unfinished work is, and how to go on with it."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nmcx import io, run_file
from nmcx.chemomechanics.checkpoint import n_kept
from nmcx.errors import InputError
from nmcx.io import _safe, _system
from nmcx.io.arrays import read_arrays
from nmcx.io.nexus import holds_results
from nmcx.io.work import done_in
from nmcx.run.folder import part_of
from nmcx.run.kept_model import MARK, last_command, told
from nmcx.run.known import Known, command

_SIMULATION, _WORK, _JOURNAL = "begun.json", "fingerprint.json", "journal"


def status(folder: str | PathLike[str]) -> list[str]:
    """How far the work towards a result is, and the command that goes on with it.

    Parameters
    ----------
    folder : str or path
        Folder of results or result file, finished or not, or the folder of its unfinished work,
        ``<folder>.part``, or a checkpoint.

    Returns
    -------
    list of str
        Lines for the user.

    Raises
    ------
    nmcx.errors.InputError
        If there are neither results nor work there, or the work is damaged.
    """
    given = Path(folder)
    place = given.absolute()
    part = place if is_unfinished(place) else part_of(place)
    if is_unfinished(part):
        return of_unfinished(part).lines(part)
    finished = place.with_suffix("") if place.suffix == ".part" else place
    result = finished / "result.nxs" if finished.is_dir() else finished
    if holds_results(result):
        made = io.read_provenance(result).date
        facts = (("result", str(result)), ("made", made or "unknown"))
        known = Known("is finished", facts, onward=(command("info", result),))
        return known.lines(finished)
    if not place.exists():
        raise InputError(
            f"{given}: no such folder, and no {part.name} beside it; name the folder that was "
            "given with -o, or the result file"
        )
    raise InputError(
        f"{given}: holds neither results nor unfinished work of nmcx; name the folder that was "
        "given with -o"
    )


def is_unfinished(path: Path) -> bool:
    """Whether a folder is of unfinished work, or a checkpoint."""
    names = (_SIMULATION, _JOURNAL, MARK)
    return path.is_dir() and any((path / name).is_file() for name in names)


def of_unfinished(part: Path) -> Known:
    """What is kept in a folder of unfinished work."""
    if (part / _SIMULATION).is_file():
        return _of_simulation(part)
    if (part / MARK).is_file():
        return _of_run(part)
    with _safe.damaged(part / _WORK, "fingerprint"):
        begun = (part / _WORK).is_file()
        told = json.loads(_safe.read_text(part / _WORK)) if begun else {"fingerprint": {}}
        fingerprint = dict(told["fingerprint"])
    if "energies" in fingerprint:
        return _of_fit(part, fingerprint)
    return _of_checkpoint(part)


def _of_simulation(part: Path) -> Known:
    with _safe.damaged(part / _SIMULATION, "unfinished simulation"):
        begun = json.loads(_safe.read_text(part / _SIMULATION))
        folder, of = str(begun["folder"]), str(begun["run_file"])
    file = run_file.read_simulation(part / "run.toml")
    total = 1 + file.transport.states * len(file.transport.protocol) * file.transport.cycles
    states = part / "states"
    facts = (
        ("run file", of),
        ("kept", f"{n_kept(states)} of at most {total} states{_time_of_last(states)}"),
        ("saved", _last_change(states / _JOURNAL, part / _SIMULATION)),
        ("at work", _at_work(part / _SIMULATION)),
    )
    return Known("unfinished simulation", facts, onward=(command("resume", folder),))


def _of_run(part: Path) -> Known:
    kept = [path for path in part.rglob("*") if path.is_file()]
    facts = (
        ("kept", told(part) or "nothing yet"),
        ("saved", _last_change(*kept)),
        ("at work", _at_work(part / MARK)),
    )
    line = last_command(part) or command("run", "RUN.toml", "-o", part.with_suffix(""))
    return Known("unfinished run", facts, onward=(line,))


def _of_fit(part: Path, fingerprint: Mapping[str, Any]) -> Known:
    with _safe.damaged(part / _WORK, "fingerprint"):
        n_row = int(fingerprint["shape"][0])
        n_energy = len(fingerprint["energies"])
    facts: list[tuple[str, str]] = []
    for what, label in (("measured", "edge energies"), ("judged", "maps completed")):
        blocks = done_in(part, what)
        rows = sum(stop - start for start, stop in blocks)
        share = 100 * rows / max(n_row, 1)
        facts.append(
            ("kept", f"{label}: {rows} of {n_row} rows ({share:.0f} %) in {len(blocks)} blocks")
        )
    facts += [
        ("energies", str(n_energy)),
        ("saved", _last_change(part / _JOURNAL)),
        ("at work", _at_work(part / _JOURNAL)),
    ]
    target = part.with_suffix("")
    line = command("edges", _source(part) or "IN", target, "--resume")
    note = "give the options of the first time too, if there were any"
    return Known("unfinished edge fit", tuple(facts), (note,), onward=(line,))


def _source(part: Path) -> str:
    """What an edge fit reads, as its unfinished result says; nothing if it does not."""
    import tomllib

    result = part / "result.nxs"
    if not holds_results(result):
        return ""
    with _safe.damaged(result, "result file"):
        asked = tomllib.loads(io.read_provenance(result).configuration)
        return str(asked.get("edges", {}).get("source", ""))


def _of_checkpoint(part: Path) -> Known:
    facts = (
        ("kept", f"{n_kept(part)} states{_time_of_last(part)}"),
        ("saved", _last_change(part / _JOURNAL)),
        ("at work", _at_work(part / _JOURNAL)),
    )
    if part.name == "states" and (part.parent / _SIMULATION).is_file():
        return Known("states of a simulation", facts, onward=(command("status", part.parent),))
    line = f"in Python: the same call with checkpoint={str(part)!r}"
    return Known("checkpoint of nmcx.chemomechanics.simulate", facts, onward=(line,))


def _time_of_last(states: Path) -> str:
    """Simulated time of the last state, in words."""
    n = n_kept(states)
    if n == 0:
        return ""
    row = read_arrays(states / f"state_{n - 1:05d}.h5")
    return f", up to t = {float(row['times']):.4g} s" if "times" in row else ""


def _last_change(*files: Path) -> str:
    """When the newest of some files was written, and how long ago."""
    times = [file.stat().st_mtime for file in files if file.exists()]
    if not times:
        return "nothing yet"
    last = datetime.datetime.fromtimestamp(max(times)).astimezone()
    ago = max((datetime.datetime.now().astimezone() - last).total_seconds(), 0.0)
    from nmcx.progress import duration

    return f"{last.isoformat(sep=' ', timespec='seconds')}, {duration(ago)} ago"


def _at_work(file: Path) -> str:
    """Whether a process has the lock that whoever works there takes."""
    try:
        opened = os.open(file, os.O_RDONLY | _system.BINARY)
    except OSError:
        return "unknown"
    try:
        # Shared and given back at once: others who look do not hinder one another.
        free = _system.lock(opened, shared=True)
    except OSError:
        free = None
    finally:
        os.close(opened)
    return {True: "no", False: "yes, a process works on it now", None: "unknown"}[free]
