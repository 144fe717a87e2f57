"""
How precise is an edge energy?
==============================

The standard errors nmcx reports are the ones that are found, for both energies and at every noise
level. Which of the two is the more precise depends on the spectrum: a steep edge favours the
half-jump, a sharp white line the white line. The kink is no accident: above a noise of 1/60 of the
jump the parabola of the white line reaches further, which steadies it.
"""

import matplotlib.pyplot as plt
import numpy as np

from nmcx import phantom, xanes

noise_levels = np.array([0.005, 0.01, 0.02, 0.03, 0.05])
found: dict[str, list[float]] = {"half-jump": [], "white line": []}
reported: dict[str, list[float]] = {"half-jump": [], "white line": []}
for noise in noise_levels:
    made = phantom.edge_spectra(20_000, noise=noise, seed=1)
    edges = xanes.fit_edges(made.energy_ev, made.mu, pre_edge=(8230, 8320), post_edge=(8380, 8640))
    for name, energy, std, true in (
        ("half-jump", edges.edge_energy_ev, edges.edge_energy_std_ev, made.edge_energy_ev),
        ("white line", edges.white_line_ev, edges.white_line_std_ev, made.white_line_ev),
    ):
        error = (energy - true)[edges.ok]
        low, high = np.percentile(error, [15.9, 84.1])
        found[name].append((high - low) / 2)
        reported[name].append(float(np.median(std[edges.ok])))

figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
for name, colour in (("half-jump", "#0072b2"), ("white line", "#d55e00")):
    axes.plot(noise_levels, found[name], "o", color=colour, label=f"{name}, found")
    axes.plot(noise_levels, reported[name], "-", color=colour, label=f"{name}, reported")
axes.set(xlabel="noise of one point / edge jump", ylabel="standard error [eV]")
axes.set(xscale="log", yscale="log", xticks=noise_levels, xticklabels=noise_levels)
axes.set(yticks=[0.02, 0.05, 0.1, 0.2], yticklabels=[0.02, 0.05, 0.1, 0.2])
axes.minorticks_off()
axes.legend(frameon=False)
