"""Small meshes of boxes for the tests of whatever works on a mesh."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray


def box(
    n: Sequence[int], size: Sequence[float] | float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Conforming triangles or tetrahedra of a box, n[i] bricks along axis i, positive volumes.

    Each brick is split along one diagonal into d! cells (Freudenthal, Kuhn), which follow one
    another, bricks in C order (see `by_brick`). Returns points (n_node, d), in C order too, and
    cells (m, d + 1).
    """
    d = len(n)
    axes = [np.linspace(0.0, s, k + 1) for k, s in zip(n, np.broadcast_to(size, d), strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    strides = np.array([int(np.prod([k + 1 for k in n[i + 1 :]])) for i in range(d)])
    corner = np.stack(np.meshgrid(*(np.arange(k) for k in n), indexing="ij"), -1).reshape(-1, d)
    cells = []
    for order in permutations(range(d)):
        steps = np.concatenate([[0], np.cumsum(strides[list(order)])])
        if np.linalg.det(np.eye(d)[list(order)]) < 0:
            steps[[-1, -2]] = steps[[-2, -1]]
        cells.append((corner @ strides)[:, None] + steps)
    return points, np.stack(cells, axis=1).reshape(-1, d + 1).astype(np.int64)


def by_brick(label: Sequence[int] | NDArray[np.int64], d: int) -> NDArray[np.int64]:
    """Labels (m,) of the cells of `box` by a label per brick."""
    return np.repeat(np.ravel(np.asarray(label, dtype=np.int64)), factorial(d))
