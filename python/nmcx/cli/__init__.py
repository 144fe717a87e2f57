"""The command line; the only place that prints."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from collections.abc import Sequence

from nmcx.cli import (
    chain,
    cite,
    compare,
    completion,
    cones,
    convert,
    edges,
    info,
    report,
    schema,
    selftest,
    simulate,
    spectrum,
    xi,
)
from nmcx.cli.late import LateParser
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
    except KeyboardInterrupt as stopped:
        # Where work is kept, whoever keeps it says how to go on.
        onward = str(stopped) or arguments.interrupted
        return _fail(arguments, f"interrupted; {onward}", INTERRUPTED)
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


class _Version(argparse.Action):
    """Looks the version up when it is asked for: that takes longer than all of the help."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from nmcx import __version__

        print(f"nmcx {__version__}")
        parser.exit()


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
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(metavar="command", required=True, parser_class=LateParser)

    chain.add(commands, shared)
    edges.add(commands, shared)
    xi.add(commands, shared)
    spectrum.add(commands, shared)
    cones.add(commands, shared)
    simulate.add(commands, shared)
    report.add(commands, shared)
    compare.add(commands, shared)
    convert.add(commands, shared)
    info.add(commands, shared)
    schema.add(commands, shared)
    cite.add(commands, shared)
    selftest.add(commands, shared)
    completion.add(commands, shared)
    return parser


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
