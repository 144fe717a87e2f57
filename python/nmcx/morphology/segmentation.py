"""Solid, envelope and pores of a particle."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.morphology.envelope import Closing, depth_below, given_envelope
from nmcx.morphology.thresholds import (
    at_or_above,
    hysteresis,
    multi_otsu_thresholds,
    otsu_threshold,
)
from nmcx.results import Particle, voxel_spacing

_log = logging.getLogger("nmcx")

#: Closing radius of the envelope [µm]: cracks up to twice this wide are closed at the surface.
CLOSING_RADIUS_UM = 0.5
#: Voxels below the surface whose missing part may lie outside rather than in a crack.
_RIM_VOXELS = 3.0

Method = Literal["otsu", "multi_otsu", "hysteresis"]
_Array = NDArray[Any]


def segment(
    volume: ArrayLike,
    *,
    voxel_size_um: float | tuple[float, ...],
    method: Method = "otsu",
    n_classes: int = 3,
    threshold: float | tuple[float, float] | None = None,
    envelope: Literal["closing", "rays"] | ArrayLike = "closing",
    closing_radius_um: float | None = None,
    min_rays: int = 18,
    soft: bool = False,
    rim_um: float | None = None,
    exclude: ArrayLike | None = None,
    connectivity: int = 26,
    threads: int | None = None,
) -> Particle:
    """Separate one particle from its surroundings, and its solid from its pores.

    Solid is the largest connected part of the volume at or above the threshold. The envelope is
    the solid with its pores, and with the cracks that reach the surface too.

    Parameters
    ----------
    volume : array_like
        (nz, ny, nx) anything that is larger in the solid and zero without it: edge jump or optical
        density [1]. NaN is not solid.
    voxel_size_um : float or tuple of float
        Voxel size, or (dz, dy, dx) [µm].
    method : {"otsu", "multi_otsu", "hysteresis"}
        How the threshold is found: between two classes; below the highest of `n_classes` classes;
        or two thresholds, of which the solid lies at or above the low one everywhere, and at or
        above the high one somewhere.
    n_classes : int
        Number of classes of `"multi_otsu"` and `"hysteresis"`. Hysteresis takes the two highest
        thresholds between them.
    threshold : float or (float, float), optional
        The threshold itself instead of one from the histogram; for `"hysteresis"` (low, high).
    envelope : {"closing", "rays"} or array_like of bool
        The solid closed by a ball with its holes filled; or all voxels from which at least
        `min_rays` rays meet solid, whatever the width of the cracks; or the envelope itself.
    closing_radius_um : float, optional
        Radius of the closing ball [µm]; default 0.5 µm (our default), 0 closes nothing. Cracks up
        to twice as wide are kept. Too small loses open cracks, too large fills concave flanks: see
        `porosity_sensitivity`.
    min_rays : int
        Number of the 26 directions to the neighbours of a voxel, by faces, edges and corners, in
        which solid must be met; 1 to 26. Outside a plane face 9 of them meet it.
    soft : bool
        Whether to keep how full each voxel is, `Particle.solid_fraction`: its value over the
        median of undisturbed solid, at most 1. Cracks thinner than a voxel then count by volume.
        Noise σ (relative to that median) is cut at 1 as well and feigns a porosity of 0.4 σ.
    rim_um : float, optional
        Solid voxels at most this far below the surface are full, because what they lack may lie
        outside the particle [µm]; default three times the largest voxel edge (ours). For `soft`.
    exclude : array_like, optional
        (nz, ny, nx) true in voxels that belong to a needle or weld (`find_attachments`): neither
        solid nor envelope.
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
        single voxel is solid, if a given envelope is empty, or if a shape or option does not fit.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62, and P.-S. Liao, T.-S. Chen, P.-C. Chung,
    J. Inf. Sci. Eng. 17 (2001) 713, for the thresholds; J. Canny, IEEE Trans. Pattern Anal. Mach.
    Intell. 8 (1986) 679, for hysteresis.

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
    field = usable_field(volume, voxel_size_um, exclude, connectivity)
    radius = checked_radius(closing_radius_um)
    low, high = find_levels(field, method, n_classes, threshold)
    solid = find_solid(field, low, high)
    n_solid = int(np.count_nonzero(solid))
    if n_solid < 2:
        what = "no voxel is solid" if n_solid == 0 else "the largest solid part is a single voxel"
        raise ValueError(f"{what} at threshold {high:.6g}: choose another threshold")
    if isinstance(envelope, str) and envelope == "closing":
        filled = Closing(solid, field.spacing, radius, threads or 0).envelope(radius)
    elif closing_radius_um is not None:
        raise ValueError('closing_radius_um is for envelope="closing": leave it out')
    elif isinstance(envelope, str) and envelope == "rays":
        filled = _core.ray_envelope(solid, min_rays, threads or 0).copy()
    else:
        filled = given_envelope(envelope, solid.shape)
        solid &= filled
        if not solid.any():
            raise ValueError("no solid lies in the given envelope: do volume and envelope match?")
    filled &= field.allowed
    fraction = _solid_fraction(field, solid, filled, rim_um, threads or 0) if soft else None
    _log.info("segmented %d solid voxels at threshold %.6g", n_solid, high)
    return Particle(
        solid=solid, envelope=filled, voxel_size_um=field.spacing, solid_fraction=fraction
    )


@dataclass(frozen=True)
class Field:
    """A volume whose form has been checked, and which of its voxels may be solid."""

    values: _Array
    spacing: tuple[float, float, float]
    allowed: NDArray[np.bool_]  #: not excluded
    usable: NDArray[np.bool_]  #: finite and not excluded
    structure: _Array  #: which neighbours hold together


