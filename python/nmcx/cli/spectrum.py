"""`nmcx spectrum`: peaks of Ni L and O K spectra."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.flags import add_flags, given
from nmcx.cli.output import Line, print_table


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    spectrum = commands.add_parser(
        "spectrum",
        parents=[shared],
        help="peak ratio and pre-edge of soft X-ray spectra",
        usage="nmcx spectrum [FILE ...] [--first FILE --cycled FILE] [--out OUT] [options]",
        description="Ratio of the Ni L3 peaks, or area of the O K pre-edge, of each spectrum, and "
        "suppression of the pre-edge between two. The edge is told by the energies.",
    )
    spectrum.add_argument("files", nargs="*", type=Path, metavar="FILE", help="spectra, text files")
    spectrum.add_argument("--first", type=Path, metavar="FILE", help="O K spectrum, first cycle")
    spectrum.add_argument("--cycled", type=Path, metavar="FILE", help="the same after cycling")
    spectrum.add_argument("--out", type=Path, metavar="OUT", help="result file to write (.nxs)")
    spectrum.add_argument("--force", action="store_true", help="replace earlier results")
    pictures = spectrum.add_mutually_exclusive_group()
    pictures.add_argument("--picture", type=Path, metavar="PNG", help="default OUT.png")
    pictures.add_argument("--no-picture", action="store_true", help="write no picture")
    spectrum.add_argument(
        "--mode", choices=("tey", "fy", "transmission"), help="yield, where files do not tell it"
    )
    spectrum.later(_fill)
    spectrum.set_defaults(act=_spectrum)


def _fill(spectrum: argparse.ArgumentParser) -> None:
    from nmcx.run_file import Nickel, Oxygen, Spectra

    pairs = ("nickel_tey", "nickel_fy", "oxygen_tey", "oxygen_fy")
    add_flags(spectrum, Spectra, without=pairs)
    add_flags(spectrum, Nickel)
    add_flags(spectrum, Oxygen)


def _spectrum(arguments: argparse.Namespace) -> int:
    from nmcx import report, run
    from nmcx.run_file import Nickel, Oxygen, Spectra

    nickel, oxygen = given(arguments, Nickel), given(arguments, Oxygen)
    read = given(arguments, Spectra)
    options = run.SpectrumOptions(
        Nickel(**nickel), Oxygen(**oxygen), read.get("column"), read.get("i0"), arguments.mode
    )
    picture = None if arguments.no_picture else arguments.picture or "beside"
    with Line(arguments.quiet) as progress:
        job = run.spectrum(
            arguments.files, arguments.out, options, first=arguments.first,
            cycled=arguments.cycled, picture=picture, force=arguments.force, progress=progress,
        )  # fmt: skip
    if not arguments.quiet:
        tables = [report.spectra_table(job.findings)]
        if job.findings.suppressions:
            tables.append(report.suppression_table(job.findings))
        for table in tables:
            print(f"{table.title}\n")
            print_table(table.header, table.rows)
            print(f"\n{table.remark}\n")
        for where, note in job.findings.all_notes():
            print(f"note: {where}: {note}")
        made = [f"{name}: {path}" for name, path in (("result", job.path), ("picture", job.picture))
                if path is not None]  # fmt: skip
        if made:
            print("; ".join(made))
    return 0
