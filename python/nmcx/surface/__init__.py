"""Soft X-ray surface maps: drift between two scans, and the ratio map xi with its error.

The electron yield at two energies of the Ni L3 doublet gives xi = I_high / (I_low + I_high) per
pixel. The scans are taken one after the other, so the drift between them comes off first.
"""

from nmcx.surface.ratio import xi_map
from nmcx.surface.registration import register, resampled
from nmcx.surface.scans import split
from nmcx.surface.stack_alignment import align_stack
from nmcx.surface.valence import relative_valence

__all__ = ["align_stack", "register", "relative_valence", "resampled", "split", "xi_map"]
