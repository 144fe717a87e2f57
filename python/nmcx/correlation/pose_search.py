"""Least squares over the pose of a map, the yields solved for at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.reprojection import Camera

_Float = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """Independent normal distributions of the parameters; infinite width where nothing is known."""

    mean: _Float  #: (7,)
    std: _Float  #: (7,)


@dataclass(frozen=True)
class Fit:
    """A pose and the least-squares problem around it."""

    pose: _Float  #: (7,)
    cost: float  #: squared whitened residuals, prior included
    coefficients: _Float  #: (n,) yields at the knots and background
    residual: _Float  #: (n_pixel,) map less reprojection on the pixels used
    fixed: _Float  #: (n_pixel, n + 7) derivatives by the coefficients and by the pose
    normal: _Float  #: (7, 7) inverse covariance of the pose, prior included
    gradient: _Float  #: (7,) of half the fall of the cost


@dataclass(frozen=True)
class Problem:
    """Map, camera and the weight of residuals."""

    camera: Camera
    image: _Float  #: (ny, nx)
    used: NDArray[np.bool_]  #: (ny, nx) pixels that count
    whiten: Callable[[_Float], _Float]  #: makes residuals (n_pixel, ...) independent, of variance 1
    prior: Prior
    bend: float  #: standard deviation of the yields' second differences from knot to knot

    def steps(self) -> _Float:
        """(7,) changes of the parameters that move the picture by a few tenths of a pixel.

        Smaller ones would see how the voxels' staircase moves through the picture, not the shape.
        """
        pixel = float(np.sqrt(np.prod(self.camera.grid.step_um)))
        turn = 0.3 * pixel / self.camera.body.radius_um
        return np.array([3.0 * turn, 3.0 * turn, turn, 0.3 * pixel, 0.3 * pixel, turn, 0.1])

    def cost(self, pose: _Float) -> float:
        """Squared whitened residuals at the best yields, prior included."""
        return self._solved(pose)[0]

    def solved(self, pose: _Float) -> _Float:
        """The best yields and background (n,)."""
        return self._solved(pose)[1]

    def at(self, pose: _Float) -> Fit:
        """The problem linearised at a pose, by differences.

        The yields are projected out of the derivatives (L. Kaufman, BIT 15, 49 (1975)).
        """
        cost, coefficients, residual, basis, columns, gram = self._solved(pose)
        steps = self.steps()
        slopes = np.empty((residual.size, pose.size))
        for i, step in reversed(list(enumerate(steps))):  # the spot first: its rays are known
            sides = []
            for side in (step, -step):
                moved = pose.copy()
                moved[i] += side
                sides.append(self.camera.image(moved, coefficients)[self.used])
            slopes[:, i] = (sides[0] - sides[1]) / (2.0 * step)
        white, left = self.whiten(slopes), self.whiten(residual)
        white = white - columns @ np.linalg.solve(gram, columns.T @ white)
        normal = white.T @ white + np.diag(self.prior.std**-2.0)
        gradient = white.T @ left - (pose - self.prior.mean) / self.prior.std**2
        fixed = np.hstack([basis, slopes])
        return Fit(pose, cost, coefficients, residual, fixed, normal, gradient)

    def step(self, fit: Fit, damping: float) -> _Float:
        """Levenberg-Marquardt step from a linearised problem."""
        damped = fit.normal + damping * np.diag(np.diag(fit.normal))
        # Beyond this a linear model of the picture means nothing.
        longest = 10.0 * self.steps()
        step = np.linalg.solve(damped, fit.gradient)
        return np.asarray(step / max(1.0, float(np.max(np.abs(step) / longest))))

    def minimise(self, pose: _Float, n_iteration: int, tolerance: float) -> Fit:
        """Descend until the next step would gain less than `tolerance` of the cost."""
        fit, damping = self.at(pose), 1e-3
        for _ in range(n_iteration):
            gained = False
            while damping < 1e4:
                step = self.step(fit, damping)
                if float(step @ fit.normal @ step) < tolerance:
                    return fit
                trial = fit.pose + step
                if self.cost(trial) < fit.cost:
                    gained = True
                    break
                damping *= 10.0
            if not gained:
                return fit
            damping = max(damping / 10.0, 1e-6)
            fit = self.at(trial)
        return fit

    def _solved(self, pose: _Float) -> tuple[float, _Float, _Float, _Float, _Float, _Float]:
        """Cost, coefficients, residual, basis on the pixels, whitened basis and its square."""
        basis = self.camera.basis(pose)[:, self.used].T
        image = self.image[self.used]
        columns, white = self.whiten(basis), self.whiten(image)
        n = basis.shape[1]
        gram = columns.T @ columns
        # A yield that bends at will at grazing incidence could pass for another size.
        bends = np.eye(n - 3, n) - 2.0 * np.eye(n - 3, n, 1) + np.eye(n - 3, n, 2)
        bends /= self.bend
        gram += bends.T @ bends + 1e-12 * float(np.trace(gram)) * np.eye(n)
        coefficients: _Float = np.asarray(np.linalg.solve(gram, columns.T @ white), np.float64)
        left = np.concatenate([white - columns @ coefficients, bends @ coefficients])
        away = (pose - self.prior.mean) / self.prior.std
        cost = float(left @ left + away @ away)
        return cost, np.asarray(coefficients), image - basis @ coefficients, basis, columns, gram
