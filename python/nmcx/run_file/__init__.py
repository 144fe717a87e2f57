"""The run file: one TOML that says what was measured and how to analyse it.

Each section is a frozen dataclass whose fields carry how they are read and what they mean, so that
validation, the template of ``nmcx init`` and ``run.resolved.toml`` come from one list of keys.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from os import PathLike
from pathlib import Path
from typing import Any

from nmcx.errors import InputError
from nmcx.run_file.bulk_sections import Cones, Correlation, Morphology, Placing
from nmcx.run_file.model_sections import Compare, Model
from nmcx.run_file.schema import schema
from nmcx.run_file.sections import Hard, ModelFile, Output, RunFile, Tomogram
from nmcx.run_file.simulation_sections import (
    Coupling,
    Fracture,
    Material,
    Polycrystal,
    SimulationFile,
    SimulationOutput,
    Transport,
)
from nmcx.run_file.soft_sections import Nickel, Oxygen, Soft, Spectra
from nmcx.run_file.together import ELSEWHERE, problem_of, problem_of_model
from nmcx.run_file.values import Unfit

__all__ = [
    "Compare",
    "Cones",
    "Correlation",
    "Coupling",
    "Fracture",
    "Hard",
    "Material",
    "Model",
    "ModelFile",
    "Morphology",
    "Nickel",
    "Output",
    "Oxygen",
    "Placing",
    "Polycrystal",
    "RunFile",
    "RunFileError",
    "SimulationFile",
    "SimulationOutput",
    "Soft",
    "Spectra",
    "Tomogram",
    "Transport",
    "is_simulation",
    "read",
    "read_model",
    "read_simulation",
    "schema",
    "template",
    "to_toml",
    "toml_value",
]


class RunFileError(InputError):
    """The run file cannot be used; the message names file, section, key, reason and remedy."""


def read(path: str | PathLike[str]) -> RunFile:
    """Read and validate a run file.

    Parameters
    ----------
    path : str or path
        A TOML file; paths in it are relative to it.

    Returns
    -------
    RunFile
        All values checked, defaults filled in.

    Raises
    ------
    RunFileError
        If it is no TOML, or a section, key or value is unknown, missing or of the wrong kind.
    nmcx.errors.InputError
        If a measured file that it names does not exist.
    """
    path = Path(path).absolute()
    raw, tables = _tables(path)
    if _is_simulation(tables):
        raise RunFileError(f"{path}: is of a simulation; run it with `nmcx simulate`")
    for name in tables:
        if name in ELSEWHERE:
            raise RunFileError(f"{path}: [{name}]: {ELSEWHERE[name]}")
    sections = _sections(path, tables, RunFile.SECTIONS, {})
    if (problem := problem_of(sections)) is not None:
        raise RunFileError(f"{path}: {problem}")
    return RunFile(
        path=path,
        soft=sections["soft"],
        spectra=sections["spectra"],
        nickel=sections["nickel"] or Nickel(),
        oxygen=sections["oxygen"] or Oxygen(),
        hard=sections["hard"],
        tomogram=sections["tomogram"],
        morphology=sections["morphology"] or Morphology(),
        cones=sections["cones"] or Cones(),
        placing=sections["placing"],
        correlation=sections["correlation"] or Correlation(),
        model=sections["model"],
        material=sections["material"] or Material(),
        fracture=sections["fracture"] or Fracture(),
        coupling=sections["coupling"] or Coupling(),
        compare=sections["compare"],
        output=sections["output"] or Output(),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def read_model(path: str | PathLike[str]) -> ModelFile:
    """Read and validate the model in a run file, for a particle that has been measured already.

    Parameters
    ----------
    path : str or path
        A TOML file with ``[model]`` and ``[compare]``. It may have measuring sections: they are
        kept as they are written, and no file is looked for that they name.

    Returns
    -------
    ModelFile
        All values of the model checked, defaults filled in.

    Raises
    ------
    RunFileError
        If it is no TOML, or a section, key or value is unknown, missing or of the wrong kind.
    """
    path = Path(path).absolute()
    raw, tables = _tables(path)
    if _is_simulation(tables):
        raise RunFileError(f"{path}: is of a simulation; run it with `nmcx simulate`")
    measuring = {name for name in tables if name in RunFile.SECTIONS} - set(ModelFile.SECTIONS)
    own = {name: table for name, table in tables.items() if name not in measuring}
    sections = _sections(path, own, ModelFile.SECTIONS, {})
    problem = problem_of_model(sections)
    for name in ("model", "compare"):
        if problem is None and sections[name] is None:
            problem = f"[{name}]: is missing; it says what is compared with the measurement"
    if problem is not None:
        raise RunFileError(f"{path}: {problem}")
    return ModelFile(
        path=path,
        **{name: None for name in ("soft", "spectra", "hard", "tomogram", "placing")},
        nickel=Nickel(),
        oxygen=Oxygen(),
        morphology=Morphology(),
        cones=Cones(),
        correlation=Correlation(),
        model=sections["model"],
        material=sections["material"] or Material(),
        fracture=sections["fracture"] or Fracture(),
        coupling=sections["coupling"] or Coupling(),
        compare=sections["compare"],
        output=sections["output"] or Output(),
        sha256=hashlib.sha256(raw).hexdigest(),
        measuring={name: tables[name] for name in measuring},
    )


def read_simulation(
    path: str | PathLike[str], given: Mapping[str, Mapping[str, Any]] | None = None
) -> SimulationFile:
    """Read and validate the run file of a simulation.

    Parameters
    ----------
    path : str or path
        A TOML file; paths in it are relative to it.
    given : mapping of str to mapping, optional
        Values by section and key that replace those of the file, as the command line gives them.

    Returns
    -------
    SimulationFile
        All values checked, defaults filled in.

    Raises
    ------
    RunFileError
        If it is no TOML, or a section, key or value is unknown, missing or of the wrong kind.
    nmcx.errors.InputError
        If a file that it names does not exist.
    """
    path = Path(path).absolute()
    raw, tables = _tables(path)
    for name in tables:
        if name in RunFile.SECTIONS and name not in SimulationFile.SECTIONS:
            raise RunFileError(f"{path}: [{name}]: is of a measurement; run it with `nmcx run`")
    sections = _sections(path, tables, SimulationFile.SECTIONS, given or {})
    if sections["polycrystal"] is None:
        raise RunFileError(
            f"{path}: names no grains; add [polycrystal], `nmcx init --simulation` shows how"
        )
    made = SimulationFile(
        path=path,
        polycrystal=sections["polycrystal"],
        material=sections["material"] or Material(),
        transport=sections["transport"] or Transport(),
        fracture=sections["fracture"],
        coupling=sections["coupling"],
        output=sections["output"] or SimulationOutput(),
        sha256=hashlib.sha256(raw).hexdigest(),
    )
    for name in ("polycrystal", "transport", "fracture", "coupling"):
        section = getattr(made, name)
        if section is not None and (problem := section.conflict()) is not None:
            raise RunFileError(f"{path}: [{name}] {problem}")
    if made.coupling is not None and made.fracture is None:
        raise RunFileError(f"{path}: [coupling]: needs a section [fracture], which may be empty")
    return made


def is_simulation(path: str | PathLike[str]) -> bool:
    """Whether a run file is of a simulation rather than of a measurement.

    Parameters
    ----------
    path : str or path
        A TOML file.

    Returns
    -------
    bool

    Raises
    ------
    RunFileError
        If it is no TOML.
    """
    return _is_simulation(_tables(Path(path).absolute())[1])


def _is_simulation(tables: Mapping[str, object]) -> bool:
    simulated, measured = SimulationFile.SECTIONS.keys(), RunFile.SECTIONS.keys()
    return bool((simulated - measured) & tables.keys()) and not (measured - simulated) & (
        tables.keys()
    )


def _tables(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Content of a TOML file, as it is and as tables."""
    try:
        raw = path.read_bytes()
        return raw, tomllib.loads(raw.decode("utf-8"))
    except FileNotFoundError:
        raise RunFileError(
            f"{path}: no such run file; `nmcx init {path.name}` writes one"
        ) from None
    except IsADirectoryError:
        raise RunFileError(f"{path}: is a folder; give the run file in it") from None
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunFileError(f"{path}: is not valid TOML: {error}; mend that line") from error
    except RecursionError:
        raise RunFileError(f"{path}: nests arrays or tables too deeply; is it damaged?") from None


