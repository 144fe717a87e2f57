"""Soft X-ray spectra as tables."""

from __future__ import annotations

import numpy as np

from nmcx.report.findings import Findings, Table
from nmcx.report.words import with_error
from nmcx.results import PeakRatio, Spectrum

Pair = tuple[Spectrum, ...]


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


def scan_table(found: Findings) -> Table:
    """Correlation at each opening angle.

    Parameters
    ----------
    found : Findings
        With `scan`.

    Returns
    -------
    Table
    """
    scan = found.scan
    assert scan is not None
    turned = None if found.robustness is None else np.asarray(found.robustness.band)
    rows: list[tuple[str, ...]] = []
    for i, half in enumerate(np.rad2deg(scan.half_angle)):
        low, high = scan.interval[i]
        band = scan.null_band[i]
        rows.append(
            (
                f"{2 * half:g}°",
                f"{half:g}°",
                f"{scan.pearson[i]:+.3f}",
                f"{low:+.2f} … {high:+.2f}",
                f"{scan.spearman[i]:+.3f}",
                f"{band[0]:+.2f} … {band[1]:+.2f}",
                f"{scan.p_value[i]:.3g}",
                f"{scan.n_effective[i]:.0f}",
            )
            + (() if turned is None else (f"{turned[i, 0]:+.2f} … {turned[i, 1]:+.2f}",))
        )
    header: tuple[str, ...] = (
        "opening 2α", "half α", "Pearson", "95 % interval", "Spearman", "null, 95 %", "p", "n eff.",
    )  # fmt: skip
    if turned is not None:
        header = (*header, "map turned")
    remark = f"All angles as one test: p = {scan.p_family:.3g}. Sign: {scan.sign_convention}."
    return Table("Correlation against opening angle", header, tuple(rows), remark)


def cone_table(found: Findings) -> Table:
    """Cone porosity at each opening angle, beside the correlation if there is one.

    Parameters
    ----------
    found : Findings
        With `cones`.

    Returns
    -------
    Table
    """
    cones, scan = found.cones, found.scan
    assert cones is not None
    rows = []
    for i, half in enumerate(np.rad2deg(cones.half_angle)):
        column = cones.porosity[:, i]
        finite = column[np.isfinite(column)]
        low, middle, high = np.percentile(finite, (5, 50, 95)) if finite.size else [np.nan] * 3
        row = [
            f"{2 * half:g}°", f"{np.median(cones.envelope_voxels[:, i]):,.0f}", f"{middle:.4f}",
            f"{low:.4f} … {high:.4f}",
        ]  # fmt: skip
        if scan is not None:
            band = scan.null_band[i]
            row += [
                f"{scan.pearson[i]:+.3f}", f"{scan.spearman[i]:+.3f}",
                f"{band[0]:+.2f} … {band[1]:+.2f}", f"{scan.p_value[i]:.3g}",
            ]  # fmt: skip
        rows.append(tuple(row))
    header = ("opening 2α", "voxels", "porosity, median", "5–95 % of directions")
    if scan is not None:
        header = (*header, "Pearson", "Spearman", "null, 95 %", "p")  # type: ignore[assignment]
    return Table("Porosity in cones", header, tuple(rows))


def paired(
    found: Findings,
) -> tuple[Pair, Pair, Pair, Pair] | None:
    """The four pairs of first and cycled spectra, or None if they are not all there.

    Parameters
    ----------
    found : Findings
        With `spectra`.

    Returns
    -------
    tuple of (Spectrum, Spectrum), or None
        Ni L by electron and fluorescence yield, O K likewise.
    """
    pairs: dict[str, list[Spectrum]] = {}
    for one in found.spectra:
        pairs.setdefault(f"{one.edge}_{one.spectrum.mode}", []).append(one.spectrum)
    names = ("nickel_tey", "nickel_fy", "oxygen_tey", "oxygen_fy")
    if set(pairs) != set(names) or any(len(pair) != 2 for pair in pairs.values()):
        return None
    first, second, third, fourth = (tuple(pairs[name]) for name in names)
    return first, second, third, fourth
