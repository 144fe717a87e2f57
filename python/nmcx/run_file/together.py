"""What sections of the run file of a measurement need of one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nmcx.run_file.simulation_sections import Coupling
from nmcx.run_file.soft_sections import conflict

#: Sections that who knows the others may look for, and where their keys are.
ELSEWHERE = {
    "particle": "is no section: the particle is what [tomogram] or [hard] shows, segmented by "
    "[morphology]",
    "polycrystal": "is of a simulation alone; beside a measurement its grains are keys of [model]",
    "transport": "is of a simulation alone; beside a measurement its keys are those of [model]",
}


def problem_of(sections: Mapping[str, Any]) -> str | None:
    """What is wrong with the sections together, with its remedy; None if nothing is.

    Parameters
    ----------
    sections : mapping of str to object
        Every section that there is, None where the file has none.

    Returns
    -------
    str or None
    """
    for problem in (_of_measurement, _of_volume, _of_model):
        if (text := problem(sections)) is not None:
            return text
    return None


def _of_measurement(sections: Mapping[str, Any]) -> str | None:
    soft, spectra = sections["soft"], sections["spectra"]
    if all(sections[name] is None for name in ("soft", "spectra", "hard", "tomogram")):
        return "names no measurement; add [soft], [spectra], [hard] or [tomogram]"
    if soft is not None:
        pair = soft.low is not None and soft.high is not None
        alone = soft.low is None and soft.high is None
        if not ((pair and soft.stack is None) or (alone and soft.stack is not None)):
            return "[soft] low, high, stack: give low and high, or stack alone"
        if (problem := conflict(soft)) is not None:
            return f"[soft] {problem}"
    if spectra is not None and not spectra.pairs():
        return "[spectra]: names no spectra; add nickel_tey, oxygen_tey, …"
    for name in ("nickel", "oxygen"):
        if sections[name] is not None and (spectra is None or not spectra.pairs(name)):
            return f"[{name}]: needs {name}_tey or {name}_fy in a [spectra] section"
    return None


def _of_volume(sections: Mapping[str, Any]) -> str | None:
    hard, placing = sections["hard"], sections["placing"]
    if hard is not None and (hard.stack is None) == (hard.frames is None):
        return "[hard] stack, frames: give one of the two"
    if hard is not None and not hard.pre_edge[1] < hard.post_edge[0]:
        return (
            "[hard] pre_edge, post_edge: the first must end below the start of the second; the "
            "edge lies between them"
        )
    if hard is not None and hard.template is not None and hard.estimator != "template":
        return '[hard] template: needs estimator = "template"'
    volume = sections["tomogram"] is not None or (hard is not None and hard.stack is not None)
    for name in ("morphology", "cones", "placing"):
        if sections[name] is not None and not volume:
            return f"[{name}]: needs a [tomogram] or a [hard] stack in 3-D"
    if placing is not None and sections["soft"] is None:
        return "[placing]: needs the surface map of a [soft] section"
    if placing is not None and (problem := placing.conflict()) is not None:
        return f"[placing] {problem}"
    if sections["correlation"] is not None and placing is None:
        return "[correlation]: needs a [placing] section with the view"
    return None


def _of_model(sections: Mapping[str, Any]) -> str | None:
    if sections["model"] is not None and sections["placing"] is None:
        return "[model]: needs a [placing] section, which lays the map on the particle"
    return problem_of_model(sections)


def problem_of_model(sections: Mapping[str, Any]) -> str | None:
    """What is wrong with the sections of the model, whatever was measured; None if nothing is.

    Parameters
    ----------
    sections : mapping of str to object
        Those of the model, None where the file has none.

    Returns
    -------
    str or None
    """
    model, fracture = sections["model"], sections["fracture"]
    for name in ("material", "fracture", "coupling", "compare"):
        if sections[name] is not None and model is None:
            return f"[{name}]: needs a [model] section"
    if model is None:
        return None
    for name in ("model", "coupling"):
        if sections[name] is not None and (problem := sections[name].conflict()) is not None:
            return f"[{name}] {problem}"
    if fracture is not None and fracture.plane != type(fracture)().plane:
        return "[fracture] plane: is of a disc; leave it out"
    if fracture is not None and fracture.order != 1:
        return "[fracture] order: cells of [model] are linear; see `nmcx simulate`"
    if fracture is not None and fracture.fatigue_cycles is not None:
        return "[fracture] fatigue_cycles: walls of [model] do not tire; see `nmcx simulate`"
    if model.contributions and (sections["coupling"] or Coupling()).n_on == 0:
        return "[model] contributions: every coupling is off already"
    return None
