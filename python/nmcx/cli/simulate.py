"""`nmcx simulate` and `resume`: a polycrystal that is charged, held and rested, and cracks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmcx.cli.flags import add_flags, given
from nmcx.cli.output import Line

if TYPE_CHECKING:
    from nmcx.run import SimulationJob


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the commands to the parser."""
    simulate = commands.add_parser(
        "simulate",
        parents=[shared],
        help="lithium, and cracks, in a polycrystal that is charged and rested",
        usage="nmcx simulate FILE [-o OUT] [options]",
        description="Build the polycrystal of a run file, take it through a protocol of charges, "
        "discharges, holds and rests, and write the lithium over time for ParaView, its curve, and "
        "pictures. With a section [fracture] grains strain and crack; such a run can be stopped at "
        "any moment and gone on with. What is given here replaces what the run file says.",
    )
    simulate.add_argument(
        "file", type=Path, metavar="FILE",
        help="run file with a section [polycrystal]; `nmcx init --simulation` writes one",
    )  # fmt: skip
    simulate.add_argument("-o", "--out", type=Path, help="folder for the results")
    simulate.add_argument("--force", action="store_true", help="replace earlier results")
    simulate.add_argument("--no-picture", action="store_true", help="draw no pictures")
    simulate.add_argument("--dry-run", action="store_true", help="say what would be done")
    simulate.later(_fill)
    simulate.set_defaults(act=_simulate)

    resume = commands.add_parser(
        "resume",
        parents=[shared],
        help="go on with a simulation that was stopped",
        description="Go on with a simulation with a section [fracture] from its last state, after "
        "Ctrl-C, a crash or a full disk; its results have the bytes that they would have had.",
    )
    resume.add_argument("folder", type=Path, metavar="FOLDER", help="of the results, given by -o")
    resume.set_defaults(act=_resume)


def _fill(simulate: argparse.ArgumentParser) -> None:
    from nmcx.run_file import SimulationFile

    for name, kind in SimulationFile.SECTIONS.items():
        # Folder and pictures have the flags that they have with every command.
        add_flags(simulate, kind, without=("folder", "pictures") if name == "output" else ())


def _simulate(arguments: argparse.Namespace) -> int:
    from nmcx import run
    from nmcx.run_file import SimulationFile

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
    _tell(arguments, job)
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from nmcx import run

    with Line(arguments.quiet) as progress:
        job = run.resume(arguments.folder, progress=progress)
    if job is not None:
        _tell(arguments, job)
    elif not arguments.quiet:
        print(f"{arguments.folder}: is finished already, there is nothing to resume")
    return 0


def _tell(arguments: argparse.Namespace, job: SimulationJob) -> None:
    if arguments.quiet:
        return
    print("\n".join(job.summary()))
    for note in (*job.mesh.notes, *job.history.notes):
        print(f"note: {note}")
    print(f"\n{job.seconds:.1f} s; results: {job.folder}")
