"""Random maps as smooth as the measured one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]

#: Share of neighbours that each candidate of the variogram null is smoothed over: from a few places
#: to nearly all (our default).
_NEIGHBOUR_SHARES = np.geomspace(0.01, 0.9, 10)
#: Classes of distance of a variogram, up to this quantile of all distances.
_N_LAG, _LAG_QUANTILE = 25, 0.25


def variogram_surrogates(values: _Float, directions: _Float, n: int, seed: int) -> _Float:
    """Maps (n, n_place) with the values of the given one and nearly its variogram.

    The map is permuted, smoothed over a share of the nearest places with a Gaussian kernel, and
    mixed with white noise so that its variogram fits; of all shares the best is taken. The values
    are then put in the place of equal ranks.

    References
    ----------
    J. B. Burt, M. Helmer, M. Shinn, A. Anticevic, J. D. Murray, NeuroImage 220 (2020) 117038.
    """
    rng = np.random.default_rng(seed)
    permuted = np.stack([rng.permutation(values) for _ in range(n)])
    noise = rng.standard_normal(permuted.shape)
    distance = np.arccos(np.clip(directions @ directions.T, -1.0, 1.0))
    np.fill_diagonal(distance, 0.0)
    variogram = Variogram(distance)
    target = variogram(values[None])[0]

    best = np.full(n, np.inf)
    chosen = np.empty_like(permuted)
    for share in _NEIGHBOUR_SHARES:
        smooth = permuted @ _smoother(distance, share).T
        slope, intercept, misfit = _fit(variogram(smooth), target)
        # A negative part of the fit is a variance that is not there.
        mixed = (
            np.sqrt(np.abs(slope))[:, None] * smooth + np.sqrt(np.abs(intercept))[:, None] * noise
        )
        better = misfit < best
        best[better], chosen[better] = misfit[better], mixed[better]
    return np.sort(values)[np.argsort(np.argsort(chosen, axis=1), axis=1)]


class Variogram:
    """Half the mean squared difference in classes of distance, smoothed over the classes."""

    def __init__(self, distance: _Float) -> None:
        from scipy.sparse import csr_array

        i, j = np.triu_indices(len(distance), 1)
        reach = np.quantile(distance[i, j], _LAG_QUANTILE)
        near = distance[i, j] <= reach
        i, j = i[near], j[near]
        step = np.minimum((distance[i, j] / reach * _N_LAG).astype(np.int64), _N_LAG - 1)
        number = np.bincount(step, minlength=_N_LAG)
        self._classes = np.flatnonzero(number)
        row = np.searchsorted(self._classes, step) * len(distance)
        # Half the squared difference of a pair is what its two squares say, less the product.
        shape = (self._classes.size * len(distance), len(distance))
        self._pairs = csr_array((np.ones(step.size), (row + i, j)), shape=shape)
        ends = np.bincount(row + i, minlength=shape[0]) + np.bincount(row + j, minlength=shape[0])
        self._ends = ends.reshape(-1, len(distance)).astype(np.float64)
        centre = self._classes[:, None] - self._classes[None, :]
        # A Gaussian of three classes' width; classes count by their pairs.
        kernel = np.exp(-0.5 * (centre / 1.5) ** 2) * number[self._classes]
        self._kernel = kernel / kernel.sum(axis=1, keepdims=True) / number[self._classes]

    def __call__(self, maps: _Float) -> _Float:
        """Of each map (n, n_place), (n, n_class)."""
        centred = maps - maps.mean(axis=1, keepdims=True)
        sums = 0.5 * centred**2 @ self._ends.T
        at_once = max(1, 8_000_000 // self._pairs.shape[0])
        for first in range(0, len(maps), at_once):
            some = centred[first : first + at_once].T
            products = (self._pairs @ some).reshape(self._classes.size, *some.shape)
            sums[first : first + at_once] -= np.einsum("cim,im->mc", products, some)
        return np.asarray(sums @ self._kernel.T)


def _smoother(distance: _Float, share: float) -> _Float:
    """Rows that average over the nearest share of places, two standard deviations wide."""
    n_near = max(2, round(share * len(distance)))
    reach = np.partition(distance, n_near - 1, axis=1)[:, n_near - 1 : n_near]
    kernel = np.where(distance <= reach, np.exp(-2.0 * (distance / reach) ** 2), 0.0)
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True))


def _fit(variograms: _Float, target: _Float) -> tuple[_Float, _Float, _Float]:
    """Slope and intercept of target against each variogram, neither negative; squares left."""
    mean = variograms.mean(axis=1)
    x = variograms - mean[:, None]
    slope = np.maximum(x @ target / np.maximum((x**2).sum(axis=1), 1e-300), 0.0)
    intercept = target.mean() - slope * mean
    # A nugget of the map smoother than that of the surrogate: no noise can mend it.
    through_origin = variograms @ target / np.maximum((variograms**2).sum(axis=1), 1e-300)
    slope = np.where(intercept < 0, through_origin, slope)
    intercept = np.maximum(intercept, 0.0)
    left = target - slope[:, None] * variograms - intercept[:, None]
    return slope, intercept, (left**2).sum(axis=1)


def moran_surrogates(values: _Float, directions: _Float, n: int, seed: int) -> _Float:
    """Maps (n, n_place) with the mean, the variance and Moran's index of the given one.

    The map is a sum of the eigenvectors of the centred matrix of spatial weights; each coefficient
    keeps its size and takes a random sign. Weights fall exponentially over four times the mean
    spacing of the places (our default).

    References
    ----------
    H. H. Wagner, S. Dray, Methods in Ecology and Evolution 6 (2015) 1169: singleton randomisation.
    """
    cosine = directions @ directions.T
    distance = np.arccos(np.clip(cosine, -1.0, 1.0))
    apart = distance.copy()
    np.fill_diagonal(apart, np.inf)
    weights = np.exp(-distance / (4.0 * float(np.median(apart.min(axis=1)))))
    np.fill_diagonal(weights, 0.0)
    centred = weights - weights.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(0.5 * (centred + centred.T))
    mean = float(values.mean())
    coefficients = vectors.T @ (values - mean)
    signs = np.random.default_rng(seed).integers(0, 2, size=(n, values.size)) * 2 - 1
    return np.asarray(mean + (signs * coefficients) @ vectors.T)
