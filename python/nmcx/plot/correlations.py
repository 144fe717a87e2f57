"""Surface chemistry against bulk porosity: curve with its null, scatter, both on a sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nmcx.plot.panels import (
    COLOURS,
    LABEL,
    TICK,
    TITLE,
    fenced_limits,
    label_axes,
    new_figure,
    open_frame,
    robust_limits,
)
from nmcx.results import AngleScan, ConePorosity, SurfaceValues

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def angle_scan(scan: AngleScan, *, figure: Figure | None = None) -> Figure:
    """Correlation against opening angle with the 95 % band of its null, and p-values below.

    Parameters
    ----------
    scan : AngleScan
        From `nmcx.correlation.angle_scan`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 4;
       the null band is ours.
    """
    fig = new_figure(5.6, 4.6) if figure is None else figure
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.0))
    angle = np.rad2deg(2.0 * np.asarray(scan.half_angle))
    top.fill_between(
        angle, *np.asarray(scan.null_band).T, color="0.85", lw=0, label="95 % of the null model"
    )
    top.axhline(0.0, color="0.4", lw=0.8)
    interval = np.asarray(scan.interval, dtype=float)
    reach = np.abs(interval - np.asarray(scan.pearson)[:, None]).T
    top.errorbar(
        angle, scan.pearson, yerr=np.where(np.isfinite(reach), reach, 0.0), fmt="o-", ms=4, lw=1.5,
        capsize=2.5, color=COLOURS[0], label="Pearson, 95 % interval",
    )  # fmt: skip
    top.plot(angle, scan.spearman, "s--", ms=3.5, lw=1.2, color=COLOURS[1], label="Spearman")
    top.set_ylim(-1.05, 1.05)
    open_frame(top)
    label_axes(top, "", "correlation of ξ and porosity [1]")
    top.legend(fontsize=TICK, frameon=False, loc="upper left", ncols=3, columnspacing=1.2)
    fig.supxlabel(scan.sign_convention, fontsize=TICK, color="0.3")
    half = top.secondary_xaxis("top", functions=(lambda a: a / 2.0, lambda a: a * 2.0))
    half.set_xlabel("half-opening angle α [°]", fontsize=LABEL)
    half.tick_params(labelsize=TICK)
    floor = 1e-4
    bottom.semilogy(angle, np.maximum(scan.p_value, floor), "o-", ms=4, lw=1.2, color=COLOURS[0])
    if scan.spearman_p_value is not None:
        ranks = np.maximum(scan.spearman_p_value, floor)
        bottom.semilogy(angle, ranks, "s--", ms=3.5, lw=1.0, color=COLOURS[1])
    bottom.axhline(0.05, color="0.4", lw=0.8, ls="--")
    bottom.text(0.995, 0.05, "0.05", fontsize=TICK, color="0.3", ha="right", va="bottom",
                transform=bottom.get_yaxis_transform())  # fmt: skip
    smallest = float(np.nanmin(scan.p_value)) if np.isfinite(scan.p_value).any() else 1.0
    bottom.set_ylim(min(3e-4, max(smallest, floor) / 2), 1.6)
    open_frame(bottom)
    label_axes(bottom, "opening angle 2α [°]", "p-value")
    bottom.set_title(
        f"all angles as one test: p = {scan.p_family:.3g}", fontsize=TICK + 1, loc="left"
    )
    return fig


def nearest_direction(surface: SurfaceValues, cones: ConePorosity) -> NDArray[np.int64]:
    """(n_point,) index of the cone direction nearest to each surface point."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(cones.directions).query(surface.directions)[1], dtype=np.int64)


def surface_against_porosity(
    surface: SurfaceValues,
    cones: ConePorosity,
    *,
    n_angle: int = 3,
    figure: Figure | None = None,
) -> Figure:
    """ξ against cone porosity for a narrow, a middle and a wide cone.

    Each dot is one cone direction: its porosity, and the mean of the map pixels nearest to it.
    Neighbouring cones overlap, so the dots are not independent and no p-value follows from them.

    Parameters
    ----------
    surface : SurfaceValues
        From `nmcx.correlation.place`.
    cones : ConePorosity
        From `nmcx.cones.cone_porosity`.
    n_angle : int
        Number of panels [1].
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig = new_figure(8.6, 3.0) if figure is None else figure
    chosen = np.unique(np.linspace(0, len(cones.half_angle) - 1, n_angle).round().astype(int))
    nearest = nearest_direction(surface, cones)
    n = len(cones.directions)
    weight = np.bincount(nearest, minlength=n)
    total = np.bincount(nearest, weights=surface.values, minlength=n)
    seen = weight > 0
    mean = total[seen] / weight[seen]
    for ax, i in zip(
        fig.subplots(1, len(chosen), sharey=True, squeeze=False)[0], chosen, strict=True
    ):
        ax.plot(
            cones.porosity[seen, i], mean, ".", ms=3, alpha=0.5, color=COLOURS[0], mew=0,
        )  # fmt: skip
        ax.set_ylim(*robust_limits(mean, 0.3, 99.7))
        open_frame(ax)
        opening = np.rad2deg(2 * cones.half_angle[i])
        label_axes(
            ax, "cone porosity [1]", "ξ [1]" if i == chosen[0] else "", f"2α = {opening:.0f}°"
        )
    return fig


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
