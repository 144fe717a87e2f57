"""`nmcx completion`: words for a shell, read off the parser itself."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: As many values as come: `nargs` of "+" and "*".
MANY = 99


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    completion = commands.add_parser(
        "completion",
        parents=[shared],
        help="completion of commands, options and files for a shell",
        description="Print a script that completes commands, options, their values and files. "
        'bash: eval "$(nmcx completion bash)" in ~/.bashrc; zsh: write it to a file _nmcx in a '
        "folder of $fpath; fish: write it to ~/.config/fish/completions/nmcx.fish.",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    completion.set_defaults(act=_completion)


def _completion(arguments: argparse.Namespace) -> int:
    from nmcx.cli import shells

    print(getattr(shells, arguments.shell)(told()), end="")
    return 0


@dataclass(frozen=True)
class Option:
    """A flag, or a word without one."""

    flags: tuple[str, ...]  #: "-o", "--out"; empty for a word without one
    help: str
    n_value: int  #: values that follow it; `MANY` for any number
    choices: tuple[str, ...]  #: what a value can be, if it is one of a few
    is_path: bool  #: a value is the path of a file or folder


@dataclass(frozen=True)
class Command:
    """A command, or "" for what stands before any."""

    name: str
    help: str
    options: tuple[Option, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags, in order."""
        return tuple(flag for option in self.options for flag in option.flags)

    @property
    def words(self) -> tuple[Option, ...]:
        """Options without a flag."""
        return tuple(option for option in self.options if not option.flags)


def told() -> list[Command]:
    """Every command as the parser has it; first that without a name."""
    from nmcx.cli import _parser

    parser = _parser()
    return [Command("", "", tuple(_options(parser))), *_commands(parser)]


def _commands(parser: argparse.ArgumentParser) -> Iterator[Command]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                options = tuple(_options(below.filled()))
                yield Command(name, helps.get(name, ""), options)


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            choices = _choices(action)
            is_path = not choices and (
                action.type is Path or action.metavar in ("PATH", "FILE", "FOLDER")
            )
            text = (action.help or "").replace("%%", "%")
            yield Option(tuple(action.option_strings), text, _n_value(action), choices, is_path)


def _n_value(action: argparse.Action) -> int:
    if action.nargs is None:
        return 1
    return action.nargs if isinstance(action.nargs, int) else {"?": 1}.get(action.nargs, MANY)


def _choices(action: argparse.Action) -> tuple[str, ...]:
    """Of the parser, or of a key of the run file, whose words stand in braces."""
    if action.choices is not None:
        return tuple(str(choice) for choice in action.choices)
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    braces = re.fullmatch(r"\{(.+)\}", metavar)
    return () if braces is None else tuple(braces[1].split(","))
