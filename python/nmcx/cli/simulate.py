"""`nmcx simulate`: lithium in a polycrystal that is charged, held and rested."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.flags import add_flags, given
from nmcx.cli.output import Line
from nmcx.run_file.simulation_sections import SimulationFile


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    simulate = commands.add_parser(
        "simulate",
        parents=[shared],
        help="lithium in a polycrystal that is charged and rested",
        usage="nmcx simulate FILE [-o OUT] [options]",
        description="Build the polycrystal of a run file, take it through a protocol of charges, "
        "discharges, holds and rests, and write the lithium over time for ParaView, its curve, and "
        "pictures. What is given here replaces what the run file says.",
    )
    simulate.add_argument(
        "file", type=Path, metavar="FILE",
        help="run file with a section [polycrystal]; `nmcx init --simulation` writes one",
    )  # fmt: skip
    simulate.add_argument("-o", "--out", type=Path, help="folder for the results")
    simulate.add_argument("--force", action="store_true", help="replace earlier results")
    simulate.add_argument("--no-picture", action="store_true", help="draw no pictures")
    simulate.add_argument("--dry-run", action="store_true", help="say what would be done")
    for name, kind in SimulationFile.SECTIONS.items():
        # Folder and pictures have the flags that they have with every command.
        add_flags(simulate, kind, without=("folder", "pictures") if name == "output" else ())
    simulate.set_defaults(act=_simulate)


def _simulate(arguments: argparse.Namespace) -> int:
    from nmcx import run

    values = {name: given(arguments, kind) for name, kind in SimulationFile.SECTIONS.items()}
    if arguments.no_picture:
        values["output"]["pictures"] = False
    if arguments.dry_run:
        print("\n".join(run.plan_simulate(arguments.file, out=arguments.out, given=values)))
        return 0
    with Line(arguments.quiet) as progress:
        job = run.simulate(
            arguments.file, out=arguments.out, given=values, force=arguments.force,
            progress=progress,
        )  # fmt: skip
    if not arguments.quiet:
        print("\n".join(job.summary()))
        for note in (*job.mesh.notes, *job.history.notes):
            print(f"note: {note}")
        print(f"\n{job.seconds:.1f} s; results: {job.folder}")
    return 0
