"""The ratio map xi of two scans with its error."""

from __future__ import annotations

import logging

import numpy as np

from nmcx.errors import ConvergenceError
from nmcx.results import Shift, StxmStack, XiMap
from nmcx.surface.registration import register, resampled
from nmcx.surface.scans import (
    Scan,
    common_grid,
    dwell_times,
    pair,
    transmission_scan,
    yield_scan,
)

_log = logging.getLogger("nmcx")

#: Counts in both scans together that give sigma(xi) = 0.02 at xi = 1/2.
_MIN_COUNTS = 625.0


def xi_map(
    low: StxmStack,
    high: StxmStack,
    *,
    mode: str = "tey",
    dark: float | tuple[float, float] = 0.0,
    i0: float | tuple[float, float] | None = None,
    min_counts: float | None = None,
    min_significance: float = 5.0,
    shift: Shift | None = None,
    max_shift: float | tuple[float, float] | None = None,
) -> XiMap:
    r"""Ratio map xi = I_high / (I_low + I_high) of two scans, registered, with Poisson errors.

    The drift of `high` is found on the logarithm of the counts and measured on the finest structure
    of their square root (in transmission on optical densities alone); its error includes how far
    the two disagree. It is removed in one cubic-spline interpolation, through which the variance
    is propagated by the squared weights. Nothing is clipped: xi may leave [0, 1] after dark
    subtraction, and the notes say how often it does.

    Parameters
    ----------
    low, high : StxmStack
        One energy each, ``counts (1, ny, nx)``, the same grid; `low` has the lower energy.
    mode : {"tey", "transmission"}
        ``"tey"``: I = (counts / dwell - dark) / i0. ``"transmission"``: I is the optical density
        -ln((counts - dark dwell) / i0).
    dark : float or (float, float)
        Dark rate, for both or (low, high) [counts/s].
    i0 : float or (float, float), optional
        For both or (low, high). In ``"tey"`` the relative flux of the incident beam [1], default 1;
        in ``"transmission"`` the counts of the open field per pixel [counts], default: the
        brightest mode of each image's histogram, which the notes tell.
    min_counts : float, optional
        Least counts of both scans together for a valid pixel [counts]. Default: 625 for ``"tey"``,
        from sigma = 0.02 = sqrt(xi (1 - xi) / n) at xi = 1/2 (our default); none for
        ``"transmission"``.
    min_significance : float
        In ``"transmission"``, least sum of both optical densities in units of its standard error
        (our default: 5).
    shift : Shift, optional
        A known drift; default: `register` finds it.
    max_shift : float or (float, float), optional
        See `register`.

    Returns
    -------
    XiMap
        ``xi``, ``xi_std``, ``valid`` (ny, nx) on the grid of `low`; ``low`` and ``high`` hold the
        intensities [counts/s over i0] (optical densities [1] in transmission).

    Raises
    ------
    ValueError
        If the scans do not hold one energy each in ascending order, differ in grid, or an option
        is out of range.
    nmcx.errors.ConvergenceError
        If the two scans cannot be registered (see `register`).

    Notes
    -----
    sigma_xi^2 = (I_high^2 var(I_low) + I_low^2 var(I_high)) / (I_low + I_high)^4, which without
    dark and with equal flux and dwell is xi (1 - xi) / (N_low + N_high). A pixel without counts
    gets the variance of one count, so that no error is zero. Errors of neighbouring pixels are
    correlated by the interpolation.

    References
    ----------
    .. [1] S. Li et al., Nat. Commun. 11, 4433 (2020), Supplementary Fig. 1: definition of xi for
       854.0 and 856.2 eV. Errors: propagation of Poisson counts, first order.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Shift, StxmStack
    >>> axis = np.arange(4.0)
    >>> low = StxmStack(np.full((1, 4, 4), 400.0), np.array([854.0]), axis, axis, dwell_s=0.01)
    >>> high = StxmStack(np.full((1, 4, 4), 600.0), np.array([856.2]), axis, axis, dwell_s=0.01)
    >>> result = surface.xi_map(low, high, shift=Shift(0.0, 0.0, 0.0))
    >>> round(float(result.xi[1, 1]), 3), round(float(result.xi_std[1, 1]), 4)
    (0.6, 0.0155)
    """
    if mode not in ("tey", "transmission"):
        raise ValueError(f'mode must be "tey" or "transmission", not {mode!r}')
    if min_significance <= 0:
        raise ValueError(f"min_significance must be positive, not {min_significance}")
    energy, pixel_size = common_grid(low, high)
    darks = pair(dark, "dark", least=0.0)
    fluxes = (None, None) if i0 is None else pair(i0, "i0", least=np.finfo(float).tiny)
    dwell, notes = dwell_times(low, high)
    prepare = yield_scan if mode == "tey" else transmission_scan
    a, b = (
        prepare(np.asarray(scan.counts[0], dtype=np.float64), t, d, flux, name)
        for scan, t, d, flux, name in zip(
            (low, high), dwell, darks, fluxes, ("low", "high"), strict=True
        )
    )
    if shift is None:
        shift = _drift(a, b, max_shift)
        notes += (
            f"drift of the high-energy scan: ({shift.dy:.3f}, {shift.dx:.3f}) px "
            f"± {shift.std:.3f} px, removed by one cubic-spline interpolation",
        )
    high_intensity, high_variance = resampled(b.intensity, b.variance, shift)
    high_counts, _ = resampled(b.counts, b.counts, shift)
    notes += a.notes + b.notes
    if shift.dy % 1 or shift.dx % 1:
        notes += ("the interpolation correlates the errors of neighbouring pixels",)

    with np.errstate(all="ignore"):
        total = a.intensity + high_intensity
        xi = high_intensity / total
        spread = high_intensity**2 * a.variance + a.intensity**2 * high_variance
        xi_std = np.sqrt(spread) / total**2
        valid = np.isfinite(xi) & np.isfinite(xi_std) & (total > 0)
        if mode == "transmission":
            valid &= total > min_significance * np.sqrt(a.variance + high_variance)
            notes += ("low and high are optical densities [1]",)
        if mode == "tey" or min_counts is not None:
            least = _MIN_COUNTS if min_counts is None else float(min_counts)
            valid &= a.counts + high_counts >= least
            notes += (f"valid: at least {least:g} counts in both scans together",)
        outside = int(np.count_nonzero(valid & ((xi < 0) | (xi > 1))))
    if outside:
        notes += (f"{outside} valid pixels have xi outside [0, 1]",)
    return XiMap(
        xi=np.where(valid, xi, np.nan),
        xi_std=np.where(valid, xi_std, np.nan),
        valid=valid,
        shift=shift,
        pixel_size_um=pixel_size,
        energy_ev=energy,
        low=a.intensity,
        high=high_intensity,
        notes=notes,
    )


