"""Arrays and numbers by name in one HDF5 file: what programs keep for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from os import PathLike
from typing import Any

import numpy as np

from nmcx.errors import InputError
from nmcx.io import _safe
from nmcx.io._atomic import atomic_write


def write_arrays(path: str | PathLike[str], arrays: Mapping[str, Any]) -> None:
    """Write numbers and arrays to a file, all at once or not at all; it replaces an earlier one.

    Parameters
    ----------
    path : path-like
    arrays : mapping of str to array_like
        Numbers, truth values or arrays of them; a ``/`` in a name makes a group.

    Raises
    ------
    nmcx.errors.OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "state.h5")
    ...     write_arrays(file, {"time": 0.1, "past/concentration": [1.0, 2.0]})
    ...     read_arrays(file)
    {'past/concentration': array([1., 2.]), 'time': 0.1}
    """
    import h5py

    # Made in memory, so that a full disk is met by plain writing.
    content = BytesIO()
    with h5py.File(content, "w") as out:
        for name, values in arrays.items():
            out.create_dataset(name, data=np.asarray(values), track_times=False)
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_bytes(content.getbuffer())


def read_arrays(path: str | PathLike[str]) -> dict[str, Any]:
    """What `write_arrays` has written, to the bit; numbers as those of Python.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to number or numpy.ndarray

    Raises
    ------
    nmcx.errors.InputError
        If the file is missing or damaged, or holds anything but numbers.
    nmcx.errors.MemoryLimitError
        If an array does not fit into memory.
    """
    import h5py

    found: dict[str, Any] = {}
    file = _safe.check_file(path, "file of arrays")
    with _safe.open_hdf5(file) as opened:
        names: list[str] = []
        opened.visit(names.append)
        for name in names:
            item = opened.get(name)
            if isinstance(item, h5py.Group):
                continue
            if not isinstance(item, h5py.Dataset):
                raise InputError(f"{file}: {name} is no array; is it the right file?")
            values = _safe.read_array(item, file)
            found[name] = values.item() if values.ndim == 0 else values
    return found


def within(arrays: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Those of a group, by their names in it.

    Examples
    --------
    >>> within({"past/time": 1.0, "time": 2.0}, "past")
    {'time': 1.0}
    """
    start = f"{group}/"
    return {name[len(start) :]: v for name, v in arrays.items() if name.startswith(start)}


def into(group: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The same in a group.

    Examples
    --------
    >>> into("past", {"time": 1.0})
    {'past/time': 1.0}
    """
    return {f"{group}/{name}": values for name, values in arrays.items()}
