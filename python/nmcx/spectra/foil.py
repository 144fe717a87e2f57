"""Foil curves of many scans as one curve: shifts by least squares, and the curve's inflection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import ConvergenceError

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

Float = NDArray[np.float64]

#: Smallest distance of the template's knots [eV] (our default): features of K-edges are wider, the
#: width of the core level alone is above 1 eV.
KNOT_SPACING_EV = 0.5
#: Half-width of the window in which a cubic finds the inflection [eV] (our default).
INFLECTION_HALF_WIDTH_EV = 2.0

#: Residuals this close in energy [eV] are not taken for independent (our default): errors of the
#: monochromator's angle bend a stretch of the curve, they are not noise of single points.
BLOCK_EV = 4.0

#: Steps longer than this and than 1.5 times the usual one are too coarse to use [eV] (our default).
COARSE_STEP_EV = 2.0

_SEARCH_STEP_EV = 0.5
_N_CANDIDATE = 5
_N_PARAMETER = 4  # shift, gain, offset, slope
_MIN_POINTS = 12
_TOLERANCE_EV = 1e-4
_MAX_ITERATIONS = 100
_N_CHOOSING = 5
_MAX_EDGE_STD_EV = 0.5
_MAX_STEP_EV = 1.0


@dataclass
class Curve:
    """Foil curve of one scan inside the window, and how it lies on the template."""

    energy: Float
    mu: Float
    shift: float = 0.0
    gain: float = 1.0
    offset: float = 0.0
    slope: float = 0.0
    member: NDArray[np.bool_] | None = None  #: energies that take part

    def background(self, at: Float) -> Float:
        """Offset and slope of the fit at energies of the template's scale."""
        return np.asarray(self.offset + self.slope * (at - at.mean()))

    def choose(self, window: tuple[float, float]) -> None:
        """Let the energies take part that lie in the window on the template's scale.

        Stretches in coarse steps are left out: they say little about the shift, and a spline
        swings freely between points of one scan where another has its own.
        """
        at = self.energy + self.shift
        inside = (at >= window[0]) & (at <= window[1])
        step = np.diff(at)
        usual = np.median(step[inside[1:] & inside[:-1]]) if np.count_nonzero(inside) > 1 else 0.0
        fine = step <= max(COARSE_STEP_EV, 1.5 * usual)
        self.member = inside & np.append(fine, True) & np.append(True, fine)

    def points(self) -> tuple[Float, Float]:
        """Energies that take part, on the template's scale, and absorption there."""
        return (self.energy + self.shift)[self.member], self.mu[self.member]


@dataclass
class Fit:
    """What `fit_curve` found for one scan."""

    variance_ev2: float  #: of the shift, at a given template, for white residuals
    robust_ev2: float  #: the same when residuals within `BLOCK_EV` go together
    misfit: float  #: root mean square residual over gain, in units of the template
    noise: float  #: the same from differences of neighbouring residuals only


def coarse_shifts(curves: list[Curve], window: tuple[float, float], max_shift_ev: float) -> None:
    """Set `shift` of every curve to within a fraction of an eV, on the scale of a typical one.

    Candidates for the typical curve are a few scans spread over the series; the one that agrees
    best with most of the others is taken, so that a single bad scan spoils nothing.
    """
    shifts = np.arange(-max_shift_ev, max_shift_ev + 0.5 * _SEARCH_STEP_EV, _SEARCH_STEP_EV)
    chosen = np.unique(np.linspace(0, len(curves) - 1, _N_CANDIDATE).astype(int))
    best_agreement, best = np.inf, np.zeros(len(curves))
    for i in chosen:
        found = [_coarse_shift(curve, curves[i], window, shifts) for curve in curves]
        agreement = float(np.median([misfit for _, misfit in found]))
        if agreement < best_agreement:
            best_agreement, best = agreement, np.array([shift for shift, _ in found])
    for curve, shift in zip(curves, best, strict=True):
        curve.shift = float(shift)


def _coarse_shift(
    curve: Curve, model: Curve, window: tuple[float, float], shifts: Float
) -> tuple[float, float]:
    """Shift with the smallest misfit of gain, offset and slope, and that misfit."""
    known = (model.energy >= window[0]) & (model.energy <= window[1])
    low, high = (model.energy[known][[0, -1]]) if known.any() else (0.0, 0.0)
    best = (0.0, np.inf)
    for shift in shifts:
        at = curve.energy + shift
        inside = (at >= low) & (at <= high)
        if np.count_nonzero(inside) < _MIN_POINTS:
            continue
        x, y = at[inside], curve.mu[inside]
        rest, template = _without_line(x, y, np.interp(x, model.energy, model.mu))
        gain = float(template @ rest) / max(float(template @ template), 1e-300)
        if gain <= 0:
            continue
        misfit = float(np.sqrt(np.mean((rest - gain * template) ** 2))) / gain
        if misfit < best[1]:
            best = (float(shift), misfit)
    return best


