"""The command line; the only place that prints."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nmcx import __version__
from nmcx.errors import (
    ConvergenceError,
    Error,
    InputError,
    MemoryLimitError,
    OutputError,
    UsageError,
)

OK, INTERNAL, USAGE, INPUT, OUTPUT, MEMORY, INTERRUPTED = 0, 1, 2, 4, 5, 6, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default those of the process.

    Returns
    -------
    int
        0 ok, 1 internal error, 2 usage or run file, 4 input, 5 output or disk, 6 memory,
        130 interrupted.
    """
    try:
        given = argparse.Namespace(
            verbose=False, quiet=False, debug=False, interrupted="nothing was written"
        )
        arguments = _parser().parse_args(argv, given)
    except SystemExit as stopped:  # argparse leaves this way for --help and for wrong usage
        return int(stopped.code or 0)
    logger = logging.getLogger("nmcx")
    level, handler = logger.level, _logging_to_stderr(arguments.verbose, arguments.quiet)
    try:
        return int(arguments.act(arguments))
    except KeyboardInterrupt:
        return _fail(arguments, f"interrupted; {arguments.interrupted}", INTERRUPTED)
    except Exception as error:
        return _fail(arguments, _one_line(error), _exit_code(error))
    finally:
        if handler is not None:
            logger.removeHandler(handler)
        logger.setLevel(level)


def _exit_code(error: BaseException) -> int:
    from nmcx.run_file import RunFileError

    kinds = (
        ((RunFileError, UsageError), USAGE),
        ((InputError, ConvergenceError), INPUT),
        (OutputError, OUTPUT),
        ((MemoryLimitError, MemoryError), MEMORY),
        (OSError, OUTPUT),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), INTERNAL)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (Error, OSError)):
        return text
    if isinstance(error, MemoryError):
        return "out of memory; close other programs or use smaller data"
    return f"internal error: {type(error).__name__}: {text}; --debug shows where, please report it"


def _fail(arguments: argparse.Namespace, text: str, code: int) -> int:
    if arguments.debug:
        traceback.print_exc()
    print(f"nmcx: {text}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    # SUPPRESS lets these stand before or after the command without undoing one another.
    hush = argparse.SUPPRESS
    shared.add_argument("-v", "--verbose", action="store_true", default=hush, help="say each step")
    shared.add_argument("-q", "--quiet", action="store_true", default=hush, help="say errors only")
    shared.add_argument("--debug", action="store_true", default=hush, help="show tracebacks")
    parser = argparse.ArgumentParser(
        prog="nmcx",
        description="Surface chemistry against bulk microstructure of battery cathode particles.",
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"nmcx {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    demo = commands.add_parser(
        "demo", parents=[shared], help="analyse a synthetic particle whose truth is known"
    )
    demo.add_argument("out", nargs="?", default="nmcx-demo", type=Path, help="folder to write")
    demo.add_argument("--seed", type=_seed, default=1, help="of the particle (default 1)")
    demo.add_argument("--force", action="store_true", help="replace an earlier demo")
    demo.set_defaults(act=_demo)

    init = commands.add_parser("init", parents=[shared], help="write a run file to fill in")
    init.add_argument("file", nargs="?", default="run.toml", type=Path, help="default run.toml")
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
    run.set_defaults(act=_run)

    _add_edges(commands, shared)
    return parser


def _add_edges(commands: Any, shared: argparse.ArgumentParser) -> None:
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
    edges.add_argument("--estimator", default="half_jump", metavar="NAME", help="default half_jump")
    edges.add_argument(
        "--template", type=Path, metavar="FILE", help="spectrum; default: made from the stack"
    )
    edges.add_argument(
        "--normalisation", default="window", metavar="NAME", help="window (default) or global_shape"
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
    edges.set_defaults(act=_edges, interrupted="--resume goes on from here")


def _threads(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, not {text!r}")
    return int(text)


def _logging_to_stderr(verbose: bool, quiet: bool) -> logging.Handler | None:
    # A program that calls main() from Python and logs already keeps its own ways.
    logger = logging.getLogger("nmcx")
    if logger.handlers or logging.root.handlers:
        return None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    if verbose or not (quiet or sys.stderr.isatty()):
        logger.setLevel(logging.INFO)
    else:
        logger.setLevel(logging.ERROR if quiet else logging.WARNING)
    return handler


def _demo(arguments: argparse.Namespace) -> int:
    from nmcx import run

    with _Line(arguments.quiet) as progress:
        result, table = run.demo(
            arguments.out, seed=arguments.seed, force=arguments.force, progress=progress
        )
    if not arguments.quiet:
        print(f"{table.title}\n")
        _print_table(table.header, table.rows)
        print(f"\n{result.seconds:.0f} s; report: {result.report}")
    return OK


def _init(arguments: argparse.Namespace) -> int:
    from nmcx import run_file

    # Exclusive creation: nobody's run file is lost between a look and the writing.
    try:
        with arguments.file.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write(run_file.template())
    except FileExistsError:
        raise OutputError(
            f"{arguments.file}: exists; name another file, or replace it with --force"
        ) from None
    if not arguments.quiet:
        print(f"{arguments.file}: fill in what was measured, then `nmcx check {arguments.file}`")
    return OK


def _check(arguments: argparse.Namespace) -> int:
    from nmcx import run

    lines = run.check(arguments.file)
    if not arguments.quiet:
        print("\n".join(lines))
    return OK


def _run(arguments: argparse.Namespace) -> int:
    from nmcx import report, run

    with _Line(arguments.quiet) as progress:
        result = run.run(
            arguments.file, out=arguments.out, force=arguments.force, progress=progress
        )
    if not arguments.quiet:
        print("\n".join(report.summary(result.findings)))
        print(f"\n{result.seconds:.0f} s; report: {result.report}")
    return OK


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
        return OK
    picture = None if arguments.no_picture else arguments.picture or "beside"
    with _Line(arguments.quiet) as progress:
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
    return OK


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


class _Line:
    """Progress on standard error, cleared at the end; none when quiet."""

    def __init__(self, quiet: bool) -> None:
        from nmcx.progress import ProgressLine

        self._line = None if quiet else ProgressLine()

    def __enter__(self) -> Callable[[float, float, str], None] | None:
        return self._line

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.close()
