"""The exceptions of nmcx: one for input that cannot be used, one for a solver that did not arrive.

A caller's mistake is a plain `ValueError`; a single bad voxel is never an exception but a status
bit and NaN in the result.
"""

from __future__ import annotations


class Error(Exception):
    """Base class of everything nmcx raises on purpose, apart from `ValueError`."""


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
