"""Sub-pixel drift between two images of one field."""

from __future__ import annotations

import logging
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import Affine, Shift

_log = logging.getLogger("nmcx")


@overload
def register(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    motion: Literal["translation"] = "translation",
    max_shift: float | tuple[float, float] | None = None,
    variation: int = 0,
) -> Shift: ...


@overload
def register(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    motion: Literal["drift", "affine"],
    max_shift: float | tuple[float, float] | None = None,
    variation: int = 0,
) -> Affine: ...


def register(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    motion: Literal["translation", "drift", "affine"] = "translation",
    max_shift: float | tuple[float, float] | None = None,
    variation: int = 0,
) -> Shift | Affine:
    """Sub-pixel drift between two images of one field, whatever their contrast.

    Every whole-pixel shift within `max_shift` is tried by normalised cross-correlation over the
    overlap; Gauss-Newton with gain, offset and cubic B-splines [1]_ refines the best. Pixels are
    weighted by the noise the images have at their brightness; a quadratic term in brightness
    takes up contrasts that differ between a body and its texture.

    Parameters
    ----------
    fixed, moving : (ny, nx) array_like
        Images such as the logarithm of counts or optical density [1]. NaN marks pixels
        without a value; they are left out.
    motion : {"translation", "drift", "affine"}
        ``"drift"`` also fits a shift that grows evenly from row to row, in both directions, as a
        stage that drifts while the rows are scanned one after the other causes it. ``"affine"``
        fits scale, rotation and shear along both axes: a per cent or two, not a large turn. Both
        are for images of like contrast: a rim of another contrast looks like a change of scale.
    max_shift : float or (float, float), optional
        Largest drift looked for, along rows and columns [px]. Default: 40 % of the image, so that
        at least a third of the field is common to both (our default).
    variation : int
        Degree, 0 to 3, of the polynomial over the field in which gain and offset may vary. 0 is the
        most precise where one gain relates both images; 1 keeps a chemical gradient across the
        particle from passing for a shift of its rim (`xi_map` takes 1).

    Returns
    -------
    Shift
        ``moving(x) = fixed(x - shift)`` [px], with the standard error of each component. It counts
        what the images' own noise does not explain for a tenth, as the two sides of a feature
        mostly cancel (calibrated on textured discs of two contrasts, 50 to 5000 counts), and is
        at least what a window on the middle of the structure changes beyond noise, so that
        distortion and uneven contrast show in it.
    Affine
        For the other models: matrix [1] and offset [px] with standard errors; with ``"drift"`` the
        second column of the matrix is that of no strain.

    Raises
    ------
    ValueError
        If the images are not 2-D, differ in shape, are below 8 x 8 pixels or hold no number.
    nmcx.errors.ConvergenceError
        If they do not match significantly (blank, saturated, different fields) or lack structure
        along one direction.

    References
    ----------
    .. [1] P. Thevenaz, U. E. Ruttimann, M. Unser, "A pyramid approach to subpixel registration
       based on intensity", IEEE Trans. Image Process. 7, 27 (1998); significance of the match
       after P. Clifford, S. Richardson, D. Hemon, Biometrics 45, 123 (1989); noise after
       J. Immerkaer, Comput. Vis. Image Underst. 64, 300 (1996).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> y, x = np.mgrid[:48, :48]
    >>> def blobs(dy, dx):
    ...     return np.sin(0.4 * (y - dy)) * np.cos(0.3 * (x - dx)) + np.tanh(0.1 * (x - dx - 20))
    >>> shift = surface.register(blobs(0, 0), 3 * blobs(1.25, -2.5) + 7)
    >>> round(shift.dy, 2), round(shift.dx, 2)
    (1.25, -2.5)
    """
    a = np.ascontiguousarray(fixed, dtype=np.float64)
    b = np.ascontiguousarray(moving, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"fixed and moving must be 2-D images, not {a.ndim}-D and {b.ndim}-D")
    if motion not in ("translation", "drift", "affine"):
        raise ValueError(f'motion must be "translation", "drift" or "affine", not {motion!r}')
    if max_shift is None:
        max_dy, max_dx = 0.4 * a.shape[0], 0.4 * a.shape[1]
    else:
        max_dy, max_dx = (float(v) for v in np.broadcast_to(np.asarray(max_shift, float), (2,)))
    options = _core.RegistrationOptions(
        max_dy, max_dx, getattr(_core.MotionModel, motion), variation=variation
    )
    raw = _core.register_images(a, b, options)
    _log.debug("registered: r = %.3f, %d pixels", raw.correlation, raw.n_pixel)
    if motion == "translation":
        return Shift(dy=raw.dy, dx=raw.dx, std=raw.std, significance=raw.significance)
    return Affine(
        matrix=np.eye(2) + np.reshape(raw.warp.strain, (2, 2)),
        offset=np.array([raw.warp.dy, raw.warp.dx]),
        matrix_std=np.reshape(raw.error.strain, (2, 2)),
        offset_std=np.array([raw.error.dy, raw.error.dx]),
    )


def resampled(
    image: ArrayLike, variance: ArrayLike, motion: Shift | Affine
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Image put back to where `register` found it to come from, in one cubic interpolation.

    Parameters
    ----------
    image : (ny, nx) array_like
        Any quantity; NaN marks pixels without a value.
    variance : (ny, nx) array_like
        Variance of independent pixels, in the unit of `image` squared.
    motion : Shift or Affine
        From `register`, with `image` as its `moving` [px].

    Returns
    -------
    tuple of (ny, nx) arrays
        Value and variance on the grid of the fixed image; NaN outside the image and beside its
        holes. Neighbours are correlated by the interpolation.

    Raises
    ------
    ValueError
        If the shapes differ, the motion is not finite or the image holds no number.

    References
    ----------
    .. [1] M. Unser, A. Aldroubi, M. Eden, IEEE Trans. Signal Process. 41, 821 (1993).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Shift
    >>> ramp = np.add.outer(np.zeros(9), np.arange(9.0))
    >>> value, variance = surface.resampled(ramp, np.ones((9, 9)), Shift(0.0, 2.0, 0.1))
    >>> value[4, :4].round(6).tolist(), float(variance[4, 4].round(6))
    ([2.0, 3.0, 4.0, 5.0], 1.0)
    """
    if isinstance(motion, Affine):
        strain = [float(v) for v in (motion.matrix - np.eye(2)).ravel()]
        warp = _core.Warp(float(motion.offset[0]), float(motion.offset[1]), strain)
    else:
        warp = _core.Warp(float(motion.dy), float(motion.dx))
    found = _core.resample(
        np.ascontiguousarray(image, dtype=np.float64),
        np.ascontiguousarray(variance, dtype=np.float64),
        warp,
    )
    return np.asarray(found.value), np.asarray(found.variance)
