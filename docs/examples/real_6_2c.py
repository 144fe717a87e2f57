"""
Real: nickel in secondary particles, SSRL 6-2c
==============================================

Full-field frames of NCA particles below and above the Ni K-edge. Their headers say energy 0.0 and
an old pixel size; nmcx takes the energy from the file names and the pixel size from the zone plate,
and says so.
"""

import os
from pathlib import Path

import numpy as np

from nmcx import io, plot, txm

data = Path(os.environ["NMCX_REAL_DATA"])
frames = io.read_frames(data / "ssrl-6-2c")
print(*frames.notes, sep="\n")

# %%
# Optical density from sample and reference frames, with its variance.
density = txm.optical_density(frames)
print(density.energy_ev, (1000 * density.pixel_size_um).round(2), "nm")

# %%
# What nickel adds between 8324 and 8354 eV: the particles stand out.
jump = density.od[1] - density.od[0]
noise = np.sqrt(np.nanmedian(density.variance.sum(axis=0)))
print(f"median jump {np.nanmedian(jump):.3f}, noise per pixel {noise:.3f}")
plot.optical_density(density)
