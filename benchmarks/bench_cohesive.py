"""Interface elements: forces and matrices of the walls of a ball of 60 grains."""

import numpy as np

from nmcx import _core, chemomechanics, mesh
from nmcx.materials import NMC811


class CohesiveWalls:
    """Walls apart by up to the final opening, so that most points soften."""

    params = ("linear", "quadratic")
    param_names = ("facets",)

    def setup_cache(self):
        return mesh.ball(5e-6, n_grains=60, size=0.8e-6, seed=1)

    def setup(self, body, facets):
        nodes = mesh.midside_nodes(body) if facets == "quadratic" else body
        walls = np.ascontiguousarray(nodes.interfaces)
        self.walls = _core.CohesiveWalls(
            np.ascontiguousarray(nodes.points),
            walls,
            [chemomechanics.cohesive_law(NMC811).kernel()],
            np.zeros(len(walls), dtype=np.int64),
            _core.FacetQuadrature.nodal,
        )
        self.state = self.walls.initial_state()
        self.apart = 2.5e-9 * np.random.default_rng(3).standard_normal(nodes.points.size)

    def time_force(self, body, facets):
        self.evaluate(_core.TangentKind.none)

    def time_secant(self, body, facets):
        self.evaluate(_core.TangentKind.secant)

    def time_consistent(self, body, facets):
        self.evaluate(_core.TangentKind.consistent)

    def evaluate(self, tangent):
        return self.walls.evaluate(self.apart, self.state, tangent, threads=1)
