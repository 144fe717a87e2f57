"""Posterior distribution of a pose around a minimum, from the likelihood itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.pose_search import Fit, Problem

_Float = NDArray[np.float64]

#: Poses tried in each round; the later rounds are drawn from what the earlier ones found.
_ROUNDS = (60, 80, 100)
#: Degrees of freedom of the distribution that the poses are drawn from, and its widening.
_FREEDOM, _WIDENING = 6.0, 1.3


@dataclass(frozen=True)
class Mode:
    """One minimum's share of the posterior."""

    mean: _Float  #: (7,)
    covariance: _Float  #: (7, 7)
    log_evidence: float  #: logarithm of its integral, to a constant common to all
    coefficients: _Float  #: (n,) yields at the knots, and background
    cost: float  #: least


def explore(problem: Problem, fit: Fit, random: np.random.Generator) -> Mode:
    """Mean, covariance and integral of the posterior around a minimum.

    The voxels' staircase makes derivatives larger than the slopes that matter, so a covariance from
    them would be too small. Instead poses are drawn from a wide Student distribution, weighted by
    likelihood over density, and the distribution is adapted to them (population Monte Carlo:
    O. Cappe et al., J. Comput. Graph. Stat. 13, 907 (2004)).
    """
    mean, covariance = fit.pose, 4.0 * np.linalg.inv(fit.normal)
    for n in _ROUNDS:
        draws, density = _student(random, mean, _WIDENING**2 * covariance, n)
        costs = np.array([problem.cost(pose) for pose in draws])
        weight = _evened(-0.5 * costs - density)
        mean = weight @ draws
        away = draws - mean
        # A few draws may carry the weight: what they say is mixed with what is known.
        effective = 1.0 / float(weight @ weight)
        share = effective / (effective + 2.0 * mean.size)
        found = (away * weight[:, None]).T @ away
        covariance = share * found * (1 + 1 / effective) + (1.0 - share) * covariance
    log_weight = -0.5 * costs - density
    top = float(log_weight.max())
    evidence = top + float(np.log(np.mean(np.exp(log_weight - top))))
    at_mean = problem.solved(mean)
    return Mode(mean, covariance, evidence, at_mean, min(fit.cost, float(costs.min())))


def _student(
    random: np.random.Generator, mean: _Float, covariance: _Float, n: int
) -> tuple[_Float, _Float]:
    """Draws (n, n_parameter) of a multivariate t distribution, and the logarithm of its density."""
    root = np.linalg.cholesky(covariance)
    normal = random.standard_normal((n, mean.size))
    stretch = np.sqrt(_FREEDOM / random.chisquare(_FREEDOM, n))
    unit = normal * stretch[:, None]
    power = -0.5 * (_FREEDOM + mean.size)
    density = power * np.log1p((unit**2).sum(axis=1) / _FREEDOM)
    return mean + unit @ root.T, density - np.log(np.diag(root)).sum()


def _evened(log_weight: _Float) -> _Float:
    """Weights of sum 1, none above a twelfth (E. L. Ionides, J. Comput. Graph. Stat. 17, 295)."""
    weight = np.exp(log_weight - log_weight.max())
    for _ in range(20):
        weight = np.minimum(weight / weight.sum(), 1.0 / 12.0)
    return np.asarray(weight / weight.sum())
