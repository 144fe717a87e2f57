"""The shape of a particle: solid, envelope and pores; depth below its surface; profiles."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import DepthProfile, LineProfiles, Particle, voxel_spacing

__all__ = [
    "DepthProfile",
    "LineProfiles",
    "Particle",
    "depth",
    "depth_profile",
    "line_profiles",
    "otsu_threshold",
    "segment",
]

_log = logging.getLogger("nmcx")

#: Closing radius of the envelope [µm]: cracks up to twice this wide are closed at the surface.
_CLOSING_RADIUS_UM = 0.5
_PERCENTILES = (5.0, 16.0, 84.0, 95.0)

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


def depth(particle: Particle, *, threads: int | None = None) -> NDArray[np.float64]:
    """Distance of each voxel of the envelope to the particle's surface.

    The distance between the centre of the voxel and that of the nearest voxel outside, less half
    the smallest voxel size, because the surface lies between the two. What lies beyond the border
    of the volume is outside.

    Parameters
    ----------
    particle : Particle
        Its envelope and voxel size are used.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    numpy.ndarray
        (nz, ny, nx) [µm], NaN outside the envelope.

    Raises
    ------
    ValueError
        If `threads` is negative.

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
    spacing = np.array(particle.voxel_size_um)
    padded = np.pad(particle.envelope, 1)
    distance = _core.distance_transform(padded, spacing, threads or 0)[1:-1, 1:-1, 1:-1]
    return np.where(particle.envelope, distance - 0.5 * spacing.min(), np.nan)


def depth_profile(
    values: ArrayLike,
    particle: Particle,
    *,
    bin_um: float | None = None,
    value_bin: float = 0.1,
    min_depth_um: float | None = None,
    unit: str = "eV",
    block: int = 8,
    n_bootstrap: int = 200,
    seed: int = 1,
    threads: int | None = None,
) -> DepthProfile:
    """How a quantity is distributed at each depth below the surface.

    Parameters
    ----------
    values : array_like
        (nz, ny, nx) for instance edge energies; values that are not finite are left out.
    particle : Particle
        Of the same shape.
    bin_um : float, optional
        Width of a depth bin [µm], counted from the surface; default the largest voxel size. Finer
        bins would show the lattice.
    value_bin : float
        Width of a bin of the histogram, in the unit of `values`; its edges are multiples of it.
    min_depth_um : float, optional
        Voxels nearer to the surface are left out [µm]: they are partly outside. Default 1.5 times
        the largest voxel size.
    unit : str
        Unit of `values`.
    block : int
        Edge of the blocks of the bootstrap [voxels]; neighbours are correlated over the resolution,
        so it should exceed that.
    n_bootstrap : int
        Number of replicates for the standard error of the median.
    seed : int
        Seed of the replicates.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    DepthProfile
        Median with standard error, percentiles 5, 16, 84 and 95, count, and the histogram of the
        values at given depth: each column sums to 1. Bins without voxels hold NaN.

    Raises
    ------
    ValueError
        If shapes do not agree, a width is not positive, or no finite value lies deep enough.

    References
    ----------
    Columns normalised as in Li et al., Nature Communications 11 (2020) 4433, Supplementary Fig. 3.
    Standard error: blocks of voxels are weighted at random (D. B. Rubin, Ann. Stat. 9 (1981) 130),
    the change of the fraction below the median is turned into one of the median by the quantile
    function (R. R. Bahadur, Ann. Math. Stat. 37 (1966) 577).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> ball = np.linalg.norm(np.indices((21, 21, 21)) - 10.0, axis=0) < 9.0
    >>> particle = morphology.Particle(ball, ball, voxel_size_um=0.1)
    >>> energy = 8340.0 + morphology.depth(particle)
    >>> profile = morphology.depth_profile(energy, particle)
    >>> bool(np.all(np.abs(profile.median - 8340.0 - profile.depth_um) < 0.05))
    True
    """
    field = np.asarray(values)
    if field.shape != particle.envelope.shape:
        raise ValueError(
            f"values {field.shape} must have the shape of the particle {particle.envelope.shape}"
        )
    coarsest = max(particle.voxel_size_um)
    width = _positive(coarsest if bin_um is None else bin_um, "bin_um")
    value_width = _positive(value_bin, "value_bin")
    shallowest = 1.5 * coarsest if min_depth_um is None else float(min_depth_um)
    if not np.isfinite(shallowest):
        raise ValueError(f"min_depth_um must be finite, not {min_depth_um}")
    if block < 1 or n_bootstrap < 2:
        raise ValueError("block must be at least 1 and n_bootstrap at least 2")

    below = depth(particle, threads=threads)
    # Depths along the axes of the lattice are such limits themselves: rounding must not drop them.
    used = np.isfinite(field) & (below >= max(shallowest, 0.0) - 1e-9 * coarsest)
    if not np.any(used):
        raise ValueError(
            f"values has no finite value deeper than {shallowest:.4g} µm: lower min_depth_um"
        )
    kept = field[used].astype(np.float64)
    depth_bin = (below[used] / width).astype(np.int64)
    first_bin = int(depth_bin.min())
    depth_bin -= first_bin
    n_bin = int(depth_bin.max()) + 1
    histogram, value_edges = _conditional_histogram(kept, depth_bin, n_bin, value_width)

    order = np.argsort(depth_bin, kind="stable")
    count = np.bincount(depth_bin, minlength=n_bin)
    ends = np.cumsum(count)
    kept, block_of = kept[order], _block_numbers(used, block)[order]
    median, median_std = np.full((2, n_bin), np.nan)
    percentiles = np.full((n_bin, len(_PERCENTILES)), np.nan)
    rng = np.random.default_rng(seed)
    for i in np.flatnonzero(count):
        here = slice(int(ends[i] - count[i]), int(ends[i]))
        sample = np.sort(kept[here])
        median[i], *percentiles[i] = _sorted_quantiles(
            sample, np.array([50.0, *_PERCENTILES]) / 100.0
        )
        median_std[i] = _median_error(kept[here], sample, block_of[here], n_bootstrap, rng)
    return DepthProfile(
        depth_um=width * (first_bin + np.arange(n_bin) + 0.5),
        median=median,
        median_std=median_std,
        percentiles=percentiles,
        count=count,
        histogram=histogram,
        value_edges=value_edges,
        unit=unit,
    )


