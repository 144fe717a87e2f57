"""
A surface map from three scans
==============================

Two electron-yield scans on the peaks of Ni L3 and a third below the edge, of a particle whose truth
is known: part of it lies under carbon, and the sample drifted between the scans.
``surface.xi_map`` removes the drift, subtracts the background and gives every pixel its error.
"""

import matplotlib.pyplot as plt
import numpy as np

from nmcx import phantom, plot, spectra, surface

made = phantom.pair_scans(seed=4, counts=4000, shape=(90, 90), carbon=0.2)
plot.scans(made.low, made.high)

# %%
# A spectrum of the same material says whether the scans lie on the peaks, and what an error of
# 0.1 eV of the monochromator, common to both scans, would do to the map.
spectrum = spectra.normalise_soft(phantom.soft_spectra(seed=1).nickel_tey[0])
doublet = surface.find_doublet(spectrum.energy_ev, spectrum.mu)
print(f"peaks at {doublet.low_ev:.2f} ± {doublet.low_std_ev:.2f} eV", end=" ")
print(f"and {doublet.high_ev:.2f} ± {doublet.high_std_ev:.2f} eV")

xi = surface.xi_map(
    made.low, made.high, background=made.background, spectrum=spectrum, energy_std_ev=0.1
)
print(*xi.notes, sep="\n")
# sphinx_gallery_thumbnail_number = 2
plot.surface_figure(xi, spectrum=spectrum)

# %%
# The truth beside. Without the third scan, carbon passes for nickel at ξ = ½ and the whole map is
# diluted towards it; with it, pixels that hold too little nickel carry no number.
diluted = surface.xi_map(made.low, made.high)
maps = {
    "truth, nickel alone": np.where(made.nickel_share > 0.05, made.xi, np.nan),
    "with background scan": xi.xi,
    "without": diluted.xi,
}
width = xi.xi.shape[1] * xi.pixel_size_um[1]
field = {"origin": "lower", "interpolation": "nearest", "extent": (0, width, 0, width)}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
for panel, (title, values) in zip(axes, maps.items(), strict=True):
    drawn = panel.imshow(values, **field, vmin=0.47, vmax=0.68)
    panel.set(title=title, xticks=[], yticks=[], facecolor="0.88")
    plot.scale_bar(panel, width)
bar = figure.colorbar(drawn, ax=axes, label="ξ [1]", extend="both")

# %%
# Errors are those of counting: the pulls are one wide.
for name, found, truth in (("with", xi, made.xi), ("without", diluted, made.raw_xi)):
    seen = found.valid & made.bare
    pull = (found.xi - truth)[seen] / found.xi_std[seen]
    print(f"{name} background: width of the pulls {np.std(pull):.2f}, {seen.sum()} bare pixels")
