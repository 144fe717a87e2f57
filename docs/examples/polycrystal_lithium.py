"""
Lithium in a polycrystal
========================

A particle of the model: grains with crystal axes of their own, and lithium that leaves through a
surface at one electrode potential. Lithium moves ten times more slowly along a grain's c axis than
across it, so that the map of lithium shows the grains.
"""

import numpy as np

from nmcx import chemomechanics, materials, mesh, plot

# %%
# Grains of 1.2 µm in a disc of 5 µm; the walls between them are rows of edges of the mesh.
grains = mesh.disc(5e-6, grain_size=1.2e-6, size=0.25e-6, seed=1)
print(mesh.quality(grains))
figure = plot.orientation_map(grains).figure

# %%
# A charge at C/2 from x = 0.95. Every facet of the surface sees the same potential, and takes what
# the concentration behind it allows.
parameters = materials.NMC811
history = chemomechanics.diffuse(
    grains,
    parameters,
    initial=0.95 * parameters.max_concentration,
    boundary=chemomechanics.ButlerVolmer(c_rate=0.5),
    times=np.linspace(200.0, 4000.0, 20),
)
print(f"largest imbalance of lithium in any step: {np.abs(history.balance).max():.1e}")
figure = plot.lithium_map(
    grains,
    history.concentration[-1],
    max_concentration=parameters.max_concentration,
    title=f"after {history.times[-1]:.0f} s",
).figure

# %%
# Where the planes of a grain at the surface lead inwards, more lithium leaves.
figure = plot.surface_flux(grains, history.surface_flux[-1]).figure

# %%
figure = plot.state_of_charge(history, max_concentration=parameters.max_concentration)
