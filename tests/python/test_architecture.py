"""The directions in which modules may know each other, held to the code's own imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "nmcx"
SOURCES = ROOT / "src" / "cpp"

pytestmark = pytest.mark.skipif(
    not PACKAGE.is_dir(), reason="the source tree is not here: nmcx is tested outside of it"
)

# What each module may import at load time. Domain modules may use those before them in this order.
LEAVES = {"_core", "errors", "results"}
DOMAIN = [
    *("txm", "xanes", "spectra", "surface", "morphology", "cones", "correlation"),
    *("materials", "mesh", "chemomechanics", "comparison", "phantom"),
]
# Phantoms can be written as raw files; edges are fitted from file to file; meshes are written;
# simulations keep checkpoints, and ensembles of them are kept in files, those of a comparison too.
USES_IO = {"phantom", "xanes", "mesh", "chemomechanics", "comparison"}
TOP = {"plot", "report", "run", "run_file", "progress"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "results": {"io"},  # inside `Result.save` only, checked below
    "io": {"results", "errors"},
    **{
        name: LEAVES | set(DOMAIN[: DOMAIN.index(name)]) | ({"io"} if name in USES_IO else set())
        for name in DOMAIN
    },
    "progress": set(),
    "plot": LEAVES | set(DOMAIN),
    "run_file": LEAVES | {"io"},
    "report": LEAVES | set(DOMAIN) | {"io", "plot"},
    "run": LEAVES | set(DOMAIN) | TOP - {"run"} | {"io"},
    "cli": LEAVES | set(DOMAIN) | TOP | {"io"},
    "__init__": {"errors"},
    "__main__": {"cli"},
}


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST, path: Path) -> set[str]:
    """First name below nmcx of everything a file imports from the package."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "nmcx" and len(parts) > 1:
                    found.add(parts[1])
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full, not relative"
            parts = (node.module or "").split(".")
            if parts[0] == "nmcx":
                found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found - {"__version__"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_a_python_module_knows_only_those_to_its_left(path: Path) -> None:
    own = module_of(path)
    assert own in ALLOWED, f"{own} is not in the table of modules"
    unknown = imports_of(ast.parse(path.read_text()), path) - ALLOWED[own] - {own}
    assert not unknown, f"{path.relative_to(ROOT)} may not import {sorted(unknown)}"


def test_results_import_io_only_inside_save() -> None:
    for path in (PACKAGE / "results").glob("*.py"):
        tree = ast.parse(path.read_text())
        top = ast.Module([node for node in tree.body if not isinstance(node, ast.ClassDef)], [])
        assert imports_of(top, path) <= {"results"}


HEAVY = ("matplotlib", "scipy.sparse")


@pytest.mark.parametrize(
    "path", sorted(SOURCES.rglob("*.[chi][pn][pc]")), ids=lambda p: str(p.name)
)
def test_a_cpp_file_includes_only_the_core_and_its_own_topic(path: Path) -> None:
    text = path.read_text()
    included = {match.split("/")[1] for match in re.findall(r'#include "(nmcx/[^"]+)"', text)}
    if "bindings" in path.parts:
        return
    topic = path.relative_to(SOURCES / "nmcx").parts[0]
    assert included <= {"core", topic}, f"{path.relative_to(ROOT)} includes {included}"
    assert not re.search(r"pybind11|Python\.h", text), f"{path.relative_to(ROOT)} knows Python"


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*_v[234].cpp")), ids=lambda p: str(p.name))
def test_instruction_set_files_hold_plain_loops_only(path: Path) -> None:
    # An inline function instantiated here would be compiled for AVX-512 and might be the copy that
    # the linker keeps for every processor.
    pending, seen = [path], set()
    while pending:
        file = pending.pop()
        seen.add(file)
        for name in re.findall(r'#include "(nmcx/[^"]+)"', file.read_text()):
            if (SOURCES / name) not in seen:
                pending.append(SOURCES / name)
    for file in seen:
        system = set(re.findall(r"#include <([^>]+)>", file.read_text()))
        assert system <= {"cstddef", "cstdint", "immintrin.h", "limits", "cmath"}, (
            f"{file}: {system}"
        )


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_nmcx_is_light() -> None:
    code = (
        "import time; start = time.process_time(); import nmcx, sys;"
        "used = time.process_time() - start;"
        "print(used, 'matplotlib' in sys.modules, 'scipy.sparse' in sys.modules)"
    )
    used, matplotlib, sparse = run_python(code).split()
    assert (matplotlib, sparse) == ("False", "False")
    # The promise is 0.4 s; a sanitised or busy machine may take a few times longer.
    assert float(used) < 2.0


@pytest.mark.parametrize(
    "name", ["io", *(m for m in DOMAIN if (PACKAGE / m).is_dir() or (PACKAGE / f"{m}.py").exists())]
)
def test_importing_a_module_loads_neither_matplotlib_nor_sparse(name: str) -> None:
    code = f"import nmcx.{name}, sys; print([m for m in sys.modules if m in {HEAVY!r}])"
    assert run_python(code) == "[]"


def test_importing_changes_no_global_state() -> None:
    code = """
import logging, os, signal
def state():
    return (dict(os.environ), [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
            logging.root.level, list(logging.root.handlers))
import numpy as np
before, errors = state(), np.geterr()
import nmcx, nmcx.xanes, nmcx.io, nmcx.cones, nmcx.correlation, nmcx.run
print(state() == before and np.geterr() == errors)
"""
    assert run_python(code) == "True"
