"""Headers in SDF form, as the control programs of scanning X-ray microscopes write them."""

from __future__ import annotations

import re
from typing import Any

from nmcx.errors import InputError

_TOKEN = re.compile(r'"[^"]*"|[{}()=;,]|[^\s{}()=;,"]+|"')
_MAX_DEPTH = 64

Struct = dict[str, Any]


def parse_sdf(text: str, where: str = "STXM header") -> Struct:
    """Header text as nested dicts and lists; junk is stepped over, the first of equal keys stays.

    Parameters
    ----------
    text : str
        ``Name = value;`` with numbers, strings, ``{ structs }`` and ``( lists )``.
    where : str
        What it is the text of, for the message.

    Returns
    -------
    dict
        Values are float, str, bool, dict or list.

    Raises
    ------
    nmcx.errors.InputError
        If it is nested deeper than 64.

    Examples
    --------
    >>> parse_sdf('Axis = { Name = "Energy"; Points = (2, 853.0, 857.75);};')
    {'Axis': {'Name': 'Energy', 'Points': [2.0, 853.0, 857.75]}}
    """
    tokens = _TOKEN.findall(text)
    tokens.append("")
    try:
        return _parse_struct(tokens, 0, 0)[0]
    except _TooDeep:
        raise InputError(f"{where}: nested deeper than {_MAX_DEPTH}; is it damaged?") from None


class _TooDeep(Exception):
    """More brackets are open than a header has."""


def _parse_struct(tokens: list[str], at: int, depth: int) -> tuple[Struct, int]:
    found: Struct = {}
    key: list[str] = []
    while tokens[at]:
        token = tokens[at]
        if token in "})":
            return found, at + 1
        if token == "=":
            value, at = _parse_value(tokens, at + 1, depth + 1)
            if key:
                found.setdefault(key[-1], value)
            key = []
            continue
        if token in ";,":
            key = []
        elif token in "{(":
            _, at = _parse_value(tokens, at, depth + 1)
            continue
        else:
            key.append(token)
        at += 1
    return found, at


def _parse_value(tokens: list[str], at: int, depth: int) -> tuple[Any, int]:
    token = tokens[at]
    if depth > _MAX_DEPTH:
        raise _TooDeep
    if token == "{":
        return _parse_struct(tokens, at + 1, depth)
    if token == "(":
        items: list[Any] = []
        at += 1
        while tokens[at] and tokens[at] not in ")}":
            if tokens[at] in ",;=":
                at += 1
                continue
            value, at = _parse_value(tokens, at, depth + 1)
            items.append(value)
        if tokens[at] == "}" and tokens[at + 1] == ")":
            at += 1  # some converters close a list by "})"
        return items, at + 1 if tokens[at] else at
    if not token or token in "});,=":
        return "", at
    return _scalar(token), at + 1


def _scalar(token: str) -> Any:
    if token.startswith('"'):
        return token.strip('"')
    if token in ("true", "false"):
        return token == "true"
    try:
        return float(token)
    except ValueError:
        return token


def struct_of(parent: Struct, key: str) -> Struct:
    """The struct `key`; empty if there is none."""
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def number_of(parent: Struct, key: str) -> float:
    """The number `key`; NaN if there is none."""
    value = parent.get(key)
    return value if isinstance(value, float) else float("nan")


def structs_of(parent: Struct, key: str) -> list[Struct]:
    """The structs in the list `key`, whose leading count is left out."""
    listed = parent.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def text_of(parent: Struct, key: str) -> str:
    """The text `key`; "" if there is none."""
    value = parent.get(key)
    return value.strip() if isinstance(value, str) else ""
