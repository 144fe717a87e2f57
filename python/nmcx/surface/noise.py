"""Noise of a scan: Poisson, amplified, or measured; and pixels at the end of the scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nmcx.surface.scans import Exposure, Scan

Image = NDArray[np.float64]

#: Width of the neighbourhood that shares of the counts are taken over [px] (our default).
SHARE_PX = 1.5


def noise_model(
    data: Image, units: str, exposure: Exposure, noise: str, name: str
) -> tuple[float, float, float, tuple[str, ...]]:
    """Reading per count, variance per count, read noise [counts] and notes.

    With `noise` "poisson" the variance is gain x reading + read_noise^2.
    """
    finite = data[np.isfinite(data)]
    if noise == "measured":
        gain, read = measured_noise(data)
        if not gain > 0 and not read > 0:
            raise ValueError(f'{name} shows no noise to measure; use noise="poisson"')
        unit = 1.0 if units == "counts" else (gain if gain > 0 else read)
        notes: tuple[str, ...] = (
            f"{name}: measured noise, variance = {gain:.4g} x reading + ({read:.4g})^2",
        )
        return unit, gain / unit, read / unit, notes
    if exposure.gain is None and units != "counts":
        raise ValueError(
            f'{name} is in {units}: give gain (reading of one count) or noise="measured"'
        )
    unit = exposure.gain or 1.0
    if unit == 1.0 and exposure.read_noise == 0.0 and np.any(finite < 0):
        raise ValueError(
            f"{name} must hold counts of zero or more; for electrometer readings give gain and "
            'read_noise, or noise="measured"'
        )
    whole = unit != 1.0 or np.all(finite == np.rint(finite))
    notes = (
        () if whole else (f"{name} does not hold whole counts: Poisson errors are an assumption",)
    )
    return unit, 1.0, exposure.read_noise / unit, notes


def measured_noise(data: Image) -> tuple[float, float]:
    """Gain and read noise of the line variance = gain x signal + read^2 in one image.

    Fourth differences along the rows see hardly anything but noise where the image is smooth over
    five pixels; texture as fine as the pixels raises the result.
    """
    from scipy.optimize import nnls

    weights = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    n = data.shape[1] - 4
    if n < 4 or data.size < 256:
        raise ValueError('noise="measured" needs images of at least 8 columns and 256 pixels')
    parts = np.stack([data[:, i : i + n] for i in range(5)])
    square = np.tensordot(weights, parts, 1).ravel() ** 2 / np.sum(weights**2)
    signal = parts.mean(axis=0).ravel()
    usable = np.isfinite(square)
    square, signal = square[usable], signal[usable]
    edges = np.quantile(signal, np.linspace(0.0, 1.0, 9))
    group = np.clip(np.searchsorted(edges, signal, side="right") - 1, 0, 7)
    level, variance = [], []
    for i in range(8):
        inside = group == i
        if np.count_nonzero(inside) >= 16:
            level.append(float(np.mean(signal[inside])))
            # The median of a squared normal number is 0.4549 of its mean.
            variance.append(float(np.median(square[inside])) / 0.4549)
    v = np.array(variance)
    if v.size == 0 or not v.max() > 0:
        return 0.0, 0.0
    weight = 1.0 / np.maximum(v, 1e-3 * v.max())
    scale = max(float(np.max(np.abs(level))), np.finfo(float).tiny)
    design = np.column_stack([np.maximum(level, 0.0) / scale, np.ones(v.size)])
    (slope, offset), _ = nnls(design * weight[:, None], v * weight)
    return float(slope / scale), float(np.sqrt(offset))


def saturated_pixels(data: Image) -> NDArray[np.bool_]:
    """Pixels at the end of the detector's scale: far more at the maximum than just below it."""
    none = np.zeros(data.shape, dtype=bool)
    finite = data[np.isfinite(data)]
    if finite.size == 0 or not finite.max() > max(finite.min(), 0.0):
        return none
    levels = np.unique(finite)
    if levels.size < 16:
        return none  # hardly a measurement: steps without noise, or next to no counts
    top = float(levels[-1])
    at_top = int(np.count_nonzero(finite == top))
    below = finite[(finite >= top - max(np.sqrt(top), 0.01 * top)) & (finite < top)]
    # Of an unsaturated image, each level just below the maximum holds more pixels than that itself.
    typical = below.size / max(np.unique(below).size, 1)
    if at_top < max(4.0, 0.002 * finite.size) or at_top <= 5.0 * typical:
        return none
    return np.asarray(data == top)


def smooth(image: Image, weight: Image, sigma: float) -> Image:
    """Gaussian mean of the pixels that have weight; NaN where there are none."""
    from scipy.ndimage import gaussian_filter

    def blur(values: Image) -> Image:
        return np.asarray(gaussian_filter(values, sigma, mode="constant"))

    below = blur(weight)
    above = blur(np.where(weight > 0, image, 0.0) * weight)
    return np.where(below > 1e-6, above / np.where(below > 1e-6, below, 1.0), np.nan)


def expected_variances(
    scans: list[Scan], counts: list[Image], squares: list[Image]
) -> tuple[list[Image], list[Image]]:
    """Variance of the counts of each scan, before and after its interpolation.

    A pixel's own count is a poor guess of its expectation, and errs together with it. The counts
    of all scans together, shared out as they are in the neighbourhood, follow topography and hardly
    depend on how this pixel's counts happened to fall. `squares` are the sums of squared weights.
    """
    total = np.sum(counts, axis=0)
    known = np.isfinite(total).astype(np.float64)
    mean = smooth(total, known, SHARE_PX)
    own, moved = [], []
    for scan, n, square in zip(scans, counts, squares, strict=True):
        with np.errstate(all="ignore"):
            expected = total * smooth(n, known, SHARE_PX) / mean
        expected = np.where(np.isfinite(expected) & (mean > 0), expected, n)
        # A pixel without counts still has an error: that of one count.
        variance = scan.excess * np.maximum(expected, 1.0) + scan.read_variance
        own.append(variance)
        moved.append(variance * square)
    return own, moved