def line_profiles(
    values: ArrayLike,
    particle: Particle,
    directions: ArrayLike,
    *,
    radius_um: float | None = None,
    step_um: float | None = None,
    unit: str = "eV",
    threads: int | None = None,
) -> LineProfiles:
    """Follow a quantity along lines from the surface to the centre.

    Each line starts at the outermost point of the envelope in its direction. Sample i is the mean
    of the finite values of all envelope voxels whose centres lie in a cylinder around the line,
    between i and i + 1 steps below that point; nothing is interpolated.

    Parameters
    ----------
    values : array_like
        (nz, ny, nx) for instance edge energies; values that are not finite are left out.
    particle : Particle
        Of the same shape; the lines end at `particle.centre_um`.
    directions : array_like
        (n_line, 3) or (3,) from the centre to the surface (z, y, x), of any length but 0.
    radius_um : float, optional
        Radius of the cylinder [µm]; default twice the largest voxel size.
    step_um : float, optional
        Length of a sample [µm]; default the largest voxel size.
    unit : str
        Unit of `values`.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    LineProfiles
        `distance_um` is the middle of each sample; `std` the standard error of the mean, as if
        voxels were independent. NaN past the centre, where no voxel counts, and for lines that meet
        no envelope.

    Raises
    ------
    ValueError
        If shapes do not agree, a direction is zero or not finite, or a length is not positive.

    References
    ----------
    Lines after Li et al., Nature Communications 11 (2020) 4433, Supplementary Fig. 3e; the cylinder
    is our default.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> ball = np.linalg.norm(np.indices((21, 21, 21)) - 10.0, axis=0) < 8.6
    >>> particle = morphology.Particle(ball, ball, voxel_size_um=0.1)
    >>> lines = morphology.line_profiles(np.full(ball.shape, 8345.0), particle, [0, 0, 1])
    >>> lines.values.shape, float(lines.surface_um[0, 2].round(3))
    ((1, 9), 1.85)
    """
    field = np.asarray(values)
    if field.dtype not in (np.float32, np.float64):
        field = field.astype(np.float64)
    if field.shape != particle.envelope.shape:
        raise ValueError(
            f"values {field.shape} must have the shape of the particle {particle.envelope.shape}"
        )
    axes = np.atleast_2d(np.ascontiguousarray(directions, dtype=np.float64))
    if axes.ndim != 2 or axes.shape[1] != 3:
        raise ValueError(f"directions must have shape (n, 3), each (z, y, x), not {axes.shape}")
    coarsest = max(particle.voxel_size_um)
    step = coarsest if step_um is None else float(step_um)
    lines = _core.line_profiles(
        np.ascontiguousarray(field),
        np.ascontiguousarray(particle.envelope),
        np.array(particle.voxel_size_um),
        np.array(particle.centre_um, dtype=np.float64),
        axes,
        2.0 * coarsest if radius_um is None else float(radius_um),
        step,
        threads or 0,
    )
    return LineProfiles(
        distance_um=step * (np.arange(lines.mean.shape[1]) + 0.5),
        values=lines.mean,
        std=lines.standard_error,
        directions=lines.directions,
        surface_um=lines.surface_um,
        unit=unit,
    )


