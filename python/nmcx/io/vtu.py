"""Meshes as VTU files, which ParaView and other viewers of VTK data open."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.io._atomic import atomic_write
from nmcx.results import Mesh

_Arrays = Mapping[str, ArrayLike]
# VTK's numbers for an edge, a triangle and a tetrahedron, by the nodes that they have.
_CELL_TYPES = {2: 3, 3: 5, 4: 10}
_VOIGT = ("11", "22", "33", "23", "13", "12")


def write_mesh(
    path: str | PathLike[str],
    mesh: Mesh,
    *,
    cell_data: _Arrays | None = None,
    point_data: _Arrays | None = None,
    interfaces: bool = False,
    interface_data: _Arrays | None = None,
    overwrite: bool = False,
) -> None:
    """Write a mesh, and fields on it, as VTU files.

    Each cell carries its `grain` and its `c_axis`. Walls go to a file of their own beside it, its
    name ending in ``_interfaces``: the facets of the first side with `grains` of both.

    Parameters
    ----------
    path : path-like
        The file, by custom ``….vtu``.
    mesh : Mesh
        Triangles or tetrahedra [m].
    cell_data : mapping of str to array_like, optional
        Fields by name, one value (m,), vector (m, 2 or 3), tensor (m, 3, 3) or, in Voigt order,
        (m, 6) per cell.
    point_data : mapping of str to array_like, optional
        The same per node, (n_node, …); they go to both files.
    interfaces : bool
        Whether to write the file of the walls too.
    interface_data : mapping of str to array_like, optional
        The same per wall facet, (k, …); asks for the file of the walls.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    ValueError
        If a field does not hold numbers, has not as many rows as there are cells, nodes or walls,
        or bears a name that is taken.
    nmcx.errors.OutputError
        If a file exists and `overwrite` is false, or it cannot be written; no half file stays.

    References
    ----------
    .. [1] The VTK XML file format, UnstructuredGrid with appended raw data and 64-bit headers.
       Written here rather than by a library, so that meshes need no further package.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> from nmcx import io
    >>> from nmcx.results import Mesh
    >>> none = np.zeros((0, 2), np.int64)
    >>> triangle = Mesh(
    ...     points=np.array([[0, 0], [1e-6, 0], [0, 1e-6]]),
    ...     cells=np.array([[0, 1, 2]]),
    ...     grain=np.array([0]),
    ...     orientation=np.eye(3)[np.newaxis],
    ...     interfaces=np.zeros((0, 4), np.int64),
    ...     interface_grains=none,
    ...     surface=np.array([[0, 1], [1, 2], [2, 0]]),
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "triangle.vtu")
    ...     io.write_mesh(file, triangle, point_data={"concentration": [0.0, 1.0, 2.0]})
    ...     file.read_bytes()[:21]
    b'<?xml version="1.0"?>'
    """
    target = Path(path)
    cells = {"grain": mesh.grain, "c_axis": mesh.orientation[mesh.grain, :, 2]}
    nodes = _fields("point_data", point_data, len(mesh.points), {})
    bulk = _fields("cell_data", cell_data, len(mesh.cells), cells)
    files = [(target, mesh.cells, bulk)]
    if interfaces or interface_data:
        first_side = mesh.interfaces[:, : mesh.dimension]
        grains = {"grains": mesh.interface_grains}
        walls = _fields("interface_data", interface_data, len(first_side), grains)
        beside = target.with_name(f"{target.stem}_interfaces{target.suffix}")
        files.append((beside, first_side, walls))
    points = np.zeros((len(mesh.points), 3))
    points[:, : mesh.dimension] = mesh.points
    for file, connectivity, data in files:
        with atomic_write(file, overwrite) as temporary, temporary.open("wb") as stream:
            _write(stream, points, connectivity, nodes, data)


def _fields(
    name: str, given: _Arrays | None, n: int, own: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Own fields and given ones, checked, as arrays of one or two axes."""
    fields = {key: _columns(values) for key, values in own.items()}
    for key, values in (given or {}).items():
        if key in own:
            raise ValueError(f"{name} may not hold {key!r}, which is written anyway; rename it")
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise ValueError(f"{name}[{key!r}] must hold real numbers, not {array.dtype}")
        if array.ndim not in (1, 2, 3) or len(array) != n:
            raise ValueError(f"{name}[{key!r}] must have {n} rows, one each, not {array.shape}")
        fields[key] = _columns(array)
    return fields


def _columns(values: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.ndim == 3:
        array = array.reshape(len(array), array.shape[1] * array.shape[2])
    if array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind == "f":
        # Viewers know vectors of three components only.
        array = np.concatenate([array, np.zeros((len(array), 1), array.dtype)], axis=1)
    little = array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array, dtype=little)


def _write(
    stream: BinaryIO,
    points: NDArray[np.float64],
    cells: NDArray[np.int64],
    point_data: Mapping[str, NDArray[Any]],
    cell_data: Mapping[str, NDArray[Any]],
) -> None:
    n_corner = cells.shape[1]
    shape = {
        "connectivity": _columns(cells.ravel()),
        "offsets": _columns(np.arange(1, len(cells) + 1, dtype=np.int64) * n_corner),
        "types": np.full(len(cells), _CELL_TYPES[n_corner], np.uint8),
    }
    sections = [
        ("PointData", point_data),
        ("CellData", cell_data),
        ("Points", {"Points": _columns(points)}),
        ("Cells", shape),
    ]
    head = [
        '<?xml version="1.0"?>',
        '<VTKFile type="UnstructuredGrid" version="1.0" byte_order="LittleEndian" '
        'header_type="UInt64">',
        f'<UnstructuredGrid><Piece NumberOfPoints="{len(points)}" NumberOfCells="{len(cells)}">',
    ]
    blocks: list[NDArray[Any]] = []
    offset = 0
    for section, arrays in sections:
        head.append(f"<{section}>")
        for name, array in arrays.items():
            head.append(_describe(name, array, offset))
            blocks.append(array)
            offset += 8 + array.nbytes
        head.append(f"</{section}>")
    head.append('</Piece></UnstructuredGrid>\n<AppendedData encoding="raw">\n_')
    stream.write("\n".join(head).encode())
    for array in blocks:
        stream.write(array.nbytes.to_bytes(8, "little"))
        stream.write(array.data if array.size else b"")
    stream.write(b"\n</AppendedData>\n</VTKFile>\n")


def _describe(name: str, array: NDArray[Any], offset: int) -> str:
    kind = {"f": "Float", "i": "Int", "u": "UInt"}[array.dtype.kind]
    n_component = 1 if array.ndim == 1 else array.shape[1]
    components = "" if array.ndim == 1 else f' NumberOfComponents="{n_component}"'
    if n_component == 6:
        components += "".join(f' ComponentName{i}="{_VOIGT[i]}"' for i in range(6))
    return (
        f'<DataArray type="{kind}{8 * array.dtype.itemsize}" Name={quoteattr(name)}{components} '
        f'format="appended" offset="{offset}"/>'
    )
