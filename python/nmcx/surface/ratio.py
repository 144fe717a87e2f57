"""The ratio map xi of two scans with its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Affine, Shift, Spectrum, StxmStack, XiMap
from nmcx.surface.drift import Drift, find_drift
from nmcx.surface.noise import SHARE_PX, Image, expected_variances, smooth
from nmcx.surface.registration import resampled
from nmcx.surface.scans import (
    Exposure,
    Scan,
    beam,
    common_grid,
    dwell_times,
    each,
    prepare,
    reading_per_count,
)
from nmcx.surface.sensitivity import energy_sensitivity

#: Standard error of xi beyond which a pixel carries no number, unless counts are asked for.
_SIGMA_TARGET = 0.02


def xi_map(
    low: StxmStack,
    high: StxmStack,
    *,
    mode: str = "tey",
    dark: float | tuple[float, ...] = 0.0,
    i0: float | tuple[float, ...] | None = None,
    background: StxmStack | None = None,
    noise: str = "poisson",
    gain: float | tuple[float, ...] | None = None,
    read_noise: float | tuple[float, ...] = 0.0,
    min_counts: float | None = None,
    sigma_target: float | None = None,
    min_significance: float | None = None,
    shift: Shift | None = None,
    background_shift: Shift | None = None,
    max_shift: float | tuple[float, float] | None = None,
    motion: str = "auto",
    spectrum: Spectrum | None = None,
    energy_std_ev: float | None = None,
) -> XiMap:
    r"""Ratio map xi = I_high / (I_low + I_high) of two scans, registered, with errors.

    The drift of `high` is found on the logarithm of the counts and measured on the finest structure
    of their square root (in transmission both on optical densities); its error includes how far
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
    dark : float or tuple of float
        Dark rate, for all or (low, high[, background]) [counts/s]; for electrometer readings the
        offset in their units.
    i0 : float or tuple of float, optional
        For all or (low, high[, background]). In ``"tey"`` the relative flux of the incident beam
        [1], default: the `i0` recorded with the scans, else 1; in ``"transmission"`` the counts of
        the open field per pixel [counts], default: the brightest mode of each image's histogram,
        which the notes tell.
    background : StxmStack, optional
        Third scan of the field below the edge (for Ni L3 about 848 eV), registered as well and
        subtracted from both with its variance.
    noise : {"poisson", "measured"}
        ``"poisson"``: variance = gain x reading + read_noise^2. ``"measured"``: both constants come
        from each image itself, by differences of neighbours along the rows.
    gain : float or tuple of float, optional
        Reading of one count in one pixel, in units of the scans. Default 1; electrometer readings
        (`units` other than "counts") need it unless the noise is measured.
    read_noise : float or tuple of float
        Standard deviation of a reading without signal, in units of the scans.
    min_counts : float, optional
        Least counts of both scans together for a valid pixel [counts].
    sigma_target : float, optional
        Largest standard error of xi, before the interpolation lowers it, for a valid pixel [1]. For
        counts alone that is n = xi (1 - xi) / sigma_target^2. Default in ``"tey"``, unless
        `min_counts` is given: 0.02, hence 625 counts at xi = 1/2 (our default).
    min_significance : float, optional
        Least I_low + I_high in units of its standard error (our default: 3 in ``"tey"``, 5 in
        ``"transmission"``, where the empty field makes up much of the image).
    shift, background_shift : Shift, optional
        Known drifts; default: `register` finds them.
    max_shift : float or (float, float), optional
        See `register`.
    motion : {"auto", "translation", "drift"}
        ``"drift"``: the drift grows evenly from row to row, as that of a stage does while the rows
        are scanned one after the other. ``"auto"``: if the fine structure says so beyond doubt
        (chi-squared of both rates above 23, which chance does once in 100,000).
    spectrum : Spectrum, optional
        Reference spectrum on the energy scale of the scans, intensity in ``mu``: gives the
        sensitivity of xi to errors of the energy.
    energy_std_ev : float, optional
        Standard error of the energy, common to both scans [eV]; needs `spectrum`.

    Returns
    -------
    XiMap
        ``xi``, ``xi_std``, ``valid`` (ny, nx) on the grid of `low`; ``low`` and ``high`` hold the
        intensities [counts/s over i0] (optical densities [1] in transmission), less background.
        ``systematic_std`` = xi (1 - xi) x error of ln(I_high / I_low) from the energy.

    Raises
    ------
    ValueError
        If the scans do not hold one energy each in ascending order, differ in grid, or an option
        is out of range.
    nmcx.errors.ConvergenceError
        If the scans cannot be registered: blank, saturated, of different fields (see `register`),
        or alike in outline but not in texture, as two particles are.

    Notes
    -----
    sigma_xi^2 = ((1 - xi)^2 var(I_high) + xi^2 var(I_low) + (2 xi - 1)^2 var(background)) /
    (I_low + I_high)^2, which without dark and with equal flux and dwell is xi (1 - xi) /
    (N_low + N_high). In it, xi and the share of each scan in the counts are means over the
    neighbourhood: a pixel's own counts would make the error small where they happened to fall low.
    Errors of neighbouring pixels are correlated by the interpolation. Where nickel is dilute and
    no `background` is given, xi is drawn towards the background's own ratio, about 1/2.

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
    if min_significance is None:
        min_significance = 3.0 if mode == "tey" else 5.0
    _check(mode, noise, motion, min_significance, sigma_target, spectrum, energy_std_ev)
    for name, given in (("shift", shift), ("background_shift", background_shift)):
        if given is not None and not isinstance(given, Shift):
            raise ValueError(f"{name} must be a nmcx.results.Shift, not {type(given).__name__}")
    stacks = [low, high] if background is None else [low, high, background]
    energy, pixel_size = common_grid(stacks)
    scans, notes = _prepared(stacks, mode, noise, dark, i0, gain, read_noise)
    drifts = []
    for scan, given in zip(scans[1:], (shift, background_shift), strict=False):
        drift = (
            find_drift(
                scans[0], scan, max_shift, motion=motion, same_texture=scan.name != "background"
            )
            if given is None
            else Drift(given, None, ())
        )
        notes += drift.notes
        drifts.append(drift)
    known = drifts[0].shift
    if shift is None:
        notes += (
            f"drift of the high-energy scan: ({known.dy:.3f}, {known.dx:.3f}) px "
            f"± {known.std:.3f} px, removed by one cubic-spline interpolation",
        )
    if any(d.motion is not None or d.shift.dy % 1 or d.shift.dx % 1 for d in drifts):
        notes += ("the interpolation correlates the errors of neighbouring pixels",)
    ratio = _ratio(scans, [drift.removed for drift in drifts], mode)
    if mode == "tey" and min_counts is None and sigma_target is None:
        sigma_target = _SIGMA_TARGET
    valid, said = _validity(ratio, min_significance, min_counts, sigma_target)
    notes += said + tuple(note for scan in scans for note in scan.notes)
    notes += _background_note(background, ratio, valid)
    if mode == "transmission":
        notes += ("low and high are optical densities [1]",)
    result = XiMap(
        xi=np.where(valid, ratio.xi, np.nan),
        xi_std=np.where(valid, ratio.std, np.nan),
        valid=valid,
        shift=known,
        motion=drifts[0].motion,
        pixel_size_um=pixel_size,
        energy_ev=energy,
        low=ratio.low,
        high=ratio.high,
        notes=notes,
        background=ratio.background,
    )
    return result if spectrum is None else _with_energy_error(result, spectrum, energy_std_ev)


