"""Tables and progress of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under a header, columns aligned."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


class Line:
    """Progress on standard error, cleared at the end; none when quiet."""

    def __init__(self, quiet: bool) -> None:
        from nmcx.progress import ProgressLine

        self._line = None if quiet else ProgressLine()

    def __enter__(self) -> Callable[[float, float, str], None] | None:
        return self._line

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.close()
