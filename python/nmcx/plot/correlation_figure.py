"""Supplementary Fig. 4 of the paper, drawn from data: correlation against opening angle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmcx.plot.cone_panels import pairs, scatter, section
from nmcx.plot.panels import COLOURS, LABEL, TICK, TITLE, label_axes, new_figure, open_frame
from nmcx.results import AngleScan, ConePorosity, Particle, Robustness, SurfaceValues

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PEARSON, _SPEARMAN, _PARTIAL = COLOURS[0], COLOURS[1], COLOURS[2]
_FLOOR = 1e-4

Float = NDArray[np.float64]


def correlation_figure(
    scan: AngleScan,
    *,
    robustness: Robustness | None = None,
    surface: SurfaceValues | None = None,
    cones: ConePorosity | None = None,
    particle: Particle | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Correlation of ξ and cone porosity against opening angle, and what lies behind it.

    (a) Pearson's and Spearman's r with 95 % intervals, the band of the null model and the angle at
    which the correlation is strongest. (b) p-values of single angles. With `surface` and `cones`,
    (c) the pairs that are correlated at that angle; with `particle` too, (d) a section through the
    particle with the most porous of these cones.

    Parameters
    ----------
    scan : AngleScan
        From `nmcx.correlation.angle_scan`.
    robustness : Robustness, optional
        Correlations of turned placements; their range is drawn as a band around r.
    surface : SurfaceValues, optional
        From `nmcx.correlation.place`, the one that was correlated.
    cones : ConePorosity, optional
        From `nmcx.cones.cone_porosity`, likewise.
    particle : Particle, optional
        The particle of the cones.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `cones` or `robustness` have other angles than `scan`.

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 4; the null band
       and (b) to (d) are ours. Interval of Spearman's r: D. G. Bonett, T. A. Wright, Psychometrika
       65, 23 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import cones, correlation, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, correlated=True)
    >>> porosity = cones.cone_porosity(
    ...     particle, cones.fibonacci_directions(600), np.deg2rad([10, 20, 30]))
    >>> scan = correlation.angle_scan(seen, porosity, n_null=99)
    >>> figure = correlation_figure(scan, surface=seen, cones=porosity, particle=particle)
    >>> len(figure.axes)
    4
    """
    if cones is not None and not np.array_equal(cones.half_angle, scan.half_angle):
        raise ValueError("cones must have the half-opening angles of scan")
    if robustness is not None and not np.array_equal(robustness.half_angle, scan.half_angle):
        raise ValueError("robustness must have the half-opening angles of scan")
    whole = surface is not None and cones is not None and bool(np.isfinite(scan.pearson).any())
    fig = new_figure(10.6 if whole else 6.2, 6.6 if whole else 5.0) if figure is None else figure
    if not whole:
        axes = list(fig.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.0)))
    else:
        parts: Any = fig.subfigures(1, 2, width_ratios=(1.35, 1.0))
        n_right = 1 if particle is None else 2
        axes = [
            *parts[0].subplots(2, 1, sharex=True, height_ratios=(3.0, 1.0)),
            *parts[1].subplots(n_right, 1, squeeze=False)[:, 0],
        ]
    _curves(axes[0], scan, robustness)
    _p_values(axes[1], scan)
    if whole:
        assert surface is not None and cones is not None
        _right_column(axes[2:], scan, surface, cones, particle)
    for letter, ax in zip("abcd", axes, strict=False):
        ax.annotate(
            letter, (0.0, 1.0), xycoords="axes fraction", xytext=(-12, 5),
            textcoords="offset points", fontsize=TITLE + 2, fontweight="bold", ha="right",
        )  # fmt: skip
    return fig


