"""Scanned X-ray images in HDF5 of any layout: the caller names the datasets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _memory, _safe, _units
from nmcx.io.frames_hdf5 import numbers
from nmcx.io.stxm_stack import (
    Array,
    Images,
    image_means,
    in_order,
    positions_um,
    without_blank_end,
)
from nmcx.results import StxmStack

_ROLES = ("energy", "y", "x")

#: A dataset's path, or the value itself.
Source = str | float | Sequence[float]


def read_stxm_hdf5(
    path: str | PathLike[str],
    *,
    data: str,
    energy: Source,
    x: str | None = None,
    y: str | None = None,
    i0: str | None = None,
    dwell: Source | None = None,
    pixel_size_um: float | tuple[float, float] | None = None,
    energy_unit: str | None = None,
    position_unit: str | None = None,
    dwell_unit: str | None = None,
    axes: str = "energy y x",
    units: str | None = None,
    detector: str = "",
) -> StxmStack:
    """Scanned X-ray images from datasets of an HDF5 file that are named one by one.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    data : str
        Path of the images in the file, with the axes `axes`; of a single image also (ny, nx).
    energy : str, float or sequence of float
        Path of the energies, or the energies themselves.
    x, y : str, optional
        Paths of the positions (nx,) and (ny,).
    i0 : str, optional
        Path of the incident intensity: one value, one per energy, or one per pixel (averaged over
        each image).
    dwell : str, float or sequence of float, optional
        Path of the time per pixel, or the time itself.
    pixel_size_um : float or (dy, dx), optional
        Spacing [µm], where the file has no positions.
    energy_unit, position_unit, dwell_unit : str, optional
        Units of what the file holds. By custom the dataset's own attribute ``units``; without it
        eV (keV below 100), µm (mm where steps would be below a nanometre) and seconds.
    axes : str
        Order of the axes of `data`: "energy y x" or another order of these words.
    units : str, optional
        Unit of the images: "counts", "A", "V", "Hz". By custom their attribute ``units``.
    detector : str
        "tey", "transmission" or "" if unknown.

    Returns
    -------
    StxmStack
        As `read_stxm` returns it.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, a dataset is missing, or sizes or units do not fit.
    nmcx.errors.MemoryLimitError
        If the images do not fit into memory.
    ValueError
        If neither positions nor a pixel size are given, or `axes` is no order of the three.

    References
    ----------
    .. [1] The layout is the caller's; nothing is looked for.

    Examples
    --------
    >>> import tempfile, pathlib, h5py
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "scan.h5")
    ...     with h5py.File(file, "w") as out:
    ...         out["scan/tey"] = np.ones((2, 3, 4))
    ...         out["scan/ev"] = np.array([854.0, 856.2])
    ...     stack = read_stxm_hdf5(file, data="scan/tey", energy="scan/ev", pixel_size_um=0.03)
    >>> stack.counts.shape, stack.energy_ev, stack.x_um.round(2)
    ((2, 3, 4), array([854. , 856.2]), array([0.  , 0.03, 0.06, 0.09]))
    """
    order = axes.split()
    if sorted(order) != sorted(_ROLES):
        raise ValueError(f'axes must be an order of "energy y x", not {axes!r}')
    if pixel_size_um is None and (x is None or y is None):
        raise ValueError("pass x and y, paths of the positions, or pixel_size_um")
    size_um = np.broadcast_to(np.asarray(pixel_size_um or 1.0, dtype=np.float64), (2,))
    if not np.all(np.isfinite(size_um) & (size_um > 0)):
        raise ValueError(f"pixel_size_um must be positive, not {pixel_size_um}")
    file = _safe.check_file(path, "HDF5 file")
    notes: list[str] = []
    with _safe.open_hdf5(file) as opened:
        stored = _safe.get_dataset(opened, data, file)
        unit = units if units is not None else _safe.attribute(stored, "units")
        counts = oriented(stored, order, file)
        n_energy, ny, nx = counts.shape
        listed = _values(opened, energy, energy_unit, file)
        energy_ev = _units.to_ev(*listed, f"{file}: energy", notes)
        if energy_ev.size != n_energy:
            raise InputError(
                f"{file}: {energy_ev.size} energies for {n_energy} images; check axes and energy"
            )
        positions = []
        for name, source, n, step in (("x", x, nx, size_um[1]), ("y", y, ny, size_um[0])):
            if source is None:
                positions.append(np.arange(n) * step)
                continue
            stated = position_unit or _safe.attribute(_dataset(opened, source, file), "units")
            found = numbers(opened, source, file)
            positions.append(positions_um(found, stated, name, str(file), notes))
            if found.size != n:
                raise InputError(
                    f"{file}: {source} has {found.size} values for {n} pixels; check {name}, axes"
                )
        times = np.array([np.nan])
        if dwell is not None:
            times = _units.to_seconds(
                *_values(opened, dwell, dwell_unit, file), f"{file}: dwell", notes
            )
        incident = None
        if i0 is not None:
            incident = per_image(_dataset(opened, i0, file), order, counts.shape, file, notes)
    each = one_per_image(times, counts.shape)
    if each is None:
        raise InputError(f"{file}: {times.size} dwell times for {n_energy} images; check dwell")
    images = Images(
        counts, energy_ev, positions[0], positions[1], each, incident, detector, str(unit or ""),
        ("x", "y"),
    )  # fmt: skip
    return in_order(without_blank_end(images, notes), str(file), notes)


def _dataset(opened: Any, name: str, file: Path) -> Any:
    return _safe.get_dataset(opened, name, file)


def _values(opened: Any, source: Source, unit: str | None, file: Path) -> tuple[Array, object]:
    """Numbers from a dataset or the caller, and their unit."""
    if isinstance(source, str):
        stated = unit or _safe.attribute(_dataset(opened, source, file), "units")
        return numbers(opened, source, file), stated
    return np.ravel(np.asarray(source, dtype=np.float64)), unit


def oriented(stored: Any, order: Sequence[str], file: Path) -> Array:
    """The images (n_energy, ny, nx) of a dataset whose axes are `order`; (ny, nx) is one image."""
    where = f"{file}: {stored.name}"
    if stored.shape is None or stored.ndim not in (2, 3) or 0 in stored.shape:
        raise InputError(f"{where} is not a stack of images (energy, y, x); check the path")
    _safe.check_numeric(stored, file)
    _memory.check_memory(2 * 8 * int(np.prod([int(n) for n in stored.shape], dtype=object)), where)
    values = _safe.read_array(stored, file).astype(np.float64)
    return _as_images(values, order)


def _as_images(values: Array, order: Sequence[str]) -> Array:
    roles = [role for role in order if role != "energy"] if values.ndim == 2 else list(order)
    turned = values.transpose([roles.index(role) for role in _ROLES if role in roles])
    return turned if values.ndim == 3 else turned[None]


def one_per_image(values: NDArray[Any], shape: tuple[int, ...]) -> Array | None:
    """(n_energy,) from one value, one per image or one per point in order of time; else None."""
    n_energy = shape[0]
    flat = np.ravel(values).astype(np.float64)
    if flat.size == 1:
        return np.full(n_energy, flat[0])
    if flat.size == n_energy:
        return flat
    if flat.size == np.prod(shape):
        return image_means(flat.reshape(n_energy, -1))
    return None


def per_image(
    stored: Any, order: Sequence[str], shape: tuple[int, ...], file: Path, notes: list[str]
) -> Array | None:
    """(n_energy,) incident intensity; None, and a note, where the dataset's size does not fit."""
    n_byte = _memory.n_bytes(stored.shape or (), np.dtype(np.float64))
    found = None
    # What fits is never larger than the images; the rest may be larger than the memory.
    if n_byte in (8, 8 * shape[0], 8 * math.prod(shape)):
        _memory.check_memory(2 * n_byte, f"{file}: {stored.name}")
        values = _safe.read_array(stored, file).astype(np.float64)
        if values.ndim in (2, 3) and values.size > shape[0]:
            images = _as_images(values, order)
            found = image_means(images) if images.shape == shape else None
        else:
            found = one_per_image(values, shape)
    if found is None:
        notes.append(f"{stored.name} has shape {stored.shape} for images {shape}: no i0")
    else:
        notes.append(f"i0 is {stored.name}, one value for each image")
    return found
