"""Scans of a drifting monochromator with a nickel foil behind the sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.phantom.spectra import EdgeShape, edge_curve
from nmcx.results import Result, Spectrum
from nmcx.results.base import Float, quantity

# Height, place [eV after the first] and tanh width [eV] of the steps a nickel foil rises in.
_STEPS = ((0.42, 0.0, 1.6), (0.28, 6.1, 1.9), (0.36, 12.7, 2.3))
_BUMPS = ((0.08, 17.5, 3.0), (-0.12, 26.0, 6.0), (0.05, 47.0, 8.0))  # Gaussians: the first EXAFS


@dataclass(frozen=True)
class FoilSeries(Result):
    """Scans with a foil channel, and how far off their energies are."""

    spectra: tuple[Spectrum, ...] = quantity("")  #: the scans, each with its foil as `reference`
    shift_ev: Float = quantity("eV", "scan")  #: (n_scan,) true energy minus energy of the file


def foil_curve(energy_ev: ArrayLike, foil_edge_ev: float = 8333.0) -> NDArray[np.float64]:
    """Noise-free absorption of a nickel-like foil: three steps, first inflection known exactly.

    Parameters
    ----------
    energy_ev : array_like
        Photon energies [eV].
    foil_edge_ev : float
        Energy of the first inflection [eV].

    Returns
    -------
    numpy.ndarray
        Absorption [1]: 0 far below, about 1.06 far above.

    Raises
    ------
    ValueError
        If an energy is not a number.

    References
    ----------
    Our default; steps and their distances resemble a real nickel foil.

    Examples
    --------
    >>> foil_curve([8333.0, 8600.0]).round(2)
    array([0.21, 1.06])
    """
    x = np.asarray(energy_ev, dtype=np.float64) - foil_edge_ev + _first_inflection()
    mu = np.zeros_like(x)
    for height, at, width in _STEPS:
        mu += height * 0.5 * (1 + np.tanh((x - at) / width))
    for height, at, width in _BUMPS:
        mu += height * np.exp(-0.5 * ((x - at) / width) ** 2)
    return mu


def foil_series(
    n_scan: int = 11,
    *,
    drift_ev: float = 5.0,
    offset_ev: float = 1.0,
    noise: float = 0.002,
    seed: int = 1,
    energy_ev: ArrayLike | None = None,
    foil_edge_ev: float = 8333.0,
    edge_energy_ev: float = 8345.0,
) -> FoilSeries:
    """Repeated scans of one sample while the monochromator drifts, a foil measured along.

    The drift slows down from scan to scan. Foil curves differ in gain, offset and slope.

    Parameters
    ----------
    n_scan : int
        Number of scans.
    drift_ev : float
        Shift of the last scan against the first [eV].
    offset_ev : float
        Shift of the first scan [eV].
    noise : float
        Standard deviation of each point, as a fraction of the jump [1].
    seed : int
        Seed of the random numbers.
    energy_ev : (n_energy,) array_like, optional
        Energies as the scans have them [eV]; default 8233 to 8633 eV, every 0.25 eV at the edge.
    foil_edge_ev, edge_energy_ev : float
        True first inflection of the foil and half-jump energy of the sample [eV].

    Returns
    -------
    FoilSeries
        The scans and the shifts that would bring each to the true scale [eV].

    Raises
    ------
    ValueError
        If there is no scan.

    References
    ----------
    Our default; size and course of the drift as in a real series of NiO scans.

    Examples
    --------
    >>> series = foil_series(3, drift_ev=5.0)
    >>> series.shift_ev.round(2), series.spectra[0].reference.name
    (array([1.  , 5.09, 6.  ]), 'foil 0')
    """
    if n_scan < 1:
        raise ValueError(f"n_scan must be at least 1, not {n_scan}")
    energy = (
        np.concatenate(
            [
                np.arange(8233.0, 8312.0, 10.0),
                np.arange(8313.0, 8373.0, 0.25),
                np.arange(8373.0, 8634.0, 5.0),
            ]
        )
        if energy_ev is None
        else np.asarray(energy_ev, dtype=np.float64)
    )
    rng = np.random.default_rng(seed)
    progress = np.arange(n_scan) / max(n_scan - 1, 1)
    shift = offset_ev + drift_ev * (1 - np.exp(-3 * progress)) / (1 - np.exp(-3.0))
    spectra = []
    for i, true in enumerate(energy + shift[:, None]):
        gain, offset = rng.uniform(0.7, 1.3), rng.uniform(0.2, 0.6)
        slope = rng.uniform(-6e-4, -2e-4)
        foil = foil_curve(true, foil_edge_ev) + noise * rng.standard_normal(energy.size)
        foil = gain * foil + offset + slope * (energy - energy.mean())
        sample = edge_curve(true, edge_energy_ev, EdgeShape())
        sample = sample + noise * rng.standard_normal(energy.size) + 0.3
        spectra.append(
            Spectrum(energy, sample, f"scan {i}", reference=Spectrum(energy, foil, f"foil {i}"))
        )
    return FoilSeries(tuple(spectra), shift)


@lru_cache(maxsize=1)
def _first_inflection() -> float:
    """Where the second derivative of the curve is zero near its first step [eV]."""
    from scipy.optimize import brentq

    def bend(x: float) -> float:
        total = 0.0
        for height, at, width in _STEPS:
            t = np.tanh((x - at) / width)
            total -= height * t * (1 - t * t) / width**2
        for height, at, width in _BUMPS:
            y = (x - at) / width
            total += height * (y * y - 1) * np.exp(-0.5 * y * y) / width**2
        return float(total)

    return float(brentq(bend, -0.8, 0.8))
