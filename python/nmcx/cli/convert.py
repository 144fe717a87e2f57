"""`nmcx convert`: images from one file format into another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.output import Line


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    convert = commands.add_parser(
        "convert",
        parents=[shared],
        help="write a stack, a volume or a map in another file format",
        usage="nmcx convert IN OUT [options]",
        description="Write an energy stack, a volume, or a map of a result file as Data Exchange "
        "HDF5 (.h5), OME-Zarr (.ome.zarr) or TIFF (.tif, of a stack a folder). Energies and voxel "
        "size go along; parts of 32 MB are in memory at a time.",
    )
    convert.add_argument(
        "source", metavar="IN", type=Path, help="stack, volume, or result file of nmcx"
    )
    convert.add_argument("out", metavar="OUT", type=Path, help="file, store or folder to write")
    convert.add_argument(
        "--to", choices=("exchange", "ome-zarr", "tiff"), help="default by the name of OUT"
    )
    convert.add_argument(
        "--dataset", metavar="NAME", help="of the image in an HDF5 file: edge_map/edge_energy_ev"
    )
    convert.add_argument(
        "--zarr-format", type=int, choices=(2, 3), default=2, metavar="N",
        help="2 (default): OME-Zarr 0.4, which every reader knows; 3: OME-Zarr 0.5",
    )  # fmt: skip
    convert.add_argument("--force", action="store_true", help="replace an earlier OUT")
    convert.add_argument("--dry-run", action="store_true", help="say what would be done")
    convert.set_defaults(act=_convert)


def _convert(arguments: argparse.Namespace) -> int:
    from nmcx import run

    how = {
        "to": arguments.to,
        "dataset": arguments.dataset,
        "zarr_format": arguments.zarr_format,
    }
    if arguments.dry_run:
        print("\n".join(run.plan_convert(arguments.source, arguments.out, **how)))
        return 0
    with Line(arguments.quiet) as progress:
        job = run.convert(
            arguments.source, arguments.out, **how, force=arguments.force, progress=progress
        )
    if not arguments.quiet:
        print("\n".join(job.lines))
        print(f"\n{job.seconds:.1f} s; written: {job.path}")
    return 0
