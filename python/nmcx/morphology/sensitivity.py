"""How porosity depends on the two choices of a segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.morphology.envelope import Closing
from nmcx.morphology.segmentation import (
    Field,
    checked_radius,
    find_levels,
    find_solid,
    usable_field,
)
from nmcx.results import PorositySensitivity

_Array = NDArray[Any]


def porosity_sensitivity(
    volume: ArrayLike,
    *,
    voxel_size_um: float | tuple[float, ...],
    threshold: float | None = None,
    closing_radius_um: float | None = None,
    thresholds: ArrayLike | None = None,
    closing_radii_um: ArrayLike | None = None,
    exclude: ArrayLike | None = None,
    connectivity: int = 26,
    threads: int | None = None,
) -> PorositySensitivity:
    """Porosity against the threshold, and against the closing radius of the envelope.

    Each point is the porosity that `segment` gives with this threshold or radius and the other one
    as chosen. A porosity that climbs wherever one looks is one of the choice, not of the particle.

    Parameters
    ----------
    volume : array_like
        (nz, ny, nx) as in `segment`, larger in the solid; NaN is not solid.
    voxel_size_um : float or tuple of float
        Voxel size, or (dz, dy, dx) [µm].
    threshold, closing_radius_um : float, optional
        The choice that is examined, as in `segment`.
    thresholds : array_like, optional
        (n_threshold,) in the unit of `volume`; default 17 from a tenth to nine tenths of the way
        between the mean values of what lies below and above `threshold` (ours).
    closing_radii_um : array_like, optional
        (n_radius,) [µm]; default 11 from 0 to twice `closing_radius_um` (ours), or to 1 µm if that
        is zero.
    exclude : array_like, optional
        (nz, ny, nx) true in needle and weld.
    connectivity : {26, 6}
        Voxels hold together by faces, edges and corners (26), or by faces alone (6).
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    PorositySensitivity
        NaN at thresholds that leave fewer than two voxels of solid; `settings` has the choice and
        its porosity.

    Raises
    ------
    ValueError
        If the volume cannot be segmented with the choice itself (see `segment`), or thresholds or
        radii are empty, not one-dimensional, not finite, or a radius is negative.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62, for the default threshold; the curves are
    ours.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> z, y, x = np.indices((24, 24, 24)) - 11.5
    >>> ball = (z**2 + y**2 + x**2 < 100.0).astype(float)
    >>> ball[11:13, :, 12:] = 0.0                                # a crack, 0.2 µm wide
    >>> found = morphology.porosity_sensitivity(
    ...     ball, voxel_size_um=0.1, closing_radii_um=[0.0, 0.3]
    ... )
    >>> bool(found.porosity_of_radius[0] == 0.0 < found.porosity_of_radius[1])
    True
    """
    field = usable_field(volume, voxel_size_um, exclude, connectivity)
    radius = checked_radius(closing_radius_um)
    level = find_levels(field, "otsu", 2, threshold)[1]
    solid = find_solid(field, level, level)
    if np.count_nonzero(solid) < 2:
        raise ValueError(f"less than two voxels are solid at threshold {level:.6g}: choose another")
    levels = _curve(thresholds, "thresholds", lambda: _around(field, level))
    radii = _curve(
        closing_radii_um, "closing_radii_um", lambda: np.linspace(0.0, 2.0 * radius or 1.0, 11)
    )
    if np.any(radii < 0):
        raise ValueError("closing_radii_um must be zero or positive")
    closing = Closing(solid, field.spacing, max(radius, float(radii.max())), threads or 0)
    of_radius = [_porosity(field, solid, closing.envelope(float(r))) for r in radii]
    of_threshold = []
    for value in levels:
        one = find_solid(field, float(value), float(value))
        if np.count_nonzero(one) < 2:
            of_threshold.append(np.nan)
            continue
        envelope = Closing(one, field.spacing, radius, threads or 0).envelope(radius)
        of_threshold.append(_porosity(field, one, envelope))
    return PorositySensitivity(
        threshold=levels,
        porosity_of_threshold=np.array(of_threshold),
        closing_radius_um=radii,
        porosity_of_radius=np.array(of_radius),
        settings={
            "threshold": level,
            "closing_radius_um": radius,
            "porosity": _porosity(field, solid, closing.envelope(radius)),
            "connectivity": connectivity,
        },
    )


def _curve(given: ArrayLike | None, name: str, default: Any) -> NDArray[np.float64]:
    points = np.asarray(default() if given is None else given, dtype=np.float64)
    if points.ndim != 1 or points.size == 0 or not np.all(np.isfinite(points)):
        raise ValueError(f"{name} must be one or more finite numbers in one dimension")
    return points


def _around(field: Field, level: float) -> _Array:
    kept = field.values[field.usable]
    above = kept >= level
    if above.all():
        raise ValueError(f"no voxel lies below threshold {level:.6g}: give thresholds")
    low, high = float(kept[~above].mean()), float(kept[above].mean())
    return low + (high - low) * np.linspace(0.1, 0.9, 17)


def _porosity(field: Field, solid: _Array, envelope: _Array) -> float:
    inside = envelope & field.allowed
    return float(1.0 - np.count_nonzero(solid & inside) / np.count_nonzero(inside))
