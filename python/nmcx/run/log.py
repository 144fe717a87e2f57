"""The log of a run, for its folder and for the logger."""

from __future__ import annotations

import datetime
import logging


class Log:
    """Lines for log.txt, told to the logger as well."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def say(self, text: str, level: int = logging.INFO) -> None:
        """Add a line with time and level."""
        moment = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        self._lines.append(f"{moment} {logging.getLevelName(level):7} {text}")
        logging.getLogger("nmcx").log(level, "%s", text)

    def text(self) -> str:
        """All lines so far."""
        return "\n".join(self._lines) + "\n"
