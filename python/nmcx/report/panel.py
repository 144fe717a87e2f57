"""A figure of the report before it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Panel:
    """A figure, where it stands, and what is said of it."""

    section: str
    draw: Callable[[], Any]  #: gives Axes or Figure
    alt: str  #: what a reader sees who does not see it
    caption: str
