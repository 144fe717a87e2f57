"""The reference of the stress-coupled sphere: nonlinear diffusion in one dimension."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp


def contents_of_sphere(
    times: np.ndarray, radius: float, diffusivity: float, strength: float, kind: str,
    *, start: float = 0.95, c_rate: float = 1.0, n: int = 200,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """x = c / C at surface and centre of a sphere whose D is D_0 (1 + strength m(x)).

    A free sphere without directions has ∇σ_h = −2 E Ω ∇c / (9 (1 − ν)), which makes stress-driven
    diffusion this. Finite volumes in equal shells, current c_rate per hour.
    """
    mobility = {"dilute": lambda x: x, "ideal": lambda x: x * (1 - x)}[kind]
    edge = np.linspace(0.0, 1.0, n + 1)
    volume = (edge[1:] ** 3 - edge[:-1] ** 3) / 3.0
    h = 1.0 / n
    unit = radius**2 / diffusivity
    out = unit * c_rate / 3600.0 / 3.0  # flux through the surface in units of D C / R

    def rate(_: float, x: np.ndarray) -> np.ndarray:
        middle = 0.5 * (x[1:] + x[:-1])
        flux = np.zeros(n + 1)
        flux[1:-1] = -(1.0 + strength * mobility(middle)) * np.diff(x) / h
        flux[-1] = out
        return -np.diff(edge**2 * flux) / volume

    found = solve_ivp(
        rate, (0.0, times[-1] / unit), np.full(n, start), method="BDF", t_eval=times / unit,
        rtol=1e-8, atol=1e-10,
        jac_sparsity=np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1),
    ).y  # fmt: skip
    # From the last centre to the surface half a cell on, where the slope is given.
    last = found[-1]
    surface = last - 0.5 * h * out / (1.0 + strength * mobility(last))
    return surface, found[0]
