"""Energy stacks and volumes: APS Data Exchange HDF5, TIFF, nmcx result files; read lazily."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import InputError
from nmcx.io import _planes, _safe, tiff
from nmcx.io._lazy import LazyArray, selected_shape
from nmcx.results import EnergyStack, voxel_spacing

_HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".he5")
_UNIT_TO_UM = {"um": 1.0, "µm": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6}


class Volume(NamedTuple):
    """A 3-D image with its voxel size, if the file states one."""

    values: NDArray[Any]  #: (nz, ny, nx) as stored
    voxel_size_um: tuple[float, float, float] | None  #: (dz, dy, dx) [µm]
    notes: tuple[str, ...]  #: what was missing


def open_stack(path: str | PathLike[str]) -> EnergyStack:
    """Open absorption at several energies without loading it.

    Parameters
    ----------
    path : path-like
        A Data Exchange file (``/exchange/data`` (n_energy, ny, nx) or (n_energy, nz, ny, nx) with
        ``/exchange/energy``), an nmcx result file holding an `EnergyStack`, a multi-page TIFF file,
        or a folder of TIFF files in the order of their names, one per energy. TIFF needs a list of
        energies beside it: ``<name>.csv``, ``<name>.txt``, or ``energies.csv``, ``energies.txt``.

    Returns
    -------
    EnergyStack
        `energy_ev` (n_energy,) strictly increasing [eV]; `mu` lazy, (n_energy, ...) in that order:
        indexing reads the energies asked for, `numpy.asarray` everything. A voxel size that the
        file does not state is None.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, reaches out of itself, lacks energies, has another number of them
        than images, or has one energy twice.
    nmcx.errors.MemoryLimitError
        On access, if the part asked for does not fit into memory.

    References
    ----------
    .. [1] De Carlo et al., "Scientific data exchange", J. Synchrotron Rad. 21, 1224 (2014).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "ni_k_edge.h5")
    ...     stack = EnergyStack(np.array([8333.0, 8350.0]), np.ones((2, 3, 4, 5)))
    ...     write_energy_stack(file, stack)
    ...     open_stack(file).mu[0].shape
    (3, 4, 5)
    """
    file = Path(path)
    if file.is_dir() or file.suffix.lower() in tiff.SUFFIXES:
        return _open_tiff_stack(file)
    _safe.check_file(file, "energy stack")
    with _safe.open_hdf5(file) as opened:
        own = next((g for g in _nxdata(opened) if _class_of(g) == "EnergyStack"), None)
        if own is not None:
            return _from_hdf5(own, "mu", "energy_ev", "variance", file)
        if "exchange" in opened:
            if "exchange/data_white" in opened:
                raise InputError(
                    f"{file}: /exchange/data_white is there, so /exchange/data are raw counts; "
                    "correct them and take the logarithm first"
                )
            return _from_hdf5(opened["exchange"], "data", "energy", "variance", file)
    raise InputError(
        f"{file}: holds neither /exchange/data nor an nmcx EnergyStack; convert it to Data Exchange"
    )


def write_energy_stack(
    path: str | PathLike[str], stack: EnergyStack, *, overwrite: bool = False
) -> None:
    """Write a stack as an APS Data Exchange file that `open_stack` reads back.

    Parameters
    ----------
    path : path-like
        The HDF5 file.
    stack : EnergyStack
        `mu` may be lazy: it is copied one energy at a time.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or it cannot be written.
    ValueError
        If energies and images differ in number.

    References
    ----------
    .. [1] De Carlo et al., "Scientific data exchange", J. Synchrotron Rad. 21, 1224 (2014); the
       datasets ``voxel_size`` and ``variance`` are ours.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> stack = EnergyStack(np.array([8333.0, 8350.0]), np.ones((2, 3, 4, 5)), None, (0.1,) * 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "ni_k_edge.h5")
    ...     write_energy_stack(file, stack)
    ...     open_stack(file).voxel_size_um
    (0.1, 0.1, 0.1)
    """
    import h5py

    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    if energy.ndim != 1 or energy.size != len(stack.mu):
        raise ValueError(f"stack has {energy.size} energies but {len(stack.mu)} images")
    with _safe.atomic_write(path, overwrite) as temporary, h5py.File(temporary, "w") as out:
        text = h5py.string_dtype("utf-8", 8)
        out.create_dataset("implements", data=np.array(b"exchange", text), track_times=False)
        exchange = out.create_group("exchange")
        for name, values in (("data", stack.mu), ("variance", stack.variance)):
            if values is None:
                continue
            dataset = exchange.create_dataset(
                name, values.shape, np.dtype(values.dtype), track_times=False
            )
            for i in range(len(values)):
                dataset[i] = np.asarray(values[i])
            axes = ("z", "y", "x")[-(len(values.shape) - 1) :]
            dataset.attrs["axes"] = ":".join(("energy", *axes))
            dataset.attrs["units"] = "1"
        exchange.create_dataset("energy", data=energy, track_times=False).attrs["units"] = "eV"
        if stack.voxel_size_um is not None:
            size = np.asarray(stack.voxel_size_um, dtype=np.float64)
            voxel = exchange.create_dataset("voxel_size", data=size, track_times=False)
            voxel.attrs["units"] = "um"


def read_volume(path: str | PathLike[str], *, dataset: str | None = None) -> Volume:
    """A 3-D image from a TIFF or HDF5 file.

    Parameters
    ----------
    path : path-like
        A multi-page TIFF file, a folder of single-page TIFF files in the order of their names, or
        an HDF5 file.
    dataset : str, optional
        Path of the dataset in an HDF5 file; not needed if only one is three-dimensional.

    Returns
    -------
    Volume
        ``values`` (nz, ny, nx), ``voxel_size_um`` (dz, dy, dx) [µm] or None if the file does not
        state it, ``notes``.

    Raises
    ------
    nmcx.errors.InputError
        If the file is damaged, not three-dimensional, or holds several candidates.
    nmcx.errors.MemoryLimitError
        If the volume does not fit into memory.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "tomogram.tif")
    ...     tiff.write_tiff(file, np.zeros((2, 3, 4), np.float32), (0.2, 0.1, 0.1))
    ...     values, voxel_size_um, notes = read_volume(file)
    >>> values.shape, voxel_size_um
    ((2, 3, 4), (0.2, 0.1, 0.1))
    """
    file = Path(path)
    if file.is_dir():
        pages = _tiff_folder(file)
        shape, dtype = tiff.pages_shape(pages[0])
        if len(shape) != 2:
            raise InputError(f"{pages[0]}: has several pages; one slice per file was expected")
        _safe.check_memory(_safe.n_bytes((len(pages), *shape), dtype), str(file))
        return _volume(np.stack([_one_page(page, shape) for page in pages]), None)
    if file.suffix.lower() in tiff.SUFFIXES:
        values = tiff.read_pages(file)
        return _volume(values, tiff.tiff_spacing(file))
    with _safe.open_hdf5(file) as opened:
        found = _volume_dataset(opened, dataset, file)
        return _volume(_safe.read_array(found, file), _voxel_size(found.parent, 3))


def _volume(values: NDArray[Any], size: tuple[float, ...] | None) -> Volume:
    notes = () if size is not None else ("the file states no voxel size",)
    return Volume(values, None if size is None else voxel_spacing(size), notes)


def _one_page(page: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    values = tiff.read_pages(page)
    if values.shape != (1, *shape):
        raise InputError(f"{page}: is {values.shape[1:]}, the first slice {shape}; crop them alike")
    return np.asarray(values[0])


def _volume_dataset(opened: Any, name: str | None, file: Path) -> Any:
    import h5py

    if name is not None:
        found = _safe.get_dataset(opened, name, file)
        if found.ndim != 3:
            raise InputError(f"{file}: {name} has {found.ndim} axes, a volume has three")
        return found
    found = []

    def collect(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3 and item.dtype.kind in "biuf":
            found.append(item)

    opened.visititems(collect)
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise InputError(f"{file}: three-dimensional datasets: {names}; name one with dataset=")
    return found[0]


def _nxdata(opened: Any) -> list[Any]:
    import h5py

    entry = opened.get("entry")
    if not isinstance(entry, h5py.Group):
        return []
    return [entry[name] for name in entry if isinstance(entry.get(name), h5py.Group)]


def _class_of(group: Any) -> object:
    return _safe.attribute(group, "nmcx_class")


def _from_hdf5(group: Any, data: str, energies: str, variance: str, file: Path) -> EnergyStack:
    notes: list[str] = []
    values = _safe.get_dataset(group, data, file)
    _safe.check_numeric(values, file)
    if values.ndim not in (3, 4) and data == "data":
        raise InputError(f"{file}: {values.name} has {values.ndim} axes; (E, y, x) or (E, z, y, x)")
    axis = _safe.get_dataset(group, energies, file)
    energy = np.atleast_1d(_safe.read_array(axis, file)).astype(np.float64)
    energy = _to_ev(energy, _safe.attribute(axis, "units"), f"{file}: {axis.name}", notes)
    order = _energy_order(energy, values.shape[0], f"{file}: {axis.name}", notes)
    spread = None
    if variance in group:
        spread = _safe.get_dataset(group, variance, file)
        _safe.check_numeric(spread, file)
        if spread.shape != values.shape:
            raise InputError(f"{file}: {spread.name} is {spread.shape}, the data {values.shape}")
    size = _voxel_size(group, values.ndim - 1)
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
    name = dataset.name

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        with _safe.open_hdf5(file) as opened:
            again = _safe.get_dataset(opened, name, file)
            plane = _safe.n_bytes(selected_shape(again.shape[1:], rest), again.dtype)
            _safe.check_memory(first.size * plane, f"{file}: {name}")
            # A slice reads at full speed, a list of indices goes row by row.
            whole = first.size and np.array_equal(first, np.arange(first[0], first[-1] + 1))
            index = slice(int(first[0]), int(first[-1]) + 1) if whole else first
            return _safe.read_array(again, file, (index, *rest))

    planes = _planes.of_hdf5(dataset, file)
    return LazyArray(read, tuple(dataset.shape), dataset.dtype, order, planes=planes)


def _to_ev(
    energy: NDArray[np.float64], unit: object, where: str, notes: list[str]
) -> NDArray[np.float64]:
    if not energy.size or not np.isfinite(energy).all() or energy.min() <= 0:
        raise InputError(f"{where}: energies must be positive finite numbers; correct the list")
    stated = str(unit or "").strip().lower()
    if stated == "kev" or (not stated and energy.max() < 100):
        notes.append("energies are in keV: converted to eV")
        return energy * 1000.0
    if stated not in ("", "ev"):
        raise InputError(f"{where}: unit {unit!r} is not an energy in eV or keV")
    return energy


def _energy_order(
    energy: NDArray[np.float64], n_image: int, where: str, notes: list[str]
) -> NDArray[np.intp]:
    if energy.ndim != 1 or energy.size != n_image:
        raise InputError(f"{where}: {energy.size} energies for {n_image} images; make them agree")
    order = np.argsort(energy, kind="stable")
    repeated = np.flatnonzero(np.diff(energy[order]) == 0)
    if repeated.size:
        raise InputError(
            f"{where}: {energy[order][repeated[0]]} eV occurs twice; average or remove one image"
        )
    if not np.array_equal(order, np.arange(energy.size)):
        notes.append("energies did not rise throughout: sorted")
    return order


def _voxel_size(group: Any, n_axis: int) -> tuple[float, ...] | None:
    for name in ("voxel_size", "voxel_size_um"):
        if name not in group:
            continue
        dataset = group[name]
        unit = _safe.attribute(dataset, "units")
        factor = _UNIT_TO_UM.get(str(unit)) if unit or name == "voxel_size" else 1.0
        values = np.atleast_1d(_safe.read_array(dataset, group.file.filename)).astype(float)
        if values.size == 1:
            values = np.repeat(values, n_axis)
        if (
            factor
            and values.shape == (n_axis,)
            and (values > 0).all()
            and np.isfinite(values).all()
        ):
            return tuple(float(v * factor) for v in values)
    return None


def _tiff_folder(folder: Path) -> list[Path]:
    found = [file for file in folder.iterdir() if file.suffix.lower() in tiff.SUFFIXES]
    if not found:
        raise InputError(f"{folder}: holds no .tif or .tiff file")

    def natural(file: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", file.name)
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    return sorted(found, key=natural)


def _open_tiff_stack(path: Path) -> EnergyStack:
    notes: list[str] = []
    if path.is_dir():
        files = _tiff_folder(path)
        shape, dtype = tiff.pages_shape(files[0])
        for file in files[1:]:
            if tiff.pages_shape(file) != (shape, dtype):
                raise InputError(f"{file}: differs from {files[0].name} in size or type")
        whole = (len(files), *shape)
        spacing = tiff.tiff_spacing(files[0])

        def read_one(i: int) -> NDArray[Any]:
            return tiff.read_pages(files[i]).reshape(shape)
    else:
        _safe.check_file(path, "TIFF stack")
        shape, dtype = tiff.pages_shape(path)
        if len(shape) != 3:
            raise InputError(f"{path}: has a single page; a stack has one page per energy")
        whole, shape = shape, shape[1:]
        spacing = tiff.tiff_spacing(path)

        def read_one(i: int) -> NDArray[Any]:
            return np.asarray(tiff.read_pages(path, i, 1)[0])

    energy, source = _sidecar(path, notes)
    order = _energy_order(energy, whole[0], str(source), notes)

    def read(first: NDArray[np.intp], rest: tuple[Any, ...]) -> NDArray[Any]:
        kept = first.size * _safe.n_bytes(selected_shape(shape, rest), dtype)
        _safe.check_memory(kept + _safe.n_bytes(shape, dtype), str(path))
        parts = [read_one(int(i))[rest] for i in first]
        return np.stack(parts) if parts else np.empty((0, *shape), dtype)[(slice(None), *rest)]

    size = None if spacing is None else spacing[3 - len(shape) :]
    if size is None:
        notes.append("the file states no voxel size")
    planes = _planes.of_tiff(files if path.is_dir() else [path], whole[0], shape, dtype)
    mu = LazyArray(read, whole, dtype, order, planes=planes)
    return EnergyStack(energy[order], mu, None, size, tuple(notes))


def _sidecar(path: Path, notes: list[str]) -> tuple[NDArray[np.float64], Path]:
    stem = path.name if path.is_dir() else path.stem
    folders = (path, path.parent) if path.is_dir() else (path.parent,)
    names = [stem, f"{stem}_energies", f"{stem}_energy"]
    for folder in folders:
        own = [] if folder == path.parent and path.is_dir() else ["energies", "energy"]
        for name in (*names, *own):
            for suffix in (".csv", ".txt"):
                candidate = folder / f"{name}{suffix}"
                if candidate.is_file():
                    notes.append(f"energies from {candidate.name}")
                    return _energy_list(candidate, notes), candidate
    where = path / "energies.csv" if path.is_dir() else path.with_suffix(".csv")
    raise InputError(f"{path}: no list of energies beside it; write one energy per line to {where}")


def _energy_list(path: Path, notes: list[str]) -> NDArray[np.float64]:
    energies: list[float] = []
    for number, raw in enumerate(_safe.read_text(path, "list of energies").splitlines(), start=1):
        words = raw.split("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            energies.append(float(words[0]))
        except ValueError as error:
            if energies:
                raise InputError(f"{path}: line {number} does not begin with a number") from error
    return _to_ev(np.array(energies, dtype=np.float64), None, str(path), notes)
