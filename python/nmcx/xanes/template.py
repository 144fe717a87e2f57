"""Template of an edge: the mean spectrum of aligned voxels, flattened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import STATUS_BITS, Spectrum
from nmcx.xanes.windows import FitWindows

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

Float = NDArray[np.float64]

_N_SAMPLE = 2_000  # voxels averaged: one point of the template has 1/45 of the noise of a voxel
_N_ALIGN = 5  # passes; the last one moves edges by less than a twentieth of their error
_LEAST_JUMP = 0.3  # of the median: as bit 4 of the edge map
_MAPS = (
    "edge_energy_ev",
    "edge_energy_std_ev",
    "white_line_ev",
    "white_line_std_ev",
    "white_line_height",
    "edge_jump",
    "noise",
    "status",
)  # what judge_edges takes
_NO_EDGE = STATUS_BITS["low_transmission"] | STATUS_BITS["window_border"]
_NO_JUMP = STATUS_BITS["low_transmission"] | STATUS_BITS["jump_below_noise"]


def make_template(energy_ev: ArrayLike, spectra: ArrayLike, windows: FitWindows) -> Spectrum:
    """Template from a sample of the spectra it shall be fitted to.

    The pre-edge is taken off the spectra; they are divided by their mean after the edge, moved by
    their half-jump energies onto one scale, averaged by a smoothing spline (generalised
    cross-validation) and flattened. Then they are aligned anew by the shift of this template, and
    so on; always the same result from the same spectra.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV].
    spectra : (n_energy, n_voxel) array_like
        Absorption [1]; of more than 2000 voxels as many, evenly spread, are used.
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
    edges, usable = _align(energy, sample, windows, _core.EstimatorModel("half_jump"))
    if not usable.any():
        raise ValueError(
            "no voxel of the sample has an edge to make a template of: check mu, pre_edge and "
            "post_edge, or give template"
        )
    raw = _core.normalise(energy, sample, windows.core(), float(energy[0]), 1)
    rest = (raw.norm * raw.edge_jump)[:, usable]
    size = rest[windows.inside(energy, "post")].mean(axis=0)
    curve: BSpline | None = None
    for last in [False] * (_N_ALIGN - 1) + [True]:
        shift = edges[usable] - float(np.median(edges[usable]))
        if curve is not None:
            rest, size = _scaled(energy, sample[:, usable], curve, shift, windows)
        size = np.maximum(size, 0.1 * float(np.median(size)))
        curve = _average(energy, rest / size, shift, np.square(size), fine=last)
        grid = _refined(np.unique(curve.t), energy)
        template = _flattened(curve, grid, energy, windows, "template")
        if last:
            break
        model = _core.EstimatorModel("template", grid.tolist(), template.tolist())
        edges, usable = _align(energy, sample, windows, model)
        if not usable.any():
            raise ValueError("the spectra share no shape a template could have: give template")
    return Spectrum(
        energy_ev=grid,
        mu=template,
        name="template",
        notes=(f"mean of {np.count_nonzero(usable)} voxels aligned by their edges, flattened",),
    )


def given_template(
    template: Spectrum | Sequence[ArrayLike],
    energy_ev: Float,
    windows: FitWindows,
    name: str = "template",
) -> Spectrum:
    """A spectrum of the caller's, flattened by its values at the energies of the stack.

    Raises
    ------
    ValueError
        If it is not a spectrum or pair (energy_ev, mu), or too short for the windows.
    """
    energy, mu, title = spectrum_pair(template, name)
    shared = energy_ev[(energy_ev >= energy[0]) & (energy_ev <= energy[-1])]
    flat = _flattened(lambda at: np.interp(at, energy, mu), energy, shared, windows, name)
    return Spectrum(energy_ev=energy, mu=flat, name=title)


