"""What a result file of nmcx holds, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nmcx import io
from nmcx.io.nexus import SIGNALS
from nmcx.io.provenance import result_entries
from nmcx.results import EdgeMap, EnergyStack, Particle, Result, XiMap
from nmcx.run.known import Known, command, energies_text, named_after, shape_text, sizes_text


def of_results(path: Path) -> Known:
    """A file that `nmcx.io.save` or `gather` wrote."""
    names = result_entries(path)
    held: dict[str, Result] = {}
    facts: list[tuple[str, str]] = []
    for name in names:
        found = io.load(path, lazy=True, entry=name)
        held |= found
        if len(names) > 1:
            facts.append(("entry", name))
        facts += [("result", f"{key}: {_told(result)}") for key, result in found.items()]
    about = io.read_provenance(path, entry=names[0])
    made = f"nmcx {about.version}, {about.date}" if about.version else "unknown"
    facts.append(("made by", made))
    facts += [("made from", name) for name in about.inputs]
    missing, onward = _onward(path, list(held.values()))
    return Known("result file of nmcx", tuple(facts), (), missing, onward)


def _told(result: Result) -> str:
    """Kind, and shape and unit of the field that is looked at first."""
    kind = type(result).__name__
    name = SIGNALS[kind]
    value = getattr(result, name)
    unit = type(result).__dataclass_fields__[name].metadata.get("unit", "")  # type: ignore[attr-defined]
    shape = getattr(value, "shape", ())
    size = f" {shape_text(shape)}" if shape else f" {value:.6g}"
    text = f"{kind}, {name}{size}" + (f" [{unit}]" if unit else "")
    energy, voxel = getattr(result, "energy_ev", None), getattr(result, "voxel_size_um", None)
    if energy is not None:
        text += f"; {energies_text(energy)}"
    return text + (f"; voxel {sizes_text(voxel)}" if voxel is not None else "")


def _onward(path: Path, held: Iterable[Result]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is missing for which command, and the commands."""
    by_kind: Mapping[type[Result], Result] = {type(result): result for result in held}
    missing: list[str] = []
    onward: list[str] = []
    out = named_after(path, "_cones.nxs")
    edges, ratio = by_kind.get(EdgeMap), by_kind.get(XiMap)
    if EnergyStack in by_kind:
        onward.append(command("edges", path, named_after(path, "_edges.nxs")))
    flags = " --view Z Y X" if ratio is not None else ""
    if Particle in by_kind:
        onward.append(command("cones", path, out) + flags)
    elif isinstance(edges, EdgeMap) and edges.edge_jump.ndim == 3:
        missing.append("for `nmcx cones`: --voxel-size-um, an edge map states no voxel size")
        onward.append(command("cones", path, out) + f" --voxel-size-um UM{flags}")
    elif edges is not None:
        missing.append("for `nmcx cones`: a volume; this edge map is one image")
    if ratio is not None and not any("cones" in line for line in onward):
        missing.append(
            "for `nmcx cones`: a volume of the same particle, and where it was seen from"
        )
        onward.append(command("cones", "VOLUME", "OUT.nxs", "--xi", path) + " --view Z Y X")
    elif ratio is not None:
        missing.append("for the correlation of `nmcx cones`: --view, towards the beam")
    return tuple(missing), (*onward, command("cite", path))
