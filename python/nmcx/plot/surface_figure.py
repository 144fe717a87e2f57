"""Supplementary Fig. 1 of the paper, drawn from data: from two scans to the ratio map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmcx import surface
from nmcx.plot.panels import (
    COLOURS,
    LABEL,
    TICK,
    TITLE,
    fenced_limits,
    image,
    label_axes,
    new_figure,
    open_frame,
    robust_limits,
)
from nmcx.results import Spectrum, StxmStack, XiMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOW, _HIGH = COLOURS[0], COLOURS[1]
_RATIO_MAP = "viridis"

Array = NDArray[np.floating[Any]]


def surface_figure(
    xi: XiMap, *, spectrum: Spectrum | StxmStack | None = None, figure: Figure | None = None
) -> Figure:
    """Mean spectrum, both scans after registration, their ratio ξ and its histogram, (a) to (e).

    Parameters
    ----------
    xi : XiMap
        From `nmcx.surface.xi_map`, with its `low` and `high`.
    spectrum : Spectrum or StxmStack, optional
        For (a): a mean spectrum across the edge, or an energy stack on the grid of the map, whose
        mean over the valid pixels is drawn. Default: the mean of the two scans alone.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the map has no images `low` and `high`, or a stack has another number of pixels.

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 1; the histogram
       in (e) is our default.

    Examples
    --------
    >>> from nmcx import phantom, surface
    >>> made = phantom.pair_scans(1, shape=(40, 40))
    >>> figure = surface_figure(surface.xi_map(made.low, made.high))
    >>> [ax.get_title() for ax in figure.axes[:4]]
    ['Mean of the two scans', '854.0 eV', '856.2 eV, registered', 'Ratio map ξ']
    """
    if xi.low is None or xi.high is None:
        raise ValueError("xi must hold the images low and high, as surface.xi_map returns it")
    fig = new_figure(10.6, 6.4) if figure is None else figure
    # Each row is laid out for itself: the colour bars of one leave no gaps in the other.
    rows: Any = fig.subfigures(2, 1)
    upper, lower = rows
    axes = [*upper.subplots(1, 3), *lower.subplots(1, 2, width_ratios=(1.0, 2.0))]
    _spectrum(axes[0], xi, spectrum)
    _images(axes[1], axes[2], xi)
    ratio = np.where(xi.valid, xi.xi, np.nan)
    limits = fenced_limits(ratio)
    image(
        axes[3],
        ratio,
        pixel_size_um=xi.pixel_size_um,
        label="ξ [1]",
        title="Ratio map ξ",
        cmap=_RATIO_MAP,
        limits=limits,
    )
    _histogram(axes[4], xi, limits)
    for letter, ax in zip("abcde", axes, strict=True):
        ax.annotate(
            letter,
            (0.0, 1.0),
            xycoords="axes fraction",
            xytext=(-12, 5),
            textcoords="offset points",
            fontsize=TITLE + 2,
            fontweight="bold",
        )
    return fig


def _is_density(xi: XiMap) -> bool:
    return any("optical densities" in note for note in xi.notes)


def _scaled(xi: XiMap) -> tuple[Array, Array, str]:
    """Both images in a unit that keeps their numbers short, and its name."""
    assert xi.low is not None and xi.high is not None
    if _is_density(xi):
        return xi.low, xi.high, "optical density [1]"
    largest = np.nanmax(np.abs(np.stack([xi.low, xi.high])), initial=0.0)
    power = 3 * int(np.floor(np.log10(largest) / 3.0)) if largest > 0 else 0
    if power == 0:
        return xi.low, xi.high, "yield [counts/s per I0]"
    digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    scale = 10.0**-power
    return xi.low * scale, xi.high * scale, f"yield [10{digits} counts/s per I0]"


def _ev(energy: float) -> str:
    """An energy to a tenth of an eV, or to a hundredth where it needs one."""
    return f"{energy:.1f} eV" if abs(energy - round(energy, 1)) < 0.005 else f"{energy:.2f} eV"


def _spectrum(ax: Axes, xi: XiMap, spectrum: Spectrum | StxmStack | None) -> None:
    """The mean spectrum with the two energies of the map marked on it."""
    title = "Mean spectrum"
    if spectrum is None:
        energy, mean, std, name = _two_points(xi)
        ax.errorbar(energy, mean, yerr=std, fmt="o", ms=4, color="0.3", capsize=2)
        title = "Mean of the two scans"
    elif isinstance(spectrum, StxmStack):
        energy, mean, std = _mean_of(spectrum, xi)
        order = np.argsort(energy)
        energy, mean, std = energy[order], mean[order], std[order]
        ax.fill_between(energy, mean - std, mean + std, color="0.8", lw=0)
        ax.plot(energy, mean, ".-", ms=3, lw=1.0, color="0.3")
        name = "mean counts"
    else:
        energy = np.asarray(spectrum.energy_ev, dtype=np.float64)
        ax.plot(energy, spectrum.mu, "-", lw=1.2, color="0.3")
        name = "mean intensity [1]"
    label_axes(ax, "energy [eV]", name, title)
    open_frame(ax)
    ax.ticklabel_format(axis="x", useOffset=False)
    first, last = float(np.min(energy)), float(np.max(energy))
    margin = 0.04 * (last - first) if spectrum is not None else 0.6 * (last - first)
    ax.set_xlim(min(first, xi.energy_ev[0]) - margin, max(last, xi.energy_ev[1]) + margin)
    bottom, top = ax.get_ylim()
    # Room above the curve for the names of the lines, which stand away from each other.
    ax.set_ylim(bottom, top + 0.16 * (top - bottom))
    sides = (("right", -3), ("left", 3))
    for e, colour, (side, away) in zip(xi.energy_ev, (_LOW, _HIGH), sides, strict=True):
        ax.axvline(e, color=colour, lw=1.2, ls="--", zorder=0)
        ax.annotate(
            _ev(e),
            (e, 0.99),
            xycoords=("data", "axes fraction"),
            xytext=(away, 0),
            textcoords="offset points",
            color=colour,
            fontsize=TICK,
            ha=side,
            va="top",
        )


def _two_points(xi: XiMap) -> tuple[Array, Array, Array, str]:
    """Means of both images over the valid pixels, their standard errors by scatter, their name."""
    *images, name = _scaled(xi)
    energy, mean, std = np.asarray(xi.energy_ev, dtype=np.float64), np.zeros(2), np.zeros(2)
    for k, values in enumerate(images):
        kept = values[xi.valid]
        mean[k] = np.nanmean(kept) if kept.size else np.nan
        std[k] = np.nanstd(kept) / np.sqrt(kept.size) if kept.size else np.nan
    return energy, mean, std, f"mean {name}"


def _mean_of(stack: StxmStack, xi: XiMap) -> tuple[Array, Array, Array]:
    """Mean spectrum of a stack over the valid pixels of the map, and its standard error."""
    if stack.counts.shape[1:] != xi.valid.shape:
        raise ValueError(
            f"the stack has {stack.counts.shape[1:]} pixels and the map {xi.valid.shape}: "
            "give the stack of the same field, or its mean as a Spectrum"
        )
    chosen = xi.valid if np.any(xi.valid) else np.ones_like(xi.valid)
    kept = np.asarray(stack.counts, dtype=np.float64)[:, chosen]
    std = np.nanstd(kept, axis=1) / np.sqrt(kept.shape[1])
    return np.asarray(stack.energy_ev, dtype=np.float64), np.nanmean(kept, axis=1), std


def _images(low: Axes, high: Axes, xi: XiMap) -> None:
    """Both scans on one colour scale, the second where the first is."""
    *both, name = _scaled(xi)
    limits = robust_limits(np.stack(both), 0.5, 99.5)
    words = ("", ", registered")
    for ax, values, e, word in zip((low, high), both, xi.energy_ev, words, strict=True):
        image(
            ax,
            values,
            pixel_size_um=xi.pixel_size_um,
            label=name,
            title=f"{_ev(e)}{word}",
            cmap="inferno",
            limits=limits,
        )


def ratio_bins(xi: XiMap) -> tuple[Array, Array]:
    """Ratios that the figure counts, and the borders of its bins.

    Parameters
    ----------
    xi : XiMap

    Returns
    -------
    values : (n_valid,) array
        Of the valid pixels [1].
    borders : (n_bin + 1,) array
        Of the bins [1].
    """
    values = xi.xi[xi.valid]
    low, high = fenced_limits(np.where(xi.valid, xi.xi, np.nan))
    n_bin = int(np.clip(np.sqrt(values.size), 12, 60))
    reach = 0.15 * (high - low)
    return values, np.linspace(low - reach, high + reach, n_bin + 1)


def _histogram(ax: Axes, xi: XiMap, limits: tuple[float, float]) -> None:
    """ξ of the valid pixels in the colours of the map; its spread beside the error of a pixel."""
    from matplotlib import colormaps

    label_axes(ax, "ξ [1]", "pixels")
    open_frame(ax)
    std = xi.xi_std[xi.valid]
    values, borders = ratio_bins(xi)
    if values.size == 0:
        ax.text(0.5, 0.5, "no valid pixel", transform=ax.transAxes, ha="center", fontsize=LABEL)
        return
    low, middle, high = np.percentile(values, (15.9, 50.0, 84.1))
    error = float(np.median(std))
    _, edges, bars = ax.hist(values, bins=borders.tolist(), edgecolor="white", lw=0.3)
    span = max(limits[1] - limits[0], 1e-12)
    for left, right, bar in zip(edges[:-1], edges[1:], bars, strict=True):  # type: ignore[arg-type]
        share = (0.5 * (left + right) - limits[0]) / span
        bar.set_facecolor(colormaps[_RATIO_MAP](np.clip(share, 0.0, 1.0)))
    ax.set_xlim(edges[0], edges[-1])
    height = 1.22 * ax.get_ylim()[1]
    ax.set_ylim(0, height)
    ax.axvspan(low, high, color="0.5", alpha=0.15, lw=0, zorder=0)
    ax.axvline(middle, color=COLOURS[6], lw=1.2)
    at = 0.88 * height
    ax.errorbar(middle, at, xerr=error, color=_HIGH, capsize=3, lw=1.4, fmt="none", zorder=3)
    outside = int(np.count_nonzero((values < edges[0]) | (values > edges[-1])))
    words = [
        (f"median {middle:.3f}", "black"),
        (f"68 % of pixels: ±{0.5 * (high - low):.3f}", "0.35"),
        (f"median error of a pixel: ±{error:.3f}", _HIGH),
    ]
    if outside:
        words.append((f"{outside} of {values.size} pixels outside", "black"))
    for k, (text, colour) in enumerate(words):
        ax.annotate(
            text,
            (0.985, 0.97),
            xycoords="axes fraction",
            xytext=(0, -12 * k),
            textcoords="offset points",
            color=colour,
            fontsize=TICK,
            ha="right",
            va="top",
        )
    _valence_axis(ax, xi)


def _valence_axis(ax: Axes, xi: XiMap) -> None:
    """Upper axis: the same linear scale of relative valence as `surface.relative_valence`."""
    values = xi.xi[xi.valid]
    # A map of hardly more than one value has no scale of its own.
    if np.ptp(np.percentile(values, (2.0, 98.0))) == 0:
        return
    # Two pixels of the map fix the line, whatever rule set its end members.
    scale = surface.relative_valence(xi).valence[xi.valid]
    i, j = int(np.argmin(values)), int(np.argmax(values))
    slope = (scale[j] - scale[i]) / (values[j] - values[i])
    zero = values[i] - scale[i] / slope
    above = ax.secondary_xaxis(
        "top", functions=(lambda x: (x - zero) * slope, lambda z: zero + z / slope)
    )
    above.set_xlabel("relative valence, uncalibrated [1]", fontsize=LABEL)
    above.tick_params(labelsize=TICK)
    above.spines["top"].set_linewidth(0.6)


__all__ = ["surface_figure"]
