"""
Can this edge map be trusted?
=============================

The quick look that ``nmcx edges`` writes beside its result, here for a synthetic particle: the
map, the two histograms, the noise, why voxels were refused, and the nine worst of the other fits. A
misplaced window or a glitch shows in the nine spectra before it shows in the map.
"""

from nmcx import phantom, plot, xanes

made = phantom.particle(seed=1, shape=(40, 36, 38), voxel_size_um=0.3, map_shape=(32, 32))
stack = made.energy_stack
edges = xanes.fit_edges(stack.energy_ev, stack.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640))
std = edges.edge_energy_std_ev
worst = std.ravel()[plot.worst_voxels(edges)]
print(
    f"{edges.ok.sum()} usable voxels, standard error {std[edges.ok].mean():.2f} eV,",
    f"of the nine worst up to {worst.max():.1f} eV",
)
plot.edge_quicklook(stack.energy_ev, stack.mu, edges, voxel_size_um=stack.voxel_size_um)
