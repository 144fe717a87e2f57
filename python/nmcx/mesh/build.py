"""A mesh from points, cells and grain labels: checked, turned right side out, cut along walls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.materials import as_rotations
from nmcx.results import Mesh
from nmcx.results.mesh import cell_volume

# Below this volume, relative to that of the cube on its longest edge, a cell is flat: its
# gradients would lose twelve of the sixteen digits there are.
_FLAT = 1e-12


def assemble(
    points: ArrayLike,
    cells: ArrayLike,
    grain: ArrayLike,
    orientation: ArrayLike,
    *,
    walls: ArrayLike | None = None,
    settings: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Mesh:
    """Mesh of a polycrystal from a conforming mesh whose cells carry grain labels.

    Every facet between two grains becomes a wall: its nodes are doubled, so that the sides may
    differ in concentration and come apart. At a line where three grains meet a node becomes three,
    at a point of four grains four. Nodes of no cell are left out; cells of negative volume are
    turned.

    Parameters
    ----------
    points : array_like
        (n_node, d) positions (x, y) or (x, y, z) [m], each once.
    cells : array_like
        (m, d + 1) integer nodes of triangles (d = 2) or tetrahedra (d = 3).
    grain : array_like
        (m,) integer grain of each cell, 0 … n_grain - 1, none without a cell.
    orientation : array_like
        (n_grain, 3, 3) rotations from crystal to sample axes [1], column 2 the c axis.
    walls : array_like, optional
        (q, d) nodes of facets within a grain to be cut besides, such as a notch; where it ends the
        sides stay together.
    settings : mapping, optional
        How the mesh was made, for its record.
    notes : sequence of str, optional
        What its user should know.

    Returns
    -------
    Mesh
        Nodes of their own for each grain, walls in pairs of facets, the outer surface.

    Raises
    ------
    ValueError
        If shapes or types differ from the above, a point or a rotation holds NaN or is none, a cell
        is flat or names a node twice or one that does not exist, cells overlap, a facet has more
        than two cells, a grain is empty, or a wall is no facet between two cells.

    References
    ----------
    A node is copied once per group of its cells that hang together by facets which are no walls
    (our method): no case for triple lines, quadruple points, the surface or ends of walls.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> square = 1e-6 * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> pair = mesh.assemble(square, [[0, 1, 2], [0, 2, 3]], [0, 1], [np.eye(3)] * 2)
    >>> pair.points.shape, pair.interfaces.tolist(), pair.interface_grains.tolist()
    ((6, 2), [[3, 0, 4, 1]], [[0, 1]])
    """
    positions = np.ascontiguousarray(points, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] not in (2, 3):
        raise ValueError(
            f"points must have shape (n_node, 2) or (n_node, 3), not {positions.shape}"
        )
    dimension = positions.shape[1]
    corners = _integers("cells", cells, 2)
    if corners.shape[1] != dimension + 1:
        raise ValueError(
            f"cells must have shape (m, {dimension + 1}) for points in {dimension} dimensions, "
            f"not {corners.shape}"
        )
    labels = _integers("grain", grain, 1)
    rotations = as_rotations(orientation)
    further = None if walls is None else _integers("walls", walls, 2)
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if bad.size:
        raise ValueError(f"points[{bad[0]}] is not finite; {bad.size} of {len(positions)} are not")
    # Nodes that do not exist are left for the kernel to refuse.
    if corners.size and corners.min() >= 0 and corners.max() < len(positions):
        corners = _right_side_out(positions, corners)
    cut = _core.insert_interfaces(corners, labels, len(positions), further)
    n_grain = int(labels.max()) + 1
    if len(rotations) != n_grain:
        raise ValueError(
            f"orientation must have one rotation per grain, {n_grain}, not {len(rotations)}"
        )
    return Mesh(
        points=positions[cut.source],
        cells=cut.cells,
        grain=labels,
        orientation=rotations,
        interfaces=cut.interfaces,
        interface_grains=cut.interface_grains,
        surface=cut.surface,
        settings=dict(settings or {}),
        notes=tuple(notes),
    )


def _integers(name: str, values: ArrayLike, n_axis: int) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integers, not {array.dtype}")
    if array.ndim != n_axis:
        raise ValueError(f"{name} must have {n_axis} axes, not {array.ndim}")
    return np.ascontiguousarray(array, dtype=np.int64)


def _right_side_out(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
    dimension = points.shape[1]
    volume = cell_volume(points, cells) * math.factorial(dimension)
    corners = points[cells]
    longest = np.zeros(len(cells))
    for i in range(dimension + 1):
        for j in range(i):
            edge = corners[:, i] - corners[:, j]
            np.maximum(longest, np.einsum("ij,ij->i", edge, edge), out=longest)
    flat = np.flatnonzero(np.abs(volume) <= _FLAT * np.sqrt(longest) ** dimension)
    if flat.size:
        raise ValueError(
            f"cells[{flat[0]}] is flat: its corners lie in one "
            f"{'line' if dimension == 2 else 'plane'}; {flat.size} of {len(cells)} cells are, "
            "remove them and move points apart"
        )
    turned = cells.copy()
    inside_out = volume < 0
    turned[inside_out, -2:] = turned[inside_out, :-3:-1]
    return turned