def _drift(a: Scan, b: Scan, max_shift: float | tuple[float, float] | None) -> Shift:
    """Drift of scan b against a; its error includes how much the choice of contrast matters.

    Chemistry varies from place to place, and a smooth change of brightness passes for a shift of
    the rim. The whole images find the drift to a fraction of a pixel; their finest structure, with
    all that is smoother than a few pixels taken off, then measures it.
    """
    whole = register(a.contrast, b.contrast, max_shift=max_shift, variation=1)
    if a.detail is None or b.detail is None:
        return whole
    row, column = round(whole.dy), round(whole.dx)
    ny, nx = a.detail.shape
    common = (
        slice(max(0, -row), min(ny, ny - row)),
        slice(max(0, -column), min(nx, nx - column)),
    )
    moved = tuple(
        slice(s.start + by, s.stop + by) for s, by in zip(common, (row, column), strict=True)
    )
    try:
        fine = register(a.detail[common], b.detail[moved], max_shift=2.0, variation=1)
    except ConvergenceError:
        _log.info("the finest structure is too weak: drift from the whole images")
        return whole
    dy, dx = row + fine.dy, column + fine.dx
    disagreement = np.hypot(dy - whole.dy, dx - whole.dx) / np.sqrt(2.0)
    return Shift(dy=dy, dx=dx, std=float(np.hypot(fine.std, disagreement)))
