"""JSON Schema of the run files, from the dataclasses that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from nmcx.run_file.sections import RunFile
from nmcx.run_file.simulation_sections import SimulationFile

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: type[RunFile] | type[SimulationFile] = RunFile) -> dict[str, Any]:
    """JSON Schema of a run file: sections, keys, types, bounds, defaults and meanings.

    What a reader finds out beyond that, such as whether files exist and which keys and sections go
    together, `nmcx check` says.

    Parameters
    ----------
    kind : type
        `RunFile` or `SimulationFile`.

    Returns
    -------
    dict
        Of JSON values, by draft 2020-12; editors of TOML take it as well.

    Examples
    --------
    >>> schema()["properties"]["hard"]["properties"]["level"]["minimum"]
    0.01
    """
    from nmcx import __version__

    return {
        "$schema": _DRAFT,
        "title": f"Run file of `{kind.COMMAND}`, nmcx {__version__}",
        "description": f"`nmcx check FILE` checks it further; `{kind.COMMAND} FILE` does it.",
        "type": "object",
        "properties": {name: _section(section) for name, section in kind.SECTIONS.items()},
        "required": _required_sections(kind),
        "additionalProperties": False,
    }


def _section(section: type) -> dict[str, Any]:
    return {
        "type": "object",
        "description": (section.__doc__ or "").strip(),
        "properties": {item.name: _key(item) for item in fields(section)},
        "required": [item.name for item in fields(section) if item.default is MISSING],
        "additionalProperties": False,
    }


def _key(item: Field[Any]) -> dict[str, Any]:
    told: Mapping[str, Any] = item.metadata["read"].schema
    found = {"description": item.metadata["meaning"], **told}
    value = item.default
    if value is None and item.metadata["show"] == '"auto"':
        value = "auto"
    if value is not MISSING and value is not None:
        found["default"] = _json(value)
    return found


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _required_sections(kind: type[Any]) -> list[str]:
    """Those without which there is no such file: never None, and with a key that has no default."""
    always = {item.name for item in fields(kind) if "None" not in str(item.type)}
    return [
        name
        for name, section in kind.SECTIONS.items()
        if name in always and any(item.default is MISSING for item in fields(section))
    ]
