"""Values against depth below the surface: their distribution, and the trend of their median."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.morphology.depths import depth
from nmcx.morphology.fluctuations import fraction_covariance
from nmcx.results import DepthProfile, DepthTrend, Particle

_PERCENTILES = (5.0, 16.0, 84.0, 95.0)

_Array = NDArray[Any]
Surface = Literal["envelope", "open_cracks"]


def depth_profile(
    values: ArrayLike,
    particle: Particle,
    *,
    to: Surface = "envelope",
    bin_um: float | None = None,
    value_bin: float = 0.1,
    min_depth_um: float | None = None,
    unit: str = "eV",
    threads: int | None = None,
) -> DepthProfile:
    """How a quantity is distributed at each depth below the surface.

    The errors of the medians count how many independent values the voxels of a bin are worth:
    neighbours fluctuate together, over lengths that are measured on the whole particle.

    Parameters
    ----------
    values : array_like
        (nz, ny, nx) for instance edge energies; values that are not finite are left out.
    particle : Particle
        Of the same shape.
    to : {"envelope", "open_cracks"}
        From where depth counts, as in `depth`.
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
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    DepthProfile
        Median with standard error and 95 % interval, percentiles 5, 16, 84 and 95, count, and the
        histogram of the values at given depth: each column sums to 1. Bins without voxels hold NaN.

    Raises
    ------
    ValueError
        If shapes do not agree, a width is not positive, or no finite value lies deep enough.

    References
    ----------
    Columns normalised as in Li et al., Nature Communications 11 (2020) 4433, Supplementary Fig. 3.
    Interval of a median from that of a fraction: R. S. Woodruff, J. Am. Stat. Assoc. 47 (1952) 635;
    effective number of correlated values: P. Clifford, S. Richardson, D. Hémon, Biometrics 45
    (1989) 123, here of the signs about the medians.

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
    value_width = _positive(value_bin, "value_bin")
    binned = _bin_by_depth(values, particle, to, bin_um, min_depth_um, threads)
    n_bin = binned.samples.n_bin
    histogram, value_edges = _conditional_histogram(
        binned.kept, binned.depth_bin, n_bin, value_width
    )
    std = np.sqrt(np.diag(binned.covariance()))
    effective = np.full(n_bin, 0.0)
    np.divide(0.25, std**2, out=effective, where=std > 0)
    spread = _student(effective) * std
    at = binned.samples.quantiles
    return DepthProfile(
        depth_um=binned.depth_um,
        median=at(np.full(n_bin, 0.5)),
        median_std=0.5 * (at(0.5 + std) - at(0.5 - std)),
        interval_95=np.stack([at(0.5 - spread), at(0.5 + spread)], axis=1),
        percentiles=np.stack([at(np.full(n_bin, p / 100.0)) for p in _PERCENTILES], axis=1),
        count=binned.samples.count,
        effective_count=effective,
        histogram=histogram,
        value_edges=value_edges,
        unit=unit,
    )


def depth_trend(
    values: ArrayLike,
    particle: Particle,
    *,
    to: Surface = "envelope",
    bin_um: float | None = None,
    min_depth_um: float | None = None,
    max_depth_um: float | None = None,
    min_voxels: int = 50,
    unit: str = "eV",
    n_bootstrap: int = 999,
    seed: int = 1,
    threads: int | None = None,
) -> DepthTrend:
    """Slope of the median of a quantity against depth, with intervals.

    The median of all slopes between two depth bins, which a few odd bins cannot turn. Its intervals
    come from replicates in which the medians of all bins move together as the correlation of
    neighbouring voxels makes them.

    Parameters
    ----------
    values : array_like
        (nz, ny, nx) for instance edge energies; values that are not finite are left out.
    particle : Particle
        Of the same shape.
    to : {"envelope", "open_cracks"}
        From where depth counts, as in `depth`.
    bin_um, min_depth_um : float, optional
        As in `depth_profile` [µm].
    max_depth_um : float, optional
        Deeper bins are left out [µm]; default none.
    min_voxels : int
        Bins of fewer voxels are left out.
    unit : str
        Unit of `values`.
    n_bootstrap : int
        Number of replicates.
    seed : int
        Seed of the replicates.
    threads : int, optional
        Number of threads; default all cores.

    Returns
    -------
    DepthTrend
        Slope per µm with standard error, intervals of 68 and 95 %, and the line's value at the
        surface.

    Raises
    ------
    ValueError
        If shapes do not agree, a width is not positive, fewer than three bins are left, or
        `n_bootstrap` is below 99.

    References
    ----------
    H. Theil, Indag. Math. 12 (1950) 386; P. K. Sen, J. Am. Stat. Assoc. 63 (1968) 1379.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> ball = np.linalg.norm(np.indices((31, 31, 31)) - 15.0, axis=0) < 14.0
    >>> particle = morphology.Particle(ball, ball, voxel_size_um=0.1)
    >>> noise = np.random.default_rng(1).normal(0.0, 0.1, ball.shape)
    >>> trend = morphology.depth_trend(8344 - 0.5 * morphology.depth(particle) + noise, particle)
    >>> trend.interval_95[0] < -0.5 < trend.interval_95[1]
    True
    """
    if n_bootstrap < 99:
        raise ValueError(f"n_bootstrap must be at least 99, not {n_bootstrap}")
    binned = _bin_by_depth(values, particle, to, bin_um, min_depth_um, threads)
    deepest = np.inf if max_depth_um is None else _positive(max_depth_um, "max_depth_um")
    kept = (binned.samples.count >= max(min_voxels, 1)) & (binned.depth_um <= deepest)
    if np.count_nonzero(kept) < 3:
        raise ValueError(
            f"{np.count_nonzero(kept)} depth bins hold {min_voxels} voxels: a trend needs three; "
            "lower min_voxels or bin_um"
        )
    n_bin = binned.samples.n_bin
    medians = binned.samples.quantiles(np.full(n_bin, 0.5))
    rng = np.random.default_rng(seed)
    moves = rng.multivariate_normal(
        np.zeros(n_bin), binned.covariance(), size=n_bootstrap, method="eigh"
    )
    replicates = np.array([binned.samples.quantiles(0.5 + move)[kept] for move in moves])
    at = binned.depth_um[kept]
    slope = float(_theil_sen(at, medians[None, kept])[0])
    slopes = _theil_sen(at, replicates)
    low, mid_low, mid_high, high = np.quantile(slopes, [0.025, 0.16, 0.84, 0.975])
    return DepthTrend(
        slope_per_um=slope,
        slope_std=float(slopes.std(ddof=1)),
        interval_68=(float(mid_low), float(mid_high)),
        interval_95=(float(low), float(high)),
        intercept=float(np.median(medians[kept] - slope * at)),
        depth_um=at,
        median=medians[kept],
        unit=unit,
    )


