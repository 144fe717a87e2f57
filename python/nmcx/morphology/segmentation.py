"""Solid, envelope and pores of a particle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import Particle, voxel_spacing

_log = logging.getLogger("nmcx")

#: Closing radius of the envelope [µm]: cracks up to twice this wide are closed at the surface.
_CLOSING_RADIUS_UM = 0.5

_Array = NDArray[Any]


def segment(
    volume: ArrayLike,
    *,
    voxel_size_um: float | tuple[float, ...],
    threshold: float | None = None,
    closing_radius_um: float | None = None,
    exclude: ArrayLike | None = None,
    connectivity: int = 26,
    threads: int | None = None,
) -> Particle:
    """Separate one particle from its surroundings, and its solid from its pores.

    Solid is the largest connected part of the volume at or above the threshold. The envelope is
    the solid closed by a ball and with its holes filled, so that pores belong to it, and cracks
    that reach the surface too if they are narrower than the ball.

    Parameters
    ----------
    volume : array_like
        (nz, ny, nx) anything that is larger in the solid: edge jump or optical density. NaN is
        not solid.
    voxel_size_um : float or tuple of float
        Voxel size, or (dz, dy, dx) [µm].
    threshold : float, optional
        Solid is where `volume` ≥ `threshold`; default `otsu_threshold` of the volume.
    closing_radius_um : float, optional
        Radius of the closing ball [µm]; default 0.5 µm (our default), 0 closes nothing. Too small
        loses open cracks, too large fills concave flanks.
    exclude : array_like, optional
        (nz, ny, nx) true in voxels that belong to a needle or weld: neither solid nor envelope.
    connectivity : {26, 6}
        Voxels hold together by faces, edges and corners (26), or by faces alone (6).
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    Particle
        With the centroid of the envelope as its centre.

    Raises
    ------
    ValueError
        If the volume is not 3-D, holds no finite value or one value only, if nothing or only a
        single voxel is solid, or if a shape or option does not fit.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62, for the threshold.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> z, y, x = np.indices((24, 24, 24)) - 11.5
    >>> ball = (z**2 + y**2 + x**2 < 100.0).astype(float)
    >>> ball[10:14, 10:14, 10:14] = 0.0
    >>> particle = morphology.segment(ball, voxel_size_um=0.1)
    >>> int(particle.void.sum())
    64
    """
    values = np.asarray(volume)
    if values.ndim != 3:
        raise ValueError(f"volume must have three axes (z, y, x), not {values.ndim}")
    if connectivity not in (6, 26):
        raise ValueError(f"connectivity must be 6 or 26, not {connectivity}")
    spacing = voxel_spacing(voxel_size_um)
    radius = _CLOSING_RADIUS_UM if closing_radius_um is None else float(closing_radius_um)
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"closing_radius_um must be zero or positive, not {closing_radius_um}")
    outside = ~np.isfinite(values)
    if exclude is not None:
        banned = np.asarray(exclude, dtype=bool)
        if banned.shape != values.shape:
            raise ValueError(f"exclude {banned.shape} must have the shape of volume {values.shape}")
        outside |= banned
    kept = values[~outside]
    if kept.size == 0:
        raise ValueError("volume holds no finite value: is the right dataset read?")
    level = otsu_threshold(kept) if threshold is None else float(threshold)
    if not np.isfinite(level):
        raise ValueError(f"threshold must be finite, not {threshold}")
    with np.errstate(invalid="ignore"):
        candidates = (values >= level) & ~outside
    solid = _largest_component(candidates, connectivity)
    n_solid = int(np.count_nonzero(solid))
    if n_solid < 2:
        what = "no voxel is solid" if n_solid == 0 else "the largest solid part is a single voxel"
        raise ValueError(f"{what} at threshold {level:.6g}: choose another threshold")
    envelope = _envelope(solid, spacing, radius, threads or 0)
    if exclude is not None:
        envelope &= ~banned
    _log.info("segmented %d solid voxels at threshold %.6g", n_solid, level)
    return Particle(solid=solid, envelope=envelope, voxel_size_um=spacing)


def otsu_threshold(values: ArrayLike) -> float:
    """Threshold that separates a histogram of 256 bins into two classes best.

    Parameters
    ----------
    values : array_like
        Any shape; only finite values count. The histogram spans the 0.01 to the 99.99 percentile,
        so that a few broken voxels do not take all its bins; the rest goes into the end bins.

    Returns
    -------
    float
        The edge between the two classes, in the unit of `values`.

    Raises
    ------
    ValueError
        If there is no finite value, or only one distinct value.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62: largest variance between classes; of equally
    good edges the middle one is taken.

    Examples
    --------
    >>> from nmcx import morphology
    >>> 0.0 < morphology.otsu_threshold([0, 0, 0, 1, 1]) < 1.0
    True
    """
    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        raise ValueError("values holds no finite value: nothing to find a threshold for")
    low, high = np.quantile(finite, [1e-4, 1.0 - 1e-4])
    if not low < high:
        low, high = finite.min(), finite.max()
    if not low < high:
        raise ValueError(f"values are all {low:.6g}: there is no threshold between them")
    count, edges = np.histogram(np.clip(finite, low, high), bins=256, range=(low, high))
    centres = 0.5 * (edges[1:] + edges[:-1])
    below = np.cumsum(count)[:-1].astype(np.float64)
    above = finite.size - below
    moment = np.cumsum(count * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = (moment[-1] - moment[:-1]) / above - moment[:-1] / below
        between = np.where((below > 0) & (above > 0), below * above * difference**2, 0.0)
    best = np.flatnonzero(between >= between.max() * (1.0 - 1e-12))
    return float(0.5 * (edges[best[0] + 1] + edges[best[-1] + 1]))


def _largest_component(mask: _Array, connectivity: int) -> _Array:
    """The largest connected part of a 3-D mask; of equally large ones the first."""
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    labels, n_label = ndimage.label(mask, structure=structure)
    if n_label == 0:
        return mask
    size = np.bincount(labels.ravel())
    size[0] = 0
    return np.asarray(labels == size.argmax())


def _envelope(
    solid: _Array, spacing: Sequence[float], radius: float, threads: int
) -> NDArray[np.bool_]:
    """Solid closed by a ball, with the holes filled."""
    from scipy import ndimage

    # Wide enough that the dilated solid never meets the border, whose far side is unknown.
    margin = [int(np.ceil(radius / h)) + 1 for h in spacing]
    closed = np.pad(solid, [(m, m) for m in margin])
    if radius > 0:
        steps = np.array(spacing)
        dilated = _core.distance_transform(~closed, steps, threads) <= radius
        closed = _core.distance_transform(dilated, steps, threads) > radius
    # Outside is what hangs together with the corner; by faces, so that no leak is diagonal.
    labels, _ = ndimage.label(~closed)
    filled = labels != labels[0, 0, 0]
    inner = tuple(slice(m, m + n) for m, n in zip(margin, solid.shape, strict=True))
    return np.ascontiguousarray(filled[inner])
