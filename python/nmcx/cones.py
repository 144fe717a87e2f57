"""Porosity in cones: how much void lies below each spot of a particle's surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import ConePorosity, Particle

__all__ = [
    "ConePorosity",
    "cone_porosity",
    "fibonacci_directions",
    "healpix_directions",
    "surface_directions",
]


def cone_porosity(
    particle: Particle,
    directions: ArrayLike,
    half_angle: ArrayLike,
    *,
    apex_um: Sequence[float] | None = None,
    weight: str = "volume",
    radial_gate_um: tuple[float, float] | None = None,
    soft: bool = False,
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
    weight : {"volume", "solid_angle"}
        "volume": every voxel counts alike, so that 7/8 of a cone's weight lie beyond half its
        length. "solid_angle": by 1/r², so that every depth counts alike; a centre at the apex does
        not count.
    radial_gate_um : (float, float), optional
        Only voxels whose centres lie between these distances from the apex count, both included
        [µm]: an outer shell, or the core.
    soft : bool
        True: a voxel is void by 1 − `particle.solid_fraction`, which does not lose cracks thinner
        than a voxel.
    threads : int, optional
        Number of threads; default all cores. The result does not depend on it.

    Returns
    -------
    ConePorosity
        Porosity and counts, each (n_direction, n_angle) in the order given; the porosity is NaN
        where a cone holds no envelope voxel. The counts are of whole voxels within the gate, what-
        ever the weights.

    Raises
    ------
    ValueError
        If an angle lies outside 0…π, a direction is zero or not finite, the apex lies outside the
        volume, the envelope is empty, an option is none of its choices, or `soft` finds no
        `solid_fraction`.

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
    if weight not in ("volume", "solid_angle"):
        raise ValueError(f'weight must be "volume" or "solid_angle", not {weight!r}')
    nearest, farthest = _gate(radial_gate_um)
    fraction = _solid_fraction(particle) if soft else None

    def count(solid_angle: bool, solid_fraction: NDArray[np.float32] | None) -> _core.ConeCounts:
        return _core.cone_porosity(
            np.ascontiguousarray(particle.envelope),
            np.ascontiguousarray(particle.solid),
            np.array(particle.voxel_size_um),
            np.ascontiguousarray(apex),
            axes,
            np.ascontiguousarray(np.cos(angles)),
            nearest,
            farthest,
            solid_angle,
            solid_fraction,
            threads or 0,
        )

    counts = count(False, None)
    weights = count(weight == "solid_angle", fraction) if soft or weight != "volume" else counts
    with np.errstate(invalid="ignore"):
        porosity = weights.voids / weights.envelopes
    return ConePorosity(
        porosity=porosity,
        void_voxels=counts.voids,
        envelope_voxels=counts.envelopes,
        directions=counts.directions,
        half_angle=angles,
        apex_um=(float(apex[0]), float(apex[1]), float(apex[2])),
        settings={"weight": weight, "soft": bool(soft)},
        radial_gate_um=(nearest, farthest),
    )


def _gate(radial_gate_um: tuple[float, float] | None) -> tuple[float, float]:
    if radial_gate_um is None:
        return 0.0, float("inf")
    if np.shape(radial_gate_um) != (2,):
        raise ValueError(f"radial_gate_um must be (nearest, farthest), not {radial_gate_um}")
    return float(radial_gate_um[0]), float(radial_gate_um[1])


def _solid_fraction(particle: Particle) -> NDArray[np.float32]:
    if particle.solid_fraction is None:
        raise ValueError(
            "soft needs particle.solid_fraction: segment with soft=True, or give it to Particle"
        )
    return np.ascontiguousarray(particle.solid_fraction, dtype=np.float32)


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


def healpix_directions(nside: int) -> NDArray[np.float64]:
    """Centres of the HEALPix cells, which all have the same area.

    Parameters
    ----------
    nside : int
        Cells along the edge of each of the twelve base cells, at least 1; any number, as the ring
        order needs no power of two.

    Returns
    -------
    numpy.ndarray
        (12 nside², 3) unit vectors (z, y, x) in ring order, from +z to −z.

    Raises
    ------
    ValueError
        If `nside` is less than 1.

    References
    ----------
    K. M. Górski et al., Astrophys. J. 622 (2005) 759, equations 2 to 9.

    Examples
    --------
    >>> from nmcx import cones
    >>> directions = cones.healpix_directions(8)
    >>> directions.shape, bool(abs(directions.mean(axis=0)).max() < 1e-12)
    ((768, 3), True)
    """
    if nside < 1:
        raise ValueError(f"nside must be at least 1, not {nside}")
    ring = np.arange(1, 4 * nside)
    from_pole = np.minimum(ring, 4 * nside - ring)
    cap = from_pole < nside
    z = np.where(cap, 1.0 - from_pole**2 / (3.0 * nside**2), (4.0 - 2.0 * from_pole / nside) / 3.0)
    z = np.where(ring > 2 * nside, -z, z)
    n_in_ring = np.where(cap, 4 * from_pole, 4 * nside)
    # Rings of the belt are turned by half a cell against each other in turn; those of the caps
    # always start half a cell off.
    shift = np.where(cap, 0.5, 0.5 * ((ring - nside + 1) % 2))
    number = np.repeat(np.arange(ring.size), n_in_ring)
    first = np.concatenate([[0], np.cumsum(n_in_ring)[:-1]])
    within = np.arange(number.size) - first[number]
    azimuth = 2.0 * np.pi * (within + shift[number]) / n_in_ring[number]
    height = z[number]
    radius = np.sqrt((1.0 - height) * (1.0 + height))
    return np.column_stack([height, radius * np.sin(azimuth), radius * np.cos(azimuth)])


def surface_directions(
    particle: Particle, *, apex_um: Sequence[float] | None = None
) -> NDArray[np.float64]:
    """Directions from the apex to the outermost voxels of the envelope.

    Parameters
    ----------
    particle : Particle
        Its envelope and voxel size are used.
    apex_um : sequence of float, optional
        (z, y, x) [µm]; default `particle.centre_um`.

    Returns
    -------
    numpy.ndarray
        (n, 3) unit vectors (z, y, x), one for each envelope voxel with a face to the outside, in C
        order. There are more of them where the surface is far away or lies obliquely: a grid spread
        evenly over the sphere suits statistics better.

    Raises
    ------
    ValueError
        If the envelope is empty or `apex_um` is not three finite numbers.

    References
    ----------
    Cones to each spot of the surface, after Li et al., Nature Communications 11 (2020) 4433,
    Supplementary Fig. 4; the face rule is our default.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import cones
    >>> from nmcx.results import Particle
    >>> ball = np.linalg.norm(np.indices((9, 9, 9)) - 4.0, axis=0) < 3.0
    >>> cones.surface_directions(Particle(ball, ball)).shape
    (66, 3)
    """
    apex = np.asarray(particle.centre_um if apex_um is None else apex_um, dtype=np.float64)
    if apex.shape != (3,) or not np.all(np.isfinite(apex)):
        raise ValueError(f"apex_um must be three finite numbers (z, y, x), not {apex_um}")
    envelope = particle.envelope
    padded = np.pad(envelope, 1)
    inner = envelope.copy()
    for axis in range(3):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis=axis)[1:-1, 1:-1, 1:-1]
    arm = np.argwhere(envelope & ~inner) * np.array(particle.voxel_size_um) - apex
    if len(arm) == 0:
        raise ValueError("envelope is empty: nothing was segmented; check the threshold")
    length = np.linalg.norm(arm, axis=1, keepdims=True)
    away = length[:, 0] > 0
    return np.asarray(arm[away] / length[away])
