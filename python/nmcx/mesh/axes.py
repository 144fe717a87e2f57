"""Positions in images, (z, y, x) and µm, and in meshes, (x, y, z) and metres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def mesh_position(position_um: ArrayLike) -> NDArray[np.float64]:
    """Where in a mesh a position of the image is.

    Parameters
    ----------
    position_um : array_like
        (..., d) along the axes of the image, (z, y, x) or (y, x) [µm].

    Returns
    -------
    numpy.ndarray
        (..., d) positions (x, y, z) or (x, y) [m].

    Raises
    ------
    ValueError
        If these are not positions in two or three dimensions.

    References
    ----------
    Our convention: the centre of voxel (0, 0, 0) is the origin of both.

    Examples
    --------
    >>> from nmcx import mesh
    >>> mesh.mesh_position([1.0, 0.0, 3.0]).tolist()
    [3e-06, 0.0, 1e-06]
    """
    return _turned(position_um, "position_um") * 1e-6


def image_position(position: ArrayLike) -> NDArray[np.float64]:
    """Where in the image a position of a mesh is: the inverse of `mesh_position`.

    Parameters
    ----------
    position : array_like
        (..., d) positions (x, y, z) or (x, y) [m].

    Returns
    -------
    numpy.ndarray
        (..., d) along the axes of the image, (z, y, x) or (y, x) [µm].

    Raises
    ------
    ValueError
        If these are not positions in two or three dimensions.

    References
    ----------
    As of `mesh_position`.

    Examples
    --------
    >>> from nmcx import mesh
    >>> mesh.image_position([3e-6, 0.0, 1e-6]).round(9).tolist()
    [1.0, 0.0, 3.0]
    """
    return _turned(position, "position") * 1e6


def _turned(positions: ArrayLike, name: str) -> NDArray[np.float64]:
    given = np.asarray(positions, dtype=np.float64)
    if given.ndim == 0 or given.shape[-1] not in (2, 3):
        raise ValueError(f"{name} must have two or three components, not shape {given.shape}")
    return np.ascontiguousarray(given[..., ::-1])
