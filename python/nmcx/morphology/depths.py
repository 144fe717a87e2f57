"""Depth below the surface of the particle, or below any free surface."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.morphology.voids import open_voids
from nmcx.results import Particle

_Array = NDArray[Any]


def depth(
    particle: Particle,
    *,
    to: Literal["envelope", "open_cracks"] = "envelope",
    connectivity: int = 26,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Distance of each voxel of the envelope to the particle's surface, or to any free surface.

    The distance between the centre of the voxel and that of the nearest voxel outside, less half
    the smallest voxel size, because the surface lies between the two. What lies beyond the border
    of the volume is outside.

    Parameters
    ----------
    particle : Particle
        Its envelope and voxel size are used, and its solid for open cracks.
    to : {"envelope", "open_cracks"}
        The outer surface, or the nearest free surface: then the voids that hang together with the
        outside count as outside too, because what surrounds the particle can reach their walls.
        Closed pores never do.
    connectivity : {26, 6}
        For "open_cracks", whether voxels of a void hang together by faces, edges and corners (26),
        so that a slanted crack one voxel thin stays in one piece, or by faces alone (6). The last
        step to the outside is always through a face.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    numpy.ndarray
        (nz, ny, nx) [µm], NaN outside the envelope, and in the open voids if they count as outside.

    Raises
    ------
    ValueError
        If `to` or `connectivity` is none of the above, or `threads` is negative.

    References
    ----------
    P. F. Felzenszwalb, D. P. Huttenlocher, Theory of Computing 8 (2012) 415: exact Euclidean
    distance transform. The half voxel is our convention.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> slab = np.zeros((5, 9, 9), bool)
    >>> slab[1:4] = True
    >>> particle = morphology.Particle(slab, slab, voxel_size_um=(0.5, 1.0, 1.0))
    >>> morphology.depth(particle)[:, 4, 4]
    array([ nan, 0.25, 0.75, 0.25,  nan])
    """
    if connectivity not in (6, 26):
        raise ValueError(f"connectivity must be 6 or 26, not {connectivity}")
    if to == "envelope":
        inside = particle.envelope
    elif to == "open_cracks":
        inside = particle.envelope & ~open_voids(particle, connectivity)
    else:
        raise ValueError(f'to must be "envelope" or "open_cracks", not {to!r}')
    spacing = np.array(particle.voxel_size_um)
    distance = _core.distance_transform(np.pad(inside, 1), spacing, threads or 0)
    return np.where(inside, distance[1:-1, 1:-1, 1:-1] - 0.5 * spacing.min(), np.nan)
