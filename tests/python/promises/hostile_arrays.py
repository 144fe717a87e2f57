"""Arrays that nobody means to hand in, and calls with them in a process of their own.

usage: python hostile_arrays.py EVERY NAME...   prints a line of JSON per call

EVERY is 1 for all arrays in all places, n for every n-th.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _first_set_to(value: float) -> Callable[[Array], Array]:
    def change(good: Array) -> Array:
        changed = good.astype(np.float64)
        changed.flat[:1] = value
        return changed

    return change


def _all_set_to(value: float) -> Callable[[Array], Array]:
    return lambda good: np.full(good.shape, value)


def _doubled(good: Array) -> Array:
    changed = good.copy()
    if len(changed) > 1:
        changed[1] = changed[0]
    return changed


def _shuffled(good: Array) -> Array:
    return np.roll(good, 1, axis=0)


def _read_only(good: Array) -> Array:
    changed = good.astype(good.dtype.newbyteorder(">"))
    changed.flags.writeable = False
    return changed


HOSTILE: dict[str, Callable[[Array], Array]] = {
    "one NaN": _first_set_to(np.nan),
    "one Inf": _first_set_to(np.inf),
    "one −Inf": _first_set_to(-np.inf),
    "one of 1e300": _first_set_to(1e300),
    "all NaN": _all_set_to(np.nan),
    "all Inf": _all_set_to(np.inf),
    "all 0": _all_set_to(0.0),
    "constant": _all_set_to(1.0),
    "saturated": _all_set_to(np.finfo(np.float32).max),
    "subnormal": _all_set_to(5e-324),
    "negated": lambda good: -good.astype(np.float64),
    "none at all": lambda good: good[:0],
    "the first alone": lambda good: good[:1],
    "one voxel": lambda good: good[tuple(slice(0, 1) for _ in good.shape)],
    "a number": lambda good: np.asarray(good.flat[0] if good.size else 0.0),
    "one more axis": lambda good: good[..., None],
    "reversed": lambda good: good[::-1],
    "unsorted": _shuffled,
    "duplicates": _doubled,
    "read-only, big-endian": _read_only,
    "text": lambda good: np.full(good.shape, "a"),
    "complex": lambda good: good + 1j,
}


#: What is read from files: their numbers may be anything, their shapes are the reader's.
MEASURED = {"EnergyStack", "FrameStack", "OpticalDensity", "Spectrum", "StxmStack", "XiMap"}
#: Other numbers in an array of the same shape.
VALUES = (
    "one NaN", "one Inf", "one −Inf", "one of 1e300", "all NaN", "all Inf", "all 0", "constant",
    "saturated", "subnormal", "negated",
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[str, Array, tuple[str, ...], Callable[[Array], Any]]]:
    """Arrays in an argument, what may become of them, and how to put that in their place."""
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "buif":
        yield "", value, tuple(HOSTILE), lambda other: other
    elif isinstance(value, (list, tuple)) and value and _is_numbers(value):
        yield "", np.asarray(value), tuple(HOSTILE), lambda other: other
    elif is_dataclass(value) and type(value).__name__ in MEASURED:
        for field in fields(value):
            held = getattr(value, field.name)
            if isinstance(held, np.ndarray) and held.ndim and held.dtype.kind == "f":
                yield (
                    f".{field.name}", held, VALUES,
                    lambda other, name=field.name: replace(value, **{name: other}),
                )  # fmt: skip


def takes_array(function: Callable[..., Any], argument: str) -> bool:
    """Whether an argument is an array, and not a shape or a window of two numbers."""
    return "Array" in str(inspect.signature(function).parameters[argument].annotation)


def _is_numbers(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "uif"
    except ValueError:
        return False


def outcome(call: Callable[[], Any]) -> tuple[str, int, str]:
    """What a call comes to, how often it warned, and what it said."""
    from nmcx.errors import Error

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            call()
        except ValueError as error:
            return "ValueError", len(heard), str(error)
        except Error as error:
            return type(error).__name__, len(heard), str(error)
        except Exception as error:
            return f"unexpected {type(error).__name__}", len(heard), str(error)
    return "result", len(heard), str(heard[0].message) if heard else ""


def main(every: int, names: list[str]) -> None:
    from promises.public_calls import example_call, within

    n_case = 0
    for name in names:
        call = example_call(name)
        print(json.dumps({"function": name}), flush=True)
        with within(call.folder):
            for argument, value in call.arguments.items():
                if not takes_array(call.function, argument) and not is_dataclass(value):
                    continue
                for where, good, kinds, put in places(value):
                    for kind in kinds:
                        n_case += 1
                        if n_case % every:
                            continue
                        told = {"at": f"{name}({argument}{where}: {kind})"}
                        print(json.dumps(told), flush=True)
                        found = outcome(
                            lambda: call(**{argument: put(HOSTILE[kind](good))})  # noqa: B023
                        )
                        told |= dict(zip(("came_to", "warnings", "text"), found, strict=True))
                        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(int(sys.argv[1]), sys.argv[2:])
