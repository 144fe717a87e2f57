"""Degrees of the pre-edge and post-edge polynomials, by rule and F-test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nmcx.xanes.sampling import mean_spectrum

_F_TEST_P = 0.01


def choose_degrees(
    energy: NDArray[np.float64],
    sample: Callable[[], NDArray[np.float64]],
    pre_edge: tuple[float, float],
    post_edge: tuple[float, float],
    pre_degree: int | None,
    post_degree: int | None,
) -> tuple[int, int]:
    """The degrees asked for, or those of the rule in `fit_edges`.

    `sample` gives (n_energy, n_sample) spectra; it is called only if an F-test needs their mean.
    """

    def inside(window: tuple[float, float]) -> NDArray[np.bool_]:
        return np.asarray((energy >= window[0]) & (energy <= window[1]))

    def span(points: NDArray[np.float64]) -> float:
        return float(np.ptp(points)) if points.size else 0.0

    pre, post = inside(pre_edge), inside(post_edge)
    if pre_degree is None:
        pre_degree = int(np.count_nonzero(pre) >= 4 and span(energy[pre]) >= 50.0)
    if post_degree is None:
        post_degree = int(np.count_nonzero(post) >= 2 and span(energy[post]) >= 100.0)
        if span(energy[post]) >= 250.0 and np.count_nonzero(post) >= 6:
            mean = mean_spectrum(sample())
            # Another number of energies is refused by the kernel.
            if mean.size == energy.size:
                post_degree += int(_is_curved(energy, mean, pre, post, pre_degree))
    return pre_degree, post_degree


def _is_curved(
    energy: NDArray[np.float64],
    mean: NDArray[np.float64],
    pre: NDArray[np.bool_],
    post: NDArray[np.bool_],
    pre_degree: int,
) -> bool:
    """F-test of a quadratic against a straight post-edge on the mean spectrum."""
    if not np.isfinite(mean).all() or np.count_nonzero(pre) <= pre_degree:
        return False
    from numpy.polynomial import Polynomial
    from scipy.stats import f as f_distribution

    rest = mean - Polynomial.fit(energy[pre], mean[pre], pre_degree)(energy)
    x, y = energy[post], rest[post]
    straight, curved = (float(np.sum((y - Polynomial.fit(x, y, q)(x)) ** 2)) for q in (1, 2))
    freedom = x.size - 3
    # Below rounding there is nothing to tell apart.
    floor = x.size * (1e-7 * float(np.max(np.abs(mean)))) ** 2
    if straight <= floor:
        return False
    ratio = (straight - curved) / (max(curved, floor) / freedom)
    return bool(f_distribution.sf(ratio, 1, freedom) < _F_TEST_P)
