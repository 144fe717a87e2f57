"""A particle that loses lithium and cracks: both in one section."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from nmcx.plot.lithium_series import series
from nmcx.plot.mesh_section import mesh_section
from nmcx.plot.panels import LABEL
from nmcx.plot.polycrystal import lithium_map
from nmcx.results import History, Mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MICRON = 1e-6
_Outside = Literal["outside upper center", "outside lower center"]


def coupled_section(
    mesh: Mesh,
    history: History,
    *,
    max_concentration: float,
    index: int = -1,
    least_opening: float = 1e-9,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
    limits: tuple[float, float] | None = None,
    title: str = "",
    colour_bar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Lithium content in a plane, the walls that are open there, and those that have filled.

    Parameters
    ----------
    mesh : Mesh
    history : History
        On `mesh`.
    max_concentration : float
        C_max [mol/m³].
    index : int
        Which of the saved times.
    least_opening : float
        Walls open by less are drawn as grain boundaries [m].
    normal, offset, limits, colour_bar
        As of `lithium_map`.
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

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
    >>> plot.coupled_section(grains, history, max_concentration=full).get_xlabel()
    'x [µm]'
    """
    if history.opening.shape[1] != len(mesh.interfaces):
        raise ValueError("history must be of this mesh")
    axes = lithium_map(
        mesh,
        history.concentration[index],
        max_concentration=max_concentration,
        normal=normal,
        offset=offset,
        limits=limits,
        title=title,
        colour_bar=colour_bar,
        ax=ax,
    )
    from matplotlib.collections import LineCollection

    section = mesh_section(mesh, normal, offset)
    lines = np.asarray(section.walls) / _MICRON
    is_wet = history.wetted[index][section.wall]
    is_open = (history.opening[index][section.wall] >= least_opening) & ~is_wet
    for shown, colour, name in (
        (is_open, "#d62728", "open, dry"),
        (is_wet, "#1fb5ff", "filled, reacting"),
    ):
        if shown.any():
            axes.add_collection(
                LineCollection(list(lines[shown]), colors=colour, linewidths=1.8, label=name)
            )
    if is_open.any() or is_wet.any():
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=LABEL, frameon=False
        )
    return axes


def coupled_series(
    mesh: Mesh,
    history: History,
    *,
    max_concentration: float,
    n_times: int = 6,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
    figure: Figure | None = None,
) -> Figure:
    """Lithium and cracks in a plane at several of the saved times, from the first to the last.

    Parameters
    ----------
    mesh : Mesh
    history : History
        On `mesh`.
    max_concentration, n_times, normal, offset, figure
        As of `lithium_series`.

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
    >>> figure = plot.coupled_series(grains, history, max_concentration=full)
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['0 s, mean x = 0.950', '630 s, mean x = 0.775', '1260 s, mean x = 0.600']
    """

    def panel(index: int, limits: tuple[float, float], title: str, ax: Axes) -> None:
        coupled_section(
            mesh, history, max_concentration=max_concentration, index=index, normal=normal,
            offset=offset, limits=limits, title=title, ax=ax,
        )  # fmt: skip

    figure = series(
        history, panel, max_concentration=max_concentration, n_times=n_times, figure=figure
    )
    one_legend(figure, figure.axes, "outside lower center")
    return figure


def one_legend(figure: Figure, panels: Iterable[Axes], loc: _Outside) -> None:
    """One legend of walls for all panels, which are too small for theirs."""
    handles: dict[str, Any] = {}
    for axes in panels:
        if (legend := axes.get_legend()) is not None:
            legend.remove()
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
                handles[name] = handle
    if handles:
        figure.legend(
            handles=list(handles.values()), loc=loc, ncols=2, fontsize=LABEL, frameon=False
        )
