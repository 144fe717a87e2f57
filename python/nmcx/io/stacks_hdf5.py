"""Energy stacks in HDF5: nmcx results, APS Data Exchange, reconstructions from NSLS-II FXI."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _planes, _safe, _units
from nmcx.io._boxes import Say, copy, stored_type
from nmcx.io._hdf5_writing import new_hdf5
from nmcx.io._lazy import LazyArray, row_runs, selected_shape
from nmcx.results import EnergyStack

SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".he5")
_FXI_ENERGIES = ("X_eng", "XEng")
_CLASS = "EnergyStack"
_ORDER_BYTES = 32  # of one image


def open_file(file: Path) -> EnergyStack:
    """See `nmcx.io.open_stack`."""
    with _safe.open_hdf5(file) as opened:
        own = next((g for g in nxdata(opened) if _safe.attribute(g, "nmcx_class") == _CLASS), None)
        if own is not None:
            return _from_group(own, "mu", "energy_ev", "variance", file)
        _refuse_counts(opened, file)
        if "exchange" in opened:
            return _from_group(opened["exchange"], "data", "energy", "variance", file)
        energies = next((name for name in _FXI_ENERGIES if name in opened), None)
        if energies is not None and "img" in opened:
            return _from_group(opened, "img", energies, "variance", file)
    raise InputError(
        f"{file}: holds neither /exchange/data, nor /img with /X_eng, nor an nmcx EnergyStack; "
        "convert it to Data Exchange"
    )


def sign_of_counts(opened: Any) -> str | None:
    """Name of a dataset that only files of raw counts have, None if there is none."""
    names = ["exchange/data_white", "img_bkg", "img_tomo", "img_xanes"]
    names += [f"{name}/instrument/detector/image_key" for name in opened]
    return next((name for name in names if name in opened), None)


def _refuse_counts(opened: Any, file: Path) -> None:
    name = sign_of_counts(opened)
    if name is not None:
        raise InputError(
            f"{file}: /{name} is there, so these are raw counts; make optical densities of them "
            "with io.read_frames and txm.optical_density first"
        )


def open_folder(folder: Path, files: list[Path]) -> EnergyStack:
    """Reconstructions of one energy per file, ``/img`` (nz, ny, nx) with ``/X_eng``."""
    notes: list[str] = []
    energy: list[float] = []
    parts: list[LazyArray] = []
    sizes: list[tuple[float, ...] | None] = []
    for file in files:
        with _safe.open_hdf5(file) as opened:
            _refuse_counts(opened, file)
            name = next((name for name in _FXI_ENERGIES if name in opened), None)
            if name is None or "img" not in opened:
                raise InputError(f"{file}: has no /img with /X_eng; name a single file instead")
            axis = _safe.get_dataset(opened, name, file)
            values = _safe.read_vector(axis, file)
            if values.size != 1:
                raise InputError(f"{file}: {axis.name} has {values.size} energies, one is needed")
            unit = _safe.attribute(axis, "units")
            energy.append(_units.to_ev(values, unit, f"{file}: {axis.name}", notes)[0])
            data = _safe.get_dataset(opened, "img", file)
            _safe.check_numeric(data, file)
            if data.ndim < 1 or (parts and data.shape != parts[0].shape):
                raise InputError(f"{file}: /img is {data.shape}, unlike {files[0].name}")
            parts.append(lazy_hdf5(data, file))
            sizes.append(voxel_size(opened, data.ndim))
    order = _units.energy_order(np.array(energy), len(files), str(folder), notes)
    shape, dtype = parts[0].shape, np.result_type(*{part.dtype for part in parts})

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        wanted = (first.size, *selected_shape(shape, rest))
        _memory.check_memory(_memory.n_bytes(wanted, dtype), str(folder))
        out = np.empty(wanted, dtype)
        for k, i in enumerate(first):
            out[k] = parts[i][rest]
        return out

    if len(set(sizes)) > 1:
        raise InputError(f"{folder}: files state different pixel sizes; bring them to one grid")
    if sizes[0] is None:
        notes.append("the files state no voxel size")
    mu = LazyArray(read, (len(files), *shape), dtype, order)
    return EnergyStack(np.array(energy)[order], mu, None, sizes[0], tuple(dict.fromkeys(notes)))


def nxdata(opened: Any) -> list[Any]:
    """Groups of a NeXus file's entry."""
    import h5py

    entry = opened.get("entry")
    if not isinstance(entry, h5py.Group):
        return []
    return [entry[name] for name in entry if isinstance(entry.get(name), h5py.Group)]


