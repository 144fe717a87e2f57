"""Results into the groups of a NeXus file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from nmcx.io.nexus_blocks import Unwritten, create_unwritten
from nmcx.results import Result
from nmcx.results.base import expand_axes, is_dask

#: Fields that hold the positions along an axis.
_AXIS_FIELDS: Mapping[str, str] = {
    "energy": "energy_ev",
    "x": "x_um",
    "y": "y_um",
    "angle": "half_angle",
    "depth": "depth_um",
    "sample": "distance_um",
    "threshold": "threshold",
}
_UNITS = {"µm": "um", "µm²": "um^2", "µm³": "um^3", "": "1"}


def write_result(group: Any, item: Result) -> None:
    """Fields of a result as datasets of a group, with units and standard errors."""
    group.attrs["nmcx_class"] = type(item).__name__
    for described in fields(item):  # type: ignore[arg-type]
        value = getattr(item, described.name)
        if isinstance(value, Result):
            nested = group.create_group(described.name)
            nested.attrs["NX_class"] = "NXcollection"
            write_result(nested, value)
            continue
        if isinstance(value, tuple) and value and all(isinstance(v, Result) for v in value):
            _write_results(group, described.name, value)
            continue
        dataset = _write_value(group, described.name, value)
        if dataset is not None and dataset.dtype.kind in "biuf":
            unit = described.metadata.get("unit", "") or getattr(item, "unit", "")
            dataset.attrs["units"] = _UNITS.get(unit, unit)
    for described in fields(item):  # type: ignore[arg-type]
        error_of = _measured_by(described.name, group)
        if error_of is not None:
            group[f"{error_of}_errors"] = group[described.name]


def _write_results(group: Any, name: str, items: tuple[Result, ...]) -> None:
    listed = group.create_group(name)
    listed.attrs.update({"NX_class": "NXcollection", "nmcx_kind": "results"})
    for i, item in enumerate(items):
        nested = listed.create_group(str(i))
        nested.attrs["NX_class"] = "NXcollection"
        write_result(nested, item)


def _measured_by(name: str, group: Any) -> str | None:
    """Name of the field whose standard error `name` is."""
    if name == "std":
        return "values" if "values" in group else None
    quantity = name.replace("_std", "", 1)
    return quantity if quantity != name and quantity in group else None


def _write_value(group: Any, name: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return _write_text(group, name, value, "text")
    if isinstance(value, Mapping):
        return _write_text(group, name, json.dumps(_to_json(value)), "mapping")
    if isinstance(value, tuple) and not _numeric(value):
        return _write_text(group, name, json.dumps(_to_json(list(value))), "texts")
    if isinstance(value, (bool, int, float, np.generic)):
        dataset = group.create_dataset(name, data=np.asarray(value), track_times=False)
        dataset.attrs["nmcx_kind"] = "number"
        return dataset
    if isinstance(value, tuple):
        array = np.asarray(value, dtype=np.float64)
        dataset = group.create_dataset(name, data=array, track_times=False)
        dataset.attrs["nmcx_kind"] = "tuple"
        return dataset
    return _write_array(group, name, value)


def _write_array(group: Any, name: str, value: Any) -> Any:
    values = value if hasattr(value, "dtype") and hasattr(value, "shape") else np.asarray(value)
    dtype = np.dtype(values.dtype)
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} holds {dtype}, not numbers; it cannot be saved")
    if isinstance(values, Unwritten) or is_dask(values):
        dataset = create_unwritten(group, name, tuple(values.shape), dtype)
        dataset.attrs["nmcx_kind"] = "array"
        return dataset
    dataset = group.create_dataset(name, values.shape, dtype, track_times=False)
    dataset.attrs["nmcx_kind"] = "array"
    if values.ndim < 2:
        dataset[...] = np.asarray(values)
    else:
        # One slab at a time, so that a lazy stack larger than memory can be saved.
        for i in range(values.shape[0]):
            dataset[i] = np.asarray(values[i])
    return dataset


def _write_text(group: Any, name: str, text: str, kind: str) -> Any:
    import h5py

    content = text.encode("utf-8")
    dtype = h5py.string_dtype("utf-8", max(len(content), 1))
    dataset = group.create_dataset(name, data=np.array(content, dtype), track_times=False)
    dataset.attrs["nmcx_kind"] = kind
    return dataset


def _numeric(value: tuple[Any, ...]) -> bool:
    return bool(value) and all(isinstance(v, (int, float, np.number)) for v in value)


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return {"tuple": [_to_json(item) for item in value]}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def describe_plot(group: Any, item: Result, signal: str) -> None:
    """Say which field a plotting program shall show, and against which axes."""
    group.attrs["signal"] = signal
    described = next(f for f in fields(item) if f.name == signal)  # type: ignore[arg-type]
    shape = group[signal].shape
    names = expand_axes(described.metadata.get("axes", ""), len(shape), signal)
    axes = []
    for i, (name, n) in enumerate(zip(names, shape, strict=True)):
        axis = _AXIS_FIELDS.get(name, "")
        if axis not in group or group[axis].shape != (n,):
            axis = _position_axis(group, item, name, n) if name in ("z", "y", "x") else "."
        axes.append(axis)
        if axis != ".":
            group.attrs[f"{axis}_indices"] = np.int32(i)
    if axes:
        group.attrs["axes"] = axes


def _position_axis(group: Any, item: Result, name: str, n: int) -> str:
    size = getattr(item, "voxel_size_um", None) or getattr(item, "pixel_size_um", None)
    at = ("z", "y", "x").index(name) - 3
    if not isinstance(size, tuple) or len(size) < -at or not np.isfinite(size[at]):
        return "."
    positions = np.arange(n, dtype=np.float64) * float(size[at])
    group.create_dataset(name, data=positions, track_times=False).attrs["units"] = "um"
    return name


def write_process(group: Any, process: Mapping[str, Any]) -> None:
    """What made a file, by which version, of what."""
    import h5py

    group.attrs["NX_class"] = "NXprocess"
    for name, text in (
        ("program", "nmcx"),
        ("version", process["version"]),
        ("date", process["date"]),
    ):
        _write_text(group, name, text, "text")
    group.create_dataset("sequence_index", data=np.int32(1), track_times=False)
    if process["configuration"] is not None:
        note = group.create_group("configuration")
        note.attrs["NX_class"] = "NXnote"
        _write_text(note, "type", "application/toml", "text")
        _write_text(note, "data", str(process["configuration"]), "text")
    if process["report"]:
        note = group.create_group("report")
        note.attrs["NX_class"] = "NXnote"
        _write_text(note, "type", "application/json", "text")
        _write_text(note, "data", json.dumps(_to_json(process["report"])), "mapping")
    if process["inputs"]:
        inputs = group.create_group("inputs")
        inputs.attrs["NX_class"] = "NXcollection"
        for name, texts in (
            ("file_name", list(process["inputs"])),
            ("sha256", list(process["inputs"].values())),
        ):
            content = [text.encode("utf-8") for text in texts]
            dtype = h5py.string_dtype("utf-8", max(map(len, content)) or 1)
            inputs.create_dataset(name, data=np.array(content, dtype), track_times=False)
