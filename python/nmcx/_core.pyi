"""
Kernels of nmcx; private, see the Python modules for documentation.
"""

from __future__ import annotations
import nmcx.errors

__all__: list[str] = ["ConvergenceError", "active_instruction_set", "supported_instruction_set"]

class ConvergenceError(nmcx.errors.ConvergenceError):
    pass

def active_instruction_set() -> str: ...
def supported_instruction_set() -> str: ...

__version__: str = "0.1.0"
