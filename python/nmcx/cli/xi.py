"""`nmcx xi`: ratio map of two soft X-ray scans."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.flags import add_flags, given
from nmcx.cli.output import Line
from nmcx.errors import UsageError

#: Keys of the section that are no flags: the scans are named without one.
SCANS = ("low", "high", "stack")


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    xi = commands.add_parser(
        "xi",
        parents=[shared],
        help="ratio map of two soft X-ray scans",
        usage="nmcx xi IN [IN] OUT [options]",
        description="Register two scans at the peaks of the Ni L3 edge, map the ratio high / (low "
        "+ high) with its error and the valence, and write a NeXus result file and a picture.",
    )
    xi.add_argument(
        "files", nargs="+", type=Path, metavar="FILE",
        help="two scans in any order, or one stack; last the result file to write (.nxs)",
    )  # fmt: skip
    xi.add_argument("--force", action="store_true", help="replace earlier results")
    pictures = xi.add_mutually_exclusive_group()
    pictures.add_argument("--picture", type=Path, metavar="PNG", help="default OUT.png")
    pictures.add_argument("--no-picture", action="store_true", help="write no picture")
    xi.add_argument("--dry-run", action="store_true", help="say what would be done")
    xi.later(_fill)
    xi.set_defaults(act=_xi)


def _fill(xi: argparse.ArgumentParser) -> None:
    from nmcx.run_file import Soft

    add_flags(xi, Soft, without=SCANS)


def _xi(arguments: argparse.Namespace) -> int:
    from nmcx import report, run
    from nmcx.run_file import Soft

    *files, out = arguments.files
    if len(files) not in (1, 2):
        raise UsageError(
            "name two scans, or one stack, and then the result file: nmcx xi IN [IN] OUT"
        )
    options = Soft(**given(arguments, Soft))
    if arguments.dry_run:
        print("\n".join(run.plan_xi(files, out, options)))
        return 0
    picture = None if arguments.no_picture else arguments.picture or "beside"
    with Line(arguments.quiet) as progress:
        job = run.xi(files, out, options, picture=picture, force=arguments.force, progress=progress)
    if not arguments.quiet:
        print("\n".join(report.summary(job.findings)))
        for where, note in job.findings.all_notes():
            print(f"note: {where}: {note}")
        drawn = "" if job.picture is None else f"; picture: {job.picture}"
        print(f"\n{job.seconds:.1f} s; result: {job.path}{drawn}")
    return 0
