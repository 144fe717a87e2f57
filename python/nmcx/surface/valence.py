"""From the ratio xi to valence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.results import XiMap

_Image = NDArray[np.float64]


def relative_valence(
    xi: XiMap, *, end_members: tuple[float, float] | None = None
) -> tuple[_Image, _Image]:
    """Relative, uncalibrated valence: xi on a linear scale from 0 to 1, with its standard error.

    Parameters
    ----------
    xi : XiMap
        Map of (ny, nx) pixels.
    end_members : (float, float), optional
        The xi of relative valence 0 and 1 [1]. Default: the 2nd and 98th percentiles of the valid
        pixels (our default), which makes the scale relative to this map alone.

    Returns
    -------
    tuple of (ny, nx) arrays
        Relative valence [1], not clipped to [0, 1], and its standard error [1]; NaN where the map
        is not valid. The error does not cover that of the end members.

    Raises
    ------
    ValueError
        If the map has no valid pixel or the end members coincide.

    References
    ----------
    .. [1] S. Li et al., Nat. Commun. 11, 4433 (2020), Supplementary Fig. 1: the valence is
       "proportional to" xi; slope and intercept are not given, hence relative.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Shift, XiMap
    >>> xi = np.array([[0.4, 0.5], [0.55, 0.6]])
    >>> ratio = XiMap(xi, np.full((2, 2), 0.01), np.ones((2, 2), bool), Shift(0.0, 0.0, 0.0))
    >>> surface.relative_valence(ratio, end_members=(0.4, 0.6))[0].round(2).tolist()
    [[0.0, 0.5], [0.75, 1.0]]
    """
    if not np.any(xi.valid):
        raise ValueError("the map has no valid pixel; lower min_counts or count longer")
    if end_members is None:
        first, last = (float(v) for v in np.percentile(xi.xi[xi.valid], (2.0, 98.0)))
    else:
        first, last = float(end_members[0]), float(end_members[1])
    if not (np.isfinite(first) and np.isfinite(last) and first != last):
        raise ValueError(f"end_members must be two different numbers, not {first} and {last}")
    scale = 1.0 / (last - first)
    return np.asarray((xi.xi - first) * scale), np.asarray(xi.xi_std * abs(scale))
