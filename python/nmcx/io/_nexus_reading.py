"""Results out of the groups of a NeXus file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import results
from nmcx.errors import Error, InputError
from nmcx.io import _memory, _safe
from nmcx.io._lazy import LazyArray
from nmcx.io.stacks_hdf5 import lazy_hdf5
from nmcx.results import Result

_LAZY_BYTES = 2**20
# Results within results; a group that is linked into itself would be read without end.
_MAX_DEPTH = 8


def read_result(
    group: Any, file: Path, lazy: bool, signals: Mapping[str, str], depth: int = 0
) -> Result:
    """The result in a group; `signals` names the field that each kind must have."""
    import h5py

    if depth > _MAX_DEPTH:
        raise InputError(
            f"{file}: {group.name} lies in results deeper than {_MAX_DEPTH}; save it again"
        )
    kind = str(_safe.attribute(group, "nmcx_class"))
    if kind not in signals:
        raise InputError(f"{file}: {group.name} is no result of nmcx")
    wanted: type[Result] = getattr(results, kind)
    values: dict[str, Any] = {}
    for described in fields(wanted):  # type: ignore[arg-type]
        name = described.name
        found = group.get(name)
        if isinstance(found, h5py.Group) and _safe.attribute(found, "nmcx_kind") == "results":
            items = [found.get(str(i)) for i in range(len(found))]
            if not all(isinstance(item, h5py.Group) for item in items):
                raise InputError(f"{file}: {found.name} does not count up; save it again")
            values[name] = tuple(
                read_result(item, file, lazy, signals, depth + 1) for item in items
            )
        elif isinstance(found, h5py.Group):
            values[name] = read_result(found, file, lazy, signals, depth + 1)
        elif isinstance(found, h5py.Dataset):
            values[name] = read_value(found, file, lazy)
        else:
            values[name] = None
    if not isinstance(values[signals[kind]], (np.ndarray, LazyArray, float, int)):
        raise InputError(f"{file}: {group.name}/{signals[kind]} is missing or not a number")
    try:
        return wanted(**values)
    except Error:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: {group.name} does not make a {kind}: {error}") from error


def read_value(dataset: Any, file: Path, lazy: bool = False) -> Any:
    """One field: a number, an array, a text or what was written as JSON."""
    kind = _safe.attribute(dataset, "nmcx_kind")
    if kind in ("text", "texts", "mapping"):
        text = _safe.read_string(dataset, file)
        if kind == "text":
            return text
        try:
            value = _from_json(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{file}: {dataset.name} is not JSON ({error})") from error
        if not isinstance(value, list if kind == "texts" else dict):
            raise InputError(f"{file}: {dataset.name} is not a JSON {kind}")
        return tuple(value) if kind == "texts" else value
    if lazy and dataset.ndim > 0 and _memory.n_bytes(dataset.shape, dataset.dtype) > _LAZY_BYTES:
        _safe.check_numeric(dataset, file)
        return lazy_hdf5(dataset, file)
    values: NDArray[Any] = _safe.read_array(dataset, file)
    if kind == "number" and values.ndim == 0:
        return values.item()
    if kind == "tuple" and values.ndim == 1:
        return tuple(float(v) for v in values)
    return values


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"tuple"} and isinstance(value["tuple"], list):
            return tuple(_from_json(item) for item in value["tuple"])
        return {key: _from_json(item) for key, item in value.items()}
    return [_from_json(item) for item in value] if isinstance(value, list) else value
