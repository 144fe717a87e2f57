"""Edge energy (or any quantity) against depth, along lines, and as a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmcx.plot.panels import COLOURS, TICK, label_axes, one_panel, open_frame
from nmcx.results import DepthProfile, EdgeMap, LineProfiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def depth_profile(
    profile: DepthProfile, *, name: str = "edge energy", ax: Axes | None = None
) -> Axes:
    """Values against depth: p(value | depth), median with its error, 16–84 and 5–95 % bands.

    Each column of the histogram adds up to one, so that the outer shells, which hold most voxels,
    do not outshine the core.

    Parameters
    ----------
    profile : DepthProfile
        From `nmcx.morphology.depth_profile`.
    name : str
        Name of the quantity for the axis.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 3c.
    """
    from matplotlib import colormaps

    ax = one_panel(ax, 5.4, 3.6)
    depth = np.asarray(profile.depth_um, dtype=float)
    drawn = np.ma.masked_equal(profile.histogram, 0.0)
    shown = ax.pcolormesh(
        _borders(depth),
        profile.value_edges,
        drawn,
        cmap=colormaps["viridis"].with_extremes(bad="white"),
        shading="flat",
        rasterized=True,
    )
    for columns, style, text in ((slice(1, 3), "--", "16–84 %"), (slice(0, 4, 3), ":", "5–95 %")):
        for i, line in enumerate(profile.percentiles[:, columns].T):
            ax.plot(depth, line, color="#D55E00", lw=1.1, ls=style, label=text if i == 0 else None)
    ax.errorbar(
        depth, profile.median, yerr=profile.median_std, color="#D55E00", lw=1.8, capsize=2,
        label="median ± standard error",
    )  # fmt: skip
    inside = np.flatnonzero(np.asarray(profile.histogram).sum(axis=1) > 1e-2)
    if inside.size:
        ax.set_ylim(profile.value_edges[inside[0]], profile.value_edges[inside[-1] + 1])
    ax.ticklabel_format(axis="y", useOffset=False)
    label_axes(ax, "depth below the surface [µm]", _named(name, profile.unit))
    bar = ax.figure.colorbar(shown, ax=ax, pad=0.02)
    bar.set_label("p(value | depth) per bin [1]", fontsize=TICK + 1)
    bar.ax.tick_params(labelsize=TICK)
    ax.legend(fontsize=TICK, loc="best", framealpha=0.9)
    return ax


def _borders(centres: np.ndarray) -> np.ndarray:
    if centres.size < 2:
        return np.concatenate([centres - 0.5, centres[-1:] + 0.5])
    between = 0.5 * (centres[1:] + centres[:-1])
    first, last = 2 * centres[0] - between[0], 2 * centres[-1] - between[-1]
    return np.concatenate([[max(first, 0.0)], between, [last]])


def _named(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def line_profiles(
    lines: LineProfiles,
    *,
    name: str = "edge energy",
    numbered: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Values along lines from the surface to the centre, with bands of one standard error.

    Parameters
    ----------
    lines : LineProfiles
        From `nmcx.morphology.line_profiles`.
    name : str
        Name of the quantity for the axis.
    numbered : bool
        Whether the legend numbers the lines from 1.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 3e.
    """
    ax = one_panel(ax, 5.4, 3.6)
    for i, (values, std, direction) in enumerate(
        zip(lines.values, lines.std, lines.directions, strict=True)
    ):
        colour = COLOURS[i % len(COLOURS)]
        text = f"{i + 1}: {_direction_name(direction)}" if numbered else _direction_name(direction)
        style = ("-", "--", "-.", ":")[(i // len(COLOURS)) % 4]
        ax.plot(lines.distance_um, values, color=colour, lw=1.4, ls=style, label=text)
        ax.fill_between(
            lines.distance_um, values - std, values + std, color=colour, alpha=0.15, lw=0
        )
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set_xlim(left=0)
    open_frame(ax)
    label_axes(ax, "distance below the surface [µm]", _named(name, lines.unit))
    legend = ax.legend(
        fontsize=TICK, title="line from (z, y, x)", loc="center left", bbox_to_anchor=(1.0, 0.5),
        frameon=False,
    )  # fmt: skip
    legend.get_title().set_fontsize(TICK)
    return ax


def _direction_name(direction: np.ndarray) -> str:
    axis = int(np.argmax(np.abs(direction)))
    if abs(direction[axis]) > 0.999:
        return f"{'+' if direction[axis] > 0 else '−'}{'zyx'[axis]}"
    return "(" + ", ".join(f"{c + 0.0:.2f}" for c in direction).replace("-", "−") + ")"


def depth_counts(profile: DepthProfile, *, ax: Axes | None = None) -> Axes:
    """Number of voxels at each depth, and of the independent values they are worth.

    Parameters
    ----------
    profile : DepthProfile
        From `nmcx.morphology.depth_profile`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = one_panel(ax, 5.4, 1.8)
    borders = _borders(np.asarray(profile.depth_um, dtype=float))
    ax.stairs(profile.count, borders, fill=True, color="0.85", label="voxels")
    ax.stairs(profile.effective_count, borders, color=COLOURS[0], lw=1.2, label="independent")
    ax.set_yscale("log")
    ax.set_ylim(0.8, 30.0 * max(float(np.max(profile.count)), 1.0))  # room for the legend
    ax.minorticks_off()
    label_axes(ax, "depth below the surface [µm]", "count")
    open_frame(ax)
    ax.legend(fontsize=TICK, frameon=False, ncols=2, loc="upper right")
    return ax


def edge_bins(edges: EdgeMap) -> tuple[np.ndarray, np.ndarray]:
    """Edge energies that `edge_histogram` counts, and the borders of its bins [eV].

    Parameters
    ----------
    edges : EdgeMap

    Returns
    -------
    values : (n_usable,) array
        Of the usable voxels.
    borders : (81,) array
        Of the bins; empty without a usable voxel.
    """
    values = edges.edge_energy_ev[edges.ok & np.isfinite(edges.edge_energy_ev)]
    if values.size == 0:
        return values, np.empty(0)
    low, high = np.percentile(values, (0.5, 99.5))
    span = max(high - low, 1e-3)
    return values, np.linspace(low - 0.1 * span, high + 0.1 * span, 81)


def edge_histogram(edges: EdgeMap, *, ax: Axes | None = None) -> Axes:
    """Histogram of the edge energies of the usable voxels [eV], with median and quartiles.

    Parameters
    ----------
    edges : EdgeMap
        From `nmcx.xanes.fit_edges`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = one_panel(ax, 5.6, 3.2)
    values, borders = edge_bins(edges)
    label_axes(ax, "edge energy [eV]", "voxels")
    open_frame(ax)
    if values.size == 0:
        ax.text(0.5, 0.5, "no usable voxel", transform=ax.transAxes, ha="center", fontsize=TICK + 1)
        return ax
    quarter, middle, upper = np.percentile(values, (25, 50, 75))
    ax.hist(values, bins=borders.tolist(), color=COLOURS[0])
    ax.axvline(middle, color=COLOURS[1], lw=1.5, label=f"median {middle:.2f} eV")
    ax.axvspan(quarter, upper, color=COLOURS[1], alpha=0.15, lw=0, label="middle half")
    error = np.median(edges.edge_energy_std_ev[edges.ok])
    ax.plot([], [], " ", label=f"standard error of a voxel {error:.2g} eV")
    ax.ticklabel_format(axis="x", useOffset=False)
    ax.margins(y=0.35)  # room for the legend above the bars
    ax.legend(fontsize=TICK, frameon=False, loc="upper left", ncols=1)
    return ax
