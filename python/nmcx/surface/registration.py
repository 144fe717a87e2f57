"""Sub-pixel drift between two images of one field."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import ArrayLike

from nmcx import _core
from nmcx.results import Shift

_log = logging.getLogger("nmcx")


def register(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    max_shift: float | tuple[float, float] | None = None,
    variation: int = 0,
) -> Shift:
    """Sub-pixel drift between two images of one field, whatever their contrast.

    Every whole-pixel shift within `max_shift` is tried by normalised cross-correlation over the
    overlap; Gauss-Newton with gain, offset and cubic B-splines [1]_ refines the best of them.

    Parameters
    ----------
    fixed, moving : (ny, nx) array_like
        Images with roughly even noise, such as the logarithm of counts [1]. NaN marks pixels
        without a value; they are left out.
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
        ``moving(x) = fixed(x - shift)`` [px], with the standard error of each component. Where the
        two contrasts differ by more than a gain the error comes out too large rather than too
        small.

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
       after P. Clifford, S. Richardson, D. Hemon, Biometrics 45, 123 (1989).

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
    if max_shift is None:
        max_dy, max_dx = 0.4 * a.shape[0], 0.4 * a.shape[1]
    else:
        max_dy, max_dx = (float(v) for v in np.broadcast_to(np.asarray(max_shift, float), (2,)))
    raw = _core.register_translation(
        a, b, _core.RegistrationOptions(max_dy, max_dx, variation=variation)
    )
    _log.debug("registered: r = %.3f, %d pixels", raw.correlation, raw.n_pixel)
    return Shift(dy=raw.dy, dx=raw.dx, std=raw.std)
