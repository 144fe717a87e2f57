"""
Cracks that let lithium out
===========================

A particle is charged while half of its surface carries a passivation layer. Its grains strain, pull
their boundaries apart, and what opens up to the surface fills with electrolyte and reacts.
"""

import matplotlib.pyplot as plt
import numpy as np

from nmcx import chemomechanics as cm
from nmcx import materials, mesh, plot

# %%
# A small particle of the brittle set (ours), charged at 1C. The layer, 40 nm thick, covers the half
# to the right; what the paper does not give is our default, see *Lithium and cracks together*.
grains = mesh.disc(2.5e-6, n_grains=30, size=0.2e-6, seed=1)
parameters = materials.NMC811_BRITTLE
centre = grains.points[grains.surface].mean(axis=1)
layer = np.where(
    centre[:, 0] > 0, cm.layer_conductance(40e-9, parameters.diffusivity_layer), np.inf
)
charge = cm.Charge(1.0, until=0.4)

couplings = {
    "one way, as in the paper": cm.Coupling.one_way(),
    "open walls keep lithium in": cm.Coupling(wetting=False),
    "… and fill if they reach the surface": cm.Coupling(),
}
histories = {
    name: cm.simulate(
        grains, parameters, protocol=charge, coupling=coupling, states=10,
        surface=cm.ButlerVolmer(layer_conductance=layer),
    )
    for name, coupling in couplings.items()
}  # fmt: skip

# %%
# Lithium at the end of charge, on one scale. Without the electrolyte lithium has to find its way
# around the cracks; with it, it leaves through them.
figure, axes = plt.subplots(1, 3, figsize=(13.5, 4.6), layout="constrained")
full = parameters.max_concentration
last = np.concatenate([history.concentration[-1] for history in histories.values()]) / full
for ax, (name, history) in zip(axes, histories.items(), strict=True):
    plot.coupled_section(
        grains, history, max_concentration=full, limits=(last.min(), last.max()), title=name, ax=ax
    )

# %%
# What that does to the electrode, and to the area that reacts.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for name, history in histories.items():
    content = history.mean_concentration / full
    left.plot(content, history.potential, label=name)
    right.plot(content, history.reactive_area / history.reactive_area[0], label=name)
left.set(xlabel="mean c / C_max", ylabel="potential against lithium [V]")
right.set(xlabel="mean c / C_max", ylabel="reactive area / outer surface")
for ax in (left, right):
    ax.invert_xaxis()
left.legend(loc="upper left", fontsize=8)
for name, history in histories.items():
    print(f"{name:>38}: {history.potential[-1]:.3f} V, porosity {history.crack_porosity[-1]:.2%}")
