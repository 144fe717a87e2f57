"""Watches children that read mutated files; what kills or holds up one belongs to a file."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Time on the processor after which reading a file is a hang [s].
HANG_SECONDS = 10.0
#: The same where a file waits for something instead [s].
STILL_SECONDS = 60.0
_POLL_SECONDS = 0.1
_HERE = Path(__file__).parent


@dataclass
class Outcome:
    """What came of a number of cases of one reader."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)  #: time [s] and case

    @property
    def n_case(self) -> int:
        return self.counts.total()

    def told(self) -> str:
        """The findings, each kind once with its first case."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for one in self.findings:
            kinds.setdefault(one["finding"], []).append(one)
        return "\n".join(
            f"{len(all_of)} × {kind}\n    case {all_of[0]['case']}: {all_of[0]['message']}"
            for kind, all_of in kinds.items()
        )


def prepare(reader: str, folder: Path) -> None:
    """Make the seeds of a reader."""
    import seed_files
    from readers import reader_of

    work = folder / "seeds"
    work.mkdir(parents=True)
    keep(folder, getattr(seed_files, reader_of(reader).seeds)(work))


def prepare_apart(reader: str, folder: Path) -> None:
    """The same in a process of its own, which alone need find the helpers of other tests."""
    made = start("make_seeds.py", reader, str(folder), folder=folder)
    said = made.communicate()[1]
    if made.returncode != 0:
        raise RuntimeError(f"{reader}: no seeds: {said[-2000:]}")


def keep(folder: Path, seeds: list[Any]) -> None:
    """Seeds where the children find them."""
    (folder / "seeds.pickle").write_bytes(pickle.dumps(seeds))


def run(reader: str, first: int, stop: int, folder: Path, *, mutate: bool = True) -> Outcome:
    """Read the cases from `first` up to `stop`, or the seeds of these numbers as they are."""
    outcome = Outcome()
    for name in ("findings.jsonl", "counts.jsonl"):
        (folder / name).unlink(missing_ok=True)
    while first < stop:
        first = _watched([reader, str(first), str(stop), str(folder)], mutate, folder, outcome)
    for line in _lines(folder / "counts.jsonl"):
        outcome.counts.update(line["counts"])
        outcome.slowest = max(outcome.slowest, (line["seconds"], line["slowest"]))
    outcome.findings += _lines(folder / "findings.jsonl")
    outcome.findings.sort(key=lambda one: one["case"])
    return outcome


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def start(
    script: str, *words: str, folder: Path, under: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """A process of this folder's modules, with one thread; `under` another command."""
    paths = [str(_HERE), str(_HERE.parent / "python"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        # Heaps of threads would take addresses that no one uses, and addresses are limited.
        "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1",
    }  # fmt: skip
    return subprocess.Popen(
        [*under, sys.executable, str(_HERE / script), *words], cwd=folder, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _watched(words: list[str], mutate: bool, folder: Path, outcome: Outcome) -> int:
    """One child; the case to go on with."""
    first, stop = int(words[1]), int(words[2])
    at = folder / "at"
    at.write_bytes(struct.pack("<q", -1))
    child = start("child.py", *words, *([] if mutate else ["--as-they-are"]), folder=folder)
    case, since, spent = -1, time.monotonic(), 0.0
    ended = ""
    while child.poll() is None:
        time.sleep(_POLL_SECONDS)
        (now,) = struct.unpack("<q", at.read_bytes())
        if now != case:
            case, since, spent = now, time.monotonic(), _seconds_of(child.pid)
        elif case >= 0 and _seconds_of(child.pid) - spent > HANG_SECONDS:
            ended = f"hang of more than {HANG_SECONDS:.0f} s"
        elif case >= 0 and time.monotonic() - since > STILL_SECONDS:
            ended = f"waits for more than {STILL_SECONDS:.0f} s"
        if ended:
            child.kill()
            break
    said = child.communicate()[1]
    (case,) = struct.unpack("<q", at.read_bytes())
    if case < 0:
        raise RuntimeError(f"{words[0]}: no case was read: {said[-2000:]}")
    if not ended and child.returncode == 0:
        return stop
    ended = ended or f"death of the process ({child.returncode})"
    outcome.findings.append({"case": case, "finding": ended, "message": said[-500:]})
    outcome.counts[ended] += 1
    # A child that dies takes the counts of the cases before with it.
    outcome.counts["before a death or hang"] += case - first
    return case + 1


def _seconds_of(process: int) -> float:
    """Time that a process has spent on the processors."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(words[11]) + int(words[12])) / float(os.sysconf("SC_CLK_TCK"))
