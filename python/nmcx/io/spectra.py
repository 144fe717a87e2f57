"""Spectra in text files: XDI, columns of ASCII, CSV and TSV."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe
from nmcx.results import Spectrum

#: Planck constant times speed of light [eV Å] (CODATA 2018, exact to the digits given).
HC_EV_ANGSTROM = 12398.419843

_COMMENT = "#%;"
_XDI_FIELD = re.compile(r"([A-Za-z]\w*\.\w+)\s*:\s*(.*)$")
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
_TRANSMITTED = ("itrans", "i1", "it", "itr")
_FLUORESCENCE = ("ifluor", "if", "fluor")
_INCIDENT = ("i0",)


@dataclass
class _Table:
    """Numbers of a file with the lines they stand in, column names and header entries."""

    file: Path
    rows: list[list[float]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    def column(self, i: int) -> NDArray[np.float64]:
        return np.array([row[i] for row in self.rows], dtype=np.float64)

    def find(self, *names: str) -> int | None:
        return next((self.names.index(name) for name in names if name in self.names), None)


def read_spectrum(path: str | PathLike[str], *, column: str | None = None) -> Spectrum:
    r"""One absorption spectrum from an XDI, ASCII, CSV or TSV file.

    Energies below 100 without a unit are keV. Rows are sorted by energy and rows of one energy
    averaged; what was done is in `notes`.

    Parameters
    ----------
    path : path-like
        The file. Comments start with ``#``, ``%`` or ``;``. Columns are found by name (``energy``
        or ``angle``; ``mu``, ``mutrans``, ``xmu``, ``norm``, …; else −ln(``itrans``/``i0``) or
        ``ifluor``/``i0``); without names the first is the energy and the second the absorption.
    column : str, optional
        Name of the column to take as absorption.

    Returns
    -------
    Spectrum
        `energy_ev` (n_energy,) strictly increasing [eV], `mu` (n_energy,) as stored [1], the
        sample's name and the header entries as `metadata`.

    Raises
    ------
    nmcx.errors.InputError
        If the file is binary, a row is incomplete or not finite (the line is named), a named column
        is missing, or fewer than two energies remain.

    References
    ----------
    .. [1] Ravel & Newville, "XAFS Data Interchange", J. Phys. Conf. Series 712, 012148 (2016):
       header fields of XDI/1.0. Angles become energies by Bragg's law, E = hc / (2 d sin θ).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "nio.txt")
    ...     _ = file.write_text("8.333 0.1\n8.350 1.4\n")
    ...     spectrum = read_spectrum(file)
    >>> spectrum.energy_ev.round(3), spectrum.notes
    (array([8333., 8350.]), ('energies are in keV: converted to eV',))
    """
    file = _safe.check_file(path, "spectrum")
    table = _parse(_safe.read_text(file, "spectrum"), file)
    notes: list[str] = []
    energy, used = _energy(table, notes)
    mu = _signal(table, used, column, notes)
    energy, mu = ordered(energy, mu, file, notes)
    name = table.metadata.get("Sample.name", "").strip() or file.stem
    return Spectrum(energy, mu, name, table.metadata, tuple(notes))


def _parse(text: str, file: Path) -> _Table:
    table = _Table(file)
    candidates: list[list[str]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if line[0] in _COMMENT:
            content = line.lstrip(_COMMENT).strip()
            _header_entry(content, table)
            candidates.append(_split(content))
            continue
        words = _split(line.split("#")[0])
        try:
            values = [float(word) for word in words]
        except ValueError as error:
            if table.rows:
                raise InputError(
                    f"{file}: line {number} is not a row of numbers: {error}"
                ) from error
            candidates.append(words)
            continue
        _append(table, values, number)
    if not table.rows:
        raise InputError(f"{file}: holds no row of numbers; is it a spectrum?")
    _name_columns(table, candidates)
    return table


def _append(table: _Table, values: list[float], number: int) -> None:
    where = f"{table.file}: line {number}"
    if len(values) < 2:
        raise InputError(f"{where} has {len(values)} value; energy and absorption are needed")
    if table.rows and len(values) != len(table.rows[0]):
        raise InputError(
            f"{where} has {len(values)} values, the lines before {len(table.rows[0])}; complete it"
        )
    table.rows.append(values)
    table.lines.append(number)


def _split(line: str) -> list[str]:
    separator = next((mark for mark in (",", "\t", ";") if mark in line), None)
    words = [word.strip().strip('"') for word in line.split(separator)]
    while words and not words[-1]:
        words.pop()
    return words


def _header_entry(content: str, table: _Table) -> None:
    match = _XDI_FIELD.match(content)
    if match:
        table.metadata.setdefault(match.group(1), match.group(2).strip())


def _name_columns(table: _Table, candidates: list[list[str]]) -> None:
    n_column = len(table.rows[0])
    columns = [table.metadata.get(f"Column.{i + 1}", "") for i in range(n_column)]
    if any(columns):
        pairs = [(entry.split() or [f"column{i + 1}"]) for i, entry in enumerate(columns)]
        table.names = [pair[0].lower() for pair in pairs]
        table.units = {pair[0].lower(): pair[1] for pair in pairs if len(pair) > 1}
        return
    for words in reversed(candidates):
        names = [word.split("(")[0].split("[")[0].strip().lower() for word in words]
        known = any(name in ("energy", "e", "angle", "energy_ev", "energy_kev") for name in names)
        if len(names) == n_column and known:
            table.names = names
            for name, word in zip(names, words, strict=True):
                if unit := re.search(r"[\[(](.*?)[\])]", word):
                    table.units[name] = unit.group(1)
            return


def _energy(table: _Table, notes: list[str]) -> tuple[NDArray[np.float64], int]:
    at = table.find("energy", "energy_ev", "energy_kev", "e")
    if at is None and (angle := table.find("angle")) is not None:
        return _from_angle(table, angle, notes), angle
    if at is None:
        at = 0
    energy = _finite(table, at, "energy")
    name = table.names[at] if table.names else ""
    unit = table.units.get(name, "keV" if name == "energy_kev" else "").lower()
    unknown_and_small = not unit and name != "energy_ev" and energy.max() < 100
    if unit == "kev" or unknown_and_small:
        energy = energy * 1000.0
        notes.append("energies are in keV: converted to eV")
    elif unit not in ("", "ev"):
        raise InputError(f"{table.file}: energy is in {unit!r}; convert it to eV")
    if energy.min() <= 0:
        line = table.lines[int(energy.argmin())]
        raise InputError(f"{table.file}: line {line}: the energy is not positive")
    return energy, at


def _from_angle(table: _Table, at: int, notes: list[str]) -> NDArray[np.float64]:
    try:
        spacing = float(table.metadata.get("Mono.d_spacing", "").split()[0])
    except (ValueError, IndexError):
        spacing = 0.0
    if not 0 < spacing < np.inf:
        raise InputError(f"{table.file}: has angles but no Mono.d_spacing; add it to the header")
    angle = _finite(table, at, "angle")
    radians = table.units.get("angle", "").lower().startswith("rad")
    sine = np.sin(angle if radians else np.deg2rad(angle))
    if (sine <= 0).any():
        line = table.lines[int(sine.argmin())]
        raise InputError(f"{table.file}: line {line}: no Bragg reflection at this angle")
    notes.append(f"energies from monochromator angles with d = {spacing} Å")
    return np.asarray(HC_EV_ANGSTROM / (2.0 * spacing * sine))


def _signal(table: _Table, used: int, column: str | None, notes: list[str]) -> NDArray[np.float64]:
    if column is not None:
        at = table.find(column.lower())
        if at is None:
            raise InputError(f"{table.file}: no column {column!r}; there are {table.names}")
        return _finite(table, at, column)
    at = table.find(*_MU)
    if at is not None and at != used:
        return _finite(table, at, table.names[at])
    incident = table.find(*_INCIDENT)
    for wanted, logarithm in ((_TRANSMITTED, True), (_FLUORESCENCE, False)):
        measured = table.find(*wanted)
        if incident is None or measured is None:
            continue
        ratio = _ratio(table, measured, incident)
        names = f"{table.names[measured]}/{table.names[incident]}"
        notes.append(f"absorption is −ln({names})" if logarithm else f"absorption is {names}")
        return np.asarray(-np.log(ratio)) if logarithm else ratio
    at = 1 if used == 0 else 0
    if len(table.rows[0]) > 2:
        shown = f" ({table.names[at]})" if table.names else ""
        notes.append(f"column {at + 1}{shown} of {len(table.rows[0])} taken as absorption")
    return _finite(table, at, "absorption")


def _ratio(table: _Table, measured: int, incident: int) -> NDArray[np.float64]:
    above = _finite(table, measured, table.names[measured])
    below = _finite(table, incident, table.names[incident])
    bad = np.flatnonzero((above <= 0) | (below <= 0))
    if bad.size:
        raise InputError(
            f"{table.file}: line {table.lines[bad[0]]}: intensities must be positive; "
            "remove the line or subtract the offset"
        )
    return np.asarray(above / below)


def _finite(table: _Table, at: int, name: str) -> NDArray[np.float64]:
    values = table.column(at)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(
            f"{table.file}: line {table.lines[bad[0]]}: {name} is not a finite number; "
            "remove the line"
        )
    return values


def ordered(
    energy: NDArray[np.float64], mu: NDArray[np.float64], file: Path, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows by rising energy, those of one energy averaged; `notes` gains what was done.

    Raises
    ------
    nmcx.errors.InputError
        If fewer than two energies remain.
    """
    if np.any(np.diff(energy) < 0):
        order = np.argsort(energy, kind="stable")
        energy, mu = energy[order], mu[order]
        notes.append("energies did not rise throughout: sorted")
    unique, index, count = np.unique(energy, return_inverse=True, return_counts=True)
    if unique.size < energy.size:
        mu = np.bincount(index, weights=mu) / count
        notes.append(f"{int((count > 1).sum())} energies occur more than once: rows averaged")
        energy = unique
    if energy.size < 2:
        raise InputError(f"{file}: has one energy only; a spectrum needs at least two")
    return energy, mu
