"""What a report shows, into a result file and out of it again."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from nmcx.materials import NMC811, Parameters
from nmcx.report import Findings, SoftSpectrum, Table
from nmcx.results import PeakRatio, PreEdge, Result, Spectrum, Suppression
from nmcx.run.jump import with_jump


def remarks(
    found: Findings, *, title: str = "", facts: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a report shows beside the results, as `nmcx.io.save` takes it under ``"report"``.

    Parameters
    ----------
    found : Findings
    title : str
        Heading of the report.
    facts : mapping of str to str, optional
        Program, date, versions and machine.

    Returns
    -------
    dict of str to object
        Nothing large: a volume has its name and size in it, no more.
    """
    told: dict[str, Any] = {
        "title": title,
        "facts": dict(facts or {}),
        "notes": list(found.notes),
        "tables": [asdict(table) for table in found.tables],
        "normalised": [
            {"energy_ev": one.normal.energy_ev, "mu": one.normal.mu} for one in found.spectra
        ],
    }
    if found.parameters is not None:
        told["parameters"] = _numbers(found.parameters)
    if found.edges is not None:
        told["edge_voxel_um"] = list(found.edge_voxel_um)
    if found.volume is not None:
        of_edges = found.edges is not None and found.volume is found.edges.edge_jump
        told["volume"] = {
            "name": found.volume_name,
            "voxel_size_um": list(found.volume_voxel_um),
            "is_edge_jump": of_edges,
        }
    return told


def findings_of(held: Mapping[str, Result], told: Mapping[str, Any]) -> Findings:
    """The findings of a run from the results and remarks in its file.

    Parameters
    ----------
    held : mapping of str to Result
        From `nmcx.io.load`, in order.
    told : mapping of str to object
        What `remarks` gave, or nothing.

    Returns
    -------
    Findings
        `notes` say what the file does not hold.
    """
    items = list(held.values())
    spectra = _spectra(items, told.get("normalised", ()))
    measured = {id(part) for one in spectra for part in (one.spectrum, one.found)}
    places = _places()
    values: dict[str, Any] = {}
    for item in items:
        free = [name for name in places.get(type(item), ()) if name not in values]
        if free and id(item) not in measured:
            values[free[0]] = item
    found = with_jump(
        Findings(
            **values,
            spectra=spectra,
            suppressions=tuple(item for item in items if isinstance(item, Suppression)),
            tables=tuple(_table(**table) for table in told.get("tables", ())),
            notes=tuple(told.get("notes", ())),
        )
    )
    return _with_sizes(_with_volume(_with_material(found, told), told), told)


def _numbers(parameters: Parameters) -> dict[str, float]:
    named = ((item.name, getattr(parameters, item.name)) for item in fields(parameters))
    return {name: value for name, value in named if isinstance(value, float)}


def _places() -> dict[type, list[str]]:
    """Names of the findings that are results, by their kind and in order of the chain."""
    places: dict[type, list[str]] = {}
    for name, hint in get_type_hints(Findings).items():
        for kind in () if get_origin(hint) is tuple else get_args(hint):
            if isinstance(kind, type) and issubclass(kind, Result):
                places.setdefault(kind, []).append(name)
    return places


def _spectra(items: list[Result], normalised: Any) -> tuple[SoftSpectrum, ...]:
    """Each measured spectrum; what was found on it comes next in the file."""
    pairs = [
        (before, item)
        for before, item in itertools.pairwise(items)
        if isinstance(before, Spectrum) and isinstance(item, PeakRatio | PreEdge)
    ]
    if len(normalised) != len(pairs):
        return ()
    spectra = []
    for (spectrum, found), curve in zip(pairs, normalised, strict=True):
        normal = replace(
            spectrum, energy_ev=np.asarray(curve["energy_ev"]), mu=np.asarray(curve["mu"]),
            i0=None, variance=None,
        )  # fmt: skip
        edge = "nickel" if isinstance(found, PeakRatio) else "oxygen"
        name = str(found.settings.get("spectrum", spectrum.name))
        spectra.append(SoftSpectrum(edge, name, spectrum, normal, found))
    return tuple(spectra)


def _table(title: str, header: list[str], rows: list[list[str]], remark: str) -> Table:
    return Table(title, tuple(header), tuple(tuple(row) for row in rows), remark)


def _with_material(found: Findings, told: Mapping[str, Any]) -> Findings:
    if "parameters" not in told:
        return found
    return replace(found, parameters=NMC811.replace(**told["parameters"]))


def _with_volume(found: Findings, told: Mapping[str, Any]) -> Findings:
    about = told.get("volume")
    if found.particle is None or about is None:
        return found
    if about["is_edge_jump"] and found.edges is not None:
        return replace(
            found, volume=found.edges.edge_jump, volume_name=about["name"],
            volume_voxel_um=tuple(about["voxel_size_um"]),
        )  # fmt: skip
    note = (
        f"{about['name'].partition(',')[0]}: is not in the result file; slices of the particle "
        "are drawn without it"
    )
    return replace(found, notes=(*found.notes, note))


def _with_sizes(found: Findings, told: Mapping[str, Any]) -> Findings:
    if found.edges is None:
        return found
    if "edge_voxel_um" in told:
        return replace(found, edge_voxel_um=tuple(told["edge_voxel_um"]))
    note = "the result file does not say the voxel size of its edge map: 1 µm was used"
    return replace(found, notes=(*found.notes, note))
