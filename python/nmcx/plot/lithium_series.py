"""Lithium in a polycrystal at several times, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx.plot.panels import new_figure
from nmcx.plot.polycrystal import lithium_map
from nmcx.results import History, Mesh, TransportHistory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Least span of a colour bar, in x.
_NARROWEST = 0.01


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

    Each map has a colour bar of its own, over a hundredth at least: on one of all times the grains
    would hardly be seen.

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
    ['5 s, mean x = 0.939', '9 s, mean x = 0.939']
    """

    def panel(index: int, limits: tuple[float, float], title: str, ax: Axes) -> None:
        lithium_map(
            mesh, history.concentration[index], max_concentration=max_concentration,
            normal=normal, offset=offset, limits=limits, ax=ax, title=title,
        )  # fmt: skip

    return series(
        history, panel, max_concentration=max_concentration, n_times=n_times, figure=figure
    )


def series(
    history: TransportHistory | History,
    panel: Callable[[int, tuple[float, float], str, Axes], None],
    *,
    max_concentration: float,
    n_times: int,
    figure: Figure | None,
) -> Figure:
    """Panels of several of the saved times, each drawn by ``panel(index, limits, title, ax)``."""
    n = len(history.times)
    chosen = np.unique(np.linspace(0, n - 1, min(n, n_times)).round().astype(int))
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(3.3 * columns, 2.6 * rows) if figure is None else figure
    panels = figure.subplots(rows, columns, squeeze=False)
    mean = history.mean_concentration / max_concentration
    for ax, i in zip(panels.flat, chosen, strict=False):
        share = history.concentration[i] / max_concentration
        middle, half = (share.max() + share.min()) / 2, (share.max() - share.min()) / 2
        half = max(half, _NARROWEST / 2)
        title = f"{history.times[i]:.4g} s, mean x = {mean[i]:.3f}"
        panel(int(i), (float(middle - half), float(middle + half)), title, ax)
    for ax in panels.flat[len(chosen) :]:
        ax.remove()
    return figure
