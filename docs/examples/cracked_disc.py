"""
Grains that pull apart
======================

A charged particle shrinks along some crystal axes and swells along others. Where two grains meet at
an angle they pull their boundary apart, until it breaks.
"""

from nmcx import chemomechanics, materials, mesh, plot

# %%
# From x = 1, free of stress, to x = 0.2 with Table 1's strength and toughness. Steps are as long as
# their energies add up; where softening outruns the load the body jumps.
grains = mesh.disc(5e-6, n_grains=20, size=0.4e-6, seed=1)
parameters = materials.NMC811
state = chemomechanics.equilibrium(
    grains, parameters, 0.2 * parameters.max_concentration, walls="cohesive"
)
steps = state.steps
print(f"{len(steps.t)} steps, {(steps.newton + steps.secant).sum()} iterations")
for name, energy in state.energies.items():
    print(f"{name:>10} {energy: .3e} J/m")

# %%
# What boundaries have spent, of 1 J/m², and what holds the grains.
figure = plot.cracked_section(grains, state, title="x = 0.2").figure

# %%
# Facets that have spent half of it and more, and whether their cracks reach the surface.
broken = state.dissipated >= 0.5 * parameters.fracture_energy
print(f"{broken.mean():.0%} of the facets; crack porosity {state.crack_porosity:.3%}")
cracks = chemomechanics.crack_network(grains, state)
print(f"{len(cracks.area)} cracks, {cracks.reaches_surface.sum()} of them reach the surface")
