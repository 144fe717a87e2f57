"""
False edge shifts, and how alignment removes them
=================================================

A particle of one valence everywhere, imaged while the stage drifts by 3 pixels between energies and
a pixel grows with the energy. As measured, three pixels of four show no edge at all, and those next
to a crack or a rim one that is shifted by an electronvolt. Aligned, the map is flat to its noise.
"""

import matplotlib.pyplot as plt
import numpy as np

from nmcx import phantom, plot, txm, xanes

series = phantom.misaligned_stack(1, noise=0.01)
aligned = txm.align_energies(series.images)
stack = aligned.stack
windows = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640)}
images = series.images
before = xanes.fit_edges(images.energy_ev, images.od, **windows)
after = xanes.fit_edges(stack.energy_ev, stack.mu, variance=stack.variance, **windows)

error = aligned.shift_px - series.shift_px
error -= error.mean(axis=0)  # where the particle is as a whole nobody knows
print(f"drift found to {error.std():.3f} px")

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for panel, edges, title in zip(axes, (before, after), ("as measured", "aligned"), strict=True):
    shift = np.where(edges.ok, edges.edge_energy_ev - 8344.3, np.nan)
    drawn = panel.imshow(shift, cmap="RdBu_r", vmin=-1, vmax=1)
    panel.set(title=f"{title}, {edges.ok.sum()} pixels", xticks=[], yticks=[], facecolor="0.88")
figure.colorbar(drawn, ax=axes, label="error of the edge energy [eV]", extend="both")

# %%
# What was removed at each energy, and what is left of it, with its standard error. Before the edge
# the particle has little contrast, and the error is larger.

plot.alignment(aligned)
