"""Readers and writers, one file per format family; every reader goes through `_safe`."""

from __future__ import annotations

__all__: list[str] = []
