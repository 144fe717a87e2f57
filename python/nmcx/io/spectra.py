"""Spectra in text files: XDI, columns of ASCII, CSV and TSV."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe
from nmcx.io.spectra_signal import Table, finite, signal
from nmcx.results import Spectrum

#: Planck constant times speed of light [eV Å] (CODATA 2018, exact to the digits given).
HC_EV_ANGSTROM = 12398.419843

_COMMENT = "#%;"
_XDI_FIELD = re.compile(r"([A-Za-z]\w*\.\w+)\s*:\s*(.*)$")


def read_spectrum(
    path: str | PathLike[str], *, column: str | None = None, i0: str | None = None
) -> Spectrum:
    r"""One absorption spectrum from an XDI, ASCII, CSV or TSV file.

    Energies below 100 without a unit are keV. Rows are sorted by energy and rows of one energy
    averaged; what was done is in `notes`.

    Parameters
    ----------
    path : path-like
        The file. Comments start with ``#``, ``%`` or ``;``. Columns are found by name (``energy``
        or ``angle``; ``mu``, ``mutrans``, ``xmu``, ``norm``, …; else −ln(``itrans``/``i0``) or
        ``ifluor``/``i0``; else electron yield (``tey``, ``sample_current``, ``drain``, …), then
        fluorescence yield (``tfy``, ``pfy``, ``apd``, …), over I0 if it is there); without names
        the first is the energy and the second the absorption.
    column : str, optional
        Name of the column to take as absorption; electron and fluorescence yields are divided by
        I0, others are not unless `i0` is given.
    i0 : str, optional
        Name of the column with the incident intensity, where it is not ``i0``, ``io``, ``mesh`` or
        ``monitor``.

    Returns
    -------
    Spectrum
        `energy_ev` (n_energy,) strictly increasing [eV], `mu` (n_energy,) as stored or over I0
        [1], the sample's name and the header entries as `metadata`; `i0` if it was divided out,
        `variance` of `mu` where the detector counted, `mode` "tey", "fy" or "transmission" where a
        column's name tells.

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
    found = signal(table, used, column, i0, notes)
    _say_several_scans(energy, notes)
    unknown = np.zeros_like(found.mu)
    columns = np.stack(
        [found.mu, *(unknown if c is None else c for c in (found.i0, found.variance))]
    )
    energy, columns, count = merged(energy, columns, file, notes)
    name = table.metadata.get("Sample.name", "").strip() or file.stem
    return Spectrum(
        energy,
        columns[0],
        name,
        table.metadata,
        tuple(notes),
        i0=None if found.i0 is None else columns[1],
        # The mean of n rows has an n-th of their mean variance.
        variance=None if found.variance is None else columns[2] / count,
        mode=found.mode,
    )


def _say_several_scans(energy: NDArray[np.float64], notes: list[str]) -> None:
    """Say so where the energies start again: several scans one after the other in one file."""
    step = np.diff(energy)
    along = 1.0 if np.count_nonzero(step > 0) >= np.count_nonzero(step < 0) else -1.0
    n = int(np.count_nonzero(-along * step > 0.5 * np.ptp(energy)))
    if n and energy.size >= 3 * (n + 1):
        notes.append(f"energies start again {n} times: {n + 1} scans in one file, merged into one")


def _parse(text: str, file: Path) -> Table:
    table = Table(file)
    candidates: list[list[str]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if line[0] in _COMMENT:
            content = line.lstrip(_COMMENT).strip()
            _header_entry(content, table)
            candidates.append(_split(content))
            if content.startswith("L "):
                # Labels of SPEC may hold a blank: two part them.
                candidates.append(re.split(r"\s{2,}", content[2:].strip()))
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


def _append(table: Table, values: list[float], number: int) -> None:
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


def _header_entry(content: str, table: Table) -> None:
    match = _XDI_FIELD.match(content)
    if match:
        table.metadata.setdefault(match.group(1), match.group(2).strip())


def _name_columns(table: Table, candidates: list[list[str]]) -> None:
    n_column = len(table.rows[0])
    columns = [table.metadata.get(f"Column.{i + 1}", "") for i in range(n_column)]
    if any(columns):
        pairs = [(entry.split() or [f"column{i + 1}"]) for i, entry in enumerate(columns)]
        table.names = [pair[0].lower() for pair in pairs]
        table.units = {pair[0].lower(): pair[1] for pair in pairs if len(pair) > 1}
        return
    for words in reversed(candidates):
        if words and words[0] == "L" and len(words) == n_column + 1:
            words = words[1:]  # "#L" opens the line of labels in files of SPEC
        names = [word.split("(")[0].split("[")[0].strip().lower() for word in words]
        known = any(name in ("energy", "e", "angle", "energy_ev", "energy_kev") for name in names)
        if len(names) == n_column and known:
            table.names = names
            for name, word in zip(names, words, strict=True):
                if unit := re.search(r"[\[(](.*?)[\])]", word):
                    table.units[name] = unit.group(1)
            return


def _energy(table: Table, notes: list[str]) -> tuple[NDArray[np.float64], int]:
    at = table.find("energy", "energy_ev", "energy_kev", "e")
    if at is None and (angle := table.find("angle")) is not None:
        return _from_angle(table, angle, notes), angle
    if at is None:
        at = 0
    energy = finite(table, at, "energy")
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


def _from_angle(table: Table, at: int, notes: list[str]) -> NDArray[np.float64]:
    try:
        spacing = float(table.metadata.get("Mono.d_spacing", "").split()[0])
    except (ValueError, IndexError):
        spacing = 0.0
    if not 0 < spacing < np.inf:
        raise InputError(f"{table.file}: has angles but no Mono.d_spacing; add it to the header")
    angle = finite(table, at, "angle")
    radians = table.units.get("angle", "").lower().startswith("rad")
    sine = np.sin(angle if radians else np.deg2rad(angle))
    if (sine <= 0).any():
        line = table.lines[int(sine.argmin())]
        raise InputError(f"{table.file}: line {line}: no Bragg reflection at this angle")
    notes.append(f"energies from monochromator angles with d = {spacing} Å")
    return np.asarray(HC_EV_ANGSTROM / (2.0 * spacing * sine))


def ordered(
    energy: NDArray[np.float64], mu: NDArray[np.float64], file: Path, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows by rising energy, those of one energy averaged; see `merged`."""
    energy, columns, _ = merged(energy, mu[None], file, notes)
    return energy, columns[0]


def merged(
    energy: NDArray[np.float64], columns: NDArray[np.float64], file: Path, notes: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Columns (n_column, n_row) by rising energy, rows of one energy averaged, and their number.

    `notes` gains what was done.

    Raises
    ------
    nmcx.errors.InputError
        If fewer than two energies remain.
    """
    if np.any(np.diff(energy) < 0):
        order = np.argsort(energy, kind="stable")
        energy, columns = energy[order], columns[:, order]
        notes.append("energies did not rise throughout: sorted")
    unique, index, count = np.unique(energy, return_inverse=True, return_counts=True)
    if unique.size < energy.size:
        columns = np.stack([np.bincount(index, weights=column) / count for column in columns])
        notes.append(f"{int((count > 1).sum())} energies occur more than once: rows averaged")
        energy = unique
    if energy.size < 2:
        raise InputError(f"{file}: has one energy only; a spectrum needs at least two")
    return energy, columns, count
