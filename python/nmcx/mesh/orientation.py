"""Crystal axes of the grains: at random, or with the fast planes along the radius."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def random_orientations(n: int, seed: int) -> NDArray[np.float64]:
    """Orientations without any texture.

    Parameters
    ----------
    n : int
        Number of grains.
    seed : int
        Of the random generator.

    Returns
    -------
    numpy.ndarray
        (n, 3, 3) rotations from crystal to sample axes [1], uniform on the group of rotations.

    Raises
    ------
    ValueError
        If n is negative.

    References
    ----------
    K. Shoemake, Graphics Gems III (1992) 124: a unit quaternion uniform on its sphere.

    Examples
    --------
    >>> from nmcx import mesh
    >>> mesh.random_orientations(60, seed=7).shape
    (60, 3, 3)
    """
    if n < 0:
        raise ValueError(f"n must not be negative, not {n}")
    quaternion = np.random.default_rng(seed).standard_normal((n, 4))
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    w, x, y, z = quaternion.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.ascontiguousarray(np.moveaxis(np.array(rows), -1, 0))


def radial_texture(
    centres: ArrayLike, seed: int, *, origin: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Orientations of grains that grew outwards: a along the radius, c across it.

    Lithium, which moves within the a-b planes, then finds a straight way to the surface. The c
    axis is turned about the radius at random.

    Parameters
    ----------
    centres : array_like
        (n_grain, 3) or, in the plane, (n_grain, 2) centres of the grains [m].
    seed : int
        Of the random generator.
    origin : array_like, optional
        (3,) or (2,) centre of the particle [m], default zero; a grain there has no radius and lies
        at random.

    Returns
    -------
    numpy.ndarray
        (n_grain, 3, 3) rotations from crystal to sample axes [1].

    Raises
    ------
    ValueError
        If shapes differ from the above or a number is not finite.

    References
    ----------
    Z. Xu et al., Nature Communications 11 (2020) 83: rods whose fast planes point outwards. That c
    is uniform about the radius is our choice.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import mesh
    >>> axes = mesh.radial_texture([[0, 0, 2e-6], [3e-6, 0, 4e-6]], seed=1)
    >>> (axes[:, :, 0].round(12) + 0.0).tolist()
    [[0.0, 0.0, 1.0], [0.6, 0.0, 0.8]]
    """
    at = np.asarray(centres, dtype=np.float64)
    if at.ndim != 2 or at.shape[1] not in (2, 3):
        raise ValueError(f"centres must have shape (n_grain, 2) or (n_grain, 3), not {at.shape}")
    middle = np.zeros(at.shape[1]) if origin is None else np.asarray(origin, dtype=np.float64)
    if middle.shape != (at.shape[1],):
        raise ValueError(f"origin must be a point like the centres, not of shape {middle.shape}")
    radius = np.zeros((len(at), 3))
    radius[:, : at.shape[1]] = at - middle
    if not np.isfinite(radius).all():
        raise ValueError("centres and origin must be finite")
    # In a rotation uniform on the group the third column is uniform about the first, and stays so
    # when the first is turned onto the radius.
    turned = random_orientations(len(at), seed)
    length = np.linalg.norm(radius, axis=1)
    off_centre = length > 0
    unit = radius[off_centre] / length[off_centre, None]
    turned[off_centre] = _onto(turned[off_centre, :, 0], unit) @ turned[off_centre]
    return turned


def _onto(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (n, 3, 3) that take unit vectors to others: half a turn about their middle."""
    middle = start + end
    # Opposite vectors have no middle; their half turn is about any axis across them.
    opposite = np.linalg.norm(middle, axis=1) < 1e-9
    across = np.cross(start[opposite], np.eye(3)[np.abs(start[opposite]).argmin(axis=1)])
    middle[opposite] = across
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    return 2.0 * middle[:, :, None] * middle[:, None, :] - np.eye(3)
