"""The sanitizers see all of the C++ tests, and the Python tests of the kernels."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from promises.shows import Shows

ROOT = Path(__file__).parents[3]
#: One thread only: nothing for ThreadSanitizer to see.
SINGLE_THREADED = {"registration", "resample"}


def suites() -> set[str]:
    sources = (file.read_text() for file in (ROOT / "tests" / "cpp").glob("*.cpp"))
    return {
        name for text in sources for name in re.findall(r"BOOST_AUTO_TEST_SUITE\((\w+)\)", text)
    }


def presets(kind: str) -> dict[str, dict[str, object]]:
    held = json.loads((ROOT / "CMakePresets.json").read_text())
    return {preset["name"]: preset for preset in held[kind]}


def test_R11_ctest_under_the_sanitizers_lists_every_suite(shows: Shows) -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert "tests/cpp/*.cpp" in cmake and "--run_test=${suite}" in cmake
    # A suite is asked for by the name of its file.
    known = {
        file.stem.removeprefix("test_") for file in (ROOT / "tests" / "cpp").glob("test_*.cpp")
    }
    assert suites() == known
    shows.holds("suites of C++ tests that ctest runs", len(suites() & known), len(suites()))


@pytest.mark.parametrize(("name", "what"), [("asan", "address;undefined"), ("tsan", "thread")])
def test_R11_presets_build_with_the_sanitizers(name: str, what: str, shows: Shows) -> None:
    preset = presets("configurePresets")[name]
    assert preset["cacheVariables"]["NMCX_SANITIZE"] == what  # type: ignore[index]
    assert name in presets("buildPresets")
    tests = presets("testPresets")[name]
    excluded = re.findall(
        r"\w+", json.dumps(tests.get("filter", {}).get("exclude", {}).get("name", ""))
    )  # type: ignore[attr-defined]
    assert set(excluded) <= (SINGLE_THREADED if name == "tsan" else set())
    rest = suites() - set(excluded)
    figure = {"asan": "suites under ASan and UBSan", "tsan": "suites under TSan"}[name]
    shows.holds(figure, len(rest), len(suites()) - len(set(excluded)), "suites")


def test_R11_make_sanitize_runs_them_and_the_python_tests(shows: Shows) -> None:
    makefile = (ROOT / "Makefile").read_text()
    recipe = re.search(r"^sanitize: install\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe
    steps = ("ctest --preset asan", "ctest --preset tsan", "pytest_under_asan.py")
    shows.holds("steps of `make sanitize`", sum(step in recipe[1] for step in steps), len(steps))


def test_R11_sanitizers_are_silent(shows: Shows, full: bool) -> None:
    """All of `make sanitize` at full count; here the build that it tests, if there is one."""
    if full:
        assert shutil.which("make")
        done = subprocess.run(
            ["make", "sanitize", "INSTALLED=1"], cwd=ROOT, capture_output=True, text=True,
            env=dict(os.environ, PYTHON=sys.executable),
        )  # fmt: skip
        said = done.stdout + done.stderr
        reports = re.findall(r"(?:ERROR|WARNING): \w+Sanitizer|runtime error:", said)
        assert done.returncode == 0, said[-3000:]
        shows.most("reports of the sanitizers", len(reports), 0)
        return
    source = (ROOT / "tests" / "tools" / "pytest_under_asan.py").read_text()
    assert "NMCX_SANITIZE=address;undefined" in source and "libasan.so" in source
