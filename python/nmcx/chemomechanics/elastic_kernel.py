"""The stiffness of a mesh as the kernels take it, and vectors at its nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.crystal_load import grain_stiffness
from nmcx.materials import Parameters
from nmcx.mesh import midside_nodes
from nmcx.results import Mesh

_PLANES = {
    "generalised_plane_strain": _core.PlaneState.generalised_plane_strain,
    "plane_strain": _core.PlaneState.plane_strain,
    "plane_stress": _core.PlaneState.plane_stress,
}


def elastic_kernel(
    mesh: Mesh,
    parameters: Parameters,
    *,
    plane: str,
    order: int,
    threads: int,
    is_tied: NDArray[np.bool_] | None = None,
) -> tuple[_core.Elasticity, int]:
    """Stiffness of a mesh, and how many nodes it has, those amid edges included.

    Raises
    ------
    ValueError
        If a name or the order is unknown, or the kernel refuses mesh or material.
    """
    if plane not in _PLANES:
        raise ValueError(f"plane must be one of {', '.join(_PLANES)}, not {plane!r}")
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    nodes = mesh if order == 1 else midside_nodes(mesh)
    d, n_interface = mesh.dimension, len(mesh.interfaces)
    n_facet_node = d if order == 1 else 3 * (d - 1)
    interfaces = np.ascontiguousarray(nodes.interfaces, dtype=np.int64)
    kernel = _core.Elasticity(
        np.ascontiguousarray(nodes.points, dtype=np.float64),
        np.ascontiguousarray(nodes.cells, dtype=np.int64),
        np.ascontiguousarray(mesh.grain, dtype=np.int64),
        interfaces.reshape(n_interface, 2 * n_facet_node),
        np.ones(n_interface, dtype=bool) if is_tied is None else is_tied,
        grain_stiffness(mesh, parameters),
        _core.PlaneState.solid if d == 3 else _PLANES[plane],
        threads,
    )
    return kernel, len(nodes.points)


def nodal_vectors(
    value: ArrayLike | None, shape: tuple[int, int], default: float, name: str
) -> Doubles:
    """(n, d) vectors at nodes.

    Raises
    ------
    ValueError
        If the shape is another.
    """
    if value is None:
        return np.full(shape, default)
    array = np.ascontiguousarray(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape (n_node, d) = {shape}, not {array.shape}")
    return array
