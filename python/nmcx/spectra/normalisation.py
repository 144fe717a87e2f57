"""Soft X-ray spectra on a common scale: incident beam, pre-edge, jump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nmcx.results import Spectrum
from nmcx.spectra._sampling import Float, Samples, in_window, integral, samples

_METHODS = ("jump", "area", "minmax")


def normalise_soft(
    spectrum: Spectrum,
    *,
    method: str = "jump",
    pre_edge: tuple[float, float] | None = None,
    post_edge: tuple[float, float] | None = None,
    pre_degree: int = 1,
) -> Spectrum:
    """Divide by the incident beam, subtract the pre-edge and scale to one.

    Parameters
    ----------
    spectrum : Spectrum
        As measured; `i0` and `variance` are used if they are there.
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
        relative [1]. The noise of the I0 is not in it.

    Raises
    ------
    ValueError
        If a window holds too few points, the I0 is not positive, or there is no jump.

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
    data = beam_corrected(spectrum)
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
        functional = functional - (functional @ columns) @ solve
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


def beam_corrected(spectrum: Spectrum) -> Samples:
    """The spectrum over its incident beam, which keeps the mean of the intensity."""
    if spectrum.i0 is None:
        return samples(spectrum.energy_ev, spectrum.mu, spectrum.variance)
    beam = np.asarray(spectrum.i0, dtype=np.float64)
    intensity = np.asarray(spectrum.mu, dtype=np.float64)
    if beam.shape != intensity.shape:
        raise ValueError(f"i0 has {beam.size} points for {intensity.size} of the spectrum")
    if np.any(beam[np.isfinite(beam)] <= 0) or not np.isfinite(beam).any():
        raise ValueError("i0 must be positive; leave out points where the beam was off")
    share = beam / np.nanmean(beam)
    variance = None if spectrum.variance is None else np.asarray(spectrum.variance) / share**2
    return samples(spectrum.energy_ev, intensity / share, variance)


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


def baseline(energy: Float, window: tuple[float, float], degree: int) -> tuple[Float, Float]:
    """Polynomial through the pre-edge: columns (n, degree + 1), and what solves for them."""
    if degree not in (0, 1):
        raise ValueError(f"pre_degree must be 0 or 1, not {degree!r}")
    used = in_window(
        energy, window, "pre_edge", degree + 2, "start the scan earlier or give pre_edge"
    )
    # Centred and scaled: powers of 500 eV would be nearly the same column.
    centre = float(energy[used].mean())
    columns = np.vander((energy - centre) / 10.0, degree + 1, increasing=True)
    solve = np.zeros((degree + 1, energy.size))
    solve[:, used] = np.linalg.pinv(columns[used])
    return columns, solve
