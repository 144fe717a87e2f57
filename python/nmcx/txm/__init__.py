"""Full-field transmission microscopy: from detector frames to aligned optical density."""

from __future__ import annotations

from nmcx.txm.alignment import align_energies
from nmcx.txm.optical_density import optical_density
from nmcx.txm.photon_transfer import photon_transfer

__all__ = ["align_energies", "optical_density", "photon_transfer"]
