"""`nmcx report`: the report of a result file, made again."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from nmcx import __version__, io
from nmcx.errors import InputError
from nmcx.report import write
from nmcx.results import Mesh
from nmcx.run.folder import check_target
from nmcx.run.held import findings_of
from nmcx.run.provenance import inputs_told


def report(
    result: str | PathLike[str],
    out: str | PathLike[str] | None = None,
    *,
    force: bool = False,
) -> Path:
    """Make the report of a result file again; nothing is measured or simulated.

    It is the page that the run made, as far as the file holds what that shows: a tomogram is not
    in it, for instance, and a note says so.

    Parameters
    ----------
    result : str or path
        Result file of ``nmcx run``, ``xi``, ``spectrum``, ``cones`` or ``edges``, or the folder of
        a run.
    out : str or path, optional
        HTML file to write; default ``report.html`` in the folder of the result.
    force : bool
        Replace an existing report.

    Returns
    -------
    pathlib.Path
        The report.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, no result file, or holds nothing that a report shows.
    nmcx.errors.OutputError
        If there is a report already and `force` is false, or it cannot be written.
    nmcx.errors.MemoryLimitError
        If the results do not fit into memory.
    """
    source = result_file(result)
    target = source.with_name("report.html") if out is None else Path(out).absolute()
    check_target(target, force)
    held = io.load(source)
    about = io.read_provenance(source)
    if any(isinstance(item, Mesh) for item in held.values()) and "parameters" not in about.report:
        raise InputError(
            f"{source}: is of a simulation, which has pictures and no report; they lie beside it"
        )
    found = findings_of(held, about.report)
    if not [*found.results()]:
        raise InputError(f"{source}: holds {', '.join(held)}, of which no report shows anything")
    facts = dict(about.report.get("facts") or {"program": f"nmcx {about.version}"})
    facts.setdefault("date", about.date)
    if about.version != __version__:
        facts["report made again"] = f"nmcx {__version__}"
    return write(
        target,
        found,
        title=str(about.report.get("title", "")),
        provenance=facts | inputs_told(about.inputs),
        parameters=about.configuration,
        overwrite=force,
    )


def result_file(path: str | PathLike[str]) -> Path:
    """The result file that is named, or that lies in the folder that is named.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    pathlib.Path

    Raises
    ------
    nmcx.errors.InputError
        If it does not exist.
    """
    named = Path(path).absolute()
    file = named / "result.nxs" if named.is_dir() else named
    if not file.exists():
        where = f"{named}: holds no result.nxs" if named.is_dir() else f"{named}: does not exist"
        raise InputError(f"{where}; name a result file, or the folder of a run")
    return file
