"""Meshes of polycrystals: balls and discs of Voronoi grains, and images of grain labels."""

import numpy as np

from nmcx import mesh


class Ball:
    params = (2_500, 9_000)
    param_names = ("n_cell",)

    def setup(self, n_cell):
        self.size = {2_500: 1.2e-6, 9_000: 0.8e-6}[n_cell]

    def time_ball(self, n_cell):
        mesh.ball(5e-6, n_grains=8, size=self.size, seed=1)

    def peakmem_ball(self, n_cell):
        mesh.ball(5e-6, n_grains=8, size=self.size, seed=1)


class Disc:
    params = (2_000, 8_000)
    param_names = ("n_cell",)

    def setup(self, n_cell):
        self.size = {2_000: 0.3e-6, 8_000: 0.15e-6}[n_cell]

    def time_disc(self, n_cell):
        mesh.disc(5e-6, n_grains=30, size=self.size, seed=1)


class FromLabels:
    """A ball of Voronoi grains as voxels, meshed with edges of 2.5 of them."""

    params = (16, 24)
    param_names = ("n_voxel_per_side",)

    def setup(self, n_voxel_per_side):
        n = n_voxel_per_side
        place = np.stack(np.mgrid[:n, :n, :n], axis=-1) - (n - 1) / 2
        seeds = np.random.default_rng(1).uniform(-0.4 * n, 0.4 * n, (8, 3))
        distance = np.linalg.norm(place[..., None, :] - seeds, axis=-1)
        inside = np.linalg.norm(place, axis=-1) < 0.45 * n
        self.labels = np.where(inside, 1 + distance.argmin(axis=-1), 0)

    def time_from_labels(self, n_voxel_per_side):
        mesh.from_labels(self.labels, 0.05, size=0.125e-6)

    def peakmem_from_labels(self, n_voxel_per_side):
        mesh.from_labels(self.labels, 0.05, size=0.125e-6)
