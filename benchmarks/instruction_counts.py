"""Instructions per voxel of the edge fit, counted by valgrind's callgrind.

usage: python benchmarks/instruction_counts.py [--check] [--build build/count]

Counts do not depend on what else the machine does, so they may gate where times may not. Two sizes
are counted and their difference taken: what a call costs once drops out. valgrind 3.19 knows no
AVX-512, so only the v2 and v3 paths are counted. Without --check the figures are written to
docs/benchmarks; with it they are compared: exit 1 if one grew by more than 5 %. Exit 77 (skipped)
without valgrind, on another architecture, or, with --check, with another compiler than recorded.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "benchmarks" / "instruction_counts.json"
TABLE = RECORD.with_suffix(".md")

INSTRUCTION_SETS = {"v2": "SSE4.2", "v3": "AVX2 and FMA"}
LAYOUTS = ("energy-major", "voxel-major")
N_SLICE = (16, 64)  # slices of VOXELS_PER_SLICE voxels
VOXELS_PER_SLICE = 32 * 32
MOST_GROWTH = 0.05
SKIPPED = 77  # what automake and ctest take as "skipped"


class Skip(Exception):
    """Counting is not possible here."""


@dataclass(frozen=True)
class Counts:
    """What was counted, and with what."""

    compiler: str
    valgrind: str
    date: str
    instructions_per_voxel: dict[str, dict[str, float]]  # instruction set -> layout -> count


def build(folder: Path) -> Path:
    """The driver, from this checkout's sources."""
    configure = ["cmake", "-S", ROOT, "-B", folder, "-DCMAKE_BUILD_TYPE=Release"]
    configure += ["-DNMCX_BUILD_BENCHMARKS=ON", "-DNMCX_BUILD_TESTS=OFF"]
    configure += [f"-DPython_EXECUTABLE={sys.executable}"]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    for command in (configure, ["cmake", "--build", folder, "--target", "edge_fit_count", "-j2"]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{done.stdout}\n{done.stderr}\nbuilding the driver failed")
    return folder / "edge_fit_count"


def compiler(folder: Path) -> str:
    """Name and major version: another compiler makes other instructions."""
    (found,) = folder.glob("CMakeFiles/*/CMakeCXXCompiler.cmake")
    facts = dict(re.findall(r'^set\(CMAKE_CXX_COMPILER_(\w+) "(.*)"\)$', found.read_text(), re.M))
    return f"{facts['ID']} {facts['VERSION'].split('.')[0]}"


def count(driver: Path, instruction_set: str, layout: str, n_slice: int) -> int:
    """Instructions of one fit."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        done = subprocess.run(
            [
                "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                "--toggle-collect=counted_fit*", driver, layout, str(n_slice),
            ],
            env={**os.environ, "NMCX_INSTRUCTION_SET": instruction_set},
            check=False,
            capture_output=True,
            text=True,
        )  # fmt: skip
        if done.returncode != 0 or not done.stdout.startswith(f"{instruction_set} "):
            raise SystemExit(f"{done.stdout}\n{done.stderr}\ncounting {instruction_set} failed")
        total = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M)
    assert total is not None and int(total[1]) > 0, "callgrind counted nothing"
    return int(total[1])


def measure(folder: Path) -> Counts:
    if platform.machine() not in ("x86_64", "AMD64"):
        raise Skip(f"the instruction sets counted are those of x86-64, not {platform.machine()}")
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed (apt-get install valgrind)")
    driver = build(folder)
    small, large = N_SLICE
    version = subprocess.run(["valgrind", "--version"], check=True, capture_output=True, text=True)
    found: dict[str, dict[str, float]] = {}
    for name in INSTRUCTION_SETS:
        for layout in LAYOUTS:
            more = count(driver, name, layout, large) - count(driver, name, layout, small)
            each = more / ((large - small) * VOXELS_PER_SLICE)
            found.setdefault(name, {})[layout] = round(each, 1)
            print(f"instructions per voxel, {name}, {layout} {each:.1f}", flush=True)
    return Counts(
        compiler=compiler(folder),
        valgrind=version.stdout.strip(),
        date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        instructions_per_voxel=found,
    )


def write(counts: Counts) -> None:
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(asdict(counts), indent=2) + "\n")
    lines = [
        f"| instruction set | {' | '.join(LAYOUTS)} |",
        "|---|" + "---:|" * len(LAYOUTS),
    ]
    for name, unit in INSTRUCTION_SETS.items():
        each = counts.instructions_per_voxel[name]
        lines.append(f"| {name} ({unit}) | " + " | ".join(f"{each[k]:.0f}" for k in LAYOUTS) + " |")
    small, large = (n * VOXELS_PER_SLICE for n in N_SLICE)
    lines += [
        "",
        f"Instructions per voxel, {counts.date}: the difference of {large} and {small} voxels, "
        f"{counts.compiler}, {counts.valgrind}.",
        "",
    ]
    TABLE.write_text("\n".join(lines))


def compare(counts: Counts) -> int:
    """0 if no figure grew by more than `MOST_GROWTH`."""
    recorded = Counts(**json.loads(RECORD.read_text()))
    if recorded.compiler != counts.compiler:
        raise Skip(f"recorded with {recorded.compiler}, counted with {counts.compiler}")
    grown = 0
    for name, layouts in counts.instructions_per_voxel.items():
        for layout, now in layouts.items():
            before = recorded.instructions_per_voxel[name][layout]
            change = now / before - 1
            print(f"{name}, {layout}: {before:.1f} recorded, {now:.1f} now ({change:+.1%})")
            grown += change > MOST_GROWTH
            if change < -MOST_GROWTH:
                print("  fewer than recorded: run `make counts` and commit the figures")
    if grown:
        print(f"{grown} figures grew by more than {MOST_GROWTH:.0%}; if meant, run `make counts`")
    return 1 if grown else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "count")
    options = parser.parse_args()
    try:
        if options.check and not RECORD.exists():
            raise SystemExit(f"{RECORD} does not exist: run `make counts`")
        counts = measure(options.build)
        if options.check:
            return compare(counts)
    except Skip as reason:
        print(f"instruction counts skipped: {reason}")
        return SKIPPED
    write(counts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
