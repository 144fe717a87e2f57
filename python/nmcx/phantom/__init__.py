"""Synthetic measurements with known answers, for documentation, tests and benchmarks."""

from __future__ import annotations

from nmcx.phantom.foil import FoilSeries, foil_curve, foil_series
from nmcx.phantom.measurement import particle, surface_and_porosity
from nmcx.phantom.misaligned import MisalignedStack, misaligned_stack
from nmcx.phantom.modelled import ModelledParticle, modelled_particle
from nmcx.phantom.pair_scans import PairScans, pair_scans
from nmcx.phantom.placed import PlacedMap, placed_map
from nmcx.phantom.records import Phantom, Truth
from nmcx.phantom.soft_spectra import SoftSpectra, soft_spectra
from nmcx.phantom.spectra import (
    EdgeShape,
    EdgeSpectra,
    edge_curve,
    edge_energies,
    edge_ramp,
    edge_spectra,
    white_line_offset,
)
from nmcx.phantom.thickness import BallProjection, ball_projection, with_harmonics

__all__ = [
    "BallProjection",
    "EdgeShape",
    "EdgeSpectra",
    "FoilSeries",
    "MisalignedStack",
    "ModelledParticle",
    "PairScans",
    "Phantom",
    "PlacedMap",
    "SoftSpectra",
    "Truth",
    "ball_projection",
    "edge_curve",
    "edge_energies",
    "edge_ramp",
    "edge_spectra",
    "foil_curve",
    "foil_series",
    "misaligned_stack",
    "modelled_particle",
    "pair_scans",
    "particle",
    "placed_map",
    "soft_spectra",
    "surface_and_porosity",
    "white_line_offset",
    "with_harmonics",
]
