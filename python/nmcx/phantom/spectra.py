"""Ni K-edge spectra whose edge and white-line energies are known exactly.

The normalised curve is a step plus a Gaussian white line, both rigid: all voxels share one shape
and differ by a shift in energy only, so the distance of the half-jump and of the white line from
the centre of the step is solved once per shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nmcx.results import Result
from nmcx.results.base import Float, quantity

# Energies are stored relative to this one: near 8345 eV float32 has steps of 1 meV.
_REFERENCE_EV = 8333.0


@dataclass(frozen=True)
class EdgeShape:
    """Shape of a normalised absorption edge: tanh step plus Gaussian white line.

    With x the distance from the centre of the step [eV], the curve is
    ``(1 + tanh(x / step_width_ev)) / 2 +
    white_line_height * exp(-(x - white_line_delay_ev)**2 / (2 * white_line_width_ev**2))``.
    The default resembles a layered nickel oxide (white line about 8 eV above the half-jump,
    1.6 times the jump); both tails vanish within 20 eV, so that fits outside are exact.

    Raises
    ------
    ValueError
        If a width is not positive, the height is negative, or the delay is not positive.
    """

    step_width_ev: float = 1.8  #: scale of the tanh [eV]
    white_line_height: float = 0.65  #: height of the Gaussian, in jumps [1]
    white_line_delay_ev: float = 7.5  #: centre of the Gaussian above that of the step [eV]
    white_line_width_ev: float = 3.2  #: standard deviation of the Gaussian [eV]

    def __post_init__(self) -> None:
        if not (self.step_width_ev > 0 and self.white_line_width_ev > 0):
            raise ValueError("step_width_ev and white_line_width_ev must be positive")
        if not (self.white_line_height >= 0 and self.white_line_delay_ev > 0):
            raise ValueError(
                "white_line_height must not be negative, white_line_delay_ev must be positive"
            )


@dataclass(frozen=True)
class EdgeSpectra(Result):
    """Spectra of many voxels with their true energies."""

    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    mu: Float = quantity("1", "energy voxel")  #: (n_energy, n_voxel)
    edge_energy_ev: Float = quantity("eV", "voxel")  #: (n_voxel,) true half-jump energy [eV]
    white_line_ev: Float = quantity("eV", "voxel")  #: (n_voxel,) true white-line energy [eV]
    edge_jump: Float = quantity("1", "voxel")  #: (n_voxel,) true jump at the edge energy


def edge_energies() -> NDArray[np.float64]:
    """Photon energies of a Ni K-edge scan at SSRL beamline 6-2c.

    Returns
    -------
    (61,) numpy.ndarray
        8250 to 8640 eV: steps of 15 eV before the edge, 1 eV from 8324 to 8360 eV, then 4, 8 and
        50 eV [eV].

    References
    ----------
    The scan list of a real 6-2c tomography series of a layered oxide.

    Examples
    --------
    >>> energy_ev = edge_energies()
    >>> energy_ev.shape, float(energy_ev[0]), float(energy_ev[-1])
    ((61,), 8250.0, 8640.0)
    """
    return np.concatenate(
        [
            np.arange(8250.0, 8311.0, 15.0),
            np.arange(8324.0, 8361.0, 1.0),
            np.arange(8364.0, 8401.0, 4.0),
            np.arange(8408.0, 8441.0, 8.0),
            np.arange(8490.0, 8641.0, 50.0),
        ]
    )


def edge_curve(
    energy_ev: ArrayLike,
    edge_energy_ev: ArrayLike,
    shape: EdgeShape | None = None,
    *,
    dtype: DTypeLike = np.float64,
) -> NDArray[np.floating[Any]]:
    """Noise-free normalised absorption: 0.5 at the edge energy, 0 far below, 1 far above.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV].
    edge_energy_ev : array_like
        Half-jump energy of each voxel [eV], of any shape; not rounded to float32 inside.
    shape : EdgeShape, optional
        Shape of the edge; default `EdgeShape()`.
    dtype : dtype, optional
        float64 (default), or float32 for twice the speed at an error below 1e-6.

    Returns
    -------
    (n_energy, ...) numpy.ndarray
        Normalised absorption [1].

    Raises
    ------
    ValueError
        If `energy_ev` has another number of axes than one.

    References
    ----------
    Our default: tanh step plus Gaussian, see `EdgeShape`.

    Examples
    --------
    >>> edge_curve([8300.0, 8345.0, 8400.0], 8345.0).round(6)
    array([0. , 0.5, 1. ])
    """
    shape = EdgeShape() if shape is None else shape
    energy = np.asarray(energy_ev, dtype=np.float64)
    if energy.ndim != 1:
        raise ValueError("energy_ev must have one axis")
    edge = np.asarray(edge_energy_ev, dtype=np.float64)
    offset, _ = _solve_shape(shape)
    # Centre of the step, relative to the reference energy.
    centre = ((edge - _REFERENCE_EV) - offset).astype(dtype)
    curve = np.empty((energy.size, *edge.shape), dtype=dtype)
    scalar = curve.dtype.type
    for i, e in enumerate(energy):
        x = scalar(e - _REFERENCE_EV) - centre
        peak = (x - scalar(shape.white_line_delay_ev)) * scalar(
            math.sqrt(0.5) / shape.white_line_width_ev
        )
        step = np.tanh(x * scalar(1.0 / shape.step_width_ev))
        curve[i] = scalar(0.5) + scalar(0.5) * step
        curve[i] += scalar(shape.white_line_height) * np.exp(-peak * peak)
    return curve


def white_line_offset(shape: EdgeShape | None = None) -> float:
    """Distance of the white line's maximum from the half-jump energy.

    Parameters
    ----------
    shape : EdgeShape, optional
        Shape of the edge; default `EdgeShape()`.

    Returns
    -------
    float
        White-line energy minus edge energy [eV].

    Raises
    ------
    ValueError
        If the curve has no maximum above its edge, as with `white_line_height` 0.

    References
    ----------
    Root of the derivative of the curve of `EdgeShape`.

    Examples
    --------
    >>> round(white_line_offset(), 3)
    7.64
    """
    crossing, peak = _solve_shape(EdgeShape() if shape is None else shape)
    if not math.isfinite(peak):
        raise ValueError("this shape has no white line; raise white_line_height")
    return peak - crossing


def edge_spectra(
    n_voxel: int,
    *,
    noise: float = 0.01,
    seed: int = 1,
    energy_ev: ArrayLike | None = None,
    edge_energy_ev: ArrayLike | None = None,
    edge_range_ev: tuple[float, float] = (8342.0, 8347.0),
    jump_range: tuple[float, float] = (0.4, 1.2),
    shape: EdgeShape | None = None,
    dtype: DTypeLike = np.float32,
) -> EdgeSpectra:
    """Spectra with random edge energy, jump, background and noise, and their truth.

    Each is a sloping background plus jump times the curve of `edge_curve`, bent by a quadratic that
    is 1 at the edge energy: the half-jump of the flattened spectrum is the edge energy exactly.

    Parameters
    ----------
    n_voxel : int
        Number of spectra.
    noise : float
        Standard deviation of each point as a fraction of the jump [1].
    seed : int
        Seed of the random numbers; one seed always gives the same spectra.
    energy_ev : (n_energy,) array_like, optional
        Photon energies [eV]; default `edge_energies()`.
    edge_energy_ev : (n_voxel,) array_like, optional
        Edge energies [eV]; default uniform within `edge_range_ev`.
    edge_range_ev, jump_range : (float, float)
        Ranges the edge energies [eV] and jumps [1] are drawn from.
    shape : EdgeShape, optional
        Shape of the edge; default `EdgeShape()`.
    dtype : dtype
        Type of `mu`: float32 (default) or float64.

    Returns
    -------
    EdgeSpectra
        Spectra (n_energy, n_voxel) and true energies and jumps (n_voxel,).

    Raises
    ------
    ValueError
        If `edge_energy_ev` has another shape than (n_voxel,), or the shape has no white line.

    References
    ----------
    Our default; size of background and jump as in a 10 µm particle measured at 6-2c.

    Examples
    --------
    >>> spectra = edge_spectra(1000, noise=0.02)
    >>> spectra.mu.shape, spectra.mu.dtype
    ((61, 1000), dtype('float32'))
    """
    shape = EdgeShape() if shape is None else shape
    energy = edge_energies() if energy_ev is None else np.asarray(energy_ev, dtype=np.float64)
    rng = np.random.default_rng(seed)
    edge = rng.uniform(*edge_range_ev, n_voxel)
    if edge_energy_ev is not None:
        edge = np.asarray(edge_energy_ev, dtype=np.float64)
    if edge.shape != (n_voxel,):
        raise ValueError(f"edge_energy_ev must have shape ({n_voxel},), not {edge.shape}")
    jump = rng.uniform(*jump_range, n_voxel)
    offset = white_line_offset(shape)
    mu = edge_curve(energy, edge, shape, dtype=dtype)
    scalar = mu.dtype.type

    def draw(low: float, high: float) -> NDArray[Any]:
        return rng.uniform(low, high, n_voxel).astype(mu.dtype)

    level, slope = draw(0.2, 0.5), draw(-6e-4, -2e-4)
    bend_1, bend_2 = draw(-0.05, -0.02), draw(0.0, 0.01)  # per (100 eV) and (100 eV)²
    scale, relative = jump.astype(mu.dtype), (edge - _REFERENCE_EV).astype(mu.dtype)
    for i, e in enumerate(energy - _REFERENCE_EV):
        x = (scalar(e) - relative) * scalar(0.01)
        mu[i] *= scalar(1.0) + x * (bend_1 + x * bend_2)
        if noise > 0:
            mu[i] += scalar(noise) * rng.standard_normal(n_voxel, dtype=mu.dtype)
        mu[i] *= scale
        mu[i] += level + slope * scalar(e)
    return EdgeSpectra(energy, mu, edge, edge + offset, jump)


def edge_ramp(
    first_ev: float = 8343.0,
    last_ev: float = 8346.0,
    *,
    n_voxel: int = 7,
    energy_ev: ArrayLike | None = None,
    shape: EdgeShape | None = None,
    dtype: DTypeLike = np.float64,
) -> EdgeSpectra:
    """Noise-free spectra of jump one whose edge energy rises evenly from voxel to voxel.

    Parameters
    ----------
    first_ev, last_ev : float
        Edge energies of the first and last voxel [eV].
    n_voxel : int
        Number of spectra.
    energy_ev, shape, dtype
        As in `edge_spectra`.

    Returns
    -------
    EdgeSpectra
        Spectra (n_energy, n_voxel) and true energies and jumps (n_voxel,).

    Raises
    ------
    ValueError
        If the shape has no white line.

    References
    ----------
    Our default, see `EdgeShape`.

    Examples
    --------
    >>> edge_ramp(8344.0, 8346.0, n_voxel=3).edge_energy_ev
    array([8344., 8345., 8346.])
    """
    edge = np.linspace(first_ev, last_ev, n_voxel)
    energy = edge_energies() if energy_ev is None else np.asarray(energy_ev, dtype=np.float64)
    mu = edge_curve(energy, edge, shape, dtype=dtype)
    return EdgeSpectra(energy, mu, edge, edge + white_line_offset(shape), np.ones(n_voxel))


@lru_cache(maxsize=64)
def _solve_shape(shape: EdgeShape) -> tuple[float, float]:
    """Half-jump and white line, relative to the centre of the step [eV]; NaN: no white line."""
    w, height = shape.step_width_ev, shape.white_line_height
    delay, s = shape.white_line_delay_ev, shape.white_line_width_ev

    def curve(x: float) -> float:
        return 0.5 + 0.5 * math.tanh(x / w) + height * math.exp(-(((x - delay) / s) ** 2) / 2)

    def slope(x: float) -> float:
        t = math.tanh(x / w)
        y = (x - delay) / s
        return 0.5 * (1 - t * t) / w - height * y / s * math.exp(-y * y / 2)

    # The curve rises up to the centre of the Gaussian, where it is above 0.5.
    crossing = _bisect(lambda x: curve(x) - 0.5, delay - 40 * (w + s), delay)
    # The Gaussian falls fastest one standard deviation above its centre.
    peak = _bisect(lambda x: -slope(x), delay, delay + s) if slope(delay + s) < 0 else math.nan
    return crossing, peak


def _bisect(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(200):
        middle = 0.5 * (low + high)
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)
