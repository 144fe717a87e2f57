"""
Real: a drifting STXM pair from ALS COSMIC
==========================================

Two transmission images of a cathode particle at the Ni L3 edge. The sample moved by about a quarter
of the field between them, so there is no ratio map without registration.
"""

import os
from pathlib import Path

from nmcx import io, plot, surface

data = Path(os.environ["NMCX_REAL_DATA"])
stack = io.read_stxm(data / "cosmic-stxm" / "stxm-scan.hdr")
print(stack.energy_ev, stack.counts.shape, *stack.notes, sep="\n")

# %%
# The images as they were measured.
low, high = surface.split(stack)
plot.scans(low, high)

# %%
# Registered on the optical density, and the ratio with its standard error.
ratio = surface.xi_map(low, high, mode="transmission")
print(f"drift: {ratio.shift.dy:.2f}, {ratio.shift.dx:.2f} ± {ratio.shift.std:.2f} px")
plot.xi_map(ratio)
