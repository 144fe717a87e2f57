"""Mutated files for every reader, at full count: 100,000 each, in pieces that are kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from check import ROOT, Check, Row, module_of, recorded

N_CASE = 100_000
N_REDUCED = 50
#: Files of each reader that follow where the code leads.
N_GUIDED = 20_000
#: Cases of a piece; what is done of them is kept, and a new run goes on behind it.
N_PIECE = 2_000


def _kept(reader: str) -> Path:
    """Where a reader's pieces are kept: files are read by this state of the code only."""
    revision = subprocess.run(
        ["git", "log", "-1", "--format=%h", "--abbrev=12", "--", "python", "tests/fuzz"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    return ROOT / "build" / "verify" / "fuzz" / revision / f"{reader}.jsonl"


def _pieces(reader: str, n_case: int, kept: Path) -> list[dict[str, Any]]:
    """What came of every piece, those of earlier runs included."""
    campaign = module_of("tests/fuzz", "campaign")
    done = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    there = {piece["first"] for piece in done}
    memory = Path("/dev/shm")
    missing = [first for first in range(0, n_case, N_PIECE) if first not in there]
    with tempfile.TemporaryDirectory(
        prefix="nmcx-fuzz-", dir=memory if os.access(memory, os.W_OK) else None
    ) as folder:
        seeds = Path(folder) / "seeds"
        seeds.mkdir()
        campaign.prepare_apart(reader, seeds)
        kept.parent.mkdir(parents=True, exist_ok=True)

        def piece(first: int) -> dict[str, Any]:
            own = Path(folder) / str(first)
            shutil.copytree(seeds, own)
            outcome = campaign.run(reader, first, min(first + N_PIECE, n_case), own)
            shutil.rmtree(own)
            return {"first": first, "counts": outcome.counts, "findings": outcome.findings,
                    "slowest": outcome.slowest}  # fmt: skip

        # A child of its own for each piece: as many at a time as there are cores.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for each in pool.map(piece, missing):
                done.append(each)
                with kept.open("a") as out:
                    out.write(json.dumps(each) + "\n")
    return done


def fuzz(reader: str, reduced: bool) -> list[Row]:
    """Outcomes of one reader."""
    n_case = N_REDUCED if reduced else N_CASE
    if reduced:
        with tempfile.TemporaryDirectory(prefix="nmcx-fuzz-kept-") as folder:
            pieces = _pieces(reader, n_case, Path(folder) / "kept.jsonl")
    else:
        pieces = _pieces(reader, n_case, _kept(reader))
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(piece["counts"])
    findings = [one for piece in pieces for one in piece["findings"]]
    kinds = Counter(one["finding"] for one in findings)
    said = "; ".join(f"{n} × {kind}" for kind, n in kinds.most_common(3))
    seconds, case = max(tuple(piece["slowest"]) for piece in pieces)
    return [
        Row(
            f"{reader}: mutated files read or refused, naming the file",
            f"{counts.total() - len(findings)} of {counts.total()}"
            + (f" ({said})" if said else ""),
            f"all of {n_case}",
            not findings and counts.total() == n_case,
        ),
        recorded(
            f"{reader}: read, refused; slowest",
            f"{counts['read']}, {counts['refused']}; {seconds:.2f} s (case {case})",
        ),
    ]


def _paths() -> dict[str, str]:
    """Where a process finds the modules of these tests."""
    folders = [str(ROOT / "tests" / "fuzz"), str(ROOT / "tests" / "python")]
    folders += filter(None, [os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}


def _readers() -> list[str]:
    """Names of all readers, from a process of its own: helpers of tests stay out of this one."""
    code = "import readers; print(*readers.READERS)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=_paths(), capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def _check(reader: str) -> Check:
    run: Callable[[bool], list[Row]] = partial(fuzz, reader)
    return Check(f"fuzz {reader}", run)


def _guided(reader: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = _kept(reader).with_suffix(".atheris")
    script = ROOT / "tests" / "fuzz" / "coverage_guided.py"
    return folder, subprocess.run(
        [sys.executable, str(script), reader, str(folder), f"-runs={N_GUIDED}", "-seed=1"],
        cwd=ROOT, env=_paths(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def guided(_: bool) -> list[Row]:
    """Files that follow where the code leads: atheris, one process for each reader."""
    rows = []
    readers = _readers()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        all_done = list(pool.map(_guided, readers))
    for reader, (folder, done) in zip(readers, all_done, strict=True):
        if "No module named 'atheris'" in done.stderr:
            return [Row("files by atheris", "pip install atheris", f"{N_GUIDED} a reader", False)]
        ended = re.search(r"^Done (\d+) runs in (\d+) second", done.stderr, re.M)
        covered = re.findall(r"cov: (\d+)", done.stderr)
        rows.append(
            Row(
                f"{reader}: files by atheris without a finding",
                f"{ended[1]}, {len(list((folder / 'corpus').iterdir()))} of them kept, from "
                f"{covered[0]} to {covered[-1]} places reached, {ended[2]} s"
                if ended and done.returncode == 0 and covered
                else f"a finding: {(done.stdout + done.stderr)[-300:]}",
                f"{N_GUIDED}",
                ended is not None and done.returncode == 0 and int(ended[1]) >= N_GUIDED,
            )
        )
    return rows


CHECKS = [
    *(_check(reader) for reader in _readers()),
    Check("fuzz guided by coverage", guided, in_reduced=False),
]
