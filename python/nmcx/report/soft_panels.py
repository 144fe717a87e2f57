"""Figures of the surface: soft X-ray scans and spectra."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from nmcx import plot
from nmcx.report.findings import Findings
from nmcx.report.panel import Panel
from nmcx.report.tables import paired

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def soft_panels(f: Findings) -> Iterator[Panel]:
    """Scans, ratio map, valence and errors, as far as they exist."""
    name = "Surface: soft X-ray scans"
    low, high, xi = f.low, f.high, f.xi
    if low is not None and (high is not None or len(low.energy_ev) >= 2):
        yield Panel(
            name,
            lambda: plot.scans(low, high),
            "Two soft X-ray scans of the same field side by side",
            "The A and B scans as measured, before their drift was removed.",
        )
    if xi is None:
        return
    whole = xi.low is not None and xi.high is not None
    if whole:
        yield Panel(
            name,
            lambda: plot.surface_figure(xi, spectrum=f.reference),
            "Mean spectrum with both energies, registered scans, ratio map and its histogram",
            "(a) Mean spectrum, the two energies marked. (b, c) Both scans after registration. "
            "(d) Ratio ξ = I(high) / (I(low) + I(high)). (e) How many pixels have which ξ, with "
            "the error of one pixel. Grey: no valid ratio.",
        )
    valence = f.valence
    if valence is not None and valence.calibrated:
        yield Panel(
            name,
            lambda: plot.valence_map(valence),
            "Map of the valence of nickel and map of its standard error",
            "Valence of Ni, calibrated by two end members, and its standard error from counting. "
            "The error of the calibration moves all pixels together and is not in the map.",
        )
    elif not whole or valence is not None:
        yield Panel(
            name,
            lambda: _pair(plot.xi_map, plot.relative_valence, xi),
            "Map of the ratio xi and map of relative valence",
            "Ratio ξ after registration, and relative valence, ξ on a linear scale of this map's "
            "own (not calibrated). Grey: no valid ratio.",
        )
    yield Panel(
        name,
        lambda: plot.xi_error(xi),
        "Map of the standard error of xi",
        "Standard error of ξ from counting statistics, the registration's weights included.",
    )


def spectra_panels(f: Findings) -> Iterator[Panel]:
    """Soft X-ray spectra, in pairs if there are four."""
    name = "Surface: soft X-ray spectra"
    pairs = paired(f)
    if pairs is not None:
        yield Panel(
            name,
            lambda: plot.soft_spectra_figure(*pairs),
            "Ni L3 and O K spectra of the first and the cycled state by two yields",
            "First against cycled state. (a, b) Ni L3 by electron yield, which sees the outermost "
            "nanometres, and by fluorescence yield, which sees deeper; the ratio of the peaks "
            "falls where Ni is reduced. (c, d) O K: the shaded peak before the edge shrinks where "
            "oxygen was lost. Drawn with the default windows and backgrounds.",
        )
    elif f.spectra:
        yield Panel(
            name,
            lambda: plot.soft_edges_figure(f.spectra),
            "Normalised soft X-ray spectra with their backgrounds",
            "Normalised spectra with the backgrounds above which their peaks were measured.",
        )


def _pair(first: Callable[..., Any], second: Callable[..., Any], result: Any) -> Figure:
    from nmcx.plot.panels import new_figure

    figure = new_figure(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    first(result, ax=left)
    second(result, ax=right)
    return figure
