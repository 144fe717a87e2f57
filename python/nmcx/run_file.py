"""The run file: one TOML that says what was measured and how to analyse it.

Each section is a frozen dataclass whose fields carry how they are read and what they mean, so that
validation, the template of ``nmcx init`` and ``run.resolved.toml`` come from one list of keys.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

from nmcx.errors import InputError


class RunFileError(InputError):
    """The run file cannot be used; the message names file, section, key, reason and remedy."""


class _Unfit(Exception):
    """A value that does not fit its key; the message ends the sentence "… must be"."""


Reader = Callable[[object, Path], Any]


def _key(read: Reader, meaning: str, show: str = "") -> dict[str, Any]:
    return {"read": read, "meaning": meaning, "show": show}


def _number(low: float = -math.inf, high: float = math.inf) -> Reader:
    def read(value: object, _: Path) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _Unfit("a number")
        if not (math.isfinite(value) and low <= value <= high):
            raise _Unfit(f"a number between {low:g} and {high:g}")
        return float(value)

    return read


def _integer(low: int, high: int = 10**9) -> Reader:
    def read(value: object, _: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _Unfit(f"a whole number between {low} and {high}")
        return value

    return read


def _numbers(n: int | None, of: Reader, wording: str) -> Reader:
    def read(value: object, folder: Path) -> tuple[float, ...]:
        if not isinstance(value, list) or not value or (n is not None and len(value) != n):
            raise _Unfit(wording)
        return tuple(of(item, folder) for item in value)

    return read


def _window(value: object, folder: Path) -> tuple[float, float]:
    low, high = _numbers(2, _number(), "two energies in eV, [low, high]")(value, folder)
    if not low < high:
        raise _Unfit("[low, high] with low < high")
    return low, high


def _direction(value: object, folder: Path) -> tuple[float, ...]:
    vector: tuple[float, ...] = _numbers(3, _number(), "three numbers (z, y, x)")(value, folder)
    if not any(vector):
        raise _Unfit("a direction (z, y, x) other than [0, 0, 0]")
    return vector


def _voxel_size(value: object, folder: Path) -> tuple[float, ...]:
    if isinstance(value, list):
        wording = "a number or three numbers [dz, dy, dx] in µm"
        sizes: tuple[float, ...] = _numbers(3, _number(1e-6, 1e6), wording)(value, folder)
        return sizes
    size = _number(1e-6, 1e6)(value, folder)
    return size, size, size


def _choice(*names: str) -> Reader:
    def read(value: object, _: Path) -> str:
        if value not in names:
            raise _Unfit("one of " + ", ".join(f'"{name}"' for name in names))
        return str(value)

    return read


def _text(value: object, _: Path) -> str:
    if not isinstance(value, str):
        raise _Unfit("a text in quotes")
    return value


def _folder(value: object, folder: Path) -> Path:
    if not isinstance(value, str) or not value:
        raise _Unfit("the path of a folder, in quotes")
    return (folder / Path(value).expanduser()).absolute()


def _file(value: object, folder: Path) -> Path:
    if not isinstance(value, str) or not value:
        raise _Unfit("the path of a file, in quotes")
    path = (folder / Path(value).expanduser()).absolute()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {what}; paths are relative to the run file")
    return path


def _frames(value: object, folder: Path) -> Path | tuple[Path, ...]:
    if isinstance(value, list):
        if not value:
            raise _Unfit("a folder or a list of .xrm files")
        return tuple(_file(item, folder) for item in value)
    if isinstance(value, str) and (folder / Path(value).expanduser()).is_dir():
        return (folder / Path(value).expanduser()).absolute()
    return (_file(value, folder),)


def _auto(read: Reader) -> Reader:
    def read_or_none(value: object, folder: Path) -> Any:
        if value == "auto":
            return None
        try:
            return read(value, folder)
        except _Unfit as error:
            raise _Unfit(f'{error} or "auto"') from None

    return read_or_none


@dataclass(frozen=True)
class Soft:
    """Two soft X-ray scans of the surface."""

    low: Path | None = field(
        default=None,
        metadata=_key(_file, "scan at the lower energy, SDF header", show='"a_scan.hdr"'),
    )
    high: Path | None = field(
        default=None, metadata=_key(_file, "scan at the higher energy", show='"b_scan.hdr"')
    )
    stack: Path | None = field(
        default=None, metadata=_key(_file, "or one header with both energies")
    )
    mode: str = field(
        default="tey",
        metadata=_key(_choice("tey", "transmission"), '"tey" (electron yield) or "transmission"'),
    )
    min_counts: float | None = field(
        default=None,
        metadata=_key(
            _auto(_number(0)), "fewest counts of a valid pixel, both scans together", show='"auto"'
        ),
    )


@dataclass(frozen=True)
class Hard:
    """Hard X-ray absorption at many energies around the K edge."""

    stack: Path | None = field(
        default=None,
        metadata=_key(_file, "energy stack (Data Exchange, NeXus, TIFF)", show='"ni_k_edge.h5"'),
    )
    frames: Path | tuple[Path, ...] | None = field(
        default=None, metadata=_key(_frames, "or a folder or list of .xrm frames with references")
    )
    pre_edge: tuple[float, float] = field(
        default=(8250.0, 8320.0), metadata=_key(_window, "window before the edge [eV]")
    )
    post_edge: tuple[float, float] = field(
        default=(8380.0, 8640.0), metadata=_key(_window, "window after the edge [eV]")
    )
    level: float = field(
        default=0.5, metadata=_key(_number(0.01, 0.99), "height of the edge energy on the jump")
    )
    pre_degree: int | None = field(
        default=None,
        metadata=_key(_auto(_integer(0, 1)), "polynomial before the edge", show='"auto"'),
    )
    post_degree: int | None = field(
        default=None,
        metadata=_key(_auto(_integer(0, 2)), "polynomial after the edge", show='"auto"'),
    )


@dataclass(frozen=True)
class Tomogram:
    """A volume of the same particle in which cracks are seen."""

    file: Path = field(metadata=_key(_file, "volume (TIFF or HDF5)", show='"tomogram.tif"'))
    voxel_size_um: tuple[float, ...] | None = field(
        default=None,
        metadata=_key(_auto(_voxel_size), "voxel edge or [dz, dy, dx] [µm]", show='"auto"'),
    )


@dataclass(frozen=True)
class Morphology:
    """Segmentation of the particle."""

    threshold: float | None = field(
        default=None,
        metadata=_key(_auto(_number()), "solid above this value; auto: Otsu", show='"auto"'),
    )
    closing_radius_um: float = field(
        default=0.5, metadata=_key(_number(0, 1e3), "cracks up to twice this wide are void")
    )


@dataclass(frozen=True)
class Cones:
    """Cone porosity."""

    n_directions: int = field(
        default=3000, metadata=_key(_integer(1, 10**6), "directions, evenly over the sphere")
    )
    half_angle_deg: tuple[float, ...] = field(
        default=tuple(float(a) for a in range(5, 51, 5)),
        metadata=_key(
            _numbers(None, _number(1e-3, 180), "a list of angles in degrees"),
            "half-opening angles [°]",
        ),
    )


@dataclass(frozen=True)
class Correlation:
    """Surface map against cone porosity; needs the direction from which the map was taken."""

    view: tuple[float, float, float] = field(
        metadata=_key(_direction, "from the particle towards the beam (z, y, x)", show="[0, 0, 1]")
    )
    rotation_deg: float = field(
        default=0.0, metadata=_key(_number(-360, 360), "of the map about the view [°]")
    )
    offset_um: tuple[float, float] = field(
        default=(0.0, 0.0),
        metadata=_key(
            _numbers(2, _number(), "two numbers [up, right] in µm"),
            "of the map's middle from the particle's, (up, right) [µm]",
        ),
    )
    null: str = field(default="rotation", metadata=_key(_choice("rotation"), "null model"))
    n_null: int = field(default=999, metadata=_key(_integer(19, 10**6), "draws of the null model"))
    seed: int = field(default=1, metadata=_key(_integer(0), "of the null model"))


@dataclass(frozen=True)
class Output:
    """Where the results go."""

    folder: Path | None = field(
        default=None, metadata=_key(_folder, "new folder for the results", show='"result"')
    )
    title: str = field(default="", metadata=_key(_text, "heading of the report"))


@dataclass(frozen=True)
class RunFile:
    """A validated run file; a section of data that is absent is None."""

    path: Path
    soft: Soft | None
    hard: Hard | None
    tomogram: Tomogram | None
    morphology: Morphology
    cones: Cones
    correlation: Correlation | None
    output: Output
    sha256: str = ""

    SECTIONS: ClassVar[dict[str, type]] = {
        "soft": Soft,
        "hard": Hard,
        "tomogram": Tomogram,
        "morphology": Morphology,
        "cones": Cones,
        "correlation": Correlation,
        "output": Output,
    }

    @property
    def folder(self) -> Path:
        """Where results go unless told otherwise: beside the run file, named after it."""
        return self.output.folder or self.path.parent / f"{self.path.stem}_result"


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
    import hashlib

    path = Path(path).absolute()
    try:
        raw = path.read_bytes()
        tables = tomllib.loads(raw.decode("utf-8"))
    except FileNotFoundError:
        raise RunFileError(
            f"{path}: no such run file; `nmcx init {path.name}` writes one"
        ) from None
    except IsADirectoryError:
        raise RunFileError(f"{path}: is a folder; give the run file in it") from None
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunFileError(f"{path}: is not valid TOML: {error}") from error
    for name, table in tables.items():
        if name not in RunFile.SECTIONS:
            raise RunFileError(f"{path}: [{name}]: unknown section{_hint(name, RunFile.SECTIONS)}")
        if not isinstance(table, dict):
            raise RunFileError(f"{path}: {name}: must be a section, [{name}]")
    sections = {
        name: _section(path, name, kind, tables[name]) if name in tables else None
        for name, kind in RunFile.SECTIONS.items()
    }
    _check_together(path, sections)
    return RunFile(
        path=path,
        soft=sections["soft"],
        hard=sections["hard"],
        tomogram=sections["tomogram"],
        morphology=sections["morphology"] or Morphology(),
        cones=sections["cones"] or Cones(),
        correlation=sections["correlation"],
        output=sections["output"] or Output(),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _section(path: Path, section: str, kind: type, table: dict[str, object]) -> Any:
    known = {item.name: item for item in fields(kind)}
    values = {}
    for key, value in table.items():
        where = f"{path}: [{section}] {key}"
        if key not in known:
            raise RunFileError(f"{where}: unknown key{_hint(key, known)}")
        try:
            values[key] = known[key].metadata["read"](value, path.parent)
        except _Unfit as error:
            raise RunFileError(f"{where}: must be {error}, not {_shown(value)}") from None
        except FileNotFoundError as error:
            raise InputError(f"{where}: {error}") from None
    for key, item in known.items():
        if key not in values and item.default is MISSING:
            raise RunFileError(f"{path}: [{section}] {key}: is missing; {item.metadata['meaning']}")
    return kind(**values)


def _check_together(path: Path, sections: dict[str, Any]) -> None:
    soft, hard = sections["soft"], sections["hard"]
    if soft is None and hard is None and sections["tomogram"] is None:
        raise RunFileError(f"{path}: names no measurement; add [soft], [hard] or [tomogram]")
    if soft is not None:
        pair = soft.low is not None and soft.high is not None
        alone = soft.low is None and soft.high is None
        if not ((pair and soft.stack is None) or (alone and soft.stack is not None)):
            raise RunFileError(
                f"{path}: [soft] low, high, stack: give low and high, or stack alone"
            )
    if hard is not None and (hard.stack is None) == (hard.frames is None):
        raise RunFileError(f"{path}: [hard] stack, frames: give one of the two")
    volume = sections["tomogram"] is not None or (hard is not None and hard.stack is not None)
    for name in ("morphology", "cones", "correlation"):
        if sections[name] is not None and not volume:
            raise RunFileError(f"{path}: [{name}]: needs a [tomogram] or a [hard] stack in 3-D")
    if sections["correlation"] is not None and soft is None:
        raise RunFileError(f"{path}: [correlation]: needs the surface map of a [soft] section")


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else "; known are " + ", ".join(names)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def to_toml(run_file: RunFile, folder: Path, *, output: str = "rerun") -> str:
    """The run file with every default filled in, to lie in `folder`.

    Parameters
    ----------
    run_file : RunFile
        From `read`.
    folder : path
        Where the text will lie: files below it are named relative to it, others in full.
    output : str
        Folder for the results of running it again.

    Returns
    -------
    str
        TOML that `read` understands; what the data decide is "auto".
    """
    lines = ["# Every setting of this run, defaults included; run it again with nmcx run."]
    for name in RunFile.SECTIONS:
        section = getattr(run_file, name)
        if section is None or (name in ("morphology", "cones") and not _has_volume(run_file)):
            continue
        lines += ["", f"[{name}]"]
        for item in fields(section):
            value = output if (name, item.name) == ("output", "folder") else None
            value = getattr(section, item.name) if value is None else value
            if value is None and item.metadata["show"] == '"auto"':
                value = "auto"
            if value is not None:
                lines.append(f"{item.name} = {_toml(value, folder)}")
    return "\n".join(lines) + "\n"


def _has_volume(run_file: RunFile) -> bool:
    return run_file.tomogram is not None or (
        run_file.hard is not None and run_file.hard.stack is not None
    )


def _toml(value: object, folder: Path) -> str:
    if isinstance(value, Path):
        # A folder that moves takes its own files along; others stay where they are.
        inside = value.is_relative_to(folder)
        return _toml(os.fspath(value.relative_to(folder) if inside else value), folder)
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(item, folder) for item in value) + "]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def template() -> str:
    """A run file to fill in, each key with its meaning.

    Returns
    -------
    str
        TOML with the optional choices commented out.
    """
    lines = [
        "# nmcx run file. Leave out the sections of what was not measured.",
        "# Paths are relative to this file. Check with `nmcx check`, start with `nmcx run`.",
    ]
    for name, kind in RunFile.SECTIONS.items():
        lines += ["", f"# {(kind.__doc__ or '').strip()}", f"[{name}]"]
        lines += [_template_line(item) for item in fields(kind)]
    return "\n".join(lines) + "\n"


def _template_line(item: Field[Any]) -> str:
    shown = item.metadata["show"]
    if not shown and item.default is None:
        return f'# {item.name} = "…"  # {item.metadata["meaning"]}'
    text = shown or _toml(item.default, Path("/"))
    return f"{item.name} = {text}  # {item.metadata['meaning']}"
