"""Whether a ratio map still shows the drift between its two images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.results import EdgeDipole, XiMap
from nmcx.surface.noise import smooth

_Array = NDArray[np.float64]

#: Structure between these two widths is looked at [px] (our default).
_FINE_PX, _COARSE_PX = 1.0, 3.0
#: Side of the blocks whose errors are taken to be independent [px].
_BLOCK_PX = 8


def edge_dipole(xi: XiMap) -> EdgeDipole:
    """Residual shift of the high-energy image that the edges in a ratio map still show.

    A shift d leaves ln(I_high / I_low) = logit(xi) - d . grad ln I, dark on one side of the object
    and bright on the other. Both sides of this relation, limited to structure of one to three
    pixels, are fitted by least squares. Chemistry that is fine, or that changes at an edge more on
    one side of the object than on the other (a mount without nickel), mimics a shift beyond the
    error given; a rim that is alike all around does not, for its gradient is odd across the object.

    Parameters
    ----------
    xi : XiMap
        From `xi_map`, with ``low`` and ``high`` (ny, nx).

    Returns
    -------
    EdgeDipole
        Shift along rows and columns [px], as in `Shift`: ``high(x) = low(x - shift)``. The standard
        errors come from the scatter between blocks of 8 pixels, chemistry at random included.

    Raises
    ------
    ValueError
        If the map holds no intensities or fewer than 64 usable pixels.

    References
    ----------
    .. [1] First order of a displaced ratio (this documentation, "The surface ratio"); errors by
       clusters after K.-Y. Liang, S. L. Zeger, Biometrika 73, 13 (1986).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Shift, XiMap
    >>> y, x = np.mgrid[:40, :40]
    >>> light = lambda dx: 2.0 + np.sin(0.7 * (x - dx)) * np.cos(0.8 * y)
    >>> low, high = light(0.0), light(0.2)
    >>> flat = np.full((40, 40), 0.01)
    >>> ratio = XiMap(high / (low + high), flat, flat > 0, Shift(0.0, 0.0, 0.0), low=low, high=high)
    >>> round(surface.edge_dipole(ratio).dx, 1)
    0.2
    """
    if xi.low is None or xi.high is None:
        raise ValueError("the map must hold low and high, as xi_map returns them")
    low, high = (np.asarray(v, dtype=np.float64) for v in (xi.low, xi.high))
    known = (np.isfinite(low) & np.isfinite(high)).astype(np.float64)
    with np.errstate(all="ignore"):
        # Intensities are smoothed before the logarithm: a negative pixel does no harm then.
        first, second = (np.log(smooth(v, known, _FINE_PX)) for v in (low, high))
        weight = np.where(xi.valid, (xi.xi * (1.0 - xi.xi) / xi.xi_std) ** 2, 0.0)
    seen = np.isfinite(first) & np.isfinite(second)
    inside = seen & np.isfinite(weight) & (weight > 0)
    mean = 0.5 * (first + second)
    slopes = [_band(g, seen) for g in np.gradient(np.where(seen, mean, np.nan))]
    contrast = _band(second - first, seen)
    inside &= np.isfinite(contrast) & np.isfinite(slopes[0]) & np.isfinite(slopes[1])
    if np.count_nonzero(inside) < 64:
        raise ValueError("the map has fewer than 64 usable pixels; it cannot show a shift")
    return _clustered(contrast, slopes, weight, inside)


def _band(image: _Array, seen: NDArray[np.bool_]) -> _Array:
    """What is finer than a few pixels."""
    usable = seen & np.isfinite(image)
    coarse = smooth(np.where(usable, image, 0.0), usable.astype(np.float64), _COARSE_PX)
    return np.asarray(np.where(usable, image - coarse, np.nan))


def _clustered(
    contrast: _Array, slopes: list[_Array], weight: _Array, inside: NDArray[np.bool_]
) -> EdgeDipole:
    """Weighted least squares with the errors of independent blocks."""
    rows, columns = np.nonzero(inside)
    design = np.column_stack([-slopes[0][inside], -slopes[1][inside]])
    w, y = weight[inside], contrast[inside]
    # One bright place must not decide alone.
    w = np.minimum(w, 4.0 * np.median(w))
    normal = np.linalg.pinv((design * w[:, None]).T @ design)
    shift = normal @ ((design * w[:, None]).T @ y)
    score = design * (w * (y - design @ shift))[:, None]
    width = int(columns.max()) // _BLOCK_PX + 1
    block = (rows // _BLOCK_PX) * width + columns // _BLOCK_PX
    sums = np.stack([np.bincount(block, weights=score[:, i]) for i in range(2)])
    n_block = int(np.unique(block).size)
    covariance = normal @ (sums @ sums.T) @ normal * n_block / max(n_block - 1, 1)
    std = np.sqrt(np.diag(covariance))
    return EdgeDipole(
        dy=float(shift[0]),
        dx=float(shift[1]),
        dy_std=float(std[0]),
        dx_std=float(std[1]),
        n_pixel=int(np.count_nonzero(inside)),
    )
