"""Ratio of the two peaks of the Ni L3 edge above two arctan steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nmcx.errors import ConvergenceError
from nmcx.results import PeakRatio
from nmcx.spectra._sampling import Bool, Float, Samples, in_window, samples, smoothing
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
_SPLITS_EV = np.arange(1.2, 3.6, 0.1)
_FLUORESCENCE = (
    "fluorescence yield: self-absorption lowers the higher peak most and pulls the ratio towards "
    "one; compare with fluorescence yield only"
)


@dataclass(frozen=True)
class _Doublet:
    """Two Gaussians on the background of both steps, by least squares."""

    centre_ev: tuple[float, float]
    sigma_ev: tuple[float, float]
    amplitude: tuple[float, float]
    gradient: Float  #: (n,) of the logarithm of the ratio of heights, with respect to the data
    background: EdgeBackground
    chi2: float  #: of the fit, per degree of freedom, in units of the variance

    @property
    def heights(self) -> Float:
        return _heights(self.centre_ev, self.sigma_ev, self.amplitude)


def l3_ratio(
    energy_ev: ArrayLike,
    intensity: ArrayLike,
    *,
    variance: ArrayLike | None = None,
    method: str = "parabola",
    mode: str = "",
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
        "parabola": through the logarithm of the points near each top, which is exact for a
        Gaussian; "fit": two Gaussians together with the background.
    mode : str
        "tey", "fy", "transmission" or "" (unknown); "fy" adds a warning to the notes.
    step_width_ev : float
        Half width of the steps [eV] (our default).
    spin_orbit_ev : float
        Distance of L2 above L3 [eV]; default that of Ni.
    pre_degree : int
        1: sloping pre-edge (default), 0: constant.

    Returns
    -------
    PeakRatio
        Ratio, xi = ratio / (1 + ratio), peaks and background; errors include the background's, but
        not the choice of its shape.

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
    fitted = _fit(data, model, _start(data))
    subtracted = data.intensity - fitted.background.project @ data.intensity
    if method == "fit":
        heights, tops, gradient = fitted.heights, fitted.centre_ev, fitted.gradient
    else:
        heights, tops, gradient = _parabolas(data, fitted, subtracted)
    # Without a given variance the misfit says how large the noise is.
    scale = 1.0 if data.measured else max(fitted.chi2, 1e-300)
    relative = float(np.sqrt(scale * (gradient**2 @ data.variance)))
    ratio = float(heights[1] / heights[0])
    xi = ratio / (1.0 + ratio)
    return PeakRatio(
        ratio=ratio,
        ratio_std=ratio * relative,
        xi=xi,
        xi_std=xi * (1.0 - xi) * relative,
        low_ev=float(tops[0]),
        high_ev=float(tops[1]),
        low_height=float(heights[0]),
        high_height=float(heights[1]),
        step_height=float((fitted.background.solve @ data.intensity)[-1]),
        energy_ev=data.energy_ev,
        background=fitted.background.project @ data.intensity,
        method=method,
        settings={
            "mode": mode, "step_width_ev": step_width_ev, "spin_orbit_ev": spin_orbit_ev,
            "pre_degree": pre_degree, "sigma_ev": fitted.sigma_ev, "chi2": fitted.chi2,
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


def _notes(data: Samples, fitted: _Doublet, mode: str) -> tuple[str, ...]:
    notes = list(data.notes)
    if mode == "fy":
        notes.append(_FLUORESCENCE)
    if data.measured and fitted.chi2 > 2.0:
        notes.append(
            f"two Gaussians misfit by {np.sqrt(fitted.chi2):.1f} times the noise: the peaks have "
            "another shape, errors are those of the noise alone"
        )
    return tuple(notes)


def _gaussians(energy: Float, centre: Any, sigma: Any) -> Float:
    return np.asarray(np.exp(-0.5 * ((energy[:, None] - centre) / np.asarray(sigma)) ** 2))


def _heights(centre: Any, sigma: Any, amplitude: Any) -> Float:
    """Of both tops of two Gaussians together, or at the centre of one that is a shoulder."""
    heights = []
    for at, width in zip(centre, sigma, strict=True):
        near = at + width * np.linspace(-_REACH, _REACH, 401)
        curve = _gaussians(near, np.asarray(centre), sigma) @ np.asarray(amplitude)
        top = int(np.argmax(curve))
        heights.append(curve[top if 0 < top < 400 else 200])
    return np.array(heights)


def _start(data: Samples) -> Float:
    """Centres and widths to begin with: the best of a grid, linear in everything else."""
    energy = data.energy_ev
    matrix = smoothing(energy, 0.35)
    smooth = matrix @ data.intensity
    # The line through both ends would be no pre-edge, but keeps a slope from being the maximum.
    tilt = np.interp(energy, energy[[0, -1]], smooth[[0, -1]])
    main = float(energy[np.argmax(smooth - tilt)])
    near = (energy > main - 5.5) & (energy < main + 6.0)
    if np.count_nonzero(near) < 12:
        raise ValueError(
            f"only {np.count_nonzero(near)} energies near the highest peak at {main:.1f} eV; "
            "use a finer grid or a spectrum that holds the L3 edge"
        )
    x, y = energy[near], data.intensity[near]
    best, start = np.inf, None
    for split in _SPLITS_EV:
        for low in (main, main - split):
            for sigma in (0.4, 0.65, 0.95):
                peaks = _gaussians(x, (low, low + split), (sigma, sigma))
                columns = np.column_stack([peaks, edge_columns(x, low + split, 0.6, 17.3, 0)])
                found, *_ = np.linalg.lstsq(columns, y, rcond=None)
                misfit = float(np.sum((y - columns @ found) ** 2))
                if misfit < best and min(found[:2]) > 0:
                    best, start = misfit, np.array([low, low + split, sigma, sigma])
    if start is None:
        raise ConvergenceError(
            "no doublet stands above the background near the highest point at "
            f"{main:.1f} eV; is this an L3 edge measured as a yield?"
        )
    return start


def _flat(energy: Float, low_ev: float, high_ev: float, model: _Model) -> Bool:
    """Where neither peaks of L3 nor of L2 are."""
    wider = "scan from at least 5 eV below"
    before = in_window(
        energy, (min(energy[0], low_ev - _BELOW - 1), low_ev - _BELOW), "the pre-edge",
        model.degree + 2, f"{wider} the doublet to 6 eV above it",
    )  # fmt: skip
    valley = (high_ev + _VALLEY[0], high_ev + _VALLEY[1])
    after = in_window(energy, valley, "the post-edge", 3, "scan to at least 6 eV above the doublet")
    beyond = energy > high_ev + model.spin_orbit_ev - SPIN_ORBIT_EV + _BEYOND
    return np.asarray(before | after | beyond, dtype=np.bool_)


def _fit(data: Samples, model: _Model, start: Float) -> _Doublet:
    """Gaussians and background together; background columns and heights enter linearly."""
    from scipy.optimize import least_squares

    energy = data.energy_ev
    flat = _flat(energy, start[0], start[1], model)
    used = flat | ((energy > start[0] - _BELOW) & (energy < start[1] + _VALLEY[0]))
    x, y = energy[used], data.intensity[used]
    weight = 1.0 / np.sqrt(data.variance[used])

    def columns(shape: Float) -> Float:
        peaks = _gaussians(x, shape[:2], shape[2:])
        return np.column_stack([peaks, model.columns(x, shape[1])])

    def linear(shape: Float) -> Float:
        found = np.linalg.lstsq(columns(shape) * weight[:, None], y * weight, rcond=None)
        return np.asarray(found[0])

    def residual(shape: Float) -> Float:
        return np.asarray((columns(shape) @ linear(shape) - y) * weight)

    reach = np.array([1.0, 1.0, 0.0, 0.0])
    lower, upper = start - reach, start + reach
    lower[2:], upper[2:] = 0.15, 2.5
    found = least_squares(residual, start, bounds=(lower, upper), x_scale=0.1)
    shape = found.x
    if not found.success or np.any(shape <= lower + 1e-6) or np.any(shape >= upper - 1e-6):
        raise ConvergenceError(
            f"two Gaussians do not fit near {start[0]:.1f} and {start[1]:.1f} eV: "
            "no doublet can be told; is this the L3 edge?"
        )
    coefficient = linear(shape)
    amplitude = coefficient[:2]
    gradient, error = _fit_gradient(shape, coefficient, columns, weight)
    if np.any(amplitude < 3.0 * error * np.sqrt(1.0 if data.measured else found.cost)):
        raise ConvergenceError(
            f"the peaks near {shape[0]:.1f} and {shape[1]:.1f} eV do not stand above the noise; "
            "measure longer or add scans"
        )
    everywhere = np.zeros(energy.size)
    everywhere[used] = gradient
    n_free = max(int(x.size) - 4 - coefficient.size, 1)
    return _Doublet(
        centre_ev=(float(shape[0]), float(shape[1])),
        sigma_ev=(float(shape[2]), float(shape[3])),
        amplitude=(float(amplitude[0]), float(amplitude[1])),
        gradient=everywhere,
        background=edge_background(data, model.columns(energy, float(shape[1])), flat),
        chi2=2.0 * float(found.cost) / n_free,
    )


def _fit_gradient(
    shape: Float, coefficient: Float, columns: Any, weight: Float
) -> tuple[Float, Float]:
    """Gradient (n,) of log(ratio of heights) by the data, and errors of the amplitudes."""
    step = 1e-5
    moved = [
        (columns(shape + step * unit) - columns(shape - step * unit)) @ coefficient / (2 * step)
        for unit in np.eye(4)
    ]
    jacobian = np.column_stack([*moved, columns(shape)]) * weight[:, None]
    solve = np.linalg.pinv(jacobian)
    n_linear = coefficient.size

    def log_ratio(parameters: Float) -> float:
        heights = _heights(parameters[:2], parameters[2:4], parameters[4:6])
        return float(np.log(heights[1] / heights[0]))

    error = np.sqrt(np.sum(solve[4:6] ** 2, axis=1))
    if np.any(coefficient[:2] <= 0):
        return np.zeros(weight.size), error
    at = np.concatenate([shape, coefficient])
    slope = np.zeros(4 + n_linear)
    for i in range(6):
        h = 1e-6 * max(abs(at[i]), 1e-12) if i > 3 else 1e-6
        unit = np.zeros(at.size)
        unit[i] = h
        slope[i] = (log_ratio(at + unit) - log_ratio(at - unit)) / (2 * h)
    return np.asarray((slope @ solve) * weight), error


def _parabolas(
    data: Samples, fitted: _Doublet, subtracted: Float
) -> tuple[Float, tuple[float, float], Float]:
    """Heights and places of both tops, and the gradient (n,) of log(ratio) by the data."""
    energy = data.energy_ev
    heights, tops, gradients = [], [], []
    for centre, sigma in zip(fitted.centre_ev, fitted.sigma_ev, strict=True):
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
        a, b, c = solve @ np.log(top)
        place = -b / (2 * c) if c < 0 else 0.0
        # On a shoulder the parabola has no top nearby: take its value at the fitted centre.
        if abs(place) > _REACH:
            place = 0.0
        heights.append(float(np.exp(a + b * place + c * place**2)))
        tops.append(centre + sigma * place)
        # At a top the derivative by `place` vanishes, so only the coefficients' own part is left.
        by_value = (np.array([1.0, place, place**2]) @ solve) / top
        gradient = np.zeros(energy.size)
        gradient[near] = by_value
        gradient -= by_value @ fitted.background.project[near]
        gradients.append(gradient)
    return np.array(heights), (tops[0], tops[1]), gradients[1] - gradients[0]
