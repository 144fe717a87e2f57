"""`nmcx report`: the report of a result file, made again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    report = commands.add_parser(
        "report",
        parents=[shared],
        help="make the report of a result file again",
        description="Make the HTML report of a result file again, without measuring or simulating "
        "anything. What the file does not hold, such as a tomogram, is said in a note.",
    )
    report.add_argument(
        "result", metavar="RESULT", type=Path, help="result file (.nxs), or the folder of a run"
    )
    report.add_argument(
        "-o", "--out", type=Path, metavar="HTML", help="default report.html beside the result"
    )
    report.add_argument("--force", action="store_true", help="replace an earlier report")
    report.set_defaults(act=_report)


def _report(arguments: argparse.Namespace) -> int:
    from nmcx import run

    page = run.report(arguments.result, arguments.out, force=arguments.force)
    if not arguments.quiet:
        print(f"report: {page}")
    return 0
