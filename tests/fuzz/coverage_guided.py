"""Files made by atheris: those are mutated on that led a reader where none of the others had led.

usage: PYTHONPATH=tests/python python tests/fuzz/coverage_guided.py READER FOLDER [OPTION...]

OPTION is of libFuzzer, such as `-runs=100000` and `-max_total_time=600`; READER is of
`readers.READERS`; what leads further is kept in FOLDER/corpus, and the next run begins with it.
Findings, the same that `child.py` knows, end the run and are left in FOLDER as crash-*: two bytes
for the file of the seeds that was exchanged, then its content. Needs atheris
(`pip install --group fuzz`).
"""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path

import atheris

# What a reader imports at its first use is watched too: seeds are read before the fuzzer begins.
with atheris.instrument_imports(include=["nmcx"], enable_loader_override=False):
    import child
    import seed_files
    from readers import READERS


class Finding(Exception):
    """What a reader must not do."""


def main() -> None:
    name, folder, options = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    reader, said = READERS[name], child.Said()
    logging.getLogger().addHandler(said)
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    (work / "seeds").mkdir(parents=True)
    seeds = getattr(seed_files, reader.seeds)(work / "seeds")
    with atheris.instrument_imports(include=["nmcx"], enable_loader_override=False):
        for seed in seeds:
            child.put(work / "case", seed.files)
            outcome, message = child.finding(reader, work / "case", seed.opened, said)
            if outcome != "read":
                raise SystemExit(f"a seed of {name} is not read: {outcome}: {message}")

    exchanged = [(seed, file) for seed in seeds for file in sorted(seed.files)]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for k, (seed, file) in enumerate(exchanged):
        (corpus / f"seed_{k}").write_bytes(k.to_bytes(2, "big") + seed.files[file])

    def read(data: bytes) -> None:
        seed, file = exchanged[int.from_bytes(data[:2], "big") % len(exchanged)]
        child.put(work / "case", {**seed.files, file: data[2:]})
        outcome, message = child.finding(reader, work / "case", seed.opened, said)
        if outcome not in ("read", "refused"):
            raise Finding(f"{outcome}: {message}")

    longest = max(len(seed.files[file]) for seed, file in exchanged)
    limits = [f"-max_len={longest + 512}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={folder}/", *options, str(corpus)], read
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
