"""The exceptions of nmcx: one for input that cannot be used, one for a solver that did not arrive.

A caller's mistake is a plain `ValueError`; a single bad voxel is never an exception but a status
bit and NaN in the result.
"""

from __future__ import annotations

from collections.abc import Callable


class Error(Exception):
    """Base class of everything nmcx raises on purpose, apart from `ValueError`."""

    def __reduce__(self) -> tuple[Callable[..., Error], tuple[object, ...]]:
        # To come back from another process whole, whatever `__init__` of its kind asks for.
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[Error], words: tuple[object, ...], kept: dict[str, object]) -> Error:
    error = kind.__new__(kind, *words)
    error.__dict__.update(kept)
    return error


class InputError(Error, ValueError):
    """A file or a run file cannot be used; the message names file, dataset or key, and remedy."""


class UsageError(InputError):
    """An option does not fit the data it is given with; the message names option and remedy."""


class OutputError(Error, OSError):
    """A result cannot be written: it exists already, the folder is read-only, the disk is full."""


class MemoryLimitError(Error, MemoryError):
    """What was asked for needs more memory than is free; the message gives both numbers."""


class ConvergenceError(Error, RuntimeError):
    """An iteration stopped short of its tolerance; the message gives step, residual, tolerance."""
