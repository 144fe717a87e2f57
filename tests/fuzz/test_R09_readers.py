"""No file makes a reader die, hang, take all memory or raise anything but our errors."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import campaign
import child
import corpus
import fakes
import pytest
from readers import READERS
from seeds import Seed

from nmcx import io, run_file


def _readers_of(module: ModuleType) -> set[str]:
    """Public functions that are given a path and do not write."""
    found = set()
    for name in module.__all__:
        call = getattr(module, name)
        if not inspect.isfunction(call) or name.startswith("write_") or name == "save":
            continue
        if next(iter(inspect.signature(call).parameters)) in ("path", "paths"):
            found.add(name)
    return found


def test_R09_every_public_reader_is_given_mutated_files() -> None:
    tried = {name for reader in READERS.values() for name in reader.covers}
    wanted = _readers_of(io) | _readers_of(run_file)
    # What goes on where it was stopped reads checkpoints; arrays are what they are made of.
    assert tried - {"resume", "read_arrays"} == wanted
    assert {"read_frames", "open_stack", "load", "read_simulation"} <= wanted


@pytest.mark.parametrize("reader", list(READERS))
def test_R09_mutated_files_are_read_or_refused(
    reader: str, fuzz_count: int | None, memory_folder: Path
) -> None:
    n = READERS[reader].in_ci if fuzz_count is None else fuzz_count
    campaign.prepare(reader, memory_folder)
    outcome = campaign.run(reader, 0, n, memory_folder)
    assert not outcome.findings, f"{reader}:\n{outcome.told()}"
    assert outcome.n_case == n
    if n >= 100:
        # Mutations that never hurt, or that nothing survives, would show nothing.
        assert min(outcome.counts["read"], outcome.counts["refused"]) > n // 20


def test_R09_files_that_once_were_findings_are_read_or_refused(memory_folder: Path) -> None:
    cases = corpus.read()
    campaign.keep(memory_folder, list(cases.values()))
    outcome = campaign.run("corpus:any", 0, len(cases), memory_folder, mutate=False)
    names = list(cases)
    assert not outcome.findings, [(names[one["case"]], one) for one in outcome.findings]
    assert outcome.n_case == len(cases)


def test_R09_the_corpus_is_of_known_readers_and_small_files() -> None:
    files = [path for path in corpus.FOLDER.rglob("*") if path.is_file()]
    assert {path.relative_to(corpus.FOLDER).parts[0] for path in files} <= set(READERS)
    assert max(path.stat().st_size for path in files) < 64 * 1024


@pytest.mark.parametrize(
    ("fake", "expected"),
    [
        ("dies", "death of the process (-11)"),
        ("hangs", "hang of more than 1 s"),
        ("raises", "KeyError: fakes.py: raises"),
        ("names_nothing", "InputError names no file: fakes.py: names_nothing"),
        ("takes_all", "memory was taken before it was refused: fakes.py: takes_all"),
        ("leaves_memory_error", "MemoryError: fakes.py: leaves_memory_error"),
        ("warns", "20+ warnings"),
        ("logs", "20+ warnings"),
    ],
)
def test_the_watch_sees_what_may_not_be(
    fake: str, expected: str, memory_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fake in fakes.READERS
    monkeypatch.setattr(campaign, "HANG_SECONDS", 1.0)
    campaign.keep(memory_folder, [Seed("a.txt", {"a.txt": b"x"})] * 2)
    outcome = campaign.run(f"fakes:{fake}", 0, 2, memory_folder, mutate=False)
    assert [one["case"] for one in outcome.findings] == [0, 1]
    assert {one["finding"] for one in outcome.findings} == {expected}


def test_the_watch_lets_refusals_pass(memory_folder: Path) -> None:
    campaign.keep(memory_folder, [Seed("a.txt", {"a.txt": b"x"})])
    outcome = campaign.run("fakes:refuses", 0, 1, memory_folder, mutate=False)
    assert not outcome.findings
    assert outcome.counts == {"refused": 1}


def test_a_number_makes_the_same_file_again() -> None:
    seeds = [Seed("a.txt", {"a.txt": b"8330 0.1\n8340 0.5\n", "b.txt": b"1 2 3 4\n" * 20})]
    cases = [child.case("spectrum", i, seeds) for i in range(200)]
    assert cases == [child.case("spectrum", i, seeds) for i in range(200)]
    assert len({tuple(sorted(files.items())) for _, files in cases}) > 150
