"""Synthetic measurements with known answers, for documentation, tests and benchmarks."""

from __future__ import annotations

from nmcx.phantom.measurement import particle, surface_and_porosity
from nmcx.phantom.misaligned import MisalignedStack, misaligned_stack
from nmcx.phantom.records import Phantom, Truth
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
    "MisalignedStack",
    "Phantom",
    "Truth",
    "edge_curve",
    "edge_energies",
    "edge_ramp",
    "edge_spectra",
    "misaligned_stack",
    "particle",
    "surface_and_porosity",
    "white_line_offset",
]
