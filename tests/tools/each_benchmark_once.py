"""Run every asv benchmark once, with the first of its parameters, in this process.

That none has rotted is what continuous integration wants to know; figures are for `make bench`,
which starts a process for each set of parameters.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KINDS = ("time_", "timeraw_", "mem_", "peakmem_", "track_")


def first_parameters(suite: type) -> list[Any]:
    params = getattr(suite, "params", [])
    if not params:
        return []
    nested = isinstance(params[0], list | tuple)
    return [values[0] for values in params] if nested else [params[0]]


def benchmarks() -> Iterator[tuple[str, type, list[str]]]:
    """Classes with the names of their benchmarks."""
    for file in sorted((ROOT / "benchmarks").glob("bench_*.py")):
        module = importlib.import_module(f"benchmarks.{file.stem}")
        for name, suite in inspect.getmembers(module, inspect.isclass):
            methods = [m for m in dir(suite) if m.startswith(KINDS)]
            if suite.__module__ == module.__name__ and methods:
                yield f"{file.stem}.{name}", suite, methods


def run(suite: type, methods: list[str]) -> None:
    parameters = first_parameters(suite)
    if hasattr(suite, "setup_cache"):
        parameters = [suite().setup_cache(), *parameters]
    one = suite()
    if hasattr(one, "setup"):
        one.setup(*parameters)
    for method in methods:
        getattr(one, method)(*parameters)
    if hasattr(one, "teardown"):
        one.teardown(*parameters)


def main() -> int:
    sys.path.insert(0, str(ROOT))
    n_suite = 0
    for name, suite, methods in benchmarks():
        started = time.perf_counter()
        run(suite, methods)
        print(f"{name}: {len(methods)} in {time.perf_counter() - started:.1f} s", flush=True)
        n_suite += 1
    print(f"{n_suite} suites of benchmarks ran")
    return 0 if n_suite else 1


if __name__ == "__main__":
    sys.exit(main())
