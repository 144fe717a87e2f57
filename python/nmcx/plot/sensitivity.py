"""Porosity against the choices of a segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmcx.plot.panels import COLOURS, TICK, label_axes, new_figure, open_frame
from nmcx.results import PorositySensitivity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def porosity_sensitivity(
    sensitivity: PorositySensitivity,
    *,
    name: str = "threshold",
    figure: Figure | None = None,
) -> Figure:
    """Porosity against threshold and closing radius, with the choice that was made.

    Parameters
    ----------
    sensitivity : PorositySensitivity
        From `nmcx.morphology.porosity_sensitivity`.
    name : str
        Name and unit of what the threshold cuts, for instance ``"edge jump [1]"``.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig = new_figure(7.2, 3.0) if figure is None else figure
    left, right = fig.subplots(1, 2, sharey=True)
    chosen = sensitivity.settings
    _curve(
        left, sensitivity.threshold, sensitivity.porosity_of_threshold,
        chosen.get("threshold"), chosen.get("porosity"),
    )  # fmt: skip
    _curve(
        right, sensitivity.closing_radius_um, sensitivity.porosity_of_radius,
        chosen.get("closing_radius_um"), chosen.get("porosity"),
    )  # fmt: skip
    label_axes(left, name, "porosity [%]", "Threshold")
    label_axes(right, "closing radius [µm]", "", "Envelope")
    left.set_ylim(bottom=0.0)
    left.legend(fontsize=TICK, loc="best", framealpha=0.9)
    return fig


def _curve(
    ax: Axes,
    choices: NDArray[np.floating],
    porosity: NDArray[np.floating],
    chosen: float | None,
    chosen_porosity: float | None,
) -> None:
    ax.plot(choices, 100.0 * np.asarray(porosity), "o-", ms=3.5, lw=1.5, color=COLOURS[0])
    if chosen is not None:
        ax.axvline(chosen, color="0.5", lw=0.8, ls="--")
        if chosen_porosity is not None:
            ax.plot(
                chosen, 100.0 * chosen_porosity, "D", ms=6, color=COLOURS[1],
                label=f"chosen: {100.0 * chosen_porosity:.1f} %",
            )  # fmt: skip
    open_frame(ax)
