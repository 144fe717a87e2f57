"""Whether a particle was measured as a run file says."""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from nmcx.run_file.sections import ModelFile, RunFile
from nmcx.run_file.values import Unfit

_UNKNOWN = object()


def difference(file: ModelFile, configuration: str, folder: Path) -> str | None:
    """The first key of a measuring section with which the particle was not measured.

    Parameters
    ----------
    file : ModelFile
        From `nmcx.run_file.read_model`.
    configuration : str
        TOML with which the particle was measured; keys that it lacks had their defaults.
    folder : path
        To which its paths are relative.

    Returns
    -------
    str or None
        "[section] key: reason"; None where all agree, as far as can be told: files that do not
        exist any more are not compared.
    """
    measured = tomllib.loads(configuration)
    for section, table in file.measuring.items():
        if section not in measured or not isinstance(table, dict):
            continue
        for item in fields(RunFile.SECTIONS[section]):
            read, name = item.metadata["read"], item.name
            if name not in table:
                continue
            try:
                wanted = read(table[name], file.path.parent)
            except FileNotFoundError:
                continue
            except Unfit as error:
                return f"[{section}] {name}: must be {error}"
            was = _value(measured[section], item, read, folder)
            if was is not _UNKNOWN and was != wanted:
                return (
                    f"[{section}] {name}: is {_shown(wanted)}, but the particle was measured with "
                    f"{_shown(was)}"
                )
    return None


def _shown(value: object) -> str:
    return json.dumps("auto" if value is None else value, default=str, ensure_ascii=False)


def _value(table: dict[str, Any], item: Any, read: Any, folder: Path) -> Any:
    if item.name not in table:
        return _UNKNOWN if item.default is MISSING else item.default
    try:
        return read(table[item.name], folder)
    except (FileNotFoundError, Unfit):
        return _UNKNOWN
