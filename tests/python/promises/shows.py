"""How a test says what it has shown."""

from __future__ import annotations

import os
from dataclasses import asdict

import pytest
from promises.table import Shown

#: Whether the full counts are asked for, which take hours: `NMCX_PROMISES=full`.
FULL = os.environ.get("NMCX_PROMISES") == "full"
#: Under which a test keeps what it has shown.
KEY = "promise"


class Shows:
    """Notes figures of one promise, and holds the test to them."""

    def __init__(self, promise: str, node: pytest.Item) -> None:
        self._promise, self._node = promise, node

    def least(self, figure: str, value: float, target: float, unit: str = "") -> None:
        """The value must reach the target."""
        self._note(Shown(self._promise, figure, "least", float(value), float(target), unit))

    def most(self, figure: str, value: float, target: float, unit: str = "") -> None:
        """The value must not pass the target."""
        self._note(Shown(self._promise, figure, "most", float(value), float(target), unit))

    def holds(self, figure: str, n: int, total: int, unit: str = "") -> None:
        """All of them must hold, and there must be some."""
        self._note(Shown(self._promise, figure, "holds", float(n), float(total), unit))
        assert total > 0, f"{figure}: nothing was tried"

    def _note(self, shown: Shown) -> None:
        self._node.user_properties.append((KEY, asdict(shown)))
        assert shown.met, f"{shown.figure}: {shown.value:g} beside {shown.target:g} {shown.unit}"
