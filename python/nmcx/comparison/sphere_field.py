"""A smooth field of directions known at some of them with errors: most likely values and draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]

#: Correlation lengths that are tried, as chords of the unit sphere.
_LENGTHS = np.geomspace(0.05, 1.6, 11)
#: Variances that are tried, relative to that of the data, of which some is noise.
_VARIANCES = np.geomspace(1e-4, 10.0, 81)
#: Added to the diagonal, relative to the variance: a factor exists in spite of rounding.
_JITTER = 1e-9


@dataclass(frozen=True)
class SphereField:
    """Gaussian field on the sphere, given what is known of it."""

    mean: _Float  #: (n,) most likely values
    covariance: _Float  #: (n, n)
    length: float  #: correlation length, a chord of the unit sphere [1]
    std: float  #: of the field, without errors of measurement

    def draws(self, n_draw: int, rng: np.random.Generator) -> _Float:
        """(n_draw, n) fields as likely as each other."""
        jitter = _JITTER * max(self.std**2, 1e-300) * np.eye(len(self.mean))
        factor = np.linalg.cholesky(self.covariance + jitter)
        return np.asarray(self.mean + rng.standard_normal((n_draw, len(self.mean))) @ factor.T)


def conditioned(directions: _Float, values: _Float, errors: _Float, at: _Float) -> SphereField:
    """Field at unit vectors `at` (n, 3) from values (m,) with errors (m,) at `directions` (m, 3).

    Covariance s² (1 + √3 d/l) exp(−√3 d/l) of the chord d; s and l are the most likely of a
    lattice, the mean that of generalised least squares.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (2006), equations
    2.23 to 2.26, 2.30 and 4.17.
    """
    distance = _chords(directions, directions)
    scale = np.maximum(float(np.var(values)), 1e-300) * _VARIANCES
    best = (-np.inf, _LENGTHS[0], scale[0])
    for length in _LENGTHS:
        likelihood = _likelihoods(_matern(distance, length), values, errors, scale)
        i = int(np.argmax(likelihood))
        best = max(best, (float(likelihood[i]), float(length), float(scale[i])))
    _, length, variance = best
    known = variance * _matern(distance, length) + np.diag(errors**2)
    across = variance * _matern(_chords(at, directions), length)
    solved = np.linalg.solve(known, np.column_stack([values, np.ones_like(values), across.T]))
    ones = np.ones_like(values)
    mean = float(ones @ solved[:, 0] / (ones @ solved[:, 1]))
    here = variance * _matern(_chords(at, at), length)
    return SphereField(
        mean=mean + across @ (solved[:, 0] - mean * solved[:, 1]),
        covariance=here - across @ solved[:, 2:],
        length=length,
        std=float(np.sqrt(variance)),
    )


def _likelihoods(correlation: _Float, values: _Float, errors: _Float, variance: _Float) -> _Float:
    """Logarithms (n_variance,) but for a constant, at the mean most likely for each."""
    # In units of the errors all variances share one decomposition.
    level, modes = np.linalg.eigh(correlation / np.outer(errors, errors))
    data, one = modes.T @ (values / errors), modes.T @ (1.0 / errors)
    spread = 1.0 + np.maximum(level, 0.0) * variance[:, None]
    mean = (data * one / spread).sum(axis=1) / (one**2 / spread).sum(axis=1)
    rest = data - mean[:, None] * one
    return np.asarray(-0.5 * (rest**2 / spread + np.log(spread)).sum(axis=1))


def _matern(distance: _Float, length: float) -> _Float:
    t = np.sqrt(3.0) * distance / length
    return np.asarray((1.0 + t) * np.exp(-t))


def _chords(a: _Float, b: _Float) -> _Float:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b))
