"""`nmcx demo`, `init`, `check` and `run`: the whole chain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nmcx.cli.output import Line, print_table
from nmcx.errors import OutputError


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the commands to the parser."""
    demo = commands.add_parser(
        "demo", parents=[shared], help="analyse a synthetic particle whose truth is known"
    )
    demo.add_argument("out", nargs="?", default="nmcx-demo", type=Path, help="folder to write")
    demo.add_argument("--seed", type=_seed, default=1, help="of the particle (default 1)")
    demo.add_argument("--force", action="store_true", help="replace an earlier demo")
    demo.set_defaults(act=_demo)

    init = commands.add_parser("init", parents=[shared], help="write a run file to fill in")
    init.add_argument("file", nargs="?", default="run.toml", type=Path, help="default run.toml")
    init.add_argument("--simulation", action="store_true", help="for `nmcx simulate`")
    init.add_argument("--force", action="store_true", help="replace the file")
    init.set_defaults(act=_init)

    check = commands.add_parser(
        "check", parents=[shared], help="validate a run file and open its inputs"
    )
    check.add_argument("file", type=Path, help="run file")
    check.set_defaults(act=_check)

    run = commands.add_parser("run", parents=[shared], help="do what a run file asks for")
    run.add_argument("file", type=Path, help="run file")
    run.add_argument("-o", "--out", type=Path, help="folder for the results")
    run.add_argument("--force", action="store_true", help="replace earlier results")
    run.add_argument("--dry-run", action="store_true", help="say what would be done")
    run.set_defaults(act=_run)


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, not {text!r}")
    return int(text)


def _demo(arguments: argparse.Namespace) -> int:
    from nmcx import run

    with Line(arguments.quiet) as progress:
        result, table = run.demo(
            arguments.out, seed=arguments.seed, force=arguments.force, progress=progress
        )
        model = run.demo_model(
            arguments.out, seed=arguments.seed, force=arguments.force, progress=progress
        )
    if not arguments.quiet:
        print(f"{table.title}\n")
        print_table(table.header, table.rows)
        print(f"\n{result.seconds:.0f} s; report: {result.report}\n")
        print("\n".join(["Model of a half-passivated particle", "", *model.summary()]))
        print(f"\n{model.seconds:.0f} s; fields.png, animation.gif and more: {model.folder}")
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from nmcx import run_file

    kind = run_file.SimulationFile if arguments.simulation else run_file.RunFile
    # Exclusive creation: nobody's run file is lost between a look and the writing.
    try:
        with arguments.file.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write(run_file.template(kind))
    except FileExistsError:
        raise OutputError(
            f"{arguments.file}: exists; name another file, or replace it with --force"
        ) from None
    if not arguments.quiet:
        what = "what shall be simulated" if arguments.simulation else "what was measured"
        print(f"{arguments.file}: fill in {what}, then `nmcx check {arguments.file}`")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from nmcx import run

    lines = run.check(arguments.file)
    if not arguments.quiet:
        print("\n".join(lines))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from nmcx import report, run

    if arguments.dry_run:
        print("\n".join(run.check(arguments.file, out=arguments.out)))
        return 0
    with Line(arguments.quiet) as progress:
        result = run.run(
            arguments.file, out=arguments.out, force=arguments.force, progress=progress
        )
    if not arguments.quiet:
        print("\n".join(report.summary(result.findings)))
        print(f"\n{result.seconds:.0f} s; report: {result.report}")
    return 0
