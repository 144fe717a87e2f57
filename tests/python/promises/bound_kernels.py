"""The kernels of nmcx._core as its bindings list them, so that none can be forgotten."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmcx import _core

BINDINGS = Path(__file__).parents[3] / "src" / "cpp" / "bindings"


@dataclass(frozen=True)
class Binding:
    """A function, or a method ("Class.method") or constructor ("Class") of a class."""

    name: str
    gives_gil_away: bool
    takes_threads: bool  #: always as the last argument
    n_argument: int
    text: str  #: of its definition

    def place(self) -> tuple[Any, str]:
        """What holds it, module or class, and its name there."""
        first, _, method = self.name.partition(".")
        kind = getattr(_core, first)
        return (kind, method or "__init__") if isinstance(kind, type) else (_core, first)


def bindings() -> list[Binding]:
    """Every `def` of the binding files, overloads as one."""
    found: dict[str, Binding] = {}
    for file in sorted(BINDINGS.glob("*.cpp")):
        text, owner = file.read_text(), ""
        for match in re.finditer(r'py::class_<.*?>\(m, "(\w+)"\)|(\bm)?\.def\(', text, re.DOTALL):
            if match[1]:
                owner = match[1]
                continue
            body = _to_closing_bracket(text, match.end() - 1)
            named = re.match(r'\(\s*(?:"(\w+)"|py::init)', body)
            assert named, f"{file.name}: cannot read {body[:80]!r}"
            parts = [] if match[2] else [owner]
            name = ".".join([*parts, named[1]] if named[1] else parts)
            arguments = re.findall(r'"(\w+)"_a\b', body)
            found[name] = Binding(
                name,
                "ReleaseGil()" in body or "without_gil(" in body,
                "threads" in arguments,
                len(arguments),
                body,
            )
    return list(found.values())


def _to_closing_bracket(text: str, start: int) -> str:
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return text[start : i + 1]
    raise AssertionError("brackets of the bindings do not match")


KERNELS = {b.name: b for b in bindings() if b.gives_gil_away}
