"""Which columns of a spectrum's table make the absorption, and by what they are divided."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _detectors

Array = NDArray[np.float64]

_MU: tuple[str, ...] = (
    "mu",
    "mutrans",
    "mu_trans",
    "mut",
    "xmu",
    "norm",
    "flat",
    "od",
    "optical_density",
)
_MU += ("absorption", "absorbance", "mud_tr", "mufluor", "mu_fluor", "intensity")
_MODES = dict.fromkeys(("mutrans", "mu_trans", "mut", "mud_tr"), "transmission")
_MODES |= dict.fromkeys(("mufluor", "mu_fluor"), "fy")
_TRANSMITTED = ("itrans", "i1", "it", "itr")
_FLUORESCENCE = ("ifluor", "if", "fluor")
_YIELD_WORDS = {"fy", "tfy", "pfy", "apd", "sdd", "fluorescence", *_FLUORESCENCE}


@dataclass(frozen=True)
class Signal:
    """Absorption as the columns give it, row by row."""

    mu: Array
    i0: Array | None = None  #: what it was divided by
    variance: Array | None = None  #: by counting
    mode: str = ""


@dataclass
class Table:
    """Numbers of a file with the lines they stand in, column names and header entries."""

    file: Path
    rows: list[list[float]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    def column(self, i: int) -> NDArray[np.float64]:
        """Numbers of column `i`."""
        return np.array([row[i] for row in self.rows], dtype=np.float64)

    def find(self, *names: str) -> int | None:
        """Column of the first of `names` that is there."""
        return next((self.names.index(name) for name in names if name in self.names), None)


def finite(table: Table, at: int, name: str) -> NDArray[np.float64]:
    """Column `at`; refused with its line if a number is not finite."""
    values = table.column(at)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(
            f"{table.file}: line {table.lines[bad[0]]}: {name} is not a finite number; "
            "remove the line"
        )
    return values


def signal(table: Table, used: int, column: str | None, i0: str | None, notes: list[str]) -> Signal:
    """Absorption from the column asked for, or from the first whose name is known.

    Parameters
    ----------
    table : Table
        The numbers.
    used : int
        Column of the energies.
    column, i0 : str, optional
        Names of the signal and of the incident intensity.
    notes : list of str
        Gains what was chosen.
    """
    at = _named(table, column) if column is not None else None
    incident = _named(table, i0) if i0 is not None else _find_incident(table, used)
    if at is None:
        ready = table.find(*_MU)
        if ready is not None and ready != used and i0 is None:
            return Signal(finite(table, ready, table.names[ready]), mode=_mode(table.names[ready]))
        at = _raw(table, used, incident)
    if at is None and i0 is not None:
        raise InputError(f"{table.file}: which column is over {i0}? pass column; {table.names}")
    if at is None:
        return _any(table, used, notes)
    name = table.names[at]
    # A column chosen by name is divided only if it is known to need it, or I0 is named as well.
    known = column is None or _mode(name) in ("tey", "fy")
    if incident is None or incident == at or (i0 is None and not known):
        if _mode(name) in ("tey", "fy") and not _detectors.is_divided(name):
            notes.append(f"no I0: {name} as stored")
        return Signal(finite(table, at, name), variance=None, mode=_mode(name))
    if i0 is None and _detectors.is_divided(name):
        notes.append(f"{name} is divided already, by its name: as stored")
        return Signal(finite(table, at, name), mode=_mode(name))
    _say_others(table, at, used, notes)
    return _divided(table, at, incident, notes)


def _named(table: Table, wanted: str) -> int:
    at = table.find(wanted.lower())
    if at is None:
        raise InputError(f"{table.file}: no column {wanted!r}; there are {table.names}")
    return at


def _find_incident(table: Table, used: int) -> int | None:
    found = [i for i, n in enumerate(table.names) if i != used and _detectors.is_incident(n)]
    exact = table.find("i0")
    return exact if exact is not None else next(iter(found), None)


def _raw(table: Table, used: int, incident: int | None) -> int | None:
    """The first column with a detector's reading: transmitted, fluorescence, TEY, then FY."""
    if incident is not None:
        for wanted in (_TRANSMITTED, _FLUORESCENCE):
            at = table.find(*wanted)
            if at is not None and at != used:
                return at
    for mode in ("tey", "fy"):
        for i, name in enumerate(table.names):
            if i not in (used, incident) and _mode(name) == mode and name not in _FLUORESCENCE:
                return i
    return None


def _mode(name: str) -> str:
    if name in _TRANSMITTED:
        return "transmission"
    if name in _MODES:
        return _MODES[name]
    if _detectors.is_electron_yield(name):
        return "tey"
    return "fy" if _YIELD_WORDS & set(_detectors.words(name)) else ""


def _say_others(table: Table, at: int, used: int, notes: list[str]) -> None:
    others = [
        name
        for i, name in enumerate(table.names)
        if i not in (at, used) and _mode(name) and not _detectors.is_incident(name)
    ]
    if others:
        notes.append(f"also there: {', '.join(others)}; choose by column=")


def _divided(table: Table, at: int, incident: int, notes: list[str]) -> Signal:
    name, below_name = table.names[at], table.names[incident]
    above, below = finite(table, at, name), finite(table, incident, below_name)
    mode = _mode(name)
    counted = _are_counts(table, at, above), _are_counts(table, incident, below)
    above, below = _upright(above, name, notes), _upright(below, below_name, notes)
    # Yields may be zero or, after a dark, below; a divisor or what a logarithm is taken of may not.
    bad = np.flatnonzero((below <= 0) | ((above <= 0) & (name in _TRANSMITTED)))
    if bad.size:
        raise InputError(
            f"{table.file}: line {table.lines[bad[0]]}: intensities must be positive; "
            "remove the line or subtract the offset"
        )
    ratio = above / below
    relative = None
    if counted[0]:
        # Poisson: var(N)/N² = 1/N, for no count at all that of one.
        relative = 1.0 / np.maximum(above, 1.0) + (1.0 / below if counted[1] else 0.0)
        notes.append(f"variance by counting: {name}" + (f", {below_name}" if counted[1] else ""))
    if name in _TRANSMITTED:
        notes.append(f"absorption is −ln({name}/{below_name})")
        return Signal(-np.log(ratio), below, relative, mode)
    notes.append(f"absorption is {name}/{below_name}")
    level = np.maximum(above, 1.0) / below
    return Signal(ratio, below, None if relative is None else relative * level**2, mode)


def _upright(values: Array, name: str, notes: list[str]) -> Array:
    """Currents that are negative throughout, with their sign turned."""
    if values.size and values.max() < 0:
        notes.append(f"{name} is negative throughout: its sign is turned")
        return -values
    return values


def _are_counts(table: Table, at: int, values: Array) -> bool:
    """Whether a detector counted: its unit says so, or all values are whole and some large."""
    unit = table.units.get(table.names[at], "").lower()
    whole = bool(np.all((values >= 0) & (values == np.round(values))))
    # Our default: whole numbers below 10 may be anything.
    return whole and (unit in ("counts", "count", "cts") or (not unit and values.max() >= 10))


def _any(table: Table, used: int, notes: list[str]) -> Signal:
    at = 1 if used == 0 else 0
    if len(table.rows[0]) > 2:
        shown = f" ({table.names[at]})" if table.names else ""
        notes.append(f"column {at + 1}{shown} of {len(table.rows[0])} taken as absorption")
    return Signal(finite(table, at, "absorption"))
