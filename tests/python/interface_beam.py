"""A beam glued to a rigid base by an interface: the least that shows traction oscillations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import scipy.sparse as sparse
from meshes import box, by_brick
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve

from nmcx import _core, mesh

Doubles = NDArray[np.float64]
#: Corners of the midside nodes' edges, in the order of quadratic cells.
EDGES = {2: [(0, 1), (1, 2), (2, 0)], 3: [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)]}
MODULUS, POISSON = 175.3461e9, 0.28


def stiffness(points: Doubles, cells: NDArray[np.int64]) -> sparse.csr_matrix:
    """Isotropic elasticity of linear or quadratic cells (plane strain in two dimensions)."""
    d = points.shape[1]
    corner = points[cells[:, : d + 1]]
    edges = np.swapaxes(corner[:, 1:] - corner[:, :1], 1, 2)
    volume = np.abs(np.linalg.det(edges)) / (2 if d == 2 else 6)
    inverse = np.linalg.inv(edges)
    barycentric = np.concatenate([-inverse.sum(axis=1, keepdims=True), inverse], axis=1)
    lame = MODULUS * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    shear = MODULUS / (2 * (1 + POISSON))
    n = cells.shape[1]
    blocks = np.zeros((len(cells), n, d, n, d))
    # Degree 2, which the product of two linear gradients needs.
    a = {2: 1 / 6, 3: (5 - np.sqrt(5)) / 20}[d]
    for at in np.full((d + 1, d + 1), a) + (1 - (d + 1) * a) * np.eye(d + 1):
        g = barycentric
        if n > d + 1:
            g = np.concatenate(
                [(4 * at - 1)[:, None] * g]
                + [4 * (at[i] * g[:, j : j + 1] + at[j] * g[:, i : i + 1]) for i, j in EDGES[d]],
                axis=1,
            )
        weight = volume / (d + 1)
        inner = np.einsum("eik,ejk->eij", g, g)
        blocks += np.einsum("e,eia,ejb->eiajb", lame * weight, g, g)
        blocks += np.einsum("e,eib,eja->eiajb", shear * weight, g, g)
        blocks += np.einsum("e,eij,ab->eiajb", shear * weight, inner, np.eye(d))
    rows = (cells[:, :, None] * d + np.arange(d)).reshape(len(cells), -1)
    return assembled(rows, blocks.reshape(len(cells), n * d, n * d), points.size)


def assembled(rows: NDArray[np.int64], blocks: Doubles, size: int) -> sparse.csr_matrix:
    i = np.repeat(rows, rows.shape[1], axis=1).ravel()
    j = np.tile(rows, rows.shape[1]).ravel()
    return sparse.csr_matrix((blocks.ravel(), (i, j)), shape=(size, size))


def both_sides(walls: NDArray[np.int64], matrices: Doubles, d: int, size: int) -> sparse.csr_matrix:
    """[[A, -A], [-A, A]] of all facets."""
    rows = (walls[:, :, None] * d + np.arange(d)).reshape(len(walls), -1)
    return assembled(rows, np.block([[matrices, -matrices], [-matrices, matrices]]), size)


def wall_traction(n: tuple[int, ...], size: tuple[float, ...], order: int, rule: str, k: float):
    """Coordinate along the beam and normal traction at the points of the interface.

    The base is the lowest layer of bricks and rigid; the beam's far end is pulled up.
    """
    d = len(n)
    points, cells = box(n, size)
    layer = np.broadcast_to(np.arange(n[-1]) > 0, n)
    grains = mesh.assemble(points, cells, by_brick(layer, d), [np.eye(3)] * 2)
    quadratic = mesh.midside_nodes(grains) if order == 2 else grains
    x, walls = quadratic.points, quadratic.interfaces
    law = _core.CohesiveLaw(
        k, 1e13, 1e9, 1e13, 1e9, 1.45, _core.SofteningShape.bilinear,
        _core.MixedMode.benzeggagh_kenane, _core.OnsetCriterion.quadratic, 0.0, np.inf, 0.25,
    )  # fmt: skip
    cohesive = _core.CohesiveWalls(
        np.ascontiguousarray(x), np.ascontiguousarray(walls), [law],
        np.zeros(len(walls), dtype=np.int64), getattr(_core.FacetQuadrature, rule),
    )  # fmt: skip
    state = cohesive.initial_state()
    kind = _core.TangentKind.secant
    matrices = cohesive.evaluate(np.zeros(x.size), state, kind).matrices
    system = stiffness(x, quadratic.cells) + both_sides(walls, matrices, d, x.size)
    free = np.repeat(~np.isin(np.arange(len(x)), quadratic.cells[grains.grain == 0]), d)
    load = np.zeros(x.shape)
    tip = np.isclose(x[:, 0], size[0]) & np.isclose(x[:, -1], size[-1])
    load[tip, -1] = 1e-3 / tip.sum()
    u = np.zeros(x.size)
    u[free] = spsolve(system[free][:, free].tocsc(), load.ravel()[free])
    traction = cohesive.evaluate(u, state, _core.TangentKind.none).traction[:, :, 0]
    return quadrature_positions(x[walls[:, : walls.shape[1] // 2]], rule), traction


def quadrature_positions(nodes: Doubles, rule: str) -> Doubles:
    """(k, q) coordinate along the beam of the points of a rule on facets of straight sides."""
    d = nodes.shape[2]
    corner, linear = nodes[:, :d, 0], nodes.shape[1] == d
    middle = [np.eye(d)[i] / 2 + np.eye(d)[j] / 2 for i, j in combinations(range(d), 2)]
    if rule == "nodal":
        if not linear and d == 3:
            middle = [middle[0], middle[2], middle[1], np.full(3, 1 / 3)]
        at = np.array([*np.eye(d), *([] if linear else middle)])
    elif d == 2:
        s = np.array([0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3)])
        if not linear:
            s = np.array([0.5 - 0.5 * np.sqrt(0.6), 0.5 + 0.5 * np.sqrt(0.6), 0.5])
        at = np.stack([1 - s, s], axis=1)
    else:
        orbits = [1 / 6] if linear else [0.44594849091596489, 0.09157621350977073]
        at = np.concatenate([a + (1 - 3 * a) * np.eye(3) for a in orbits])
    return corner @ at.T


def oscillation(along: Doubles, traction: Doubles) -> float:
    """How much traction goes up and down beyond its range, 0 where it rises or falls throughout.

    The mean over the points of one place (nodes belong to several facets) is followed along the
    beam.
    """
    place, inverse = np.unique((along.ravel() / along.max()).round(6), return_inverse=True)
    mean = np.bincount(inverse, traction.ravel()) / np.bincount(inverse)
    assert len(place) > 4
    return float(np.abs(np.diff(mean)).sum() / np.ptp(mean) - 1)
