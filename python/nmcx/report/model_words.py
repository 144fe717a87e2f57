"""What the model gave, in sentences."""

from __future__ import annotations

import numpy as np

from nmcx.chemomechanics.crack_networks import DAMAGED, wall_shares
from nmcx.report.findings import Findings
from nmcx.results import History, LayerMap, Mesh


def of_model(found: Findings) -> list[str]:
    """The particle in the model, and the verdict on model and experiment.

    Parameters
    ----------
    found : Findings
        What exists; the rest is passed over.

    Returns
    -------
    list of str
    """
    told = []
    if found.mesh is not None and found.history is not None and found.parameters is not None:
        full = found.parameters.max_concentration
        told.append(_of_particle(found.mesh, found.layer, found.history, full))
    if found.comparison is not None:
        told.append(found.comparison.verdict)
    return told


def _of_particle(mesh: Mesh, layer: LayerMap | None, history: History, full: float) -> str:
    text = f"In the model the particle has {mesh.n_grain} grains and {len(mesh.cells):,} cells. "
    if layer is not None:
        thickness = layer.draws[0] if len(layer.draws) else layer.thickness
        area = np.asarray(mesh.surface_area)
        mean = float(np.average(thickness, weights=area))
        seen = float(np.average(layer.is_seen, weights=area))
        text += (
            f"Its layer is up to {1e9 * float(np.max(thickness)):.3g} nm thick, {1e9 * mean:.3g} "
            f"nm in the mean; the map shows {100 * seen:.0f} % of the surface. "
        )
    content = np.asarray(history.mean_concentration) / full
    broken, filled = (float(share[-1]) for share in wall_shares(mesh, history))
    reacting = float(history.reactive_area[-1]) / float(mesh.surface_area.sum())
    return text + (
        f"Within {history.times[-1] - history.times[0]:.4g} s its mean lithium content goes from "
        f"{content[0]:.3f} to {content[-1]:.3f}. At the end {100 * broken:.3g} % of the walls are "
        f"damaged by {DAMAGED:g} or more and {100 * filled:.3g} % filled with electrolyte, "
        f"{reacting:.3g} times the outer surface reacts, and cracks take "
        f"{100 * float(history.crack_porosity[-1]):.3g} % of the volume."
    )
