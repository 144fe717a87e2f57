"""Segmentation, depth and profiles of a 256³ ball with cracks."""

import numpy as np

from nmcx import _core, cones, morphology


class Morphology:
    def setup(self):
        z, y, x = np.ogrid[:256, :256, :256]
        ball = (z - 127.5) ** 2 + (y - 127.5) ** 2 + (x - 127.5) ** 2 < 110**2
        rng = np.random.default_rng(1)
        self.volume = ball + rng.normal(0, 0.1, ball.shape).astype(np.float32)
        self.particle = morphology.Particle(ball, ball, (0.05, 0.05, 0.05))
        solid = ball & ~((y % 16 < 2) & (z > 40) & (x % 20 < 15))
        self.cracked = morphology.Particle(solid, ball, (0.05, 0.05, 0.05))
        self.energy = rng.normal(8345.0, 0.3, ball.shape).astype(np.float32)
        self.directions = cones.fibonacci_directions(200)

    def time_segment(self):
        morphology.segment(self.volume, voxel_size_um=0.05)

    def time_segment_soft_with_rays(self):
        morphology.segment(self.volume, voxel_size_um=0.05, envelope="rays", soft=True)

    def time_label_voids(self):
        morphology.label_voids(self.cracked)

    def time_distance_transform(self):
        _core.distance_transform(self.particle.solid, np.array([0.05, 0.04, 0.06]), 0)

    def time_depth(self):
        morphology.depth(self.particle)

    def time_depth_serial(self):
        morphology.depth(self.particle, threads=1)

    def time_depth_profile(self):
        morphology.depth_profile(self.energy, self.particle)

    def time_line_profiles(self):
        morphology.line_profiles(self.energy, self.particle, self.directions)
