"""The particle of the model: lithium, crystal axes and surface flux of a polycrystal."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nmcx.plot.facets import facet_map
from nmcx.plot.mesh_section import (
    Section,
    draw_lines,
    mesh_section,
    plane_axes,
    section_labels,
)
from nmcx.plot.panels import (
    COLOURS,
    LABEL,
    TICK,
    label_axes,
    new_figure,
    one_panel,
    open_frame,
)
from nmcx.results import History, Mesh, TransportHistory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MICRON = 1e-6
#: Colour of the passivation layer in maps of axes, which it has none of.
_NO_AXIS = (0.75, 0.75, 0.75)


def lithium_map(
    mesh: Mesh,
    concentration: ArrayLike,
    *,
    max_concentration: float,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
    limits: tuple[float, float] | None = None,
    title: str = "",
    colour_bar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Lithium content x = c/C_max in a plane through a polycrystal, with its grain boundaries.

    Parameters
    ----------
    mesh : Mesh
        In two dimensions it is drawn as it is.
    concentration : array_like
        (n_node,) [mol/m³].
    max_concentration : float
        C_max [mol/m³].
    normal : array_like
        (3,) of the plane (x, y, z); it points to the reader.
    offset : float
        Distance of the plane from the origin along `normal` [m].
    limits : (float, float), optional
        Ends of the colour bar, in x [1]; default those of the whole mesh.
    title : str
    colour_bar : bool
        Whether to draw one.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the plane misses the mesh, or the concentration has not one value per node.

    Examples
    --------
    >>> from nmcx import mesh, plot
    >>> grains = mesh.disc(5e-6, n_grains=8, size=1e-6, seed=1)
    >>> content = 6e4 * (np.linalg.norm(grains.points, axis=1) / 5e-6) ** 2
    >>> plot.lithium_map(grains, content, max_concentration=6.4e4).get_xlabel()
    'x [µm]'
    """
    values = np.asarray(concentration, dtype=np.float64)
    if values.shape != (len(mesh.points),):
        raise ValueError(
            f"concentration must have one value per node, ({len(mesh.points)},), not {values.shape}"
        )
    share = values / max_concentration
    section = mesh_section(mesh, normal, offset)
    axes = one_panel(ax)
    low, high = (float(share.min()), float(share.max())) if limits is None else limits
    if not low < high:
        low, high = low - 0.005, high + 0.005
    right, up = (section.points / _MICRON).T
    from matplotlib.tri import Triangulation

    shown = axes.tripcolor(
        Triangulation(right, up, section.triangles),
        section.of_nodes(share),
        shading="gouraud",
        cmap="cividis",
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    _frame(axes, mesh, section, normal, title)
    if colour_bar:
        bar = axes.figure.colorbar(shown, ax=axes, shrink=0.85, pad=0.03)
        bar.set_label("lithium content x [1]", fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)
    return axes


def orientation_map(
    mesh: Mesh,
    *,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
    title: str = "c axes",
    ax: Axes | None = None,
) -> Axes:
    """Direction of the c axis of each grain in a plane through a polycrystal.

    Red, green and blue are the parts of the axis to the right, upwards and towards the reader, so
    that grains of one colour have one axis, whichever way it points. Lithium moves ten times more
    slowly along c than across it.

    Parameters
    ----------
    mesh : Mesh
    normal, offset
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
        If the plane misses the mesh.

    Examples
    --------
    >>> from nmcx import mesh, plot
    >>> plot.orientation_map(mesh.disc(5e-6, n_grains=8, size=1e-6, seed=1)).get_title()
    'c axes'
    """
    section = mesh_section(mesh, normal, offset)
    axes = one_panel(ax, width=5.4)  # the legend stands beside the map
    towards = np.asarray((0, 0, 1) if mesh.dimension == 2 else normal, dtype=np.float64)
    frame = np.stack([*plane_axes(towards), towards / np.linalg.norm(towards)])
    axis = np.abs(mesh.orientation[:, :, 2] @ frame.T)
    colours = axis / axis.max(axis=1, keepdims=True)
    if mesh.layer_grain is not None:
        colours[mesh.layer_grain] = _NO_AXIS
    grain = mesh.grain[section.cell]
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

    corners = section.points[section.triangles] / _MICRON
    face = colours[grain]
    axes.add_collection(
        PolyCollection(
            list(corners), facecolors=face, edgecolors=face, linewidths=0.3, rasterized=True
        )
    )
    _frame(axes, mesh, section, normal, title)
    names = {"right": (1.0, 0.0, 0.0), "up": (0.0, 1.0, 0.0), "to the reader": (0.0, 0.0, 1.0)}
    if mesh.layer_grain is not None:
        names["layer, none"] = _NO_AXIS
    marks = [
        Line2D([], [], marker="s", linestyle="", color=colour, label=name)
        for name, colour in names.items()
    ]
    axes.legend(
        handles=marks, title="c axis", fontsize=TICK, title_fontsize=TICK, frameon=False,
        loc="center left", bbox_to_anchor=(1.0, 0.5),
    )  # fmt: skip
    return axes


def surface_flux(
    mesh: Mesh, flux: ArrayLike, *, title: str = "Flux through the surface", ax: Axes | None = None
) -> Axes:
    """Flux of lithium out of each facet of the surface.

    In three dimensions over all directions (Mollweide, equal area; +x in the middle, z up), in two
    against the angle.

    Parameters
    ----------
    mesh : Mesh
    flux : array_like
        (s,) outward flux per facet of ``mesh.surface`` [mol/m²/s].
    title : str
    ax : matplotlib.axes.Axes, optional
        Axes to draw into, in three dimensions of the projection "mollweide".

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the flux has not one value per facet.

    Examples
    --------
    >>> from nmcx import mesh, plot
    >>> grains = mesh.disc(5e-6, n_grains=8, size=1e-6, seed=1)
    >>> plot.surface_flux(grains, np.ones(len(grains.surface))).get_xlabel()
    'angle [°]'
    """
    values = np.asarray(flux, dtype=np.float64)
    if values.shape != (len(mesh.surface),):
        raise ValueError(
            f"flux must have one value per facet, ({len(mesh.surface)},), not {values.shape}"
        )
    values = values / _MICRON
    if mesh.dimension == 2:
        centre = mesh.points[mesh.surface].mean(axis=1) - mesh.points.mean(axis=0)
        axes = one_panel(ax)
        angle = np.rad2deg(np.arctan2(centre[:, 1], centre[:, 0]))
        order = np.argsort(angle)
        axes.plot(angle[order], values[order], drawstyle="steps-mid", color=COLOURS[0], linewidth=1)
        label_axes(axes, "angle [°]", "flux outwards [µmol/m²/s]", title)
        axes.set_xlim(-180, 180)
        axes.set_xticks([-180, -90, 0, 90, 180])
        open_frame(axes)
        return axes
    return facet_map(mesh, values, label="flux outwards [µmol/m²/s]", title=title, ax=ax)


def state_of_charge(
    history: TransportHistory | History,
    *,
    max_concentration: float,
    figure: Figure | None = None,
) -> Figure:
    """Lithium content over time, mean and extremes, and the potential where there is one.

    Parameters
    ----------
    history : TransportHistory or History
    max_concentration : float
        C_max [mol/m³].
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nmcx import chemomechanics, materials, mesh, plot
    >>> grains = mesh.disc(5e-6, n_grains=4, size=1.5e-6, seed=1)
    >>> history = chemomechanics.diffuse(
    ...     grains, materials.NMC811, initial=6e4, boundary=chemomechanics.Flux(1e-5), times=[9.0]
    ... )
    >>> plot.state_of_charge(history, max_concentration=63887.0).axes[0].get_ylabel()
    'lithium content x [1]'
    """
    potential = history.potential
    charged = potential is not None and bool(np.isfinite(potential).any())
    figure = new_figure(4.4 * (1 + charged), 3.3) if figure is None else figure
    axes = figure.subplots(1, 1 + charged, squeeze=False)[0]
    # Hours read better than seconds once there are two of them.
    hours = float(history.times[-1]) > 7200.0
    time = history.times / (3600.0 if hours else 1.0)
    axes[0].fill_between(
        time, history.lowest / max_concentration, history.highest / max_concentration,
        color=COLOURS[0], alpha=0.2, linewidth=0, label="lowest to highest",
    )  # fmt: skip
    axes[0].plot(
        time, history.mean_concentration / max_concentration, color=COLOURS[0], label="mean",
        marker="o" if len(time) == 1 else "",  # a line of one point is not seen
    )  # fmt: skip
    axes[0].legend(fontsize=TICK, frameon=False)
    label_axes(
        axes[0], f"time [{'h' if hours else 's'}]", "lithium content x [1]", "State of charge"
    )
    open_frame(axes[0])
    if charged:
        content = history.mean_concentration / max_concentration
        axes[1].plot(content, potential, color=COLOURS[1])
        axes[1].invert_xaxis()
        label_axes(axes[1], "mean lithium content x [1]", "potential against Li [V]", "Potential")
        open_frame(axes[1])
    return figure


def lithium_frames(
    mesh: Mesh,
    history: TransportHistory | History,
    folder: str | PathLike[str],
    *,
    max_concentration: float,
    normal: ArrayLike = (0, 0, 1),
    offset: float = 0.0,
) -> Sequence[Path]:
    """Write one picture per saved time, all of one colour scale: ``lithium_0000.png`` and on.

    Parameters
    ----------
    mesh : Mesh
    history : TransportHistory or History
        On `mesh`.
    folder : path-like
        Is made if it is not there; pictures of these names are replaced.
    max_concentration, normal, offset
        As of `lithium_map`.

    Returns
    -------
    sequence of pathlib.Path
        The files, in order of time.

    Raises
    ------
    ValueError
        If the plane misses the mesh, or the history is of another mesh.

    Examples
    --------
    >>> import tempfile
    >>> from nmcx import chemomechanics, materials, mesh, plot
    >>> grains = mesh.disc(5e-6, n_grains=4, size=1.5e-6, seed=1)
    >>> history = chemomechanics.diffuse(
    ...     grains, materials.NMC811, initial=6e4, boundary=chemomechanics.Flux(1e-5), times=[9.0]
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [p.name for p in lithium_frames(grains, history, folder, max_concentration=63887.0)]
    ['lithium_0000.png']
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    share = history.concentration / max_concentration
    limits = float(share.min()), float(share.max())
    files = []
    for i, (time, values) in enumerate(zip(history.times, history.concentration, strict=True)):
        figure = new_figure(4.4, 3.6)
        lithium_map(
            mesh, values, max_concentration=max_concentration, normal=normal, offset=offset,
            limits=limits, title=f"{time:.4g} s",
            ax=figure.subplots(),
        )  # fmt: skip
        files.append(target / f"lithium_{i:04d}.png")
        figure.savefig(files[-1])
    return files


def _frame(axes: Axes, mesh: Mesh, section: Section, normal: ArrayLike, title: str) -> None:
    draw_lines(axes, section, _MICRON)
    label_axes(axes, *section_labels(mesh, normal), title)
