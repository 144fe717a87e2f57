"""Reads mutated files one after the other, in a process of its own that may die of them.

usage: python child.py READER FIRST STOP FOLDER [--as-they-are]

READER is of `readers.READERS`, or MODULE:READER of another module. `FOLDER/seeds.pickle` holds the
seeds; without mutation they are themselves the cases. The number of the case being read stands in
`FOLDER/at`, so that whoever watches knows which one a death or a hang belongs to. What must not be
goes to `FOLDER/findings.jsonl`, the count of outcomes to `FOLDER/counts.jsonl`.
"""

from __future__ import annotations

import json
import logging
import mmap
import pickle
import random
import resource
import shutil
import struct
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import hdf5_mutations
import mutations
from readers import Reader, reader_of

from nmcx.errors import Error, MemoryLimitError
from nmcx.io import _heaps

#: What a reader may take beyond the process itself before memory is refused [bytes].
MEMORY = 400 * 2**20
FILE_SIZE = 64 * 2**20
MAX_WARNINGS = 5
_HDF5 = b"\x89HDF"
_TEXT = (
    ".toml",
    ".hdr",
    ".xim",
    ".csv",
    ".tsv",
    ".txt",
    ".xdi",
    ".dat",
    ".json",
    ".prj",
    "journal",
)
_TEXT += (".zarray", ".zattrs", ".zgroup", ".zmetadata")


class Said(logging.Handler):
    """Counts what libraries say to loggers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.n = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.n += 1


def case(reader: str, number: int, seeds: list[Any]) -> tuple[str, dict[str, bytes]]:
    """What is opened and the files of a case: the number decides everything."""
    rng = random.Random(f"{reader} {number}")
    seed = rng.choice(seeds)
    files = dict(seed.files)
    # The file that is opened matters more than those beside it.
    names = sorted(files) + ([seed.opened] * 2 if seed.opened in files else [])
    for name in rng.choices(names, k=rng.choice((1, 1, 1, 2)) if len(files) > 1 else 1):
        content = files[name]
        end = Path(name).suffix
        others = [c for s in seeds for k, c in s.files.items() if Path(k).suffix == end]
        if content.startswith(_HDF5):
            kind = rng.random()
            if kind < 0.6 and content == seed.files[name]:
                content = hdf5_mutations.restructured(content, rng)
            if kind > 0.5:
                content = mutations.mutated(content, rng, others, is_text=False)
        else:
            is_text = name.endswith(_TEXT) and not content.startswith(b"\x1f\x8b")
            content = mutations.mutated(content, rng, others, is_text)
        files[name] = content
    if rng.random() < 0.02 and len(files) > 1:
        del files[rng.choice(sorted(files))]
    return seed.opened, files


def put(folder: Path, files: dict[str, bytes]) -> None:
    """The files of a case in a folder of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def finding(reader: Reader, folder: Path, opened: str, said: Said) -> tuple[str, str]:
    """Outcome of reading: "read" or "refused", or what must not be, and more about it."""
    said.n = 0
    # Many files of one size and one tick of the clock: what was found of one is not of the next.
    _heaps._endless.cache_clear()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome, message = _read(reader, folder, opened)
    n = said.n + len(warned)
    if n > MAX_WARNINGS and outcome in ("read", "refused"):
        text = str(warned[0].message) if warned else "by a logger"
        return f"{n // 10 * 10 or 6}+ warnings", text
    return outcome, message


def _read(reader: Reader, folder: Path, opened: str) -> tuple[str, str]:
    try:
        reader.read(folder / opened if opened != "." else folder)
    except (Error, ValueError) as error:
        if isinstance(error, MemoryLimitError) and isinstance(error.__cause__, MemoryError):
            return f"memory was taken before it was refused: {_where(error.__cause__)}", str(error)
        # Others are listed only where they have to be: the memory may be gone.
        if str(folder) not in str(error) and not any(
            path.name in str(error) for path in folder.rglob("*")
        ):
            return f"{type(error).__name__} names no file: {_where(error)}", str(error)
        return "refused", str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {_where(error)}", str(error)
    return "read", ""


def _where(error: BaseException) -> str:
    """The last function of nmcx, or else of these tests, that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/nmcx/" in frame.filename]
    own = own or [frame for frame in frames if "/fuzz/" in frame.filename]
    frame = (own or frames)[-1]
    return f"{Path(frame.filename).name}: {frame.name}"


def limit() -> None:
    """What the process may take from now on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bytes_now = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (bytes_now + MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    name, first, stop, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    is_mutated = "--as-they-are" not in sys.argv
    reader = reader_of(name)
    seeds = pickle.loads((folder / "seeds.pickle").read_bytes())
    said = Said()
    logging.getLogger().addHandler(said)
    with (folder / "at").open("r+b") as file:
        at = mmap.mmap(file.fileno(), 8)
    # What a library loads or keeps at its first use is no file's fault; nor would a reader that
    # refuses its seeds be tried at all.
    for k, seed in enumerate(seeds if is_mutated else ()):
        put(folder / "case", seed.files)
        outcome, message = finding(reader, folder / "case", seed.opened, said)
        if outcome != "read":
            raise SystemExit(f"seed {k} of {name} is not read: {outcome}: {message}")
    limit()
    counts: Counter[str] = Counter()
    slowest = (0.0, -1)
    for number in range(first, stop):
        at[:8] = struct.pack("<q", number)
        seed = seeds[number] if not is_mutated else None
        opened, files = case(name, number, seeds) if seed is None else (seed.opened, seed.files)
        put(folder / "case", files)
        begun = time.process_time()
        outcome, message = finding(reader, folder / "case", opened, said)
        slowest = max(slowest, (time.process_time() - begun, number))
        counts[outcome] += 1
        if outcome not in ("read", "refused"):
            told = {"case": number, "finding": outcome, "message": message[:500]}
            with (folder / "findings.jsonl").open("a") as out:
                out.write(json.dumps(told) + "\n")
    at[:8] = struct.pack("<q", stop)
    told = {"counts": counts, "seconds": slowest[0], "slowest": slowest[1]}
    with (folder / "counts.jsonl").open("a") as out:
        out.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
