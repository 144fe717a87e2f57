"""Exact diffusion in a unit sphere and disc from rest: x = r/R, τ = D t/R² (Crank, 1975)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import j0, j1, jn_zeros

Floats = NDArray[np.float64]
_N = 60  # terms: enough for τ ≥ 0.01


def _sine_over(x: Floats, roots: Floats) -> Floats:
    """sin(a x)/(a x) for each x and root."""
    return np.asarray(np.sinc(np.outer(x, roots) / np.pi))


def sphere_dirichlet(x: Floats, tau: float) -> Floats:
    """c / c_s after a step of the surface to c_s."""
    n = np.arange(1, _N)
    terms = (-1.0) ** n * np.exp(-((n * np.pi) ** 2) * tau)
    return np.asarray(1 + 2 * _sine_over(x, n * np.pi) @ terms)


def sphere_flux(x: Floats, tau: float) -> Floats:
    """c D / (J R) with a constant flux J inwards: tan a = a."""
    roots = np.array(
        [
            brentq(lambda a: np.sin(a) - a * np.cos(a), k * np.pi + 1e-9, (k + 0.5) * np.pi)
            for k in range(1, _N)
        ]
    )
    terms = np.exp(-(roots**2) * tau) / (roots * np.sin(roots))
    return np.asarray(3 * tau + x**2 / 2 - 0.3 - 2 * _sine_over(x, roots) @ terms)


def sphere_robin(x: Floats, tau: float, biot: float) -> Floats:
    """c / c_out with exchange of Biot number k R / D: b cot b + Bi = 1."""
    roots = []
    for k in range(_N):
        low, high = k * np.pi + 1e-9, (k + 1) * np.pi - 1e-9

        def condition(b: float) -> float:
            return float(b * np.cos(b) + (biot - 1) * np.sin(b))

        if condition(low) * condition(high) < 0:
            roots.append(brentq(condition, low, high))
    b = np.array(roots)
    terms = np.exp(-(b**2) * tau) * b / ((b**2 + biot * (biot - 1)) * np.sin(b))
    return np.asarray(1 - 2 * biot * _sine_over(x, b) @ terms)


def disc_dirichlet(x: Floats, tau: float) -> Floats:
    """c / c_s after a step of the rim to c_s."""
    z = jn_zeros(0, _N)
    return np.asarray(1 - 2 * j0(np.outer(x, z)) @ (np.exp(-(z**2) * tau) / (z * j1(z))))


def disc_flux(x: Floats, tau: float) -> Floats:
    """c D / (J R) with a constant flux J inwards."""
    z = jn_zeros(1, _N)
    terms = np.exp(-(z**2) * tau) / (z**2 * j0(z))
    return np.asarray(2 * tau + x**2 / 2 - 0.25 - 2 * j0(np.outer(x, z)) @ terms)
