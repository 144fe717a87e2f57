"""Run the long checks of an issue at full count and write docs/verification.md.

usage: python tests/verify [--issue N] [--reduced] [--only NAME]

Each check is a function that returns rows (figure, measured, target, met). What has been measured
for this state of the code is kept in build/verify, so an interrupted run goes on where it stopped.
`--reduced` runs small counts without writing the table: that is what continuous integration does.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

from check import Check, Row

ROOT = Path(__file__).parents[2]
ISSUES = {
    2: "issue_02_ground_floor",
    3: "issue_03_voxelwise_xanes",
    4: "issue_04_surface_chemistry",
    5: "issue_05_microstructure",
    6: "issue_06_polycrystals",
    7: "issue_07_mechanics",
    8: "issue_08_coupled",
    9: "issue_09_house",
}

#: What the figures depend on.
MEASURED = ("src", "python", "CMakeLists.txt", "pyproject.toml", "tests", "benchmarks")

_MARKS = {True: "ok ", False: "NOT", None: "   "}


def commit() -> str:
    """The last commit of what the figures depend on: pages of the docs come after them."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    dirty = git("status", "--porcelain", "--", *MEASURED)
    last = git("log", "-1", "--format=%h", "--abbrev=12", "--", *MEASURED)
    return last + ("-modified" if dirty else "")


def measure(check: Check, reduced: bool, kept: Path) -> list[Row]:
    if kept.exists() and not reduced:
        return [Row(**row) for row in json.loads(kept.read_text())]
    started = time.perf_counter()
    rows = check.run(reduced)
    seconds = time.perf_counter() - started
    for row in rows:
        print(f"  {_MARKS[row.met]} {row.figure}: {row.measured} (target {row.target})")
    print(f"  {check.name} took {seconds:.0f} s", flush=True)
    if not reduced:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([row.__dict__ for row in rows], default=bool))
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _yes_or_no(met: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "–"}[met]


def write_table(results: dict[int, list[tuple[Check, list[Row]]]], revision: str) -> None:
    processor = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    table = ROOT / "docs" / "verification.md"
    sections = _sections(table.read_text()) if table.exists() else {}
    for issue, checks in results.items():
        lines = [
            f"Measured on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit `{revision}` "
            f"({processor}, Python {platform.python_version()}).",
            "",
            "| figure | measured | target | met |",
            "|---|---|---|---|",
        ]
        for _, rows in checks:
            lines += [
                "| "
                + " | ".join(_cell(text) for text in (row.figure, row.measured, row.target))
                + f" | {_yes_or_no(row.met)} |"
                for row in rows
            ]
        sections[issue] = "\n".join(lines)
    text = (
        "# Verification\n\nMade by `make verify`: every figure beside its target; seeds are 1…n.\n"
    )
    text += "".join(f"\n## Issue {issue}\n\n{sections[issue]}\n" for issue in sorted(sections))
    table.write_text(text)


def _sections(text: str) -> dict[int, str]:
    """What an earlier table says of each issue: one issue may be verified at a time."""
    parts = re.split(r"^## Issue (\d+)$", text, flags=re.MULTILINE)
    return {int(n): body.strip() for n, body in zip(parts[1::2], parts[2::2], strict=True)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issue", type=int, choices=sorted(ISSUES))
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--only", help="one check by name; writes no table")
    options = parser.parse_args()

    revision = commit()
    results: dict[int, list[tuple[Check, list[Row]]]] = {}
    for issue in [options.issue] if options.issue else sorted(ISSUES):
        for check in importlib.import_module(ISSUES[issue]).CHECKS:
            if options.only and check.name != options.only:
                continue
            if options.reduced and not check.in_reduced:
                continue
            print(f"issue {issue}: {check.name}", flush=True)
            kept = ROOT / "build" / "verify" / revision / f"{issue}-{check.name}.json"
            results.setdefault(issue, []).append((check, measure(check, options.reduced, kept)))
    if options.only and not results:
        parser.error(f"no check is named {options.only!r}")
    if not options.reduced and not options.only:
        write_table(results, revision)
    rows = [row for checks in results.values() for _, found in checks for row in found]
    missed = [row.figure for row in rows if row.met is not None and not row.met]
    n_met = sum(bool(row.met) for row in rows)
    print(f"{n_met} passed, {len(missed)} failed", *missed, sep="\n")
    return 1 if missed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
