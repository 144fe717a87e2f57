"""Ratio of the two peaks of the Ni L3 edge above two arctan steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nmcx.errors import ConvergenceError
from nmcx.results import PeakRatio
from nmcx.spectra._sampling import Float, Samples, in_window, samples
from nmcx.spectra.doublet import find_doublet
from nmcx.spectra.soft_background import (
    SPIN_ORBIT_EV,
    EdgeBackground,
    edge_background,
    edge_columns,
)

_METHODS = ("parabola", "fit")
#: How far a top may lie from the fitted centre, and where the weights of the parabola end, in
#: standard deviations of the peak (our default).
_REACH = 0.7
_WEIGHT_REACH = 1.0
#: Flat parts: this far below the low peak; from here to there above the high one [eV] (default).
_BELOW, _VALLEY, _BEYOND = 4.0, (3.5, 10.0), 23.0
#: Width over which weights of the flat parts fade [eV]: grids often have a point just where a
#: window ends, and noise of the peak's place would put it in or out.
_FADE = 1.0
_FLUORESCENCE = (
    "fluorescence yield: self-absorption lowers the higher peak most and pulls the ratio towards "
    "one; compare with fluorescence yield only"
)


@dataclass(frozen=True)
class _Peaks:
    """Two Gaussians on the background of both steps, by least squares."""

    #: (6,) centres, standard deviations [eV], amplitudes
    parameters: Float
    solve: Float  #: (6, n) derivative of the parameters by the data
    chi2: float  #: of the fit, per degree of freedom, in units of the variance


def l3_ratio(
    energy_ev: ArrayLike,
    intensity: ArrayLike,
    *,
    variance: ArrayLike | None = None,
    method: str = "parabola",
    mode: str = "",
    split_ev: float = 2.2,
    step_width_ev: float = 0.6,
    spin_orbit_ev: float = SPIN_ORBIT_EV,
    pre_degree: int = 1,
) -> PeakRatio:
    """Height of the high-energy peak of the L3 doublet over that of the low-energy one.

    The doublet is found, whatever the energy scale. The background is a pre-edge line and two
    arctan steps 2:1, at the high-energy peak and `spin_orbit_ev` above it, with a fitted height.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], in any order; from 5 eV before the doublet to 6 eV after it.
    intensity : (n_energy,) array_like
        Intensity over the incident beam, in any unit; NaN is left out.
    variance : (n_energy,) array_like, optional
        Variance of the intensity; default: estimated from the misfit, the same for all points.
    method : str
        "fit": two Gaussians together with the background; "parabola": the background comes from
        the flat parts alone, and the heights from a parabola near each top, through the logarithm
        of the points over the fitted Gaussians, so that a top of another shape is followed.
    mode : str
        "tey", "fy", "transmission" or "" (unknown); "fy" adds a warning to the notes.
    split_ev : float
        Distance of the peaks looked for, within 0.8 eV, as for `surface.find_doublet` [eV].
    step_width_ev : float
        Half width of the steps [eV] (our default).
    spin_orbit_ev : float
        Distance of L2 above L3 [eV]; default that of Ni.
    pre_degree : int
        1: sloping pre-edge (default), 0: constant.

    Returns
    -------
    PeakRatio
        Ratio, xi = ratio / (1 + ratio), peaks and background; errors include those of the
        background and of the places of peaks and steps, but not the choice of the steps' shape.

    Raises
    ------
    ValueError
        If the scan does not reach far enough below or above the doublet, or the input is unusable.
    nmcx.errors.ConvergenceError
        If no two peaks stand above the noise.

    References
    ----------
    Steps: J. Stöhr, "NEXAFS Spectroscopy" (1992), section 7.2. Parabola through logarithms: our
    default. Peaks as in Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 2.

    Examples
    --------
    >>> from nmcx import phantom, spectra
    >>> made = phantom.soft_spectra()
    >>> scan = spectra.normalise_soft(made.nickel_tey[0])
    >>> found = l3_ratio(scan.energy_ev, scan.mu, variance=scan.variance)
    >>> bool(abs(found.ratio - made.ratio[0, 0]) < 4 * found.ratio_std)
    True
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    if not (step_width_ev > 0 and spin_orbit_ev > 0):
        raise ValueError("step_width_ev and spin_orbit_ev must be positive")
    if pre_degree not in (0, 1):
        raise ValueError(f"pre_degree must be 0 or 1, not {pre_degree!r}")
    data = samples(energy_ev, intensity, variance)
    model = _Model(step_width_ev, spin_orbit_ev, pre_degree)
    found = find_doublet(data.energy_ev, data.intensity, split_ev=split_ev)
    fitted = _fit(data, model, np.array([found.low_ev, found.high_ev, 0.65, 0.65]))
    at = fitted.parameters
    heights, tops, direct = _measure(data, model, at, method)

    def log_ratio(parameters: Float) -> float:
        moved, *_ = _measure(data, model, parameters, method)
        return float(np.log(moved[1] / moved[0]))

    # What the noise moves: the points at the tops, and the places and widths of the peaks.
    gradient = direct + _slope(log_ratio, at) @ fitted.solve
    # Without a given variance the misfit says how large the noise is.
    scale = 1.0 if data.measured else max(fitted.chi2, 1e-300)
    relative = float(np.sqrt(scale * (gradient**2 @ data.variance)))
    ratio = float(heights[1] / heights[0])
    xi = ratio / (1.0 + ratio)
    background = model.background(data, at)
    return PeakRatio(
        ratio=ratio,
        ratio_std=ratio * relative,
        xi=xi,
        xi_std=xi * (1.0 - xi) * relative,
        low_ev=float(tops[0]),
        high_ev=float(tops[1]),
        low_height=float(heights[0]),
        high_height=float(heights[1]),
        step_height=float((background.solve @ data.intensity)[-1]),
        energy_ev=data.energy_ev,
        background=background.of(data.intensity),
        method=method,
        settings={
            "mode": mode, "split_ev": split_ev, "step_width_ev": step_width_ev,
            "spin_orbit_ev": spin_orbit_ev, "pre_degree": pre_degree,
            "sigma_ev": (float(at[2]), float(at[3])), "chi2": fitted.chi2,
        },
        notes=_notes(data, fitted, mode),
    )  # fmt: skip


