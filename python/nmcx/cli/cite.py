"""`nmcx cite`: how to cite nmcx and the methods behind a result."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    cite = commands.add_parser(
        "cite",
        parents=[shared],
        help="how to cite nmcx and the methods behind a result",
        description="Print the works to cite: nmcx, the paper it implements, and the methods; of a "
        "result those that really ran.",
    )
    cite.add_argument(
        "result", nargs="?", type=Path, metavar="RESULT", help="result file or folder of results"
    )
    cite.add_argument("--bibtex", action="store_true", help="as entries of BibTeX")
    cite.set_defaults(act=_cite)


def _cite(arguments: argparse.Namespace) -> int:
    from nmcx import run

    found = run.cite(arguments.result)
    if arguments.bibtex:
        print("\n\n".join(source.bibtex() for source in found))
    else:
        print("\n".join(source.text() for source in found))
    return 0