def _check(
    mode: str,
    noise: str,
    motion: str,
    min_significance: float,
    sigma_target: float | None,
    spectrum: Spectrum | None,
    energy_std_ev: float | None,
) -> None:
    if mode not in ("tey", "transmission"):
        raise ValueError(f'mode must be "tey" or "transmission", not {mode!r}')
    if noise not in ("poisson", "measured"):
        raise ValueError(f'noise must be "poisson" or "measured", not {noise!r}')
    if motion not in ("auto", "translation", "drift"):
        raise ValueError(f'motion must be "auto", "translation" or "drift", not {motion!r}')
    if not min_significance >= 0:
        raise ValueError(f"min_significance must not be negative, not {min_significance}")
    if sigma_target is not None and not sigma_target > 0:
        raise ValueError(f"sigma_target must be positive, not {sigma_target}")
    if energy_std_ev is not None and (spectrum is None or not energy_std_ev >= 0):
        raise ValueError("energy_std_ev must be zero or more and needs a reference spectrum")


def _prepared(
    stacks: Sequence[StxmStack],
    mode: str,
    noise: str,
    dark: float | tuple[float, ...],
    i0: float | tuple[float, ...] | None,
    gain: float | tuple[float, ...] | None,
    read_noise: float | tuple[float, ...],
) -> tuple[list[Scan], tuple[str, ...]]:
    n, tiny = len(stacks), float(np.finfo(float).tiny)
    dwell, notes = dwell_times(stacks)
    flux, said = beam(stacks, i0, mode)
    darks, gains = each(dark, "dark", n, least=0.0), each(gain, "gain", n, least=tiny)
    gains = tuple(map(reading_per_count, stacks, gains))
    reads = each(read_noise, "read_noise", n, least=0.0)
    scans = [
        prepare(
            stack,
            Exposure(dwell[i], darks[i] or 0.0, flux[i], gains[i], reads[i] or 0.0),
            mode=mode,
            noise=noise,
            name=("low", "high", "background")[i],
        )
        for i, stack in enumerate(stacks)
    ]
    return scans, notes + said


