"""Depth below the surface, and values against depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import DepthProfile, Particle

_PERCENTILES = (5.0, 16.0, 84.0, 95.0)

_Array = NDArray[Any]


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


def _positive(number: float, name: str) -> float:
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive, not {number}")
    return float(number)
