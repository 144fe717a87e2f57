"""Surface chemistry against bulk porosity: placing the map, and a correlation with an honest p.

Both fields are smooth, so neighbouring directions repeat each other and the textbook p-value of a
correlation is far too small. The null model here turns the surface map over the porosity of the
whole sphere, which keeps the smoothness of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import AngleScan, ConePorosity, Particle, SurfaceValues, XiMap

__all__ = ["angle_scan", "place", "view_frame"]

_Float = NDArray[np.float64]

#: Width of the Gaussian that smooths the envelope before its normals are taken [voxels].
_NORMAL_SIGMA = 2.0
#: Elements of the largest temporary array of the null model and of the cap averages.
_CHUNK = 4_000_000


def view_frame(view: ArrayLike) -> tuple[_Float, _Float, _Float]:
    """Unit vectors (k, up, right), each (z, y, x), of a map seen along `view`.

    Parameters
    ----------
    view : (3,) array_like
        From the particle towards the beam or detector, (z, y, x), of any length [1].

    Returns
    -------
    tuple of (3,) arrays
        k = view normalised; up = the part of +z perpendicular to k (of +y if abs(k_z) > 0.99);
        right = up x k, as a viewer at +k sees it.

    Raises
    ------
    ValueError
        If `view` is not three finite numbers or has no length.

    References
    ----------
    .. [1] Our convention.

    Examples
    --------
    >>> from nmcx import correlation
    >>> [v.tolist() for v in correlation.view_frame((0, 0, 2))]
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    k = np.asarray(view, dtype=np.float64)
    length = float(np.linalg.norm(k)) if k.shape == (3,) else np.nan
    if not (np.isfinite(length) and length > 0):
        raise ValueError(f"view must be three finite numbers (z, y, x), not all zero, not {view!r}")
    k = k / length
    axis = np.array([0.0, 1.0, 0.0]) if abs(k[0]) > 0.99 else np.array([1.0, 0.0, 0.0])
    up = axis - (axis @ k) * k
    up /= np.linalg.norm(up)
    # The cross product is that of (x, y, z): the order of the components is turned round twice.
    right = np.cross(up[::-1], k[::-1])[::-1]
    # Adding zero turns -0.0 into 0.0, which prints better.
    return k + 0.0, up + 0.0, np.array(right) + 0.0