def _without_line(x: Float, *curves: Float) -> list[Float]:
    """Curves less their best straight lines."""
    x = x - x.mean()
    level = [curve - curve.mean() for curve in curves]
    return [curve - x * (float(x @ curve) / float(x @ x)) for curve in level]


def merged(curves: list[Curve], knots: Float | None = None) -> tuple[BSpline, Float, Float]:
    """Least-squares cubic spline through all curves on one scale, with the points it is through.

    `knots` are those of an earlier round, where the curves lie nearly as they do now.

    Raises
    ------
    ValueError
        If every curve has too few energies in the window.
    """
    from scipy.interpolate import make_lsq_spline

    parts = []
    for curve in curves:
        at, mu = curve.points()
        if at.size >= _MIN_POINTS:
            parts.append((at, (mu - curve.background(at)) / curve.gain))
    if not parts:
        raise ValueError(
            f"the foil has fewer than {_MIN_POINTS} energies in the window; "
            "widen window_ev or check foil_edge_ev"
        )
    energy = np.concatenate([part[0] for part in parts])
    order = np.argsort(energy, kind="stable")
    energy = energy[order]
    mu = np.concatenate([part[1] for part in parts])[order]
    if knots is None:
        knots = _knots(energy, len(parts))
    # The curves may have moved a little past the ends since the knots were chosen.
    knots[:4], knots[-4:] = min(knots[0], energy[0]), max(knots[-1], energy[-1])
    spline = make_lsq_spline(energy, mu, knots, k=3)
    return spline, energy, mu


def _knots(energy: Float, n_curve: int) -> Float:
    """Knots no closer than `KNOT_SPACING_EV`, with about 1.5 energies of each curve between."""
    every = max(2, int(np.ceil(1.5 * n_curve)))
    inner: list[float] = []
    last = energy[0]
    for knot in energy[every:-every:every]:
        if knot - last >= KNOT_SPACING_EV and energy[-1] - knot >= KNOT_SPACING_EV:
            inner.append(float(knot))
            last = knot
    return np.array([*[energy[0]] * 4, *inner, *[energy[-1]] * 4])


def fit_alone(curve: Curve, template: BSpline) -> Fit:
    """`fit_curve` for a copy of a curve that the template was not made of."""
    alone = replace(curve)
    alone.choose((float(template.t[0]), float(template.t[-1])))
    return fit_curve(alone, template)


def fit_curve(curve: Curve, template: BSpline, n_curve: int = 0) -> Fit:
    """Move `curve` onto the template: Gauss-Newton in shift, gain, offset and slope together.

    `n_curve` is how many curves the template was made of, this one among them; 0: it was not.
    """
    derivative = template.derivative()
    failed = Fit(np.inf, np.inf, np.inf, np.nan)
    fit = failed
    for _ in range(20):
        at, mu = curve.points()
        if at.size < _MIN_POINTS:
            return failed
        value = template(at)
        x = at - at.mean()
        linear = np.stack([value, np.ones_like(at), x], axis=1)
        gain, offset, slope = map(float, np.linalg.lstsq(linear, mu, rcond=None)[0])
        rise = gain * float(np.ptp(value))
        residual = mu - linear @ (gain, offset, slope)
        # A curve without an edge has a gain of nothing but noise.
        if not rise > max(2 * float(np.std(residual)), 1e-9 * float(np.ptp(mu) + np.abs(mu).max())):
            return failed
        curve.gain, curve.offset, curve.slope = gain, offset, slope
        # What of the derivative gain, offset and slope cannot imitate carries the shift.
        steep = curve.gain * derivative(at)
        steep = steep - linear @ np.linalg.lstsq(linear, steep, rcond=None)[0]
        information = float(steep @ steep)
        if information <= 0:
            return failed
        step = float(np.clip(steep @ residual / information, -_MAX_STEP_EV, _MAX_STEP_EV))
        absorbed = (template.t.size - 4) / n_curve if n_curve else 0.0
        freedom = max(at.size - _N_PARAMETER - absorbed, 1.0)
        variance = float(residual @ residual) / freedom
        fit = Fit(
            variance / information,
            _robust_variance(at, residual, steep, information),
            float(np.sqrt(np.mean(residual**2))) / curve.gain,
            float(np.sqrt(0.5 * np.mean(np.diff(residual) ** 2))) / curve.gain,
        )
        curve.shift += step
        if abs(step) < 0.1 * _TOLERANCE_EV:
            break
    return fit


