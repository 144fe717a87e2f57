"""Posterior distribution of a pose, from the likelihood itself rather than its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]

#: Poses tried in each round; each round is drawn from what the earlier ones found.
_ROUNDS = (120, 100, 100)
#: Degrees of freedom of the distributions that the poses are drawn from.
_FREEDOM = 6.0
#: Least effective number of draws; the likelihood is flattened until there are as many.
_LEAST_EFFECTIVE = 25.0


@dataclass(frozen=True)
class Mixture:
    """Sum of normal distributions."""

    weight: _Float  #: (n,)
    mean: _Float  #: (n, n_parameter)
    covariance: _Float  #: (n, n_parameter, n_parameter)

    def draw(self, n: int, random: np.random.Generator) -> _Float:
        """Draws (n, n_parameter)."""
        chosen = random.choice(self.weight.size, n, p=self.weight)
        roots = np.linalg.cholesky(self.covariance)[chosen]
        normal = random.standard_normal((n, self.mean.shape[1]))
        return np.asarray(self.mean[chosen] + np.einsum("nij,nj->ni", roots, normal))


def explore(
    cost: Callable[[_Float], float], start: Mixture, random: np.random.Generator
) -> Mixture:
    """Adapt a mixture to the density exp(-cost / 2).

    Poses are drawn from the mixture (with the tails of Student's distributions), weighted by
    likelihood over density, and each part takes mean and covariance of the draws that are likely
    its own. Derivatives are not asked: the voxels' staircase makes them larger than the slopes that
    matter, and a covariance from them too small.

    References
    ----------
    .. [1] O. Cappe, R. Douc, A. Guillin, J.-M. Marin, C. P. Robert, "Adaptive importance sampling
       in general mixture classes", Stat. Comput. 18, 447 (2008).
    """
    mixture = start
    for n in _ROUNDS:
        draws = _student_draws(mixture, n, random)
        density = _log_densities(mixture, draws)  # (n, n_part), weights included
        top = density.max(axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(density - top).sum(axis=1))
        energy = np.array([cost(pose) for pose in draws])
        weight = _flattened(energy, total)
        mixture = _adapted(mixture, draws, weight, np.exp(density - total[:, None]))
    return mixture


def _student_draws(mixture: Mixture, n: int, random: np.random.Generator) -> _Float:
    chosen = random.choice(mixture.weight.size, n, p=mixture.weight)
    roots = np.linalg.cholesky(mixture.covariance)[chosen]
    normal = random.standard_normal((n, mixture.mean.shape[1]))
    normal *= np.sqrt(_FREEDOM / random.chisquare(_FREEDOM, n))[:, None]
    return np.asarray(mixture.mean[chosen] + np.einsum("nij,nj->ni", roots, normal))


def _log_densities(mixture: Mixture, draws: _Float) -> _Float:
    """Logarithm (n, n_part) of each part's weighted Student density, to a common constant."""
    parts = []
    power = -0.5 * (_FREEDOM + draws.shape[1])
    for weight, mean, covariance in zip(
        mixture.weight, mixture.mean, mixture.covariance, strict=True
    ):
        root = np.linalg.cholesky(covariance)
        unit = np.linalg.solve(root, (draws - mean).T)
        size = np.log1p((unit**2).sum(axis=0) / _FREEDOM)
        parts.append(np.log(weight) + power * size - np.log(np.diag(root)).sum())
    return np.stack(parts, axis=1)


def _flattened(energy: _Float, log_density: _Float) -> _Float:
    """Weights of sum 1 at the lowest temperature that leaves enough draws effective."""
    for temperature in 2.0 ** np.arange(0.0, 8.0, 0.5):
        log_weight = -0.5 * energy / temperature - log_density
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        if 1.0 / float(weight @ weight) >= _LEAST_EFFECTIVE:
            break
    return np.asarray(weight)


def _adapted(mixture: Mixture, draws: _Float, weight: _Float, share: _Float) -> Mixture:
    """Each part moved to the draws that are its own."""
    n_parameter = draws.shape[1]
    weights, means, covariances = [], [], []
    for i, covariance in enumerate(mixture.covariance):
        own = weight * share[:, i]
        total = float(own.sum())
        if total < 1e-3:  # a minimum that turned out to weigh nothing
            continue
        own = own / total
        mean = own @ draws
        away = draws - mean
        found = (away * own[:, None]).T @ away
        # What a few draws say is mixed with what was known before.
        effective = 1.0 / float(own @ own)
        trust = effective / (effective + n_parameter)
        weights.append(total)
        means.append(trust * mean + (1.0 - trust) * mixture.mean[i])
        covariances.append(trust * found + (1.0 - trust) * covariance)
    return Mixture(np.array(weights) / sum(weights), np.array(means), np.array(covariances))
