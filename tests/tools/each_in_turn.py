"""Run one command per file, a few at a time, and fail if any fails.

usage: each_in_turn.py --jobs N FILE... -- COMMAND ARG...
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def main() -> int:
    split = sys.argv.index("--")
    command = sys.argv[split + 1 :]
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args(sys.argv[1:split])

    def run(file: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, file], capture_output=True, text=True, check=False)

    failed = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for file, done in zip(options.files, pool.map(run, options.files), strict=True):
            if done.returncode != 0:
                failed.append(file)
                print(done.stdout, done.stderr, sep="\n")
    print(f"{command[0]}: {len(options.files)} files, {len(failed)} with findings", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