def spectrum_pair(spectrum: Spectrum | Sequence[ArrayLike], name: str) -> tuple[Float, Float, str]:
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
) -> tuple[Float, NDArray[np.bool_]]:
    """Edge energies and which of them can be used."""
    windowed = np.count_nonzero(windows.inside(energy, "pre") | windows.inside(energy, "post"))
    variance = np.empty((0, 0))
    if windowed <= windows.pre_degree + windows.post_degree + 2:
        variance = np.full((energy.size, 1), 1e-12)  # no residuals to take the noise from
    # Measured once: the judgement does not need the estimator again, but may drop edges.
    measured = _core.measure_edges(energy, sample, variance, False, windows.core(), estimator, 1)
    found = measured.map
    edges = np.array(found.edge_energy_ev)
    limits = _core.edge_thresholds(
        found.edge_jump, measured.residual, found.noise, found.status, measured.noise_given
    )
    parts: dict[str, Any] = {name: getattr(found, name) for name in _MAPS}
    judged = _core.judge_edges(
        **parts,
        residual=measured.residual,
        noise_given=measured.noise_given,
        thresholds=limits,
        volume=[],
        threads=1,
    )
    # Voxels without a white line, or whose jump is little above the noise, take part: to leave out
    # what the noise made small would raise the mean of the others.
    jump = np.asarray(judged.edge_jump, dtype=np.float64)
    sure = (judged.status & _NO_JUMP) == 0
    usable = (judged.status & _NO_EDGE) == 0
    usable &= jump >= (_LEAST_JUMP * np.median(jump[sure]) if sure.any() else np.inf)
    return edges, np.asarray(usable)


def _scaled(
    energy: Float, sample: Float, curve: BSpline, shift: Float, windows: FitWindows
) -> tuple[Float, Float]:
    """Spectra without their background, and the jump of each, by a fit of the template so far.

    One number per voxel is divided by, known from all energies: what is divided by a noisy quantity
    is too large in the mean, and it would be where the windows say little.
    """
    x = (energy - energy[0]) / (energy[-1] - energy[0]) - 0.5
    at = np.clip(energy[:, None] - shift, curve.t[0], curve.t[-1])
    value = curve(at)
    terms = [np.broadcast_to((x**p)[:, None], value.shape) for p in range(windows.pre_degree + 1)]
    terms += [(x**q)[:, None] * value for q in range(windows.post_degree + 1)]
    basis = np.stack(terms, axis=-1)  # (n_energy, n_voxel, n_term)
    normal = np.einsum("evi,evj->vij", basis, basis)
    right = np.einsum("evi,ev->vi", basis, sample)
    found = np.linalg.solve(normal, right[..., None])[..., 0]
    n_pre = windows.pre_degree + 1
    background = np.einsum("evi,vi->ev", basis[..., :n_pre], found[:, :n_pre])
    return sample - background, found[:, n_pre]


def _average(energy: Float, mu: Float, shift: Float, weight: Float, fine: bool) -> BSpline:
    """Smoothing spline through all points of all spectra."""
    from scipy.interpolate import BSpline

    at = (energy[:, None] - shift[None, :]).ravel()
    root = np.broadcast_to(np.sqrt(weight / weight.mean()), mu.shape).ravel()
    value = root * mu.ravel()
    knots = _knots(energy, at, shift, fine)
    padded = np.concatenate([[knots[0]] * 3, knots, [knots[-1]] * 3])
    # No point lies outside; to be told so spares a slow check of each.
    basis = BSpline.design_matrix(at, padded, 3, extrapolate=True)
    first = basis.indices[::4]  # four splines at every point
    parts = (basis.data.reshape(-1, 4) * root[:, None]).T.copy()
    n_spline = padded.size - 4
    normal = np.zeros((4, n_spline))  # its diagonal and those below
    right = np.zeros(n_spline)
    for i in range(4):
        right += np.bincount(first + i, parts[i] * value, n_spline)
        for j in range(i, 4):
            normal[j - i] += np.bincount(first + i, parts[i] * parts[j], n_spline)
    square = float(value @ value)
    bend = _bending(padded, knots)
    smooth = _least_generalised_error(normal, right, bend, square, at.size)
    return BSpline(padded, smooth, 3)


def _refined(knots: Float, energy: Float) -> Float:
    """Four points per interval, and the energies themselves, which the windows are read at."""
    inner = (knots[:-1, None] + np.diff(knots)[:, None] * np.arange(4) / 4).ravel()
    points = np.append(inner, knots[-1])
    nearest = np.abs(points[:, None] - energy).min(axis=1)
    return np.sort(np.append(points[nearest > 0.05 * np.diff(energy).min()], energy))


