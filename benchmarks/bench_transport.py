"""Transport of lithium: matrices, one implicit step and a short charge of discs and balls."""

import numpy as np

from nmcx import chemomechanics, mesh
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.materials import NMC811

#: Maker and edges [m] of the meshes, by dimension and number of cells.
MESHES = {
    "2-D, 2,000": (mesh.disc, 0.3e-6),
    "2-D, 8,000": (mesh.disc, 0.15e-6),
    "3-D, 2,500": (mesh.ball, 1.2e-6),
    "3-D, 9,000": (mesh.ball, 0.8e-6),
}


class OnPolycrystals:
    params = tuple(MESHES)
    param_names = ("cells",)

    def setup_cache(self):
        return {
            cells: make(5e-6, n_grains=8, size=size, seed=1)
            for cells, (make, size) in MESHES.items()
        }


class DiffusionStep(OnPolycrystals):
    """Matrices, and a step of Δt = h² / D_ab from random values, solved to 1e-8."""

    def setup(self, bodies, cells):
        body, d = bodies[cells], bodies[cells].dimension
        self.tensors = np.ascontiguousarray(NMC811.diffusivity_tensor(body.orientation)[:, :d, :d])
        self.kernel = Domain(body, NMC811, solver=SolverOptions("iterative", threads=1)).kernel
        self.walls = np.full(len(body.interfaces), np.inf), np.zeros(len(body.interfaces))
        n = self.kernel.size
        self.rate = NMC811.diffusivity_ab / MESHES[cells][1] ** 2
        self.start = np.random.default_rng(3).random(n)
        self.closed = np.zeros(n), np.zeros(n), np.full(n, np.nan)

    def time_assembly(self, bodies, cells):
        self.kernel.assemble(self.tensors, *self.walls, threads=1)

    def time_step(self, bodies, cells):
        self.step()

    def peakmem_step(self, bodies, cells):
        self.step()

    def track_iterations(self, bodies, cells):
        return self.step().iterations

    def step(self):
        history = self.rate * self.start
        return self.kernel.step(self.rate, history, *self.closed, self.start, 1e-8, threads=1)


class Charge(OnPolycrystals):
    """A minute at 1 C with Butler–Volmer kinetics, steps by the error."""

    def time_charge(self, bodies, cells):
        chemomechanics.diffuse(
            bodies[cells],
            NMC811,
            initial=0.9 * NMC811.max_concentration,
            boundary=chemomechanics.ButlerVolmer(c_rate=1.0),
            times=[60.0],
            threads=1,
        )
