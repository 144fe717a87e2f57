"""An imaged particle in the model: what it goes through, in sections and in curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nmcx.chemomechanics.profiles import radial_and_hoop
from nmcx.plot.coupled_section import coupled_section, one_legend
from nmcx.plot.mesh_section import Section, draw_lines, mesh_section, section_labels
from nmcx.plot.panels import COLOURS, LABEL, TICK, label_axes, new_figure, open_frame
from nmcx.results import History, Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MICRON = 1e-6
#: Damage from which a wall counts as damaged.
_DAMAGED = 0.95
#: Least span of the scale of lithium, in x.
_NARROWEST = 0.01


def model_figure(
    mesh: Mesh,
    history: History,
    *,
    max_concentration: float,
    n_times: int = 3,
    normal: ArrayLike = (0, 0, 1),
    offset: float | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Lithium, hoop stress and damaged walls in a plane, at some of the saved times.

    Each row has one colour scale, so that its times can be compared.

    Parameters
    ----------
    mesh : Mesh
    history : History
        On `mesh`.
    max_concentration : float
        C_max [mol/m³].
    n_times : int
        Number of times, evenly among the saved ones without the start.
    normal : array_like
        (3,) of the plane (x, y, z); it points to the reader.
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
    >>> figure = plot.model_figure(grains, history, max_concentration=full)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['630 s, mean x = 0.775', '1260 s, mean x = 0.600']
    """
    if history.opening.shape[1] != len(mesh.interfaces):
        raise ValueError("history must be of this mesh")
    n = len(history.times)
    chosen = np.unique(np.linspace(0 if n == 1 else 1, n - 1, min(n, n_times)).round().astype(int))
    if offset is None:
        offset = _middle(mesh, normal)
    if figure is None:
        figure = new_figure(3.0 * len(chosen) + 1.0, 8.4)
    panels = figure.subplots(3, len(chosen), squeeze=False)
    section = mesh_section(mesh, normal, offset)
    content = history.concentration[chosen] / max_concentration
    middle, half = (content.max() + content.min()) / 2, (content.max() - content.min()) / 2
    half = max(float(half), _NARROWEST / 2)
    limits = float(middle - half), float(middle + half)
    mean = history.mean_concentration / max_concentration
    hoop = [radial_and_hoop(mesh, history.stress[i])[2][section.cell] / 1e6 for i in chosen]
    # Single cells at triple points have more.
    reach = float(np.percentile(np.abs(hoop), 99)) or 1.0
    for column, i in enumerate(chosen):
        title = f"{history.times[i]:.4g} s, mean x = {mean[i]:.3f}"
        coupled_section(
            mesh, history, max_concentration=max_concentration, index=int(i), normal=normal,
            offset=offset, limits=limits, title=title, colour_bar=False, ax=panels[0, column],
        )  # fmt: skip
        stressed = _stressed(panels[1, column], section, hoop[column], reach)
        damaged = _damaged(panels[2, column], section, history.damage[i])
        for ax in panels[1:, column]:
            label_axes(ax, *section_labels(mesh, normal))
    one_legend(figure, panels[0], "outside upper center")
    for row, shown, name, extend in (
        (0, panels[0, 0].collections[0], "lithium content x [1]", "neither"),
        (1, stressed, "hoop stress [MPa]", "both"),
        (2, damaged, "damage of walls [1]", "neither"),
    ):
        bar = figure.colorbar(shown, ax=list(panels[row]), shrink=0.85, pad=0.02, extend=extend)
        bar.set_label(name, fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)
    return figure


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
    area = np.asarray(mesh.interface_area)
    whole = max(float(area.sum()), np.finfo(float).tiny)
    for values, name, colour in (
        (history.damage >= _DAMAGED, f"damaged by {_DAMAGED:g}", COLOURS[3]),
        (history.wetted, "filled", COLOURS[5]),
    ):
        share = 100.0 * (np.asarray(values) @ area) / whole
        panels[3].plot(time, share, color=colour, label=name, **style)
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


def _middle(mesh: Mesh, normal: ArrayLike) -> float:
    """Height of the centroid above the origin [m]."""
    if mesh.dimension == 2:
        return 0.0
    centre = np.average(mesh.points[mesh.cells].mean(axis=1), axis=0, weights=mesh.volume)
    way = np.asarray(normal, dtype=np.float64)
    return float(centre @ way / np.linalg.norm(way))


def _stressed(ax: Axes, section: Section, hoop: Any, reach: float) -> Any:
    from matplotlib.tri import Triangulation

    right, up = (section.points / _MICRON).T
    shown = ax.tripcolor(
        Triangulation(right, up, section.triangles), facecolors=hoop, cmap="PuOr_r",
        vmin=-reach, vmax=reach, edgecolors="face", linewidth=0.2, rasterized=True,
    )  # fmt: skip
    draw_lines(ax, section, _MICRON)
    return shown


def _damaged(ax: Axes, section: Section, damage: Any) -> Any:
    from matplotlib.collections import LineCollection

    draw_lines(ax, section, _MICRON, colors="0.8")
    of_line = np.asarray(damage)[section.wall]
    order = np.argsort(of_line)  # the worst on top
    lines = LineCollection(
        list(np.asarray(section.walls)[order] / _MICRON), cmap="viridis_r", linewidths=1.6
    )
    lines.set_array(of_line[order])
    lines.set_clim(0.0, 1.0)
    ax.add_collection(lines)
    return lines
