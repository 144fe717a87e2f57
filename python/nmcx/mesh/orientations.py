"""Crystal axes of grains: at random, or turned towards the centre of the particle."""

from __future__ import annotations

import numpy as np

from nmcx.mesh.clipped import Array


def random_orientations(n: int, rng: np.random.Generator) -> Array:
    """(n, 3, 3) rotations, uniform on SO(3).

    References
    ----------
    K. Shoemake, Graphics Gems III (1992) 124: uniform unit quaternions.
    """
    q = rng.standard_normal((n, 4))
    w, x, y, z = (q / np.linalg.norm(q, axis=1)[:, None]).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def radial_orientations(seeds: Array, rng: np.random.Generator) -> Array:
    """(n, 3, 3) rotations with an a axis along the radius of each seed (n, d), c across it.

    The layers in which lithium moves fast then lead from the centre to the surface. With three
    dimensions c has a random direction across the radius; with two it lies in the plane.
    """
    n, dimension = seeds.shape
    free = random_orientations(n, rng)
    outwards = np.zeros((n, 3))
    outwards[:, :dimension] = seeds
    length = np.linalg.norm(outwards, axis=1)
    # A seed at the centre has no radius.
    at_centre = length <= 1e-9 * max(float(length.max()), 1e-300)
    outwards[at_centre] = free[at_centre, :, 0]
    if dimension == 2:
        outwards[at_centre, 2] = 0.0
        across = np.column_stack([-outwards[:, 1], outwards[:, 0], np.zeros(n)])
    else:
        across = np.cross(outwards, free[:, :, 1])
    a = outwards / np.linalg.norm(outwards, axis=1)[:, None]
    c = across / np.linalg.norm(across, axis=1)[:, None]
    return np.stack([a, np.cross(c, a), c], axis=2)
