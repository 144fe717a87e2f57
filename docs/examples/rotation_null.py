"""
Why a textbook p-value is not enough
====================================

Forty particles whose surface map has *nothing* to do with their cracks. The textbook formula takes
every direction for an independent one and finds "significant" correlations nearly everywhere;
rotating the map over the particle does not.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from nmcx import cones, correlation, phantom

directions = cones.fibonacci_directions(1000)
half_angle = np.deg2rad([10, 20, 30])
textbook, rotation = [], []
for seed in range(1, 41):
    particle, values = phantom.surface_and_porosity(seed, correlated=False)
    porosity = cones.cone_porosity(particle, directions, half_angle)
    scan = correlation.angle_scan(values, porosity, n_null=199, seed=seed)
    n_point = values.values.size
    t = scan.pearson[1] * np.sqrt((n_point - 2) / (1 - scan.pearson[1] ** 2))
    textbook.append(2 * stats.t.sf(abs(t), n_point - 2))
    rotation.append(scan.p_value[1])

print(f"p < 0.05 by the textbook: {np.mean(np.array(textbook) < 0.05):.0%} of 40 trials")
print(f"p < 0.05 by rotation:     {np.mean(np.array(rotation) < 0.05):.0%} of 40 trials")

figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
bins = np.linspace(0, 1, 21)
axes.hist(textbook, bins, color="#d55e00", alpha=0.7, label="textbook")
axes.hist(rotation, bins, color="#0072b2", alpha=0.7, label="rotation null")
axes.axvline(0.05, color="0.3", linestyle=":")
axes.set(xlabel="p-value without any correlation", ylabel="particles")
axes.legend(frameon=False)
