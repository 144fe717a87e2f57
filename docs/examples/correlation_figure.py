"""
Correlation against opening angle
=================================

Supplementary Fig. 4 of the paper with what it needs to be believed: the grey band is what chance
gives, because two smooth fields correlate even if they know nothing of each other. r rises with the
opening angle for that reason alone.
"""

import numpy as np

from nmcx import cones, correlation, morphology, phantom, plot, surface

half_angle = np.deg2rad(np.arange(5, 51, 5))
directions = cones.fibonacci_directions(3000)


def compared(seed, correlated):
    particle, seen = phantom.surface_and_porosity(
        seed, correlated=correlated, shape=(96, 96, 96), voxel_size_um=0.125, map_shape=(56, 56)
    )
    porosity = cones.cone_porosity(particle, directions, half_angle)
    scan = correlation.angle_scan(seen, porosity, covariates=["incidence"])
    return plot.correlation_figure(scan, surface=seen, cones=porosity, particle=particle)


# %%
# A particle whose surface follows its cracks:
compared(seed=3, correlated=True)

# %%
# And one whose surface does not. The curve is as smooth, and at wide angles nearly as high.
compared(seed=3, correlated=False)

# %%
# A measured map is placed on the particle, and a nearly round silhouette hardly fixes how it is
# turned. The blue band is the same correlation with the map turned by up to 10° about any axis:
# where it reaches zero, it is the placement that decides.
made = phantom.particle(seed=2, shape=(80, 76, 78), voxel_size_um=0.15, map_shape=(56, 56))
xi = surface.xi_map(made.low, made.high)
jump = made.energy_stack.mu[-1] - made.energy_stack.mu[0]
particle = morphology.segment(jump, voxel_size_um=0.15)
porosity = cones.cone_porosity(particle, directions, half_angle)
pose = {name: getattr(made.truth, name) for name in ("view", "rotation", "offset_um")}
on_surface = correlation.place(xi, particle, **pose)
scan = correlation.angle_scan(on_surface, porosity)
turned = correlation.robustness(xi, particle, porosity, **pose)
plot.correlation_figure(
    scan, robustness=turned, surface=on_surface, cones=porosity, particle=particle
)