def usable_field(
    volume: ArrayLike,
    voxel_size_um: float | tuple[float, ...],
    exclude: ArrayLike | None,
    connectivity: int,
) -> Field:
    """The volume with its spacing and usable voxels.

    Raises
    ------
    ValueError
        If the volume is not 3-D or holds no finite value, or a shape or option does not fit.
    """
    from scipy import ndimage

    values = np.asarray(volume)
    if values.ndim != 3:
        raise ValueError(f"volume must have three axes (z, y, x), not {values.ndim}")
    if connectivity not in (6, 26):
        raise ValueError(f"connectivity must be 6 or 26, not {connectivity}")
    spacing = voxel_spacing(voxel_size_um)
    allowed = np.ones(values.shape, bool)
    if exclude is not None:
        banned = np.asarray(exclude, dtype=bool)
        if banned.shape != values.shape:
            raise ValueError(f"exclude {banned.shape} must have the shape of volume {values.shape}")
        allowed = ~banned
    if values.dtype.kind not in "biuf":
        raise ValueError(f"volume must hold numbers, not {values.dtype}")
    usable = np.isfinite(values) & allowed
    if not usable.any():
        raise ValueError("volume holds no finite value: is the right dataset read?")
    structure = ndimage.generate_binary_structure(3, 1 if connectivity == 6 else 3)
    return Field(values, spacing, allowed, usable, structure)


def checked_radius(closing_radius_um: float | None) -> float:
    """The closing radius [µm], or the default."""
    radius = CLOSING_RADIUS_UM if closing_radius_um is None else float(closing_radius_um)
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"closing_radius_um must be zero or positive, not {closing_radius_um}")
    return radius


def find_levels(
    field: Field,
    method: Method,
    n_classes: int,
    threshold: float | tuple[float, float] | None,
) -> tuple[float, float]:
    """(low, high) threshold; both are the same without hysteresis."""
    if method not in ("otsu", "multi_otsu", "hysteresis"):
        raise ValueError(f'method must be "otsu", "multi_otsu" or "hysteresis", not {method!r}')
    n_given = 0 if threshold is None else np.size(np.asarray(threshold))
    if n_given == 0:
        kept = field.values[field.usable]
        if method == "otsu":
            level = otsu_threshold(kept)
            return level, level
        if method == "hysteresis" and n_classes < 3:
            raise ValueError(f"hysteresis needs n_classes of 3 or more, not {n_classes}")
        found = multi_otsu_thresholds(kept, n_classes=n_classes)
        return float(found[-2 if method == "hysteresis" else -1]), float(found[-1])
    if n_given != (2 if method == "hysteresis" else 1) or method == "multi_otsu":
        raise ValueError(
            "threshold is a number for method 'otsu', (low, high) for 'hysteresis', and not given "
            f"for 'multi_otsu': {threshold} does not fit {method!r}"
        )
    low, high = (float(v) for v in np.resize(np.asarray(threshold, dtype=float), 2))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"threshold must be finite, not {threshold}")
    if low > high:
        raise ValueError(f"threshold (low, high) must ascend, not {threshold}")
    return low, high


def find_solid(field: Field, low: float, high: float) -> NDArray[np.bool_]:
    """The largest connected part between the thresholds; may be empty."""
    if low < high:
        candidates = hysteresis(field.values, low, high, field.usable, field.structure)
    else:
        candidates = at_or_above(field.values, high, field.usable)
    return largest_component(candidates, field.structure)


def largest_component(mask: _Array, structure: _Array) -> NDArray[np.bool_]:
    """The largest connected part of a 3-D mask; of equally large ones the first."""
    from scipy import ndimage

    labels, n_label = ndimage.label(mask, structure=structure)
    if n_label == 0:
        return np.zeros(mask.shape, bool)
    size = np.bincount(labels.ravel())
    size[0] = 0
    return np.asarray(labels == size.argmax())


def _solid_fraction(
    field: Field, solid: _Array, envelope: _Array, rim_um: float | None, threads: int
) -> NDArray[np.float32]:
    """How full each voxel of the envelope is, 0…1; zero outside."""
    rim = _RIM_VOXELS * max(field.spacing) if rim_um is None else float(rim_um)
    if not (np.isfinite(rim) and rim >= 0):
        raise ValueError(f"rim_um must be zero or positive, not {rim_um}")
    depth = depth_below(envelope, field.spacing, threads)
    level = _undisturbed_level(field, solid, depth, rim, threads)
    relative = np.nan_to_num(field.values / level, nan=0.0, posinf=1.0, neginf=0.0)
    filling = np.clip(relative, 0.0, 1.0).astype(np.float32)
    filling[solid & (depth <= rim)] = 1.0
    filling[~(envelope & field.usable)] = 0.0
    return filling


def _undisturbed_level(
    field: Field, solid: _Array, depth: _Array, rim: float, threads: int
) -> float:
    """Median of the solid below the rim and away from what is seen as void."""
    reach = _RIM_VOXELS * max(field.spacing)
    inner = solid & (depth > rim) & (depth_below(solid, field.spacing, threads) > reach)
    chosen = inner if np.count_nonzero(inner) >= 27 else solid
    level = float(np.median(field.values[chosen]))
    if not level > 0:
        raise ValueError(
            f"soft needs a volume that is positive in the solid, whose median is {level:.6g}"
        )
    return level
