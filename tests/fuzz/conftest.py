"""How many files each reader is given, by an option or the environment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-count",
        type=int,
        default=os.environ.get("NMCX_FUZZ_COUNT"),
        help="mutated files per reader (default NMCX_FUZZ_COUNT, else what takes some seconds)",
    )


@pytest.fixture
def fuzz_count(request: pytest.FixtureRequest) -> int | None:
    """Mutated files per reader; None: its own number."""
    count = request.config.getoption("--fuzz-count")
    return None if count is None else int(count)


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of files need not wear a disk."""
    shared = Path("/dev/shm")
    where = shared if os.access(shared, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="nmcx-fuzz-", dir=where) as folder:
        yield Path(folder)
