"""`nmcx info` and `status`: what a file is, how far a run is, what a bug report needs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the commands to the parser."""
    info = commands.add_parser(
        "info",
        parents=[shared],
        help="what a file is and what to do with it; without one, a bug report",
        description="Say what a file or folder is, what is in it, what it lacks for which command, "
        "and the command to go on with; words in capitals are yours to fill in. Without a file: "
        "versions, machine and extras, to be pasted into a bug report.",
    )
    info.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="anything that nmcx reads or writes"
    )
    info.set_defaults(act=_info)

    status = commands.add_parser(
        "status",
        parents=[shared],
        help="how far an unfinished run, simulation or fit is",
        description="Say how many states or blocks are kept, when the last was saved, whether a "
        "process works on it, and the command that goes on with it.",
    )
    status.add_argument(
        "folder", type=Path, metavar="FOLDER", help="of the results, or the result file, or .part"
    )
    status.set_defaults(act=_status)


def _info(arguments: argparse.Namespace) -> int:
    from nmcx import run

    print("\n".join(run.info(arguments.file)))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from nmcx import run

    print("\n".join(run.status(arguments.folder)))
    return 0
