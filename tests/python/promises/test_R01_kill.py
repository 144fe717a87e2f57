"""`kill -9` loses nothing that was finished, and changes nothing that comes after."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from promises.shows import Shows


@pytest.mark.parametrize(("kind", "n_full"), [("fit", 120), ("steps", 100)])
def test_R01_killed_work_ends_in_the_same_bytes(
    kind: str, n_full: int, tmp_path: Path, shows: Shows, full: bool
) -> None:
    n_kill = n_full if full else 6
    script = Path(__file__).with_name("killed_work.py")
    done = subprocess.run(
        [sys.executable, str(script), kind, str(tmp_path), str(n_kill)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    name = {"fit": "blocks of a fit", "steps": "time steps"}[kind]
    shows.least(f"kill points: {name}", found["kills"], n_kill)
    shows.most(f"finished {name} lost", found["lost"], 0)
    shows.holds(f"sha256 of the final file: {name}", found["equal"], found["runs"], "equal")
