"""Quadratic cells on a mesh of linear ones."""

from __future__ import annotations

import numpy as np

from nmcx import _core
from nmcx.results import Mesh, MidsideNodes


def midside_nodes(mesh: Mesh) -> MidsideNodes:
    """Nodes amid the edges of a mesh, twice where a wall lets its sides come apart.

    Parameters
    ----------
    mesh : Mesh
        Triangles or tetrahedra; stays as it is.

    Returns
    -------
    MidsideNodes
        Points [m], cells, walls and surface with midside nodes after their corners; nodes of `mesh`
        keep their numbers.

    Raises
    ------
    ValueError
        If walls or surface do not fit the cells.

    References
    ----------
    The order of nodes is that of VTK's quadratic cells. As many copies of a node are made as groups
    of cells around its edge hang together by facets that are no walls (our method).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> square = 1e-6 * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> pair = mesh.assemble(square, [[0, 1, 2], [0, 2, 3]], [0, 1], [np.eye(3)] * 2)
    >>> quadratic = mesh.midside_nodes(pair)
    >>> quadratic.points.shape, quadratic.interfaces.tolist()
    ((12, 2), [[3, 0, 8, 4, 1, 9]])
    """
    found = _core.midside_nodes(
        np.ascontiguousarray(mesh.cells, dtype=np.int64),
        len(mesh.points),
        np.ascontiguousarray(mesh.interfaces, dtype=np.int64),
        np.ascontiguousarray(mesh.surface, dtype=np.int64),
    )
    return MidsideNodes(
        points=np.concatenate([mesh.points, mesh.points[found.ends].mean(axis=1)]),
        cells=found.cells,
        interfaces=found.interfaces,
        surface=found.surface,
    )
