"""`nmcx cones`: porosity in cones, and its correlation with a surface map."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from nmcx.cli.flags import add_flags, given
from nmcx.cli.output import Line, print_table
from nmcx.errors import UsageError


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    cones = commands.add_parser(
        "cones",
        parents=[shared],
        help="porosity in cones, and its correlation with a surface map",
        usage="nmcx cones IN OUT [--xi FILE --view Z Y X] [options]",
        description="Segment a volume if need be, count void and envelope in cones of every "
        "direction and opening angle, and correlate their porosity with a ratio map placed on the "
        "particle. Writes a NeXus result file, a figure, and an interactive page.",
    )
    cones.add_argument(
        "source", metavar="IN", type=Path,
        help="volume (TIFF, HDF5), or result file of nmcx with a particle or an edge map",
    )  # fmt: skip
    cones.add_argument("out", metavar="OUT", type=Path, help="result file to write (.nxs)")
    cones.add_argument(
        "--xi", type=Path, metavar="FILE", help="result file with a ratio map; default: IN"
    )
    cones.add_argument("--dataset", metavar="NAME", help="of the volume in an HDF5 file")
    cones.add_argument("--force", action="store_true", help="replace earlier results")
    cones.add_argument("--json", action="store_true", help="print the numbers as JSON")
    pictures = cones.add_mutually_exclusive_group()
    pictures.add_argument("--picture", type=Path, metavar="PNG", help="default OUT.png")
    pictures.add_argument("--no-picture", action="store_true", help="write no picture")
    scenes = cones.add_mutually_exclusive_group()
    scenes.add_argument("--scene", type=Path, metavar="HTML", help="default OUT.html")
    scenes.add_argument("--no-scene", action="store_true", help="write no interactive page")
    cones.add_argument("--dry-run", action="store_true", help="say what would be done")
    cones.later(_fill)
    cones.set_defaults(act=_cones)


def _fill(cones: argparse.ArgumentParser) -> None:
    from nmcx.run_file import Cones, Correlation, Morphology, Placing, Tomogram

    add_flags(cones, Tomogram, without=("file",))
    for kind in (Morphology, Cones, Placing, Correlation):
        add_flags(cones, kind)


def _cones(arguments: argparse.Namespace) -> int:
    from nmcx import report, run

    options = _options(arguments)
    if arguments.dry_run:
        plan = run.plan_cones(arguments.source, arguments.out, options, xi=arguments.xi)
        print("\n".join(plan))
        return 0
    with Line(arguments.quiet or arguments.json) as progress:
        job = run.cones(
            arguments.source, arguments.out, options, xi=arguments.xi,
            picture=None if arguments.no_picture else arguments.picture or "beside",
            scene=None if arguments.no_scene else arguments.scene or "beside",
            force=arguments.force, progress=progress,
        )  # fmt: skip
    if arguments.json:
        print(json.dumps(job.as_dict(), ensure_ascii=False, allow_nan=False))
    elif not arguments.quiet:
        print("\n".join(report.summary(job.findings)))
        table = report.cone_table(job.findings)
        print(f"\n{table.title}\n")
        print_table(table.header, table.rows)
        for where, note in job.findings.all_notes():
            print(f"note: {where}: {note}")
        made = [("result", job.path), ("picture", job.picture), ("scene", job.scene)]
        said = "; ".join(f"{name}: {path}" for name, path in made if path is not None)
        print(f"\n{job.seconds:.1f} s; {said}")
    return 0


def _options(arguments: argparse.Namespace) -> Any:
    from nmcx import run
    from nmcx.run_file import Cones, Correlation, Morphology, Placing, Tomogram

    placing = given(arguments, Placing)
    seed_only = set(placing) <= {"seed"}
    if not seed_only and "view" not in placing:
        flags = ", ".join(sorted(f"--{name.replace('_', '-')}" for name in placing))
        raise UsageError(f"{flags}: need --view, the direction towards the beam")
    return run.ConeOptions(
        morphology=Morphology(**given(arguments, Morphology)),
        cones=Cones(**given(arguments, Cones)),
        placing=None if seed_only else Placing(**placing),
        correlation=Correlation(**given(arguments, Correlation)),
        voxel_size_um=given(arguments, Tomogram).get("voxel_size_um"),
        dataset=arguments.dataset,
    )
