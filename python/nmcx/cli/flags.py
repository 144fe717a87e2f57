"""Flags of the command line from the keys of the run file: one list of names and meanings."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from nmcx.errors import InputError, UsageError


def add_flags(
    parser: argparse.ArgumentParser, kind: type, *, without: Collection[str] = ()
) -> None:
    """Add a flag for each key of a section: ``min_counts`` becomes ``--min-counts``."""
    known = {action.dest for action in parser._actions}
    group = parser.add_argument_group("options, also keys of the run file")
    for item in fields(kind):
        if item.name in without or item.name in known:
            continue
        words = item.metadata["words"]
        group.add_argument(
            flag(item.name),
            nargs=words,
            metavar=item.metadata["names"] if isinstance(words, int) else _metavar(item.metadata),
            help=item.metadata["meaning"].replace("%", "%%") + _default(item.default),
        )


def _metavar(metadata: Mapping[str, Any]) -> str:
    """What a value can be, if it is one of a few or a path; completion reads it too."""
    schema = metadata["read"].schema
    kinds = schema.get("anyOf", [schema])
    if all("enum" in kind or "const" in kind for kind in kinds):
        words = [word for kind in kinds for word in kind.get("enum", [kind.get("const")])]
        return f"{{{','.join(words)}}}"
    if {"type": "boolean"} in kinds:
        return "{yes,no}"
    return "PATH" if any(kind.get("format") == "path" for kind in kinds) else "X"


def flag(name: str) -> str:
    """The flag of a key."""
    return "--" + name.replace("_", "-")


def given(arguments: argparse.Namespace, kind: type) -> dict[str, Any]:
    """Values of the flags that were given, read as the run file reads its keys.

    Raises
    ------
    nmcx.errors.UsageError
        If a value is of the wrong kind.
    nmcx.errors.InputError
        If a file does not exist.
    """
    from nmcx.run_file.values import Unfit, from_words

    values = {}
    for item in fields(kind):
        words = getattr(arguments, item.name, None)
        if words is None:
            continue
        try:
            values[item.name] = from_words(item.metadata["read"], words, Path())
        except Unfit as error:
            shown = words if isinstance(words, str) else " ".join(words)
            raise UsageError(f"{flag(item.name)}: must be {error}, not {shown}") from None
        except FileNotFoundError as error:
            raise InputError(f"{flag(item.name)}: {error}") from None
    return values


def _default(value: object) -> str:
    if value is None or value is MISSING or value == ():
        return ""
    if isinstance(value, tuple):
        words = (f"'{v}'" if isinstance(v, str) else f"{v:g}" for v in value)
        return f" (default {' '.join(words)})"
    return f" (default {value})"