def _knots(energy: Float, at: Float, shift: Float, fine: bool) -> Float:
    """Knots of the spline; 1.6 per energy step if the edges of the voxels differ by more than it.

    Not while voxels are still aligned with it: a ripple of the energy steps could hide in the
    template, with shifts that depend on where in a step a voxel's edge lies, each confirming the
    other. One knot per step cannot show it.
    """
    low, high = np.quantile(shift, [0.05, 0.95])
    per_step = 1.6 if fine and high - low > np.diff(energy).min() else 1.0
    order = np.arange(energy.size)
    inner = np.interp(np.arange(0.0, energy.size - 1.0, 1.0 / per_step), order, energy)
    first, last = float(at.min()), float(at.max())
    margin = 0.25 * np.diff(energy)[[0, -1]]
    inner = inner[(inner > first + margin[0]) & (inner < last - margin[1])]
    return np.concatenate([[first], inner, [last]])


def _bending(padded: Float, knots: Float) -> Float:
    """Integral of the squared second derivative, as a matrix; two Gauss points are exact."""
    from scipy.interpolate import BSpline

    middle, half = 0.5 * (knots[1:] + knots[:-1]), 0.5 * np.diff(knots)
    points = np.concatenate([middle - half / np.sqrt(3.0), middle + half / np.sqrt(3.0)])
    second = BSpline(padded, np.eye(padded.size - 4), 3).derivative(2)(points)
    weighted = np.tile(half, 2)[:, None] * second
    bend = np.zeros((4, padded.size - 4))
    for i in range(4):
        bend[i, : bend.shape[1] - i] = np.einsum(
            "pk,pk->k", second[:, i:], weighted[:, : bend.shape[1] - i]
        )
    return bend


def _full(lower: Float) -> Float:
    """A symmetric matrix from its diagonal and those below."""
    full = np.diag(lower[0])
    for i in range(1, 4):
        side = lower[i, : lower.shape[1] - i]
        full += np.diag(side, i) + np.diag(side, -i)
    return full


def _least_generalised_error(
    normal: Float, right: Float, bend: Float, square: float, n_point: int
) -> Float:
    """Coefficients with the smoothing of least generalised cross-validation.

    `normal` and `bend` hold the diagonal of a symmetric matrix and three below it: banded solutions
    are exact for splines, and no threads are started for them.
    """
    from scipy.linalg import solveh_banded

    unit = 1e-10 * normal[0].sum() / bend[0].sum()
    full = _full(normal)
    wanted = np.column_stack([right, full])
    best, error = np.zeros_like(right), np.inf
    for smoothing in unit * 10.0 ** np.arange(0.0, 11.0):
        solved = solveh_banded(normal + smoothing * bend, wanted, lower=True)
        found = solved[:, 0]
        misfit = float(square - 2 * found @ right + found @ full @ found)
        # Below rounding all are equally good: the stiffest of them would win by chance.
        residual = max(misfit, 1e-13 * square)
        n_parameter = float(np.trace(solved[:, 1:]))
        generalised = residual / (1.0 - n_parameter / n_point) ** 2
        if generalised < error:
            best, error = found, generalised
    return np.asarray(best)


def _flattened(
    curve: Callable[[Float], Float],
    energy: Float,
    sampled_at: Float,
    windows: FitWindows,
    name: str,
) -> Float:
    """(mu - pre) / post at `energy`, with polynomials through the windows' part of `sampled_at`."""
    values = curve(sampled_at)
    fits: list[Any] = []
    for where, degree in (("pre", windows.pre_degree), ("post", windows.post_degree)):
        inside = windows.inside(sampled_at, where)
        if np.count_nonzero(inside) <= degree:
            raise ValueError(
                f"{name} has too few energies in {where}_edge for a polynomial of degree {degree}"
            )
        fits.append(Polynomial.fit(sampled_at[inside], values[inside], degree))
        values = values - fits[0](sampled_at)
    post = fits[1](energy)
    if not (post > 0).all():
        raise ValueError(f"{name} has no upward edge between pre_edge and post_edge")
    return np.asarray((curve(energy) - fits[0](energy)) / post)
