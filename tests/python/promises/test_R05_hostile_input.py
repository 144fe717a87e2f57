"""Hostile arrays give a status, NaN or a ValueError: no crash, no storm of warnings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from promises.hostile_arrays import HOSTILE, places
from promises.public_calls import FUNCTIONS, MODULES
from promises.shows import FULL, Shows
from promises.test_R13_threads import LONG_ONES

#: Warnings of one call; more is a storm.
MOST_WARNINGS = 3
#: Every n-th of some thousand calls; a prime, so that all kinds and places come round.
EVERY = 1 if FULL else 17


def _tried(module: str) -> list[str]:
    names = [name for name in FUNCTIONS if name.split(".")[0] == module]
    return [name for name in names if FULL or name not in LONG_ONES]


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    """What all calls came to, made in one process that may die of it."""
    names = [name for module in MODULES for name in _tried(module)]
    script = Path(__file__).with_name("hostile_arrays.py")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), str(EVERY), *names],
        capture_output=True, text=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, f"ended with {done.returncode} in {lines[-1]}:\n{done.stderr}"
    return lines


@pytest.mark.parametrize("module", MODULES)
def test_R05_hostile_arrays_are_answered(
    module: str, told: list[dict[str, Any]], shows: Shows
) -> None:
    entered = {line["function"] for line in told if "function" in line}
    assert set(_tried(module)) <= entered
    calls = [line for line in told if "came_to" in line and line["at"].startswith(f"{module}.")]
    bad = [line for line in calls if line["came_to"].startswith("unexpected")]
    loud = [line for line in calls if line["warnings"] > MOST_WARNINGS]
    silent = [line for line in calls if line["came_to"] != "result" and not line["text"]]
    assert not bad and not loud and not silent, [*bad, *loud, *silent][:5]
    shows.holds("calls with a hostile array", len(calls) - len(bad), len(calls), "answered")
    shows.most("warnings of one call", max(line["warnings"] for line in calls), MOST_WARNINGS)


def test_R05_the_hostile_arrays_differ_from_the_good_one(shows: Shows) -> None:
    good = np.linspace(1.0, 2.0, 12).reshape(3, 4)
    same = [
        name for name, change in HOSTILE.items()
        if change(good).dtype == good.dtype and np.array_equal(change(good), good)
    ]  # fmt: skip
    assert same == []
    assert [where for where, *_ in places(good)] == [""]
    shows.least("kinds of hostile arrays", len(HOSTILE), 20)
