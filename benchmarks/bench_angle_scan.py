"""Correlation against opening angle with its rotation null."""

import numpy as np

from nmcx import correlation
from nmcx.results import ConePorosity, SurfaceValues


def sphere(n):
    i = np.arange(n) + 0.5
    z = 1 - 2 * i / n
    ring, turn = np.sqrt(1 - z**2), np.pi * (1 + 5**0.5) * i
    return np.stack([z, ring * np.sin(turn), ring * np.cos(turn)], axis=1)


class AngleScan:
    params = ([1000, 4000], [4000, 15000])
    param_names = ("n_direction", "n_point")

    def setup(self, n_direction, n_point):
        directions, points = sphere(n_direction), sphere(4 * n_point)
        points = points[points[:, 2] > 0.5]
        half_angle = np.deg2rad(np.arange(5.0, 51.0, 5.0))
        porosity = 0.2 + 0.02 * np.cos(9 * directions[:, :1]) * np.ones(half_angle.size)
        count = np.full(porosity.shape, 1000)
        n = len(points)
        self.cones = ConePorosity(porosity, count, count, directions, half_angle)
        self.patch = SurfaceValues(
            0.5 + 0.05 * np.sin(8 * points[:, 1]),
            np.full(n, 0.02),
            points,
            np.zeros(n),
            5 * points,
            np.ones(n),
        )

    def time_angle_scan(self, n_direction, n_point):
        correlation.angle_scan(self.patch, self.cones, n_null=999)

    def peakmem_angle_scan(self, n_direction, n_point):
        correlation.angle_scan(self.patch, self.cones, n_null=999)
