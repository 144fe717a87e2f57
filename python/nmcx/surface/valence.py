"""From the ratio xi to valence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.results import EndMember, ValenceMap, XiMap

_Image = NDArray[np.float64]


def relative_valence(xi: XiMap, *, end_members: tuple[float, float] | None = None) -> ValenceMap:
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
    ValenceMap
        Not `calibrated`: ``valence`` [1] is not clipped to [0, 1]; NaN where the map is not valid.
        The error does not cover that of the end members.

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
    >>> surface.relative_valence(ratio, end_members=(0.4, 0.6)).valence.round(2).tolist()
    [[0.0, 0.5], [0.75, 1.0]]
    """
    _require_pixels(xi)
    if end_members is None:
        first, last = (float(v) for v in np.percentile(xi.xi[xi.valid], (2.0, 98.0)))
    else:
        first, last = float(end_members[0]), float(end_members[1])
    if not (np.isfinite(first) and np.isfinite(last) and first != last):
        raise ValueError(f"end_members must be two different numbers, not {first} and {last}")
    # Equal sums of both yields make the Moebius relation linear.
    ends = EndMember(0.0, 1.0 - first, first), EndMember(1.0, 1.0 - last, last)
    scale = "percentiles 2 and 98 of this map" if end_members is None else "the given end members"
    note = f"relative, not calibrated: 0 at xi = {first:.4g}, 1 at {last:.4g}, {scale}"
    return _mapped(xi, *ends, calibrated=False, note=note)


def calibrated_valence(xi: XiMap, first: EndMember, second: EndMember) -> ValenceMap:
    r"""Valence by two compounds of known valence, whose spectra mix linearly in each pixel.

    With yields A_i, B_i per nickel atom at the low and the high energy, the share f of the second
    end member follows from xi = ((1 - f) B_1 + f B_2) / ((1 - f) (A_1 + B_1) + f (A_2 + B_2)); the
    valence is linear in f. It is linear in xi only if A_1 + B_1 = A_2 + B_2.

    Parameters
    ----------
    xi : XiMap
        Map of (ny, nx) pixels. Background must be off (see `xi_map`), and the end members measured
        in the same mode on the same energy scale.
    first, second : EndMember
        Valence [1] and yields per nickel atom in one common unit, with their standard errors.

    Returns
    -------
    ValenceMap
        ``valence`` [1], not clipped to the range of the end members. ``valence_std`` follows from
        the error of xi in each pixel; ``systematic_std`` from the end members and, if known, the
        energy scale, and moves all pixels together. NaN where the map is not valid or lies beyond
        the pole of the relation.

    Raises
    ------
    ValueError
        If the map has no valid pixel, a yield is not positive, an error negative, or the end
        members have the same valence or the same ratio.

    References
    ----------
    .. [1] Linear mixing of per-atom yields solved for f (this documentation, "The surface ratio");
       errors by first-order propagation.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import EndMember, Shift, XiMap
    >>> first, second = EndMember(2.0, 1.0, 0.5), EndMember(4.0, 0.6, 1.2)
    >>> half = (0.5 + 1.2) / (1.0 + 0.5 + 0.6 + 1.2)
    >>> ratio = XiMap(
    ...     np.array([[half]]), np.array([[0.01]]), np.array([[True]]), Shift(0.0, 0.0, 0.0)
    ... )
    >>> surface.calibrated_valence(ratio, first, second).valence.round(6).tolist()
    [[3.0]]
    """
    _require_pixels(xi)
    for name, end in (("first", first), ("second", second)):
        numbers = (end.valence, end.low, end.high, end.low_std, end.high_std)
        good = np.all(np.isfinite(numbers)) and min(end.low, end.high) > 0
        if not good or min(end.low_std, end.high_std) < 0:
            raise ValueError(f"{name} must have positive yields and errors of zero or more: {end}")
    if first.valence == second.valence or np.isclose(first.xi, second.xi, rtol=0, atol=1e-9):
        raise ValueError("first and second must differ in valence and in their ratio high / low")
    note = (
        f"calibrated by valence {first.valence:g} at xi = {first.xi:.4g} and {second.valence:g} at "
        f"{second.xi:.4g}, linear mixing of spectra"
    )
    return _mapped(xi, first, second, calibrated=True, note=note)


def _require_pixels(xi: XiMap) -> None:
    if not np.any(xi.valid):
        raise ValueError("the map has no valid pixel; lower min_counts or count longer")


def _mapped(
    xi: XiMap, first: EndMember, second: EndMember, *, calibrated: bool, note: str
) -> ValenceMap:
    x = np.where(xi.valid, xi.xi, np.nan)
    sums = first.low + first.high, second.low + second.high
    # f = p / q; q falls to zero where no positive mixture can lie.
    p = sums[0] * x - first.high
    q = (sums[0] - sums[1]) * x - (first.high - second.high)
    inside = q * (second.high * sums[0] - first.high * sums[1]) > 0
    valid = np.asarray(xi.valid) & inside
    with np.errstate(all="ignore"):
        fraction = np.where(valid, p / q, np.nan)
        slope = (sums[0] * q - p * (sums[0] - sums[1])) / q**2
        scale = abs(second.valence - first.valence)
        std = np.where(valid, np.abs(slope) * xi.xi_std * scale, np.nan)
        # Changes of f by A1, B1, A2, B2.
        variance = (1.0 - fraction) ** 2 * _spread(x, first) + fraction**2 * _spread(x, second)
        systematic = variance / q**2
        if xi.systematic_std is not None:
            systematic = systematic + (slope * xi.systematic_std) ** 2
        common = np.where(valid, np.sqrt(systematic) * scale, np.nan)
    notes: tuple[str, ...] = (note,)
    lost = int(np.count_nonzero(xi.valid & ~valid))
    if lost:
        notes += (f"{lost} pixels lie beyond the pole of the calibration",)
    outside = int(np.count_nonzero(valid & ((fraction < 0) | (fraction > 1))))
    if outside:
        notes += (f"{outside} pixels lie outside the end members",)
    return ValenceMap(
        valence=first.valence + (second.valence - first.valence) * fraction,
        valence_std=std,
        valid=valid,
        calibrated=calibrated,
        end_members=(first, second),
        systematic_std=common if calibrated else None,
        pixel_size_um=xi.pixel_size_um,
        notes=notes,
    )


def _spread(xi: _Image, end: EndMember) -> _Image:
    """Variance of xi A - (1 - xi) B of one end member."""
    return np.asarray((xi * end.low_std) ** 2 + ((1.0 - xi) * end.high_std) ** 2)
