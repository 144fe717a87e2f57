"""A simulated particle over time: lithium, potential, reacting surface and walls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nmcx.chemomechanics.crack_networks import DAMAGED, wall_shares
from nmcx.plot.panels import COLOURS, TICK, label_axes, new_figure, open_frame
from nmcx.results import History, Mesh

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def model_curves(
    mesh: Mesh, history: History, *, max_concentration: float, figure: Figure | None = None
) -> Figure:
    """Content, potential, reacting surface and walls of a particle over time.

    Parameters
    ----------
    mesh : Mesh
    history : History
        On `mesh`.
    max_concentration : float
        C_max [mol/m³].
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, materials, mesh, plot
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> charge = cm.Charge(1.0, until=0.6)
    >>> history = cm.simulate(grains, materials.NMC811, protocol=charge, states=2)
    >>> figure = plot.model_curves(
    ...     grains, history, max_concentration=materials.NMC811.max_concentration)
    >>> [axes.get_xlabel() for axes in figure.axes] == 4 * ["time [s]"]
    True
    """
    if figure is None:
        figure = new_figure(7.4, 5.0)
    hours = history.times[-1] > 7200.0
    time = np.asarray(history.times) / (3600.0 if hours else 1.0)
    panels = figure.subplots(2, 2).ravel()
    style: dict[str, Any] = {"marker": "o", "ms": 3, "lw": 1.4}
    low, high = (np.asarray(edge) / max_concentration for edge in (history.lowest, history.highest))
    panels[0].fill_between(
        time, low, high, color=COLOURS[0], alpha=0.2, lw=0, label="lowest to highest"
    )
    mean = np.asarray(history.mean_concentration) / max_concentration
    panels[0].plot(time, mean, color=COLOURS[0], label="mean", **style)
    panels[1].plot(time, history.potential, color=COLOURS[1], **style)
    outer = float(mesh.surface_area.sum())
    panels[2].plot(time, np.asarray(history.reactive_area) / outer, color=COLOURS[2], **style)
    damaged, filled = wall_shares(mesh, history)
    for share, name, colour in (
        (damaged, f"damaged by {DAMAGED:g}", COLOURS[3]),
        (filled, "filled", COLOURS[5]),
    ):
        panels[3].plot(time, 100.0 * share, color=colour, label=name, **style)
    names = (
        "lithium content x [1]", "potential against Li [V]",
        "reacting over outer surface [1]", "share of the walls [%]",
    )  # fmt: skip
    for ax, name in zip(panels, names, strict=True):
        label_axes(ax, f"time [{'h' if hours else 's'}]", name)
        ax.ticklabel_format(axis="y", useOffset=False)
        open_frame(ax)
    for ax in (panels[0], panels[3]):
        ax.legend(fontsize=TICK, frameon=False)
    return figure
