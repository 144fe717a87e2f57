"""How much of the O K pre-edge cycling took away, with an interval that covers our choices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from nmcx.results import Spectrum, Suppression
from nmcx.spectra._sampling import Float, Samples, in_window, integral, samples
from nmcx.spectra.normalisation import baseline, default_windows, without_baseline
from nmcx.spectra.pre_edge import BACKGROUNDS, Landmarks, background_through, landmarks

#: Both ends of three windows and the centre of the step [eV], and the doublings of its width.
_N_MOVE = 8
#: Draws worked on at a time, which bounds the memory.
_BLOCK = 1000


@dataclass(frozen=True)
class _Ways:
    """Ways to measure an area in jumps, each two linear functionals of the spectrum."""

    energy: Float
    marks: Landmarks
    windows: tuple[tuple[float, float], ...]
    degree: int
    step_width_ev: float

    def functionals(self, kind: str, moves: Float) -> tuple[Float, Float]:
        """Areas and jumps (n_draw, n) with every window end moved.

        Ends of the scan and of each other are kept: two moved ends must leave some baseline.
        """
        energy = self.energy
        window = self.marks.window(energy, moves[:, 0], moves[:, 1])
        moved = []
        for (low, high), shift in zip(self.windows, (moves[:, 2:4], moves[:, 4:6]), strict=True):
            reach = min(1.0, 0.3 * max(high - low, 0.0))
            ends = np.array([low, high]) + np.clip(shift, -reach, reach)
            moved.append((np.maximum(ends[:, 0], energy[0]), np.minimum(ends[:, 1], energy[-1])))
        edge = np.maximum(self.marks.edge_ev + moves[:, 6], window[1])
        width = self.step_width_ev * 2.0 ** moves[:, 7]
        above = integral(energy, *window)
        below = background_through(energy, window, kind, edge, width)
        line = baseline(energy, moved[0], self.degree)
        # A step does not follow a sloping baseline, so that goes first; a bridge would.
        return without_baseline(above - below.below(above), line), _jump(energy, moved[1], line)


def suppression(
    first: Spectrum,
    cycled: Spectrum,
    *,
    pre_edge: tuple[float, float] | None = None,
    post_edge: tuple[float, float] | None = None,
    pre_degree: int = 1,
    peak_ev: float | None = None,
    step_width_ev: float = 1.0,
    window_shift_ev: float = 1.0,
    n_bootstrap: int = 1000,
    seed: int = 1,
) -> Suppression:
    """Suppression 1 - A_cycled / A_first of the O K pre-edge area between two states.

    Both spectra are divided by their jump and measured with the same windows, found on their mean.
    The intervals come from draws, half with each background, that move every window end and the
    step evenly within ``± window_shift_ev``, take its width between half and twice the default, and
    add noise to both spectra. They reach from the lowest to the highest percentile of both
    backgrounds.

    Parameters
    ----------
    first, cycled : Spectrum
        Over their incident beam, of the same `mode`; `variance` is used if it is there.
    pre_edge, post_edge : (float, float), optional
        Windows of the baseline and of the jump [eV]; default (ours): the first 6 eV and the last
        5 eV of the scan.
    pre_degree : int
        1: a line before the edge (default), 0: a constant.
    peak_ev : float, optional
        Where the peak is, within 0.7 eV; default: found [eV].
    step_width_ev : float
        Half width of the arctan step [eV] (our default).
    window_shift_ev : float
        Largest move of a window end [eV]; 0: noise and both backgrounds only, and the step's width.
    n_bootstrap : int
        Draws, at least 100 [1].
    seed : int
        Seed of the random numbers.

    Returns
    -------
    Suppression
        Mean of both backgrounds, its parts and the intervals of 68 and 95 % [1].

    Raises
    ------
    ValueError
        If the modes differ: electron and fluorescence yield see different depths and cannot be
        compared. If the energies of both do not overlap, a window is too short, or there is no
        pre-edge in the first state to be suppressed.
    nmcx.errors.ConvergenceError
        If there is no edge, or no peak before it.

    References
    ----------
    Definition as in Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 2.
    Noise: parametric bootstrap, B. Efron & R. Tibshirani, "An Introduction to the Bootstrap"
    (1993), chapter 6. That the interval covers windows and backgrounds is our default.

    Examples
    --------
    >>> from nmcx import phantom, spectra
    >>> made = phantom.soft_spectra()
    >>> found = spectra.suppression(*made.oxygen_tey)
    >>> low, high = found.interval_95
    >>> bool(low < made.suppression[0] < high)
    True
    """
    if first.mode != cycled.mode:
        raise ValueError(
            f"first is {first.mode or 'unknown'!r} and cycled {cycled.mode or 'unknown'!r}: "
            "compare the same yield only, for they see different depths"
        )
    if not (n_bootstrap >= 100 and window_shift_ev >= 0 and step_width_ev > 0):
        raise ValueError(
            "n_bootstrap must be at least 100, window_shift_ev not negative, step_width_ev positive"
        )
    pair = _common(
        *(samples(state.energy_ev, state.mu, state.variance) for state in (first, cycled))
    )
    energy = pair[0].energy_ev
    windows = default_windows(pair[0], pre_edge, post_edge)
    jump = _jump(energy, windows[1], baseline(energy, windows[0], pre_degree))
    scales = [float(jump @ data.intensity) for data in pair]
    if not min(scales) > 0:
        raise ValueError("a spectrum does not rise over the edge; check pre_edge and post_edge")
    # Peak and valley are common to both: where each finds its own, a vanishing peak misleads it.
    one, other = pair
    mean = replace(
        one,
        intensity=0.5 * (one.intensity / scales[0] + other.intensity / scales[1]),
        variance=0.25 * (one.variance / scales[0] ** 2 + other.variance / scales[1] ** 2),
    )
    marks = landmarks(mean, peak_ev)
    ways = _Ways(energy, marks, windows, pre_degree, step_width_ev)
    nominal = [ways.functionals(kind, np.zeros((1, _N_MOVE))) for kind in BACKGROUNDS]
    for by_area, _ in nominal:
        if not by_area[0] @ one.intensity > 2.0 * np.sqrt(by_area[0] ** 2 @ one.variance):
            raise ValueError(
                "first has no pre-edge peak above its noise, so nothing can be suppressed; measure "
                "longer or give peak_ev"
            )
    rng = np.random.default_rng(seed)
    step, bridge = (float(_ratio(*way, one.intensity, other.intensity)[0]) for way in nominal)
    noise = [_noisy(data, n_bootstrap, rng) for data in pair]
    noisy = np.stack([_ratio(*way, *noise) for way in nominal])
    kinds = np.arange(n_bootstrap) % 2
    moves = rng.uniform(-1.0, 1.0, (n_bootstrap, _N_MOVE))
    moves[:, :-1] *= window_shift_ev
    draws, quiet = np.empty((2, n_bootstrap))
    for start in range(0, n_bootstrap, _BLOCK):
        for k, kind in enumerate(BACKGROUNDS):
            block = start + np.flatnonzero(kinds[start : start + _BLOCK] == k)
            way = ways.functionals(kind, moves[block])
            draws[block] = _ratio(*way, noise[0][block], noise[1][block])
            quiet[block] = _ratio(*way, one.intensity, other.intensity)
    # The wider of both: nobody knows which background is right, so the interval covers either.
    limits = np.array([np.percentile(draws[kinds == k], (2.5, 16.0, 84.0, 97.5)) for k in (0, 1)])
    q2, q16 = (float(q) for q in limits.min(axis=0)[:2])
    q84, q97 = (float(q) for q in limits.max(axis=0)[2:])
    return Suppression(
        value=0.5 * (step + bridge),
        std=float(noisy.mean(axis=0).std()),
        systematic_std=float(quiet.std()),
        interval_68=(q16, q84),
        interval_95=(q2, q97),
        step=step,
        bridge=bridge,
        window_ev=marks.default_window(energy),
        n_bootstrap=int(n_bootstrap),
        mode=first.mode,
        settings={
            "pre_edge": windows[0], "post_edge": windows[1], "pre_degree": pre_degree,
            "peak_ev": marks.peak_ev, "step_width_ev": step_width_ev,
            "window_shift_ev": window_shift_ev, "seed": seed,
        },
        notes=_notes(first, pair),
    )  # fmt: skip


def _notes(first: Spectrum, pair: tuple[Samples, Samples]) -> tuple[str, ...]:
    notes = [*pair[0].notes, *(note for note in pair[1].notes if note not in pair[0].notes)]
    if first.mode == "fy":
        notes.append("fluorescence yield: self-absorption makes the suppression look too small")
    if not first.mode:
        notes.append("yield unknown: make sure that both spectra are of the same")
    return tuple(notes)


def _common(first: Samples, cycled: Samples) -> tuple[Samples, Samples]:
    """Both spectra on the energies of the first, where both were measured."""
    energy = first.energy_ev
    if energy.shape == cycled.energy_ev.shape and np.array_equal(energy, cycled.energy_ev):
        return first, cycled
    shared = (energy >= cycled.energy_ev[0]) & (energy <= cycled.energy_ev[-1])
    if np.count_nonzero(shared) < 12:
        raise ValueError("first and cycled share fewer than 12 energies; measure the same range")
    at = energy[shared]
    left = np.clip(np.searchsorted(cycled.energy_ev, at) - 1, 0, cycled.energy_ev.size - 2)
    x0, x1 = cycled.energy_ev[left], cycled.energy_ev[left + 1]
    share = (at - x0) / (x1 - x0)
    y, v = cycled.intensity, cycled.variance
    # Interpolated points share their noise with the next: to keep the error of an integral, the
    # variance is interpolated as if they did not.
    moved = Samples(
        at,
        (1 - share) * y[left] + share * y[left + 1],
        (1 - share) * v[left] + share * v[left + 1],
        cycled.measured,
        (*cycled.notes, "cycled interpolated on the energies of the first"),
    )
    return (
        replace(first, energy_ev=at, intensity=first.intensity[shared],
                variance=first.variance[shared]),
        moved,
    )  # fmt: skip


def _jump(
    energy: Float, post_edge: tuple[ArrayLike, ArrayLike], line: tuple[Float, Float]
) -> Float:
    """Weights (..., n) of the mean above the edge, less the baseline."""
    last = in_window(energy, post_edge, "post_edge", 3, "measure further above the edge")
    return without_baseline(last / np.count_nonzero(last, axis=-1)[..., None], line)


def _noisy(data: Samples, n: int, rng: np.random.Generator) -> Float:
    return np.asarray(
        data.intensity + np.sqrt(data.variance) * rng.standard_normal((n, data.energy_ev.size))
    )


def _ratio(area: Float, jump: Float, first: Float, cycled: Float) -> Float:
    """1 - A_cycled / A_first of spectra (n,) or (n_draw, n), by functionals (1 or n_draw, n)."""
    before, after = (
        np.einsum("...n,...n", state, area) / np.einsum("...n,...n", state, jump)
        for state in (first, cycled)
    )
    return np.asarray(1.0 - after / before)
