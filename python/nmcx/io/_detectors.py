"""Which quantity a column or channel holds, told by the names beamlines give it."""

from __future__ import annotations

import re

_INCIDENT = {"i0", "io", "izero", "mesh", "monitor", "mon", "incident"}
_ELECTRON_YIELD = ("electronyield", "samplecurrent", "drain", "isample", "photocurrent")
_DONE = {"norm", "normalised", "normalized", "normed"}


def words(name: str) -> list[str]:
    """Words and numbers of a name in lower case: "I0 (mesh)" gives i0 and mesh."""
    return re.findall(r"[a-z0-9]+", name.lower())


def is_incident(name: str) -> bool:
    """Whether this is the incident beam: I0, a mesh or a monitor."""
    found = words(name)
    return bool(found) and (found[0] in _INCIDENT or "".join(found[:2]) in ("i0", "aumesh"))


def is_electron_yield(name: str) -> bool:
    """Whether this is total electron yield: TEY, drain or sample current."""
    found = words(name)
    return "tey" in found or any(known in "".join(found) for known in _ELECTRON_YIELD)


def is_divided(name: str) -> bool:
    """Whether the name says that I0 is divided out already: "tey/i0", "tey_norm"."""
    return any(word in _DONE or word in ("i0", "io") for word in words(name)[1:])
