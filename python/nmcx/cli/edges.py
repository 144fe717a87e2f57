"""`nmcx edges`: edge-energy map of a stack or a scan folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.output import Line


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    edges = commands.add_parser(
        "edges",
        parents=[shared],
        help="edge-energy map of a stack or a scan folder",
        description="Fit edge and white-line energy of every voxel; write a NeXus result file and "
        "a quick-look picture. Windows may be left out for scans of the Ni K edge.",
    )
    edges.add_argument(
        "source", metavar="IN", type=Path, help="stack file, or file or folder of frames"
    )
    edges.add_argument("out", metavar="OUT", type=Path, help="result file to write (.nxs)")
    window = {"nargs": 2, "type": float, "metavar": ("LO", "HI")}
    edges.add_argument("--pre-edge", **window, help="window before the edge [eV]")
    edges.add_argument("--post-edge", **window, help="window after the edge [eV]")
    edges.add_argument("--pre-degree", type=int, metavar="N", help="0 or 1; default by rule")
    edges.add_argument("--post-degree", type=int, metavar="N", help="0, 1 or 2; default by rule")
    edges.add_argument("--level", type=float, default=0.5, metavar="X", help="default 0.5")
    edges.add_argument(
        "--template", type=Path, metavar="FILE", help="spectrum; default: made from the stack"
    )
    edges.add_argument(
        "--normalisation", default="window", metavar="{window,global_shape}", help="default window"
    )
    edges.add_argument(
        "--white-line-half-width-ev", type=float, metavar="X", help="default by rule"
    )
    edges.add_argument("--threads", type=_threads, metavar="N", help="default: all cores")
    edges.add_argument("--force", action="store_true", help="replace earlier results")
    edges.add_argument("--resume", action="store_true", help="go on with an interrupted fit")
    pictures = edges.add_mutually_exclusive_group()
    pictures.add_argument("--picture", type=Path, metavar="PNG", help="default OUT.png")
    pictures.add_argument("--no-picture", action="store_true", help="write no picture")
    edges.add_argument("--dry-run", action="store_true", help="say what would be done")
    edges.later(_fill)
    edges.set_defaults(act=_edges, interrupted="--resume goes on from here")


def _fill(edges: argparse.ArgumentParser) -> None:
    from nmcx.run_file.sections import ESTIMATORS

    names = f"{{{','.join(ESTIMATORS)}}}"
    edges.add_argument("--estimator", default="half_jump", metavar=names, help="default half_jump")


def _threads(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _edges(arguments: argparse.Namespace) -> int:
    from nmcx import report, run

    options = run.EdgeOptions(
        pre_edge=tuple(arguments.pre_edge) if arguments.pre_edge else None,
        post_edge=tuple(arguments.post_edge) if arguments.post_edge else None,
        pre_degree=arguments.pre_degree,
        post_degree=arguments.post_degree,
        level=arguments.level,
        estimator=arguments.estimator,
        template=arguments.template,
        normalisation=arguments.normalisation,
        white_line_half_width_ev=arguments.white_line_half_width_ev,
        threads=arguments.threads,
    )
    if arguments.dry_run:
        print("\n".join(run.plan_edges(arguments.source, arguments.out, options)))
        return 0
    picture = None if arguments.no_picture else arguments.picture or "beside"
    with Line(arguments.quiet) as progress:
        job = run.edges(
            arguments.source, arguments.out, options, picture=picture, force=arguments.force,
            resume=arguments.resume, progress=progress,
        )  # fmt: skip
    if not arguments.quiet:
        print("\n".join(report.summary(report.Findings(edges=job.edges))))
        for note in job.notes:
            print(f"note: {note}")
        picture = "" if job.picture is None else f"; picture: {job.picture}"
        print(f"\n{job.seconds:.0f} s; result: {job.path}{picture}")
    return 0
