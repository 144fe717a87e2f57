"""Displacement of one image against others: by contours, and by least squares on their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError

Array = NDArray[np.floating[Any]]
#: Smoothing of what is compared [px] (our default).
SMOOTHING_PX = 1.0


@dataclass(frozen=True)
class Match:
    """Displacement of one image from what templates of its field predict."""

    shift: Array  #: (2,) [px of the common grid]
    std: Array  #: (2,) [px]
    correlation: float
    misfit: float  #: root mean square of what the templates leave unexplained
    enlargement: float  #: logarithm of the image's size against that of the templates


@dataclass(frozen=True)
class Sum:
    """Sum of images, and how many of them each pixel has seen."""

    total: Array
    count: Array
    n: int

    @staticmethod
    def of(images: list[Array], shape: tuple[int, ...]) -> Sum:
        """Sum of some images of one shape, or of none."""
        total, count = np.zeros(shape), np.zeros(shape)
        for image in images:
            seen = np.isfinite(image)
            total[seen] += image[seen]
            count += seen
        return Sum(total, count, len(images))

    def without(self, image: Array) -> Sum:
        """The sum with an image taken out."""
        seen = np.isfinite(image)
        return Sum(self.total - np.where(seen, image, 0.0), self.count - seen, self.n - 1)

    def plus(self, image: Array) -> Sum:
        """The sum with one image more."""
        seen = np.isfinite(image)
        return Sum(self.total + np.where(seen, image, 0.0), self.count + seen, self.n + 1)

    def mean(self) -> Array:
        """Mean where most images have seen the pixel, else NaN."""
        # A pixel that few have seen would put a step where the others begin.
        enough = self.count > 0.7 * self.n
        return np.where(enough, self.total / np.maximum(self.count, 1.0), np.nan)


def match(image: Array, templates: list[Array]) -> Match | None:
    """Least-squares displacement of an image from gain × templates + offset.

    The slopes are those of the templates, not of the image, so the noise of the image enters
    linearly and does not pull the result towards positions where interpolation smooths more.
    """
    valid = np.isfinite(image)
    for template in templates:
        valid &= np.isfinite(template)
    n_free, n_pixel = 3 * (len(templates) + 1), int(np.count_nonzero(valid))
    if n_pixel < 10 * n_free:
        return None
    ny, nx = image.shape
    y, x = np.linspace(-1.0, 1.0, ny)[:, None], np.linspace(-1.0, 1.0, nx)
    # What may vary over the field: a gradient in valence must not pass for a shift of the rim.
    smooth: Array = np.empty((n_free, ny, nx))
    for k, part in enumerate((valid, *templates)):
        base = smooth[3 * k]
        base[...] = np.where(valid, part, 0.0)
        np.multiply(base, y, out=smooth[3 * k + 1])
        np.multiply(base, x, out=smooth[3 * k + 2])
    smooth = smooth.reshape(n_free, -1)
    values = np.where(valid, image, 0.0)
    gram = smooth @ smooth.T
    gram[np.diag_indices(n_free)] *= 1.0 + 1e-10
    model = (np.linalg.solve(gram, smooth @ values.ravel()) @ smooth).reshape(ny, nx)
    slopes: Array = np.empty((3, ny, nx))
    slopes[:2] = np.gradient(np.where(valid, model, np.nan))
    slopes[2] = slopes[0] * (y * 0.5 * (ny - 1)) + slopes[1] * (x * 0.5 * (nx - 1))
    # A border has no slope.
    slopes = np.nan_to_num(slopes, copy=False, nan=0.0).reshape(3, -1)
    slopes -= np.linalg.solve(gram, smooth @ slopes.T).T @ smooth
    residual = (values - model).ravel()
    normal, score = slopes @ slopes.T, slopes @ residual
    if not np.linalg.cond(normal[:2, :2]) < 1e8:
        return None
    # A content that has moved by +1 leaves minus the slope.
    change = np.linalg.solve(normal[:2, :2], score[:2])
    # What the slopes explain is at right angles to what they leave.
    misfit = np.sqrt(max(0.0, float(residual @ residual - change @ score[:2])) / n_pixel)
    spread = float(np.var(image[valid]))
    return Match(
        shift=-change,
        std=_standard_error(slopes[:2].reshape(2, ny, nx), normal[:2, :2], misfit),
        correlation=float(np.sqrt(max(0.0, 1.0 - misfit**2 / spread))) if spread > 0 else 0.0,
        misfit=float(misfit),
        enlargement=-float(np.linalg.lstsq(normal, score, rcond=1e-8)[0][2]),
    )


def _standard_error(slopes: Array, normal: Array, misfit: float) -> Array:
    """Of a displacement: white noise smoothed by G scores like the slopes smoothed by G again."""
    from scipy import ndimage

    twice = np.stack([ndimage.gaussian_filter(slope, SMOOTHING_PX).ravel() for slope in slopes])
    raw_variance = misfit**2 * 4.0 * np.pi * SMOOTHING_PX**2
    inverse = np.linalg.inv(normal)
    return np.asarray(np.sqrt(np.diag(inverse @ (raw_variance * twice @ twice.T) @ inverse)))


def smoothed(image: Array) -> Array:
    """Image smoothed over what is known of it, without its wildest pixels; NaN where unknown."""
    from scipy import ndimage

    missing = ~np.isfinite(image)
    values = np.asarray(image, dtype=np.float64)
    if missing.all():
        return values
    low, high = np.percentile(values[~missing], (0.1, 99.9))
    reach = high - low
    values = np.clip(values, low - reach, high + reach)
    if not missing.any():
        return np.asarray(ndimage.gaussian_filter(values, SMOOTHING_PX))
    seen = ndimage.gaussian_filter((~missing).astype(float), SMOOTHING_PX)
    total = ndimage.gaussian_filter(np.where(missing, 0.0, values), SMOOTHING_PX)
    return np.where(missing, np.nan, total / np.maximum(seen, 1e-12))


def contours(image: Array, width: float) -> Array:
    """Steepness of an image: where its contours lie, whatever their height."""
    from scipy import ndimage

    missing = ~np.isfinite(image)
    if missing.all():
        return np.full(image.shape, np.nan)
    filled = np.where(missing, np.median(image[~missing]), image).astype(np.float64)
    slope: Array = ndimage.gaussian_gradient_magnitude(filled, width)
    # The borders of what is missing are no contours of the sample.
    if missing.any():
        slope[ndimage.binary_dilation(missing, iterations=round(4 * width))] = np.nan
    return slope


def register(fixed: Array, moving: Array, max_shift: float) -> _core.Registration:
    """Displacement of `moving` against `fixed`; ConvergenceError if they do not match."""
    if not (np.isfinite(fixed).any() and np.isfinite(moving).any()):
        raise ConvergenceError("the image has no pixel that is known")
    limits = [min(max_shift, 0.4 * size) for size in fixed.shape]
    return _core.register_images(
        np.ascontiguousarray(fixed, np.float64),
        np.ascontiguousarray(moving, np.float64),
        _core.RegistrationOptions(limits[0], limits[1], _core.MotionModel.translation),
    )


def displacement(found: _core.Registration) -> Array:
    """(dy, dx) [px]."""
    return np.array([found.dy, found.dx])
