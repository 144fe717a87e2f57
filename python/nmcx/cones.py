"""Porosity in cones: how much void lies below each spot of a particle's surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import ConePorosity, Particle

__all__ = ["ConePorosity", "cone_porosity", "fibonacci_directions"]


def cone_porosity(
    particle: Particle,
    directions: ArrayLike,
    half_angle: ArrayLike,
    *,
    apex_um: Sequence[float] | None = None,
    threads: int | None = None,
) -> ConePorosity:
    """Count void and envelope voxels in cones, exactly, for all directions and half-angles.

    A voxel belongs to the cone of axis n and half-angle α around the apex a if its centre x
    satisfies ``(x − a)·n ≥ |x − a| cos α`` in double precision; a centre exactly at the
    apex belongs to every cone, and α = π takes the whole envelope.

    Parameters
    ----------
    particle : Particle
        Solid and envelope, each (nz, ny, nx); void is envelope without solid.
    directions : array_like
        (n_direction, 3) or (3,) axes of the cones (z, y, x), of any length but 0.
    half_angle : array_like
        (n_angle,) or scalar half-opening angles [rad], 0 < α ≤ π, in any order.
    apex_um : sequence of float, optional
        (z, y, x) [µm] tip of the cones, on a voxel centre or not; default `particle.centre_um`.
    threads : int, optional
        Number of threads; default all cores. The counts do not depend on it.

    Returns
    -------
    ConePorosity
        Porosity and counts, each (n_direction, n_angle) in the order given; the porosity is NaN
        where a cone holds no envelope voxel.

    Raises
    ------
    ValueError
        If an angle lies outside 0…π, a direction is zero or not finite, the apex lies outside the
        volume, or the envelope is empty.

    References
    ----------
    Definition after Li et al., Nature Communications 11 (2020) 4433, Supplementary Fig. 4, with the
    apex at the particle's centre. Whole cells of a hierarchy on the sphere are added where no
    cone's surface can cut them (our method; the counts equal those of a test of each voxel).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import cones
    >>> from nmcx.results import Particle
    >>> envelope = np.ones((9, 9, 9), bool)
    >>> solid = envelope.copy()
    >>> solid[5:] = False
    >>> found = cones.cone_porosity(Particle(solid, envelope), [1, 0, 0], np.deg2rad([20, 180]))
    >>> found.porosity.round(3).tolist()
    [[0.941, 0.444]]
    """
    axes = np.atleast_2d(np.ascontiguousarray(directions, dtype=np.float64))
    if axes.ndim != 2 or axes.shape[1] != 3:
        raise ValueError(f"directions must have shape (n, 3), each (z, y, x), not {axes.shape}")
    angles = np.atleast_1d(np.asarray(half_angle, dtype=np.float64))
    if angles.ndim != 1:
        raise ValueError(f"half_angle must be a number or one-dimensional, not {angles.ndim}-D")
    if not np.all((angles > 0) & (angles <= np.pi)):
        raise ValueError("half_angle must lie in 0 < half_angle <= pi [rad]; np.deg2rad helps")
    apex = np.asarray(particle.centre_um if apex_um is None else apex_um, dtype=np.float64)
    if apex.shape != (3,):
        raise ValueError(f"apex_um must be three numbers (z, y, x), not of shape {apex.shape}")
    counts = _core.cone_porosity(
        np.ascontiguousarray(particle.envelope),
        np.ascontiguousarray(particle.solid),
        np.array(particle.voxel_size_um),
        np.ascontiguousarray(apex),
        axes,
        np.ascontiguousarray(np.cos(angles)),
        threads or 0,
    )
    with np.errstate(invalid="ignore"):
        porosity = counts.void_voxels / counts.envelope_voxels
    return ConePorosity(
        porosity=porosity,
        void_voxels=counts.void_voxels,
        envelope_voxels=counts.envelope_voxels,
        directions=counts.directions,
        half_angle=angles,
        apex_um=(float(apex[0]), float(apex[1]), float(apex[2])),
    )


def fibonacci_directions(n: int) -> NDArray[np.float64]:
    """Directions spread evenly over the whole sphere.

    Parameters
    ----------
    n : int
        Number of directions, at least 1.

    Returns
    -------
    numpy.ndarray
        (n, 3) unit vectors (z, y, x), from +z to −z.

    Raises
    ------
    ValueError
        If `n` is less than 1.

    References
    ----------
    R. Swinbank, R. J. Purser, Q. J. R. Meteorol. Soc. 132 (2006) 1769: golden-angle spiral of
    equal-area rings.

    Examples
    --------
    >>> from nmcx import cones
    >>> cones.fibonacci_directions(500).sum(axis=0).round(1) + 0.0
    array([0., 0., 0.])
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    i = np.arange(n)
    z = 1.0 - (2.0 * i + 1.0) / n
    azimuth = np.pi * (3.0 - np.sqrt(5.0)) * i
    ring = np.sqrt((1.0 - z) * (1.0 + z))
    return np.column_stack([z, ring * np.sin(azimuth), ring * np.cos(azimuth)])
