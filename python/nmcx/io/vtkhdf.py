"""Fields on a mesh over time as one VTKHDF file, which ParaView plays."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.io._atomic import atomic_write
from nmcx.io._hdf5_writing import new_hdf5
from nmcx.results import History, Mesh, TransportHistory

_Doubles = NDArray[np.float64]

#: VTK's numbers of cells by their corners: lines, triangles, tetrahedra.
_CELL_TYPES = {2: 3, 3: 5, 4: 10}
# VTK orders symmetric tensors 11, 22, 33, 12, 23, 13.
_SYMMETRIC = (0, 1, 2, 5, 3, 4)


def write_history(
    path: str | PathLike[str],
    mesh: Mesh,
    history: TransportHistory | History,
    *,
    point_data: Mapping[str, ArrayLike] | None = None,
    cell_data: Mapping[str, ArrayLike] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a history on its mesh as a time series.

    The mesh is stored once, with the `grain` and the `c_axis` of each cell; every saved time has
    its `concentration`, and with a `History` the `stress` of each cell in VTK's order, 11, 22, 33,
    12, 23, 13.

    Parameters
    ----------
    path : path-like
        The file, by custom ``….vtkhdf``.
    mesh : Mesh
    history : TransportHistory or History
        On `mesh`.
    point_data, cell_data : mapping of str to array_like, optional
        Further fields by name, (n, n_node) and (n, m).
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ValueError
        If a field has not one value per time and node or cell, or the name of one that is written
        anyway.
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or it cannot be written; no half file stays.

    References
    ----------
    .. [1] The VTKHDF file format 2.0, UnstructuredGrid with steps.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import chemomechanics, io, materials, mesh
    >>> grains = mesh.disc(5e-6, n_grains=4, size=1.5e-6, seed=1)
    >>> history = chemomechanics.diffuse(
    ...     grains, materials.NMC811, initial=6e4, boundary=chemomechanics.Flux(1e-5),
    ...     times=[5.0, 9.0],
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "charge.vtkhdf")
    ...     io.write_history(file, grains, history)
    ...     file.exists()
    True
    """
    n_time = len(history.times)
    of_points = {"concentration": np.asarray(history.concentration, dtype=np.float64)}
    _add(of_points, "point_data", point_data, (n_time, len(mesh.points)), taken=of_points)
    moving: dict[str, _Doubles] = {}
    if isinstance(history, History):
        moving["stress"] = np.asarray(history.stress, dtype=np.float64)[:, :, _SYMMETRIC]
    still = {
        "grain": np.asarray(mesh.grain, dtype=np.int64),
        "c_axis": np.ascontiguousarray(mesh.orientation[mesh.grain, :, 2]),
    }
    _add(moving, "cell_data", cell_data, (n_time, len(mesh.cells)), taken={**moving, **still})
    with atomic_write(Path(path), overwrite) as temporary:
        _write(temporary, mesh, mesh.cells, history.times, of_points, still, moving)


def _add(
    fields: dict[str, _Doubles],
    argument: str,
    given: Mapping[str, ArrayLike] | None,
    shape: tuple[int, int],
    *,
    taken: Mapping[str, Any],
) -> None:
    """Add checked fields to those that are written anyway, which are checked too."""
    for name in given or {}:
        if name in taken:
            raise ValueError(
                f"{argument} may not hold {name!r}, which is written anyway; rename it"
            )
    added = {name: np.asarray(values, np.float64) for name, values in (given or {}).items()}
    for name, values in {**fields, **added}.items():
        if values.shape[:2] != shape:
            what = "node" if argument == "point_data" else "cell"
            raise ValueError(
                f"{name} must have one value per time and {what}, {shape}, not {values.shape}"
            )
    fields |= added


