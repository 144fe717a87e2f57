"""A passivation layer of its own cells on the surface of a polycrystal."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.mesh.build import assemble
from nmcx.mesh.uncut import before_the_cuts
from nmcx.results import Mesh
from nmcx.results.mesh import cell_volume

_Index = NDArray[np.int64]
_Float = NDArray[np.float64]

#: Nodes on edges of the surface rise further, so that the layer keeps its thickness on both sides,
#: but no further than this many thicknesses; and the weight, against that of the facets, of a rise
#: along their mean normal.
_FURTHEST, _LEFT_OPEN = 2.0, 1e-3


def grow_layer(mesh: Mesh, thickness: ArrayLike, *, n_element: int = 3) -> Mesh:
    """Polycrystal with a passivation layer grown onto its surface.

    Each facet of the surface becomes a prism of `n_element` storeys along the normal, cut into
    cells that conform. The layer is one grain more, isotropic, of diffusivity `diffusivity_layer`
    and without boundaries of its own: it covers the ends of the walls below. Where it ends beside
    bare facets it ends with a step.

    Parameters
    ----------
    mesh : Mesh
        Without a layer.
    thickness : array_like
        [m], number or (s,) one per facet of ``mesh.surface``; 0 where the surface is bare. A corner
        takes the mean of its facets that carry a layer, by their areas.
    n_element : int
        Cells through the thickness.

    Returns
    -------
    Mesh
        `layer_grain` is the number of the layer, the last. Grains keep theirs; the layer's
        orientation, the identity, means nothing. ``settings["layer"]`` has the thickness (least,
        mean by area, largest) and `n_element`.

    Raises
    ------
    ValueError
        If the mesh has a layer, a thickness is negative, not finite or all are 0, there is no
        element, or the layer would fold over itself in a hollow of the surface.

    See Also
    --------
    nmcx.chemomechanics.layer_conductance : the layer as a condition instead, without cells.

    References
    ----------
    Our method; prisms are cut by the order of their corners, so that neighbours cut alike.

    Examples
    --------
    >>> from nmcx import mesh
    >>> core = mesh.disc(5e-6, n_grains=8, size=0.6e-6, seed=1)
    >>> coated = mesh.grow_layer(core, 0.1e-6)
    >>> coated.n_grain, coated.layer_grain
    (9, 8)
    >>> round(float(coated.volume.sum() / core.volume.sum()), 3)
    1.04
    """
    if mesh.layer_grain is not None:
        raise ValueError("mesh has a layer already; give both thicknesses at once")
    if n_element < 1 or n_element != int(n_element):
        raise ValueError(f"n_element must be a whole number, 1 or more, not {n_element}")
    on_facet = _checked(thickness, len(mesh.surface))
    covered = on_facet > 0
    node, points = before_the_cuts(mesh)
    facets = node[mesh.surface[covered]]
    base, corner = np.unique(facets, return_inverse=True)
    rise = _rise(points[facets], on_facet[covered], corner.reshape(facets.shape), len(base))
    storeys = np.arange(1, int(n_element) + 1) / n_element
    grown = points[base] + storeys[:, None, None] * rise
    level = np.concatenate([base[None], len(points) + np.arange(grown[..., 0].size).reshape(
        len(storeys), len(base))])  # fmt: skip
    everywhere = np.concatenate([points, grown.reshape(-1, mesh.dimension)])
    cells = _prisms(corner.reshape(facets.shape), level)
    _check_right_side_out(everywhere, cells, mesh, np.flatnonzero(covered))
    area = mesh.surface_area[covered]
    record = {
        "thickness_m": [
            float(on_facet[covered].min()),
            float(np.average(on_facet[covered], weights=area)),
            float(on_facet[covered].max()),
        ],
        "n_element": int(n_element),
    }
    n = mesh.n_grain
    notch = mesh.interface_grains[:, 0] == mesh.interface_grains[:, 1]
    made = assemble(
        everywhere,
        np.concatenate([node[mesh.cells], cells.reshape(-1, mesh.dimension + 1)]),
        np.concatenate([mesh.grain, np.full(cells[..., 0].size, n)]),
        np.concatenate([mesh.orientation, np.eye(3)[None]]),
        walls=node[mesh.interfaces[notch, : mesh.dimension]] if notch.any() else None,
        settings={**mesh.settings, "layer": record},
        notes=mesh.notes,
    )
    return replace(made, layer_grain=n)


def _checked(thickness: ArrayLike, n_facet: int) -> _Float:
    given = np.asarray(thickness, dtype=np.float64)
    if given.shape not in ((), (n_facet,)):
        raise ValueError(
            f"thickness must be a number or have one value per surface facet, ({n_facet},), "
            f"not {given.shape}"
        )
    if not (np.isfinite(given).all() and (given >= 0).all() and given.any()):
        raise ValueError("thickness must be finite and not negative [m], and positive somewhere")
    return np.array(np.broadcast_to(given, (n_facet,)))


def _rise(corners: _Float, thickness: _Float, corner: _Index, n_node: int) -> _Float:
    """(n_node, d) from each node of the surface to the top of the layer.

    As well as one step can, it rises above each facet about the node by the thickness there: the
    least sum of squares, weighed by areas. What that leaves open goes along the mean normal.
    """
    d = corners.shape[2]
    edges = corners[:, 1:] - corners[:, :1]
    if d == 3:
        outward = 0.5 * np.cross(edges[:, 0], edges[:, 1])
    else:
        outward = np.column_stack([edges[:, 0, 1], -edges[:, 0, 0]])
    area = np.linalg.norm(outward, axis=1)
    normal = outward / area[:, None]

    def at_nodes(per_facet: _Float) -> _Float:
        columns = (per_facet * area.reshape(-1, *[1] * (per_facet.ndim - 1))).reshape(len(area), -1)
        at = corner.ravel()
        sums = [np.bincount(at, np.repeat(column, d), n_node) for column in columns.T]
        return np.stack(sums, axis=1, dtype=np.float64).reshape(n_node, *per_facet.shape[1:])

    total = at_nodes(np.ones(len(area)))
    height = at_nodes(thickness) / total
    mean = at_nodes(normal)
    mean *= (height / np.linalg.norm(mean, axis=1))[:, None]
    matrix = at_nodes(normal[:, :, None] * normal[:, None, :]) / total[:, None, None]
    wanted = at_nodes(normal * thickness[:, None]) / total[:, None]
    matrix += _LEFT_OPEN * np.eye(d)
    rise = np.linalg.solve(matrix, (wanted + _LEFT_OPEN * mean)[..., None])[..., 0]
    length = np.linalg.norm(rise, axis=1)
    return np.asarray(rise * np.minimum(1.0, _FURTHEST * height / length)[:, None])


def _prisms(facets: _Index, level: _Index) -> _Index:
    """(storey, facet, d, d + 1) cells between levels (storey + 1, node) of nodes.

    In a prism on the corners v_0 < v_1 < …, cell i has v_0 … v_i below and v_i … above.
    """
    d = facets.shape[1]
    order = np.argsort(facets, axis=1)
    swaps = np.sum([order[:, i] > order[:, j] for i, j in combinations(range(d), 2)], axis=0)
    ascending = np.take_along_axis(facets, order, axis=1)
    cells = np.empty((len(level) - 1, len(facets), d, d + 1), dtype=np.int64)
    for storey, (below, above) in enumerate(pairwise(level)):
        for i in range(d):
            cells[storey, :, i, : i + 1] = below[ascending[:, : i + 1]]
            cells[storey, :, i, i + 1 :] = above[ascending[:, i:]]
    # Facets turn about the outward normal in space; in the plane they have it on their right.
    turned = (np.arange(d) + swaps[:, None]) % 2 == 1
    cells[:, turned] = cells[:, turned][..., [*range(d - 1), d, d - 1]]
    return cells


def _check_right_side_out(points: _Float, cells: _Index, mesh: Mesh, facet: _Index) -> None:
    volume = cell_volume(points, cells.reshape(-1, cells.shape[-1])).reshape(cells.shape[:-1])
    folded = np.flatnonzero((volume <= 0).any(axis=(0, 2)))
    if folded.size:
        first = facet[folded[0]]
        place = np.array2string(mesh.points[mesh.surface[first]].mean(axis=0), precision=3)
        raise ValueError(
            f"thickness is too large for the hollow at surface facet {first}, {place} m: the layer "
            f"folds over itself there and at {folded.size - 1} more; make it thinner or the size "
            "of the cells larger"
        )
