"""One figure that says whether an edge map can be trusted."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.plot.edge_fits import draw_worst
from nmcx.plot.panels import (
    COLOURS,
    TICK,
    TITLE,
    fenced_limits,
    image,
    label_axes,
    new_figure,
    open_frame,
)
from nmcx.plot.volumes import first_reason, slices, status_shares
from nmcx.results import EdgeMap, voxel_spacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _VERMILION, _GREEN = COLOURS[:3]


def edge_quicklook(
    energy_ev: ArrayLike,
    mu: Any,
    edges: EdgeMap,
    *,
    voxel_size_um: float | tuple[float, ...] | None = None,
    energy_axis: int = 0,
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Map, histograms, noise, status and the nine worst usable fits of an edge map.

    The worst are, among the usable voxels, those flagged for a large residual, then those flagged
    for several crossings, each by the standard error of the edge energy (`worst_voxels`). Without
    a usable voxel the refused ones with the largest jump are drawn.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV].
    mu : (n_energy, ...) array
        The absorption that was fitted [1]; of a lazy array only the drawn spectra are read.
    edges : EdgeMap
        From `nmcx.xanes.fit_edges`, over up to three spatial axes; lazy maps are loaded.
    voxel_size_um : float or (dz, dy, dx), optional
        Voxel edges [µm]; default: 1, and no scale is drawn.
    energy_axis : int
        Axis of `mu` that runs over energy.
    title : str
        Heading, for instance the name of the file.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the map has more than three spatial axes, or `mu` and `edges` differ in shape.

    Examples
    --------
    >>> from nmcx import phantom, xanes
    >>> made = phantom.edge_spectra(12, noise=0.02)
    >>> windows = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640)}
    >>> edges = xanes.fit_edges(made.energy_ev, made.mu, **windows)
    >>> len(edge_quicklook(made.energy_ev, made.mu, edges).subfigs)
    2
    """
    energy, edges = np.asarray(energy_ev, dtype=np.float64), in_memory(edges)
    shape = edges.status.shape
    _check_shapes(energy, mu, shape, energy_axis)
    fig = new_figure(16.0, 9.6) if figure is None else figure
    if title:
        fig.suptitle(title, fontsize=TITLE + 2)
    left, right = _parts(fig, 1, 2)
    if edges.status.size == 0:
        _say(left.subplots(), "the map holds no voxel")
        return fig
    maps, histograms, states = _parts(left, 3, 1, height_ratios=(1.0, 0.85, 0.95))
    at = _middle(edges)
    _maps(maps, edges, voxel_size_um, at)
    _histograms(histograms, edges, voxel_size_um, at)
    picture, shares = states.subplots(1, 2, width_ratios=(1.0, 1.35))
    first_reason(picture, _plane(edges.status, at))
    status_shares(shares, edges.status)
    draw_worst(right, energy, mu, edges, energy_axis)
    return fig


def _parts(figure: Any, n_row: int, n_column: int, **options: Any) -> Any:
    return figure.subfigures(n_row, n_column, **options)


def in_memory(edges: EdgeMap) -> EdgeMap:
    """Maps that were left in a file or are lazy arrays are loaded."""
    maps: dict[str, Any] = {
        item.name: np.asarray(getattr(edges, item.name))
        for item in fields(edges)
        if item.name != "settings"
    }
    return replace(edges, **maps)


def _check_shapes(
    energy: NDArray[np.float64], mu: Any, shape: tuple[int, ...], energy_axis: int
) -> None:
    if len(shape) > 3:
        raise ValueError(f"edges has {len(shape)} spatial axes: choose a part with at most three")
    given = list(np.shape(mu) if not hasattr(mu, "shape") else mu.shape)
    wanted = list(shape)
    wanted.insert(energy_axis % (len(shape) + 1), energy.size)
    if given != wanted:
        raise ValueError(
            f"mu has the shape {tuple(given)}, but {energy.size} energies and an edge map of "
            f"{shape} ask for {tuple(wanted)}: give the stack that was fitted, and energy_axis"
        )


def _say(ax: Any, text: str) -> None:
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, fontsize=TITLE)


