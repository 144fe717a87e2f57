"""How the model was made, in sentences with their sources, and which choices are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from nmcx.materials import NMC811, Parameters
from nmcx.report.findings import Findings
from nmcx.report.source_list import SOURCES
from nmcx.report.sources import NULLS
from nmcx.results import Comparison, History, LayerMap, Mesh

#: Numbers of the sources in `methods`, which begin with these.
_OF_MODEL = ("li2020", "camanho2002", "rasmussen2006")


def citations(findings: Findings) -> tuple[str, ...]:
    """Sources in the order of the numbers that `methods` gives them.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    tuple of str
    """
    keys: tuple[str, ...] = _OF_MODEL
    if findings.comparison is not None:
        null = str(findings.comparison.measured.settings.get("null", "rotation"))
        keys = (*keys, NULLS[null], "myllymaki2017")
    return tuple(SOURCES[key].text() for key in keys)


def methods(findings: Findings) -> list[str]:
    """How the model was made, one paragraph for each of its parts; nothing without a model.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    list of str
    """
    found = findings
    if found.mesh is None or found.history is None or found.parameters is None:
        return []
    told = [_of_grains(found.mesh), _of_material(found.parameters)]
    if found.layer is not None:
        told.append(_of_layer(found.layer))
    told.append(_of_history(found.history))
    if found.comparison is not None:
        told.append(_of_comparison(found.comparison))
    return told


def _of_grains(mesh: Mesh) -> str:
    asked = mesh.settings
    return (
        f"Grains are not imaged. {asked['n_seed']} seeds were strewn at random over the imaged "
        f"body and evened out (seed {asked['seed']}); a voxel belongs to the nearest. Cells of "
        f"{1e6 * asked['size']:.3g} µm, c axes {asked['texture']}. {asked['meshed_um3']:.4g} of "
        f"{asked['solid_um3']:.4g} µm³ of the body are meshed. The method is ours."
    )


def _of_material(parameters: Parameters) -> str:
    given, ours, changed = [], [], []
    for item in fields(Parameters):
        value, unit = getattr(parameters, item.name), item.metadata["unit"]
        if not isinstance(value, float):
            continue
        text = f"{item.name} = {value:.6g} {unit}".removesuffix(" 1")
        if value != getattr(NMC811, item.name):
            changed.append(text)
        elif item.default is MISSING:
            # Not of this particle: the imaged one has a size, and its layer no modulus.
            if item.name not in ("radius", "layer_modulus", "layer_poisson"):
                given.append(text)
        else:
            ours.append(text)
    told = f"Of Table 1 of [1]: {', '.join(given)}. "
    if changed:
        told += f"Changed in this run: {', '.join(changed)}. "
    return (
        f"{told}Not given there, and ours: {', '.join(ours)}, and the open-circuit potential. "
        "Walls between grains are cohesive, with a bilinear law [2]."
    )


def _of_layer(layer: LayerMap) -> str:
    asked = layer.settings
    low, high = asked["percentiles"]
    return (
        "The layer has the thickness h = h_max · clip((ξ_hi − ξ) / (ξ_hi − ξ_lo), 0, 1) with "
        f"h_max = {1e9 * asked['largest']:.4g} nm, which nothing measured gives, and ξ_lo = "
        f"{layer.xi_thickest:.4f}, ξ_hi = {layer.xi_bare:.4f}, the {low:g} and {high:g} % "
        f"percentiles of what is seen; its conductance is D_L / h. ξ is a smooth random field that "
        f"agrees with the map within its errors [3], of a correlation length of "
        f"{asked['correlation_length']:.2g} radii; the side that was not imaged is "
        f"{'drawn at random' if asked['unseen'] == 'drawn' else 'the most likely one'}. All of "
        "this is ours; [1] says nothing of it."
    )


def _of_history(history: History) -> str:
    asked = history.settings
    return (
        f"Protocol: {'; '.join(asked['protocol'])}. {history.n_step} steps of lithium (tolerance "
        f"{asked['tolerance']:g}), cracks in steps of at most {asked['max_step']:g} in c / C_max, "
        f"lattice strain by {_eigenstrain(asked)}. In [1] lithium strains and cracks the grains "
        f"and learns nothing of it; what acts back here is ours: {asked['coupling']}."
    )


def _eigenstrain(asked: Mapping[str, Any]) -> str:
    return {"table": "the table of the lattice", "linear": "a straight line"}.get(
        str(asked["eigenstrain"]), str(asked["eigenstrain"])
    )


def _of_comparison(found: Comparison) -> str:
    asked = found.settings
    what = "opened volume" if asked["indicator"] == "opening" else "area times damage"
    pores = "with" if asked["imaged_pores"] else "without"
    null = found.measured.settings.get("null", "rotation")
    angles = np.rad2deg(2 * np.asarray(found.half_angle))
    return (
        f"{len(found.predicted)} members, each with grains, orientations and layer of its own "
        f"(seeds from {asked['seed']}), and {len(found.turned)} with the map turned at random "
        f"before it became a layer. The {what} of their walls was laid into the voxels of the "
        f"tomogram, {pores} imaged pores, and measured in the cones of the measurement (2α from "
        f"{angles.min():g}° to {angles.max():g}°). The p-values of the measured curve are by the "
        f"{null} null [4]; the curve is ranked among the members' by the largest deviation over "
        "all angles [5], and members are held against turned members by permutation. Numbers of "
        "members and all of this are our choice."
    )
