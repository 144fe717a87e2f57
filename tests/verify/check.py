"""What a long check is, and what checks of several issues share."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
REAL_DATA = Path(os.environ.get("NMCX_REAL_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Row:
    """One figure beside its target; `met` is None where there is none or nothing was measured."""

    figure: str
    measured: str
    target: str
    met: bool | None


@dataclass(frozen=True)
class Check:
    """A check; those with `in_reduced` false (timings, fresh clones) run in `make verify` only."""

    name: str
    run: Callable[[bool], list[Row]]
    in_reduced: bool = True


def recorded(figure: str, measured: str) -> Row:
    return Row(figure, measured, "(recorded)", None)


def apart(function: Callable[..., Any], *words: Any) -> Any:
    """What a module's function returns, from a process of its own that gives its memory back."""
    return apart_each(function, [words])[0]


def apart_each(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What a module's function returns for each call, from processes with one thread each."""
    n_process = min(len(calls), os.cpu_count() or 1)
    context = get_context("spawn")
    with ProcessPoolExecutor(n_process, mp_context=context, initializer=one_thread) as pool:
        return [each.result() for each in [pool.submit(function, *words) for words in calls]]


def one_thread() -> None:
    """Start of a process whose linear algebra shall have one thread."""
    # Threads of the linear algebra on small matrices wait for each other. The library reads this
    # when it is loaded: a process of ours has not done so yet, and no other process inherits it.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def module_of(folder: str, name: str) -> ModuleType:
    """A module outside the package, such as a test with a helper worth having here."""
    sys.path.insert(0, str(ROOT / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def figures_of(command: list[str], folder: str | Path | None = None) -> dict[str, float]:
    """Figures of a script that prints lines "name value"."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}\nfailed")
    pairs = (line.rsplit(" ", 1) for line in done.stdout.splitlines())
    return {name: float(value) for name, value in pairs}


def edge_fit_speeds() -> dict[str, float]:
    """Figures of time_edge_fit.py, from a wheel in an environment of its own."""
    with tempfile.TemporaryDirectory(prefix="nmcx-speed-") as folder:
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        python = f"{folder}/venv/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", str(ROOT)], check=True)
        return figures_of([python, str(ROOT / "tests" / "verify" / "time_edge_fit.py")], folder)


def tests_pass(figure: str, *selection: str) -> Row:
    """A row that says how many of the selected tests pass; a skipped one has shown nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selection],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    last = (done.stdout.strip().splitlines() or ["nothing printed"])[-1].strip("= ")
    met = done.returncode == 0 and bool(re.search(r"[1-9]\d* passed", last))
    return Row(
        figure, re.sub(r" in [\d.]+s.*", "", last), "all pass", met and "skipped" not in last
    )