@dataclass(frozen=True)
class _Samples:
    """The values of each bin, sorted."""

    ordered: _Array
    count: _Array

    @property
    def n_bin(self) -> int:
        return int(self.count.size)

    def quantiles(self, at: _Array) -> NDArray[np.float64]:
        """One quantile of each bin, linear between its values; NaN for an empty bin."""
        last = self.count - 1
        position = np.clip(at, 0.0, 1.0) * np.maximum(last, 0)
        below = position.astype(np.int64)
        above = np.minimum(below + 1, np.maximum(last, 0))
        first = np.cumsum(self.count) - self.count
        limit = self.ordered.size - 1
        low = self.ordered[np.minimum(first + below, limit)]
        high = self.ordered[np.minimum(first + above, limit)]
        return np.where(self.count > 0, low + (position - below) * (high - low), np.nan)


@dataclass(frozen=True)
class _Binned:
    kept: _Array
    used: _Array
    depth_bin: _Array
    depth_um: _Array
    samples: _Samples

    def covariance(self) -> NDArray[np.float64]:
        return fraction_covariance(self.kept, self.used, self.depth_bin, self.samples.n_bin)


def _bin_by_depth(
    values: ArrayLike,
    particle: Particle,
    to: Surface,
    bin_um: float | None,
    min_depth_um: float | None,
    threads: int | None,
) -> _Binned:
    field = np.asarray(values)
    if field.shape != particle.envelope.shape:
        raise ValueError(
            f"values {field.shape} must have the shape of the particle {particle.envelope.shape}"
        )
    coarsest = max(particle.voxel_size_um)
    width = _positive(coarsest if bin_um is None else bin_um, "bin_um")
    shallowest = 1.5 * coarsest if min_depth_um is None else float(min_depth_um)
    if not np.isfinite(shallowest):
        raise ValueError(f"min_depth_um must be finite, not {min_depth_um}")
    below = depth(particle, to=to, threads=threads)
    # Depths along the axes of the lattice are such limits themselves: rounding must not drop them.
    with np.errstate(invalid="ignore"):
        used = np.isfinite(field) & (below >= max(shallowest, 0.0) - 1e-9 * coarsest)
    if not np.any(used):
        raise ValueError(
            f"values has no finite value deeper than {shallowest:.4g} µm: lower min_depth_um"
        )
    kept = field[used].astype(np.float64)
    depth_bin = (below[used] / width).astype(np.int64)
    first_bin = int(depth_bin.min())
    depth_bin -= first_bin
    count = np.bincount(depth_bin)
    return _Binned(
        kept=kept,
        used=used,
        depth_bin=depth_bin,
        depth_um=width * (first_bin + np.arange(count.size) + 0.5),
        samples=_Samples(kept[np.lexsort((kept, depth_bin))], count),
    )


def _theil_sen(at: _Array, medians: _Array) -> NDArray[np.float64]:
    """Median of the slopes between any two bins, for each row of medians."""
    first, second = np.triu_indices(at.size, 1)
    run = at[second] - at[first]
    return np.array([np.median((row[second] - row[first]) / run) for row in medians])


def _student(effective: _Array) -> NDArray[np.float64]:
    """Half-width of a 95 % interval in standard errors, for so many independent values."""
    from scipy import stats

    return np.asarray(stats.t.ppf(0.975, np.maximum(effective - 1.0, 1.0)))


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


def _positive(number: float, name: str) -> float:
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive, not {number}")
    return float(number)
