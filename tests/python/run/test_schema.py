"""`nmcx schema`: what it allows is what the readers read, and the shipped run files are allowed."""

from __future__ import annotations

import itertools
import json
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nmcx import cli, run_file
from nmcx.run_file.values import Unfit

ROOT = Path(__file__).parents[3]
KINDS = [run_file.RunFile, run_file.SimulationFile]
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
    "number": (int, float),
}  # fmt: skip
WORDS = {
    "$schema", "title", "description", "default", "type", "enum", "const", "anyOf", "minimum",
    "maximum", "minLength", "items", "minItems", "maxItems", "properties", "required",
    "additionalProperties", "format",
}  # fmt: skip


def problems(value: Any, schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """What of a value a schema forbids, by the words of draft 2020-12 that nmcx uses."""
    assert set(schema) <= WORDS, f"{where}: this validator knows no {set(schema) - WORDS}"
    kind = schema.get("type")
    if kind is not None:
        fits = isinstance(value, TYPES[kind])
        if isinstance(value, bool) and kind != "boolean":
            fits = False
        if not fits:
            yield f"{where}: {value!r} is no {kind}"
            return
    if "enum" in schema and not any(type(v) is type(value) and v == value for v in schema["enum"]):
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if "anyOf" in schema and all([*problems(value, part, where)] for part in schema["anyOf"]):
        yield f"{where}: {value!r} is of none of the kinds"
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"{where}: too short"
    if kind in ("number", "integer") and not (
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
    ):
        yield f"{where}: {value!r} is out of bounds"
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
            yield f"{where}: {len(value)} items"
        for i, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), f"{where}[{i}]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{where}.{name}: is missing"
        for name, item in value.items():
            if name in known:
                yield from problems(item, known[name], f"{where}.{name}")
            elif not schema.get("additionalProperties", True):
                yield f"{where}.{name}: unknown"


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all within it."""
    yield schema
    below = [*schema.get("anyOf", ()), *schema.get("properties", {}).values()]
    for part in [*below, *([schema["items"]] if "items" in schema else [])]:
        yield from parts(part)


def keys() -> list[tuple[str, Any, dict[str, Any]]]:
    """Name, reader and schema of every key of both run files."""
    found = []
    for kind in KINDS:
        sections = run_file.schema(kind)["properties"]
        for name, section in kind.SECTIONS.items():
            for item in fields(section):
                told = sections[name]["properties"][item.name]
                found.append((f"{kind.__name__} [{name}] {item.name}", item, told))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_one(kind: Any) -> None:
    schema = run_file.schema(kind)
    assert schema == json.loads(json.dumps(schema, allow_nan=False))
    assert set(schema["properties"]) == set(kind.SECTIONS)
    for part in parts(schema):
        assert set(part) <= WORDS
        assert part.get("type", "object") in TYPES
        assert all(isinstance(part[w], str) for w in ("title", "description") if w in part)
        assert all(isinstance(part[w], list) and part[w] for w in ("enum", "anyOf") if w in part)
        for word in ("minItems", "maxItems", "minLength"):
            assert isinstance(part.get(word, 0), int)
        assert set(part.get("required", ())) <= set(part.get("properties", ()))
        if "minimum" in part and "maximum" in part:
            assert part["minimum"] < part["maximum"]


@pytest.mark.parametrize(("name", "item", "told"), keys(), ids=[name for name, *_ in keys()])
def test_a_key_has_meaning_and_default_and_the_default_fits(
    name: str, item: Any, told: dict[str, Any]
) -> None:
    assert told["description"] == item.metadata["meaning"]
    if "default" in told:
        assert [*problems(told["default"], told, name)] == []
        read = item.metadata["read"](told["default"], Path("/"))
        assert read == item.default or (read is None and item.default is None)
    else:
        assert item.default is None or item.name in ("size_um", "largest_layer_nm", "file", "view")


#: Values of every kind, at bounds and beyond.
SAMPLES: list[Any] = [
    *(True, False, "", "a", "auto", "yes", "tey", "otsu", "charge c_rate=1 until=0.3", {}, []),
    *(-1, 0, 1, 2, 3, 26, 27, 10**6, 10**10, -1.5, 0.0, 0.5, 1.0, 5.0, 180.0, 181.0, 854.0, 1e7),
    *([1], [0.5], [1, 2], [2, 1], [0, 0, 1], [0, 0, 0], [1, 2, 3, 4], [1, 2, 3, 4, 5], [150.0] * 2),
    *(["a"], ["a", "b"], ["incidence"], ["tey"], [True, 2], ["charge c_rate=1 until=0.3"]),
    *([[1, 2]], [8250, 8320], [10, 101], [-1, 5], [2e6, 1]),
]


@pytest.mark.parametrize(("name", "item", "told"), keys(), ids=[name for name, *_ in keys()])
def test_what_the_schema_forbids_the_reader_refuses_and_else_only_for_a_reason(
    name: str, item: Any, told: dict[str, Any], tmp_path: Path
) -> None:
    n_read = 0
    own = [value for part in parts(told) for value in part.get("enum", ())]
    for value in [*SAMPLES, *own, "tiff", ["volume", "none"]]:
        forbidden = [*problems(value, told, name)]
        try:
            item.metadata["read"](value, tmp_path)
        except FileNotFoundError:
            refusal = None  # right in kind: the file is not here
        except Unfit as error:
            refusal = str(error)
        else:
            refusal = None
        if refusal is None:
            n_read += 1
            assert not forbidden, f"{name}: {value!r} is read, but {forbidden}"
        elif not forbidden:
            # What a schema of kinds and bounds cannot say.
            assert re.search(
                r"low < high|keV|other than|path of a file|begin with|ascending|charge|with \w",
                refusal,
            ), f"{name}: {value!r} is refused ({refusal}), but not by the schema"
    assert n_read > 0, name


def examples() -> list[tuple[str, Any, dict[str, Any]]]:
    """Run files in the documentation, in the package and of the phantom."""
    found = []
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for i, text in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)):
            tables = tomllib.loads(text)
            simulated = set(tables) <= set(run_file.SimulationFile.SECTIONS)
            kind = run_file.SimulationFile if simulated else run_file.RunFile
            found.append((f"{page.name} {i}", kind, tables))
    for kind in KINDS:
        text = run_file.template(kind)
        uncommented = re.sub(r"^# (\[\w+\]|\w+ = )", r"\1", text, flags=re.M)
        found.append((f"template of {kind.__name__}", kind, tomllib.loads(text)))
        found.append((f"whole template of {kind.__name__}", kind, tomllib.loads(uncommented)))
    return found


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="tested outside the source tree")
def test_the_run_files_that_are_shipped_are_allowed(data: Path) -> None:
    shipped = examples()
    assert len(shipped) >= 8
    shipped.append(("phantom", run_file.RunFile, tomllib.loads((data / "run.toml").read_text())))
    for name, kind, tables in shipped:
        schema = run_file.schema(kind)
        if ".md " in name:
            # Pages show sections on their own; what they show must be right.
            schema = {**schema, "required": []}
        assert [*problems(tables, schema, name)] == []


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"soft": {"lo": "a.hdr"}}, "soft.lo: unknown"),
        ({"sofd": {}}, "sofd: unknown"),
        ({"tomogram": {}}, "tomogram.file: is missing"),
        ({"hard": {"level": 2.0}}, "level: 2.0 is out of bounds"),
        ({"hard": {"estimator": "best"}}, "estimator: 'best' is none of"),
        ({"hard": {"pre_edge": [8250]}}, "pre_edge: 1 items"),
    ],
)
def test_mistakes_are_found_by_the_schema_as_by_the_reader(
    tables: dict[str, Any], message: str, tmp_path: Path
) -> None:
    found = [*problems(tables, run_file.schema())]
    assert len(found) == 1 and message in found[0]
    lines = itertools.chain.from_iterable(
        [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]
        for name, table in tables.items()
    )
    (tmp_path / "run.toml").write_text("\n".join(lines))
    with pytest.raises(run_file.RunFileError):
        run_file.read(tmp_path / "run.toml")


def test_a_simulation_needs_grains() -> None:
    assert run_file.schema(run_file.SimulationFile)["required"] == ["polycrystal"]
    assert run_file.schema()["required"] == []


def test_the_command_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    for flags, kind in ((["--simulation"], KINDS[1]), ([], KINDS[0])):
        assert cli.main(["schema", *flags]) == 0
        assert json.loads(capsys.readouterr().out) == run_file.schema(kind)
