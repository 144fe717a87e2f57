"""Pores and cracks of a particle one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.results import Particle, VoidLabels

_Array = NDArray[Any]


def label_voids(
    particle: Particle,
    *,
    connectivity: int = 26,
    crack_aspect: float = 3.0,
    threads: int | None = None,
) -> VoidLabels:
    """Measure each connected void of a particle: size, extents, crack or pore, open or closed.

    Extents are the axes of the ellipsoid that has the void's volume-weighted second moments,
    2 √(5 λ) with λ the eigenvalues of its covariance; each voxel counts as a box, so that a void of
    one voxel has extents too. A void is a crack if its middle extent is at least `crack_aspect`
    times its thickness, the diameter of the largest ball inside: so are sheets, bent or branched,
    and networks of them, but neither balls nor tubes.

    Parameters
    ----------
    particle : Particle
        From `segment`. A particle without voids gives empty arrays.
    connectivity : {26, 6}
        Voids hold together by faces, edges and corners (26), or by faces alone (6).
    crack_aspect : float
        Least middle extent of a crack over its thickness [1]; 3 is our default.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    VoidLabels
        The largest void first. Thicknesses [µm] are good to a voxel.

    Raises
    ------
    ValueError
        If the connectivity is neither 6 nor 26, `crack_aspect` is not positive, or `threads` is
        negative.

    References
    ----------
    G. Lehmann, "Label object representation and manipulation with ITK", Insight Journal (2008), for
    elongation and flatness from principal moments; the rule for cracks is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> envelope = np.ones((20, 20, 20), bool)
    >>> solid = envelope.copy()
    >>> solid[10, :15, 4:15] = False                        # a sheet that reaches the border
    >>> solid[3:6, 3:6, 3:6] = False                        # a pore
    >>> voids = morphology.label_voids(morphology.Particle(solid, envelope, 0.1))
    >>> voids.is_crack, voids.connected_to_surface
    (array([ True, False]), array([ True, False]))
    """
    from scipy import ndimage

    if connectivity not in (6, 26):
        raise ValueError(f"connectivity must be 6 or 26, not {connectivity}")
    if not (np.isfinite(crack_aspect) and crack_aspect > 0):
        raise ValueError(f"crack_aspect must be positive, not {crack_aspect}")
    void = particle.void
    spacing = np.array(particle.voxel_size_um)
    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    labels, n_void = ndimage.label(void, structure=structure)
    labels = _largest_first(labels, n_void)
    at = np.nonzero(labels)
    which = labels[at] - 1
    n_voxel = np.bincount(which, minlength=n_void)
    position = np.stack(at, axis=1) * spacing
    centroid, length = _moments(position, which, n_voxel, spacing)
    # What lies beyond the border of the volume is outside, and no void.
    padded = np.pad(void, 1)
    distance = _core.distance_transform(padded, spacing, threads or 0)[1:-1, 1:-1, 1:-1]
    deepest = np.zeros(n_void)
    np.maximum.at(deepest, which, distance[at])
    thickness = 2.0 * deepest - spacing.min() * (deepest > 0)
    open_voxels = _beside_outside(particle.envelope)[at]
    return VoidLabels(
        labels=labels,
        volume_um3=n_voxel * float(np.prod(spacing)),
        length_um=length,
        thickness_um=thickness,
        is_crack=length[:, 1] >= crack_aspect * thickness,
        connected_to_surface=np.bincount(which, open_voxels, minlength=n_void) > 0,
        centroid_um=centroid,
        voxel_size_um=particle.voxel_size_um,
        settings={"connectivity": connectivity, "crack_aspect": float(crack_aspect)},
    )


def open_voids(particle: Particle, connectivity: int) -> NDArray[np.bool_]:
    """Voxels of voids that hang together with the outside of the envelope."""
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    labels, n_void = ndimage.label(particle.void, structure=structure)
    is_open = np.zeros(n_void + 1, dtype=bool)
    is_open[labels[_beside_outside(particle.envelope) & particle.void]] = True
    return np.asarray(is_open[labels])


def _largest_first(labels: _Array, n_label: int) -> NDArray[np.int32]:
    """Labels in the order of falling size; of equally large ones the first in the array."""
    size = np.bincount(labels.ravel(), minlength=n_label + 1)[1:]
    rank = np.zeros(n_label + 1, np.int32)
    rank[1 + np.argsort(-size, kind="stable")] = np.arange(1, n_label + 1)
    return np.asarray(rank[labels])


def _moments(
    position: _Array, which: _Array, n_voxel: _Array, spacing: _Array
) -> tuple[_Array, _Array]:
    """Centroids (n, 3), and principal extents (n, 3) with the longest first."""

    def mean(values: _Array) -> _Array:
        return np.bincount(which, values, minlength=n_voxel.size) / n_voxel

    centroid = np.stack([mean(position[:, a]) for a in range(3)], axis=1)
    arm = position - centroid[which]
    covariance = np.zeros((n_voxel.size, 3, 3))
    for a in range(3):
        for b in range(a, 3):
            covariance[:, a, b] = covariance[:, b, a] = mean(arm[:, a] * arm[:, b])
    covariance += np.diag(spacing**2 / 12.0)
    extents = 2.0 * np.sqrt(5.0 * np.linalg.eigvalsh(covariance))
    return centroid, extents[:, ::-1].copy()


def _beside_outside(envelope: _Array) -> NDArray[np.bool_]:
    """Voxels with a face to the outside; beyond the border of the volume is outside."""
    from scipy import ndimage

    faces = ndimage.generate_binary_structure(3, 1)
    return np.asarray(envelope & ~ndimage.binary_erosion(envelope, faces, border_value=0))