def _positive(number: float, name: str) -> float:
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive, not {number}")
    return float(number)


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


def _conditional_histogram(
    values: _Array, depth_bin: _Array, n_bin: int, width: float
) -> tuple[_Array, _Array]:
    """p(value | depth), (n_value, n_bin), and the edges (n_value + 1,)."""
    first = np.floor(values.min() / width)
    n_value = int(min(np.floor(values.max() / width) - first, 1e9)) + 1
    if n_value > 100_000:
        raise ValueError(
            f"value_bin {width:.4g} would make {n_value} bins for values from {values.min():.6g} "
            f"to {values.max():.6g}: choose a wider one, or remove outliers"
        )
    value_bin = np.clip((values / width - first).astype(np.int64), 0, n_value - 1)
    flat = np.bincount(value_bin * n_bin + depth_bin, minlength=n_value * n_bin)
    histogram = flat.reshape(n_value, n_bin).astype(np.float64)
    with np.errstate(invalid="ignore"):
        histogram /= histogram.sum(axis=0)
    return histogram, width * (first + np.arange(n_value + 1))


def _block_numbers(used: _Array, edge: int) -> _Array:
    """Number of the cubic block of each true voxel, in C order."""
    z, y, x = (index // edge for index in np.nonzero(used))
    _, ny, nx = (n // edge + 1 for n in used.shape)
    return np.asarray((z * ny + y) * nx + x)


def _sorted_quantiles(sample: _Array, at: _Array) -> _Array:
    """Quantiles of a sorted sample, linear between its values."""
    position = at * (sample.size - 1)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, sample.size - 1)
    return np.asarray(sample[low] + (position - low) * (sample[high] - sample[low]))


def _median_error(
    values: _Array,
    sample: _Array,
    block_of: _Array,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> float:
    """Standard error of the median with whole blocks weighted at random; NaN for one block."""
    _, number = np.unique(block_of, return_inverse=True)
    per_block = np.bincount(number)
    if per_block.size < 2:
        return np.nan
    median = _sorted_quantiles(sample, np.array([0.5]))[0]
    is_below = (values < median) + 0.5 * (values == median)
    below = np.bincount(number, weights=is_below)
    weights = rng.standard_exponential((n_bootstrap, per_block.size))
    fraction = (weights @ below) / (weights @ per_block)
    replicates = _sorted_quantiles(sample, np.clip(1.0 - fraction, 0.0, 1.0))
    return float(replicates.std(ddof=1))
