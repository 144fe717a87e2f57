"""A good call of every public function: the one its documentation shows.

Every docstring has an example that runs (`test_public_face.py`). Here it runs with the function
replaced by one that notes its arguments, so that no function can be forgotten.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial, wraps
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

#: Modules that measure and model; `plot`, `report` and `run` draw and write what these find.
MODULES = (
    "chemomechanics", "comparison", "cones", "correlation", "io", "materials", "mesh", "morphology",
    "phantom", "spectra", "surface", "txm", "xanes",
)  # fmt: skip


@dataclass(frozen=True)
class PublicCall:
    """Arguments of a function by name."""

    function: FunctionType
    arguments: dict[str, Any]
    folder: str  #: where its files lie

    def __call__(self, **other: Any) -> Any:
        """Call it as in the example but for some arguments."""
        signature = inspect.signature(self.function)
        given = self.arguments | other
        if "overwrite" in signature.parameters:
            given["overwrite"] = True
        if "progress" in given:
            given["progress"] = None
        words: list[Any] = []
        options: dict[str, Any] = {}
        for name, parameter in signature.parameters.items():
            if name not in given:
                continue
            if parameter.kind is parameter.VAR_POSITIONAL:
                words.extend(given[name])
            elif parameter.kind is parameter.KEYWORD_ONLY:
                options[name] = given[name]
            elif parameter.kind is parameter.VAR_KEYWORD:
                options |= given[name]
            else:
                words.append(given[name])
        return self.function(*words, **options)


def _functions() -> dict[str, FunctionType]:
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"nmcx.{name}")
        for public in module.__all__:
            if inspect.isfunction(getattr(module, public)):
                found[f"{name}.{public}"] = getattr(module, public)
    return found


FUNCTIONS = _functions()


@cache
def example_call(name: str) -> PublicCall:
    """The last call in a function's own example."""
    function = FUNCTIONS[name]
    module = importlib.import_module(f"nmcx.{name.split('.')[0]}")
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(function) or "")
    assert examples, f"{name} has no example"
    noted: list[dict[str, Any]] = []
    folder = tempfile.mkdtemp(prefix=f"{name}-", dir=_examples_folder().name)
    noting = _noting(function, noted)
    names = dict(vars(sys.modules[function.__module__])) | {function.__name__: noting}
    with (
        _replaced(module, function.__name__, noting),
        _replaced(tempfile, "TemporaryDirectory", partial(_Folder, folder)),
        within(folder),
        redirect_stdout(io.StringIO()),
    ):
        for example in examples:
            # What an example shows to be refused is refused here, too.
            refused = ValueError if example.exc_msg else ()
            with suppress(refused):
                exec(compile(example.source, name, "single"), names)
    assert noted, f"the example of {name} does not call it"
    return PublicCall(function, noted[-1], folder)


@cache
def _examples_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="nmcx-examples-")


class _Folder:
    """A folder for the files of an example, which stay beyond it."""

    def __init__(self, parent: str, *_: Any, **__: Any) -> None:
        self.name = tempfile.mkdtemp(dir=parent)

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        pass

    def cleanup(self) -> None:
        """Left to the folder of all examples."""


def _noting(function: FunctionType, noted: list[dict[str, Any]]) -> Any:
    signature = inspect.signature(function)

    @wraps(function)
    def noting(*words: Any, **options: Any) -> Any:
        noted.append(dict(signature.bind(*words, **options).arguments))
        return function(*words, **options)

    return noting


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def within(folder: str) -> Iterator[None]:
    """With this as the working folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def digest(value: Any) -> str:
    """sha256 of what a public function returns."""
    found = sha256()
    _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            found.update(field.name.encode())
            _add(found, getattr(value, field.name))
    elif isinstance(value, dict):
        for key in value:
            found.update(str(key).encode())
            _add(found, value[key])
    elif isinstance(value, (tuple, list)):
        for each in value:
            _add(found, each)
    elif hasattr(value, "__array__"):
        array = np.asarray(value)
        found.update(repr((array.shape, array.dtype.str)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    elif callable(value):
        found.update(getattr(value, "__qualname__", type(value).__name__).encode())
    else:
        found.update(repr(value).encode())