def _from_group(group: Any, data: str, energies: str, variance: str, file: Path) -> EnergyStack:
    notes: list[str] = []
    values = _safe.get_dataset(group, data, file)
    _safe.check_numeric(values, file)
    if values.ndim not in (3, 4) and data != "mu":
        raise InputError(f"{file}: {values.name} has {values.ndim} axes; (E, y, x) or (E, z, y, x)")
    axis = _safe.get_dataset(group, energies, file)
    energy = _safe.read_vector(axis, file).reshape(axis.shape or (1,))
    energy = _units.to_ev(energy, _safe.attribute(axis, "units"), f"{file}: {axis.name}", notes)
    order = _units.energy_order(energy, values.shape[0], f"{file}: {axis.name}", notes)
    spread = None
    if variance in group:
        spread = _safe.get_dataset(group, variance, file)
        _safe.check_numeric(spread, file)
        if spread.shape != values.shape:
            raise InputError(f"{file}: {spread.name} is {spread.shape}, the data {values.shape}")
    size = voxel_size(group, values.ndim - 1)
    if size is None:
        notes.append("the file states no voxel size")
    return EnergyStack(
        energy[order],
        lazy_hdf5(values, file, order),
        None if spread is None else lazy_hdf5(spread, file, order),
        size,
        tuple(notes),
    )


def lazy_hdf5(dataset: Any, file: Path, order: NDArray[np.intp] | None = None) -> LazyArray:
    """A dataset that is read when it is indexed, each access through the gate."""
    name, shape = dataset.name, tuple(int(n) for n in dataset.shape)
    dtype = dataset.dtype.newbyteorder("=")
    # Their order is kept, which takes room by itself where a file declares images without end.
    _memory.check_memory(_ORDER_BYTES * math.prod(shape[:1]), f"{file}: the order of {name}")

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        wanted = (first.size, *selected_shape(shape[1:], rest))
        _memory.check_memory(_memory.n_bytes(wanted, dtype), f"{file}: {name}")
        runs = row_runs(first)
        with _safe.open_hdf5(file) as opened:
            again = _safe.get_dataset(opened, name, file)
            if again.shape != shape or again.dtype.newbyteorder("=") != dtype:
                raise InputError(f"{file}: {name} has changed since it was opened; open it again")
            if len(runs) == 1:  # the common case costs no copy
                return _safe.read_array(again, file, (runs[0], *rest))
            out = np.empty(wanted, dtype)
            start = 0
            for run in runs:
                stop = start + run.stop - run.start
                out[start:stop] = _safe.read_array(again, file, (run, *rest))
                start = stop
            return out

    planes = _planes.of_hdf5(dataset, file)
    return LazyArray(read, shape, dtype, order, dataset.chunks, planes)


def voxel_size(group: Any, n_axis: int) -> tuple[float, ...] | None:
    """Voxel size (dz, dy, dx) [µm] that a group states with its unit, else None."""
    for name in ("voxel_size", "voxel_size_um", "Pixel Size"):
        if name not in group:
            continue
        dataset = group[name]
        if name == "Pixel Size":
            size = fxi_pixel_size_um(dataset, group.file.filename)
            return None if size is None else (size,) * n_axis
        unit = _safe.attribute(dataset, "units") or ("um" if name == "voxel_size_um" else "")
        values = _safe.read_vector(dataset, group.file.filename)
        if values.size == 1:
            values = np.repeat(values, n_axis)
        sizes = [_units.to_um(float(value), unit) for value in values[:n_axis]]
        if values.shape == (n_axis,) and all(size is not None for size in sizes):
            return tuple(size for size in sizes if size is not None)
    return None


def fxi_pixel_size_um(dataset: Any, file: str | Path) -> float | None:
    """Pixel size [µm] from FXI's ``/Pixel Size``: text such as "19.5nm", or a number of nm."""
    import h5py

    if h5py.check_string_dtype(dataset.dtype) is None:
        values = _safe.read_vector(dataset, file)
        return _units.to_um(float(values[0]), "nm") if values.size == 1 else None
    text = _safe.read_string(dataset, file).strip()
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyzµμ ")
    try:
        return _units.to_um(float(digits), text[len(digits) :].strip() or "nm")
    except ValueError:
        return None


def write_file(
    path: Path,
    values: Any,
    *,
    energy: NDArray[np.float64] | None = None,
    variance: Any = None,
    voxel_size_um: tuple[float, ...] | None = None,
    unit: str = "1",
    say: Say | None = None,
) -> None:
    """Fill a new Data Exchange file; contiguous, so that any slab reads at the disk's speed."""
    import h5py

    with new_hdf5(path) as out:
        text = h5py.string_dtype("utf-8", 8)
        out.create_dataset("implements", data=np.array(b"exchange", text), track_times=False)
        exchange = out.create_group("exchange")
        for name, image in (("data", values), ("variance", variance)):
            if image is None:
                continue
            dataset = exchange.create_dataset(
                name, image.shape, stored_type(image), track_times=False
            )
            copy(image, dataset, say=say)
            n_axis = len(image.shape) - (0 if energy is None else 1)
            axes = ("z", "y", "x")[-n_axis:] if n_axis else ()
            dataset.attrs["axes"] = ":".join((*(() if energy is None else ("energy",)), *axes))
            dataset.attrs["units"] = unit or "1"
        if energy is not None:
            exchange.create_dataset("energy", data=energy, track_times=False).attrs["units"] = "eV"
        if voxel_size_um is not None:
            size = np.asarray(voxel_size_um, dtype=np.float64)
            voxel = exchange.create_dataset("voxel_size", data=size, track_times=False)
            voxel.attrs["units"] = "um"
