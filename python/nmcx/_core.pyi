from __future__ import annotations

__all__: list[str] = ["ConvergenceError", "active_instruction_set", "supported_instruction_set"]