def _sections(
    path: Path,
    tables: Mapping[str, Any],
    known: Mapping[str, type],
    given: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Every known section, None where neither file nor `given` has it."""
    for name, table in tables.items():
        if name not in known:
            raise RunFileError(f"{path}: [{name}]: unknown section{_hint(name, known)}")
        if not isinstance(table, dict):
            raise RunFileError(f"{path}: {name}: must be a section, [{name}]")
    return {
        name: _section(path, name, kind, tables.get(name, {}), given.get(name, {}))
        if name in tables or given.get(name)
        else None
        for name, kind in known.items()
    }


def _section(
    path: Path, section: str, kind: type, table: dict[str, object], given: Mapping[str, Any]
) -> Any:
    known = {item.name: item for item in fields(kind)}
    values = {}
    for key, value in table.items():
        where = f"{path}: [{section}] {key}"
        if key not in known:
            raise RunFileError(f"{where}: unknown key{_hint(key, known)}")
        try:
            values[key] = known[key].metadata["read"](value, path.parent)
        except Unfit as error:
            raise RunFileError(f"{where}: must be {error}, not {_shown(value)}") from None
        except FileNotFoundError as error:
            text = f"{where}: {error}; paths are relative to the run file"
            raise InputError(text) from None
    values |= given
    for key, item in known.items():
        if key not in values and item.default is MISSING:
            raise RunFileError(f"{path}: [{section}] {key}: is missing; {item.metadata['meaning']}")
    return kind(**values)


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else "; known are " + ", ".join(names)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def to_toml(run_file: RunFile | SimulationFile, folder: Path, *, output: str = "rerun") -> str:
    """The run file with every default filled in, to lie in `folder`.

    Parameters
    ----------
    run_file : RunFile or SimulationFile
        From `read` or `read_simulation`.
    folder : path
        Where the text will lie: files below it are named relative to it, others in full.
    output : str
        Folder for the results of running it again.

    Returns
    -------
    str
        TOML that the same function understands; what the data decide is "auto".
    """
    again = f"run it again with {run_file.COMMAND}"
    lines = [f"# Every setting of this run, defaults included; {again}."]
    for name in run_file.SECTIONS:
        section = getattr(run_file, name)
        if section is None:
            continue
        used = [item for item in fields(section) if run_file.is_used(name, item.name)]
        lines += ["", f"[{name}]"] if used else []
        for item in used:
            value = output if (name, item.name) == ("output", "folder") else None
            value = getattr(section, item.name) if value is None else value
            if value is None and item.metadata["show"] == '"auto"':
                value = "auto"
            if value is not None:
                lines.append(f"{item.name} = {toml_value(value, folder)}")
    return "\n".join(lines) + "\n"


def toml_value(value: object, folder: Path = Path("/nowhere")) -> str:
    """A value as TOML; paths inside `folder` relative to it."""
    if isinstance(value, Path):
        # A folder that moves takes its own files along; others stay where they are.
        inside = value.is_relative_to(folder)
        return toml_value(os.fspath(value.relative_to(folder) if inside else value), folder)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(item, folder) for item in value) + "]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def template(kind: type[RunFile] | type[SimulationFile] = RunFile) -> str:
    """A run file to fill in, each key with its meaning.

    Parameters
    ----------
    kind : type
        `RunFile` or `SimulationFile`.

    Returns
    -------
    str
        TOML with the optional choices commented out.
    """
    lines = [
        "# nmcx run file. Leave out the sections of what was not measured."
        if kind is RunFile
        else "# nmcx run file of a simulation. What is left out has the value shown.",
        f"# Paths are relative to this file. Check with `nmcx check`, start with `{kind.COMMAND}`.",
    ]
    for name, section in kind.SECTIONS.items():
        keys = [f"[{name}]", *map(_template_line, fields(section))]
        if name in kind.OPTIONAL:
            keys = [line if line.startswith("#") else f"# {line}" for line in keys]
        lines += ["", f"# {(section.__doc__ or '').strip()}", *keys]
    return "\n".join(lines) + "\n"


def _template_line(item: Field[Any]) -> str:
    shown = item.metadata["show"]
    if not shown and item.default is None:
        return f'# {item.name} = "…"  # {item.metadata["meaning"]}'
    text = shown or toml_value(item.default, Path("/"))
    return f"{item.name} = {text}  # {item.metadata['meaning']}"
