"""Figures of the model, and of model and experiment."""

from __future__ import annotations

from collections.abc import Iterator

from nmcx import plot
from nmcx.plot.panels import new_figure
from nmcx.report.findings import Findings
from nmcx.report.panel import Panel


def model_panels(f: Findings) -> Iterator[Panel]:
    """The layer that the map says, and what becomes of the particle under it."""
    name = "The particle in the model"
    mesh, history, layer, parameters = f.mesh, f.history, f.layer, f.parameters
    if mesh is None or history is None or parameters is None:
        return
    full = parameters.max_concentration
    if layer is not None:
        yield Panel(
            name,
            lambda: plot.layer_map(mesh, layer),
            "Thickness of the passivation layer over all directions of the particle",
            "Passivation layer of the model from the map of ξ, one that agrees with it within its "
            "errors. Inside the white line the map shows the surface; outside the layer is drawn "
            "at random or the mean one. +x is in the middle, z up.",
        )
    yield Panel(
        name,
        lambda: plot.coupled_fields(mesh, history, max_concentration=full),
        "Sections of the particle at three times: lithium, hoop stress, and damage of the walls "
        "between grains",
        "A section through the middle of the particle at three times. Above: lithium content less "
        "its mean. Middle: hoop stress, the mean across the radius; tension is positive. Below: "
        "damage of the walls between grains, from sound (0) to broken (1), those that electrolyte "
        "has filled on a blue ground.",
    )
    yield Panel(
        name,
        lambda: plot.model_curves(mesh, history, max_concentration=full),
        "Lithium content, potential, reacting surface and walls of the model over time",
        "The model over time: mean lithium content and its range within the particle, potential "
        "against lithium, the surface that reacts against the outer one, and the share of the "
        "walls that are damaged or filled with electrolyte.",
    )


def comparison_panels(f: Findings) -> Iterator[Panel]:
    """Correlation against opening angle, measured and predicted."""
    found = f.comparison
    if found is None:
        return
    yield Panel(
        "Model and experiment",
        # The verdict stands in the summary.
        lambda: plot.comparison_figure(found, ax=new_figure(6.4, 4.4).subplots()),
        "Correlation of xi and cone porosity against opening angle, measured and in simulated "
        "particles",
        f"Correlation of ξ and cone porosity by one statistic. Orange: measured. Blue: "
        f"{len(found.predicted)} simulated particles, their mean and 95 % of them. Grey: 95 % of "
        f"{len(found.turned)} particles whose map was turned at random before it became a layer: "
        "what the model gives where layer and map have nothing to do with each other.",
    )
