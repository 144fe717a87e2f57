"""Scanned X-ray images in NeXus files that follow the application definition NXstxm."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nmcx.errors import InputError
from nmcx.io import _detectors, _safe, _units
from nmcx.io.frames_hdf5 import numbers, text
from nmcx.io.stxm_hdf5 import one_per_image, oriented, per_image
from nmcx.io.stxm_stack import Array, Images, in_order, positions_um, without_blank_end
from nmcx.results import StxmStack

_ENERGY = ("energy", "photon_energy")
_MONITOR = ("control/data", "instrument/control/data")
_NO_IMAGE = ("line", "point", "focus")


def read_nxstxm(
    path: str | PathLike[str],
    *,
    channel: str | None = None,
    region: int | str = 0,
    energy_ev: float | None = None,
    i0: str | None = None,
    position_unit: str | None = None,
) -> StxmStack:
    """Scanned X-ray images from a NeXus file of the definition NXstxm.

    `read_stxm` calls this for HDF5 files; it adds the unit of the positions, which many files do
    not state.

    Parameters
    ----------
    path : path-like
        The file: entries with one NXdata per counter, ``data[energy, y, x]``, ``energy``,
        ``sample_x``, ``sample_y``, ``count_time``. An order of axes told by the attributes
        ``axes`` or ``axis`` is honoured.
    channel : str, optional
        Name of the counter; by custom the first that is not I0.
    region : int or str
        Number of the entry, counted from 0, or its name.
    energy_ev : float, optional
        Photon energy of a single image [eV], where the file does not tell it or is wrong.
    i0 : str, optional
        Counter, or path of a dataset inside the entry, with the incident beam. By custom a
        counter named like I0, else ``control/data``.
    position_unit : str, optional
        Unit of ``sample_x`` and ``sample_y``. By custom their attribute ``units``; without it µm,
        or mm where steps would be below a nanometre.

    Returns
    -------
    StxmStack
        As `read_stxm` returns it.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, holds no image scan, or lacks the counter or entry asked for.
    nmcx.errors.MemoryLimitError
        If the images do not fit into memory.

    References
    ----------
    .. [1] NeXus application definition NXstxm (nexusformat.org).

    Examples
    --------
    >>> import tempfile, pathlib, h5py
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "scan.nxs")
    ...     with h5py.File(file, "w") as out:
    ...         counter = out.create_group("entry1/counter0")
    ...         counter["data"] = np.ones((2, 3, 4))
    ...         counter["energy"] = np.array([854.0, 856.2])
    ...         counter["sample_x"], counter["sample_y"] = np.arange(4.0), np.arange(3.0)
    ...     read_nxstxm(file, position_unit="um").energy_ev
    array([854. , 856.2])
    """
    file = _safe.check_file(path, "NXstxm file")
    notes: list[str] = []
    with _safe.open_hdf5(file) as opened:
        entry, counters = _entry(opened, region, file, notes)
        name = _choose(list(counters), channel, file, notes)
        group = counters[name]
        kind = text(group, "stxm_scan_type", file) or text(group, "scan_type", file)
        if any(word in kind.lower() for word in _NO_IMAGE):
            raise InputError(f"{file}: is a {kind}, not an image scan; read_stxm takes images")
        stored = group[_signal(group)]
        energy = _energy(entry, group, energy_ev, stored, file, notes)
        positions = []
        for key in ("sample_x", "sample_y"):
            unit = position_unit or _safe.attribute(group[key], "units")
            positions.append(positions_um(numbers(group, key, file), unit, key, str(file), notes))
        x, y = positions
        order = _order(group, stored, (energy.size, y.size, x.size), file, notes)
        counts = oriented(stored, order, file)
        n = len(counts)
        if n < energy.size:
            notes.append(f"interrupted scan: {n} of {energy.size} images are there")
        images = Images(
            counts,
            energy[:n],
            x,
            y,
            _dwell(group, energy.size, counts.shape, file, notes),
            _incident(entry, counters, name, i0, order, counts.shape, file, notes),
            name,
            str(_safe.attribute(stored, "units") or ""),
        )
    return in_order(without_blank_end(images, notes), str(file), notes)


# Entries and counters ---------------------------------------------------------------------------


def _entry(
    opened: Any, region: int | str, file: Path, notes: list[str]
) -> tuple[Any, dict[str, Any]]:
    import h5py

    found = {}
    for name in opened:
        entry = opened.get(name)
        if isinstance(entry, h5py.Group) and (counters := _counters(entry)):
            found[name] = (entry, counters)
    if not found:
        raise InputError(
            f"{file}: no entry with data, sample_x and sample_y; if it is an image scan, name its "
            "datasets to read_stxm_hdf5"
        )
    names = [n for n in found if text(found[n][0], "definition", file) == "NXstxm"]
    if not names:
        names = list(found)
        notes.append("no entry says definition = NXstxm: read by its layout")
    at = names.index(region) if region in names else region
    if isinstance(at, str) or not 0 <= at < len(names):
        raise InputError(f"{file}: no entry {region!r}; there are {', '.join(names)}")
    if len(names) > 1:
        notes.append(f"entry {names[at]} of {', '.join(names)} is read")
    return found[names[at]]


def _signal(group: Any) -> str:
    """Name of the dataset with the images, "" if there is none."""
    import h5py

    named = _safe.attribute(group, "signal")
    for name in (named, "data"):
        if isinstance(name, str) and name and isinstance(group.get(name), h5py.Dataset):
            return name
    return ""


def _counters(entry: Any) -> dict[str, Any]:
    """Groups with images and positions; a second link to one of them is left out."""
    import h5py

    found: dict[str, Any] = {}
    seen = set()
    # "default" mostly links to a counter, whose own name says more.
    for name in sorted(entry, key=lambda name: (name == "default", name)):
        group = entry.get(name)
        if not isinstance(group, h5py.Group):
            continue
        axes = [group.get(key) for key in ("sample_x", "sample_y")]
        if _safe.attribute(group, "NX_class") not in (None, "NXdata") or not _signal(group):
            continue
        address = h5py.h5o.get_info(group.id).addr
        if all(isinstance(axis, h5py.Dataset) for axis in axes) and address not in seen:
            seen.add(address)
            found[name] = group
    return found


def _choose(names: list[str], wanted: str | None, file: Path, notes: list[str]) -> str:
    if wanted is None:
        chosen = next((name for name in names if not _detectors.is_incident(name)), names[0])
    else:
        same = [name for name in names if name == wanted]
        same = same or [name for name in names if name.lower() == wanted.lower()]
        if len(same) != 1:
            raise InputError(f"{file}: no counter {wanted!r}; there are {', '.join(names)}")
        chosen = same[0]
    if len(names) > 1:
        notes.append(f"counter {chosen} of {', '.join(names)} is read")
    return chosen


# What belongs to the images ---------------------------------------------------------------------


def _energy(
    entry: Any, group: Any, given: float | None, stored: Any, file: Path, notes: list[str]
) -> Array:
    import h5py

    if given is not None:
        if stored.ndim == 3 and min(stored.shape) > 1:
            raise InputError(f"{file}: energy_ev is for single images; {stored.name} is a stack")
        notes.append(f"energy {given} eV as given by the caller")
        return _units.to_ev(np.array([float(given)]), "eV", f"{file}: energy_ev", notes)
    for place, name in (
        *((group, name) for name in _ENERGY),
        (entry, "instrument/monochromator/energy"),
        (entry, "monochromator/energy"),
    ):
        if not isinstance(place.get(name), h5py.Dataset):
            continue
        where = f"{file}: {place[name].name}"
        energy = _units.to_ev(
            numbers(place, name, file), _safe.attribute(place[name], "units"), where, notes
        )
        if place is group:
            return energy
        if np.ptp(energy) > 0.1:
            raise InputError(f"{where} varies, and the counter has no energies; pass energy_ev")
        notes.append(f"energy from {place[name].name}")
        return np.array([np.median(energy)])
    raise InputError(f"{file}: says no energy; pass energy_ev of a single image")


def _order(
    group: Any, stored: Any, sizes: tuple[int, int, int], file: Path, notes: list[str]
) -> Sequence[str]:
    """What the axes of the data are: as the attributes say where that fits, else as sizes tell."""
    usual = ("energy", "y", "x")
    size_of = dict(zip(usual, sizes, strict=True))
    roles = usual if stored.ndim == 3 else usual[1:]
    if stored.ndim not in (2, 3) or (stored.ndim == 2 and sizes[0] > 1):
        raise InputError(
            f"{file}: {stored.name} has shape {stored.shape} for {sizes} energies, y and x; "
            "read_stxm takes image scans only"
        )

    def fits(order: Sequence[str]) -> bool:
        # An interrupted scan may have fewer images than energies.
        return all(
            n == size_of[role] or (role == "energy" and 0 < n < size_of[role])
            for role, n in zip(order, stored.shape, strict=True)
        )

    declared = _declared(group)
    if sorted(declared) == sorted(roles) and fits(declared):
        return declared if stored.ndim == 3 else ("energy", *declared)
    others = [order for order in itertools.permutations(roles) if fits(order)]
    if not others or (not fits(roles) and len(others) > 1):
        raise InputError(
            f"{file}: {stored.name} has shape {stored.shape}, which does not fit {sizes[0]} "
            f"energies, {sizes[1]} y and {sizes[2]} x; name the datasets to read_stxm_hdf5"
        )
    chosen = roles if fits(roles) else others[0]
    if declared or chosen != roles:
        notes.append(f"axes taken as {', '.join(chosen)} by their sizes, not {declared}")
    return chosen if stored.ndim == 3 else ("energy", *chosen)


def _declared(group: Any) -> list[str]:
    """Roles of the axes by the group's ``axes``, else by ``axis`` of each; [] if not said."""
    names = _safe.text_attribute(group, "axes")
    if not names:
        at = {}
        for name in (*_ENERGY, "sample_y", "sample_x"):
            position = _safe.attribute(group[name], "axis") if name in group else None
            if isinstance(position, float):
                at[position] = name
        names = [at[i] for i in sorted(at)]
    roles = dict.fromkeys(_ENERGY, "energy") | {"sample_x": "x", "sample_y": "y"}
    return [roles.get(name, name) for name in names]


