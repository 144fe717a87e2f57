"""What an error of the photon energy does to the ratio."""

from __future__ import annotations

import numpy as np

from nmcx.results import EnergySensitivity, Spectrum


def energy_sensitivity(
    spectrum: Spectrum, low_ev: float, high_ev: float, *, half_width_ev: float = 0.5
) -> EnergySensitivity:
    """How much xi moves if both photon energies are off by the same amount.

    d xi / dE = (d ln I_high - d ln I_low) / dE x xi (1 - xi). Value, slope and curvature of the
    intensity are those of a parabola through the spectrum around each energy.

    Parameters
    ----------
    spectrum : Spectrum
        ``energy_ev`` [eV] and intensity above background in ``mu``, any unit, (n_energy,); on the
        energy scale that `low_ev` and `high_ev` are given in.
    low_ev, high_ev : float
        The two photon energies [eV].
    half_width_ev : float
        Reach of the parabola to either side [eV], widened to five points where they are sparse. Our
        default of 0.5 eV is below the width of the peaks.

    Returns
    -------
    EnergySensitivity
        ``per_ev`` with its standard error, the slopes and the curvature of ln(I_high / I_low)
        [1/eV, 1/eV²]. On top of the peaks the slope vanishes and the curvature is what counts.

    Raises
    ------
    ValueError
        If an energy lies outside the spectrum, the intensity there is not positive, or the spectrum
        holds fewer than five points.

    References
    ----------
    .. [1] Derivative of xi = I_high / (I_low + I_high) (this documentation, "The surface ratio").

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Spectrum
    >>> energy = np.arange(850.0, 860.0, 0.1)
    >>> found = surface.energy_sensitivity(
    ...     Spectrum(energy, np.exp(0.3 * (energy - 850.0))), 854.0, 856.2
    ... )
    >>> abs(found.per_ev) < 1e-3, round(found.low_slope, 2)
    (True, 0.3)
    """
    energy = np.asarray(spectrum.energy_ev, dtype=np.float64)
    intensity = np.asarray(spectrum.mu, dtype=np.float64)
    usable = np.isfinite(energy) & np.isfinite(intensity)
    energy, intensity = energy[usable], intensity[usable]
    if energy.size < 5:
        raise ValueError(f"spectrum must hold at least 5 points, not {energy.size}")
    if not low_ev < high_ev:
        raise ValueError(f"low_ev ({low_ev}) must lie below high_ev ({high_ev})")
    if not half_width_ev > 0:
        raise ValueError(f"half_width_ev must be positive, not {half_width_ev}")
    low = _log_parabola(energy, intensity, float(low_ev), half_width_ev)
    high = _log_parabola(energy, intensity, float(high_ev), half_width_ev)
    xi = high[0] / (low[0] + high[0])
    slope = high[1] - low[1]
    return EnergySensitivity(
        xi=float(xi),
        per_ev=float(slope * xi * (1.0 - xi)),
        per_ev_std=float(np.hypot(low[3], high[3]) * xi * (1.0 - xi)),
        log_ratio_slope=float(slope),
        log_ratio_curvature=float(high[2] - low[2]),
        low_slope=float(low[1]),
        high_slope=float(high[1]),
    )


def _log_parabola(
    energy: np.ndarray, intensity: np.ndarray, at: float, half_width: float
) -> tuple[float, float, float, float]:
    """Value, first and second derivative of its logarithm, and standard error of the first."""
    if not energy.min() <= at <= energy.max():
        raise ValueError(
            f"{at:g} eV lies outside the spectrum ({energy.min():g} to {energy.max():g} eV): bring "
            "both to one energy scale"
        )
    distance = np.abs(energy - at)
    reach = max(half_width, float(np.sort(distance)[4])) * (1.0 + 1e-9)
    inside = distance <= reach
    design = np.vander(energy[inside] - at, 3, increasing=True)
    inverse = np.linalg.pinv(design.T @ design)
    fit = inverse @ (design.T @ intensity[inside])
    if not fit[0] > 0:
        raise ValueError(f"the intensity at {at:g} eV must be positive, not {fit[0]:.3g}")
    residual = intensity[inside] - design @ fit
    scatter = float(residual @ residual) / max(int(inside.sum()) - 3, 1)
    first = fit[1] / fit[0]
    # d(b/a): the covariance of value and slope vanishes on an even grid.
    gradient = np.array([-first, 1.0, 0.0]) / fit[0]
    std = float(np.sqrt(scatter * gradient @ inverse @ gradient))
    return float(fit[0]), float(first), float(2.0 * fit[2] / fit[0] - first**2), std
