"""
The particle in space
=====================

Surface map, porosity and one cone on the skin of a particle, to be turned by mouse, finger or
keyboard. A click points the cone; sliders open it and let look inside. The page holds mesh, numbers
and viewer and asks nothing of a network: it can be sent by mail, and lies in every report of
``nmcx run``.
"""

import numpy as np

from nmcx import cones, correlation, phantom, plot

particle, seen = phantom.surface_and_porosity(
    seed=1, correlated=True, shape=(96, 96, 96), voxel_size_um=0.125, map_shape=(56, 56)
)
half_angle = np.deg2rad(np.arange(5, 51, 5))
porosity = cones.cone_porosity(particle, cones.fibonacci_directions(2000), half_angle)
scan = correlation.angle_scan(seen, porosity, n_null=199)
page = plot.scene_html(
    particle, surface=seen, cones=porosity, scan=scan, title="Synthetic NMC811 particle"
)
# To a file: pathlib.Path("particle.html").write_text(page, encoding="utf-8")
page

# %%
# Its size is that of the mesh, whatever the volume: the skin is coarsened to some 40,000 triangles.
print(f"{len(page) / 1e6:.2f} MB")
