"""`nmcx cite`: which works to cite for what was done."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

from nmcx import io, report
from nmcx.errors import InputError
from nmcx.io import _safe
from nmcx.io.nexus import holds_results
from nmcx.io.provenance import result_entries
from nmcx.report import Source


def cite(path: str | PathLike[str] | None = None) -> tuple[Source, ...]:
    """The works to cite: nmcx first, then those of the methods, in the order of the chain.

    Parameters
    ----------
    path : str or path, optional
        Result file, or folder of results, whose own methods are wanted; default: all of nmcx.

    Returns
    -------
    tuple of Source

    Raises
    ------
    nmcx.errors.InputError
        If it holds no results of nmcx or is damaged.
    """
    if path is None:
        return report.sources()
    file = Path(path)
    if file.is_dir():
        file = file / "result.nxs"
    _safe.check_file(file, "result file")
    if not holds_results(file):
        raise InputError(f"{file}: holds no result of nmcx; name a result file (.nxs), or none")
    entries = result_entries(file)
    held = [result for name in entries for result in io.load(file, lazy=True, entry=name).values()]
    made = io.read_provenance(file, entry=entries[0])
    program, *works = report.sources(held, made.configuration)
    return replace(program, volume=made.version or program.volume), *works
