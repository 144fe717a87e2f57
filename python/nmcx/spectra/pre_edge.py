"""Area, centroid and height of the peak before an O K edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nmcx.errors import ConvergenceError
from nmcx.results import PreEdge
from nmcx.spectra._sampling import Float, Samples, integral, local_value, samples, smoothing
from nmcx.spectra.soft_background import arctan_step

BACKGROUNDS = ("step", "bridge")
#: Window around the peak [eV]: 527 to 533.5 eV for a peak at 530.3 eV.
BELOW_EV, ABOVE_EV = 3.3, 3.2
#: Points that make the level of a foot or of the valley, to either side [eV] (our default).
_LEVEL_EV = 0.6
#: How far the top may lie from the place that was found or given [eV].
_TOP_EV = 0.7
_SMOOTH_EV = 0.4


@dataclass(frozen=True)
class Landmarks:
    """Where the peak and the edge are."""

    peak_ev: float
    edge_ev: float  #: half height of the edge itself
    smooth: Float  #: (n,) smoothed spectrum

    def default_window(self, energy: Float) -> tuple[float, float]:
        """From foot to valley."""
        low, high = self.window(energy)
        return float(low), float(high)

    def window(
        self, energy: Float, low_shift_ev: ArrayLike = 0.0, high_shift_ev: ArrayLike = 0.0
    ) -> tuple[Float, Float]:
        """From foot to the lowest point between peak and edge (...), with ends moved by (...)."""
        low = np.maximum(self.peak_ev - BELOW_EV + np.asarray(low_shift_ev), energy[0])
        high = np.minimum(self.peak_ev + ABOVE_EV + np.asarray(high_shift_ev), self.edge_ev)
        between = (energy > self.peak_ev + 0.7) & (energy <= high[..., None])
        lowest = energy[np.argmin(np.where(between, self.smooth, np.inf), axis=-1)]
        return low, np.where(between.any(axis=-1), lowest, high)


def pre_edge_area(
    energy_ev: ArrayLike,
    intensity: ArrayLike,
    *,
    variance: ArrayLike | None = None,
    background: str = "step",
    peak_ev: float | None = None,
    window_ev: tuple[float, float] | None = None,
    step_width_ev: float = 1.0,
    scale_std: float = 0.0,
    mode: str = "",
) -> PreEdge:
    """Area of the peak before an O K edge, its centroid and its height.

    The background goes through the foot of the peak and through the valley between peak and edge:
    as an arctan step centred on the edge, or as a straight bridge.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], in any order; from 4 eV before the peak to beyond the edge.
    intensity : (n_energy,) array_like
        Intensity over the incident beam; normalised by `normalise_soft`, the area is in eV. NaN is
        left out.
    variance : (n_energy,) array_like, optional
        Variance of the intensity; default: estimated from the roughness of the spectrum.
    background : str
        "step" or "bridge".
    peak_ev : float, optional
        Where the peak is, within 0.7 eV; default: the most prominent maximum up to 9 eV below the
        edge. Give it where the peak is nearly gone [eV].
    window_ev : (float, float), optional
        Foot and valley [eV]; default: 3.3 eV below the peak, and the minimum up to 3.2 eV above.
    step_width_ev : float
        Half width of the arctan step [eV] (our default).
    scale_std : float
        Relative error of the scale of the intensity, from the metadata of `normalise_soft` [1].
    mode : str
        "tey", "fy", "transmission" or "" (unknown); "fy" adds a warning to the notes.

    Returns
    -------
    PreEdge
        Area in the unit of the intensity times eV, with the error of the noise. The area of a peak
        that is wider than its window, and the choice of background, are not in it.

    Raises
    ------
    ValueError
        If the scan begins too late or ends before the edge, or the input is unusable.
    nmcx.errors.ConvergenceError
        If there is no edge, or no maximum before it and `peak_ev` is not given.

    References
    ----------
    Step background: J. Stöhr, "NEXAFS Spectroscopy" (1992), section 7.2. Window as in Li et al.,
    Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 2; both anchors: our default.

    Examples
    --------
    >>> from nmcx import phantom, spectra
    >>> scan = spectra.normalise_soft(phantom.soft_spectra().oxygen_tey[0])
    >>> peak = pre_edge_area(scan.energy_ev, scan.mu, variance=scan.variance)
    >>> round(peak.height_ev, 1)
    530.3
    """
    if background not in BACKGROUNDS:
        raise ValueError(f"background must be one of {', '.join(BACKGROUNDS)}, not {background!r}")
    if not step_width_ev > 0:
        raise ValueError("step_width_ev must be positive")
    data = samples(energy_ev, intensity, variance)
    energy = data.energy_ev
    marks = landmarks(data, peak_ev)
    window = _checked(window_ev, marks) if window_ev is not None else marks.default_window(energy)
    below = background_through(energy, window, background, marks.edge_ev, step_width_ev)
    curve = below.matrix
    above = np.eye(energy.size) - curve
    by_area = integral(energy, *window) @ above
    area = float(by_area @ data.intensity)
    centred = integral_moment(energy, window, marks.peak_ev) @ above
    offset = float(centred @ data.intensity) / area if area != 0 else np.nan
    by_centroid = (centred - offset * by_area) / area if area != 0 else by_area * np.nan
    height, height_ev, by_height = _top(energy, above @ data.intensity, marks.peak_ev, above)
    shown = (energy >= window[0]) & (energy <= window[1])
    notes = list(data.notes)
    if mode == "fy":
        notes.append("fluorescence yield: self-absorption flattens peaks; compare with it only")

    def std(gradient: Float) -> float:
        return float(np.sqrt(gradient**2 @ data.variance))

    if not area > 2.0 * std(by_area):
        notes.append("the area does not stand above the noise: the centroid means nothing")
    return PreEdge(
        area=area,
        area_std=float(np.hypot(std(by_area), area * scale_std)),
        centroid_ev=marks.peak_ev + offset,
        centroid_std_ev=std(by_centroid),
        height=height,
        height_std=float(np.hypot(std(by_height), height * scale_std)),
        height_ev=height_ev,
        window_ev=window,
        edge_ev=marks.edge_ev,
        energy_ev=energy[shown],
        curve=(curve @ data.intensity)[shown],
        background=background,
        settings={
            "peak_ev": peak_ev,
            "step_width_ev": step_width_ev,
            "scale_std": scale_std,
            "mode": mode,
        },
        notes=tuple(notes),
    )


def _checked(window: tuple[float, float], marks: Landmarks) -> tuple[float, float]:
    low, high = float(window[0]), float(window[1])
    if not low < marks.peak_ev < high <= marks.edge_ev:
        raise ValueError(
            f"window_ev {window!r} must enclose the peak at {marks.peak_ev:.1f} eV and end before "
            f"the edge at {marks.edge_ev:.1f} eV"
        )
    return low, high


def landmarks(data: Samples, peak_ev: float | None) -> Landmarks:
    """Find the edge, then the peak before it."""
    from scipy.signal import find_peaks

    energy = data.energy_ev
    matrix = smoothing(energy, _SMOOTH_EV)
    smooth = matrix @ data.intensity
    error = np.sqrt(matrix**2 @ data.variance)
    edge = _edge(energy, smooth, error)
    if peak_ev is None:
        found, about = find_peaks(smooth, prominence=3.0 * float(np.median(error)))
        before = (energy[found] > edge - 9.0) & (energy[found] < edge - 1.5)
        if not before.any():
            _need_start(energy, edge - 5.0)
            raise ConvergenceError(
                f"no peak stands out before the edge at {edge:.1f} eV; give peak_ev, or measure "
                "longer"
            )
        best = np.argmax(np.where(before, about["prominences"], -np.inf))
        peak = float(energy[found[best]])
    else:
        near = np.flatnonzero(np.abs(energy - float(peak_ev)) <= _TOP_EV)
        if near.size == 0 or not peak_ev < edge:
            raise ValueError(
                f"peak_ev {peak_ev!r} must lie within the scan and below the edge at {edge:.1f} eV"
            )
        peak = float(energy[near[np.argmax(smooth[near])]])
    _need_start(energy, peak)
    return Landmarks(peak, edge, smooth)


def _need_start(energy: Float, peak: float) -> None:
    if energy[0] > peak - BELOW_EV + 0.5:
        raise ValueError(
            f"the scan begins at {energy[0]:.1f} eV, too late for a pre-edge near {peak:.1f} eV: "
            f"start it below {peak - BELOW_EV:.1f} eV"
        )


def _edge(energy: Float, smooth: Float, error: Float) -> float:
    """Last upward crossing of half the way from the beginning to the end of the scan."""
    base = float(np.median(smooth[energy <= energy[0] + 3.0]))
    last = float(np.median(smooth[energy >= energy[-1] - 3.0]))
    if not last - base > 5.0 * float(np.median(error)):
        raise ConvergenceError(
            "no edge: the intensity is not higher at the end of the scan than at its beginning; "
            "the scan must begin before the edge and end above it"
        )
    level = 0.5 * (base + last)
    at = int(np.flatnonzero(smooth < level)[-1])
    if at + 1 >= energy.size:
        raise ConvergenceError(
            "no edge: the intensity falls at the end; end the scan above the edge"
        )
    rise = (level - smooth[at]) / (smooth[at + 1] - smooth[at])
    return float(energy[at] + rise * (energy[at + 1] - energy[at]))


@dataclass(frozen=True)
class Background:
    """Background through foot and valley: ``(1 - share) * foot + share * valley``."""

    share: Float  #: (..., n) 0 at the foot, 1 at the valley
    foot: Float  #: (..., n) takes a spectrum to its level at the foot
    valley: Float  #: (..., n) takes a spectrum to its level at the valley

    def below(self, functional: Float) -> Float:
        """(..., n) takes a spectrum to linear functionals of its background."""
        at_valley = np.sum(functional * self.share, axis=-1, keepdims=True)
        at_foot = functional.sum(axis=-1, keepdims=True) - at_valley
        return np.asarray(at_foot * self.foot + at_valley * self.valley)

    @property
    def matrix(self) -> Float:
        """(n, n) takes a spectrum to its background."""
        return np.asarray(np.outer(1.0 - self.share, self.foot) + np.outer(self.share, self.valley))


def background_through(
    energy: Float,
    window: tuple[ArrayLike, ArrayLike],
    kind: str,
    edge_ev: ArrayLike,
    step_width_ev: ArrayLike,
) -> Background:
    """Steps or bridges through the levels of a spectrum at both ends of windows (...)."""
    low, high, edge, width = (
        np.asarray(value, dtype=np.float64)[..., None]
        for value in (*window, edge_ev, step_width_ev)
    )
    if kind == "bridge":
        share = (energy - low) / (high - low)
    else:
        at, foot, valley = (arctan_step(x, edge, width) for x in (energy, low, high))
        share = (at - foot) / (valley - foot)
    levels = (local_value(energy, end[..., 0], _LEVEL_EV) for end in (low, high))
    return Background(share, *levels)


def integral_moment(energy: Float, window: tuple[float, float], about_ev: float) -> Float:
    """Weights (n,) of the integral of (energy - `about_ev`) times a spectrum."""
    return integral(energy, *window) * (energy - about_ev)


def _top(energy: Float, above: Float, peak_ev: float, matrix: Float) -> tuple[float, float, Float]:
    """Height and place of the vertex of a parabola near the peak, and the height's gradient."""
    near = np.flatnonzero(np.abs(energy - peak_ev) <= _TOP_EV)
    if near.size < 5:
        near = np.sort(np.argsort(np.abs(energy - peak_ev), kind="stable")[:5])
    x = (energy[near] - peak_ev) / _TOP_EV
    # A quartic: the parabola alone would cut 1.5 % off a Gaussian top this wide.
    degree = 4 if near.size >= 9 else 2
    solve = np.linalg.pinv(np.vander(x, degree + 1, increasing=True))
    coefficient = solve @ above[near]
    fine = np.linspace(-1.0, 1.0, 2001)
    values = np.vander(fine, degree + 1, increasing=True) @ coefficient
    place = float(fine[np.argmax(values)])
    by_value = np.power(place, np.arange(degree + 1)) @ solve
    return float(values.max()), peak_ev + _TOP_EV * place, np.asarray(by_value @ matrix[near])
