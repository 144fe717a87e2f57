"""Files that a reader is given together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """Files of one case."""

    opened: str  #: file or folder that the reader is given
    files: dict[str, bytes]  #: by their path in the folder of the case