@dataclass(frozen=True)
class _Ratio:
    """Everything known of each pixel before validity."""

    xi: Image
    std: Image
    std_alone: Image  #: without the averaging of the interpolation
    counts: Image  #: of both scans
    low: Image
    high: Image
    background: Image | None
    significance: Image  #: of the sum of both intensities


def _ratio(scans: list[Scan], drifts: list[Shift | Affine], mode: str) -> _Ratio:
    counts, squares = [scans[0].counts], [np.ones(scans[0].counts.shape)]
    for scan, drift in zip(scans[1:], drifts, strict=True):
        # Unit variance in gives the sum of squared weights out.
        moved, square = resampled(scan.counts, squares[0], drift)
        counts.append(moved)
        squares.append(square)
    intensity, slope = zip(
        *(scan.intensity(n, mode) for scan, n in zip(scans, counts, strict=True)), strict=True
    )
    own, moved_variance = expected_variances(scans, counts, squares)
    background = intensity[2] if len(scans) > 2 else None
    low = intensity[0] if background is None else intensity[0] - background
    high = intensity[1] if background is None else intensity[1] - background
    with np.errstate(all="ignore"):
        total = low + high
        xi = high / total
        known = np.isfinite(total).astype(np.float64)
        nearby = smooth(high, known, SHARE_PX) / smooth(total, known, SHARE_PX)
        typical = np.where(np.isfinite(nearby) & (np.abs(nearby) < 2.0), nearby, xi)
        weights = (typical**2, (1.0 - typical) ** 2, (2.0 * typical - 1.0) ** 2)

        def spread(variances: list[Image], factors: Sequence[Image | float]) -> Image:
            parts = zip(variances, slope, factors, strict=False)
            return np.asarray(np.sqrt(sum(v * g**2 * w for v, g, w in parts)))

        std, alone = spread(moved_variance, weights) / total, spread(own, weights) / total
        significance = total / spread(moved_variance, (1.0, 1.0, 4.0))
    both = np.asarray(counts[0] + counts[1])
    return _Ratio(xi, std, alone, both, low, high, background, significance)


def _validity(
    ratio: _Ratio, min_significance: float, min_counts: float | None, sigma_target: float | None
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    with np.errstate(all="ignore"):
        valid = np.isfinite(ratio.xi) & np.isfinite(ratio.std) & (ratio.std > 0)
        valid &= (ratio.significance > 0) & (ratio.significance >= min_significance)
        notes: tuple[str, ...] = (
            f"valid: both intensities together {min_significance:g} standard errors above 0",
        )
        if min_counts is not None:
            valid &= ratio.counts >= float(min_counts)
            notes += (f"valid: at least {min_counts:g} counts in both scans together",)
        if sigma_target is not None:
            valid &= ratio.std_alone <= sigma_target * (1.0 + 1e-12)
            notes += (
                f"valid: standard error of xi at most {sigma_target:g} before interpolation "
                f"({0.25 / sigma_target**2:.0f} counts in both scans together at xi = 1/2)",
            )
        outside = int(np.count_nonzero(valid & ((ratio.xi < 0) | (ratio.xi > 1))))
    if outside:
        notes += (f"{outside} valid pixels have xi outside [0, 1]",)
    return valid, notes


def _background_note(
    background: StxmStack | None, ratio: _Ratio, valid: NDArray[np.bool_]
) -> tuple[str, ...]:
    if background is None or ratio.background is None:
        return ("no background scan: xi is diluted towards 1/2 where nickel is dilute",)
    if not np.any(valid):
        return ()
    share = 2.0 * ratio.background[valid] / (ratio.low + ratio.high)[valid]
    return (
        f"background at {float(background.energy_ev[0]):.1f} eV subtracted: without it "
        f"|xi - 1/2| would be smaller by a factor of {1.0 + float(np.median(share)):.3g} (median)",
    )


def _with_energy_error(result: XiMap, spectrum: Spectrum, energy_std_ev: float | None) -> XiMap:
    found = energy_sensitivity(spectrum, *result.energy_ev)
    note = (
        f"an energy error of both scans moves xi by {found.per_ev:+.3g} ± {found.per_ev_std:.2g} "
        "per eV (reference spectrum)"
    )
    systematic = None
    if energy_std_ev is not None:
        error = found.log_ratio_std(energy_std_ev)
        systematic = np.abs(result.xi * (1.0 - result.xi)) * error
        if np.any(result.valid):
            typical = float(np.median(systematic[result.valid]))
            note += f"; ± {energy_std_ev:g} eV is ± {typical:.2g} in xi"
    return replace(
        result,
        energy_sensitivity=found.log_ratio_slope,
        systematic_std=systematic,
        notes=(*result.notes, note),
    )