@dataclass(frozen=True)
class _Model:
    step_width_ev: float
    spin_orbit_ev: float
    degree: int

    def columns(self, energy: Float, high_ev: float) -> Float:
        return edge_columns(energy, high_ev, self.step_width_ev, self.spin_orbit_ev, self.degree)

    def beyond_ev(self, high_ev: float) -> float:
        """From where the peaks of L2 are over."""
        return high_ev + self.spin_orbit_ev - SPIN_ORBIT_EV + _BEYOND

    def background(self, data: Samples, parameters: Float) -> EdgeBackground:
        """Where neither peaks of L3 nor of L2 are."""
        energy, (low_ev, high_ev) = data.energy_ev, parameters[:2]
        before = _rise(low_ev - _BELOW - energy)
        valley = _rise(energy - high_ev - _VALLEY[0]) * _rise(high_ev + _VALLEY[1] - energy)
        flat = before + valley + _rise(energy - self.beyond_ev(high_ev))
        return edge_background(data, self.columns(energy, float(high_ev)), flat)


def _rise(inside_ev: Float) -> Float:
    """Weight 0 at the end of a window to 1 where it is fully inside."""
    return np.asarray(np.clip(inside_ev / _FADE + 0.5, 0.0, 1.0))


def _notes(data: Samples, fitted: _Peaks, mode: str) -> tuple[str, ...]:
    notes = list(data.notes)
    if mode == "fy":
        notes.append(_FLUORESCENCE)
    if data.measured and fitted.chi2 > 2.0:
        notes.append(
            f"two Gaussians misfit by {np.sqrt(fitted.chi2):.1f} times the noise: the peaks have "
            "another shape, errors are those of the noise alone"
        )
    return tuple(notes)


def _slope(function: Callable[[Float], float], at: Float) -> Float:
    """Derivative of a function of the six parameters, by differences."""
    slope = np.empty(at.size)
    for i in range(at.size):
        step = np.zeros(at.size)
        step[i] = 1e-5 if i < 4 else 1e-5 * at[i]
        slope[i] = (function(at + step) - function(at - step)) / (2.0 * step[i])
    return slope


def _gaussians(energy: Float, parameters: Float) -> Float:
    return np.asarray(np.exp(-0.5 * ((energy[:, None] - parameters[:2]) / parameters[2:4]) ** 2))


def _check_reach(energy: Float, low_ev: float, high_ev: float, degree: int) -> None:
    wider = "scan from at least 5 eV below the doublet to 6 eV above it"
    start = (min(energy[0], low_ev - _BELOW - 1.0), low_ev - _BELOW)
    in_window(energy, start, "the pre-edge", degree + 2, wider)
    valley = (high_ev + _VALLEY[0], high_ev + _VALLEY[1])
    in_window(energy, valley, "the post-edge", 3, "scan to at least 6 eV above the doublet")


