"""The particle in space as a page in the page."""

from __future__ import annotations

import numpy as np

from nmcx import plot
from nmcx.report.findings import Findings


def same_angles(found: Findings) -> bool:
    """Whether cones and scan are there and belong together."""
    return (
        found.cones is not None
        and found.scan is not None
        and np.array_equal(found.cones.half_angle, found.scan.half_angle)
    )


def scene_figure(found: Findings, number: int) -> str:
    """The scene as a figure of the report; nothing without particle and cones.

    Parameters
    ----------
    found : Findings
        What to show.
    number : int
        Of the figure.

    Returns
    -------
    str
        HTML; the scene may run its own script and reach nothing else.
    """
    if found.particle is None or found.cones is None:
        return ""
    scan = found.scan if same_angles(found) else None
    page = plot.scene_html(found.particle, surface=found.surface, cones=found.cones, scan=scan)
    return (
        f'<figure class="scene">{page._repr_html_()}<figcaption><b>Figure {number}.</b> The '
        "particle in space: drag to turn, click to point the cone, choose what its skin shows. "
        "Needs a browser with WebGL 2, but no network.</figcaption></figure>"
    )
