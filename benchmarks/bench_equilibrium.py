"""Equilibrium of polycrystals: a factorisation and a solution with it, and walls that crack."""

import numpy as np

from nmcx import _core, chemomechanics, mesh
from nmcx.chemomechanics.elastic_kernel import elastic_kernel
from nmcx.materials import NMC811


class Factorisation:
    """Order of elimination, factor and solution of a stiffness that is there; grains are tied."""

    params = ("2-D, 5,000", "2-D, 20,000")
    param_names = ("cells",)

    def setup_cache(self):
        return {
            "2-D, 5,000": mesh.disc(5e-6, n_grains=50, size=0.19e-6, seed=1),
            "2-D, 20,000": mesh.disc(5e-6, n_grains=50, size=0.095e-6, seed=1),
        }

    def setup(self, bodies, cells):
        body = bodies[cells]
        self.kernel, n = elastic_kernel(
            body, NMC811, plane="generalised_plane_strain", order=1, threads=1
        )
        self.eigenstrain = 1e-3 * np.random.default_rng(3).standard_normal((n, 6))
        self.free = np.full((n, 2), np.nan), np.zeros((n, 2))

    def time_equilibrium(self, bodies, cells):
        self.solve()

    def peakmem_equilibrium(self, bodies, cells):
        self.solve()

    def solve(self):
        return _core.elastic_equilibrium(self.kernel, self.eigenstrain, *self.free, threads=1)


class Cracking:
    """Thirty grains until their first walls soften: a factor for every few matrices."""

    def setup_cache(self):
        return mesh.disc(5e-6, n_grains=30, size=0.3e-6, seed=101)

    def time_path(self, body):
        chemomechanics.equilibrium(
            body, NMC811, 0.8 * NMC811.max_concentration, walls="cohesive", max_step=0.05, threads=1
        )