def _curves(ax: Axes, scan: AngleScan, robustness: Robustness | None) -> None:
    """Both correlations with intervals over the null band; the strongest angle is marked."""
    angle = np.rad2deg(2.0 * np.asarray(scan.half_angle))
    order = np.argsort(angle)
    at, band = angle[order], np.asarray(scan.null_band)[order]
    ax.fill_between(at, band[:, 0], band[:, 1], color="0.87", lw=0, label="null model, 95 %")
    if robustness is not None:
        low, high = np.asarray(robustness.band)[order].T
        ax.fill_between(at, low, high, color=_PEARSON, alpha=0.22, lw=0, label="placement turned")
    ax.axhline(0.0, color="0.45", lw=0.8)
    # Bars side by side would hide each other on one abscissa.
    apart = 0.06 * float(np.min(np.diff(at))) if at.size > 1 else 0.0
    for r, interval, style, colour, shift, name in (
        (scan.pearson, scan.interval, "o-", _PEARSON, -apart, "Pearson"),
        (scan.spearman, _rank_interval(scan), "s--", _SPEARMAN, apart, "Spearman"),
    ):
        reach = np.abs(np.asarray(interval) - np.asarray(r)[:, None])[order].T
        ax.errorbar(
            at + shift, np.asarray(r)[order], yerr=np.where(np.isfinite(reach), reach, 0.0),
            fmt=style, ms=4, lw=1.4, elinewidth=0.9, capsize=2, color=colour,
            label=f"{name}, 95 % interval",
        )  # fmt: skip
    if scan.partial is not None:
        given_that = str(scan.settings.get("covariates", "")).replace(", ", " and ")
        ax.plot(
            at, np.asarray(scan.partial)[order], "^:", ms=4, lw=1.2, color=_PARTIAL,
            label=f"Pearson at equal {given_that}",
        )  # fmt: skip
    _mark_best(ax, scan, angle)
    # Room for the legend above what a correlation can be.
    n_row = -(-len(ax.get_legend_handles_labels()[0]) // 3)
    ax.set_ylim(-1.05, 1.1 + 0.12 * n_row)
    ax.set_yticks(np.arange(-1.0, 1.01, 0.25))
    open_frame(ax)
    label_axes(ax, "", "correlation of ξ and cone porosity [1]")
    ax.legend(
        fontsize=TICK, frameon=False, loc="upper center", ncols=3, columnspacing=1.2,
        handletextpad=0.5, borderaxespad=0.2,
    )  # fmt: skip
    halved: Any = (lambda a: a / 2.0, lambda a: a * 2.0)
    half = ax.secondary_xaxis("top", functions=halved)
    half.set_xlabel("half-opening angle α [°]", fontsize=LABEL)
    half.tick_params(labelsize=TICK)
    half.spines["top"].set_linewidth(0.6)


def _mark_best(ax: Axes, scan: AngleScan, angle: Float) -> None:
    if not np.isfinite(scan.pearson).any():
        ax.text(0.5, 0.5, "no correlation", transform=ax.transAxes, ha="center", fontsize=LABEL)
        return
    best = scan.strongest
    ax.axvline(angle[best], color="0.25", lw=0.9, ls=":", zorder=1)
    words = f"strongest at 2α = {angle[best]:.0f}°"
    below = scan.pearson[best] > 0
    if scan.best_interval is not None and np.all(np.isfinite(scan.best_interval)):
        low, high = np.rad2deg(2.0 * np.asarray(scan.best_interval))
        at = -1.0 if below else 1.0
        ax.plot([low, high], [at, at], "|-", color="0.25", lw=1.4, ms=6, mew=1.4)
        words += f" (95 %: {low:.0f} … {high:.0f}°)"
    left = angle[best] < angle.mean()
    ax.annotate(
        words, (angle[best], -0.97 if below else 0.97),
        xytext=(4 if left else -4, 0), textcoords="offset points", ha="left" if left else "right",
        va="bottom" if below else "top", fontsize=TICK, color="0.25",
    )  # fmt: skip


def _rank_interval(scan: AngleScan) -> Float:
    """95 % interval (n_angle, 2) of Spearman's r, Fisher's with the factor of Bonett and Wright."""
    r, n = np.asarray(scan.spearman, float), np.asarray(scan.n_effective, float)
    with np.errstate(all="ignore"):
        half = 1.959964 * np.sqrt((1.0 + 0.5 * r**2) / (n - 3.0))
        interval = np.tanh(np.arctanh(r)[:, None] + np.stack([-half, half], axis=1))
    # Three effective samples or fewer do not bound r at all.
    interval[~(n > 3.0)] = (-1.0, 1.0)
    interval[~np.isfinite(r)] = np.nan
    return np.asarray(interval)


def _p_values(ax: Axes, scan: AngleScan) -> None:
    """p-values of the single angles; that of all together, and what the sign means, in words."""
    angle = np.rad2deg(2.0 * np.asarray(scan.half_angle))
    order = np.argsort(angle)
    for p, style, colour in (
        (scan.p_value, "o-", _PEARSON),
        (scan.spearman_p_value, "s--", _SPEARMAN),
        (scan.partial_p_value, "^:", _PARTIAL),
    ):
        if p is None:
            continue
        ax.semilogy(
            angle[order], np.maximum(np.asarray(p)[order], _FLOOR), style, ms=3.5, lw=1.1,
            color=colour,
        )  # fmt: skip
    ax.axhline(0.05, color="0.4", lw=0.8, ls="--")
    ax.text(
        1.0, 0.05, "0.05", fontsize=TICK, color="0.3", ha="right", va="bottom",
        transform=ax.get_yaxis_transform(),
    )  # fmt: skip
    smallest = float(np.nanmin(scan.p_value)) if np.isfinite(scan.p_value).any() else 1.0
    ax.set_ylim(min(3e-4, max(smallest, _FLOOR) / 2), 1.6)
    open_frame(ax)
    label_axes(ax, f"opening angle 2α [°]\n{scan.sign_convention}", "p, each angle")
    n = int(np.isfinite(scan.pearson).sum())
    ax.set_title(
        f"all {n} angles as one test: family-wise p = {scan.p_family:.3g}",
        fontsize=LABEL, loc="left",
    )  # fmt: skip


def _right_column(
    axes: list[Axes],
    scan: AngleScan,
    surface: SurfaceValues,
    cones: ConePorosity,
    particle: Particle | None,
) -> None:
    best = scan.strongest
    matched = bool(scan.settings.get("matched", True))
    at, porosity, xi = pairs(
        surface, cones, best, matched=matched, min_points=int(scan.settings.get("min_points", 3))
    )
    opening = np.rad2deg(2.0 * scan.half_angle[best])
    remark = (
        f"Pearson {scan.pearson[best]:+.2f}, Spearman {scan.spearman[best]:+.2f}\n"
        f"{at.size} directions, {scan.n_effective[best]:.0f} effective"
    ).replace("-", "−")
    scatter(axes[0], porosity, xi, title=f"Cones of 2α = {opening:.0f}°", remark=remark)
    if not matched:
        axes[0].set_ylabel("ξ, at the direction [1]", fontsize=LABEL)
    if particle is not None and at.size:
        most = int(np.argmax(porosity))
        section(
            axes[1], particle, cones.directions[at[most]], float(scan.half_angle[best]),
            apex_um=cones.apex_um, surface=surface, porosity=float(porosity[most]),
        )  # fmt: skip
        axes[1].set_title("The most porous of them, in section", fontsize=TITLE)


__all__ = ["correlation_figure"]
