"""nmcx's own result file: NeXus HDF5 with units, uncertainties and provenance, and back."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from nmcx.errors import InputError, OutputError
from nmcx.io import _safe
from nmcx.io._hdf5_writing import new_hdf5
from nmcx.io._nexus_reading import read_result
from nmcx.io._nexus_writing import describe_plot, write_process, write_result
from nmcx.io.nexus_blocks import regions, reserve
from nmcx.results import Result
from nmcx.results.base import is_dask

#: The field of each result that a plotting program shall show first.
SIGNALS: Mapping[str, str] = {
    "Spectrum": "mu",
    "Calibration": "shift_ev",
    "PeakRatio": "ratio",
    "PreEdge": "area",
    "Suppression": "value",
    "FrameStack": "counts",
    "OpticalDensity": "od",
    "StxmStack": "counts",
    "EnergyStack": "mu",
    "AlignedStack": "mu",
    "EdgeMap": "edge_energy_ev",
    "ReferenceFit": "fraction",
    "NormalisedSpectra": "norm",
    "ThicknessEffect": "edge_shift_ev",
    "Shift": "dy",
    "Affine": "offset",
    "AlignedStxm": "counts",
    "XiMap": "xi",
    "Doublet": "low_ev",
    "EnergySensitivity": "per_ev",
    "EdgeDipole": "dy",
    "EndMember": "valence",
    "ValenceMap": "valence",
    "Particle": "solid",
    "DepthProfile": "median",
    "DepthTrend": "median",
    "LineProfiles": "values",
    "ConePorosity": "porosity",
    "SurfaceValues": "values",
    "AngleScan": "pearson",
    "Pose": "image",
    "Robustness": "pearson",
    "PorositySensitivity": "porosity_of_threshold",
    "VoidLabels": "labels",
    "Mesh": "grain",
    "MidsideNodes": "cells",
    "MeshQuality": "angle_least",
    "TransportHistory": "mean_concentration",
    "Equilibrium": "stress",
    "LoadSteps": "dissipated",
    "CrackNetwork": "labels",
    "ModelSensitivity": "dissipated",
    "History": "dissipated",
    "RadialProfile": "hoop",
    "LayerMap": "thickness",
    "Comparison": "predicted",
    "CycleTable": "surface_layer",
    "Contributions": "crack_porosity",
}


def save(
    path: str | PathLike[str],
    *items: Result,
    overwrite: bool = False,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write results to one NeXus HDF5 file, all at once or not at all.

    The file opens in NeXus viewers: the default chain leads to the first result, each result is an
    NXdata with signal, axes and units, and standard errors appear as ``<field>_errors``.

    Parameters
    ----------
    path : path-like
        The file, by custom ``*.nxs``.
    *items : Result
        One or more results of nmcx.
    overwrite : bool
        Whether an existing file may be replaced.
    provenance : mapping, optional
        Recorded as NXprocess: ``"configuration"`` (TOML text of the run), ``"inputs"`` (paths whose
        sha256 is taken, or a mapping of path to sha256), ``"date"`` (ISO 8601; default: now),
        ``"report"`` (what a report shows beside results: a mapping of texts, numbers and lists).

    Raises
    ------
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or it cannot be written.
    nmcx.errors.InputError
        If an input file named in `provenance` cannot be read.
    ValueError
        If there is nothing to save, or something that is no result.

    References
    ----------
    .. [1] NeXus definitions, NXdata, NXprocess and NXnote (nexusformat.org); the attributes
       ``nmcx_class`` and ``nmcx_kind`` are ours.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import results
    >>> shift = results.Shift(dy=1.5, dx=-0.25, std=0.02)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "result.nxs")
    ...     save(file, shift)
    ...     load(file)
    {'shift': Shift(dy=1.5, dx=-0.25, std=0.02, significance=0.0)}
    """
    if not items:
        raise ValueError("save needs at least one result")
    for item in items:
        if type(item).__name__ not in SIGNALS:
            raise ValueError(f"save takes results of nmcx, not {type(item).__name__}")
    process = _process(provenance or {})
    names = _group_names(items)
    with _safe.atomic_write(path, overwrite) as temporary:
        _write_file(temporary, dict(zip(names, items, strict=True)), process)
        _write_dask(temporary, dict(zip(names, items, strict=True)))


def allocate(path: Path, item: Result, provenance: Mapping[str, Any] | None = None) -> None:
    """Make or replace a result file whose `Unwritten` arrays have their places, but no numbers yet.

    The numbers go where `nmcx.io.nexus_blocks.regions` says.
    """
    _write_file(path, {_group_names([item])[0]: item}, _process(provenance or {}))
    reserve(path, path.stat().st_size)


