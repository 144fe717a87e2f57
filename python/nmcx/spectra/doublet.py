"""The two energies of an L3 doublet, found in a spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.errors import ConvergenceError
from nmcx.results import Doublet

_Array = NDArray[np.float64]

_SPLIT_REACH_EV = 0.8
_N_PARAMETER = 8


def find_doublet(
    energy_ev: ArrayLike,
    intensity: ArrayLike,
    *,
    split_ev: float = 2.2,
    window_ev: tuple[float, float] | None = None,
) -> Doublet:
    """The two peaks of an L3 edge, whatever the energy scale of the beamline.

    The highest point above the line through both ends is one of the two; the other lies about
    `split_ev` above or below. Two pseudo-Voigt peaks of one width on the step of the edge are
    fitted both ways, and the better fit is taken. Nickel L3 peaks are reported at 854.0 and
    856.2 eV by one beamline, 3 eV lower by another, always about 2.2 eV apart.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies in any order [eV].
    intensity : (n_energy,) array_like
        Yield or absorption, any unit.
    split_ev : float
        Distance of the peaks looked for, within 0.8 eV [eV].
    window_ev : (float, float), optional
        Where to look [eV]; default: the whole spectrum. Needed if L3 is not its highest peak.

    Returns
    -------
    Doublet
        Energies [eV] with standard errors from the residuals of the fit, and heights.

    Raises
    ------
    ValueError
        If the arrays differ in length or hold too few points around the peaks.
    nmcx.errors.ConvergenceError
        If there are no two peaks at that distance.

    References
    ----------
    .. [1] J. J. More, "The Levenberg-Marquardt algorithm", Lecture Notes in Mathematics 630, 105
       (1978); model and windows are our choice.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> energy = np.arange(845.0, 862.0, 0.2)
    >>> peak = lambda centre: 1.0 / (1.0 + ((energy - centre) / 0.6) ** 2)
    >>> found = surface.find_doublet(energy, 0.2 + peak(850.9) + 0.7 * peak(853.1))
    >>> round(found.low_ev, 2), round(found.high_ev, 2)
    (850.9, 853.1)
    """
    energy, values = _sorted(energy_ev, intensity, window_ev)
    if not split_ev > _SPLIT_REACH_EV:
        raise ValueError(f"split_ev must exceed {_SPLIT_REACH_EV} eV, not {split_ev}")
    # The line through both ends is no baseline, but keeps a slope from being the maximum.
    chord = np.interp(energy, energy[[0, -1]], values[[0, -1]])
    top = float(energy[np.argmax(values - chord)])
    near = np.count_nonzero(np.abs(energy - top) <= 3.0 + split_ev)
    if near <= _N_PARAMETER:
        raise ValueError(
            f"only {near} energies near the highest point at {top:g} eV, at least "
            f"{_N_PARAMETER + 1} are needed; use a finer grid"
        )
    fits = [
        fit
        for first in (top, top - split_ev)
        if (fit := _fit(energy, values, first, split_ev)) is not None
    ]
    if not fits:
        raise ConvergenceError(
            f"no two peaks {split_ev:g} eV apart around {top:g} eV; check split_ev, or look only "
            "near L3 if that is not the highest peak"
        )
    return min(fits, key=lambda fit: fit[0])[1]


def _sorted(
    energy_ev: ArrayLike, intensity: ArrayLike, window_ev: tuple[float, float] | None
) -> tuple[_Array, _Array]:
    energy = np.asarray(energy_ev, dtype=np.float64)
    values = np.asarray(intensity, dtype=np.float64)
    if energy.ndim != 1 or energy.shape != values.shape:
        raise ValueError(
            f"energy_ev and intensity must be 1-D of one length, not {energy.shape} and "
            f"{values.shape}"
        )
    usable = np.isfinite(energy) & np.isfinite(values)
    if window_ev is not None:
        usable &= (energy >= window_ev[0]) & (energy <= window_ev[1])
    if np.count_nonzero(usable) <= _N_PARAMETER:
        raise ValueError(f"at least {_N_PARAMETER + 1} points are needed to find two peaks")
    energy, values = energy[usable], values[usable]
    order = np.argsort(energy)
    return energy[order], values[order]


def _model(x: _Array, centre: float, split: float, width: float, *shape: float) -> _Array:
    """Two pseudo-Voigt peaks of one width on a constant, and the step of the edge."""
    first, second, base, step, lorentzian = shape
    low, _ = _pseudo_voigt((x - centre) / width, lorentzian)
    high, _ = _pseudo_voigt((x - centre - split) / width, lorentzian)
    # Where exactly the step lies hardly matters under the peaks.
    rise = 0.5 + np.arctan((x - centre - split) / width) / np.pi
    return np.asarray(base + first * low + second * high + step * rise)


def _jacobian(x: _Array, centre: float, split: float, width: float, *shape: float) -> _Array:
    """Derivatives of `_model` by its parameters, one column each."""
    first, second, _, step, lorentzian = shape
    u, v = (x - centre) / width, (x - centre - split) / width
    low, by_u = _pseudo_voigt(u, lorentzian)
    high, by_v = _pseudo_voigt(v, lorentzian)
    by_u, by_v = first * by_u, second * by_v + step / (np.pi * (1.0 + v**2))
    difference = sum(
        height * (1.0 / (1.0 + t**2) - np.exp(-np.log(2.0) * t**2))
        for height, t in ((first, u), (second, v))
    )
    return np.column_stack(
        [
            -(by_u + by_v) / width, -by_v / width, -(by_u * u + by_v * v) / width,
            low, high, np.ones_like(x), 0.5 + np.arctan(v) / np.pi, difference,
        ]
    )  # fmt: skip


def _pseudo_voigt(t: _Array, lorentzian: float) -> tuple[_Array, _Array]:
    """Peak of height one and half width one, and its derivative by `t`."""
    bell, bump = np.exp(-np.log(2.0) * t**2), 1.0 / (1.0 + t**2)
    value = lorentzian * bump + (1.0 - lorentzian) * bell
    slope = -2.0 * t * (lorentzian * bump**2 + (1.0 - lorentzian) * np.log(2.0) * bell)
    return value, slope


def _fit(
    energy: _Array, values: _Array, first_ev: float, split_ev: float
) -> tuple[float, Doublet] | None:
    """Residual variance and doublet, or None where there are no two peaks."""
    from scipy.optimize import curve_fit

    inside = (energy >= first_ev - 3.0) & (energy <= first_ev + split_ev + 3.0)
    x, y = energy[inside], values[inside]
    if x.size <= _N_PARAMETER:
        return None
    size = float(np.ptp(y))
    if not size > 0:
        return None
    base = float(y.min())
    start = [0.0, split_ev, 0.7, 0.7, 0.7, 0.0, 0.1, 0.5]
    lower = [-1.5, split_ev - _SPLIT_REACH_EV, 0.1, 0.0, 0.0, -5.0, -1.0, 0.0]
    upper = [1.5, split_ev + _SPLIT_REACH_EV, 2.0, 10.0, 10.0, 5.0, 1.0, 1.0]
    try:
        best, covariance = curve_fit(
            _model, x - first_ev, (y - base) / size, start, bounds=(lower, upper), max_nfev=500,
            jac=_jacobian, ftol=1e-6, xtol=1e-6,
        )  # fmt: skip
    except RuntimeError:
        return None
    residual = (y - base) / size - _model(x - first_ev, *best)
    variance = float(residual @ residual) / (x.size - _N_PARAMETER)
    std = np.sqrt(np.diag(covariance))
    at_bound = np.isclose(best[1], (lower[1], upper[1]), atol=1e-3).any()
    # A peak must stand out of the misfit and of its own error (our default: three of each).
    too_low = min(best[3], best[4]) < 3.0 * max(std[3], std[4], np.sqrt(variance))
    if at_bound or too_low or not np.all(np.isfinite(std)):
        return None
    high_std = float(np.sqrt(covariance[0, 0] + 2 * covariance[0, 1] + covariance[1, 1]))
    low_ev = float(first_ev + best[0])
    return variance, Doublet(
        low_ev=low_ev,
        high_ev=low_ev + float(best[1]),
        low_std_ev=float(std[0]),
        high_std_ev=high_std,
        split_ev=float(best[1]),
        split_std_ev=float(std[1]),
        low_height=float(best[3] * size),
        high_height=float(best[4] * size),
    )
