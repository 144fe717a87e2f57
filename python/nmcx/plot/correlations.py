"""Cone porosity and the surface map over all directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmcx.plot.panels import LABEL, TICK, TITLE, fenced_limits, new_figure
from nmcx.results import ConePorosity, SurfaceValues

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sphere(
    cones: ConePorosity,
    surface: SurfaceValues | None = None,
    *,
    i_angle: int | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Cone porosity, and ξ beside it, over all directions (Mollweide, equal area).

    The middle of the maps is the direction of view, or +x without a surface map; z points up.

    Parameters
    ----------
    cones : ConePorosity
        From `nmcx.cones.cone_porosity`.
    surface : SurfaceValues, optional
        From `nmcx.correlation.place`.
    i_angle : int, optional
        Which opening angle [1]; default the middle one.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_panel = 1 if surface is None else 2
    fig = new_figure(4.5 * n_panel, 3.3) if figure is None else figure
    i = len(cones.half_angle) // 2 if i_angle is None else i_angle
    view = (0.0, 0.0, 1.0) if surface is None else surface.view
    axes = fig.subplots(1, n_panel, squeeze=False, subplot_kw={"projection": "mollweide"})[0]
    opening = np.rad2deg(2 * cones.half_angle[i])
    panels = [
        (
            cones.directions,
            cones.porosity[:, i],
            f"Cone porosity, 2α = {opening:.0f}°",
            "porosity [1]",
            "inferno",
        )
    ]
    if surface is not None:
        panels.append((surface.directions, surface.values, "Surface map ξ", "ξ [1]", "viridis"))
    for ax, (directions, values, title, label, cmap) in zip(axes, panels, strict=True):
        low, high = fenced_limits(values)
        shown = ax.pcolormesh(
            *_on_grid(np.asarray(directions, dtype=float), np.asarray(values, dtype=float), view),
            cmap=cmap,
            vmin=low,
            vmax=high,
            shading="nearest",
            rasterized=True,
        )
        ax.set_facecolor("0.93")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(title, fontsize=TITLE, pad=8)
        bar = fig.colorbar(shown, ax=ax, orientation="horizontal", shrink=0.7, pad=0.03, aspect=30)
        bar.set_label(label, fontsize=LABEL)
        bar.ax.tick_params(labelsize=TICK)
    return fig


def _on_grid(
    directions: NDArray[np.floating],
    values: NDArray[np.floating],
    view: tuple[float, float, float],
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Longitude, latitude and the value of the nearest direction; NaN far from all of them."""
    from scipy.spatial import cKDTree

    from nmcx.plot.images import view_frame

    right, up = view_frame(view)
    k = np.asarray(view, dtype=float) / np.linalg.norm(view)
    longitude, latitude = np.meshgrid(
        np.deg2rad(np.arange(-179.0, 180.0, 2.0)), np.deg2rad(np.arange(-89.0, 90.0, 2.0))
    )
    across = np.cos(longitude)[..., None] * k + np.sin(longitude)[..., None] * right
    points = np.cos(latitude)[..., None] * across + np.sin(latitude)[..., None] * up
    tree = cKDTree(directions)
    distance, nearest = tree.query(points)
    spacing = np.median(np.asarray(tree.query(directions, k=[2])[0])) if len(directions) > 1 else 0
    # Twice the usual spacing bridges the directions but not what was never seen.
    reach = max(2.0 * float(spacing), np.deg2rad(3.0))
    return longitude, latitude, np.where(distance <= reach, values[nearest], np.nan)
