"""Radiographs of a ball whose thickness varies, with and without higher harmonics in the beam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.phantom.spectra import EdgeShape, edge_curve, edge_energies
from nmcx.results import Result
from nmcx.results.base import Float, quantity

_REFERENCE_EV = 8333.0


@dataclass(frozen=True)
class BallProjection(Result):
    """Optical density of a ball at every energy, and what is true about it."""

    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    mu: Float = quantity("1", "energy y x")  #: (n_energy, ny, nx) optical density as measured
    thickness: Float = quantity("1", "y x")  #: (ny, nx) path in the ball over its diameter
    edge_energy_ev: Float = quantity("eV", "y x")  #: (ny, nx) mean along the path [eV], NaN outside
    edge_jump: Float = quantity("1", "y x")  #: (ny, nx) true jump


def with_harmonics(
    optical_density: ArrayLike, fraction: ArrayLike, *, energy_axis: int = 0
) -> NDArray[np.float64]:
    """Optical density as a beam with higher harmonics shows it.

    Photons of a multiple of the energy pass the sample nearly unabsorbed. With h of them for each
    wanted photon, both counted in the reference too, the transmission is T' = (T + h) / (1 + h).
    Stray light and a detector's spread halo do the same.

    Parameters
    ----------
    optical_density : (n_energy, ...) array_like
        True optical density [1].
    fraction : float or (n_energy,) array_like
        Detected harmonic over detected wanted intensity in the open beam [1], at least 0.
    energy_axis : int
        Axis of `optical_density` that runs over energy, where `fraction` depends on it.

    Returns
    -------
    numpy.ndarray
        Optical density that is measured [1], never above ln((1 + h) / h).

    Raises
    ------
    ValueError
        If a fraction is negative or not finite, or has another length than the energies.

    References
    ----------
    .. [1] E. A. Stern & K. Kim, "Thickness effect on the extended-x-ray-absorption-fine-structure
       amplitude", Phys. Rev. B 23, 3781 (1981): leakage that is not absorbed.

    Examples
    --------
    >>> with_harmonics([1.0, 3.0], 0.03).round(3)
    array([0.951, 2.558])
    """
    density = np.asarray(optical_density, dtype=np.float64)
    h = np.asarray(fraction, dtype=np.float64)
    if not (np.isfinite(h).all() and np.all(h >= 0)):
        raise ValueError("fraction must be at least 0 and finite")
    if h.ndim > 0:
        if h.ndim != 1 or density.ndim == 0 or h.size != density.shape[energy_axis]:
            raise ValueError("fraction must be one number or one per energy")
        shape = [1] * density.ndim
        shape[energy_axis] = h.size
        h = h.reshape(shape)
    return np.asarray(-np.log((np.exp(-density) + h) / (1 + h)))


def ball_projection(
    n_pixel: int = 72,
    *,
    edge_jump: float = 1.1,
    background: float = 0.5,
    core_edge_ev: float = 8344.0,
    shell_edge_ev: float = 8344.0,
    core_radius: float = 0.6,
    harmonics: float = 0.0,
    noise: float = 0.01,
    seed: int = 1,
    shape: EdgeShape | None = None,
    core_shape: EdgeShape | None = None,
) -> BallProjection:
    """Radiographs of a ball across the Ni K edge: one chemistry, or a core and a shell.

    Every column holds core and shell in the lengths its ray passes, as in a real projection.

    Parameters
    ----------
    n_pixel : int
        Pixels along each side; the ball fills nine tenths.
    edge_jump, background : float
        Jump and pre-edge optical density through the middle of the ball [1].
    core_edge_ev, shell_edge_ev : float
        Half-jump energies [eV]; equal ones make a ball of one chemistry.
    core_radius : float
        Radius of the core over that of the ball [1].
    harmonics : float
        Harmonic fraction, see `with_harmonics` [1].
    noise : float
        Standard deviation of the optical density at one energy, over `edge_jump` [1].
    seed : int
        Seed of the random numbers.
    shape, core_shape : EdgeShape, optional
        Shape of the edge in the shell and in the core; default `EdgeShape()` for both.

    Returns
    -------
    BallProjection
        Optical density (n_energy, ny, nx) and the truth (ny, nx).

    Raises
    ------
    ValueError
        If `core_radius` is not between 0 and 1.

    References
    ----------
    Our default.

    Examples
    --------
    >>> ball = ball_projection(24, harmonics=0.03)
    >>> ball.mu.shape, float(ball.thickness.max().round(2))
    ((61, 24, 24), 1.0)
    """
    if not 0 <= core_radius <= 1:
        raise ValueError(f"core_radius must be between 0 and 1, not {core_radius}")
    energy = edge_energies()
    at = (np.arange(n_pixel) - 0.5 * (n_pixel - 1)) / (0.45 * n_pixel)
    distance2 = at[:, None] ** 2 + at**2
    whole = np.sqrt(np.clip(1 - distance2, 0, None))
    core = np.sqrt(np.clip(core_radius**2 - distance2, 0, None))
    in_core = edge_curve(energy, core_edge_ev, core_shape or shape)[:, None, None]
    in_shell = edge_curve(energy, shell_edge_ev, shape)[:, None, None]
    # Photoabsorption of everything but Ni 1s falls about as E⁻³.
    falling = (1 - 3.6e-4 * (energy - _REFERENCE_EV))[:, None, None]
    density = edge_jump * (core * in_core + (whole - core) * in_shell)
    density = with_harmonics(density + background * falling * whole, harmonics)
    random = np.random.default_rng(seed).standard_normal(density.shape, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        edge = (core * core_edge_ev + (whole - core) * shell_edge_ev) / whole
    measured = (density + noise * edge_jump * random).astype(np.float32)
    return BallProjection(energy, measured, whole, edge, edge_jump * whole)
