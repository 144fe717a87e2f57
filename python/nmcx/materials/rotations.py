"""Orientation of a crystal: the rotation that takes crystal axes to sample axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Rotations read from a text file with six digits still pass; a strain or a swapped axis does not.
_TOLERANCE = 1e-5


def as_rotations(orientation: ArrayLike, *, name: str = "orientation") -> NDArray[np.float64]:
    """Check that matrices are rotations.

    Parameters
    ----------
    orientation : array_like
        (n, 3, 3) or (3, 3) matrices [1] from crystal to sample axes: their columns are the crystal
        axes in the sample, column 2 the c axis.
    name : str
        What the caller calls them, for the message.

    Returns
    -------
    numpy.ndarray
        (n, 3, 3), contiguous, in double precision.

    Raises
    ------
    ValueError
        If the shape differs, a number is not finite, or a matrix is no rotation: columns that are
        not orthonormal to 1e-5, or a mirror image.

    References
    ----------
    The definition of SO(3): RᵀR = I and det R = +1.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import materials
    >>> materials.as_rotations(np.eye(3)).shape
    (1, 3, 3)
    """
    rotations = np.ascontiguousarray(orientation, dtype=np.float64)
    if rotations.shape == (3, 3):
        rotations = rotations[np.newaxis]
    if rotations.ndim != 3 or rotations.shape[1:] != (3, 3):
        raise ValueError(f"{name} must have shape (n, 3, 3), not {rotations.shape}")
    bad = np.flatnonzero(~np.isfinite(rotations).all(axis=(1, 2)))
    if bad.size:
        raise ValueError(f"{name}[{bad[0]}] holds NaN or infinity; every grain needs its axes")
    excess = np.abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max(axis=(1, 2))
    bad = np.flatnonzero(excess > _TOLERANCE)
    if bad.size:
        raise ValueError(
            f"{name}[{bad[0]}] is no rotation: its columns are off orthonormal by "
            f"{excess[bad[0]]:.2g}; materials.bunge makes rotations of Euler angles"
        )
    bad = np.flatnonzero(np.linalg.det(rotations) < 0)
    if bad.size:
        raise ValueError(
            f"{name}[{bad[0]}] is a mirror image, not a rotation; change the sign of one column"
        )
    return rotations


def bunge(phi1: ArrayLike, Phi: ArrayLike, phi2: ArrayLike) -> NDArray[np.float64]:
    """Rotation from crystal to sample axes of Bunge's Euler angles.

    Parameters
    ----------
    phi1, Phi, phi2 : array_like
        Angles [rad] of the turns about z, the new x and the new z that bring the sample's axes onto
        the crystal's, as orientation maps give them; of any shapes that broadcast.

    Returns
    -------
    numpy.ndarray
        (..., 3, 3) [1]: R = gᵀ with g = R_z(−φ2) R_x(−Φ) R_z(−φ1).

    Raises
    ------
    ValueError
        If an angle is not finite.

    References
    ----------
    H.-J. Bunge, Texture Analysis in Materials Science (1982): the z-x-z convention, where g takes
    sample to crystal coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import materials
    >>> materials.bunge(0, np.pi / 2, 0)[:, 2].round(12) + 0.0  # the c axis
    array([ 0., -1.,  0.])
    """
    first, tilt, last = np.broadcast_arrays(
        *(np.asarray(angle, dtype=np.float64) for angle in (phi1, Phi, phi2))
    )
    for name, angle in (("phi1", first), ("Phi", tilt), ("phi2", last)):
        if not np.isfinite(angle).all():
            raise ValueError(f"{name} must be finite angles [rad]; np.deg2rad helps")
    return _about_z(first) @ _about_x(tilt) @ _about_z(last)


def _about_z(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = np.zeros((*angle.shape, 3, 3))
    turn[..., 0, 0] = turn[..., 1, 1] = np.cos(angle)
    turn[..., 1, 0] = np.sin(angle)
    turn[..., 0, 1] = -turn[..., 1, 0]
    turn[..., 2, 2] = 1.0
    return turn


def _about_x(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    # The same turn with its axes renamed: z to x, x to y, y to z.
    return np.roll(_about_z(angle), (1, 1), axis=(-2, -1))
