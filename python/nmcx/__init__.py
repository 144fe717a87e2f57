"""nmcx: how surface chemistry and bulk cracks of a battery cathode particle shape each other.

The modules follow the data: `io` reads measurements, `txm`, `xanes`, `surface` and `morphology` map
them, `cones` and `correlation` compare surface with bulk, `materials` and `mesh` are what the model
is made of, `phantom` makes particles with known answers, `run` drives the whole chain from one TOML
file.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from nmcx.errors import ConvergenceError, Error, InputError, MemoryLimitError, OutputError

__version__: str

_MODULES = (
    "chemomechanics",
    "cones",
    "correlation",
    "errors",
    "io",
    "materials",
    "mesh",
    "morphology",
    "phantom",
    "plot",
    "report",
    "results",
    "run",
    "spectra",
    "surface",
    "txm",
    "xanes",
)
__all__ = [
    "ConvergenceError",
    "Error",
    "InputError",
    "MemoryLimitError",
    "OutputError",
    "__version__",
    *_MODULES,
]


def __getattr__(name: str) -> ModuleType | str:
    # Modules load when first touched, so that `import nmcx` and `nmcx --help` stay quick; to look
    # up the version takes as long as all the rest.
    if name in _MODULES:
        return importlib.import_module(f"nmcx.{name}")
    if name == "__version__":
        from importlib.metadata import version

        globals()[name] = found = version("nmcx")
        return found
    raise AttributeError(f"module 'nmcx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
