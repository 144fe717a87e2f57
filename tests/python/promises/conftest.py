"""Collects what the tests of promises show.

`NMCX_PROMISES=full` asks for the full counts, which take hours; `NMCX_PROMISES_PAGE` names the
table to write (`docs`: that of the documentation), `NMCX_PROMISES_FIGURES` a file for the figures.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from promises.shows import FULL, KEY, Shows
from promises.table import PAGE, PROMISES, Shown, write_page

_found: list[Shown] = []


@pytest.fixture
def shows(request: pytest.FixtureRequest) -> Shows:
    """What this test shows of the promise in its name."""
    named = re.match(r"test_(R\d\d)_", request.node.name)
    assert named and named[1] in PROMISES, "a test of a promise carries its id: test_R03_..."
    return Shows(named[1], request.node)


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the full counts are asked for."""
    return FULL


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":  # type: ignore[attr-defined]
        _found.extend(Shown(**words) for key, words in item.user_properties if key == KEY)
    return report


def pytest_sessionfinish() -> None:
    figures = os.environ.get("NMCX_PROMISES_FIGURES")
    if figures:
        Path(figures).write_text(json.dumps([asdict(each) for each in _found]))
    wanted = os.environ.get("NMCX_PROMISES_PAGE")
    if wanted:
        target = PAGE if wanted == "docs" else Path(wanted)
        write_page(_found, "" if FULL else " (reduced count)", target)