def _write_file(path: Path, items: Mapping[str, Result], process: Mapping[str, Any]) -> None:
    try:
        with new_hdf5(path, track_order=True) as out:
            first = next(iter(items))
            out.attrs.update({"NX_class": "NXroot", "default": "entry", "creator": "nmcx"})
            entry = out.create_group("entry", track_order=True)
            entry.attrs.update({"NX_class": "NXentry", "default": first})
            for name, item in items.items():
                group = entry.create_group(name, track_order=True)
                group.attrs["NX_class"] = "NXdata"
                write_result(group, item)
                describe_plot(group, item, SIGNALS[type(item).__name__])
            write_process(entry.create_group("process"), process)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path}: writing failed ({reason}); check space") from error


def _write_dask(path: Path, items: Mapping[str, Result]) -> None:
    """Compute the dask arrays among the fields, all in one go, and write them block by block."""
    sources, targets = [], []
    for group, item in items.items():
        lazy = [f.name for f in fields(item) if is_dask(getattr(item, f.name))]  # type: ignore[arg-type]
        found = regions(path, f"entry/{group}", lazy)
        sources += [getattr(item, name) for name in lazy]
        targets += [found[name] for name in lazy]
    if sources:
        import dask.array

        reserve(path, path.stat().st_size)
        # Blocks do not overlap, and each goes to its own place.
        dask.array.store(sources, targets, lock=False)


def load(
    path: str | PathLike[str], *, lazy: bool = False, entry: str = "entry"
) -> dict[str, Result]:
    """Read back what `save` wrote.

    Parameters
    ----------
    path : path-like
        An nmcx result file.
    lazy : bool
        Whether arrays of more than 1 MB stay in the file until they are indexed.
    entry : str
        Which entry of a file that `gather` made.

    Returns
    -------
    dict of str to Result
        In the order of saving, by name of the group: ``"edge_map"``, ``"xi_map"``, …; a second
        result of one kind is ``"edge_map_2"``.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged or not an nmcx result file, or a dataset is missing.
    nmcx.errors.MemoryLimitError
        If a dataset does not fit into memory.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "result.nxs")
    ...     results.Shift(dy=1.5, dx=-0.25, std=0.02).save(file)
    ...     load(file)["shift"].dx
    -0.25
    """
    import h5py

    file = _safe.check_file(path, "nmcx result file")
    with _safe.open_hdf5(file) as opened:
        chosen = opened.get(entry)
        if not isinstance(chosen, h5py.Group):
            raise InputError(f"{file}: has no group /{entry}; {_other_entries(opened)}")
        groups = [chosen[name] for name in chosen if isinstance(chosen.get(name), h5py.Group)]
        own = [group for group in groups if _safe.attribute(group, "nmcx_class") in SIGNALS]
        if not own:
            raise InputError(f"{file}: holds no result of nmcx; is it an nmcx result file?")
        return {
            group.name.rsplit("/", 1)[1]: read_result(group, file, lazy, SIGNALS) for group in own
        }


def _other_entries(opened: Any) -> str:
    names = [name for name in opened if _safe.attribute(opened[name], "NX_class") == "NXentry"]
    if not names:
        return "is it an nmcx result file?"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"give entry=, one of {', '.join(names[:5])}{more}"


def holds_results(path: str | PathLike[str]) -> bool:
    """Whether a file is one that `save` wrote; a file of any other kind is none."""
    import h5py

    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with _safe.open_hdf5(path) as opened:
        return _safe.attribute(opened, "creator") == "nmcx"


def _group_names(items: Iterable[Result]) -> list[str]:
    names: list[str] = []
    for item in items:
        base = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(item).__name__).lower()
        names.append(base if base not in names else _next_free(base, names))
    return names


def _next_free(base: str, names: list[str]) -> str:
    n = 2
    while f"{base}_{n}" in names:
        n += 1
    return f"{base}_{n}"


def _process(provenance: Mapping[str, Any]) -> dict[str, Any]:
    from nmcx import __version__

    unknown = set(provenance) - {"configuration", "inputs", "date", "report"}
    if unknown:
        raise ValueError(f"provenance has unknown keys {sorted(unknown)}")
    inputs = provenance.get("inputs") or {}
    if not isinstance(inputs, Mapping):
        inputs = {str(path): _safe.sha256(path) for path in inputs}
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "version": __version__,
        "date": str(provenance.get("date") or now),
        "configuration": provenance.get("configuration"),
        "inputs": {str(path): str(digest) for path, digest in inputs.items()},
        "report": provenance.get("report") or {},
    }
