"""Synthetic measurements with known answers, for documentation, tests and benchmarks."""

from __future__ import annotations

from nmcx.phantom.spectra import (
    EdgeShape,
    EdgeSpectra,
    edge_curve,
    edge_energies,
    edge_ramp,
    edge_spectra,
    white_line_offset,
)

__all__ = [
    "EdgeShape",
    "EdgeSpectra",
    "edge_curve",
    "edge_energies",
    "edge_ramp",
    "edge_spectra",
    "white_line_offset",
]
