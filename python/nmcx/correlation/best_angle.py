"""The angle at which the correlation stands out most, and how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx import cones as _cones
from nmcx.correlation.pairs import Pairs

_Float = NDArray[np.float64]

#: Fewest and most blocks of the bootstrap (our defaults).
_FEWEST_BLOCKS, _MOST_BLOCKS = 8, 100


def best_angle(
    pairs: Pairs,
    weights: _Float,
    half_angle: _Float,
    *,
    observed: _Float,
    spread: _Float,
    n_effective: _Float,
    n_direction: int,
    n_bootstrap: int,
    seed: int,
) -> tuple[float, _Float]:
    """Half-angle of the largest |r| in units of the null's spread, with its 95 % interval [rad].

    Blocks of the map, about as many as there are effective pairs, get random weights; the best
    angle of each of `n_bootstrap` such maps makes the interval. It lies among the given angles.

    References
    ----------
    D. B. Rubin, Annals of Statistics 9 (1981) 130: Bayesian bootstrap.
    """
    with np.errstate(all="ignore"):
        size = np.abs(observed) / spread
    if not np.any(np.isfinite(size)):
        return float("nan"), np.full(2, np.nan)
    best = float(half_angle[np.nanargmax(size)])
    block = _blocks(pairs.directions, n_direction, n_effective)
    draws = np.random.default_rng(seed).standard_exponential((n_bootstrap, block.max() + 1))
    with np.errstate(all="ignore"):
        sizes = np.abs(_block_weighted_r(pairs, weights, block, draws)) / spread
    sizes = np.where(np.isfinite(sizes), sizes, -1.0)
    angles = half_angle[np.argmax(sizes, axis=1)]
    interval = np.quantile(angles, [0.025, 0.975], method="inverted_cdf")
    return best, np.asarray(interval, dtype=np.float64)


def _blocks(directions: _Float, n_direction: int, n_effective: _Float) -> NDArray[np.int64]:
    """Number of the block of each pair: cells of evenly spread directions."""
    from scipy.spatial import cKDTree

    typical = np.nanmedian(n_effective) if np.any(np.isfinite(n_effective)) else _FEWEST_BLOCKS
    wanted = float(np.clip(typical, _FEWEST_BLOCKS, min(_MOST_BLOCKS, max(2, len(directions)))))
    on_sphere = max(2, round(wanted * n_direction / len(directions)))
    nearest = cKDTree(_cones.fibonacci_directions(on_sphere)).query(directions)[1]
    return np.asarray(np.unique(nearest, return_inverse=True)[1], dtype=np.int64)


def _block_weighted_r(
    pairs: Pairs, weights: _Float, block: NDArray[np.int64], draws: _Float
) -> _Float:
    """Correlations (n_draw, n_angle) with the pairs of each block weighted by a draw."""
    good = np.isfinite(pairs.porosity) & np.isfinite(pairs.surface) & (weights > 0)
    w = np.where(good, weights, 0.0)
    total = np.maximum(w.sum(axis=0), 1e-300)
    x, y = (np.where(good, field, 0.0) for field in (pairs.porosity, pairs.surface))
    x, y = (np.where(good, field - (w * field).sum(axis=0) / total, 0.0) for field in (x, y))
    member = np.zeros((block.max() + 1, len(block)))
    member[block, np.arange(len(block))] = 1.0
    n, sx, sy, sxx, syy, sxy = (
        draws @ (member @ product) for product in (w, w * x, w * y, w * x * x, w * y * y, w * x * y)
    )
    return np.asarray((n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2)))
