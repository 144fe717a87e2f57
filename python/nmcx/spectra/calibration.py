"""One energy scale for a series of scans of a drifting monochromator."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Calibration, Spectrum
from nmcx.spectra.foil import Curve, Fit, align, coarse_shifts, first_inflection, fit_alone, merged

__all__ = ["calibrate"]

#: A foil disagrees if its misfit is this many times its own noise and the usual misfit (default).
DISAGREEMENT = 3.0
#: Misfit in parts of the foil's rise above which two curves alone are different ones (default).
ALIEN = 0.05


def calibrate(
    spectra: Sequence[Spectrum],
    *,
    foil_edge_ev: float = 8333.0,
    foils: Sequence[Spectrum] | None = None,
    window_ev: tuple[float, float] = (-30.0, 60.0),
    max_shift_ev: float = 20.0,
) -> Calibration:
    """Put a series of scans on one absolute energy scale by the foil measured along with each.

    All foil curves are shifted onto their common mean by least squares over the whole curve, each
    with its own gain, offset and slope, so that neither thickness nor normalisation matters. Then
    the first inflection of the merged foil is set to `foil_edge_ev`. One shift per scan is added to
    its energies; nothing is interpolated.

    Parameters
    ----------
    spectra : sequence of Spectrum
        The scans, with the foil as `reference` (see `io.read_athena`).
    foil_edge_ev : float
        Energy of the foil's first inflection [eV]; default 8333, Ni K.
    foils : sequence of Spectrum, optional
        Foil curve of each scan, where `spectra` do not carry them.
    window_ev : (float, float)
        Part of the foil curve that is compared, relative to `foil_edge_ev` [eV].
    max_shift_ev : float
        Largest drift between scans that is looked for, to either side [eV].

    Returns
    -------
    Calibration
        Calibrated spectra, the shift of each with its standard error [eV], the misfit of its foil,
        and the merged foil. A scan whose foil is not the curve of the others, or is missing, is
        given back as measured: `ok` is false, shift and error are NaN and a warning names it.

    Raises
    ------
    ValueError
        If there is no spectrum, `foils` has another length, no two foils agree, the foil has fewer
        than 12 energies in the window, or no inflection is found there.
    nmcx.errors.ConvergenceError
        If the alignment does not settle.

    References
    ----------
    Our own: maximum likelihood of a shift for white noise, the template being a cubic spline
    through all curves. On the scale of 8333 eV for the Ni foil: J. A. Bearden & A. F. Burr, "X-ray
    Atomic Energy Levels", Rev. Mod. Phys. 39, 125 (1967), Ni K 8332.8 eV.

    Examples
    --------
    >>> from nmcx import phantom, spectra
    >>> series = phantom.foil_series(5, drift_ev=3.0, seed=1)
    >>> calibration = spectra.calibrate(series.spectra)
    >>> drift = calibration.shift_ev - series.shift_ev
    >>> bool(np.ptp(drift) < 0.05)  # [eV]
    True
    """
    scans = list(spectra)
    if not scans:
        raise ValueError("spectra is empty; give at least one scan")
    given = list(foils) if foils is not None else [scan.reference for scan in scans]
    if len(given) != len(scans):
        raise ValueError(f"foils has {len(given)} curves for {len(scans)} spectra; give one each")
    if all(foil is None for foil in given):
        raise ValueError("no spectrum has a reference; give the foil curves as `foils`")
    low, high = float(window_ev[0]), float(window_ev[1])
    if not low < 0 < high or not max_shift_ev > 0:
        raise ValueError("window_ev must enclose 0 and max_shift_ev be positive")
    window = (foil_edge_ev + low, foil_edge_ev + high)

    curves = {i: _curve(foil) for i, foil in enumerate(given) if foil is not None}
    coarse_shifts(list(curves.values()), window, max_shift_ev)
    agreeing, _ = _align_agreeing(curves, window)
    # The scale so far is that of a typical scan; the window belongs to the scale of the foil.
    edge, _ = first_inflection(*merged([curves[i] for i in agreeing]))
    for curve in curves.values():
        curve.shift += foil_edge_ev - edge
    agreeing, agreeing_fits = _align_agreeing(curves, window)
    template, energy, mu = merged([curves[i] for i in agreeing])
    edge, edge_std = first_inflection(template, energy, mu)

    ok = np.isin(np.arange(len(scans)), agreeing)
    fits = {i: fit_alone(curve, template) for i, curve in curves.items()}
    fits |= dict(zip(agreeing, agreeing_fits, strict=True))
    rise = float(np.ptp(template(np.linspace(template.t[0], template.t[-1], 1000))))
    misfit = np.full(len(scans), np.nan)
    for i, fit in fits.items():
        misfit[i] = fit.misfit / rise if np.isfinite(fit.misfit) else np.nan
    shift, std = np.full((2, len(scans)), np.nan)
    shift[agreeing] = [curves[i].shift + (foil_edge_ev - edge) for i in agreeing]
    std[agreeing] = _standard_errors([fits[i] for i in agreeing])
    notes = tuple(
        f"scan {i} ({scan.name}): {'foil disagrees with the others' if foil else 'no foil'}, "
        "energies left as measured"
        for i, (scan, foil) in enumerate(zip(scans, given, strict=True))
        if not ok[i]
    )
    for note in notes:
        warnings.warn(note, stacklevel=2)
    return Calibration(
        spectra=tuple(_shifted(scan, shift[i], foil_edge_ev) for i, scan in enumerate(scans)),
        shift_ev=shift,
        shift_std_ev=std,
        misfit=misfit,
        ok=ok,
        foil=Spectrum(energy + (foil_edge_ev - edge), mu, "merged foil"),
        foil_edge_ev=float(foil_edge_ev),
        foil_edge_std_ev=edge_std,
        settings={"window_ev": (low, high), "max_shift_ev": float(max_shift_ev)},
        notes=notes,
    )


def _curve(foil: Spectrum) -> Curve:
    energy = np.asarray(foil.energy_ev, dtype=np.float64)
    mu = np.asarray(foil.mu, dtype=np.float64)
    if energy.ndim != 1 or energy.shape != mu.shape or energy.size < 2:
        raise ValueError(f"foil {foil.name!r} must have one absorption per energy")
    if not (np.all(np.diff(energy) > 0) and np.isfinite(mu).all()):
        raise ValueError(
            f"foil {foil.name!r} must have rising energies and finite absorption; sort or clean it"
        )
    return Curve(energy, mu)


def _align_agreeing(
    curves: dict[int, Curve], window: tuple[float, float]
) -> tuple[list[int], list[Fit]]:
    """Align the curves that agree; the worst are left out one by one. Their numbers and fits."""
    used = list(curves)
    while True:
        _, fits = align([curves[i] for i in used], window)
        misfit = np.array([fit.misfit for fit in fits])
        fitting = np.isfinite(misfit)
        if not fitting.any():
            raise ValueError(
                "no foil has a rising edge inside window_ev; check foil_edge_ev and max_shift_ev"
            )
        if not fitting.all():
            used = [i for i, fits_in in zip(used, fitting, strict=True) if fits_in]
            continue
        worst = used[int(np.argmax(misfit))]
        if not _disagrees(worst, curves, used, window):
            return used, fits
        used.remove(worst)


def _disagrees(
    one: int, curves: dict[int, Curve], used: list[int], window: tuple[float, float]
) -> bool:
    """Whether curve `one` is another than the rest, judged by a template it has no part in."""
    if len(used) < 2:
        return False
    rest = [replace(curves[i]) for i in used if i != one]
    template, fits = align(rest, window)
    fit = fit_alone(curves[one], template)
    rise = float(np.ptp(template(np.linspace(template.t[0], template.t[-1], 1000))))
    usual = float(np.median([other.misfit for other in fits]))
    if len(used) == 2:
        if fit.misfit > max(DISAGREEMENT * fit.noise, ALIEN * rise):
            raise ValueError("the two foils are different curves; give at least three scans")
        return False
    return fit.misfit > DISAGREEMENT * max(fit.noise, usual)


def _standard_errors(fits: list[Fit]) -> NDArray[np.float64]:
    """Standard error of each shift against the mean of all [eV].

    Correlated residuals are an instrument's habit, so how much they add is taken from all scans
    together: one scan alone has too few blocks to say.
    """
    white = np.array([fit.variance_ev2 for fit in fits])
    robust = np.array([fit.robust_ev2 for fit in fits])
    n = white.size
    # A template made of all curves moves with each of them.
    relative = white * (1 - 2 / n) + white.sum() / n**2
    # It also takes its share of their residuals, hence n / (n - 1).
    excess = robust.sum() / white.sum() * n / max(n - 1, 1) if white.sum() > 0 else 1.0
    return np.asarray(np.sqrt(np.clip(relative, 0, None) * max(excess, 1.0)))


def _shifted(scan: Spectrum, shift_ev: float, foil_edge_ev: float) -> Spectrum:
    if not np.isfinite(shift_ev):
        return replace(scan, notes=(*scan.notes, "energies not calibrated: no usable foil"))
    note = f"energies shifted by {shift_ev:+.3f} eV: foil at {foil_edge_ev:g} eV"
    reference = scan.reference
    if reference is not None:
        moved = np.asarray(reference.energy_ev, dtype=np.float64) + shift_ev
        reference = replace(reference, energy_ev=moved, notes=(*reference.notes, note))
    energy = np.asarray(scan.energy_ev, dtype=np.float64) + shift_ev
    return replace(scan, energy_ev=energy, notes=(*scan.notes, note), reference=reference)
