"""Calibrated valence of a surface map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nmcx.plot.panels import fenced_limits, image, new_figure
from nmcx.results import ValenceMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def valence_map(valence: ValenceMap, *, figure: Figure | None = None) -> Figure:
    """Valence of nickel and its standard error, invalid pixels in grey.

    Parameters
    ----------
    valence : ValenceMap
        From `nmcx.surface.calibrated_valence` or `relative_valence`.
    figure : matplotlib.figure.Figure, optional
        Figure to draw into.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from nmcx.results import EndMember
    >>> flat = np.full((8, 8), 2.5)
    >>> ends = EndMember(2.0, 1.0, 0.5), EndMember(4.0, 0.6, 1.2)
    >>> valence = ValenceMap(flat, flat / 50, np.ones((8, 8), bool), True, ends)
    >>> valence_map(valence).axes[0].get_title()
    'Valence of Ni'
    """
    fig = new_figure(8.4, 3.4) if figure is None else figure
    label = "valence [1]" if valence.calibrated else "relative valence, uncalibrated [1]"
    panels = (
        (valence.valence, label, "Valence of Ni", "cividis"),
        (valence.valence_std, "σ [1]", "Standard error", "inferno"),
    )
    for ax, (values, name, title, cmap) in zip(fig.subplots(1, 2), panels, strict=True):
        shown = np.where(valence.valid, values, np.nan)
        image(
            ax,
            shown,
            pixel_size_um=valence.pixel_size_um,
            label=name,
            title=title,
            cmap=cmap,
            limits=fenced_limits(shown),
        )
    return fig
