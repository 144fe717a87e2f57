"""The log of a run, for its folder and for the logger."""

from __future__ import annotations

import datetime
import logging
from pathlib import Path


class Log:
    """Lines for log.txt, told to the logger as well.

    Parameters
    ----------
    file : path, optional
        Keeps each line at once, after those that it holds already: those of a run that was stopped.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        is_there = file is not None and file.exists()
        self._lines = file.read_text("utf-8").splitlines() if file is not None and is_there else []

    def say(self, text: str, level: int = logging.INFO) -> None:
        """Add a line with time and level."""
        moment = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        self._lines.append(f"{moment} {logging.getLevelName(level):7} {text}")
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(self._lines[-1] + "\n")
        logging.getLogger("nmcx").log(level, "%s", text)

    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self._lines) + "\n"
