"""
Where does the map lie on the particle?
=======================================

A surface map was taken of a particle in a pose that nobody wrote down. The envelope of the tomogram
is reprojected until it looks like the map; the spread of the pose comes with it. A rounder particle
gives its rotation away less surely, a ball not at all: then `ambiguous` is set, and the rotation
that the posterior prefers is a wrong one, however narrow the peak. It must not be believed.
"""

import matplotlib.pyplot as plt
import numpy as np

from nmcx import correlation, phantom

figure, axes = plt.subplots(2, 3, figsize=(9, 5.6), layout="constrained")
for bumps, row in zip((0.08, 0.0), axes, strict=True):
    made = phantom.placed_map(4, bumps=bumps, map_shape=(48, 48))
    pose = correlation.fit_pose(made.xi_map, made.particle, view=made.view)
    error = np.degrees((pose.rotation - made.rotation + np.pi) % (2 * np.pi) - np.pi)
    print(
        f"lumps of {bumps:.0%}: rotation off by {error:+.1f}°, "
        f"spread {np.degrees(pose.std[2]):.1f}°, ambiguous: {pose.ambiguous}, Dice {pose.dice:.3f}"
    )

    seen = made.xi_map.low + made.xi_map.high
    limits = {"origin": "lower", "cmap": "gray", "vmin": 0, "vmax": np.quantile(seen, 0.995)}
    row[0].imshow(seen, **limits)
    # Half-way between background and limb lies the reprojected silhouette.
    row[0].contour(pose.image, [0.5 * np.median(pose.image[seen > seen.mean()])], colors="#d55e00")
    row[0].set(xticks=[], yticks=[], ylabel=f"lumps of {bumps:.0%}")
    row[1].imshow(pose.image, **limits)
    row[1].set(xticks=[], yticks=[])
    rotation = np.degrees(pose.samples[:, 2] - made.rotation)
    row[2].hist((rotation + 180) % 360 - 180, np.linspace(-180, 180, 73), color="#0072b2")
    row[2].axvline(0, color="#d55e00")
    row[2].set(xlabel="rotation less the true one [°]", yticks=[], xticks=[-180, -90, 0, 90, 180])
axes[0, 0].set_title("map, outline of the best pose", fontsize=10)
axes[0, 1].set_title("reprojection", fontsize=10)
axes[0, 2].set_title("posterior of the rotation", fontsize=10)
