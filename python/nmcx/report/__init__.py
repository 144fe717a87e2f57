"""One self-contained HTML page about one particle: figures, numbers, doubts, provenance."""

from __future__ import annotations

from nmcx.report.findings import Findings, SoftSpectrum, Table
from nmcx.report.page import write
from nmcx.report.source_list import Source
from nmcx.report.sources import sources
from nmcx.report.tables import cone_table, spectra_table, suppression_table
from nmcx.report.words import summary

__all__ = [
    "Findings",
    "SoftSpectrum",
    "Source",
    "Table",
    "cone_table",
    "sources",
    "spectra_table",
    "summary",
    "suppression_table",
    "write",
]
