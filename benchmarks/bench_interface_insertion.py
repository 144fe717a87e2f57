"""Walls of 300 grains cut into 200,000 random tetrahedra."""

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from nmcx import mesh


class InterfaceInsertion:
    def setup(self):
        random = np.random.default_rng(1)
        self.points = random.random((30_000, 3)) * 1e-5
        cells = Delaunay(self.points).simplices.astype(np.int64)
        corners = self.points[cells]
        volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
        self.cells = cells[volume > 1e-6 * volume.mean()]
        seeds = cKDTree(random.random((300, 3)) * 1e-5)
        nearest = seeds.query(self.points[self.cells].mean(axis=1))[1]
        self.grain = np.unique(nearest, return_inverse=True)[1]
        self.orientation = mesh.random_orientations(self.grain.max() + 1, seed=1)
        self.mesh = self.time_assemble()

    def time_assemble(self):
        return mesh.assemble(self.points, self.cells, self.grain, self.orientation)

    def time_midside_nodes(self):
        mesh.midside_nodes(self.mesh)

    def time_quality(self):
        mesh.quality(self.mesh)
