"""A call of every kernel, as the package itself makes it, kept to be made again.

The public functions are called with the kernels replaced by ones that note their arguments: what
is tested is what users have run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any

import numpy as np
from promises.bound_kernels import KERNELS

from nmcx import _core


@dataclass(frozen=True)
class Call:
    """One call of a kernel; a method is called on an object made anew."""

    name: str
    words: tuple[Any, ...]
    options: Mapping[str, Any]
    maker: Call | None  #: of the object whose method it is, if that is a kernel too
    owner: object  #: that object, or the module
    seconds: float

    def ready(self, threads: int = 1) -> Callable[[], Any]:
        """The call with everything before it already done."""
        return self._on(self._owner(threads), threads)

    def result(self, threads: int) -> Any:
        """What it returns; of a constructor or a method that returns nothing, the object."""
        owner = self._owner(threads)
        found = self._on(owner, threads)()
        return owner if found is None else found

    def _owner(self, threads: int) -> Any:
        return self.owner if self.maker is None else self.maker.result(threads)

    def _on(self, owner: Any, threads: int) -> Callable[[], Any]:
        if self.name == "ElasticSolver.solve":
            owner.prepare(threads)
        words, options = self._with_threads(threads)
        function = getattr(owner, self.name.split(".")[-1])
        return lambda: function(*words, **options)

    def _with_threads(self, threads: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        kernel = KERNELS[self.name]
        if not kernel.takes_threads:
            return self.words, dict(self.options)
        if len(self.words) == kernel.n_argument:
            return (*self.words[:-1], threads), dict(self.options)
        return self.words, dict(self.options) | {"threads": threads}


@contextmanager
def noted(calls: dict[str, Call]) -> Iterator[None]:
    """Keep the longest call of each kernel that runs within the block."""
    makers: dict[int, tuple[object, Call]] = {}
    undo: list[Callable[[], None]] = []
    for name, kernel in KERNELS.items():
        owner, attribute = kernel.place()
        undo.append(_replace(owner, attribute, _noting(name, owner, attribute, calls, makers)))
    try:
        yield
    finally:
        for each in undo:
            each()


def _replace(owner: Any, attribute: str, function: Any) -> Callable[[], None]:
    before = getattr(owner, attribute)
    setattr(owner, attribute, function)
    return lambda: setattr(owner, attribute, before)


def _noting(
    name: str, owner: Any, attribute: str, calls: dict[str, Call],
    makers: dict[int, tuple[object, Call]],
) -> Callable[..., Any]:  # fmt: skip
    function = getattr(owner, attribute)
    is_method = isinstance(owner, type)

    @wraps(function)
    def noting(*words: Any, **options: Any) -> Any:
        own = words[1:] if is_method else words
        kept = tuple(map(_copy, own))
        kept_options = {key: _copy(value) for key, value in options.items()}
        start = time.perf_counter()
        result = function(*words, **options)
        seconds = time.perf_counter() - start
        if attribute == "__init__":
            call = Call(name, kept, kept_options, None, _core, seconds)
            makers[id(words[0])] = (words[0], call)
        else:
            holder = words[0] if is_method else _core
            _, made = makers.get(id(holder), (None, None))
            call = Call(name, kept, kept_options, made, holder, seconds)
        if name not in calls or calls[name].seconds < seconds:
            calls[name] = call
        return result

    return noting


def _copy(value: Any) -> Any:
    # What a solver hands over it may write into again.
    return value.copy() if isinstance(value, np.ndarray) else value


def digest(value: Any) -> str:
    """sha256 of all bits of a result of a kernel."""
    found = sha256()
    _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        found.update(repr((value.shape, value.dtype.str)).encode())
        found.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, (tuple, list)):
        for each in value:
            _add(found, each)
    elif value is None or isinstance(value, (bool, int, float, str, np.generic)):
        found.update(repr(value).encode())
    elif type(value).__module__ == _core.__name__:
        fields = [k for k in vars(type(value)) if not k.startswith("_")]
        for field in fields:
            held = getattr(value, field)
            if not callable(held):
                found.update(field.encode())
                _add(found, held)
    else:
        raise TypeError(f"cannot take the digest of {type(value)}")
