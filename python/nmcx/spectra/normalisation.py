"""Soft X-ray spectra on a common scale: incident beam, pre-edge, jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from nmcx.results import Spectrum
from nmcx.spectra._sampling import Float, Samples, in_window, integral, samples, vector

_METHODS = ("jump", "area", "minmax")
_YIELDS = ("tey", "fy", "")


def divide_by_i0(
    energy_ev: ArrayLike,
    signal: ArrayLike,
    i0: ArrayLike,
    *,
    variance: ArrayLike | None = None,
    i0_variance: ArrayLike | None = None,
    mode: str = "",
    name: str = "",
) -> Spectrum:
    """A yield over the incident beam, with the noise of both.

    `Spectrum.mu` is always divided already, and `Spectrum.i0` records by what. `io.read_spectrum`
    does the same for files; this is for arrays.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], in any order.
    signal, i0 : (n_energy,) array_like
        What the detector and the monitor read, in any unit. NaN stays NaN.
    variance, i0_variance : (n_energy,) array_like, optional
        Variances of both; of counts, the counts themselves. Default: unknown for the signal, none
        for the I0.
    mode : str
        "tey", "fy" or "" (unknown).
    name : str
        Name of the spectrum.

    Returns
    -------
    Spectrum
        ``mu = signal / i0`` with `i0`, and the variance to first order if that of the signal is
        known.

    Raises
    ------
    ValueError
        If lengths differ, the I0 is not positive, a variance is negative or only that of the I0 is
        known, or the mode is no yield.

    References
    ----------
    Propagation of errors to first order: P. R. Bevington & D. K. Robinson, "Data Reduction and
    Error Analysis for the Physical Sciences" (2003), chapter 3.

    Examples
    --------
    >>> made = divide_by_i0([850.0, 851.0], [400, 900], [1e4, 1e4], variance=[400, 900])
    >>> made.mu, made.variance
    (array([0.04, 0.09]), array([4.e-06, 9.e-06]))
    """
    if mode not in _YIELDS:
        raise ValueError(
            f'mode must be "tey", "fy" or "", not {mode!r}; of a transmission take '
            "-log(signal / i0) and make a Spectrum of that"
        )
    if i0_variance is not None and variance is None:
        raise ValueError("i0_variance without variance: give that of the signal as well")
    energy = vector(energy_ev, "energy_ev")
    above, beam = (
        _as_long(values, energy, words) for values, words in ((signal, "signal"), (i0, "i0"))
    )
    if np.any(beam <= 0) or np.any(np.isinf(beam)) or not np.isfinite(beam).any():
        raise ValueError("i0 must be positive; leave out points where the beam was off")
    mu = above / beam
    total = None
    if variance is not None:
        total = _spread(variance, energy, "variance") / beam**2
        if i0_variance is not None:
            total = total + mu**2 * _spread(i0_variance, energy, "i0_variance") / beam**2
    return Spectrum(energy, mu, name, i0=beam, variance=total, mode=mode)


def _as_long(values: ArrayLike, energy: Float, name: str) -> Float:
    array = vector(values, name)
    if array.shape != energy.shape:
        raise ValueError(f"{name} has {array.size} points for {energy.size} energies")
    return array


def _spread(values: ArrayLike, energy: Float, name: str) -> Float:
    array = _as_long(values, energy, name)
    if np.any(array < 0):
        raise ValueError(f"{name} must not be negative")
    return array


def normalise_soft(
    spectrum: Spectrum,
    *,
    method: str = "jump",
    pre_edge: tuple[float, float] | None = None,
    post_edge: tuple[float, float] | None = None,
    pre_degree: int = 1,
) -> Spectrum:
    """Subtract the pre-edge and scale to one.

    Parameters
    ----------
    spectrum : Spectrum
        Over its incident beam, as `io.read_spectrum` and `divide_by_i0` give it.
    method : str
        "jump": mean over `post_edge` is 1; "area": mean over the whole scan beyond `pre_edge` is
        1; "minmax": from 0 to 1, no pre-edge is fitted (noise makes the range too wide).
    pre_edge, post_edge : (float, float), optional
        Windows [eV]; default (ours): the first 6 eV and the last 5 eV of the scan.
    pre_degree : int
        1: a line is subtracted (default), 0: a constant, better for noisy fluorescence yield.

    Returns
    -------
    Spectrum
        Sorted, without I0; points without a value are left out. The variance is that of each point
        alone: the error of the scale is common to all and stands in `metadata` as "scale_std",
        relative [1].

    Raises
    ------
    ValueError
        If a window holds too few points or there is no jump.

    References
    ----------
    J. Stöhr, "NEXAFS Spectroscopy" (1992), section 6.3 (jump normalisation); windows: our default.

    Examples
    --------
    >>> from nmcx import phantom
    >>> scan = phantom.soft_spectra().oxygen_tey[0]
    >>> normal = normalise_soft(scan, post_edge=(546, 552))
    >>> round(float(normal.mu[normal.energy_ev > 546].mean()), 6)
    1.0
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    data = samples(spectrum.energy_ev, spectrum.mu, spectrum.variance)
    energy = data.energy_ev
    subtracted, scale_std = data.intensity, 0.0
    if method == "minmax":
        base, scale = float(subtracted.min()), float(np.ptp(subtracted))
        subtracted = subtracted - base
    else:
        pre, post = default_windows(data, pre_edge, post_edge)
        columns, solve = baseline(energy, pre, pre_degree)
        if method == "jump":
            last = in_window(energy, post, "post_edge", 3, "measure further above the edge")
            functional = last / np.count_nonzero(last)
        else:
            reach = (pre[1], float(energy[-1]))
            functional = integral(energy, *reach) / (reach[1] - reach[0])
        functional = without_baseline(functional, (columns, solve))
        scale = float(functional @ data.intensity)
        scale_std = float(np.sqrt(functional**2 @ data.variance))
        subtracted = subtracted - columns @ (solve @ subtracted)
    if not scale > 0:
        raise ValueError(
            "intensity does not rise over the edge; check pre_edge and post_edge, or turn its sign"
        )
    return replace(
        spectrum,
        energy_ev=energy,
        mu=subtracted / scale,
        i0=None,
        variance=data.variance / scale**2 if data.measured else None,
        metadata={**spectrum.metadata, "scale_std": f"{scale_std / scale:.3g}"},
        notes=(*spectrum.notes, *data.notes, f"normalised by {method}"),
    )


