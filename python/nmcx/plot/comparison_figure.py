"""The model beside the experiment: correlation against opening angle, measured and predicted."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from nmcx.plot.panels import COLOURS, LABEL, TICK, label_axes, new_figure, open_frame
from nmcx.results import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEASURED, _PREDICTED = COLOURS[1], COLOURS[0]
_WIDTH = 95


def comparison_figure(comparison: Comparison, *, ax: Axes | None = None) -> Axes:
    """Correlation of ξ and porosity against opening angle, measured and predicted by the model.

    Grey: 95 % of particles whose map was turned before it became a layer. Blue: each simulated
    particle, their mean, and 95 % of them. Orange: measured, with its interval. Below: the verdict.

    Parameters
    ----------
    comparison : Comparison
        From `nmcx.comparison.compare`.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; the verdict is then left out.

    Returns
    -------
    matplotlib.axes.Axes

    References
    ----------
    .. [1] Measured curve as in Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl.
       Fig. 4; the rest is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx.results import AngleScan, Comparison
    >>> angle, one = np.deg2rad([10, 20, 30]), np.ones(3)
    >>> band = np.array([[-0.5, 0.5]] * 3)
    >>> scan = AngleScan(angle, -0.3 * one, -0.3 * one, band, 0.1 * one, 0.1, 20 * one, band)
    >>> curves = np.array([[-0.1, -0.2, -0.3], [-0.2, -0.3, -0.4], [0.0, -0.1, -0.2]])
    >>> made = Comparison(angle, scan, curves, -curves, band, band, scan, 0.1, 0.8, 0.3, "Words.")
    >>> len(comparison_figure(made).lines) > 3
    True
    """
    angle = np.rad2deg(2.0 * np.asarray(comparison.half_angle))
    order = np.argsort(angle)
    at = angle[order]
    alone = ax is None
    if ax is None:
        ax = new_figure(6.4, 4.6).add_subplot()
    low, high = np.asarray(comparison.turned_band)[order].T
    ax.fill_between(at, low, high, color="0.87", lw=0, label="model, map turned: 95 %")
    low, high = np.asarray(comparison.predicted_band)[order].T
    ax.fill_between(at, low, high, color=_PREDICTED, alpha=0.2, lw=0, label="model: 95 %")
    for curve in np.asarray(comparison.predicted):
        ax.plot(at, curve[order], color=_PREDICTED, lw=0.5, alpha=0.5)
    mean = np.asarray(comparison.predicted).mean(axis=0)[order]
    ax.plot(at, mean, "s-", color=_PREDICTED, ms=4, lw=1.6, label="model: mean")
    r = np.asarray(comparison.measured.pearson)[order]
    reach = np.abs(np.asarray(comparison.measured.interval)[order] - r[:, None]).T
    ax.errorbar(
        at, r, yerr=np.where(np.isfinite(reach), reach, 0.0), fmt="o-", color=_MEASURED, ms=4.5,
        lw=1.6, elinewidth=0.9, capsize=2, label="measured, 95 % interval", zorder=5,
    )  # fmt: skip
    ax.axhline(0.0, color="0.45", lw=0.8)
    ax.set_ylim(-1.05, 1.3)
    ax.set_yticks(np.arange(-1.0, 1.01, 0.25))
    open_frame(ax)
    label_axes(ax, "full opening angle 2α [°]", "correlation of ξ and cone porosity [1]")
    ax.legend(fontsize=TICK, frameon=False, loc="upper center", ncols=2, handletextpad=0.5)
    halved: Any = (lambda a: a / 2.0, lambda a: a * 2.0)
    half = ax.secondary_xaxis("top", functions=halved)
    half.set_xlabel("half-opening angle α [°]", fontsize=LABEL)
    half.tick_params(labelsize=TICK)
    if alone and comparison.verdict:
        words = textwrap.fill(comparison.verdict, _WIDTH)
        ax.annotate(
            words, (0.0, 0.0), xycoords="axes fraction", xytext=(0, -34), fontsize=TICK,
            textcoords="offset points", va="top", color="0.25",
        )  # fmt: skip
    return ax