def _middle(edges: EdgeMap) -> tuple[int, int, int]:
    """Voxel in the middle of what is usable, or of the volume."""
    shape = (1,) * (3 - edges.status.ndim) + edges.status.shape
    ok = edges.ok.reshape(shape)
    middle = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(ok.any(axis=others))
        middle.append(int(inside[0] + inside[-1]) // 2 if inside.size else shape[axis] // 2)
    return middle[0], middle[1], middle[2]


def _plane(values: NDArray[Any], at: tuple[int, int, int]) -> NDArray[Any]:
    """The plane z = at[0], of whatever has fewer axes the whole."""
    if values.ndim == 3:
        return np.asarray(values[at[0]])
    return np.asarray(values if values.ndim == 2 else values.reshape(1, -1))


def _usable(edges: EdgeMap, name: str) -> NDArray[np.floating[Any]]:
    return np.asarray(np.where(edges.ok, getattr(edges, name), np.nan))


def _maps(
    figure: Any,
    edges: EdgeMap,
    voxel_size_um: float | tuple[float, ...] | None,
    at: tuple[int, int, int],
) -> None:
    """Slices of the edge energy; along a line, points with their errors."""
    values = _usable(edges, "edge_energy_ev")
    rule = _rule(edges)
    if values.ndim >= 2:
        slices(
            values,
            1.0 if voxel_size_um is None else voxel_size_um,
            label=f"edge energy [eV], {rule}",
            at=at,
            limits=fenced_limits(values),
            figure=figure,
        )
        if voxel_size_um is None:
            _without_scale(figure, edges.status.ndim, at)
        return
    ax = figure.subplots()
    label_axes(ax, "voxel", "edge energy [eV]", f"Edge energy ({rule}) ± standard error")
    open_frame(ax)
    ax.ticklabel_format(axis="y", useOffset=False)
    if not edges.ok.any():
        ax.text(0.5, 0.5, "no usable voxel", transform=ax.transAxes, ha="center", fontsize=TITLE)
        return
    ax.errorbar(
        np.arange(values.size), values.ravel(), yerr=_usable(edges, "edge_energy_std_ev").ravel(),
        fmt=".", color=_BLUE, ms=4, lw=0.8,
    )  # fmt: skip


def _without_scale(figure: Any, n_axis: int, at: tuple[int, int, int]) -> None:
    """A map in voxels: no bar in micrometres, which nobody knows."""
    for ax, (name, axis) in zip(figure.axes, (("xy", "z"), ("xz", "y"), ("yz", "x")), strict=False):
        for artist in list(ax.artists):
            artist.remove()
        place = f", {axis} = {at['zyx'.index(axis)]}" if n_axis == 3 else ""
        ax.set_title(f"{name} slice{place}", fontsize=TITLE)


def _rule(edges: EdgeMap) -> str:
    name = str(edges.settings.get("estimator", "half_jump")).replace("_", " ")
    level = edges.settings.get("level", 0.5)
    return f"{name} at {level:g}" if name == "half jump" and level != 0.5 else name


def _histograms(
    figure: Any,
    edges: EdgeMap,
    voxel_size_um: float | tuple[float, ...] | None,
    at: tuple[int, int, int],
) -> None:
    edge, white, noise = figure.subplots(1, 3)
    _histogram(edge, edges, "edge_energy", "edge energy [eV]", _BLUE)
    _histogram(white, edges, "white_line", "white line [eV]", _GREEN)
    with np.errstate(all="ignore"):
        ratio = np.where(edges.edge_jump > 0, edges.noise / edges.edge_jump, np.nan)
        middle = np.nanmedian(ratio[edges.ok]) if edges.ok.any() else np.nan
    text = "noise of a point / jump" + (f"\nmedian {middle:.2g}" if np.isfinite(middle) else "")
    ratio = np.where(edges.ok, ratio, np.nan)
    if edges.status.ndim >= 2:
        size = voxel_spacing(1.0 if voxel_size_um is None else voxel_size_um)
        image(
            noise, _plane(ratio, at), pixel_size_um=(size[1], size[2]), label="σ/J [1]",
            title=text, cmap="cividis", limits=fenced_limits(ratio),
        )  # fmt: skip
        noise.title.set_fontsize(TICK)
        if voxel_size_um is None:
            for artist in list(noise.artists):
                artist.remove()
        return
    label_axes(noise, "σ/J [1]", "voxels", text)
    noise.title.set_fontsize(TICK)
    open_frame(noise)
    _bars(noise, ratio[np.isfinite(ratio)], COLOURS[4])


def _histogram(ax: Axes, edges: EdgeMap, name: str, label: str, colour: str) -> None:
    """Energies of the usable voxels, their median and spread, and the error of one voxel."""
    values = np.asarray(getattr(edges, f"{name}_ev"))[edges.ok]
    values = values[np.isfinite(values)]
    label_axes(ax, label, "voxels")
    open_frame(ax)
    if not _bars(ax, values, colour):
        return
    low, middle, high = np.percentile(values, (15.9, 50, 84.1))
    error = float(np.nanmedian(np.asarray(getattr(edges, f"{name}_std_ev"))[edges.ok]))
    ax.axvline(middle, color=_VERMILION, lw=1.5)
    ax.axvspan(low, high, color=_VERMILION, alpha=0.15, lw=0)
    ax.set_title(
        f"median {middle:.2f} eV, spread ±{(high - low) / 2:.2g} eV\n"
        f"standard error of a voxel {error:.2g} eV",
        fontsize=TICK,
    )


def _bars(ax: Axes, values: NDArray[Any], colour: str) -> bool:
    """Histogram between the fences; whether there is anything to draw."""
    from matplotlib.ticker import MaxNLocator

    if values.size == 0:
        ax.text(0.5, 0.5, "no usable voxel", transform=ax.transAxes, ha="center", fontsize=TICK + 1)
        ax.set_xticks([])
        ax.set_yticks([])
        return False
    low, high = np.percentile(values, (0.5, 99.5))
    margin = 0.1 * max(high - low, 1e-3 * max(abs(high) ** 0.5, 1e-6))
    n_bin = int(np.clip(np.sqrt(values.size), 10, 80))
    ax.hist(values, bins=n_bin, range=(low - margin, high + margin), color=colour)
    ax.ticklabel_format(axis="x", useOffset=False)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    return True
