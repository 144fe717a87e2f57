"""Whether the texture of two registered scans is that of one field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Affine, Shift
from nmcx.surface.noise import Image
from nmcx.surface.registration import resampled

_Mask = NDArray[np.bool_]

#: Texture is what lies between these two widths [px] (our default).
_FINE_PX, _COARSE_PX = 0.8, 2.0
#: An outline is where the slope exceeds this share of the steepest slopes (our default).
_STEEP = 0.5
#: Displacements that tell what chance does [px].
_NEAR_PX, _REACH_PX = 4, 10
#: Less than this share of the correlation expected is another field, if it is lacking by so many
#: standard deviations. In simulations pairs of one field show 0.7 and more, and lack 1.5 standard
#: deviations at most; different particles show 0.2 on average, 0.55 at most, and lack 3 and more.
#: Both limits lie in the middle.
_LEAST_SHARE, _LACKING_SIGMA = 0.62, 2.3
#: Texture that stands out by fewer standard deviations would not tell another field.
_LEAST_SIGMA = 3.5
_LEAST_PIXELS = 64


@dataclass(frozen=True)
class Texture:
    """Covariance of the textures of two aligned scans, away from outlines."""

    seen: float  #: covariance found
    expected: float  #: of one structure in both: what each image's own noise leaves of its power
    chance: float  #: standard deviation of the covariance where the two are displaced

    @property
    def differs(self) -> bool:
        """Whether these are two different fields."""
        lacking = self.expected - self.seen
        return self.seen < _LEAST_SHARE * self.expected and lacking > _LACKING_SIGMA * self.chance

    @property
    def is_weak(self) -> bool:
        """Whether another field would not have been noticed."""
        return not self.expected > _LEAST_SIGMA * self.chance


def compare_texture(
    a: Image, b: Image, shift: Shift, motion: Affine | None = None
) -> Texture | None:
    """Texture of b, moved back by `shift`, against that of a; None if outlines leave no room.

    Particles of one kind have like outlines, and a registration follows outlines. Their texture
    is their own. Noise is measured, by second differences that see no lines of a scanner, and its
    power taken off: it needs no model.

    Parameters
    ----------
    a, b : (ny, nx) arrays
        Images with even, white noise; NaN marks holes.
    shift : Shift
        Drift of b against a.
    motion : Affine, optional
        What it is if it grew during the scan.
    """
    moved = resampled(b, np.ones(b.shape), shift if motion is None else motion)[0]
    row, column = round(shift.dy), round(shift.dx)
    here, there = common_field(a.shape, row, column)
    first, second, aligned = a[here], b[there], moved[here]
    keep = _calm(first, second) & np.isfinite(aligned)
    noise = [noise_variance(image) for image in (first, second)]
    bands = [_band(image, keep) for image in (first, second, aligned)]
    used = keep & (_blurred(keep, _COARSE_PX) > 0.6) & np.isfinite(noise[0] + noise[1])
    n = int(np.count_nonzero(used))
    if n < _LEAST_PIXELS:
        return None
    passed = _noise_passed()
    power = [
        max(float(np.mean(band[used] ** 2) - passed * np.mean(variance[used])), 0.0)
        for band, variance in zip(bands, noise, strict=False)
    ]
    covered = used.astype(np.float64)
    products = _displaced(np.where(used, bands[0], 0.0), np.where(used, bands[2], 0.0))
    pairs = _displaced(covered, covered)
    y, x = np.mgrid[-_REACH_PX : _REACH_PX + 1, -_REACH_PX : _REACH_PX + 1]
    far = (np.hypot(y, x) >= _NEAR_PX) & (pairs > 0.25 * n)
    if not far.any():
        return None
    return Texture(
        seen=float(products[_REACH_PX, _REACH_PX] / n),
        expected=float(np.sqrt(power[0] * power[1])),
        chance=float(np.sqrt(np.mean(products[far] ** 2 / (pairs[far] * n)))),
    )


def common_field(
    shape: tuple[int, ...], row: int, column: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The common field of two images a whole-pixel drift apart, in the first and in the second."""
    ny, nx = shape
    rows = slice(max(0, -row), min(ny, ny - row))
    columns = slice(max(0, -column), min(nx, nx - column))
    moved = slice(rows.start + row, rows.stop + row)
    return (rows, columns), (moved, slice(columns.start + column, columns.stop + column))


def _calm(first: Image, second: Image) -> _Mask:
    """Pixels that neither outlines nor holes reach."""
    from scipy.ndimage import binary_dilation, gaussian_filter

    excluded = np.zeros(first.shape, dtype=bool)
    for image in (first, second):
        hole = ~np.isfinite(image)
        filled = np.where(hole, np.nanmedian(image), image)
        slope = np.hypot(*np.gradient(gaussian_filter(filled, 1.5)))
        excluded |= hole | (slope > _STEEP * np.quantile(slope, 0.98))
    return ~np.asarray(binary_dilation(excluded, iterations=2), dtype=bool)


def _blurred(values: NDArray[np.generic], sigma: float) -> Image:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(values.astype(np.float64), sigma, mode="constant"))


def _band(image: Image, keep: _Mask) -> Image:
    """Structure between two widths; zero where not kept."""
    fine = _blurred(np.nan_to_num(image), _FINE_PX)
    mean = _blurred(np.where(keep, fine, 0.0), _COARSE_PX)
    mean /= np.maximum(_blurred(keep, _COARSE_PX), 1e-9)
    return np.where(keep, fine - mean, 0.0)


def _noise_passed() -> float:
    """Variance of white noise of variance one in that band."""
    impulse = np.zeros((33, 33))
    impulse[16, 16] = 1.0
    fine = _blurred(impulse, _FINE_PX)
    return float(np.sum((fine - _blurred(fine, _COARSE_PX)) ** 2))


def noise_variance(image: Image) -> Image:
    """Square of second differences along both axes, in variances of a pixel; NaN at the border."""
    d = image[:, :-2] - 2.0 * image[:, 1:-1] + image[:, 2:]
    d = d[:-2] - 2.0 * d[1:-1] + d[2:]
    return np.pad(d**2 / 36.0, 1, constant_values=np.nan)


def _displaced(a: Image, b: Image) -> Image:
    """Sum of a(x) b(x + d) for every d within reach along both axes."""
    shape = (a.shape[0] + _REACH_PX, a.shape[1] + _REACH_PX)
    spectrum = np.conj(np.fft.rfft2(a, shape)) * np.fft.rfft2(b, shape)
    reach = np.arange(-_REACH_PX, _REACH_PX + 1)
    return np.asarray(np.fft.irfft2(spectrum, shape)[np.ix_(reach % shape[0], reach % shape[1])])
