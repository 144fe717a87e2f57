"""
Edge energy in depth and along lines
====================================

From spectra of every voxel to the figure of the bulk: the particle cut open, a section, the
distribution at each depth below the surface with its trend, and lines from surface to centre.
"""

import numpy as np

from nmcx import morphology, phantom, plot, xanes

stack = phantom.particle(seed=1).energy_stack
edges = xanes.fit_edges(stack.energy_ev, stack.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640))
particle = morphology.segment(edges.edge_jump, voxel_size_um=stack.voxel_size_um)
energy = np.where(edges.ok, edges.edge_energy_ev, np.nan)
plot.bulk_figure(energy, particle)

# %%
# Over the outer two micrometres the edge falls with depth beyond doubt; over all depths it does not
# fall in a straight line, and the interval of the slope says so.
for deepest in (2.0, None):
    trend = morphology.depth_trend(energy, particle, max_depth_um=deepest)
    low, high = trend.interval_95
    where = "to the centre" if deepest is None else f"to {deepest:.0f} µm"
    print(f"{where}: {trend.slope_per_um:+.3f} eV/µm [{low:+.3f}, {high:+.3f}]")
