"""What users see: names, docstrings, versions, stub."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
import tomllib
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import nmcx
from nmcx import _core, results

ROOT = Path(__file__).parents[2]
MODULES = [
    "comparison",
    "cones",
    "correlation",
    "io",
    "materials",
    "mesh",
    "morphology",
    "phantom",
    "spectra",
    "surface",
    "txm",
    "xanes",
]


def public_functions() -> list[tuple[str, FunctionType]]:
    found = []
    for name in [*MODULES, "run", "report", "plot"]:
        module = importlib.import_module(f"nmcx.{name}")
        assert hasattr(module, "__all__"), f"nmcx.{name} must list its public names"
        for public in module.__all__:
            value = getattr(module, public)
            if inspect.isfunction(value):
                found.append((f"{name}.{public}", value))
    return found


FUNCTIONS = public_functions()
MEASURING = [item for item in FUNCTIONS if item[0].split(".")[0] in MODULES]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_a_docstring_documents_every_parameter_and_the_result(
    name: str, function: FunctionType
) -> None:
    text = inspect.getdoc(function) or ""
    assert text.splitlines()[0].endswith("."), "the first line is one sentence"
    for parameter in inspect.signature(function).parameters:
        # Alone or in a list of names, with or without a type: "pre_edge, post_edge".
        assert re.search(rf"^\*{{0,2}}(\w+, )*{parameter}\b(, \w+)*( :.*)?$", text, re.M), parameter
    if inspect.signature(function).return_annotation not in (None, "None"):
        assert re.search(r"^(Returns|Yields)\n---", text, re.M)


@pytest.mark.parametrize(("name", "function"), MEASURING, ids=[name for name, _ in MEASURING])
def test_a_docstring_of_the_measuring_chain_says_units_errors_source_and_example(
    name: str, function: FunctionType
) -> None:
    text = inspect.getdoc(function) or ""
    if inspect.signature(function).parameters:
        assert "Raises\n---" in text, "errors raised"
    assert ">>> " in text, "an example that runs"
    if not name.startswith(("io.", "phantom.")):
        units = r"\[[^\]]*(eV|µm|rad|px|1|counts|s|Pa|\bm\b|\bV\b)[^\]]*\]|unit vectors|counts"
        assert re.search(units, text), "units"
        assert "References\n---" in text, "source of the formula"


@pytest.mark.parametrize("name", [*MODULES, "results", "run", "report", "plot"])
def test_examples_in_docstrings_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(f"nmcx.{name}")
    parts = [module]
    if hasattr(module, "__path__"):
        for file in sorted(Path(module.__path__[0]).glob("*.py")):
            if file.stem != "__init__":
                parts.append(importlib.import_module(f"nmcx.{name}.{file.stem}"))
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    attempted = 0
    for part in parts:
        outcome = doctest.testmod(part, optionflags=flags)
        assert outcome.failed == 0, f"{part.__name__}: {outcome.failed} examples fail"
        attempted += outcome.attempted
    if name in MODULES:
        assert attempted > 0


def test_every_result_field_carries_a_unit_or_is_text() -> None:
    from dataclasses import fields

    for name in results.__all__:
        kind = getattr(results, name)
        if (
            not (inspect.isclass(kind) and issubclass(kind, results.Result))
            or kind is results.Result
        ):
            continue
        for item in fields(kind):
            text = item.name in {
                "name",
                "notes",
                "settings",
                "metadata",
                "unit",
                "tomography",
                "verdict",
            }
            assert text or "unit" in item.metadata, f"{name}.{item.name}"


def test_all_lists_only_what_exists() -> None:
    for name in nmcx.__all__:
        value = getattr(nmcx, name)
        if isinstance(value, ModuleType):
            for public in getattr(value, "__all__", []):
                assert hasattr(value, public), f"nmcx.{name}.{public}"


def test_the_version_stands_in_one_place() -> None:
    assert nmcx.__version__ == _core.__version__
    if (ROOT / "pyproject.toml").exists():
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert project["version"] == nmcx.__version__
        assert f"version: {nmcx.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_stub_names_what_the_extension_holds() -> None:
    stub = (Path(nmcx.__file__).parent / "_core.pyi").read_text()
    for name in dir(_core):
        if not name.startswith("_"):
            assert re.search(rf"^(def|class) {name}\b", stub, re.M), f"{name}: run `make stubs`"


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="tested outside the source tree")
def test_the_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    outcome = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=flags)
    assert outcome.attempted >= 5
    assert outcome.failed == 0


def test_the_real_data_is_used_where_it_is(real_data: Path) -> None:
    # In CI a missing folder is caught here, not passed over in silence.
    assert (real_data / "cosmic-stxm" / "stxm-scan.hdr").exists(), os.fspath(real_data)
