"""Lithium, hoop stress and damage of a particle, at several times or of several simulations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx.plot.field_panel import FIELDS, FieldPanel, View, common_limits
from nmcx.plot.panels import LABEL, TICK, TITLE, new_figure
from nmcx.results import History, Mesh

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def coupled_fields(
    mesh: Mesh,
    history: History,
    *,
    max_concentration: float,
    contents: Sequence[float] | None = None,
    n_times: int = 3,
    passivated: ArrayLike | None = None,
    normal: ArrayLike = (0, 0, 1),
    offset: float | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Lithium, hoop stress and damage in a plane, a row each, at several states of charge.

    Lithium is shown as c / C_max less its mean, which stands above the column. Hoop stress is the
    normal stress across the radius, positive where it pulls, at nodes the mean of the cells of
    their own grain; its colours end where 1 % lie beyond. Damaged walls are coloured by their
    damage, those that the electrolyte has filled stand on a blue ground. A row has one colour
    scale.

    Parameters
    ----------
    mesh : Mesh
    history : History
        On `mesh`.
    max_concentration : float
        C_max [mol/m³].
    contents : sequence of float, optional
        Mean c / C_max of the columns [1]: each is the saved time that comes nearest.
    n_times : int
        Without `contents`: number of columns, evenly from the start, which is left out, to the end.
    passivated : array_like, optional
        (s,) surface facets that carry a layer, drawn thick.
    normal : array_like
        (3,) of the plane (x, y, z) through a mesh in space; it points to the reader.
    offset : float, optional
        Distance of the plane from the origin along `normal` [m]; default through the middle.
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
    >>> from nmcx import chemomechanics as cm, materials, mesh, plot
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> charge = cm.Charge(1.0, until=0.6)
    >>> history = cm.simulate(grains, materials.NMC811, protocol=charge, states=2)
    >>> full = materials.NMC811.max_concentration
    >>> figure = plot.coupled_fields(grains, history, max_concentration=full)
    >>> [axes.get_title().split(",")[0] for axes in figure.axes[:2]]
    ['mean x = 0.775', 'mean x = 0.600']
    """
    view = View(mesh, max_concentration, normal, offset, passivated)
    chosen = _chosen(history, max_concentration, contents, n_times)
    figure = new_figure(0.9 + 2.5 * len(chosen), 7.2) if figure is None else figure
    panels = figure.subplots(len(FIELDS), len(chosen), squeeze=False)
    for row, field in zip(panels, FIELDS, strict=True):
        limits = common_limits(view, [(history, i) for i in chosen], field)
        for ax, i in zip(row, chosen, strict=True):
            drawn = FieldPanel(ax, view, history, field, limits)
            drawn.show(i)
        drawn.colour_bar(list(row))
    drawn.scale()
    for ax, i in zip(panels[0], chosen, strict=True):
        ax.set_title(_state(history, i, max_concentration), fontsize=TITLE)
    return figure


def coupled_comparison(
    mesh: Mesh,
    histories: Mapping[str, History],
    *,
    field: str,
    max_concentration: float,
    contents: Sequence[float],
    passivated: Mapping[str, ArrayLike] | None = None,
    normal: ArrayLike = (0, 0, 1),
    offset: float | None = None,
    figure: Figure | None = None,
) -> Figure:
    """One field of several simulations of a particle, side by side at the same states of charge.

    Parameters
    ----------
    mesh : Mesh
    histories : mapping of str to History
        On `mesh`, by what stands above their column.
    field : {"lithium", "hoop_stress", "damage"}
        As drawn by `coupled_fields`; on one colour scale.
    max_concentration : float
        C_max [mol/m³].
    contents : sequence of float
        Mean c / C_max of the rows [1]: each shows the saved time that comes nearest.
    passivated : mapping of str to array_like, optional
        (s,) surface facets that carry a layer, of those histories that have one; drawn thick.
    normal, offset, figure
        As of `coupled_fields`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no such field, no history, the plane misses the mesh, or a history is of another
        mesh.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, materials, mesh, plot
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> histories = {
    ...     name: cm.simulate(
    ...         grains, materials.NMC811, protocol=cm.Charge(rate, until=0.6), states=2
    ...     )
    ...     for name, rate in {"slow": 0.5, "fast": 1.0}.items()
    ... }
    >>> figure = plot.coupled_comparison(
    ...     grains, histories, field="damage", contents=[0.8, 0.6],
    ...     max_concentration=materials.NMC811.max_concentration,
    ... )
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['slow', 'fast']
    """
    if field not in FIELDS:
        raise ValueError(f"field must be one of {', '.join(FIELDS)}, not {field!r}")
    if not histories:
        raise ValueError("histories must hold one at least")
    covered = passivated or {}
    chosen = {
        name: _chosen(history, max_concentration, contents, 0)
        for name, history in histories.items()
    }
    views = {
        name: View(mesh, max_concentration, normal, offset, covered.get(name)) for name in histories
    }
    first = next(iter(views.values()))
    shown = [(histories[name], i) for name in histories for i in chosen[name]]
    limits = common_limits(first, shown, field)
    if figure is None:
        figure = new_figure(0.9 + 2.3 * len(histories), 2.4 * len(contents))
    panels = figure.subplots(len(contents), len(histories), squeeze=False)
    for column, (name, history) in zip(panels.T, histories.items(), strict=True):
        for ax, i in zip(column, chosen[name], strict=True):
            drawn = FieldPanel(ax, views[name], history, field, limits)
            drawn.show(i)
            ax.set_xlabel(f"{history.potential[i]:.3f} V", fontsize=TICK)
        column[0].set_title(name, fontsize=TITLE)
    for ax, i in zip(panels[:, 0], chosen[next(iter(histories))], strict=True):
        mean = next(iter(histories.values())).mean_concentration[i] / max_concentration
        ax.set_ylabel(f"mean x = {mean:.2f}", fontsize=LABEL)
    drawn.scale()
    drawn.colour_bar(list(panels.flat))
    return figure


def _chosen(
    history: History, full: float, contents: Sequence[float] | None, n_times: int
) -> list[int]:
    """Saved times that are to be shown."""
    if contents is None:
        last = len(history.times) - 1
        n = min(last, n_times)
        return np.linspace(0, last, n + 1).round().astype(int)[1:].tolist() or [last]
    mean = np.asarray(history.mean_concentration) / full
    return [int(np.argmin(np.abs(mean - content))) for content in contents]


def _state(history: History, index: int, full: float) -> str:
    mean = history.mean_concentration[index] / full
    return f"mean x = {mean:.3f}, {history.potential[index]:.3f} V\n{history.times[index]:.4g} s"
