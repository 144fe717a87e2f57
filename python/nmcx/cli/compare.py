"""`nmcx compare`: model and experiment, for a particle that has been measured already."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.output import Line


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    compare = commands.add_parser(
        "compare",
        parents=[shared],
        help="model and experiment, for a particle that has been measured already",
        usage="nmcx compare RESULT FILE [-o OUT] [options]",
        description="Put a measured particle into the model of a run file and compare the two, "
        "without measuring it again: the numbers are those of `nmcx run` with the same run file. "
        "Every state and member is kept as it is found; the same command goes on after a stop.",
    )
    compare.add_argument(
        "result", metavar="RESULT", type=Path, help="result file (.nxs), or the folder of a run"
    )
    compare.add_argument(
        "file", metavar="FILE", type=Path, help="run file with [model] and [compare]"
    )
    compare.add_argument("-o", "--out", type=Path, help="folder for the results")
    compare.add_argument("--force", action="store_true", help="replace earlier results")
    compare.add_argument("--dry-run", action="store_true", help="say what would be done")
    compare.set_defaults(act=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from nmcx import report, run

    if arguments.dry_run:
        plan = run.plan_compare(arguments.result, arguments.file, out=arguments.out)
        print("\n".join(plan))
        return 0
    with Line(arguments.quiet) as progress:
        result = run.compare(
            arguments.result, arguments.file, out=arguments.out, force=arguments.force,
            progress=progress,
        )  # fmt: skip
    if not arguments.quiet:
        print("\n".join(report.summary(result.findings)))
        print(f"\n{result.seconds:.0f} s; report: {result.report}")
    return 0
