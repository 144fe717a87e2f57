"""Panels about one cone: what its directions scatter, and where it lies in the particle."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.pairs import make_pairs, mean_spacing, patch_of
from nmcx.plot.images import view_frame
from nmcx.plot.panels import (
    COLOURS,
    LABEL,
    TICK,
    fenced_limits,
    label_axes,
    open_frame,
    robust_limits,
    scale_bar,
)
from nmcx.results import ConePorosity, Particle, SurfaceValues

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float = NDArray[np.float64]
Index = NDArray[np.int64]

#: Colours of a section: outside, solid, void, and the same inside the cone.
_OUTSIDE, _SOLID, _VOID = "#FFFFFF", "#C9CED6", "#2B2F38"
_SOLID_IN, _VOID_IN = "#F3CFA5", "#A33B00"
CONE = COLOURS[1]


def imaged_directions(surface: SurfaceValues, cones: ConePorosity) -> Index:
    """Indices of the cone directions that lie inside the map, as `correlation.angle_scan` has it.

    Parameters
    ----------
    surface : SurfaceValues
        From `nmcx.correlation.place`.
    cones : ConePorosity
        From `nmcx.cones.cone_porosity`.

    Returns
    -------
    (n,) array of int
    """
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(patch_of(surface).directions).query(cones.directions)
    return np.flatnonzero(distance < mean_spacing(len(cones.directions)))


def pairs(
    surface: SurfaceValues,
    cones: ConePorosity,
    i_angle: int,
    *,
    matched: bool = True,
    min_points: int = 3,
) -> tuple[Index, Float, Float]:
    """What is correlated at one angle: cone porosity and the map averaged over the same cap.

    Parameters
    ----------
    surface : SurfaceValues
        From `nmcx.correlation.place`.
    cones : ConePorosity
        From `nmcx.cones.cone_porosity`.
    i_angle : int
        Which half-opening angle.
    matched, min_points : bool, int
        As in `nmcx.correlation.angle_scan`.

    Returns
    -------
    at : (n,) array of int
        Cone directions with both values.
    porosity, xi : (n,) arrays
        Their values [1].
    """
    one = replace(
        cones, porosity=cones.porosity[:, [i_angle]], half_angle=cones.half_angle[[i_angle]]
    )
    found = make_pairs(patch_of(surface), one, matched=matched, min_points=min_points, threads=0)
    porosity, xi = found.porosity[:, 0], found.surface[:, 0]
    both = np.isfinite(porosity) & np.isfinite(xi)
    return found.at[both], porosity[both], xi[both]


def scatter(ax: Axes, porosity: Float, xi: Float, *, title: str, remark: str = "") -> None:
    """ξ against porosity, one dot per cone direction, with the least-squares line.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw into.
    porosity, xi : (n,) arrays
        From `pairs` [1].
    title, remark : str
        Above the panel and in its corner.
    """
    ax.plot(porosity, xi, "o", ms=3.2, alpha=0.45, color=COLOURS[0], mew=0)
    x_low, x_high = robust_limits(porosity, 0.0, 100.0)
    y_low, y_high = robust_limits(xi, 0.0, 100.0)
    x_room, y_room = 0.04 * (x_high - x_low), 0.05 * (y_high - y_low)
    if porosity.size > 2 and np.ptp(porosity) > 0:
        slope, level = np.polyfit(porosity, xi, 1)
        ends = np.array([x_low, x_high])
        ax.plot(ends, level + slope * ends, color=COLOURS[6], lw=1.3)
    ax.set_xlim(x_low - x_room, x_high + x_room)
    # Room for the remark, which stands above all dots.
    ax.set_ylim(y_low - y_room, y_high + (4.5 if remark else 1.0) * y_room)
    open_frame(ax)
    label_axes(ax, "cone porosity [1]", "ξ, mean over the cap [1]", title)
    if remark:
        ax.text(
            0.98, 0.98, remark, transform=ax.transAxes, fontsize=TICK, ha="right", va="top",
            linespacing=1.35,
        )  # fmt: skip


def section(
    ax: Axes,
    particle: Particle,
    direction: NDArray[Any],
    half_angle: float,
    *,
    apex_um: tuple[float, float, float] | None = None,
    surface: SurfaceValues | None = None,
    porosity: float = float("nan"),
) -> None:
    """A plane through the apex that holds the cone's axis and the view: solid, void, cone and ξ.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw into.
    particle : Particle
        Solid and envelope (nz, ny, nx).
    direction : (3,) array
        Axis of the cone (z, y, x).
    half_angle : float
        Half-opening angle [rad].
    apex_um : (float, float, float), optional
        Tip of the cone (z, y, x) [µm]; default the centre of the particle.
    surface : SurfaceValues, optional
        Drawn along the outline where it lies near the plane; its view points upwards.
    porosity : float
        Of this cone, written beside it [1].
    """
    apex = np.asarray(particle.centre_um if apex_um is None else apex_um, dtype=np.float64)
    axis = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    across, upwards = _plane(axis, None if surface is None else surface.view)
    step = float(np.min(particle.voxel_size_um))
    spans, kind = _sampled(particle, apex, across, upwards, step)
    a, b = np.meshgrid(spans[1], spans[0])
    inside = a * (axis @ across) + b * (axis @ upwards) >= np.hypot(a, b) * np.cos(half_angle)
    colours = np.array([_OUTSIDE, _SOLID, _VOID, _OUTSIDE, _SOLID_IN, _VOID_IN])
    _paint(ax, colours[kind + 3 * inside], spans, step)
    # An apex outside of the particle may have a plane that misses it.
    radius = float(np.hypot(a, b)[kind > 0].max(initial=step))
    _outline(ax, float(axis @ across), float(axis @ upwards), half_angle, 1.13 * radius, porosity)
    if surface is not None:
        _rim(ax, surface, apex, across, upwards)
    reach = 1.3 * radius
    ax.set_xlim(-reach, reach)
    # Room for the two lines of words above a cone that points up.
    ax.set_ylim(-reach, reach + 0.35 * radius * max(0.0, float(axis @ upwards)))
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    scale_bar(ax, 2 * reach)


def _plane(axis: Float, view: tuple[float, float, float] | None) -> tuple[Float, Float]:
    """Unit vectors to the right and upwards in a plane that holds the axis; the view is upwards."""
    if view is None:
        right, _ = view_frame((float(axis[0]), float(axis[1]), float(axis[2])))
        return right, axis
    right, _ = view_frame(view)
    k = np.asarray(view, dtype=np.float64) / np.linalg.norm(view)
    across = axis - (axis @ k) * k
    length = float(np.linalg.norm(across))
    return (right if length < 1e-6 else across / length), k


def _sampled(
    particle: Particle, apex: Float, across: Float, upwards: Float, step: float
) -> tuple[tuple[Float, Float], NDArray[np.int64]]:
    """Positions along both vectors [µm]; 0 outside, 1 solid, 2 void in the nearest voxel."""
    spacing = np.asarray(particle.voxel_size_um)
    last = (np.array(particle.envelope.shape) - 1) * spacing
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=3))) * last
    spans = []
    for vector in (upwards, across):
        along = (corners - apex) @ vector
        n = np.ceil(np.abs([along.min(), along.max()]) / step).astype(int)
        spans.append(np.arange(-n[0], n[1] + 1) * step)
    points = apex + spans[0][:, None, None] * upwards + spans[1][None, :, None] * across
    voxel = np.rint(points / spacing).astype(np.int64)
    within = np.all((voxel >= 0) & (voxel < particle.envelope.shape), axis=-1)
    voxel[~within] = 0
    at = tuple(np.moveaxis(voxel, -1, 0))
    held = particle.envelope[at] & within
    return (spans[0], spans[1]), held * np.where(particle.solid[at], 1, 2)


def _paint(ax: Axes, colours: NDArray[Any], spans: tuple[Float, Float], step: float) -> None:
    from matplotlib.colors import to_rgb

    names, index = np.unique(colours, return_inverse=True)
    table = np.array([to_rgb(str(name)) for name in names])
    upwards, across = spans
    ax.imshow(
        table[index.reshape(colours.shape)],
        origin="lower",
        extent=(
            across[0] - step / 2, across[-1] + step / 2,
            upwards[0] - step / 2, upwards[-1] + step / 2,
        ),
        interpolation="antialiased",
    )  # fmt: skip


def _outline(
    ax: Axes, along: float, upwards: float, half_angle: float, reach: float, porosity: float
) -> None:
    """Both flanks and the axis of the cone, its opening angle and its porosity."""
    from matplotlib.patches import Arc

    middle = float(np.arctan2(upwards, along))
    for side in (-1.0, 1.0):
        angle = middle + side * half_angle
        ax.plot([0, reach * np.cos(angle)], [0, reach * np.sin(angle)], color=CONE, lw=1.3)
    ends = [0, reach * np.cos(middle)], [0, reach * np.sin(middle)]
    ax.plot(*ends, color=CONE, lw=0.9, ls=(0, (4, 3)))
    ax.plot(0, 0, "o", ms=4, color=CONE, mec="white", mew=0.8, zorder=4)
    degrees = np.rad2deg([middle - half_angle, middle + half_angle])
    size = 0.9 * reach
    ax.add_patch(Arc((0, 0), size, size, theta1=degrees[0], theta2=degrees[1], color=CONE, lw=1.3))
    words = f"2α = {np.rad2deg(2 * half_angle):.0f}°"
    if np.isfinite(porosity):
        words += f"\nφ = {porosity:.3f}"
    beyond = 1.06 * reach
    ax.text(
        beyond * np.cos(middle), beyond * np.sin(middle), words, fontsize=TICK, color=CONE,
        ha="left" if np.cos(middle) > 0.35 else "right" if np.cos(middle) < -0.35 else "center",
        va="bottom" if np.sin(middle) > 0.35 else "top" if np.sin(middle) < -0.35 else "center",
    )  # fmt: skip


def _rim(ax: Axes, surface: SurfaceValues, apex: Float, across: Float, upwards: Float) -> None:
    """ξ of the map points near the plane, drawn just outside of the outline."""
    normal = np.cross(across, upwards)
    points = np.asarray(surface.points_um, dtype=np.float64) - apex
    pixel = float(np.sqrt(np.median(surface.area_um2 * np.cos(surface.incidence))))
    near = np.abs(points @ normal) <= 0.75 * pixel
    if not near.any():
        return
    x, y = points[near] @ across, points[near] @ upwards
    away = 1.0 + 0.045
    low, high = fenced_limits(surface.values)
    shown = ax.scatter(
        away * x, away * y, c=surface.values[near], s=16, cmap="viridis", vmin=low, vmax=high,
        linewidths=0, zorder=3,
    )  # fmt: skip
    bar = ax.figure.colorbar(
        shown, cax=ax.inset_axes((0.62, 0.045, 0.34, 0.025)), orientation="horizontal"
    )
    bar.set_label("ξ along the surface [1]", fontsize=LABEL - 1, labelpad=1)
    bar.ax.tick_params(labelsize=TICK - 1)
    bar.ax.locator_params(nbins=4)
    bar.ax.xaxis.set_label_position("top")
    bar.outline.set_linewidth(0.4)
