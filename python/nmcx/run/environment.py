"""What a bug report needs: versions, machine, and what of the extras is there."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys

from nmcx import __version__, _core
from nmcx.io import _system

#: Extras for those who work on nmcx itself, and one that only gathers others.
_NOT_SHOWN = ("all", "docs", "test")
#: What makes programs take fewer threads, or another path, than the machine offers.
_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("NMCX_INSTRUCTION_SET", "SOURCE_DATE_EPOCH"),
)
_REQUIREMENT = re.compile(r"([\w.-]+)[^;]*(?:;.*\bextra == [\"']([\w-]+)[\"'])?")


def bug_report() -> list[str]:
    """Versions, machine and extras, without a name of user, folder or computer.

    Returns
    -------
    list of str
        Lines that can be pasted.
    """
    from nmcx.io._memory import free_memory

    n_core = os.cpu_count() or 1
    memory = _system.memory()
    of_all = "" if memory is None else f" of {memory / 1e9:.1f} GB"
    needed, extras = _requirements()
    rows = [
        ("nmcx", __version__),
        ("Python", f"{platform.python_version()} {platform.python_implementation()}"),
        ("platform", f"{platform.platform()}, {sys.byteorder} endian"),
        ("instructions", _core.active_instruction_set()),
        ("cores", f"{n_core}, of which this process may use {_system.n_core()}"),
        ("threads", f"{n_core} unless told otherwise"),
        ("memory", f"{free_memory() / 1e9:.1f} GB free{of_all}"),
        *((name, _version(name) or "missing: install nmcx again") for name in needed),
    ]
    for extra, names in extras.items():
        found = [f"{name} {version}" for name in names if (version := _version(name))]
        absent = [name for name in names if not _version(name)]
        text = ", ".join(found)
        if absent:
            remedy = f'{", ".join(absent)} not installed; pip install "nmcx[{extra}]"'
            text = f"{text}; {remedy}" if text else remedy
        rows.append((f"[{extra}]", text))
    rows += [(name, os.environ[name]) for name in _VARIABLES if name in os.environ]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {text}" for name, text in rows]


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """What nmcx always needs, and what each extra brings, as the installed package says it."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("nmcx") or ():
        match = _REQUIREMENT.match(line)
        if match is None:
            continue
        name, extra = match.groups()
        if extra is None:
            needed.append(name)
        elif extra not in _NOT_SHOWN:
            extras.setdefault(extra, []).append(name)
    return needed, extras


def _version(name: str) -> str:
    """Version of an installed package; nothing if it is not."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