def _fit(data: Samples, model: _Model, start: Float) -> _Peaks:
    """Gaussians and background together; background and amplitudes enter linearly."""
    from scipy.optimize import least_squares

    energy = data.energy_ev
    _check_reach(energy, start[0], start[1], model.degree)
    share = _rise(start[1] + _VALLEY[1] - energy) + _rise(energy - model.beyond_ev(start[1]))
    used = np.flatnonzero(share)
    x, weight = energy[used], share[used] / np.sqrt(data.variance[used])
    y = data.intensity[used] * weight

    def columns(shape: Float) -> Float:
        both = np.column_stack([_gaussians(x, shape), model.columns(x, shape[1])])
        return np.asarray(both * weight[:, None])

    def linear(shape: Float) -> Float:
        return np.asarray(np.linalg.lstsq(columns(shape), y, rcond=None)[0])

    def residual(shape: Float) -> Float:
        return np.asarray(columns(shape) @ linear(shape) - y)

    def by_shape(shape: Float, coefficient: Float) -> Float:
        moves = 1e-5 * np.eye(4)
        return np.column_stack(
            [(columns(shape + m) - columns(shape - m)) @ coefficient / 2e-5 for m in moves]
        )

    def jacobian(shape: Float) -> Float:
        # Variable projection after Kaufman: what the linear part can follow is taken out.
        moved, basis = by_shape(shape, linear(shape)), np.linalg.qr(columns(shape))[0]
        return np.asarray(moved - basis @ (basis.T @ moved))

    lower, upper = start - 1.0, start + 1.0
    lower[2:], upper[2:] = 0.15, 2.5
    found = least_squares(residual, start, jacobian, bounds=(lower, upper), x_scale=0.1)
    shape = found.x
    if not found.success or np.any(shape <= lower + 1e-6) or np.any(shape >= upper - 1e-6):
        raise ConvergenceError(
            f"two Gaussians do not fit near {start[0]:.1f} and {start[1]:.1f} eV: "
            "no doublet can be told; is this the L3 edge?"
        )
    coefficient = linear(shape)
    full = np.column_stack([by_shape(shape, coefficient), columns(shape)])
    # Derivative by the data as given, whatever the weights: noise enters with its own variance.
    solve = np.zeros((6, energy.size))
    solve[:, used] = np.linalg.pinv(full)[:6] * weight
    chi2 = 2.0 * float(found.cost) / max(float(share @ share) - full.shape[1], 1.0)
    error = np.sqrt(solve[4:] ** 2 @ data.variance * (1.0 if data.measured else chi2))
    amplitude = coefficient[:2]
    if np.any(amplitude < 3.0 * error) or np.any(amplitude <= 0):
        raise ConvergenceError(
            f"the peaks near {shape[0]:.1f} and {shape[1]:.1f} eV do not stand above the noise; "
            "measure longer or add scans"
        )
    return _Peaks(np.concatenate([shape, amplitude]), solve, chi2)


def _measure(
    data: Samples, model: _Model, parameters: Float, method: str
) -> tuple[Float, Float, Float]:
    """Heights and places of both tops, and the gradient (n,) of log(ratio) by the data.

    The gradient is that at fixed `parameters`; a fit has none beside.
    """
    energy = data.energy_ev
    if method == "fit":
        straight = np.zeros(3)
        tops = [_top(parameters, i, straight) for i in (0, 1)]
        return np.array([top[0] for top in tops]), parameters[:2], np.zeros(energy.size)
    background = model.background(data, parameters)
    subtracted = data.intensity - background.of(data.intensity)
    heights, places, gradients = np.empty(2), np.empty(2), []
    for i, (centre, sigma) in enumerate(zip(parameters[:2], parameters[2:4], strict=True)):
        distance = np.abs(energy - centre)
        reach = max(_WEIGHT_REACH * sigma, 1.05 * float(np.sort(distance)[4]))
        near = np.flatnonzero(distance < reach)
        if np.ptp(energy[near]) > 4.0 * sigma:
            raise ValueError(
                f"energy steps are too coarse for the peak at {centre:.1f} eV; "
                f"use at most {sigma / 2:.2f} eV"
            )
        top = subtracted[near]
        if np.any(top <= 0):
            raise ConvergenceError(
                f"the peak at {centre:.1f} eV does not stand above the background; add scans"
            )
        # Weights that fall to zero: a point that noise moves across the border does not matter.
        weight = 1.0 - (distance[near] / reach) ** 2
        columns = np.vander((energy[near] - centre) / sigma, 3, increasing=True)
        solve = np.linalg.pinv(columns * weight[:, None]) * weight
        # Over the fitted peaks: the tail of the other one is no parabola.
        bend = solve @ np.log(top / (_gaussians(energy[near], parameters) @ parameters[4:]))
        heights[i], place = _top(parameters, i, bend)
        places[i] = centre + sigma * place
        # At a top the derivative by `place` vanishes, so only the coefficients' own part is left.
        gradient = np.zeros(energy.size)
        gradient[near] = (np.power(place, np.arange(3)) @ solve) / top
        gradients.append(gradient - background.below(gradient))
    return heights, places, gradients[1] - gradients[0]


def _top(parameters: Float, i: int, bend: Float) -> tuple[float, float]:
    """Height of a top of both Gaussians times exp(parabola), and its place in deviations.

    A shoulder has no top nearby: its height is that at the fitted centre.
    """
    place = np.linspace(-_REACH, _REACH, 201)
    near = parameters[i] + parameters[2 + i] * place
    curve = np.log(_gaussians(near, parameters) @ parameters[4:])
    curve += np.vander(place, 3, increasing=True) @ bend
    top = int(np.argmax(curve))
    if not 0 < top < place.size - 1:
        return float(np.exp(curve[100])), 0.0
    left, middle, right = curve[top - 1 : top + 2]
    # Vertex through three points of the curve.
    offset = 0.5 * (left - right) / (left - 2.0 * middle + right)
    height = middle - 0.25 * (left - right) * offset
    return float(np.exp(height)), float(place[top] + offset * (place[1] - place[0]))
