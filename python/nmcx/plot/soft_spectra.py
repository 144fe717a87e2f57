"""Ni L3 and O K spectra of the first and the cycled state, by both yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmcx import spectra
from nmcx.plot.panels import COLOURS, TICK, TITLE, label_axes, new_figure, open_frame
from nmcx.results import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FIRST, _CYCLED = COLOURS[:2]
_YIELDS = {"tey": "electron yield", "fy": "fluorescence yield", "transmission": "transmission"}
Pair = tuple[Spectrum, ...]


def soft_spectra_figure(
    nickel_tey: Pair,
    nickel_fy: Pair,
    oxygen_tey: Pair,
    oxygen_fy: Pair,
    *,
    labels: tuple[str, str] = ("1st cycle", "46th cycle"),
    n_bootstrap: int = 1000,
    seed: int = 1,
    figure: Figure | None = None,
) -> Figure:
    """Four panels (a–d): Ni L3 and O K by electron and fluorescence yield, first against cycled.

    Nickel panels show the background of both steps and the ratio of the peaks; oxygen panels the
    backgrounds of the pre-edge, its area shaded, and the suppression with its 95 % interval.

    Parameters
    ----------
    nickel_tey, nickel_fy, oxygen_tey, oxygen_fy : (Spectrum, Spectrum)
        First and cycled state as measured, before normalisation.
    labels : (str, str)
        Names of both states.
    n_bootstrap, seed : int
        Of the interval, see `nmcx.spectra.suppression`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a pair is not of two spectra, or cannot be measured (see `nmcx.spectra`).

    References
    ----------
    .. [1] Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl. Fig. 2.

    Examples
    --------
    >>> from nmcx import phantom
    >>> made = phantom.soft_spectra()
    >>> drawn = soft_spectra_figure(
    ...     made.nickel_tey, made.nickel_fy, made.oxygen_tey, made.oxygen_fy, n_bootstrap=100
    ... )
    >>> len(drawn.axes)
    4
    """
    pairs = (nickel_tey, nickel_fy, oxygen_tey, oxygen_fy)
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("give two spectra for each panel, first and cycled")
    figure = new_figure(8.6, 6.8) if figure is None else figure
    for letter, ax, pair in zip("abcd", figure.subplots(2, 2).ravel(), pairs, strict=True):
        if letter in "ab":
            _nickel(ax, pair, labels)
            name = "Ni L3"
        else:
            _oxygen(ax, pair, labels, n_bootstrap, seed)
            name = "O K"
        mode = pair[0].mode
        label_axes(ax, "energy [eV]", "intensity [edge jumps]", "")
        title = f"{letter}   {name}, {_YIELDS.get(mode, mode or 'yield unknown')}"
        ax.set_title(title, fontsize=TITLE, loc="left")
        ax.ticklabel_format(axis="both", useOffset=False)
        open_frame(ax)
    return figure


def _nickel(ax: Axes, pair: Pair, labels: tuple[str, str]) -> None:
    """Spectra, background of both steps, and the ratio of the peaks."""
    limits = []
    for scan, label, colour in zip(pair, labels, (_FIRST, _CYCLED), strict=True):
        normal = spectra.normalise_soft(scan)
        found = spectra.l3_ratio(
            normal.energy_ev, normal.mu, variance=normal.variance, mode=scan.mode
        )
        text = f"{label}: high/low = {_with_error(found.ratio, found.ratio_std)}"
        ax.plot(normal.energy_ev, normal.mu, color=colour, lw=1.2, label=text)
        ax.plot(found.energy_ev, found.background, "--", color=colour, lw=1.0)
        for at, height in ((found.low_ev, found.low_height), (found.high_ev, found.high_height)):
            base = float(np.interp(at, found.energy_ev, found.background))
            ax.plot(at, base + height, "v", color=colour, ms=5, mec="white", mew=0.6, zorder=4)
        limits.append((found.low_ev - 6.0, found.high_ev + 8.0))
    ax.plot([], [], "--", color="0.4", lw=1.0, label="two arctan steps")
    ax.plot([], [], "v", color="0.4", ms=5, label="peaks")
    ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    _legend(ax)


def _oxygen(ax: Axes, pair: Pair, labels: tuple[str, str], n_bootstrap: int, seed: int) -> None:
    """Spectra, both backgrounds, area of the pre-edge, and its suppression."""
    result = spectra.suppression(*pair, n_bootstrap=n_bootstrap, seed=seed)
    low, high = result.window_ev
    peak = 0.0
    for scan, label, colour in zip(pair, labels, (_FIRST, _CYCLED), strict=True):
        normal = spectra.normalise_soft(scan)
        ax.plot(normal.energy_ev, normal.mu, color=colour, lw=1.2, label=label)
        for background, style in (("step", "--"), ("bridge", ":")):
            found = spectra.pre_edge_area(
                normal.energy_ev, normal.mu, variance=normal.variance, background=background,
                window_ev=result.window_ev, peak_ev=result.settings["peak_ev"],
            )  # fmt: skip
            ax.plot(found.energy_ev, found.curve, style, color=colour, lw=1.0)
            if background == "step":
                top = np.interp(found.energy_ev, normal.energy_ev, normal.mu)
                ax.fill_between(found.energy_ev, found.curve, top, color=colour, alpha=0.18, lw=0)
                peak = max(peak, float(top.max()))
    ax.axvspan(low, high, color="0.95", lw=0, zorder=0, label=f"{low:.1f} to {high:.1f} eV")
    ax.plot([], [], "--", color="0.4", lw=1.0, label="step")
    ax.plot([], [], ":", color="0.4", lw=1.0, label="bridge")
    below, above = result.interval_95
    ax.text(
        0.97, 0.05,
        f"suppression {result.value:.3f}\n95 %: {below:.3f} to {above:.3f}",
        transform=ax.transAxes, ha="right", va="bottom", fontsize=TICK,
        bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 2},
    )  # fmt: skip
    ax.set_xlim(low - 4.0, high + 12.0)
    _legend(ax)


def _with_error(value: float, std: float) -> str:
    digits = int(np.clip(1 - np.floor(np.log10(std)), 0, 6)) if 0 < std < np.inf else 3
    return f"{value:.{digits}f} ± {std:.{digits}f}"


def _legend(ax: Axes) -> None:
    ax.legend(fontsize=TICK - 0.5, frameon=False, loc="upper left")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.18 * (high - low))
