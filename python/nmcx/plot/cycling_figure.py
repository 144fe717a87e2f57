"""A particle cycle by cycle: its layer, what that does to ξ and pre-edge, and its capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmcx.plot.panels import COLOURS, TICK, label_axes, new_figure, open_frame
from nmcx.results import CycleTable, Suppression

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NANO = 1e9
_MODEL, _MEASURED = COLOURS[0], COLOURS[1]


def cycling_figure(
    table: CycleTable, *, measured: Suppression | None = None, figure: Figure | None = None
) -> Figure:
    """Layer, change of ξ, suppression of the O K pre-edge and capacity against the cycle.

    Parameters
    ----------
    table : CycleTable
        From `nmcx.comparison.by_cycle`.
    measured : Suppression, optional
        From `nmcx.spectra.suppression`, of the table's `since` and its last cycle: drawn at the
        latter with its interval of 95 %.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
        Bands are one standard error of ξ, and the range of the probing depths.

    References
    ----------
    .. [1] Suppression as in Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl.
       Fig. 2; the rest is ours.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, comparison, materials, mesh, plot
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> cycle = [cm.Charge(2.0, until=0.6), cm.Discharge(2.0, until=0.9)]
    >>> grown = cm.Coupling(stress_drive="none", layer_growth=1e-21)
    >>> history = cm.simulate(
    ...     grains, materials.NMC811, protocol=cycle * 2, coupling=grown, states=1
    ... )
    >>> figure = plot.cycling_figure(comparison.by_cycle(history, grains, materials.NMC811))
    >>> len(figure.axes)
    4
    """
    figure = new_figure(7.2, 5.2) if figure is None else figure
    of_layer, of_xi, of_pre_edge, of_capacity = figure.subplots(2, 2, sharex=True).flat
    cycle = np.asarray(table.cycle)
    of_layer.plot(cycle, _NANO * table.surface_layer, color=_MODEL, lw=1.6, label="surface")
    if np.isfinite(table.wall_layer).any():
        of_layer.plot(
            cycle, _NANO * table.wall_layer, "--", color=COLOURS[2], lw=1.6, label="wetted walls"
        )
    of_layer.legend(fontsize=TICK, frameon=False, loc="upper left")
    of_layer.set_ylim(bottom=0.0)
    label_axes(of_layer, "", "layer, mean [nm]")
    _xi(of_xi, table, cycle)
    _pre_edge(of_pre_edge, table, cycle, measured)
    of_capacity.plot(cycle[1:], table.capacity[1:], color=_MODEL, lw=1.6)
    of_capacity.set_ylim(bottom=0.0)
    label_axes(of_capacity, "cycle", "capacity, in c / C$_{max}$ [1]")
    for ax in figure.axes:
        open_frame(ax)
    return figure


def _xi(ax: Axes, table: CycleTable, cycle: np.ndarray) -> None:
    label_axes(ax, "", f"mean ξ − that of cycle {table.since} [1]")
    if not np.isfinite(table.xi_change).any():
        ax.text(
            0.5, 0.5, "no map of ξ", transform=ax.transAxes, ha="center", color="0.4", fontsize=TICK
        )
        return
    ends = table.xi_change - table.xi_change_std, table.xi_change + table.xi_change_std
    ax.fill_between(cycle, *ends, color=_MODEL, alpha=0.2, lw=0)
    ax.plot(cycle, table.xi_change, color=_MODEL, lw=1.6)
    ax.axhline(0.0, color="0.5", lw=0.8)


def _pre_edge(ax: Axes, table: CycleTable, cycle: np.ndarray, measured: Suppression | None) -> None:
    low, high = np.asarray(table.suppression_range).T
    ax.fill_between(cycle, low, high, color=_MODEL, alpha=0.2, lw=0)
    ax.plot(cycle, table.suppression, color=_MODEL, lw=1.6, label="model")
    ax.axhline(0.0, color="0.5", lw=0.8)
    if measured is not None:
        low, high = measured.interval_95
        reach = [[measured.value - low], [high - measured.value]]
        ax.errorbar(
            cycle[-1:], [measured.value], yerr=reach, fmt="o", color=_MEASURED, ms=4.5, capsize=2,
            label="spectra, 95 %",
        )  # fmt: skip
        ax.legend(fontsize=TICK, frameon=False, loc="lower right")
    label_axes(ax, "cycle", "suppression of O K pre-edge [1]")
