"""Degrees of the pre-edge and post-edge polynomials, by rule and F-test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nmcx.xanes._coerce import integer
from nmcx.xanes.sampling import mean_spectrum

_F_TEST_P = 0.01

# Shortest post-edge window of a quadratic. On NiO, NCA and Ni foil those over 60 to 140 eV moved
# the jump by up to 95 % and the half-jump energy by up to 2.2 eV; for the rest see the page on
# estimators.
_QUADRATIC_SPAN_EV = 150.0
_QUADRATIC_ENERGIES = 6


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

    for degree, largest, name in ((pre_degree, 1, "pre_degree"), (post_degree, 2, "post_degree")):
        if degree is not None and not 0 <= integer(degree, name) <= largest:
            raise ValueError(f"{name} must be a whole number from 0 to {largest}, not {degree}")
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
    elif post_degree == 2:
        _refuse_short_quadratic(int(np.count_nonzero(post)), span(energy[post]))
    return pre_degree, post_degree


def _refuse_short_quadratic(n_energy: int, span_ev: float) -> None:
    # The tolerance is for energies converted from keV.
    if n_energy >= _QUADRATIC_ENERGIES and span_ev >= _QUADRATIC_SPAN_EV * (1 - 1e-9):
        return
    if n_energy < 3:
        return  # the plan says that there are too few
    raise ValueError(
        f"post_degree 2 over {span_ev:.0f} eV with {n_energy} energies gives an unstable jump, and "
        f"edge energies wrong by electronvolts: use post_degree=1, or a post_edge of at least "
        f"{_QUADRATIC_SPAN_EV:.0f} eV with {_QUADRATIC_ENERGIES} energies"
    )


def _is_curved(
    energy: NDArray[np.float64],
    mean: NDArray[np.float64],
    pre: NDArray[np.bool_],
    post: NDArray[np.bool_],
    pre_degree: int,
) -> bool:
    """F-test of a quadratic against a straight post-edge on the mean spectrum."""
    scale = float(np.max(np.abs(mean)))
    # Below it a square has no digits left; NaN fails as well.
    if not scale > 1e-30 or np.count_nonzero(pre) <= pre_degree:
        return False
    from numpy.polynomial import Polynomial
    from scipy.stats import f as f_distribution

    mean = mean / scale
    rest = mean - Polynomial.fit(energy[pre], mean[pre], pre_degree)(energy)
    x, y = energy[post], rest[post]
    straight, curved = (float(np.sum((y - Polynomial.fit(x, y, q)(x)) ** 2)) for q in (1, 2))
    freedom = x.size - 3
    # Below rounding there is nothing to tell apart.
    floor = x.size * 1e-7**2
    if straight <= floor:
        return False
    ratio = (straight - curved) / (max(curved, floor) / freedom)
    return bool(f_distribution.sf(ratio, 1, freedom) < _F_TEST_P)
