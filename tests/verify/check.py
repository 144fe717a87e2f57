"""What a long check is: a name, a function of `reduced`, and the rows it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure beside its target."""

    figure: str
    measured: str
    target: str
    met: bool


@dataclass(frozen=True)
class Check:
    """A check; those with `in_reduced` false (timings, fresh clones) run in `make verify` only."""

    name: str
    run: Callable[[bool], list[Row]]
    in_reduced: bool = True
