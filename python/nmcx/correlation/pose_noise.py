"""Covariance of what a map differs by from its reprojection: noise, texture and a wrong surface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.reprojection import COSINES, Camera

_Float = NDArray[np.float64]

#: Pixels, drawn at random, from which the strengths of the terms are estimated.
_N_ESTIMATION = 400
#: Standard deviations of the Gaussians that make up the texture's correlation [particle radii].
REACHES = (0.06, 0.1, 0.16, 0.27, 0.45, 0.9)
#: Mesh of the points that carry the texture [particle radii].
_MESH = 0.08


@dataclass(frozen=True)
class Terms:
    """Known shapes of the terms on the pixels used, before their strengths are known."""

    white: tuple[_Float, ...]  #: each (n,): variance of independent errors, to a factor
    least: tuple[float, ...]  #: least factor of each
    response: _Float  #: (n, n_point) of each pixel to a relative change of the yield at each point
    points: _Float  #: (n_point, 3) points of the surface [particle radii]

    def part(self, chosen: NDArray[np.int64]) -> Terms:
        """The terms on some of the pixels."""
        white = tuple(w[chosen] for w in self.white)
        return Terms(white, self.least, self.response[chosen], self.points)


def texture_response(
    camera: Camera, pose: _Float, coefficients: _Float, used: NDArray[np.bool_]
) -> tuple[_Float, _Float]:
    """Pictures (n_pixel, n_point) of the yield of small patches, and their places (n_point, 3).

    The patches share the surface between points of an even mesh, so that foreshortening and the
    spot act on the texture as they do on the picture itself.
    """
    from scipy.spatial import cKDTree

    coverage, cosine, height = camera.rays(pose)
    shade = np.interp(cosine, COSINES, coefficients[:-1]) * coverage
    places = camera.places(pose).reshape(-1, 2)
    surface = np.column_stack([places, height.ravel()]) / camera.body.radius_um
    met = np.flatnonzero(np.isfinite(surface[:, 2]))
    cell = np.unique(np.round(surface[met] / _MESH), axis=0, return_inverse=True)[1].ravel()
    count = np.bincount(cell)
    points = np.stack([np.bincount(cell, surface[met, a]) / count for a in range(3)], axis=1)
    lit = np.flatnonzero(shade.ravel() != 0.0)
    seen = surface[lit]
    # Rays past the rim that are partly covered take the texture of the nearest surface.
    lost = np.isnan(seen[:, 2])
    if lost.any():
        nearest = cKDTree(surface[met, :2]).query(seen[lost, :2])[1]
        seen[lost] = surface[met[nearest]]
    n_neighbour = min(6, len(points))
    found = cKDTree(points).query(seen, k=n_neighbour)
    distance, neighbour = (np.reshape(part, (len(lit), n_neighbour)) for part in found)
    closest = distance.min(axis=1, keepdims=True)
    weight = np.exp(-0.5 * (distance**2 - closest**2) / (0.6 * _MESH) ** 2)
    weight[weight < 1e-9] = 0.0
    weight *= (shade.ravel()[lit] / weight.sum(axis=1))[:, None]
    pictures = camera.gathered(lit, neighbour, weight, len(points), pose)
    pictures[np.abs(pictures) < 1e-6 * np.abs(pictures).max()] = 0.0
    return np.ascontiguousarray(pictures[:, used].T), points


@dataclass(frozen=True)
class NoiseModel:
    """Strengths of the terms.

    The yield varies over the surface with a covariance that is a sum of Gaussians of the distance
    in space, `REACHES` wide: rough, smooth and mixed textures alike are such sums.
    """

    white: tuple[float, ...]  #: factor of each white variance [1]
    texture: tuple[float, ...]  #: standard deviation of the relative variation, per reach [1]

    def rougher(self, factor: float) -> NoiseModel:
        """The same with so many times the texture."""
        return replace(self, texture=tuple(factor * strength for strength in self.texture))

    def covariance(self, terms: Terms) -> _Float:
        """Covariance matrix (n, n) of the residuals."""
        at_points = np.zeros((len(terms.points),) * 2)
        for strength, kernel in zip(self.texture, _kernels(terms), strict=True):
            at_points += strength**2 * kernel
        total = terms.response @ at_points @ terms.response.T
        for strength, white in zip(self.white, terms.white, strict=True):
            total.ravel()[:: total.shape[0] + 1] += strength * white
        return total


def fit_noise(
    residual: _Float, fixed: _Float, terms: Terms, first: NoiseModel, seed: int
) -> NoiseModel:
    """Strengths by restricted maximum likelihood.

    The residuals have lost what the `fixed` columns (yields, background and pose, linearised) can
    take up, so the likelihood is that of the data's part they cannot reach.

    Parameters
    ----------
    residual : (n,) array
        Map less reprojection.
    fixed : (n, n_fixed) array
        Derivatives of the reprojection by all that was fitted.
    terms : Terms
        On the same n pixels.
    first : NoiseModel
        Where the search starts.
    seed : int
        Draws the pixels that are used.

    References
    ----------
    .. [1] H. D. Patterson, R. Thompson, "Recovery of inter-block information when block sizes are
       unequal", Biometrika 58, 545 (1971): restricted likelihood. Misfit of a model as a correlated
       random field: M. C. Kennedy, A. O'Hagan, J. R. Stat. Soc. B 63, 425 (2001).
    """
    from scipy.optimize import minimize

    n = residual.size
    random = np.random.default_rng(seed)
    chosen = np.sort(random.choice(n, min(n, _N_ESTIMATION), replace=False))
    some = terms.part(chosen)
    kernels = [some.response @ kernel @ some.response.T for kernel in _kernels(some)]
    left, columns = residual[chosen], _orthonormal(fixed[chosen])
    start, n_white = np.log([*first.white, *np.square(first.texture)]), len(first.white)
    lowest = np.log([*some.least, *(1e-7,) * (start.size - n_white)])
    bounds = [(low, max(low, s) + 9.0) for low, s in zip(lowest, start, strict=True)]
    found = minimize(
        _restricted,
        np.maximum(start, lowest),
        args=(left, columns, some.white, kernels),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"maxiter": 25, "ftol": 1e-5},
    )
    strength = np.exp(found.x)
    return NoiseModel(
        white=tuple(float(s) for s in strength[:n_white]),
        texture=tuple(float(s) for s in np.sqrt(strength[n_white:])),
    )


def _orthonormal(columns: _Float) -> _Float:
    """A basis of what the columns span; those that others repeat are left out."""
    u, size, _ = np.linalg.svd(columns / np.linalg.norm(columns, axis=0).clip(1e-300), False)
    return np.asarray(u[:, size > 1e-6 * size[0]])


def _kernels(terms: Terms) -> Iterator[_Float]:
    """Covariance (n_point, n_point) of a texture of unit strength, for each reach."""
    squared = (terms.points**2).sum(axis=1)
    distance = squared[:, None] + squared - 2.0 * terms.points @ terms.points.T
    for reach in REACHES:
        # Numbers that underflow would slow all that follows a hundredfold; a little of what all
        # points have in common, which the yields take up, keeps them away.
        yield np.exp(np.maximum(distance / (-2.0 * reach**2), -40.0)) + 1e-6


def _restricted(
    log_strengths: _Float,
    residual: _Float,
    columns: _Float,
    white: tuple[_Float, ...],
    kernels: list[_Float],
) -> tuple[float, _Float]:
    """Minus twice the restricted log-likelihood, to a constant, and its gradient."""
    from scipy.linalg import cho_factor, cho_solve
    from scipy.linalg.lapack import dpotri

    strength = np.exp(log_strengths)
    n_white = len(white)
    covariance = np.zeros_like(kernels[0])
    for s, kernel in zip(strength[n_white:], kernels, strict=True):
        covariance += s * kernel
    for s, variance in zip(strength[:n_white], white, strict=True):
        covariance.ravel()[:: residual.size + 1] += s * variance
    factor = cho_factor(covariance, lower=True, overwrite_a=True, check_finite=False)
    inverse = dpotri(factor[0], lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    at_columns = inverse @ columns
    normal = columns.T @ at_columns
    inner = cho_factor(normal, lower=True)
    projected = inverse - at_columns @ cho_solve(inner, at_columns.T)
    weighted = projected @ residual
    value = 2.0 * np.log(np.diag(factor[0])).sum() + 2.0 * np.log(np.diag(inner[0])).sum()
    value += residual @ weighted
    alone = np.diag(projected) - weighted**2
    slopes = [alone @ w for w in white]
    slopes += [np.vdot(projected, kernel) - weighted @ kernel @ weighted for kernel in kernels]
    return float(value), strength * np.array(slopes)
