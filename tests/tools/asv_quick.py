"""Run every asv benchmark once on the installed nmcx and fail if one fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    asv = [sys.executable, "-m", "asv"]
    subprocess.run([*asv, "machine", "--yes"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    run = subprocess.run(
        [*asv, "run", "--quick", "--show-stderr", "--python=same", *sys.argv[1:]],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    print(run.stdout, run.stderr, sep="\n")
    # asv goes on after a benchmark that raised, marks it "failed" and still exits with 0.
    failed = [line for line in run.stdout.splitlines() if "failed" in line]
    if run.returncode != 0 or failed or "time_" not in run.stdout:
        print("asv: a benchmark failed or none ran", *failed, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
