"""What a folder of results is, as RO-Crate: files, how they were made, by what, from what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nmcx import __version__
from nmcx.run.curves import CURVES
from nmcx.run.folder import CRATE

_CONTEXT = (
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
)
_PAPER = "https://doi.org/10.1038/s41467-020-18278-y"
#: What the files of a run hold.
_FILES: Mapping[str, str] = {
    "result.nxs": "All results with units, errors and provenance, NeXus HDF5",
    "run.resolved.toml": "Every setting of the run, defaults included",
    "report.html": "Report for people: figures, numbers, notes and provenance",
    "log.txt": "What was said during the run, with times",
    "history.vtkhdf": "The simulated particle over time, for ParaView",
    "walls.vtkhdf": "Walls between grains of the simulated particle over time, for ParaView",
    "mesh.vtu": "Mesh of the simulated particle",
    "mesh_interfaces.vtu": "Walls between grains of that mesh",
    "state_of_charge.csv": "Content, potential, damage and energies of every saved state",
    **CURVES,
}
_FORMATS: Mapping[str, str] = {
    ".nxs": "application/x-hdf5",
    ".h5": "application/x-hdf5",
    ".vtkhdf": "application/x-hdf5",
    ".vtu": "application/xml",
    ".toml": "application/toml",
    ".html": "text/html",
    ".txt": "text/plain",
    ".hdr": "text/plain",
    ".csv": "text/csv",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
}
_UNKNOWN = "application/octet-stream"


def crate(
    work: Path,
    folder: Path,
    *,
    facts: Mapping[str, str],
    inputs: Mapping[str, str],
    title: str = "",
    command: str = "run",
) -> str:
    """Text of ``ro-crate-metadata.json`` for the files of a run.

    Parameters
    ----------
    work : path
        Where the files are, all of them.
    folder : path
        Where they will be.
    facts : mapping of str to str
        Program, date, versions and machine.
    inputs : mapping of str to str
        sha256 of what was read, by path.
    title : str
        Of the run.
    command : str
        Of nmcx, that made it.

    Returns
    -------
    str
        JSON-LD by RO-Crate 1.1. It states no licence: that is for whoever owns the data.

    References
    ----------
    .. [1] P. Sefton et al., "RO-Crate Metadata Specification 1.1", doi 10.5281/zenodo.4541002.
    """
    results = [_file(file, file.name) for file in sorted(work.iterdir()) if file.is_file()]
    read = [_input(Path(name), digest, folder) for name, digest in inputs.items()]
    parts = [item for item in (*results, *read) if item["@type"] == "File"]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": title or "Surface chemistry and bulk microstructure of one particle",
        "description": f"Results of nmcx {command}: measurement of a battery cathode particle"
        + (", and its model" if (work / "history.vtkhdf").exists() else ""),
        "datePublished": facts["date"],
        "hasPart": _ids(parts),
        "mentions": {"@id": "#run"},
    }
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"nmcx {command}",
        "description": "; ".join(f"{name}: {fact}" for name, fact in facts.items()),
        "endTime": facts["date"],
        "instrument": {"@id": "#nmcx"},
        "object": _ids(read),
        "result": _ids(results),
    }
    program = {
        "@id": "#nmcx",
        "@type": "SoftwareApplication",
        "name": "nmcx",
        "version": __version__,
        "softwareVersion": __version__,
        "citation": {"@id": _PAPER},
    }
    paper = {
        "@id": _PAPER,
        "@type": "ScholarlyArticle",
        "name": "Mutual modulation between surface chemistry and bulk microstructure within "
        "secondary particles of nickel-rich layered oxides",
    }
    about = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    graph = [about, root, *results, *read, action, program, paper]
    document = {"@context": list(_CONTEXT), "@graph": graph}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _ids(items: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"@id": item["@id"]} for item in items]


def _file(file: Path, name: str) -> dict[str, Any]:
    from nmcx.io._safe import sha256

    told: dict[str, Any] = {
        "@id": quote(name),
        "@type": "File",
        "name": name,
        "description": _FILES.get(name, "Result"),
        "encodingFormat": _FORMATS.get(file.suffix.lower(), _UNKNOWN),
    }
    # The log tells times: with it, no two runs would have the same metadata.
    if name != "log.txt":
        told |= {"contentSize": str(file.stat().st_size), "sha256": sha256(file)}
    return told


def _input(path: Path, digest: str, folder: Path) -> dict[str, Any]:
    """What was read: a file of the crate if it lies in its folder, else only mentioned."""
    inside = path.is_relative_to(folder)
    told: dict[str, Any] = {
        "@id": quote(path.relative_to(folder).as_posix()) if inside else path.as_uri(),
        "@type": "File" if inside else "CreativeWork",
        "name": path.name,
        "description": "Run file" if path.suffix == ".toml" else "Input of the run",
        "encodingFormat": _FORMATS.get(path.suffix.lower(), _UNKNOWN),
    }
    return told | ({"sha256": digest} if digest else {})
