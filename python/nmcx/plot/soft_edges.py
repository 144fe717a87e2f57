"""Soft X-ray spectra as measured, each with the background that was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nmcx.plot.panels import COLOURS, TICK, label_axes, new_figure, open_frame
from nmcx.results import PeakRatio, PreEdge, Spectrum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = {"nickel": "Ni L3", "oxygen": "O K"}


class MeasuredSpectrum(Protocol):
    """What a panel needs of a spectrum."""

    @property
    def edge(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def normal(self) -> Spectrum: ...  # noqa: D102
    @property
    def found(self) -> PeakRatio | PreEdge: ...  # noqa: D102


def soft_edges_figure(
    spectra: Sequence[MeasuredSpectrum], *, figure: Figure | None = None
) -> Figure:
    """Normalised spectra with their backgrounds, one panel per edge.

    Parameters
    ----------
    spectra : sequence of nmcx.report.SoftSpectrum
        Measured spectra; those of one edge share a panel.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from nmcx import phantom
    >>> from nmcx import spectra as measure
    >>> scan = measure.normalise_soft(phantom.soft_spectra().oxygen_tey[0])
    >>> peak = measure.pre_edge_area(scan.energy_ev, scan.mu)
    >>> one = SimpleNamespace(edge="oxygen", name="first", normal=scan, found=peak)
    >>> len(soft_edges_figure([one]).axes)
    1
    """
    edges = [edge for edge in _NAMES if any(one.edge == edge for one in spectra)]
    if not edges:
        raise ValueError("give at least one spectrum")
    figure = new_figure(4.4 * len(edges), 3.6) if figure is None else figure
    for edge, ax in zip(edges, np.ravel(figure.subplots(1, len(edges))), strict=True):
        ends = []
        for i, one in enumerate(one for one in spectra if one.edge == edge):
            colour, found = COLOURS[i % len(COLOURS)], one.found
            ax.plot(one.normal.energy_ev, one.normal.mu, color=colour, lw=1.2, label=one.name)
            if isinstance(found, PeakRatio):
                ax.plot(found.energy_ev, found.background, "--", color=colour, lw=1.0)
                ends += [found.low_ev - 6.0, found.high_ev + 8.0]
            else:
                top = np.interp(found.energy_ev, one.normal.energy_ev, one.normal.mu)
                ax.plot(found.energy_ev, found.curve, "--", color=colour, lw=1.0)
                ax.fill_between(found.energy_ev, found.curve, top, color=colour, alpha=0.18, lw=0)
                ends += [found.window_ev[0] - 4.0, found.window_ev[1] + 12.0]
        ax.plot([], [], "--", color="0.4", lw=1.0, label="background")
        ax.set_xlim(min(ends), max(ends))
        label_axes(ax, "energy [eV]", "normalised intensity [1]", _NAMES[edge])
        ax.ticklabel_format(axis="both", useOffset=False)
        ax.legend(fontsize=TICK - 0.5, frameon=False, loc="upper left")
        low, high = ax.get_ylim()
        # Room for the legend above the curves.
        ax.set_ylim(low, high + 0.055 * len(ax.get_legend().get_texts()) * (high - low))
        open_frame(ax)
    return figure
