"""Soft X-ray spectra as tables."""

from __future__ import annotations

from nmcx.report.findings import Findings, Table
from nmcx.report.words import with_error
from nmcx.results import PeakRatio


def spectra_table(found: Findings) -> Table:
    """Each spectrum with its peaks and their errors.

    Parameters
    ----------
    found : Findings
        With `spectra`.

    Returns
    -------
    Table
    """
    rows = []
    for one in found.spectra:
        mode, result = one.spectrum.mode or "unknown", one.found
        if isinstance(result, PeakRatio):
            what = (
                "Ni L3, high/low",
                with_error(result.ratio, result.ratio_std),
                f"ξ = {with_error(result.xi, result.xi_std)}",
                f"peaks at {result.low_ev:.2f} and {result.high_ev:.2f} eV, {result.method}",
            )
        else:
            what = (
                "O K pre-edge, area",
                with_error(result.area, result.area_std, "eV"),
                f"height {with_error(result.height, result.height_std)}",
                f"centroid {with_error(result.centroid_ev, result.centroid_std_ev, 'eV')}, "
                f"{result.background}",
            )
        rows.append((one.name, mode, *what))
    remark = (
        "Intensities are those of normalised spectra, in edge jumps by default. Errors are those "
        "of the noise."
    )
    header = ("spectrum", "yield", "quantity", "value", "also", "where and how")
    return Table("Soft X-ray spectra", header, tuple(rows), remark)


def suppression_table(found: Findings) -> Table:
    """Suppression of the O K pre-edge with its parts.

    Parameters
    ----------
    found : Findings
        With `suppressions`.

    Returns
    -------
    Table
    """
    rows = []
    for one in found.suppressions:
        low, high = one.interval_95
        rows.append(
            (
                one.mode or "unknown",
                f"{100 * one.value:.1f} %",
                f"{100 * low:.1f} … {100 * high:.1f} %",
                f"{100 * one.std:.1f} %",
                f"{100 * one.systematic_std:.1f} %",
                f"{100 * one.step:.1f} %",
                f"{100 * one.bridge:.1f} %",
            )
        )
    header = ("yield", "suppression", "95 % interval", "noise", "choices", "step", "bridge")
    remark = (
        "Suppression is 1 − A(cycled) / A(first) of the pre-edge area A, the mean of both "
        "backgrounds. The interval covers noise, windows and backgrounds."
    )
    return Table("Suppression of the O K pre-edge", header, tuple(rows), remark)
