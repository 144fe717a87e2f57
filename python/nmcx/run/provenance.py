"""What a result file says about its origin: the options, and the files that were read."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from nmcx import __version__
from nmcx.run_file import toml_value


def origin() -> dict[str, str]:
    """Program, date, versions and machine of a run.

    The date is that of now, or of the environment variable SOURCE_DATE_EPOCH [s], by which whoever
    wants the same bytes twice gives the same date twice.

    Returns
    -------
    dict of str to str
    """
    import numpy
    import scipy

    from nmcx import _core

    date = datetime.datetime.now(datetime.UTC)
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdecimal():
        date = datetime.datetime.fromtimestamp(int(given), datetime.UTC)
    return {
        "program": f"nmcx {__version__}",
        "date": date.isoformat(timespec="seconds"),
        "python": f"{platform.python_version()}, numpy {numpy.__version__}, "
        f"scipy {scipy.__version__}",
        "machine": f"{platform.system()} {platform.machine()}, instruction set "
        f"{_core.active_instruction_set()}",
    }


def inputs_told(inputs: Mapping[str, str]) -> dict[str, str]:
    """Names and sha256 of the files that were read, as a report shows them.

    Parameters
    ----------
    inputs : mapping of str to str
        sha256 by path.

    Returns
    -------
    dict of str to str
    """
    return {Path(name).name: f"sha256 {digest}" for name, digest in inputs.items()}


def configuration(name: str, *sections: Any) -> str:
    """Options that differ from their defaults, as a section of TOML.

    Parameters
    ----------
    name : str
        Of the section.
    *sections : dataclass
        Of `nmcx.run_file`.

    Returns
    -------
    str
    """
    lines = [f"[{name}]"]
    for section in sections:
        for item in fields(section):
            value = getattr(section, item.name)
            if is_dataclass(value):
                continue
            if value is not None and (item.default is MISSING or value != item.default):
                lines.append(f"{item.name} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def scan_files(path: Path) -> Iterator[Path]:
    """A file, and the images beside it if it is the header of a scan.

    Parameters
    ----------
    path : path
        File that was named.

    Yields
    ------
    pathlib.Path
    """
    yield path
    if path.suffix.lower() == ".hdr":
        yield from sorted(path.parent.glob(f"{path.stem}_*.xim"))
