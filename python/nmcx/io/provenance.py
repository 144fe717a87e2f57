"""What a result file says of its origin."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

from nmcx.errors import InputError
from nmcx.io import _memory, _safe
from nmcx.io._nexus_reading import read_value

_MAX_INPUTS = 1_000_000


class Provenance(NamedTuple):
    """What made a result file, when, how, and from what; empty where the file does not say."""

    version: str  #: of nmcx
    date: str  #: ISO 8601
    configuration: str  #: TOML of the run
    inputs: Mapping[str, str]  #: sha256 of every file that was read, by path
    report: Mapping[str, Any]  #: what a report shows beside the results


def read_provenance(path: str | PathLike[str], *, entry: str = "entry") -> Provenance:
    """Read what `save` recorded beside the results.

    Parameters
    ----------
    path : path-like
        An nmcx result file.
    entry : str
        Which entry of a file that `gather` made.

    Returns
    -------
    Provenance

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or not an nmcx result file, or its configuration is no TOML.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import io, results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "result.nxs")
    ...     about = {"configuration": "level = 0.5", "date": "2020-08-21"}
    ...     io.save(file, results.Shift(dy=1.5, dx=-0.25, std=0.02), provenance=about)
    ...     told = read_provenance(file)
    >>> told.configuration, told.date, dict(told.inputs)
    ('level = 0.5', '2020-08-21', {})
    """
    import h5py

    file = _safe.check_file(path, "nmcx result file")
    with _safe.open_hdf5(file) as opened:
        if not isinstance(opened.get(entry), h5py.Group):
            raise InputError(f"{file}: has no group /{entry}; is it an nmcx result file?")
        process = opened[entry].get("process")

        def told(name: str) -> Any:
            found = process.get(name) if isinstance(process, h5py.Group) else None
            return read_value(found, file) if isinstance(found, h5py.Dataset) else None

        names, sums = (_texts(process, f"inputs/{name}", file) for name in ("file_name", "sha256"))
        report = told("report/data")
        configuration = str(told("configuration/data") or "")
        # Reports, citations and comparisons all read it as TOML; deep nesting would end in them.
        with _safe.damaged(f"{file}: /{entry}/process/configuration", "TOML text"):
            tomllib.loads(configuration)
        return Provenance(
            str(told("version") or ""),
            str(told("date") or ""),
            configuration,
            dict(zip(names, sums, strict=False)),
            report if isinstance(report, dict) else {},
        )


def result_entries(path: str | PathLike[str]) -> list[str]:
    """Names of the entries of a result file: "entry", or those that `nmcx.io.gather` gave.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or has none.
    """
    file = _safe.check_file(path, "nmcx result file")
    with _safe.open_hdf5(file) as opened:
        names = [
            name for name in opened
            if opened.get(name) is not None
            and _safe.attribute(opened[name], "NX_class") == "NXentry"
        ]  # fmt: skip
    if not names:
        raise InputError(f"{file}: holds no entry; it was cut short or changed, make it again")
    return names


def _texts(group: Any, name: str, file: Any) -> list[str]:
    import h5py

    found = group.get(name) if isinstance(group, h5py.Group) else None
    if not isinstance(found, h5py.Dataset):
        return []
    kind = h5py.check_string_dtype(found.dtype)
    if kind is None or kind.length is None or found.ndim != 1 or found.size > _MAX_INPUTS:
        raise InputError(f"{file}: {found.name} is no list of texts of one length; save it again")
    _memory.check_memory(found.size * kind.length, f"{file}: {found.name}")
    with _safe.damaged(f"{file}: {found.name}", "list of texts"):
        return [text.decode("utf-8") for text in found[...].tolist()]