def _robust_variance(at: Float, residual: Float, steep: Float, information: float) -> float:
    """Variance of steep·residual / information with residuals free to correlate within blocks."""
    block = ((at - at[0]) // BLOCK_EV).astype(int)
    score = np.bincount(block, weights=steep * residual) / information
    leverage = np.bincount(block, weights=steep**2) / information
    # The fit pulls the residuals of a block down by its leverage; this makes up for it.
    return float(np.sum(score**2 / np.clip(1 - leverage, 0.05, None)))


def align(curves: list[Curve], window: tuple[float, float]) -> tuple[BSpline, list[Fit]]:
    """Shifts of all curves against their own merged curve, by turns until neither moves.

    The mean shift is kept: only the inflection of the merged curve can fix it.

    Raises
    ------
    ConvergenceError
        If shifts still move after 100 rounds.
    ValueError
        As `merged`.
    """
    moved = np.inf
    knots: Float | None = None
    used = np.ones(len(curves), dtype=bool)
    for i in range(_MAX_ITERATIONS):
        if i < _N_CHOOSING:
            # Afterwards energies and knots stay: with ones that come and go nothing settles.
            for curve in curves:
                curve.choose(window)
            knots = None
        template, _, _ = merged([c for c, use in zip(curves, used, strict=True) if use], knots)
        knots = template.t.copy()
        before = np.array([curve.shift for curve in curves])
        fits = [fit_curve(curve, template, int(used.sum())) for curve in curves]
        after = np.array([curve.shift for curve in curves])
        used &= np.isfinite([fit.variance_ev2 for fit in fits])
        if not used.any():
            return template, fits
        after -= (after - before)[used].mean()
        for curve, shift in zip(curves, after, strict=True):
            curve.shift = float(shift)
        moved = float(np.max(np.abs(after - before)[used]))
        if moved < _TOLERANCE_EV:
            return template, fits
    raise ConvergenceError(
        f"foil alignment: shifts still move by {moved:.2g} eV after {_MAX_ITERATIONS} rounds "
        f"(tolerance {_TOLERANCE_EV:g} eV); narrow window_ev to the edge of the foil"
    )


def first_inflection(template: BSpline, energy: Float, mu: Float) -> tuple[float, float]:
    """First inflection of the merged foil and its standard error [eV].

    It is looked for at the first maximum of the smoothed derivative that reaches half of the
    highest one, and placed by a cubic through the points around it, weighted to fall to zero at
    `INFLECTION_HALF_WIDTH_EV` so that no point enters or leaves with a jump.

    Raises
    ------
    ValueError
        If the curve does not rise and flatten inside the window.
    """
    grid = np.arange(template.t[0], template.t[-1], 0.1)
    smooth = np.exp(-0.5 * (np.arange(-30, 31) * 0.1 / 1.0) ** 2)
    slope = np.convolve(template.derivative()(grid), smooth / smooth.sum(), mode="same")
    inner = slice(30, grid.size - 30)  # the convolution is complete there
    s, e = slope[inner], grid[inner]
    high = (np.flatnonzero((s[1:-1] >= s[:-2]) & (s[1:-1] > s[2:])) + 1).tolist()
    high = [i for i in high if s[i] >= 0.5 * s.max()]
    if not high or s.max() <= 0:
        raise ValueError(
            "the merged foil has no inflection inside window_ev; check foil_edge_ev and the window"
        )
    start = float(e[high[0]])
    centre, variance = start, np.nan
    for _ in range(50):
        x = energy - centre
        weight = np.clip(1 - np.abs(x / INFLECTION_HALF_WIDTH_EV) ** 3, 0, None) ** 3
        near = weight > 0
        if np.count_nonzero(near) < 6:
            raise ValueError("the foil has too few energies around its inflection; scan it finer")
        design = np.vander(x[near], 4, increasing=True)
        weighted = design * weight[near, None]
        inverse = np.linalg.pinv(design.T @ weighted)
        solve = inverse @ weighted.T
        c = solve @ mu[near]
        if c[3] >= 0:
            break  # no maximum of the derivative here
        step = -c[2] / (3 * c[3])
        if abs(centre + step - start) > INFLECTION_HALF_WIDTH_EV:
            break
        centre += step
        residual = mu[near] - design @ c
        noise = float(residual @ residual) / max(int(near.sum()) - 4, 1)
        gradient = (-solve[2] + c[2] / c[3] * solve[3]) / (3 * c[3])
        variance = noise * float(gradient @ gradient)
        if abs(step) < _TOLERANCE_EV:
            rises = c[1] > 5 * np.sqrt(noise * float(solve[1] @ solve[1]))
            if not rises or np.sqrt(variance) > _MAX_EDGE_STD_EV:
                break
            return centre, float(np.sqrt(variance))
    raise ValueError("the inflection of the merged foil cannot be placed; it is too noisy or flat")
