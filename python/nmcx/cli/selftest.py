"""`nmcx selftest`: whether this installation gives known answers."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    selftest = commands.add_parser(
        "selftest",
        parents=[shared],
        help="whether this installation gives known answers",
        description="Compute what has known answers: edges, cones, transport, elasticity, a small "
        "simulation, each with several numbers of threads. Needs no files and less than a minute; "
        "ends with 0 if all is well, else with 1.",
    )
    selftest.set_defaults(act=_selftest)


def _selftest(arguments: argparse.Namespace) -> int:
    from nmcx import run

    failed = []
    for check in run.selftest():
        if not check.ok:
            failed.append(check.name)
        if not (arguments.quiet and check.ok):
            print(check.line(), flush=True)
    if failed:
        print(f"{', '.join(failed)} failed; please report this with the output of `nmcx info`")
    return 1 if failed else 0
