"""The nine worst fits of an edge map: which they are, and their spectra with the fitted curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmcx import xanes
from nmcx.plot.panels import COLOURS, LABEL, TICK, TITLE, label_axes, open_frame
from nmcx.results import STATUS_BITS, EdgeMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_WORST = 9
_BLUE, _VERMILION, _GREEN, _PURPLE = COLOURS[:4]
_RULE = "flagged for a large residual or several crossings first, then by standard error"


def worst_voxels(edges: EdgeMap, n: int = N_WORST) -> NDArray[np.intp]:
    """Flat indices of the worst usable voxels, worst first.

    Parameters
    ----------
    edges : EdgeMap
        From `nmcx.xanes.fit_edges`.
    n : int
        How many, at most.

    Returns
    -------
    (n,) integer array
        First those flagged for a large residual and several crossings, then those with a large
        residual, then those with several crossings, then the others; within each group by the
        standard error of the edge energy. Fewer than `n` if fewer are usable.
    """
    ok = edges.ok.ravel()
    status = edges.status.ravel()
    std = np.asarray(edges.edge_energy_std_ev).ravel()
    residual, crossings = STATUS_BITS["large_residual"], STATUS_BITS["several_crossings"]
    found: list[NDArray[np.intp]] = []
    for wanted in (residual | crossings, residual, crossings, 0):
        left = n - sum(part.size for part in found)
        group = np.flatnonzero(ok & ((status & (residual | crossings)) == wanted))
        found.append(_largest(std, group, left))
    return np.concatenate(found)


def _largest(
    values: NDArray[np.floating[Any]], among: NDArray[np.intp], n: int
) -> NDArray[np.intp]:
    """The `n` of these voxels with the largest values, largest first."""
    if n <= 0 or among.size == 0:
        return np.empty(0, dtype=np.intp)
    key = np.nan_to_num(values[among], nan=-np.inf)
    if among.size > n:
        kept = np.argpartition(-key, n - 1)[:n]
        among, key = among[kept], key[kept]
    return among[np.lexsort((among, -key))]


def draw_worst(
    figure: Any, energy: NDArray[np.float64], mu: Any, edges: EdgeMap, energy_axis: int
) -> None:
    """The worst usable fits, or, without any, the refused voxels with the largest jump."""
    chosen = worst_voxels(edges)
    heading = f"The {chosen.size} worst usable fits ({_RULE})"
    if chosen.size == 0:
        everything = np.arange(edges.status.size)
        chosen = _largest(np.asarray(edges.edge_jump).ravel(), everything, N_WORST)
        heading = "No voxel is usable; refused voxels with the largest jump"
    figure.suptitle(heading, fontsize=TITLE)
    axes = figure.subplots(3, 3).ravel()
    for ax in axes[chosen.size :]:
        ax.set_axis_off()
    for i, (ax, voxel) in enumerate(zip(axes, chosen, strict=False)):
        index = tuple(int(k) for k in np.unravel_index(voxel, edges.status.shape))
        _fit(ax, energy, _spectrum(mu, index, energy_axis), edges, index)
        ax.set_ylabel("absorption" if i % 3 == 0 else "", fontsize=LABEL)
        ax.set_xlabel("energy [eV]" if i + 3 >= chosen.size else "", fontsize=LABEL)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels),
        fontsize=TICK - 0.5, frameon=False,
        columnspacing=1.2,
    )  # fmt: skip


def _spectrum(mu: Any, index: tuple[int, ...], energy_axis: int) -> NDArray[np.float64]:
    key: list[Any] = list(index)
    key.insert(energy_axis % (len(index) + 1), slice(None))
    return np.asarray(mu[tuple(key)], dtype=np.float64)


def _fit(
    ax: Axes,
    energy: NDArray[np.float64],
    mu: NDArray[np.float64],
    edges: EdgeMap,
    index: tuple[int, ...],
) -> None:
    """A spectrum, its curves, and where edge and white line were found."""
    settings = edges.settings
    ax.plot(energy, mu, ".-", color="0.35", ms=3.5, lw=0.5, label="spectrum")
    known = {"pre_edge", "post_edge", "pre_degree", "post_degree"} <= set(settings)
    if known:
        windows = tuple(settings["pre_edge"]), tuple(settings["post_edge"])
        curves = xanes.baselines(
            energy, mu, pre_edge=windows[0], post_edge=windows[1],
            pre_degree=settings["pre_degree"], post_degree=settings["post_degree"],
            shape_mu=settings.get("shape_mu"),
        )  # fmt: skip
        _curves(ax, energy, mu, curves, edges, index, windows)
    _energies(ax, edges, index)
    label_axes(ax, "", "", _caption(edges, index))
    ax.title.set_fontsize(TICK)
    ax.tick_params(labelsize=TICK - 1)
    ax.ticklabel_format(axis="both", useOffset=False)
    ax.locator_params(axis="both", nbins=4)
    open_frame(ax)


def _curves(
    ax: Axes,
    energy: NDArray[np.float64],
    mu: NDArray[np.float64],
    curves: xanes.Baselines,
    edges: EdgeMap,
    index: tuple[int, ...],
    windows: tuple[tuple[float, ...], ...],
) -> None:
    # A fifth of the energies around the scan range: errors of tenths of an eV are to be seen.
    start, end = windows[0][1], windows[1][0]
    reach = 0.5 * (end - start)
    shown = (energy >= start - reach) & (energy <= end + reach)
    pre, total = curves.pre, curves.pre + curves.post
    ax.plot(energy[shown], pre[shown], "--", color=_BLUE, lw=1.1, label="pre-edge")
    ax.plot(energy[shown], total[shown], "--", color=_GREEN, lw=1.1, label="post-edge")
    height = mu
    if edges.settings.get("estimator", "half_jump") == "half_jump":
        level = float(edges.settings.get("level", 0.5))
        height = curves.pre + level * curves.post
        ax.plot(energy[shown], height[shown], ":", color="black", lw=1.0, label=f"level {level:g}")
    for low, high in ((start - reach, start), (end, end + reach)):
        ax.axvspan(low, high, color="0.93", lw=0, zorder=0)
    ax.set_xlim(start - reach, end + reach)
    peak = float(edges.white_line_height[index])
    for name, curve, style, colour, label in (
        ("edge_energy", height, "o", _VERMILION, "edge"),
        ("white_line", curves.pre + peak * curves.post, "D", _PURPLE, "white line"),
    ):
        at = float(getattr(edges, f"{name}_ev")[index])
        std = float(getattr(edges, f"{name}_std_ev")[index])
        ax.errorbar(
            [at], [np.interp(at, energy, curve)], xerr=[std], fmt=style, color=colour, ms=4,
            capsize=4, lw=1.6, zorder=5, label=f"{label} ± 1 standard error",
        )  # fmt: skip


def _caption(edges: EdgeMap, index: tuple[int, ...]) -> str:
    """Voxel and flags."""
    import textwrap

    axes, where = ", ".join("zyx"[3 - len(index) :]), ", ".join(map(str, index))
    voxel = f"({axes}) = ({where})" if len(index) > 1 else f"voxel {where}".rstrip()
    status = int(edges.status[index])
    names = [name.replace("_", " ") for name, bit in STATUS_BITS.items() if status & bit]
    return "\n".join([voxel, *textwrap.wrap(", ".join(names) or "no flag", 36)])


def _energies(ax: Axes, edges: EdgeMap, index: tuple[int, ...]) -> None:
    """Both energies with their errors, below the spectrum."""
    if not edges.ok[index]:
        return
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.25 * (high - low), high)
    lines = [
        f"{label} {getattr(edges, f'{name}_ev')[index]:.2f} "
        f"± {getattr(edges, f'{name}_std_ev')[index]:.2g} eV"
        for name, label in (("edge_energy", "edge"), ("white_line", "white line"))
    ]
    ax.text(
        0.99, 0.03, "\n".join(lines), transform=ax.transAxes, ha="right", va="bottom",
        fontsize=TICK - 0.5, zorder=6,
        bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5},
    )  # fmt: skip
