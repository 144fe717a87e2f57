"""Keep a case that a reader failed on in the corpus, made as small as it still fails.

usage: PYTHONPATH=tests/python python tests/fuzz/keep.py READER CASE NAME

What kills or holds up the process is kept as it is: it cannot be tried again here.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import child
import corpus
import seed_files
from readers import READERS
from seeds import Seed

Fails = Callable[[dict[str, bytes]], bool]


def smaller(files: dict[str, bytes], whole: dict[str, bytes], fails: Fails) -> dict[str, bytes]:
    """Files that still fail, with as much as possible undone, left out or shortened."""
    for name in sorted(files):
        for instead in ({name: whole[name]} if name in whole else {}, None):
            trial = {k: v for k, v in files.items() if k != name} | (instead or {})
            if trial != files and fails(trial):
                files = trial
                break
        if name in files and files[name] != whole.get(name):
            files = {**files, name: _undone(name, files, whole.get(name, b""), fails)}
            files = {**files, name: _shortened(name, files, fails)}
    return files


def _undone(name: str, files: dict[str, bytes], whole: bytes, fails: Fails) -> bytes:
    """The content with as many bytes as possible as they were before mutation."""
    content = files[name]
    if len(content) != len(whole):
        return content
    size = len(content)
    while size >= 1:
        for start in range(0, len(content), size):
            stop = start + size
            trial = content[:start] + whole[start:stop] + content[stop:]
            if trial != content and fails({**files, name: trial}):
                content = trial
        size //= 4
    return content


def _shortened(name: str, files: dict[str, bytes], fails: Fails) -> bytes:
    content = files[name]
    size = len(content) // 2
    while size >= 1:
        start = 0
        while start < len(content):
            trial = content[:start] + content[start + size :]
            if fails({**files, name: trial}):
                content = trial
            else:
                start += size
        size //= 2 if len(content) < 2000 else 4
    return content


def main() -> None:
    reader, number, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    said = child.Said()
    logging.getLogger().addHandler(said)
    with tempfile.TemporaryDirectory(prefix="nmcx-keep-") as folder:
        made, case = Path(folder, "seeds"), Path(folder, "case")
        made.mkdir()
        seeds: list[Seed] = getattr(seed_files, READERS[reader].seeds)(made)
        opened, files = child.case(reader, number, seeds)
        whole = max(
            (seed.files for seed in seeds if seed.opened == opened),
            key=lambda one: sum(one[k] == v for k, v in files.items() if k in one),
        )
        child.limit()

        def found(trial: dict[str, bytes]) -> str:
            child.put(case, trial)
            return child.finding(READERS[reader], case, opened, said)[0]

        kind = found(files)
        if kind in ("read", "refused"):
            raise SystemExit(f"case {number} of {reader} is {kind}")
        kept = smaller(files, whole, lambda trial: found(trial) == kind)
        corpus.write(reader, name, Seed(opened, kept), kind)
        print(f"{kind}: {sum(map(len, kept.values()))} bytes kept")


if __name__ == "__main__":
    main()
