"""
The whole chain on a particle with known truth
==============================================

What ``nmcx demo`` does, step by step and small enough for a page.
"""

import numpy as np

from nmcx import cones, correlation, morphology, phantom, plot, surface, xanes

made = phantom.particle(seed=1, shape=(60, 56, 58), voxel_size_um=0.2, map_shape=(48, 48))

# %%
# Surface: two scans, registered, and their ratio.
xi = surface.xi_map(made.low, made.high)
plot.xi_map(xi)

# %%
# Bulk: an edge energy per voxel.
stack = made.energy_stack
edges = xanes.fit_edges(stack.energy_ev, stack.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640))
particle = morphology.segment(edges.edge_jump, voxel_size_um=stack.voxel_size_um)
plot.edge_map(edges, particle=particle)

# %%
# Edge energy against depth: the surface of this charged particle is more oxidised than its core.
profile = morphology.depth_profile(edges.edge_energy_ev, particle)
plot.depth_profile(profile)

# %%
# Surface against bulk: porosity in cones, and its correlation with ξ.
directions = cones.fibonacci_directions(1500)
porosity = cones.cone_porosity(particle, directions, np.deg2rad(np.arange(10, 51, 5)))
truth = made.truth
on_surface = correlation.place(
    xi, particle, view=truth.view, rotation=truth.rotation, offset_um=truth.offset_um
)
scan = correlation.angle_scan(on_surface, porosity, n_null=499, seed=1)
plot.correlation_figure(scan, surface=on_surface, cones=porosity, particle=particle)
