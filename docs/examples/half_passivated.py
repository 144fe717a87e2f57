"""
Half a surface passivated
=========================

A particle of Table 1 is charged with and without a layer on one half of its surface, and with and
without electrolyte in its cracks: four simulations that differ in nothing else.

The paper gives the radius, the crystal's moduli and diffusivities, C_max, and the strength and
toughness of grain boundaries. *Ours* are: a disc instead of a ball, its grains and their axes, the
layer's thickness, the rate, the lattice strain's table, the stiffness of boundaries, kinetics and
potential, and what opens, blocks and fills a crack (*Lithium and cracks together*). How much hangs
on them is the subject of *What hangs on the unknowns*.
"""

import tempfile
from pathlib import Path

import numpy as np

from nmcx import chemomechanics as cm
from nmcx import materials, mesh, plot

# %%
# The layer, 50 nm thick, covers the half to the right. Stress does not drive lithium here
# (``stress_drive="none"``), which is a fifth of the work.
grains = mesh.disc(5e-6, n_grains=40, size=0.3e-6, seed=1)
parameters = materials.NMC811
full = parameters.max_concentration
centre = grains.points[grains.surface].mean(axis=1)
half = centre[:, 0] > 0
layer = np.where(half, cm.layer_conductance(50e-9, parameters.diffusivity_layer), np.inf)


def charged(layer_conductance, wetting):
    return cm.simulate(
        grains, parameters, protocol=cm.Charge(1.0, until=0.6), states=14,
        surface=cm.ButlerVolmer(layer_conductance=layer_conductance),
        coupling=cm.Coupling(stress_drive="none", wetting=wetting),
    )  # fmt: skip


histories = {
    "bare, cracks dry": charged(np.inf, False),
    "bare, cracks fill": charged(np.inf, True),
    "half layer, cracks dry": charged(layer, False),
    "half layer, cracks fill": charged(layer, True),
}
passivated = {name: half for name in histories if name.startswith("half")}
contents = [0.85, 0.7, 0.6]


def compared(field):
    return plot.coupled_comparison(
        grains, histories, field=field, max_concentration=full, contents=contents,
        passivated=passivated,
    )  # fmt: skip


# %%
# Lithium, less its mean, at three states of charge. The potential stands below each map.
figure = compared("lithium")

# %%
# Hoop stress: what pulls at cracks that point to the centre.
figure = compared("hoop_stress")

# %%
# Damage of the walls between grains; on a blue ground those that the electrolyte has filled.
figure = compared("damage")

# %%
# In numbers, at the end of charge.
for name, history in histories.items():
    spread = (history.highest[-1] - history.lowest[-1]) / full
    right, left = (
        np.mean(history.concentration[-1][np.sign(grains.points[:, 0]) == side]) / full
        for side in (1, -1)
    )
    print(
        f"{name:>24}: {history.potential[-1]:.3f} V, x right − left {right - left:+.3f}, "
        f"spread of x {spread:.3f}, dissipated {history.dissipated[-1]:.2e} J/m, "
        f"reactive area × {history.reactive_area[-1] / history.reactive_area[0]:.2f}"
    )

# %%
# The last one, as it goes. ParaView plays ``io.write_history``.
path = Path(tempfile.mkdtemp()) / "half_passivated.gif"
animation = plot.animate(
    grains, histories["half layer, cracks fill"], path, max_concentration=full, passivated=half
)
