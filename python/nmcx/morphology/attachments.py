"""Needle and weld: what absorbs beside the particle and holds no nickel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.morphology.thresholds import at_or_above, multi_otsu_thresholds, otsu_threshold

_Array = NDArray[Any]


def find_attachments(
    volume: ArrayLike,
    *,
    edge_jump: ArrayLike | None = None,
    needle: ArrayLike | None = None,
    threshold: float | None = None,
    max_jump_ratio: float | None = None,
    margin_voxels: int | None = None,
    min_voxels: int = 27,
    connectivity: int = 26,
) -> NDArray[np.bool_]:
    """Find needle and weld, to be left out: ``segment(..., exclude=find_attachments(...))``.

    With an edge jump the ratio test decides: attachments absorb, but their absorption does not
    jump at the edge. Without, they are what absorbs most, and must touch the needle region.

    Parameters
    ----------
    volume : array_like
        (nz, ny, nx) optical density [1], above the edge if there is an edge jump. NaN belongs to
        nothing.
    edge_jump : array_like, optional
        (nz, ny, nx) edge jump in the unit of `volume`. Sums over 3³ voxels are compared as well as
        single voxels, so that noise makes no holes in the particle.
    needle : array_like of bool, optional
        (nz, ny, nx) true in a region that surely holds needle and nothing of the particle: only
        parts that touch it count. Needed if there is no `edge_jump`.
    threshold : float, optional
        Attachments are where `volume` ≥ `threshold` [1]. Default with an edge jump half the median
        of voxels with nickel, without it the upper threshold between three classes (both ours).
    max_jump_ratio : float, optional
        Largest ratio of edge jump to `volume` in an attachment [1]; default half the median ratio
        of voxels with nickel, which are those whose jump is above its Otsu threshold (ours).
    margin_voxels : int, optional
        By how many voxels the found parts grow, for the half-filled ones at their faces, which
        look like particle; default 0 with an edge jump and 1 without.
    min_voxels : int
        Smaller parts are noise.
    connectivity : {26, 6}
        Voxels hold together by faces, edges and corners (26), or by faces alone (6).

    Returns
    -------
    numpy.ndarray
        (nz, ny, nx) bool, true in needle and weld; nowhere if the ratio test finds none.

    Raises
    ------
    ValueError
        If neither `edge_jump` nor `needle` is given, shapes or options do not fit, nothing finite
        is in the volume, no voxel holds nickel, or nothing touches `needle`.

    References
    ----------
    Tungsten and platinum have no edge near 8.33 keV (J. A. Bearden, A. F. Burr, Rev. Mod.
    Phys. 39 (1967) 125); the thresholds are ours.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> z, y, x = np.indices((24, 24, 24)) - 11.5
    >>> ball = z**2 + y**2 + x**2 < 64.0
    >>> wire = (y**2 + x**2 < 9.0) & (z > 8.0)
    >>> density = 1.0 * ball + 4.0 * wire
    >>> found = morphology.find_attachments(density, edge_jump=0.6 * ball)
    >>> bool(np.array_equal(found, wire))
    True
    """
    from scipy import ndimage

    values = np.asarray(volume, dtype=np.float64)
    if values.ndim != 3:
        raise ValueError(f"volume must have three axes (z, y, x), not {values.ndim}")
    if edge_jump is None and needle is None:
        raise ValueError("give edge_jump for the ratio test, or needle, the region it passes")
    if connectivity not in (6, 26):
        raise ValueError(f"connectivity must be 6 or 26, not {connectivity}")
    margin = (1 if edge_jump is None else 0) if margin_voxels is None else int(margin_voxels)
    if margin < 0 or min_voxels < 1:
        raise ValueError("margin_voxels must be 0 or more and min_voxels 1 or more")
    usable = np.isfinite(values)
    if not usable.any():
        raise ValueError("volume holds no finite value: is the right dataset read?")
    if edge_jump is None:
        if max_jump_ratio is not None:
            raise ValueError("max_jump_ratio is for the ratio test: give edge_jump too")
        level = multi_otsu_thresholds(values[usable])[1] if threshold is None else threshold
        found = at_or_above(values, _finite(level, "threshold"), usable)
    else:
        found = _without_jump(values, np.asarray(edge_jump, float), threshold, max_jump_ratio)
    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    kept = _parts(found, needle, min_voxels, structure)
    if margin > 0 and kept.any():
        kept = np.asarray(ndimage.binary_dilation(kept, structure, iterations=margin))
    return kept


def _finite(level: float, name: str) -> float:
    if not np.isfinite(level):
        raise ValueError(f"{name} must be finite, not {level}")
    return float(level)


def _without_jump(
    density: _Array, jump: _Array, threshold: float | None, max_ratio: float | None
) -> NDArray[np.bool_]:
    """Voxels that absorb, with a jump too small for it, alone and with their neighbours."""
    from scipy import ndimage

    if jump.shape != density.shape:
        raise ValueError(f"edge_jump {jump.shape} must have the shape of volume {density.shape}")
    usable = np.isfinite(density) & np.isfinite(jump)
    if not usable.any():
        raise ValueError("no voxel has both a finite volume and a finite edge_jump")
    density, jump = np.where(usable, density, 0.0), np.where(usable, jump, 0.0)
    nickel = at_or_above(jump, otsu_threshold(jump[usable]), usable & (density > 0) & (jump > 0))
    if not nickel.any():
        raise ValueError("no voxel holds nickel: edge_jump must be positive in the particle")
    level = 0.5 * float(np.median(density[nickel])) if threshold is None else threshold
    typical = float(np.median(jump[nickel] / density[nickel]))
    limit = 0.5 * typical if max_ratio is None else _finite(max_ratio, "max_jump_ratio")
    absorbing = at_or_above(density, _finite(level, "threshold"), usable)
    around = ndimage.uniform_filter(jump - limit * density, 3, mode="nearest")
    return np.asarray(absorbing & (jump < limit * density) & (around < 0))


def _parts(
    found: _Array, needle: ArrayLike | None, min_voxels: int, structure: _Array
) -> NDArray[np.bool_]:
    """The connected parts that are large enough and, if there is a needle region, touch it."""
    from scipy import ndimage

    labels, n_label = ndimage.label(found, structure=structure)
    keep = np.bincount(labels.ravel(), minlength=n_label + 1) >= min_voxels
    keep[0] = False
    if needle is not None:
        region = np.asarray(needle, dtype=bool)
        if region.shape != found.shape:
            raise ValueError(f"needle {region.shape} must have the shape of volume {found.shape}")
        touching = np.zeros(n_label + 1, bool)
        touching[labels[region]] = True
        keep &= touching
        if not keep.any():
            raise ValueError("nothing that absorbs enough touches needle: check region, threshold")
    return np.asarray(keep[labels])
