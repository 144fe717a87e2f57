"""How the values of a run file are read: each reader checks one kind and gives it in its type.

A reader takes the value and the folder of the run file; those with options are made by a function.
Each says in words of JSON Schema what it takes, for `nmcx schema`; whether a file exists and
numbers ascend stays with the reader.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Schema = Mapping[str, Any]


class Unfit(Exception):
    """A value that does not fit its key; the message ends the sentence "… must be"."""


class Reader(Generic[T]):
    """Reads one kind of value; `schema` is that of JSON."""

    def __init__(self, read: Callable[[object, Path], T], schema: Schema) -> None:
        self._read, self.schema = read, schema
        self.__doc__ = read.__doc__

    def __call__(self, value: object, folder: Path) -> T:
        """The value in its type; `Unfit` if it is of another kind."""
        return self._read(value, folder)


def takes(schema: Schema) -> Callable[[Callable[[object, Path], T]], Reader[T]]:
    """Make a function a reader, by what it takes."""
    return lambda read: Reader(read, schema)


def any_of(*schemas: Schema) -> Schema:
    """One of several kinds."""
    flat = [part for schema in schemas for part in schema.get("anyOf", [schema])]
    return {"anyOf": flat}


def list_of(schema: Schema, least: int = 1, most: int | None = None) -> Schema:
    """A list of one kind."""
    counted = {"minItems": least} | ({} if most is None else {"maxItems": most})
    return {"type": "array", "items": schema, **counted}


_NAME: Schema = {"type": "string", "minLength": 1}
_PATH: Schema = {**_NAME, "format": "path"}  # an annotation: for completion, and for who reads it


def as_number(low: float = -math.inf, high: float = math.inf) -> Reader[float]:
    """A finite number within bounds."""

    def read(value: object, _: Path) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Unfit("a number")
        # Whole numbers of TOML may be longer than any float.
        if not (-sys.float_info.max <= value <= sys.float_info.max and low <= value <= high):
            raise Unfit(f"a number between {low:g} and {high:g}")
        return float(value)

    bounds = {"minimum": low, "maximum": high}
    return Reader(read, {"type": "number"} | {k: v for k, v in bounds.items() if math.isfinite(v)})


def as_integer(low: int, high: int = 10**9) -> Reader[int]:
    """A whole number within bounds."""

    def read(value: object, _: Path) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Unfit(f"a whole number between {low} and {high}")
        return value

    return Reader(read, {"type": "integer", "minimum": low, "maximum": high})


def as_numbers(n: int | None, of: Reader[float], wording: str) -> Reader[tuple[float, ...]]:
    """A list of `n` numbers, or of any number of them, of which one may stand alone."""

    def read(value: object, folder: Path) -> tuple[float, ...]:
        if n is None and isinstance(value, int | float):
            value = [value]
        if not isinstance(value, list) or not value or (n is not None and len(value) != n):
            raise Unfit(wording)
        return tuple(of(item, folder) for item in value)

    listed = list_of(of.schema, n or 1, n)
    return Reader(read, listed if n is not None else any_of(of.schema, listed))


def as_one_or_each(
    low: float = -math.inf, high: float = math.inf, *, most: int = 3, wording: str = ""
) -> Reader[float | tuple[float, ...]]:
    """One number for all scans, or a list of one for each."""
    each = wording or "a number, or a list of one for each scan (low, high[, background])"
    number = as_number(low, high)

    def read(value: object, folder: Path) -> float | tuple[float, ...]:
        if not isinstance(value, list):
            return float(number(value, folder))
        if not 2 <= len(value) <= most:
            raise Unfit(each)
        return tuple(number(item, folder) for item in value)

    return Reader(read, any_of(number.schema, list_of(number.schema, 2, most)))


def as_lengths(
    lengths: tuple[int, ...], of: Reader[float], wording: str
) -> Reader[tuple[float, ...]]:
    """A list of numbers that has one of a few lengths."""

    def read(value: object, folder: Path) -> tuple[float, ...]:
        if not isinstance(value, list) or len(value) not in lengths:
            raise Unfit(wording)
        return tuple(of(item, folder) for item in value)

    return Reader(read, any_of(*(list_of(of.schema, n, n) for n in lengths)))


@takes(any_of(_NAME, {"type": "integer", "minimum": 0}))
def as_region(value: object, _: Path) -> int | str:
    """A region by its number from 0, or by its name."""
    if isinstance(value, str) and value:
        return int(value) if value.isdigit() else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unfit("a number from 0, or a name in quotes")
    return value


@takes(any_of(_PATH, as_number(100, 1e5).schema))
def as_file_or_energy(value: object, folder: Path) -> Path | float:
    """Path of a file that exists, or a photon energy [eV]."""
    if isinstance(value, str) and value:
        # The command line knows texts only: a number that is no file is an energy.
        energy = _number_or_text(value)
        if isinstance(energy, str) or (folder / value).is_file():
            return as_file(value, folder)
        value = energy
    try:
        return float(as_number(100, 1e5)(value, folder))
    except Unfit:
        raise Unfit("the path of a file, in quotes, or an energy in eV") from None


@takes(list_of(_PATH, 2, 2))
def as_two_files(value: object, folder: Path) -> tuple[Path, ...]:
    """Two files: of the first and of the cycled state."""
    if not isinstance(value, list) or len(value) != 2:
        raise Unfit('two files, ["first", "cycled"]')
    return tuple(as_file(item, folder) for item in value)


@takes(list_of(as_number().schema, 2, 2))
def as_window(value: object, folder: Path) -> tuple[float, float]:
    """Two increasing energies [eV]."""
    low, high = as_numbers(2, as_number(), "two energies in eV, [low, high]")(value, folder)
    if not low < high:
        raise Unfit("[low, high] with low < high")
    if 0 < high < 100:
        raise Unfit("two energies in eV (these look like keV: multiply by 1000)")
    return low, high


@takes(list_of(as_number().schema, 3, 3))
def as_direction(value: object, folder: Path) -> tuple[float, ...]:
    """A vector (z, y, x) that points somewhere."""
    vector: tuple[float, ...] = as_numbers(3, as_number(), "three numbers (z, y, x)")(value, folder)
    if not any(vector):
        raise Unfit("a direction (z, y, x) other than [0, 0, 0]")
    return vector


@takes(any_of(as_number(1e-6, 1e6).schema, list_of(as_number(1e-6, 1e6).schema, 3, 3)))
def as_voxel_size(value: object, folder: Path) -> tuple[float, ...]:
    """One voxel edge or three [µm], always given as three."""
    if isinstance(value, list):
        wording = "a number or three numbers [dz, dy, dx] in µm"
        sizes: tuple[float, ...] = as_numbers(3, as_number(1e-6, 1e6), wording)(value, folder)
        return sizes
    size = as_number(1e-6, 1e6)(value, folder)
    return size, size, size


def as_choice(*names: str) -> Reader[str]:
    """One of a few words."""

    def read(value: object, _: Path) -> str:
        if value not in names:
            raise Unfit("one of " + ", ".join(f'"{name}"' for name in names))
        return str(value)

    return Reader(read, {"enum": list(names)})


@takes(any_of({"type": "boolean"}, {"enum": ["true", "yes", "false", "no"]}))
def as_flag(value: object, _: Path) -> bool:
    """True or false; the command line writes yes or no."""
    words = {"true": True, "yes": True, "false": False, "no": False}
    if isinstance(value, str) and value in words:
        return words[value]
    if not isinstance(value, bool):
        raise Unfit("true or false")
    return value


def as_choices(*names: str) -> Reader[tuple[str, ...]]:
    """A list of some of a few words, or one of them."""

    def read(value: object, _: Path) -> tuple[str, ...]:
        chosen = value if isinstance(value, list) else [value]
        if any(item not in names for item in chosen):
            raise Unfit("a list of " + ", ".join(f'"{name}"' for name in names))
        return tuple(str(item) for item in chosen)

    one = {"enum": list(names)}
    return Reader(read, any_of(one, list_of(one, 0)))


@takes({"type": "string"})
def as_text(value: object, _: Path) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise Unfit("a text in quotes")
    return value


@takes(_PATH)
def as_folder(value: object, folder: Path) -> Path:
    """Path of a folder, which need not exist yet."""
    if not isinstance(value, str) or not value:
        raise Unfit("the path of a folder, in quotes")
    return (folder / Path(value).expanduser()).absolute()


@takes(_PATH)
def as_file(value: object, folder: Path) -> Path:
    """Path of a file that exists."""
    if not isinstance(value, str) or not value:
        raise Unfit("the path of a file, in quotes")
    path = (folder / Path(value).expanduser()).absolute()
    if not os.path.isfile(path):  # noqa: PTH113 (that of a path raises for a name that is too long)
        what = "is a folder" if _is_folder(path) else "does not exist"
        raise FileNotFoundError(f"{path} {what}")
    return path


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 (likewise)


@takes(_PATH)
def as_file_or_folder(value: object, folder: Path) -> Path:
    """Path of a file, or of a folder of images, that exists."""
    if isinstance(value, str) and value and _is_folder(folder / Path(value).expanduser()):
        return (folder / Path(value).expanduser()).absolute()
    return as_file(value, folder)


@takes(any_of({"type": "string"}, list_of(_PATH)))
def as_frames(value: object, folder: Path) -> Path | tuple[Path, ...]:
    """A folder, or the files in a list or alone."""
    if isinstance(value, list):
        if not value:
            raise Unfit("a folder or a list of files of frames")
        return tuple(as_file(item, folder) for item in value)
    if isinstance(value, str) and _is_folder(folder / Path(value).expanduser()):
        return (folder / Path(value).expanduser()).absolute()
    return (as_file(value, folder),)


def from_words(read: Reader[Any], words: str | Sequence[str], folder: Path) -> Any:
    """What `read` makes of words of the command line, which are text or numbers."""
    if isinstance(words, str):
        try:
            return read(words, folder)
        except Unfit:
            return read(_number_or_text(words), folder)
    values = [_number_or_text(word) for word in words]
    return read(values[0] if len(values) == 1 else values, folder)


def _number_or_text(word: str) -> object:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def key(
    read: Reader[Any],
    meaning: str,
    show: str = "",
    words: int | str | None = None,
    names: tuple[str, ...] = ("LO", "HI"),
) -> Any:
    """How a key is read and what it means.

    `show` stands in the template instead of the default; `words` is the number of words after the
    flag of the command line, "+" for one or more, None for one; `names` are those of the words if
    they are counted.
    """
    return {"read": read, "meaning": meaning, "show": show, "words": words, "names": names}


def or_auto(read: Reader[T]) -> Reader[T | None]:
    """What `read` takes, or "auto", which gives None: the data decide."""

    def read_or_none(value: object, folder: Path) -> T | None:
        if value == "auto":
            return None
        try:
            return read(value, folder)
        except Unfit as error:
            raise Unfit(f'{error} or "auto"') from None

    return Reader(read_or_none, any_of(read.schema, {"const": "auto"}))
