"""Fields on a mesh over time as one VTKHDF file, which ParaView plays."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.io._atomic import atomic_write
from nmcx.results import Mesh, TransportHistory

#: VTK's numbers for a triangle and a tetrahedron.
_CELL_TYPES = {2: 5, 3: 10}


def write_history(
    path: str | PathLike[str],
    mesh: Mesh,
    history: TransportHistory,
    *,
    point_data: Mapping[str, ArrayLike] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a history on its mesh as a time series.

    The mesh is stored once, with the `grain` and the `c_axis` of each cell; every saved time has
    its `concentration`.

    Parameters
    ----------
    path : path-like
        The file, by custom ``….vtkhdf``.
    mesh : Mesh
    history : TransportHistory
        On `mesh`.
    point_data : mapping of str to array_like, optional
        Further fields by name, (n, n_node).
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ValueError
        If a field has not one value per time and node, or is called ``concentration``.
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
    shape = (len(history.times), len(mesh.points))
    fields = {"concentration": np.asarray(history.concentration, dtype=np.float64)}
    for name, values in (point_data or {}).items():
        if name in fields:
            raise ValueError(
                f"point_data may not hold {name!r}, which is written anyway; rename it"
            )
        fields[name] = np.asarray(values, dtype=np.float64)
    for name, values in fields.items():
        if values.shape != shape:
            raise ValueError(
                f"{name} must have one value per time and node, {shape}, not {values.shape}"
            )
    with atomic_write(Path(path), overwrite) as temporary:
        _write(temporary, mesh, np.asarray(history.times, dtype=np.float64), fields)


def _write(
    path: Path, mesh: Mesh, times: NDArray[np.float64], fields: Mapping[str, NDArray[np.float64]]
) -> None:
    import h5py

    n_time, n_node, n_cell = len(times), len(mesh.points), len(mesh.cells)
    corners = mesh.dimension + 1
    points = np.zeros((n_node, 3))
    points[:, : mesh.dimension] = mesh.points
    with h5py.File(path, "w") as file:
        root = file.create_group("VTKHDF", track_order=True)
        root.attrs["Version"] = (2, 0)
        kind = b"UnstructuredGrid"
        root.attrs.create("Type", kind, dtype=h5py.string_dtype("ascii", len(kind)))
        for name, count in (
            ("Points", n_node),
            ("Cells", n_cell),
            ("ConnectivityIds", mesh.cells.size),
        ):
            root["NumberOf" + name] = np.array([count], dtype=np.int64)
        root["Points"] = points
        root["Connectivity"] = np.ascontiguousarray(mesh.cells, dtype=np.int64).ravel()
        root["Offsets"] = np.arange(n_cell + 1, dtype=np.int64) * corners
        root["Types"] = np.full(n_cell, _CELL_TYPES[mesh.dimension], dtype=np.uint8)
        cells = root.create_group("CellData")
        cells["grain"] = np.asarray(mesh.grain, dtype=np.int64)
        cells["c_axis"] = np.ascontiguousarray(mesh.orientation[mesh.grain, :, 2])
        nodes = root.create_group("PointData")
        steps = root.create_group("Steps")
        steps.attrs["NSteps"] = n_time
        steps["Values"] = times
        # The mesh of every step is the first and only part; fields lie one after the other.
        still = np.zeros(n_time, dtype=np.int64)
        for name in ("PartOffsets", "PointOffsets"):
            steps[name] = still
        for name in ("CellOffsets", "ConnectivityIdOffsets"):
            steps[name] = still[:, None]
        steps["NumberOfParts"] = still + 1
        of_cells = steps.create_group("CellDataOffsets")
        for name in cells:
            of_cells[name] = still
        of_nodes = steps.create_group("PointDataOffsets")
        for name, values in fields.items():
            nodes[name] = values.ravel()
            of_nodes[name] = np.arange(n_time, dtype=np.int64) * n_node
