"""Every benchmark by asv, as a table beside what was measured before.

usage: python benchmarks/asv_history.py

Runs all benchmarks on the installed nmcx and adds the figures to the history in docs/benchmarks,
from which the documentation's table is made: the last figures, and their ratio to those of the
commit before on the same processor. Exit 1, and nothing is added, if a benchmark fails; times never
gate. asv itself keeps all samples in build/asv; `asv publish` draws them.
"""

from __future__ import annotations

import datetime
import itertools
import json
import math
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nmcx

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "asv" / "results"
RECORD = ROOT / "docs" / "benchmarks" / "asv_history.json"
TABLE = RECORD.with_suffix(".md")
_UNITS = {"time": "s", "timeraw": "s", "peakmem": "B", "mem": "B"}


@dataclass(frozen=True)
class Entry:
    """What one state of the code took on one machine."""

    commit: str
    date: str
    version: str
    processor: str
    figures: dict[str, float]  # benchmark and its parameters -> median


def processor() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def run() -> dict[str, Any]:
    """What asv wrote of this commit."""
    asv = [sys.executable, "-m", "asv"]
    # A name of its own: that of the host is nobody's business.
    machine = ["--machine", "this"]
    subprocess.run([*asv, "machine", "--yes", *machine], cwd=ROOT, check=True, capture_output=True)
    head = git("rev-parse", "HEAD")
    # Five samples or five seconds of each: all of it takes minutes, not an hour.
    options = ["--python=same", "--attribute", "rounds=1", "--attribute", "repeat=(1, 5, 5.0)"]
    options += [f"--set-commit-hash={head}", "--show-stderr", *machine]
    done = subprocess.run([*asv, "run", *options], cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr, sep="\n")
    if done.returncode:
        raise SystemExit("asv failed")
    written = max(RESULTS.glob(f"this/{head[:8]}-*.json"), key=lambda file: file.stat().st_mtime)
    return json.loads(written.read_text())


def figures(found: dict[str, Any]) -> dict[str, float]:
    """One figure for each benchmark and set of parameters."""
    columns = found["result_columns"]
    named: dict[str, float] = {}
    for benchmark, row in found["results"].items():
        result = dict(zip(columns, row, strict=False))
        for parameters, value in zip(
            itertools.product(*result["params"]), result["result"], strict=True
        ):
            words = ", ".join(word.strip("'") for word in parameters)
            name = benchmark + (f" ({words})" if words else "")
            if value is None:
                raise SystemExit(f"{name} failed")
            if math.isfinite(value):  # NaN: this machine lacks the instruction set
                named[name] = value
    return dict(sorted(named.items()))


def shown(name: str, value: float) -> str:
    unit = _UNITS.get(name.split("(")[0].rsplit(".", 1)[-1].split("_")[0], "")
    if unit == "B":
        return f"{value / 2**20:.0f} MiB"
    if unit != "s":
        return f"{value:.4g}"
    for factor, prefix in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if value * factor >= 1.0:
            return f"{value * factor:.3g} {prefix}"
    return f"{value * 1e9:.3g} ns"


def table(history: list[Entry]) -> str:
    now = history[-1]
    before = next((e for e in history[-2::-1] if e.processor == now.processor), None)
    lines = ["| benchmark | median | to before |", "|---|---:|---:|"]
    for name, value in now.figures.items():
        old = before.figures.get(name) if before else None
        ratio = f"{value / old:.2f}" if old else "–"
        lines.append(f"| {name.removeprefix('bench_')} | {shown(name, value)} | {ratio} |")
    lines += ["", f"nmcx {now.version}, commit `{now.commit}`, {now.date}, {now.processor}."]
    if before:
        lines[-1] += f" Before: commit `{before.commit}`, {before.date}."
    return "\n".join(lines) + "\n"


def main() -> None:
    entry = Entry(
        commit=git("rev-parse", "--short=12", "HEAD"),
        date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        version=nmcx.__version__,
        processor=processor(),
        figures=figures(run()),
    )
    history = [Entry(**one) for one in json.loads(RECORD.read_text())] if RECORD.exists() else []
    same = (entry.commit, entry.processor)
    history = [one for one in history if (one.commit, one.processor) != same]
    history.append(entry)
    RECORD.write_text(json.dumps([asdict(one) for one in history], indent=1) + "\n")
    TABLE.write_text(table(history))


if __name__ == "__main__":
    main()
