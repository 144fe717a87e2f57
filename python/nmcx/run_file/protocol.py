"""The protocol of a simulation as words: ``charge c_rate=1 until=0.3``."""

from __future__ import annotations

import math
from pathlib import Path

from nmcx.run_file.values import Unfit, any_of, list_of, takes

#: Values that each part must have, and may have; all are numbers.
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "charge": (("c_rate", "until"), ("cutoff_v",)),
    "discharge": (("c_rate", "until"), ("cutoff_v",)),
    "hold": (("potential_v", "duration_s"), ("until_c_rate",)),
    "rest": (("duration_s",), ()),
}
_POSITIVE = ("c_rate", "until_c_rate", "duration_s")


@takes(any_of({"type": "string"}, list_of({"type": "string"})))
def as_protocol(value: object, _: Path) -> tuple[str, ...]:
    """One part or more, each as a text; a list of words is cut where the next part begins."""
    given = value if isinstance(value, list) else [value]
    listed = [item for item in given if isinstance(item, str)]
    if not listed or len(listed) < len(given):
        raise Unfit(f"a list of texts such as {_example('charge')}")
    words = " ".join(listed).split()
    starts = [i for i, word in enumerate(words) if word in PARTS]
    if not starts or starts[0] != 0:
        kinds = ", ".join(PARTS)
        raise Unfit(f"parts that begin with one of {kinds}, such as {_example('charge')}")
    ends = [*starts[1:], len(words)]
    parts = tuple(" ".join(words[i:j]) for i, j in zip(starts, ends, strict=True))
    for part in parts:
        part_values(part)
    return parts


def part_values(part: str) -> tuple[str, dict[str, float]]:
    """Kind and values of a part of the protocol.

    Raises
    ------
    Unfit
        If a value is unknown, missing or not in its range.
    """
    kind, *words = part.split()
    needed, further = PARTS[kind]
    values: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in needed + further:
            known = ", ".join(f"{n}=…" for n in needed + further)
            raise Unfit(f"{kind} with {known} (not {word})")
        values[name] = _number(kind, name, text)
    missing = [name for name in needed if name not in values]
    if missing:
        raise Unfit(f"{kind} with {', '.join(missing)} too, such as {_example(kind)}")
    return kind, values


def _number(kind: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unfit(f"{kind} with a number for {name} (not {text})")
    if name in _POSITIVE and value <= 0:
        raise Unfit(f"{kind} with {name} above 0 (not {text})")
    if name == "until" and not 0 <= value <= 1:
        raise Unfit(f"{kind} with until between 0 and 1, a mean c / C_max (not {text})")
    return value


def _example(kind: str) -> str:
    return {
        "charge": '"charge c_rate=1 until=0.3"',
        "discharge": '"discharge c_rate=1 until=0.9"',
        "hold": '"hold potential_v=4.3 duration_s=1800"',
        "rest": '"rest duration_s=600"',
    }[kind]
