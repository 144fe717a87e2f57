"""Bars of two grains that come apart at the wall in their middle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from meshes import box, by_brick
from numpy.typing import NDArray

from nmcx import materials, mesh
from nmcx.results import Mesh

#: Hill's modulus of the polycrystal [Pa]; no lateral contraction, so that a bar is a spring.
MODULUS = 175.3461e9
SPRING = replace(materials.NMC811, c11=MODULUS, c33=MODULUS, c12=0.0, c13=0.0, c44=MODULUS / 2)


def bar(length: float, n: tuple[int, ...]) -> Mesh:
    """Two grains of half the length along x, a square of 1 µm across; n[0] is even."""
    points, cells = box(n, (length, 1e-6, 1e-6)[: len(n)])
    second = np.broadcast_to((np.arange(n[0]) >= n[0] // 2).reshape((-1,) + (1,) * (len(n) - 1)), n)
    return mesh.assemble(points, cells, by_brick(second, len(n)), [np.eye(3)] * 2)


def pulled(body: Mesh, apart: float, order: int = 1) -> NDArray[np.float64]:
    """Displacements of the ends, held against moving across."""
    points = body.points if order == 1 else mesh.midside_nodes(body).points
    x = points[:, 0]
    fixed = np.zeros(points.shape)
    fixed[:, 0] = np.where(x > 0.5 * x.max(), apart, 0.0)
    fixed[(x > 1e-12) & (x < x.max() - 1e-12)] = np.nan
    return fixed
