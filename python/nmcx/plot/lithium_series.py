"""Lithium in a polycrystal at several times, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx.plot.panels import LABEL, TICK, new_figure
from nmcx.plot.polycrystal import lithium_map
from nmcx.results import Mesh, TransportHistory

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lithium_series(
    mesh: Mesh,
    history: TransportHistory,
    *,
    max_concentration: float,
    n_times: int = 6,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
    figure: Figure | None = None,
) -> Figure:
    """Lithium content in a plane at several of the saved times, from the first to the last.

    Parameters
    ----------
    mesh : Mesh
    history : TransportHistory
        On `mesh`.
    max_concentration : float
        C_max [mol/m³].
    n_times : int
        Number of maps; fewer if there are not as many times.
    normal, offset
        As of `lithium_map`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the plane misses the mesh, or the history is of another mesh.

    Examples
    --------
    >>> from nmcx import chemomechanics, materials, mesh, plot
    >>> grains = mesh.disc(5e-6, n_grains=4, size=1.5e-6, seed=1)
    >>> history = chemomechanics.diffuse(
    ...     grains, materials.NMC811, initial=6e4, boundary=chemomechanics.Flux(1e-5),
    ...     times=[5.0, 9.0],
    ... )
    >>> figure = plot.lithium_series(grains, history, max_concentration=63887.0)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['5 s, x = 0.935', '9 s, x = 0.932']
    """
    n = len(history.times)
    chosen = np.unique(np.linspace(0, n - 1, min(n, n_times)).round().astype(int))
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(2.5 * columns + 0.8, 2.6 * rows) if figure is None else figure
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    share = history.concentration[chosen] / max_concentration
    limits = float(share.min()), float(share.max())
    mean = history.mean_concentration / max_concentration
    for ax, i in zip(panels.flat, chosen, strict=False):
        lithium_map(
            mesh, history.concentration[i], max_concentration=max_concentration, normal=normal,
            offset=offset, limits=limits, colour_bar=False, ax=ax,
            title=f"{history.times[i]:.4g} s, x = {mean[i]:.3f}",
        )  # fmt: skip
        ax.label_outer()
    for ax in panels.flat[len(chosen) :]:
        ax.remove()
    shown = panels[0, 0].collections[0]
    bar = figure.colorbar(shown, ax=panels, shrink=0.85, aspect=25 * rows, pad=0.02)
    bar.set_label("lithium content x [1]", fontsize=LABEL)
    bar.ax.tick_params(labelsize=TICK)
    return figure
