"""One self-contained HTML page about one particle: figures, numbers, doubts, provenance."""

from __future__ import annotations

from nmcx.report.findings import Findings, Table
from nmcx.report.page import write
from nmcx.report.words import summary

__all__ = ["Findings", "Table", "summary", "write"]
