"""Supplementary Fig. 3 of the paper, drawn from data: the chemistry of the bulk against depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import morphology
from nmcx.plot.panels import (
    COLOURS,
    LABEL,
    TICK,
    TITLE,
    image,
    new_figure,
    robust_limits,
)
from nmcx.plot.profiles import depth_counts, depth_profile, line_profiles
from nmcx.plot.rendering import cut_open
from nmcx.results import DepthProfile, DepthTrend, LineProfiles, Particle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAP = "viridis"
_PLANES = ("z", "y", "x")
_Array = NDArray[Any]


def bulk_figure(
    values: ArrayLike,
    particle: Particle,
    *,
    directions: ArrayLike | None = None,
    plane: str = "z",
    profile: DepthProfile | None = None,
    trend: DepthTrend | None = None,
    lines: LineProfiles | None = None,
    name: str = "edge energy",
    unit: str = "eV",
    limits: tuple[float, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """The particle cut open, a section, the distribution against depth, lines, (a) to (e).

    Parameters
    ----------
    values : (nz, ny, nx) array_like
        Edge energies or another quantity, NaN where it is not known.
    particle : Particle
        Of the same shape.
    directions : (n_line, 3) array_like, optional
        Lines from the centre to the surface (z, y, x); default five within the plane of the
        section, 72° apart.
    plane : {"z", "y", "x"}
        Axis across the section of (b) and (d), which passes through the particle's centre.
    profile, trend, lines : DepthProfile, DepthTrend, LineProfiles, optional
        Computed already; default what `nmcx.morphology` gives with its own defaults. `directions`
        is not used when `lines` is given.
    name, unit : str
        Name and unit of the quantity.
    limits : (low, high), optional
        Ends of the colour bar; default 1 and 99 % of the values in the particle.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If shapes do not agree, no value is finite, or `plane` is none of the above.

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 3; the cut-away
       octant and the directions are our defaults.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import morphology
    >>> ball = np.linalg.norm(np.indices((25, 25, 25)) - 12.0, axis=0) < 11.0
    >>> particle = morphology.Particle(ball, ball, voxel_size_um=0.1)
    >>> energy = 8344.0 - morphology.depth(particle)
    >>> figure = bulk_figure(energy, particle)
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['Edge energy, cut open', 'Section at z = 1.20 µm']
    """
    if plane not in _PLANES:
        raise ValueError(f'plane must be "z", "y" or "x", not {plane!r}')
    field = np.asarray(values, dtype=np.float64)
    if field.shape != particle.envelope.shape:
        raise ValueError(
            f"values {field.shape} must have the shape of the particle {particle.envelope.shape}"
        )
    field = np.where(particle.envelope & np.isfinite(field), field, np.nan)
    if np.all(np.isnan(field)):
        raise ValueError("values holds no finite value within the envelope")
    axis = _PLANES.index(plane)
    if profile is None:
        profile = morphology.depth_profile(field, particle, unit=unit)
    if trend is None:
        trend = morphology.depth_trend(field, particle, unit=unit, min_voxels=20)
    if lines is None:
        chosen = _spread_in_plane(axis) if directions is None else directions
        lines = morphology.line_profiles(field, particle, chosen, unit=unit)
    span = robust_limits(field) if limits is None else limits
    label = f"{name} [{unit}]" if unit else name

    fig = new_figure(12.4, 7.2) if figure is None else figure
    rows: Any = fig.subfigures(2, 1, height_ratios=(1.0, 1.0))
    maps, depths = rows[0].subfigures(1, 2, width_ratios=(1.45, 1.0))
    cut, section = maps.subplots(1, 2)
    counts, columns = depths.subplots(2, 1, height_ratios=(1.0, 3.6), sharex=True)
    where, along = rows[1].subplots(1, 2, width_ratios=(1.0, 1.9))

    title = f"{name[:1].upper()}{name[1:]}, cut open"
    cut_open(cut, field, particle, title=title, cmap=_MAP, limits=span)
    _section(section, field, particle, axis, label, span)
    depth_profile(profile, name=name, ax=columns)
    _trend(columns, trend)
    depth_counts(profile, ax=counts)
    counts.set_xlabel("")
    counts.tick_params(labelbottom=False)
    _section_with_lines(where, particle, axis, lines)
    line_profiles(lines, name=name, numbered=True, ax=along)
    for letter, ax in zip("abcde", (cut, section, counts, where, along), strict=True):
        ax.annotate(
            letter,
            (0.0, 1.0),
            xycoords="axes fraction",
            xytext=(-14, 5),
            textcoords="offset points",
            fontsize=TITLE + 2,
            fontweight="bold",
        )
    return fig


def _spread_in_plane(axis: int) -> _Array:
    """Five directions within the plane across an axis."""
    angle = np.deg2rad(54.0 + 72.0 * np.arange(5))
    first, second = (a for a in range(3) if a != axis)
    found = np.zeros((5, 3))
    found[:, first], found[:, second] = np.sin(angle), np.cos(angle)
    return found


def _cut(particle: Particle, axis: int) -> tuple[int, float, tuple[float, float]]:
    """Index and position [µm] of the plane through the centre, and the pixel size in it."""
    h = particle.voxel_size_um
    last = particle.envelope.shape[axis] - 1
    index = int(np.clip(np.rint(particle.centre_um[axis] / h[axis]), 0, last))
    first, second = (h[a] for a in range(3) if a != axis)
    return index, index * h[axis], (first, second)


def _section(
    ax: Axes,
    field: _Array,
    particle: Particle,
    axis: int,
    label: str,
    span: tuple[float, float],
) -> None:
    index, position, size = _cut(particle, axis)
    image(
        ax,
        np.where(particle.solid, field, np.nan).take(index, axis=axis),
        pixel_size_um=size,
        label=label,
        title=f"Section at {_PLANES[axis]} = {position:.2f} µm",
        cmap=_MAP,
        limits=span,
    )
    _outline(ax, np.take(particle.envelope, index, axis=axis), size, "0.25")


def _section_with_lines(ax: Axes, particle: Particle, axis: int, lines: LineProfiles) -> None:
    """Solid and void in the section, with the lines as they are projected into it."""
    from matplotlib.patheffects import withStroke

    index, _, size = _cut(particle, axis)
    solid = particle.solid.take(index, axis=axis).astype(float)
    envelope = np.take(particle.envelope, index, axis=axis)
    image(
        ax,
        np.where(envelope, 0.3 + 0.5 * solid, np.nan),
        pixel_size_um=size,
        label="",
        title="Lines from surface to centre",
        cmap="gray",
        limits=(0.0, 1.0),
        colour_bar=False,
    )
    _outline(ax, envelope, size, "0.25")
    first, second = (a for a in range(3) if a != axis)
    centre = np.array(particle.centre_um)
    for i, (start, direction) in enumerate(zip(lines.surface_um, lines.directions, strict=True)):
        if not np.all(np.isfinite(start)):
            continue
        colour = COLOURS[i % len(COLOURS)]
        x = np.array([start[second], centre[second]]) + 0.5 * size[1]
        y = np.array([start[first], centre[first]]) + 0.5 * size[0]
        ax.plot(x, y, color="white", lw=3.2, solid_capstyle="round")
        ax.plot(x, y, color=colour, lw=1.8, solid_capstyle="round")
        ax.annotate(
            str(i + 1),
            (x[0], y[0]),
            xytext=(9.0 * direction[second], 9.0 * direction[first]),
            textcoords="offset points",
            fontsize=LABEL,
            color=colour,
            ha="center",
            va="center",
            fontweight="bold",
            path_effects=[withStroke(linewidth=2.0, foreground="white")],
        )
    ax.plot(
        centre[second] + 0.5 * size[1], centre[first] + 0.5 * size[0], "o", ms=5, mfc="white",
        mec="black", mew=1.0,
    )  # fmt: skip


def _outline(ax: Axes, plane: Any, size: tuple[float, float], colour: str) -> None:
    if plane.any() and not plane.all() and min(plane.shape) >= 2:
        y, x = ((np.arange(n) + 0.5) * s for n, s in zip(plane.shape, size, strict=True))
        ax.contour(x, y, plane.astype(float), levels=[0.5], colors=colour, linewidths=0.7)


def _trend(ax: Axes, trend: DepthTrend) -> None:
    """The slope with its interval, as a line and in words."""
    at = np.array([trend.depth_um[0], trend.depth_um[-1]])
    ax.plot(at, trend.intercept + trend.slope_per_um * at, color="black", lw=1.0, ls=(0, (6, 3)))
    low, high = (f"{bound:+.3f}" for bound in trend.interval_95)
    unit = f" {trend.unit}/µm" if trend.unit else "/µm"
    ax.text(
        0.98,
        0.03,
        f"Theil–Sen {trend.slope_per_um:+.3f} [{low}, {high}]{unit} (95 %)".replace("-", "−"),
        transform=ax.transAxes,
        ha="right",
        va="bottom",
        fontsize=TICK,
        bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 2.0},
    )
