"""
Correlation against opening angle
=================================

Supplementary Fig. 4 of the paper with what it needs to be believed: the grey band is what chance
gives, because two smooth fields correlate even if they know nothing of each other. r rises with the
opening angle for that reason alone.
"""

import numpy as np

from nmcx import cones, correlation, phantom, plot

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
