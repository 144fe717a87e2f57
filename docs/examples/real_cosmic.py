"""
Real: a drifting STXM pair from ALS COSMIC
==========================================

Two transmission images of a cathode particle at the Ni L3 edge. The sample moved by about a quarter
of the field between them, so there is no ratio map without registration. How well is the drift
known?
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from nmcx import io, plot, surface
from nmcx.results import Shift

data = Path(os.environ["NMCX_REAL_DATA"])
stack = io.read_stxm(data / "cosmic-stxm" / "stxm-scan.hdr")
print(stack.energy_ev, stack.counts.shape, *stack.notes, sep="\n")

# %%
# The images as they were measured.
low, high = surface.split(stack)
plot.scans(low, high)

# %%
# Registered on the optical density, and the ratio with its standard error. There are only two
# energies: no spectrum, and no scan below the edge, so the map is diluted towards ½. The support,
# presumably without nickel, lies near that half.
ratio = surface.xi_map(low, high, mode="transmission")
print(*ratio.notes, sep="\n")
# sphinx_gallery_thumbnail_number = 2
plot.surface_figure(ratio)

# %%
# What is left of the drift, in two ways that do not agree. The dipoles at the edges of the ratio
# map are within two of their standard errors: the fine structure, by which the drift was measured,
# lies on itself. The whole optical densities ask for a third of a pixel more. Either chemistry
# that varies across the particle passes for a shift there, or the fine structure itself differs
# between the energies; two images cannot tell which. The standard error of the drift, 0.25 px along
# each axis, holds this disagreement and so covers both.
dipole = surface.edge_dipole(ratio)
whole = surface.register(ratio.low, ratio.high, variation=1)
print(f"drift removed      {ratio.shift.dy:.2f}, {ratio.shift.dx:.2f} ± {ratio.shift.std:.2f} px")
print(f"left, edge dipole  {dipole.dy:+.2f} ± {dipole.dy_std:.2f}", end=", ")
print(f"{dipole.dx:+.2f} ± {dipole.dx_std:.2f} px")
print(f"left, whole images {whole.dy:+.2f}, {whole.dx:+.2f} ± {whole.std:.2f} px")

# %%
# What the disagreement does to the map: ξ with the drift of the whole images less ξ as above. The
# particle gets dipoles at its rim and its grains. They exceed the error of the counts there, which
# does not include the drift's: differences across an edge of this map are not to be trusted.
other = Shift(ratio.shift.dy + whole.dy, ratio.shift.dx + whole.dx, whole.std)
again = surface.xi_map(low, high, mode="transmission", shift=other)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
shown = plot.xi_error(ratio, ax=left)
width = ratio.xi.shape[1] * ratio.pixel_size_um[1]
height = ratio.xi.shape[0] * ratio.pixel_size_um[0]
drawn = right.imshow(
    again.xi - ratio.xi, origin="lower", interpolation="nearest", extent=(0, width, 0, height),
    cmap="RdBu_r", vmin=-0.06, vmax=0.06,
)  # fmt: skip
right.set_title("ξ with the other drift less ξ", fontsize=10)
right.set(xticks=[], yticks=[], facecolor="0.88")
plot.scale_bar(right, width)
bar = figure.colorbar(drawn, ax=right, label="difference of ξ [1]", extend="both")
on_particle = ratio.valid & (ratio.low > 0.3)
moved = np.abs(again.xi - ratio.xi)[on_particle]
counted = ratio.xi_std[on_particle]
print(f"on the particle: median error of the counts {np.median(counted):.4f},", end=" ")
print(f"median move {np.nanmedian(moved):.4f}, 90 % below {np.nanpercentile(moved, 90):.4f}")
