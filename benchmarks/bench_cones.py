"""Exact cone counts: 256³ ball (7.3 M voxels), 3,000 directions, 10 half-angles of 5…50°."""

import numpy as np

from nmcx import cones
from nmcx.results import Particle


class ConePorosity:
    def setup(self):
        z, y, x = np.ogrid[:256, :256, :256]
        envelope = (z - 127.5) ** 2 + (y - 127.5) ** 2 + (x - 127.5) ** 2 < 120.3**2
        void = np.random.default_rng(1).random(envelope.shape) < 0.05
        self.particle = Particle(envelope & ~void, envelope, (0.05, 0.05, 0.05))
        self.directions = cones.fibonacci_directions(3000)
        self.half_angle = np.deg2rad(np.arange(5, 51, 5))

    def time_serial(self):
        cones.cone_porosity(self.particle, self.directions, self.half_angle, threads=1)

    def time_all_cores(self):
        cones.cone_porosity(self.particle, self.directions, self.half_angle)

    def peakmem_all_cores(self):
        cones.cone_porosity(self.particle, self.directions, self.half_angle)
