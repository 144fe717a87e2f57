"""Stress along and across the radius of a particle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import Mesh, RadialProfile

_Float = NDArray[np.float64]


def radial_and_hoop(
    mesh: Mesh, stress: ArrayLike, centre: ArrayLike | None = None
) -> tuple[_Float, _Float, _Float]:
    """Radius (m,) [m], radial stress (m,) and mean of the stresses across it (m,) [Pa] of cells.

    Parameters
    ----------
    mesh, stress, centre
        As of `radial_profile`.

    Returns
    -------
    tuple of numpy.ndarray

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    values = np.asarray(stress, dtype=np.float64)
    n_cell, d = len(mesh.cells), mesh.dimension
    if values.shape != (n_cell, 6):
        raise ValueError(f"stress must have shape (m, 6) = ({n_cell}, 6), not {values.shape}")
    at = mesh.points[mesh.cells].mean(axis=1)
    origin = np.average(at, axis=0, weights=mesh.volume) if centre is None else np.asarray(centre)
    if origin.shape != (d,):
        raise ValueError(f"centre must have shape ({d},), not {origin.shape}")
    radius = np.linalg.norm(at - origin, axis=1)
    normal = np.zeros((n_cell, 3))
    # A cell about the centre has no radius; any direction is as good there.
    normal[:, :d] = np.where(radius[:, None] > 0, at - origin, 1.0)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    x, y, z = normal.T
    dyad = np.stack([x * x, y * y, z * z, 2 * y * z, 2 * x * z, 2 * x * y], axis=1)
    radial = (values * dyad).sum(axis=1)
    return radius, radial, (values[:, :d].sum(axis=1) - radial) / (d - 1)


def radial_profile(
    mesh: Mesh, stress: ArrayLike, *, centre: ArrayLike | None = None, n_shell: int = 20
) -> RadialProfile:
    """Radial and hoop stress, averaged over shells of equal thickness.

    Parameters
    ----------
    mesh : Mesh
        Mesh of the stress.
    stress : array_like
        (m, 6) per cell [Pa], Voigt order 11, 22, 33, 23, 13, 12.
    centre : array_like, optional
        (d,) [m]; default the centre of volume.
    n_shell : int
        Shells from the centre to the farthest cell; those without cells are left out.

    Returns
    -------
    RadialProfile
        Means over each shell, weighted by volume.

    Raises
    ------
    ValueError
        If shapes do not fit, or `n_shell` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import chemomechanics, mesh
    >>> square = 1e-6 * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    >>> crystal = mesh.assemble(square, [[0, 1, 2], [0, 2, 3]], [0, 0], np.eye(3)[None])
    >>> pressure = np.tile([-1e9, -1e9, 0.0, 0.0, 0.0, 0.0], (2, 1))
    >>> profile = chemomechanics.radial_profile(crystal, pressure, n_shell=1)
    >>> profile.radial.round(-3).tolist(), profile.hoop.round(-3).tolist()
    ([-1000000000.0], [-1000000000.0])
    """
    if n_shell < 1:
        raise ValueError(f"n_shell must be 1 or more, not {n_shell}")
    volume = mesh.volume
    radius, radial, hoop = radial_and_hoop(mesh, stress, centre)
    farthest = radius.max() or 1.0
    shell = np.minimum((n_shell * radius / farthest).astype(int), n_shell - 1)
    held = np.unique(shell)

    def mean(of: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(shell, volume * of, n_shell)[held] / weight)

    weight = np.bincount(shell, volume, n_shell)[held]
    radial_mean, hoop_mean = mean(radial), mean(hoop)
    return RadialProfile(
        radius=mean(radius),
        radial=radial_mean,
        hoop=hoop_mean,
        radial_std=np.sqrt(np.maximum(mean(radial**2) - radial_mean**2, 0.0)),
        hoop_std=np.sqrt(np.maximum(mean(hoop**2) - hoop_mean**2, 0.0)),
        n_cell=np.bincount(shell, minlength=n_shell)[held],
    )