def _dwell(
    group: Any, n_energy: int, shape: tuple[int, ...], file: Path, notes: list[str]
) -> Array:
    import h5py

    unknown = np.full(shape[0], np.nan)
    if not isinstance(group.get("count_time"), h5py.Dataset):
        notes.append("no count_time: time per pixel unknown")
        return unknown
    times = numbers(group, "count_time", file)
    if times.size == n_energy:
        times = times[: shape[0]]
    unit = _safe.attribute(group["count_time"], "units")
    each = one_per_image(_units.to_seconds(times, unit, f"{file}: count_time", notes), shape)
    if each is None:
        notes.append(f"count_time has {times.size} values for {shape[0]} images: not used")
        return unknown
    if np.isnan(each).any():
        notes.append("count_time is not positive: time per pixel unknown")
    return each


def _incident(
    entry: Any,
    counters: dict[str, Any],
    name: str,
    wanted: str | None,
    order: Sequence[str],
    shape: tuple[int, ...],
    file: Path,
    notes: list[str],
) -> Array | None:
    import h5py

    sources = [f"{n}/{_signal(counters[n])}" for n in counters if n == wanted]
    if wanted is not None and not sources:
        sources = [wanted]
    if wanted is None:
        others = [n for n in counters if n != name and _detectors.is_incident(n)]
        sources = [*(f"{n}/{_signal(counters[n])}" for n in others), *_MONITOR]
    for source in sources:
        if isinstance(entry.get(source), h5py.Dataset):
            return per_image(entry[source], order, shape, file, notes)
    if wanted is not None:
        raise InputError(f"{file}: no counter or dataset {wanted!r} in {entry.name} for i0")
    return None
