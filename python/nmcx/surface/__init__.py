"""Soft X-ray surface maps: drift between two scans, and the ratio map xi with its error.

The electron yield at two energies of the Ni L3 doublet gives xi = I_high / (I_low + I_high) per
pixel. The scans are taken one after the other, so the drift between them comes off first.
"""

from nmcx.spectra.doublet import find_doublet
from nmcx.surface.dipole import edge_dipole
from nmcx.surface.doublet import select_pair
from nmcx.surface.ratio import xi_map
from nmcx.surface.registration import register, resampled
from nmcx.surface.scans import split
from nmcx.surface.sensitivity import energy_sensitivity
from nmcx.surface.stack_alignment import align_stack
from nmcx.surface.valence import calibrated_valence, relative_valence

__all__ = [
    "align_stack",
    "calibrated_valence",
    "edge_dipole",
    "energy_sensitivity",
    "find_doublet",
    "register",
    "relative_valence",
    "resampled",
    "select_pair",
    "split",
    "xi_map",
]
