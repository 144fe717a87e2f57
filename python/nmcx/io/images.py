"""Images of any kind that nmcx reads: energy stacks, volumes, and maps in result files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _safe, stacks_tiff, stacks_zarr, tiff, volumes
from nmcx.io.nexus import holds_results, load
from nmcx.io.provenance import read_provenance
from nmcx.io.stacks import open_stack
from nmcx.io.stacks_hdf5 import lazy_hdf5, voxel_size
from nmcx.results import EdgeMap, EnergyStack, Particle, Result
from nmcx.results.base import expand_axes

SPACE = ("z", "y", "x")
_KINDS = (("y", "x"), SPACE, ("energy", "y", "x"), ("energy", *SPACE))


class Image(NamedTuple):
    """Numbers over space, and over the photon energy if there is one."""

    values: Any  #: (n_energy, nz, ny, nx) or less of it; lazy: indexing reads a part
    axes: tuple[str, ...]  #: "energy", "z", "y", "x" as far as they are there
    energy_ev: NDArray[np.float64] | None = None  #: (n_energy,) [eV], rising
    variance: Any = None  #: like `values`, or None
    voxel_size_um: tuple[float, ...] | None = None  #: along the axes of space [µm], or None
    unit: str = "1"  #: of `values`
    name: str = ""  #: of the file, or of the field in a result file
    notes: tuple[str, ...] = ()  #: what was missing, assumed or replaced


def open_image(path: str | PathLike[str], *, dataset: str | None = None) -> Image:
    """Open an energy stack, a volume, or a map in a result file, without loading it.

    Parameters
    ----------
    path : path-like
        What `open_stack` or `read_volume` reads, or a result file of nmcx.
    dataset : str, optional
        Of a result file, result and field: ``"edge_map/edge_energy_ev"``; not needed for an
        `EnergyStack` in it. Of another HDF5 file, path of a dataset of two or three dimensions.

    Returns
    -------
    Image

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, holds no such image, or several and `dataset` names none.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import io, phantom
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "tomogram.tif")
    ...     io.write_tiff(file, np.zeros((2, 3, 4), np.float32), 0.1)
    ...     image = open_image(file)
    ...     image.axes, image.voxel_size_um, image.values[1, :2].shape
    (('z', 'y', 'x'), (0.1, 0.1, 0.1), (2, 4))
    """
    file = Path(path)
    if holds_results(file):
        return _of_results(file, dataset)
    if dataset is not None:
        return _of_dataset(file, dataset)
    try:
        return _of_stack(open_stack(file), file.name)
    except InputError as no_stack:
        try:
            return _of_volume(file)
        except InputError as no_volume:
            text = f"{no_stack}; nor is it a volume: {no_volume}"
            raise InputError(str(no_stack) if str(no_volume) == str(no_stack) else text) from None


def _of_stack(stack: EnergyStack, name: str) -> Image:
    n_axis = len(stack.mu.shape) - 1
    if n_axis not in (2, 3):
        raise InputError(f"{name}: has {n_axis} axes of space; an image has two or three")
    return Image(
        stack.mu, ("energy", *SPACE[-n_axis:]), np.asarray(stack.energy_ev, dtype=np.float64),
        stack.variance, stack.voxel_size_um, "1", name, stack.notes,
    )  # fmt: skip


def _of_volume(file: Path) -> Image:
    size: tuple[float, ...] | None = None
    values: Any
    if stacks_zarr.is_store(file):
        values, size = stacks_zarr.open_volume(file)
    elif file.is_dir() or file.suffix.lower() in tiff.SUFFIXES:
        values = stacks_tiff.lazy_pages(file)
        size = None if file.is_dir() else tiff.tiff_spacing(file)
    elif file.suffix.lower() == ".npy":
        values = volumes.mapped_array(file)
    else:
        with _safe.open_hdf5(file) as opened:
            found = volumes.volume_dataset(opened, None, file)
            values, size = lazy_hdf5(found, file), voxel_size(found.parent, 3)
    return Image(
        values, SPACE[-len(values.shape) :], voxel_size_um=size, name=file.name, notes=_lack(size)
    )


def _of_dataset(file: Path, name: str) -> Image:
    with _safe.open_hdf5(file) as opened:
        found = _safe.get_dataset(opened, name, file)
        _safe.check_numeric(found, file)
        if found.ndim not in (2, 3):
            raise InputError(
                f"{file}: {name} has {found.ndim} axes; an image has two or three, and a stack is "
                "named by its file alone"
            )
        size = voxel_size(found.parent, found.ndim)
        unit = str(_safe.attribute(found, "units") or "1")
        values = lazy_hdf5(found, file)
    return Image(
        values, SPACE[-len(values.shape) :], None, None, size, unit, name.strip("/"), _lack(size)
    )


def _of_results(file: Path, dataset: str | None) -> Image:
    held = load(file, lazy=True)
    images = dict(images_of(held))
    if dataset is None:
        stacks = [name for name, item in held.items() if isinstance(item, EnergyStack)]
        if len(stacks) != 1:
            raise InputError(f"{file}: name an image in it with --dataset: {', '.join(images)}")
        dataset = f"{stacks[0]}/mu"
    name = dataset.strip("/").removeprefix("entry/")
    if name not in images:
        raise InputError(f"{file}: has no image {dataset}; it has {', '.join(images) or 'none'}")
    result, values, axes, unit = images[name]
    if isinstance(result, EnergyStack) and name.endswith("/mu"):
        return _of_stack(result, name)
    energy = None
    if axes[0] == "energy":
        energy = np.asarray(result.energy_ev, dtype=np.float64)  # type: ignore[attr-defined]
        if np.any(np.diff(energy) <= 0):
            raise InputError(f"{file}: {name} has one energy twice, or energies that fall")
    n_space = len(axes) - (energy is not None)
    size = _size(result, held, file, n_space, values.shape[-n_space:])
    return Image(values, axes, energy, None, size, unit, name, _lack(size))


def images_of(
    held: Mapping[str, Result],
) -> Iterator[tuple[str, tuple[Result, Any, tuple[str, ...], str]]]:
    """Fields of results that are images.

    Parameters
    ----------
    held : mapping of str to Result
        From `load`.

    Yields
    ------
    tuple
        ``"<result>/<field>"``, and (result, values, axes, unit).
    """
    for group, result in held.items():
        for item in fields(result):  # type: ignore[arg-type]
            values = getattr(result, item.name)
            if not hasattr(values, "dtype") or not hasattr(values, "ndim"):
                continue
            axes = expand_axes(item.metadata.get("axes", ""), values.ndim, item.name)
            if axes in _KINDS and values.size and (axes[0] != "energy" or _has_energies(result)):
                unit = item.metadata.get("unit", "") or getattr(result, "unit", "") or "1"
                yield f"{group}/{item.name}", (result, values, axes, unit)


def _has_energies(result: Result) -> bool:
    return getattr(result, "energy_ev", None) is not None


def _size(
    result: Result, held: Mapping[str, Result], file: Path, n_axis: int, shape: tuple[int, ...]
) -> tuple[float, ...] | None:
    """Voxel of a field: that of its result, or what the file says of it elsewhere."""
    size = getattr(result, "voxel_size_um", None) or getattr(result, "pixel_size_um", None)
    if size is None and isinstance(result, EdgeMap):
        size = read_provenance(file).report.get("edge_voxel_um")
    if size is None:
        alike = (p for p in held.values() if isinstance(p, Particle) and p.solid.shape == shape)
        size = next((particle.voxel_size_um for particle in alike), None)
    if size is None or np.ndim(size) != 1 or len(size) < n_axis:
        return None
    known = tuple(float(value) for value in size[-n_axis:])
    return known if np.isfinite(known).all() and min(known) > 0 else None


def _lack(size: tuple[float, ...] | None) -> tuple[str, ...]:
    return () if size is not None else ("the file states no voxel size",)
