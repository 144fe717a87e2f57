"""How much of the code the tests run: lines of the kernels, branches of the Python layer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from check import ROOT, Check, Row

FOLDER = ROOT / "build" / "coverage"
FLOOR = 90.0  # per cent


def kernels(_: bool) -> list[Row]:
    """By the suites of ctest alone: not by what Python happens to call."""
    build = FOLDER / "kernels"
    flags = "--coverage -fprofile-update=atomic"
    _run(
        "cmake", "-G", "Ninja", "-S", ROOT, "-B", build, "-DCMAKE_BUILD_TYPE=Release",
        "-DNMCX_BUILD_TESTS=ON", "-DCMAKE_CXX_FLAGS_RELEASE=-O1", f"-DCMAKE_CXX_FLAGS={flags}",
        f"-DPython_EXECUTABLE={sys.executable}",
    )  # fmt: skip
    _run("cmake", "--build", build)
    for old in build.rglob("*.gcda"):
        old.unlink()
    _run("ctest", "--test-dir", build, "--output-on-failure")
    summary = FOLDER / "kernels.json"
    _run(
        sys.executable, "-m", "gcovr", "--root", ROOT, "--filter", f"{ROOT}/src/cpp/nmcx/",
        # Kernels are compiled once for each instruction set, and lines of one function differ.
        "--merge-mode-functions=merge-use-line-min",
        "--json-summary", summary, build,
    )  # fmt: skip
    found = json.loads(summary.read_text())
    worst = sorted(found["files"], key=lambda file: file["line_total"] - file["line_covered"])[-3:]
    least = ", ".join(f"{Path(f['filename']).name} {f['line_percent']:.0f} %" for f in worst[::-1])
    percent = found["line_percent"]
    return [
        Row(f"lines of the kernels that C++ tests run (most left out: {least})",
            f"{percent:.1f} %", f"≥ {FLOOR:.0f} %", percent >= FLOOR)
    ]  # fmt: skip


def package(_: bool) -> list[Row]:
    """By all of pytest, and the commands that it starts."""
    data = FOLDER / "package"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    report = data / "coverage.json"
    settings = data / "settings"
    settings.write_text(
        "[run]\nbranch = true\nparallel = true\nsource = nmcx\npatch = subprocess\n"
        f"data_file = {data / 'coverage'}\n[report]\nexclude_also = if TYPE_CHECKING:\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    pytest = ["-m", "pytest", "-q", "-n", str(os.cpu_count() or 1), "-p", "no:cacheprovider"]
    options = ["--cov", "--cov-config", settings, "--cov-report", f"json:{report}"]
    _run(sys.executable, *pytest, *options, env=environment)
    totals = json.loads(report.read_text())["totals"]
    percent = 100.0 * totals["covered_branches"] / totals["num_branches"]
    return [
        Row(f"branches of the package, of {totals['num_branches']:,}, that Python tests take",
            f"{percent:.1f} %", f"≥ {FLOOR:.0f} %", percent >= FLOOR)
    ]  # fmt: skip


def _run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}\n{command[0]} failed")


CHECKS = [
    Check("coverage of the kernels", kernels, in_reduced=False),
    Check("coverage of the package", package, in_reduced=False),
]
