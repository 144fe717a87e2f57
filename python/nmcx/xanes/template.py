"""Template of an edge: the mean spectrum of aligned voxels, flattened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import Spectrum

Float = NDArray[np.float64]

_N_SAMPLE = 5_000  # voxels averaged: one point of the template has 1/70 of the noise of a voxel
_N_ALIGN = 4  # passes; the second already moves edges by less than a tenth of their error


@dataclass(frozen=True)
class FitWindows:
    """What `fit_edges` was asked to fit where."""

    pre_edge: tuple[float, float]  #: [eV]
    post_edge: tuple[float, float]  #: [eV]
    pre_degree: int
    post_degree: int
    level: float
    peak_half_width_ev: float

    def core(self) -> _core.EdgeModel:
        return _core.EdgeModel(
            self.pre_edge,
            self.post_edge,
            self.pre_degree,
            self.post_degree,
            self.level,
            self.peak_half_width_ev,
        )


def make_template(energy_ev: ArrayLike, spectra: ArrayLike, windows: FitWindows) -> Spectrum:
    """Template from a sample of the spectra it shall be fitted to.

    The spectra are flattened, (mu - pre) / post, moved by their half-jump energies onto one scale,
    and averaged by a smoothing spline with one knot per energy, two where the edges of the voxels
    differ by more than the steps of the energy grid. Then they are aligned anew by the shift of
    this template, and so on; always the same result from the same spectra.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV].
    spectra : (n_energy, n_voxel) array_like
        Absorption [1]; of more than 5000 voxels as many, evenly spread, are used.
    windows : FitWindows
        Windows, degrees and level of the fit.

    Returns
    -------
    Spectrum
        Flattened template, about four points per energy step.

    Raises
    ------
    ValueError
        If no spectrum of the sample has an edge.
    """
    energy = np.ascontiguousarray(energy_ev, dtype=np.float64)
    sample = np.asarray(spectra)
    sample = np.asarray(sample[:, :: max(1, sample.shape[1] // _N_SAMPLE)], dtype=np.float64)
    sample = np.ascontiguousarray(sample[:, np.isfinite(sample).all(axis=0)])
    edges, usable, jump = _align(energy, sample, windows, _core.EstimatorModel("half_jump"))
    if not usable.any():
        raise ValueError(
            "no voxel of the sample has an edge to make a template of: check mu, pre_edge and "
            "post_edge, or give template"
        )
    # First below every energy, so that the post-edge curve can be read off everywhere.
    raw = _core.normalise(energy, sample, windows.core(), float(energy[0] - 1.0), 1)
    flat = raw.norm / (1.0 + raw.norm - raw.flat)
    scale = float(np.median(edges[usable]))
    for last in [False] * (_N_ALIGN - 1) + [True]:
        grid, mean = _average(
            energy, flat[:, usable], edges[usable] - scale, np.square(jump[usable])
        )
        template = _flattened(grid, mean, windows, sampled_at=energy)
        if last or np.count_nonzero(usable) == 1:
            break
        model = _core.EstimatorModel("template", grid.tolist(), template.tolist())
        edges, usable, jump = _align(energy, sample, windows, model)
        if not usable.any():
            raise ValueError("the spectra share no shape a template could have: give template")
        scale = float(np.median(edges[usable]))
    return Spectrum(
        energy_ev=grid,
        mu=template,
        name="template",
        notes=(f"mean of {np.count_nonzero(usable)} voxels aligned by their edges, flattened",),
    )


def given_template(
    template: Spectrum | Sequence[ArrayLike], windows: FitWindows
) -> Spectrum:
    """A template of the caller's, flattened with the windows of the fit.

    Raises
    ------
    ValueError
        If it is not a spectrum or pair (energy_ev, mu), or too short for the windows.
    """
    energy, mu, name = spectrum_pair(template, "template")
    return Spectrum(energy_ev=energy, mu=_flattened(energy, mu, windows), name=name)


def spectrum_pair(
    spectrum: Spectrum | Sequence[ArrayLike], name: str
) -> tuple[Float, Float, str]:
    """Energies, absorption and name of a `Spectrum` or a pair (energy_ev, mu)."""
    if isinstance(spectrum, Spectrum):
        pair: Sequence[Any] = (spectrum.energy_ev, spectrum.mu)
    else:
        pair = tuple(spectrum)
    if len(pair) != 2:
        raise ValueError(f"{name} must be a Spectrum or a pair (energy_ev, mu)")
    energy, mu = (np.array(values, dtype=np.float64, order="C") for values in pair)
    if energy.ndim != 1 or energy.shape != mu.shape:
        raise ValueError(f"{name} must have one absorption per energy, both with one axis")
    if not (np.isfinite(energy).all() and np.isfinite(mu).all() and (np.diff(energy) > 0).all()):
        raise ValueError(f"{name} must be finite with increasing energies")
    return energy, mu, spectrum.name if isinstance(spectrum, Spectrum) else ""


def _align(
    energy: Float, sample: Float, windows: FitWindows, estimator: _core.EstimatorModel
) -> tuple[Float, NDArray[np.bool_], Float]:
    """Edge energies, which of them can be used, and jumps."""
    # Fits without a degree of freedom have no noise; a small one changes no edge.
    variance = np.full((energy.size, 1), 1e-12)
    raw = _core.fit_edges(
        energy, sample, variance, False, [], windows.core(), estimator, 1
    )
    edges = np.asarray(raw.edge_energy_ev)
    return edges, np.isfinite(edges), np.asarray(raw.edge_jump, dtype=np.float64)


def _average(energy: Float, flat: Float, shift: Float, weight: Float) -> tuple[Float, Float]:
    """Smoothing spline through all points of all spectra, on a fine grid."""
    from scipy.interpolate import BSpline

    at = (energy[:, None] - shift[None, :]).ravel()
    value = flat.ravel()
    weights = np.broadcast_to(weight / weight.mean(), flat.shape).ravel()
    knots = _knots(energy, at, shift)
    padded = np.concatenate([[knots[0]] * 3, knots, [knots[-1]] * 3])
    design = BSpline.design_matrix(at, padded, 3)
    normal = (design.T @ design.multiply(weights[:, None]).tocsr()).toarray()
    right = design.T @ (weights * value)
    bend = _bending(padded, knots)
    smooth = _least_generalised_error(normal, right, bend, float(value @ (weights * value)), at.size)
    steps = np.arange(4) / 4
    grid = np.append((knots[:-1, None] + np.diff(knots)[:, None] * steps).ravel(), knots[-1])
    return grid, np.asarray(BSpline(padded, smooth, 3)(grid))


def _knots(energy: Float, at: Float, shift: Float) -> Float:
    low, high = np.quantile(shift, [0.05, 0.95])
    spread = float(high - low)
    step = np.diff(energy)
    middle = (energy[:-1] + 0.5 * step)[spread > step]
    inner = np.sort(np.concatenate([energy[1:-1], middle]))
    first, last = float(at.min()), float(at.max())
    inner = inner[(inner > first + 0.25 * step[0]) & (inner < last - 0.25 * step[-1])]
    return np.concatenate([[first], inner, [last]])


def _bending(padded: Float, knots: Float) -> Float:
    """Matrix of the integral of the squared second derivative; two Gauss points are exact."""
    from scipy.interpolate import BSpline

    middle, half = 0.5 * (knots[1:] + knots[:-1]), 0.5 * np.diff(knots)
    points = np.concatenate([middle - half / np.sqrt(3.0), middle + half / np.sqrt(3.0)])
    second = BSpline(padded, np.eye(padded.size - 4), 3).derivative(2)(points)
    return np.asarray(second.T @ (np.tile(half, 2)[:, None] * second))


def _least_generalised_error(
    normal: Float, right: Float, bend: Float, square: float, n_point: int
) -> Float:
    """Coefficients with the smoothing of least generalised cross-validation."""
    unit = np.trace(normal) / np.trace(bend)
    best, error = np.zeros_like(right), np.inf
    for smoothing in unit * 10.0 ** np.arange(-10.0, 1.0):
        inverse = np.linalg.inv(normal + smoothing * bend)
        found = inverse @ right
        residual = square - 2 * found @ right + found @ normal @ found
        # Below rounding all are equally good: the stiffest of them would win by chance.
        residual = max(float(residual), 1e-13 * square)
        generalised = residual / (1.0 - np.sum(inverse * normal) / n_point) ** 2
        if generalised < error:
            best, error = found, generalised
    return np.asarray(best)


def _flattened(
    energy: Float, mu: Float, windows: FitWindows, sampled_at: Float | None = None
) -> Float:
    """(mu - pre) / post with the polynomials of the windows, read at `sampled_at`."""
    points = energy if sampled_at is None else sampled_at
    values = np.interp(points, energy, mu)
    curve: list[Any] = []
    rest = values
    for window, degree, name in (
        (windows.pre_edge, windows.pre_degree, "pre_edge"),
        (windows.post_edge, windows.post_degree, "post_edge"),
    ):
        inside = (points >= window[0]) & (points <= window[1])
        if np.count_nonzero(inside) <= degree:
            raise ValueError(
                f"template has too few energies in {name} for a polynomial of degree {degree}"
            )
        curve.append(Polynomial.fit(points[inside], rest[inside], degree))
        rest = values - curve[0](points)
    post = curve[1](energy)
    if not (post > 0).all():
        raise ValueError("template has no upward edge between pre_edge and post_edge")
    return np.asarray((mu - curve[0](energy)) / post)