def default_windows(
    data: Samples,
    pre_edge: tuple[float, float] | None,
    post_edge: tuple[float, float] | None,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Windows of the baseline and of the jump [eV]; default: both ends of the scan."""
    first, last = float(data.energy_ev[0]), float(data.energy_ev[-1])
    pre = (first, first + 6.0) if pre_edge is None else pre_edge
    post = (last - 5.0, last) if post_edge is None else post_edge
    if not float(pre[1]) < float(post[0]):
        raise ValueError(
            f"pre_edge {pre} must lie below post_edge {post}; "
            "measure a longer range or give both windows"
        )
    return (float(pre[0]), float(pre[1])), (float(post[0]), float(post[1]))


def baseline(
    energy: Float, window: tuple[ArrayLike, ArrayLike], degree: int
) -> tuple[Float, Float]:
    """Polynomial through the pre-edge: columns (..., n, degree + 1), and what solves for them."""
    if degree not in (0, 1):
        raise ValueError(f"pre_degree must be 0 or 1, not {degree!r}")
    used = in_window(
        energy, window, "pre_edge", degree + 2, "start the scan earlier or give pre_edge"
    ).astype(np.float64)
    # Powers about the window's middle are orthogonal in it.
    count = used.sum(axis=-1, keepdims=True)
    x = energy - (used @ energy)[..., None] / count
    powers, solve = [np.ones_like(x)], [used / count]
    if degree == 1:
        powers.append(x)
        solve.append(used * x / np.sum(used * x**2, axis=-1, keepdims=True))
    return np.stack(powers, axis=-1), np.stack(solve, axis=-2)


def without_baseline(functional: Float, line: tuple[Float, Float]) -> Float:
    """Functionals (..., n) of a spectrum less its baseline, from those of the spectrum."""
    columns, solve = line
    return np.asarray(functional - ((functional[..., None, :] @ columns) @ solve)[..., 0, :])
