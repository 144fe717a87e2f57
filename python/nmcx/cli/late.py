"""Commands whose options are added when the command is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


class LateParser(argparse.ArgumentParser):
    """A command that need not know its options before it is given.

    Options that are keys of the run file need its sections, and to load those takes longer than
    all the rest of `nmcx --help`.
    """

    _fill: Callable[[argparse.ArgumentParser], None] | None = None

    def later(self, fill: Callable[[argparse.ArgumentParser], None]) -> None:
        """Have `fill` called with this parser before it is used."""
        self._fill = fill

    def filled(self) -> LateParser:
        """The parser itself, with all its options."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)
        return self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As that of argparse, which calls it for the command that is given."""
        self.filled()
        return super().parse_known_args(args, namespace)