def write_wall_history(
    path: str | PathLike[str], mesh: Mesh, history: History, *, overwrite: bool = False
) -> None:
    """Write what becomes of the walls between grains as a time series.

    The facets of the walls are stored once, by the nodes of their first side; every saved time has
    `damage`, `opening` [m] and `wetted` (0 or 1) of each.

    Parameters
    ----------
    path : path-like
        The file, by custom ``….vtkhdf``.
    mesh : Mesh
    history : History
        On `mesh`.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ValueError
        If the history is of other walls.
    nmcx.errors.OutputError
        If the file exists and `overwrite` is false, or it cannot be written; no half file stays.

    References
    ----------
    .. [1] The VTKHDF file format 2.0, UnstructuredGrid with steps.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import chemomechanics as cm, io, materials, mesh
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> charge = cm.Charge(1.0, until=0.6)
    >>> history = cm.simulate(grains, materials.NMC811, protocol=charge, states=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "walls.vtkhdf")
    ...     io.write_wall_history(file, grains, history)
    ...     file.exists()
    True
    """
    fields: dict[str, NDArray[Any]] = {
        "damage": np.asarray(history.damage, dtype=np.float64),
        "opening": np.asarray(history.opening, dtype=np.float64),
        "wetted": np.asarray(history.wetted, dtype=np.uint8),
    }
    shape = (len(history.times), len(mesh.interfaces))
    if any(values.shape != shape for values in fields.values()):
        raise ValueError(f"history must have one value per time and wall facet, {shape}")
    facets = mesh.interfaces[:, : mesh.dimension]
    with atomic_write(Path(path), overwrite) as temporary:
        _write(temporary, mesh, facets, history.times, {}, {}, fields)


def _write(
    path: Path,
    mesh: Mesh,
    cells: NDArray[np.int64],
    times: ArrayLike,
    of_points: Mapping[str, _Doubles],
    still: Mapping[str, NDArray[Any]],
    moving: Mapping[str, NDArray[Any]],
) -> None:
    """Fields of points (n, n_node), and of cells: (m, …) those that stay, (n, m, …) those of times.

    They lie one time after the other; the mesh of every time is the first and only part.
    """
    import h5py

    times = np.asarray(times, dtype=np.float64)
    n_time, n_node, (n_cell, n_corner) = len(times), len(mesh.points), cells.shape
    points = np.zeros((n_node, 3))
    points[:, : mesh.dimension] = mesh.points
    first = np.zeros(n_time, dtype=np.int64)
    with new_hdf5(path) as file:
        root = file.create_group("VTKHDF", track_order=True)
        root.attrs["Version"] = (2, 0)
        kind = b"UnstructuredGrid"
        root.attrs.create("Type", kind, dtype=h5py.string_dtype("ascii", len(kind)))
        for name, count in (
            ("Points", n_node),
            ("Cells", n_cell),
            ("ConnectivityIds", cells.size),
        ):
            root["NumberOf" + name] = np.array([count], dtype=np.int64)
        root["Points"] = points
        root["Connectivity"] = np.ascontiguousarray(cells, dtype=np.int64).ravel()
        root["Offsets"] = np.arange(n_cell + 1, dtype=np.int64) * n_corner
        root["Types"] = np.full(n_cell, _CELL_TYPES[n_corner], dtype=np.uint8)
        cell_data = root.create_group("CellData")
        point_data = root.create_group("PointData")
        steps = root.create_group("Steps")
        steps.attrs["NSteps"] = n_time
        steps["Values"] = times
        for name in ("PartOffsets", "PointOffsets"):
            steps[name] = first
        for name in ("CellOffsets", "ConnectivityIdOffsets"):
            steps[name] = first[:, None]
        steps["NumberOfParts"] = first + 1
        cell_offsets = steps.create_group("CellDataOffsets")
        point_offsets = steps.create_group("PointDataOffsets")
        for name, values in still.items():
            cell_data[name] = values
            cell_offsets[name] = first
        for name, values in moving.items():
            cell_data[name] = values.reshape(n_time * n_cell, *values.shape[2:])
            cell_offsets[name] = np.arange(n_time, dtype=np.int64) * n_cell
        for name, values in of_points.items():
            point_data[name] = values.ravel()
            point_offsets[name] = np.arange(n_time, dtype=np.int64) * n_node
