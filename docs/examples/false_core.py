"""
A core that is not there
========================

Radiographs of a thick ball of one chemistry. Five photons of a harmonic for every hundred wanted
ones give it a reduced core. ``xanes.thickness_effect`` sees that the white line gets lower without
moving, finds the fraction of harmonics and says how much of the shift it explains.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from nmcx import phantom, xanes

windows = {"pre_edge": (8240, 8320), "post_edge": (8380, 8650)}
ball = phantom.ball_projection(harmonics=0.05, edge_jump=1.5, noise=0.01, seed=1)
edges = xanes.fit_edges(ball.energy_ev, ball.mu, **windows)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of what it finds
    effect = xanes.thickness_effect(ball.energy_ev, ball.mu, edges)
print(f"harmonics: {effect.fraction:.3f} ± {effect.fraction_std:.3f}, flagged: {effect.flagged}")

clean = xanes.without_harmonics(ball.mu, effect.fraction)
corrected = xanes.fit_edges(ball.energy_ev, clean, **windows)
maps = {"as measured": edges, "harmonics taken out": corrected}

figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
limits = np.linspace(0.2, 1.0, 9)
for panel, (title, found), colour in zip(axes, maps.items(), ("#d55e00", "#0072b2"), strict=False):
    error = np.where(found.ok, found.edge_energy_ev - 8344.0, np.nan)
    drawn = panel.imshow(error, cmap="RdBu_r", vmin=-0.3, vmax=0.3)
    panel.set(title=title, xticks=[], yticks=[], facecolor="0.88")
    which = np.digitize(ball.thickness, limits)
    median = [np.nanmedian(error[which == k]) for k in range(1, limits.size)]
    axes[2].plot(0.5 * (limits[1:] + limits[:-1]), median, "o-", color=colour, label=title)
figure.colorbar(drawn, ax=axes[:2], label="error of the edge energy [eV]", extend="both")
expected = [np.nanmedian(effect.edge_shift_ev[which == k]) for k in range(1, limits.size)]
axes[2].plot(0.5 * (limits[1:] + limits[:-1]), expected, "--", color="0.3", label="explained")
axes[2].axhline(0, color="0.7", linewidth=0.8, zorder=0)
axes[2].set(xlabel="path in the ball / diameter", ylabel="median error [eV]")
axes[2].legend(frameon=False)