def place(
    xi_map: XiMap,
    particle: Particle,
    *,
    view: ArrayLike,
    rotation: float = 0.0,
    offset_um: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    max_incidence: float = np.pi / 3,
    threads: int | None = None,
) -> SurfaceValues:
    """Put a surface map on the particle it was taken of, with a given pose.

    A ray through every pixel finds the first voxel of the envelope (exact traversal); pixels that
    see the surface too obliquely are left out.

    Parameters
    ----------
    xi_map : XiMap
        Map of (ny, nx) pixels; rows run upwards, columns to the right; the middle of the map looks
        at the centre of the particle.
    particle : Particle
        Envelope (nz, ny, nx) and centre [um].
    view : (3,) array_like
        From the particle towards the beam or detector, (z, y, x) (see `view_frame`).
    rotation : float
        Turns the map anticlockwise as the viewer sees it [rad].
    offset_um : (float, float)
        Moves the map (upwards, to the right) [um].
    scale : float
        Enlarges the pixels of the map [1].
    max_incidence : float
        Largest angle between the surface normal and the view [rad]; our default is 60 degrees.
    threads : int, optional
        Number of threads; default: all cores.

    Returns
    -------
    SurfaceValues
        One entry per kept pixel; ``area_um2`` = dy dx / cos(incidence); ``dice`` is the overlap of
        the map's valid pixels with the silhouette, 1 when they agree.

    Raises
    ------
    ValueError
        If an option is out of range, or no valid pixel falls on the particle.

    References
    ----------
    .. [1] J. Amanatides, A. Woo, "A fast voxel traversal algorithm", Eurographics 1987, 3. Normals:
       gradient of the envelope smoothed by a Gaussian of two voxels (our default).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import correlation
    >>> from nmcx.results import Particle, Shift, XiMap
    >>> z, y, x = np.mgrid[-12:13, -12:13, -12:13]
    >>> ball = x**2 + y**2 + z**2 <= 100
    >>> image = np.full((15, 15), 0.5)
    >>> ratio = XiMap(image, image / 50, image > 0, Shift(0, 0, 0), (1.0, 1.0))
    >>> on_ball = correlation.place(ratio, Particle(ball, ball), view=(0, 0, 1))
    >>> on_ball.values.size, bool(on_ball.directions[:, 2].min() > 0.4)
    (213, True)
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be positive, not {scale}")
    if not 0 < max_incidence < np.pi / 2:
        raise ValueError(f"max_incidence must lie between 0 and pi/2, not {max_incidence}")
    k, up, right = view_frame(view)
    centre = np.asarray(particle.centre_um, dtype=np.float64)
    spacing = np.asarray(particle.voxel_size_um, dtype=np.float64)
    pixel_dy, pixel_dx = (scale * float(s) for s in xi_map.pixel_size_um)
    if not (np.isfinite(pixel_dy * pixel_dx) and pixel_dy * pixel_dx > 0):
        raise ValueError(f"pixel_size_um of the map must be known, not {xi_map.pixel_size_um}")

    ny, nx = np.shape(xi_map.xi)
    b, a = np.meshgrid(
        (np.arange(ny) - (ny - 1) / 2) * pixel_dy,
        (np.arange(nx) - (nx - 1) / 2) * pixel_dx,
        indexing="ij",
    )
    cos, sin = np.cos(rotation), np.sin(rotation)
    across = (a * cos - b * sin + offset_um[1]).ravel()
    upwards = (a * sin + b * cos + offset_um[0]).ravel()
    # Far enough out that every ray starts before the volume, wherever the centre lies.
    corner = np.asarray(particle.envelope.shape) * spacing
    far = float(np.linalg.norm(corner) + np.linalg.norm(centre) + np.linalg.norm(spacing))
    far += float(np.hypot(np.abs(across).max(), np.abs(upwards).max()))
    origins = centre + far * k + across[:, None] * right + upwards[:, None] * up
    envelope = np.ascontiguousarray(particle.envelope)
    hits = _core.first_hits(envelope, spacing, origins, -k, threads or 0)
    seen = hits.voxel >= 0
    valid = np.asarray(xi_map.valid, dtype=bool).ravel()
    n_both = np.count_nonzero(seen & valid)
    if n_both == 0:
        raise ValueError(
            "no valid pixel of the map falls on the particle; check view, rotation, offset_um, "
            "pixel size and voxel size"
        )
    dice = 2.0 * n_both / (np.count_nonzero(seen) + np.count_nonzero(valid))

    pixel = np.flatnonzero(seen & valid)
    incidence = _incidence(envelope, spacing, hits.voxel[pixel], k)
    ray = hits.point_um[pixel] - centre
    distance = np.linalg.norm(ray, axis=1)
    steep = ~(incidence <= max_incidence)
    keep = ~steep & (distance > 0)
    if not np.any(keep):
        raise ValueError(
            "every pixel sees the surface more obliquely than max_incidence; raise it, or check "
            "view and envelope"
        )
    pixel = pixel[keep]
    notes = (
        f"{int(np.count_nonzero(valid & ~seen))} valid pixels miss the particle",
        f"{int(np.count_nonzero(seen & ~valid))} pixels on the particle have no valid value",
        f"{int(np.count_nonzero(steep))} pixels excluded: incidence above "
        f"{np.degrees(max_incidence):.1f} degrees",
    )
    return SurfaceValues(
        values=np.asarray(xi_map.xi, dtype=np.float64).ravel()[pixel],
        std=np.asarray(xi_map.xi_std, dtype=np.float64).ravel()[pixel],
        directions=ray[keep] / distance[keep, None],
        incidence=incidence[keep],
        points_um=hits.point_um[pixel],
        area_um2=pixel_dy * pixel_dx / np.cos(incidence[keep]),
        view=(float(k[0]), float(k[1]), float(k[2])),
        dice=float(dice),
        notes=notes,
    )


def _incidence(
    envelope: NDArray[np.bool_], spacing: _Float, voxel: NDArray[np.int64], k: _Float
) -> _Float:
    """Angle between view and outward normal at surface voxels; NaN where there is no normal."""
    from scipy.ndimage import gaussian_filter

    # The same width in micrometres along all axes, two voxels along the coarsest.
    sigma = _NORMAL_SIGMA * spacing.max() / spacing
    pad = np.ceil(4.0 * sigma).astype(int) + 1
    padded = np.pad(envelope.astype(np.float32), [(int(p), int(p)) for p in pad])
    smooth = gaussian_filter(padded, sigma)
    at = np.stack(np.unravel_index(voxel, envelope.shape)) + pad[:, None]
    outward = np.empty((3, voxel.size))
    for axis in range(3):
        ahead, behind = at.copy(), at.copy()
        ahead[axis] += 1
        behind[axis] -= 1
        step = smooth[tuple(behind)].astype(np.float64) - smooth[tuple(ahead)]
        outward[axis] = step / (2.0 * spacing[axis])
    with np.errstate(all="ignore"):
        cosine = (k @ outward) / np.linalg.norm(outward, axis=0)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


def angle_scan(
    surface_values: SurfaceValues,
    cones: ConePorosity,
    *,
    null: str = "rotation",
    n_null: int = 999,
    seed: int = 1,
    matched: bool = True,
    min_points: int = 3,
) -> AngleScan:
    """Correlation of the surface map with cone porosity at every opening angle, and its p-value.

    At each cone direction inside the imaged patch, the map averaged over the same cap (or only over
    the direction's own cell) is paired with the porosity of the cone. Under the null hypothesis map
    and porosity know nothing of each other, so the patch may lie anywhere on the sphere: `n_null`
    uniform random rotations lay it elsewhere and give the distribution of r.

    Parameters
    ----------
    surface_values : SurfaceValues
        From `place`: (n_point,) values; weighted by area / std^2.
    cones : ConePorosity
        ``porosity (n_direction, n_angle)`` in directions that cover the whole sphere, such as
        ``cones.fibonacci_directions(3000)``. NaN porosities are left out.
    null : {"rotation"}
        Null model.
    n_null : int
        Number of random rotations, at least 99.
    seed : int
        Of ``numpy.random.default_rng``; the same seed gives the same p-values.
    matched : bool
        True: the map is averaged over the cap of the cone's half-angle. False: over the cell of
        each direction, the same for all angles.
    min_points : int
        Least map points for an average.

    Returns
    -------
    AngleScan
        Two-sided ``p_value`` = (1 + #{abs(r_b) >= abs(r)}) / (1 + n_null), both for Pearson's r and
        for ranks; ``p_family`` from the largest abs(r) / sd_b over the angles; ``null_band`` the
        central 95 % of r_b; ``n_effective`` = 1 + 1 / mean(r_b^2), with which ``interval`` is
        Fisher's 95 %. An angle with fewer than four pairs is NaN.

    Raises
    ------
    ValueError
        If an option is out of range, the map has no usable point, fewer than four cone directions
        lie inside the map, or the cones do not cover the sphere.

    Notes
    -----
    A rotated direction looks its porosity up at the nearest cone direction; the observed
    correlation uses the directions themselves. ``spearman`` has average ranks among the pairs; its
    p-value compares ranks over the whole sphere, for observation and rotations alike, so that no
    rotation needs sorting.

    References
    ----------
    .. [1] A. F. Alexander-Bloch et al., "On testing for spatial correspondence between maps of
       human brain structure and function", NeuroImage 178, 540 (2018): rotation null. Effective
       sample size from var(r): P. Clifford, S. Richardson, D. Hemon, Biometrics 45, 123 (1989).
       Max statistic: T. E. Nichols, A. P. Holmes, Hum. Brain Mapp. 15, 1 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import correlation
    >>> from nmcx.results import ConePorosity, SurfaceValues
    >>> n = 600
    >>> z = 1 - (2 * np.arange(n) + 1) / n
    >>> turn = np.pi * (1 + 5**0.5) * np.arange(n)
    >>> ring = np.sqrt(1 - z**2)
    >>> sphere = np.stack([z, ring * np.sin(turn), ring * np.cos(turn)], axis=1)
    >>> field = np.cos(7 * sphere @ [0.6, 0.0, 0.8]) + np.sin(9 * sphere @ [0.0, 0.8, -0.6])
    >>> count = np.full((n, 1), 100)
    >>> cones = ConePorosity(0.2 + 0.05 * field[:, None], count, count, sphere, np.array([0.2]))
    >>> front = sphere[:, 2] > 0.5
    >>> patch = SurfaceValues(0.5 - 0.1 * field[front], np.full(front.sum(), 0.01), sphere[front],
    ...                       np.zeros(front.sum()), sphere[front], np.ones(front.sum()))
    >>> scan = correlation.angle_scan(patch, cones, n_null=99)
    >>> bool(scan.pearson[0] < -0.8), bool(scan.p_value[0] < 0.05)
    (True, True)
    """
    if null != "rotation":
        raise ValueError(f'null must be "rotation", not {null!r}')
    if n_null < 99:
        raise ValueError(f"n_null must be at least 99, not {n_null}: p cannot be small otherwise")
    if min_points < 1:
        raise ValueError(f"min_points must be at least 1, not {min_points}")
    from scipy.spatial import cKDTree
    from scipy.stats import rankdata

    patch = _usable(surface_values)
    directions = _unit(np.asarray(cones.directions, dtype=np.float64), "cones.directions")
    porosity = np.asarray(cones.porosity, dtype=np.float64)
    half_angle = np.asarray(cones.half_angle, dtype=np.float64)
    n_direction, n_angle = porosity.shape
    spacing = np.sqrt(4.0 * np.pi / n_direction)
    inside = cKDTree(patch.directions).query(directions)[0] < spacing
    if np.count_nonzero(inside) < 4:
        raise ValueError(
            f"only {np.count_nonzero(inside)} of {n_direction} cone directions lie inside the map; "
            "take more directions or check the view"
        )
    at = np.flatnonzero(inside)
    sphere = cKDTree(directions)
    if matched:
        y = _cap_means(directions[at], half_angle, patch, min_points)
    else:
        cell = np.asarray(sphere.query(patch.directions)[1], dtype=np.int64)
        means = _cell_means(cell, n_direction, patch, min_points)[at]
        y = np.repeat(means[:, None], n_angle, axis=1)

    ranks = _ranks(porosity)
    y_ranks = _ranks(y)
    observed = _pearson(porosity[at][None], y)[0]
    observed_ranks = _pearson(ranks[at][None], y_ranks)[0]
    null_r = np.empty((n_null, n_angle))
    null_ranks = np.empty((n_null, n_angle))
    rotations = _random_rotations(n_null, seed)
    farthest = 0.0
    step = max(1, _CHUNK // (at.size * n_angle * 8))
    for first in range(0, n_null, step):
        some = slice(first, min(first + step, n_null))
        turned = np.einsum("bij,pj->bpi", rotations[some], directions[at])
        distance, nearest = sphere.query(turned)
        farthest = max(farthest, float(np.max(distance)))
        null_r[some] = _pearson(porosity[nearest], y)
        null_ranks[some] = _pearson(ranks[nearest], y_ranks)
    if farthest > 3.0 * spacing:
        raise ValueError(
            "the cone directions must cover the whole sphere for the rotation null; "
            "use cones.fibonacci_directions"
        )

    spearman = np.full(n_angle, np.nan)
    n_pair = np.zeros(n_angle, dtype=np.int64)
    for i in range(n_angle):
        good = np.isfinite(porosity[at, i]) & np.isfinite(y[:, i])
        n_pair[i] = np.count_nonzero(good)
        if n_pair[i] >= 4:
            pair = rankdata(porosity[at[good], i]), rankdata(y[good, i])
            spearman[i] = _pearson(pair[0][None, :, None], pair[1][:, None])[0, 0]
    n_effective = _effective_size(null_r, n_pair)
    with np.errstate(all="ignore"):
        spread = np.sqrt(np.nanmean(np.where(np.isfinite(null_r), null_r, 0.0) ** 2, axis=0))
        spread[spread == 0] = np.nan
    return AngleScan(
        half_angle=half_angle,
        pearson=observed,
        spearman=spearman,
        interval=_fisher_interval(observed, n_effective),
        p_value=_two_sided(observed, null_r),
        p_family=_family(observed / spread, null_r / spread),
        n_effective=n_effective,
        null_band=_band(null_r),
        spearman_p_value=_two_sided(observed_ranks, null_ranks),
        settings={
            "null": null,
            "n_null": int(n_null),
            "seed": int(seed),
            "matched": bool(matched),
            "min_points": int(min_points),
            "n_direction": int(at.size),
        },
    )


@dataclass(frozen=True)
class _Patch:
    """Map points that can be averaged: unit directions (n, 3), values (n,), weights (n,)."""

    directions: _Float
    values: _Float
    weights: _Float


def _usable(surface_values: SurfaceValues) -> _Patch:
    values = np.asarray(surface_values.values, dtype=np.float64)
    std = np.asarray(surface_values.std, dtype=np.float64)
    area = np.asarray(surface_values.area_um2, dtype=np.float64)
    with np.errstate(all="ignore"):
        weights = area / std**2
    good = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    if not np.any(good):
        raise ValueError("surface_values has no point with a finite value and a positive std")
    directions = _unit(np.asarray(surface_values.directions, dtype=np.float64)[good], "directions")
    # Weights only matter up to a factor; around 1 they stay exact in single precision.
    return _Patch(directions, values[good], weights[good] / weights[good].mean())


def _unit(vectors: _Float, name: str) -> _Float:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if vectors.ndim != 2 or vectors.shape[1] != 3 or not np.all(length > 0):
        raise ValueError(f"{name} must be (n, 3) vectors of finite, positive length")
    return np.asarray(vectors / length)


def _cap_means(directions: _Float, half_angle: _Float, patch: _Patch, min_points: int) -> _Float:
    """Weighted mean of the map in the cap of each half-angle around each direction."""
    middle = float(np.average(patch.values, weights=patch.weights))
    columns = np.stack(
        [np.ones_like(patch.values), patch.weights, patch.weights * (patch.values - middle)], axis=1
    ).astype(np.float32)
    points = patch.directions.astype(np.float32).T
    means = np.full((directions.shape[0], half_angle.size), np.nan)
    step = max(1, _CHUNK // patch.values.size)
    for first in range(0, directions.shape[0], step):
        rows = slice(first, first + step)
        cosine = directions[rows].astype(np.float32) @ points
        for i, cut in enumerate(np.cos(half_angle)):
            number, weight, total = ((cosine >= cut).astype(np.float32) @ columns).T
            enough = number >= min_points
            means[rows, i][enough] = middle + total[enough] / weight[enough]
    return means


def _cell_means(
    cell: NDArray[np.int64], n_direction: int, patch: _Patch, min_points: int
) -> _Float:
    """Weighted mean of the map points nearest to each direction."""
    number = np.bincount(cell, minlength=n_direction)
    weight = np.bincount(cell, weights=patch.weights, minlength=n_direction)
    total = np.bincount(cell, weights=patch.weights * patch.values, minlength=n_direction)
    with np.errstate(all="ignore"):
        return np.where(number >= min_points, total / weight, np.nan)


def _ranks(columns: _Float) -> _Float:
    """Average ranks within each column, NaN staying NaN."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(columns, axis=0, nan_policy="omit"), dtype=np.float64)


def _pearson(x: _Float, y: _Float) -> _Float:
    """Pearson's r of x (n_set, n_pair, n_angle) with y (n_pair, n_angle), skipping NaN."""
    with np.errstate(all="ignore"):
        # Near their means, sums of squares lose no digits.
        x, y = x - _column_means(x[0]), y - _column_means(y)
        if np.all(np.isfinite(x)) and np.all(np.isfinite(y)):
            n: Any = float(x.shape[1])
            s_x, s_xx = x.sum(axis=1), np.einsum("bpa,bpa->ba", x, x)
            s_y, s_yy = y.sum(axis=0), (y * y).sum(axis=0)
            s_xy = np.einsum("bpa,pa->ba", x, y)
        else:
            good = np.isfinite(x) & np.isfinite(y)
            x, y = np.where(good, x, 0.0), np.where(good, y, 0.0)
            n = good.sum(axis=1)
            s_x, s_xx, s_y = x.sum(axis=1), (x * x).sum(axis=1), y.sum(axis=1)
            s_yy, s_xy = (y * y).sum(axis=1), (x * y).sum(axis=1)
        c_xx, c_yy = s_xx - s_x**2 / n, s_yy - s_y**2 / n
        # A field that is constant but for rounding has no correlation.
        varies = (c_xx > 1e-12 * s_xx) & (c_yy > 1e-12 * s_yy) & (n >= 4)
        r = np.where(varies, (s_xy - s_x * s_y / n) / np.sqrt(c_xx * c_yy), np.nan)
    return np.asarray(np.clip(r, -1.0, 1.0))


def _column_means(columns: _Float) -> _Float:
    """Mean of the finite values of each column; 0 where there is none."""
    good = np.isfinite(columns)
    total = np.where(good, columns, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(good.sum(axis=0), 1))


def _random_rotations(n: int, seed: int) -> _Float:
    """Rotation matrices (n, 3, 3), uniform over SO(3), from unit quaternions."""
    w, x, y, z = _unit4(np.random.default_rng(seed).normal(size=(n, 4))).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _unit4(quaternions: _Float) -> _Float:
    return np.asarray(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True))


def _two_sided(observed: _Float, null_r: _Float) -> _Float:
    # A rotation without a correlation counts as one that beats the observation: never too small.
    exceed = np.sum(~(np.abs(null_r) < np.abs(observed)), axis=0)
    return np.where(np.isfinite(observed), (1.0 + exceed) / (1.0 + null_r.shape[0]), np.nan)


def _family(observed: _Float, null_r: _Float) -> float:
    """p-value of the largest standardised correlation over all angles."""
    size = np.where(np.isfinite(observed), np.abs(observed), -1.0)
    sizes = np.where(np.isfinite(null_r), np.abs(null_r), -1.0)
    if size.max() < 0:
        return float("nan")
    return float((1 + np.sum(sizes.max(axis=1) >= size.max())) / (1 + null_r.shape[0]))


def _effective_size(null_r: _Float, n_pair: NDArray[np.int64]) -> _Float:
    square = np.where(np.isfinite(null_r), null_r, 0.0) ** 2
    n_finite = np.isfinite(null_r).sum(axis=0)
    with np.errstate(all="ignore"):
        n = 1.0 + n_finite / square.sum(axis=0)
    return np.where(n_finite > 0, np.minimum(n, n_pair), np.nan)


def _fisher_interval(r: _Float, n_effective: _Float) -> _Float:
    with np.errstate(all="ignore"):
        half = 1.959964 / np.sqrt(n_effective - 3.0)
        z = np.arctanh(r)
        interval = np.stack([np.tanh(z - half), np.tanh(z + half)], axis=1)
    # Three effective samples or fewer do not bound r at all.
    interval[~(n_effective > 3.0)] = (-1.0, 1.0)
    interval[~np.isfinite(r)] = np.nan
    return interval


def _band(null_r: _Float) -> _Float:
    band = np.full((null_r.shape[1], 2), np.nan)
    for i, column in enumerate(null_r.T):
        finite = column[np.isfinite(column)]
        if finite.size:
            band[i] = np.percentile(finite, (2.5, 97.5))
    return band
