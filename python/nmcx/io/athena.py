"""Projects of the program Athena: many scans of one session, each with its reference channel."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe
from nmcx.io.spectra import ordered
from nmcx.results import Spectrum

# Tried at one place after the other and never searched for, so that a damaged file costs no more
# time than a whole one.
_STRING = re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL)
_WORD = re.compile(r"[^\s,'\[\]{}()]+")
_PLAIN = re.compile(r"[^'\[\]{}]*+")
_COMMA = re.compile(r"\s*(?:,\s*|$)")
_ASSIGNMENT = re.compile(r"([$@])(old_group|args|x|y)\s*=\s*(.*?)\s*;?\s*$", re.DOTALL)
#: Groups whose `x` is no photon energy.
_NOT_ENERGY = {
    "is_chi": "chi(k)",
    "is_rsp": "chi(R)",
    "is_qsp": "chi(q)",
    "is_pixel": "pixels of a dispersive spectrum",
    "not_data": "no data",
}
#: Bytes of memory per byte of text while numbers are parsed (counted generously).
_EXPANSION = 16


@dataclass
class _Group:
    """One data group as it stands in the file."""

    name: str
    entries: dict[str, str]
    x: NDArray[np.float64] | None = None
    y: NDArray[np.float64] | None = None

    @property
    def link(self) -> str:
        """The group on the other end of the reference link; "" or "0": none."""
        return self.entries.get("referencegroup") or self.entries.get("reference") or ""

    @property
    def label(self) -> str:
        return self.entries.get("label", "").strip() or self.name


def read_athena(path: str | PathLike[str]) -> list[Spectrum]:
    r"""All spectra of an Athena project file, each with its reference channel.

    A scan and its reference channel are two groups of the project that name each other. Here the
    channel travels with its scan, as ``spectrum.reference``, and is not listed a second time. Of
    such a pair the reference is the one whose label starts with "Ref", as Athena names it, else the
    one that comes later. A label may occur several times; ``metadata["group"]`` tells them apart.

    Energies and absorption are those of the file: an energy shift that was set in Athena
    (``bkg_eshift``) is not applied, but said in `notes`.

    Parameters
    ----------
    path : path-like
        The project, gzipped or plain, in the Perl form of Athena or the JSON form of Larch.

    Returns
    -------
    list of Spectrum
        In the order of the file. `energy_ev` (n_energy,) strictly increasing [eV], `mu` (n_energy,)
        as stored [1], `name` the label, `metadata` the parameters of the group as text, `reference`
        the reference channel or None. Groups of chi(k), chi(R), chi(q) or pixels are left out,
        which `notes` of the first spectrum says.

    Raises
    ------
    nmcx.errors.InputError
        If the file is no Athena project, is damaged, unpacks to more than 256 MB, holds no spectrum
        over energy, or a group has no numbers or numbers that are not finite.
    nmcx.errors.MemoryLimitError
        If it does not fit into memory.

    References
    ----------
    .. [1] B. Ravel & M. Newville, "ATHENA, ARTEMIS, HEPHAESTUS", J. Synchrotron Rad. 12, 537
       (2005): the program. Its file layout is not published; what is read here are the assignments
       ``$old_group``, ``@args``, ``@x`` and ``@y`` of each group.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> text = (
    ...     "# Athena project file -- Athena version 0.8\n"
    ...     "$old_group = 'abcd';\n@args = ('label','NiO','referencegroup','efgh');\n"
    ...     "@x = ('8330','8340');\n@y = ('0.1','0.9');\n"
    ...     "$old_group = 'efgh';\n@args = ('label','  Ref NiO','referencegroup','abcd');\n"
    ...     "@x = ('8330','8340');\n@y = ('0.2','0.7');\n"
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "nio.prj")
    ...     _ = file.write_text(text)
    ...     (spectrum,) = read_athena(file)
    >>> spectrum.name, spectrum.reference.name, spectrum.reference.mu
    ('NiO', 'Ref NiO', array([0.2, 0.7]))
    """
    file = _safe.check_file(path, "Athena project")
    text = _safe.read_text(file, "Athena project")
    _memory.check_memory(_EXPANSION * len(text), f"{file}: the Athena project")
    start = text.lstrip()
    if "Athena" not in start[:500]:
        raise InputError(f"{file}: does not begin like an Athena project; is it the right file?")
    with _safe.damaged(file, "Athena project"):
        groups = _from_json(start, file) if start.startswith("{") else _from_perl(start, file)
        return _spectra(groups, file)


def _from_perl(text: str, file: Path) -> list[_Group]:
    groups: list[_Group] = []
    for line in text.split("\n"):
        found = _ASSIGNMENT.match(line)
        if not found:
            continue
        key, value = found[2], found[3]
        if key == "old_group":
            groups.append(_Group(value.strip("'\""), {}))
            continue
        if not groups:
            raise InputError(f"{file}: has values before the first group; is its start missing?")
        group = groups[-1]
        items = _elements(value, f"{file}: group {group.name}, @{key}")
        if key == "args":
            if len(items) % 2:
                raise InputError(f"{file}: group {group.name}: its parameters are not in pairs")
            group.entries = dict(zip(items[::2], items[1::2], strict=True))
        else:
            setattr(group, key, _numbers(items, file, group.name))
    return groups


def _elements(value: str, where: str) -> list[str]:
    """Elements of a Perl list of strings, numbers and lists, as text."""
    if not (value.startswith("(") and value.endswith(")")):
        raise InputError(f"{where} is cut off or damaged; transfer the file again")
    inner = value[1:-1].strip()
    items, at = [], 0
    while at < len(inner):
        end = _element_end(inner, at)
        comma = _COMMA.match(inner, end) if end > at else None
        if not comma:
            raise InputError(f"{where} is damaged at character {at}; transfer the file again")
        item = inner[at:end]
        quoted = item.startswith("'")
        items.append(re.sub(r"\\(.)", r"\1", item[1:-1], flags=re.DOTALL) if quoted else item)
        at = comma.end()
    return items


def _element_end(text: str, at: int) -> int:
    """Where the string, word, list or table that begins at `at` ends; `at` if none does."""
    if text[at] not in "[{":
        found = (_STRING if text[at] == "'" else _WORD).match(text, at)
        return found.end() if found else at
    depth, end = 0, at
    while end < len(text):
        string = _STRING.match(text, end)
        if string:
            end = string.end()
            continue
        if text[end] not in "[]{}":
            plain = _PLAIN.match(text, end)
            if plain is None or plain.end() == end:
                return at  # a string that does not end
            end = plain.end()
            continue
        depth += 1 if text[end] in "[{" else -1
        end += 1
        if depth == 0:
            return end
    return at


def _from_json(text: str, file: Path) -> list[_Group]:
    content = json.loads(text)
    order = content.get("_____order")
    names = order if isinstance(order, list) else [n for n in content if not n.startswith("_____")]
    groups = []
    for name in names:
        stored = content.get(name)
        if not isinstance(stored, dict) or not isinstance(stored.get("args"), dict):
            raise InputError(f"{file}: group {name} is missing or has no parameters")
        entries = {str(k): _as_text(v) for k, v in stored["args"].items()}
        group = _Group(str(name), entries)
        group.x, group.y = (_numbers(stored.get(axis), file, group.name) for axis in "xy")
        groups.append(group)
    return groups


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _numbers(items: object, file: Path, group: str) -> NDArray[np.float64]:
    if not isinstance(items, list):
        raise InputError(f"{file}: group {group} has no list of numbers; save the project again")
    values = np.array(items, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError(f"{file}: group {group} has a value that is not finite; remove the group")
    return values


def _spectra(groups: list[_Group], file: Path) -> list[Spectrum]:
    kept, left_out = [], []
    for group in groups:
        kinds = [what for key, what in _NOT_ENERGY.items() if group.entries.get(key) == "1"]
        if kinds:
            left_out.append(f"group {group.label} left out: {kinds[0]}")
        else:
            kept.append(group)
    if not kept:
        raise InputError(f"{file}: holds no spectrum over energy; is it a project of spectra?")
    # Athena writes a group twice at times, under one name: the first is the one links mean.
    by_name = {group.name: group for group in reversed(kept)}
    position = {group.name: i for i, group in reversed(list(enumerate(kept)))}

    def is_reference(group: _Group) -> bool:
        other = by_name.get(group.link)
        if other is None or other is group or other.link != group.name:
            return False
        own, others = (g.label.lower().startswith("ref") for g in (group, other))
        return own if own != others else position[group.name] > position[other.name]

    spectra: list[Spectrum] = []
    for group in kept:
        if is_reference(group):
            continue
        linked = by_name.get(group.link)
        reference = _spectrum(linked, file) if linked is not None and linked is not group else None
        notes = () if spectra else tuple(left_out)
        spectra.append(_spectrum(group, file, reference, notes))
    return spectra


def _spectrum(
    group: _Group, file: Path, reference: Spectrum | None = None, said: tuple[str, ...] = ()
) -> Spectrum:
    if group.x is None or group.y is None or group.x.size != group.y.size or group.x.size < 2:
        raise InputError(f"{file}: group {group.name} ({group.label}) is incomplete; remove it")
    notes = list(said)
    real = group.x > 0
    energy, mu = group.x[real], group.y[real]
    if energy.size < group.x.size:
        notes.append(f"{group.x.size - energy.size} energies are not positive: rows left out")
    if energy.size and energy.max() < 100.0:
        energy = energy * 1000.0
        notes.append("energies are in keV: converted to eV")
    energy, mu = ordered(energy, mu, file, notes)
    shift = group.entries.get("bkg_eshift", "0")
    if re.fullmatch(r"[-+]?[\d.]*[1-9][\d.]*", shift):
        notes.append(f"the energy shift of {shift} eV set in Athena is not applied")
    return Spectrum(
        energy, mu, group.label, {**group.entries, "group": group.name}, tuple(notes), reference
    )
