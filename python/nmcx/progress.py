"""One line of progress with rate and time left on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[float, float, str], None]
"""What library calls take: progress(done, total, label)."""


class ProgressLine:
    """Callable for ``progress=``: redraws one line on a terminal, logs every 10 s otherwise.

    Parameters
    ----------
    stream : text stream
        Where the line goes, by default standard error.
    clock : callable
        Seconds since any moment; tests bring their own.
    """

    def __init__(
        self, stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = clock()
        self._drawn = -1e9
        self._width = 0
        self._terminal = self._stream.isatty()

    def __call__(self, done: float, total: float, label: str) -> None:
        """Say that `done` of `total` is reached and `label` is under way."""
        now = self._clock()
        text = describe(done, total, label, now - self._started)
        if self._terminal:
            # Steps are few; a redraw per call is wanted unless they come by the thousand.
            if now - self._drawn >= 0.05 or done >= total:
                self._stream.write("\r" + text.ljust(self._width))
                self._stream.flush()
                self._width, self._drawn = len(text), now
        elif now - self._drawn >= 10.0:
            logging.getLogger("nmcx").info("%s", text)
            self._drawn = now

    def close(self) -> None:
        """Clear the line, so that what follows starts on an empty one."""
        if self._terminal and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0


def describe(done: float, total: float, label: str, seconds: float) -> str:
    """The line: share done, label, rate and time left.

    Parameters
    ----------
    done, total : float
        Work done and work in all, in any unit.
    label : str
        What is being done.
    seconds : float
        Time since the start [s].

    Returns
    -------
    str

    Examples
    --------
    >>> describe(3, 12, "edge energies", 6.0)
    ' 25 %  3/12  edge energies  0.5/s  18 s left'
    """
    share = 100.0 * done / total if total else 100.0
    text = f"{share:3.0f} %  {done:g}/{total:g}  {label}"
    if done > 0 and seconds > 0:
        rate = done / seconds
        text += f"  {rate:.2g}/s" if rate < 1000 else f"  {rate:.3g}/s"
        if done < total:
            text += f"  {duration((total - done) / rate)} left"
    return text


def duration(seconds: float) -> str:
    """Seconds in words of at most two units.

    Parameters
    ----------
    seconds : float
        Time span [s].

    Returns
    -------
    str

    Examples
    --------
    >>> duration(7.3), duration(75), duration(7500)
    ('7 s', '1 min 15 s', '2 h 05 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
