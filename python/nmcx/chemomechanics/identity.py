"""What a computation is made from, as one digest."""

from __future__ import annotations

import dis
import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np


def digest(*values: Any) -> str:
    """Sha256 of values, the same in every process.

    A function counts with its code, its defaults, and the functions and constants of its own module
    that it uses; what belongs to other modules counts by name.

    Raises
    ------
    ValueError
        If a value is of a kind whose content cannot be seen.
    """
    found = hashlib.sha256()
    for part in _parts(values, set()):
        found.update(part)
    return found.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and not isinstance(value, bool) and float(value) == value:
        value = float(value)  # a whole number is the same however it is written
    if value is None or value is ... or isinstance(value, (bool, int, float, complex, str, bytes)):
        yield f"{type(value).__name__} {value!r};".encode("utf-8", "surrogatepass")
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield f"array {value.dtype.str} {value.shape};".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, (list, tuple)):
        yield from _all(f"{len(value)} values", value, seen)
    elif isinstance(value, (set, frozenset)):
        yield from _all(f"set of {len(value)}", sorted(map(digest, value)), seen)
    elif isinstance(value, Mapping):
        items = sorted(value.items(), key=lambda item: str(item[0]))
        yield from _all(f"mapping of {len(items)}", (v for item in items for v in item), seen)
    elif isinstance(value, (type, ModuleType, BuiltinFunctionType)):
        yield f"{_name(value)};".encode()
    elif is_dataclass(value):
        own = (v for item in fields(value) for v in (item.name, getattr(value, item.name)))
        yield from _all(_name(type(value)), own, seen)
    elif isinstance(value, functools.partial):
        yield from _all("partial", (value.func, value.args, value.keywords), seen)
    elif isinstance(value, MethodType):
        yield from _all("method", (value.__func__, value.__self__), seen)
    elif isinstance(value, CodeType):
        code = (value.co_code, value.co_names, value.co_varnames, value.co_consts)
        yield from _all("code", code, seen)
    elif isinstance(value, FunctionType):
        yield from _of_function(value, seen)
    elif hasattr(value, "__wrapped__"):
        yield from _all("wrapped", [value.__wrapped__], seen)
    else:
        raise ValueError(
            f"a {type(value).__qualname__} cannot be told from another by what it holds; give "
            "numbers, strings, arrays, dataclasses, functions, or collections of them"
        )


def _all(kind: str, values: Any, seen: set[int]) -> Iterator[bytes]:
    yield f"{kind}:".encode()
    for value in values:
        yield from _parts(value, seen)


def _name(value: Any) -> str:
    module = getattr(value, "__module__", None) or ""
    return f"{module}.{getattr(value, '__qualname__', value.__name__)}"


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[bytes]:
    yield f"function {_name(function)};".encode()
    if id(function) in seen:  # it calls itself
        return
    seen.add(id(function))
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    own = (function.__code__, function.__defaults__, function.__kwdefaults__, cells)
    yield from _all("defined by", own, seen)
    for name in sorted(_globals_of(function.__code__)):
        if name not in function.__globals__:
            continue  # built in
        used = function.__globals__[name]
        is_foreign = (
            hasattr(used, "__name__") and getattr(used, "__module__", "") != function.__module__
        )
        yield from _all(name, [_name(used) if is_foreign else used], seen)


def _globals_of(code: CodeType) -> set[str]:
    found = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    return found.union(*(_globals_of(c) for c in code.co_consts if isinstance(c, CodeType)))
