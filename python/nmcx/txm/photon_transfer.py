"""Gain and read noise of a detector from repeated frames."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nmcx.results import SAME_ENERGY_EV, FrameStack

__all__ = ["photon_transfer"]

Array = NDArray[np.float64]

#: Fewest pixels a brightness class needs to count in the fit.
_MIN_PIXELS = 50


def photon_transfer(
    frames: FrameStack, reference: NDArray[np.intp], dark: Array
) -> tuple[float, float] | None:
    """Gain [counts/photon] and read noise [counts] from repeated references; None without any.

    Successive references of one energy are scaled to each other and subtracted; slow changes of the
    illumination are removed by a running mean. In 24 classes of brightness the halved variance of
    the difference is fitted against the mean by weighted least squares.

    Parameters
    ----------
    frames : FrameStack
        The frames.
    reference : (n,) integer array
        Which of them are references.
    dark : (ny, nx) array
        Mean dark counts.

    Returns
    -------
    tuple of float or None
        Gain and read noise.

    Raises
    ------
    ValueError
        If the shapes of frames and `dark` disagree.

    References
    ----------
    .. [1] Janesick, "Photon Transfer" (SPIE Press, 2007), ch. 5.

    Examples
    --------
    >>> counts = 3.0 * np.random.default_rng(1).poisson(np.linspace(50, 500, 128), (4, 128, 128))
    >>> frames = FrameStack(counts, np.full(4, 8354.0), np.ones(4, bool), *np.zeros((3, 4)))
    >>> gain, _ = photon_transfer(frames, np.arange(4), np.zeros((128, 128)))
    >>> bool(abs(gain - 3.0) < 0.1)
    True
    """
    energy = np.asarray(frames.energy_ev)
    exposure = np.asarray(frames.exposure_s)
    points = []
    for i, j in pairwise(reference):
        same_exposure = exposure[i] == exposure[j] or np.isnan(exposure[i])
        if abs(energy[i] - energy[j]) < SAME_ENERGY_EV and same_exposure:
            points.append(_transfer_points(frames.counts[i] - dark, frames.counts[j] - dark))
    if not points:
        return None
    mean, variance, n_pixel = (np.concatenate([p[k] for p in points]) for k in range(3))
    if mean.size < 2 or not (variance > 0).any():
        return None
    # The variance of a variance from n values is 2 variance² / n.
    weight = n_pixel / np.maximum(variance, variance[variance > 0].min()) ** 2
    design = np.stack([mean, np.ones_like(mean)], axis=1) * np.sqrt(weight)[:, None]
    target = variance * np.sqrt(weight)
    (slope, offset), *_ = np.linalg.lstsq(design, target, rcond=None)
    # One brightness cannot tell gain from read noise, and a negative read noise there is none.
    if offset < 0 or slope <= 0 or np.ptp(mean) < 0.1 * mean.mean():
        slope, offset = float(np.sum(weight * mean * variance) / np.sum(weight * mean**2)), 0.0
    return float(slope), float(np.sqrt(offset))


def _transfer_points(first: Array, second: Array) -> tuple[Array, Array, Array]:
    """Mean, halved variance of the difference, and pixels of each class of brightness."""
    from scipy import ndimage

    finite = np.isfinite(first) & np.isfinite(second)
    first, second = np.where(finite, first, 0.0), np.where(finite, second, 0.0)
    ratio = first.sum() / second.sum() if first.sum() > 0 and second.sum() > 0 else 1.0
    mean = 0.5 * (first + ratio * second)
    difference = (first - ratio * second) / np.sqrt(0.5 * (1.0 + ratio**2))
    window = 31
    difference = difference - ndimage.uniform_filter(difference, window, mode="nearest")
    brightness = ndimage.uniform_filter(mean, 5, mode="nearest")
    lit = finite & (brightness > 0)
    if np.count_nonzero(lit) < 2 * _MIN_PIXELS:
        return np.empty(0), np.empty(0), np.empty(0)
    edges = np.quantile(brightness[lit], np.linspace(0.0, 1.0, 25))
    rows = []
    for low, high in pairwise(edges):
        chosen = lit & (brightness >= low) & (brightness < high)
        values = difference[chosen]
        if values.size < _MIN_PIXELS:
            continue
        # Hot pixels and moving speckle are not counting noise.
        limit = 5.0 * 1.4826 * np.median(np.abs(values - np.median(values)))
        kept = np.abs(values - np.median(values)) <= limit
        spread = 0.5 * values[kept].var() * window**2 / (window**2 - 1.0)
        rows.append((brightness[chosen].mean(), spread, float(kept.sum())))
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]
