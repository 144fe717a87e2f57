"""Single spectra: one energy scale for a series of scans; peaks of soft X-ray edges."""

from __future__ import annotations

from nmcx.spectra.calibration import calibrate
from nmcx.spectra.l3 import l3_ratio
from nmcx.spectra.normalisation import divide_by_i0, normalise_soft
from nmcx.spectra.pre_edge import pre_edge_area
from nmcx.spectra.suppression import suppression

__all__ = [
    "calibrate",
    "divide_by_i0",
    "l3_ratio",
    "normalise_soft",
    "pre_edge_area",
    "suppression",
]
