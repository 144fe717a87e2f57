"""Stress that drives lithium: what the last equilibria say of it, for the steps in between.

With ψ = σ:∂ε/∂x / (C R T), x = c / C, the flux is J = −D [∇c − C m(x) ∇ψ]. The mobility m follows
from the chemical potential that lithium is given: of an open-circuit potential, of an ideal lattice
gas, or of a dilute one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.crystal_load import grain_of_node
from nmcx.chemomechanics.patch_fit import PatchFit
from nmcx.chemomechanics.potential_table import FARADAY, GAS_CONSTANT, potential_table
from nmcx.materials import Parameters, Swelling, polycrystal_moduli
from nmcx.results import Mesh

# Contents so far apart tell how the swelling itself changes, over the kinks of a lattice table [1].
_APART = 0.01

#: What `Coupling.stress_drive` may be.
STRESS_DRIVES = ("none", "open_circuit", "ideal", "dilute")


def mobility_table(parameters: Parameters, kind: str) -> Doubles:
    """Mobility m = 1 / (d(μ/RT)/dx) at x = 0 … 1 in even steps, μ without stress."""
    potential, slope = potential_table(parameters)
    x = np.linspace(0.0, 1.0, len(potential))
    if kind == "ideal":
        return x * (1.0 - x)
    if kind == "dilute":
        return x
    rise = -slope * FARADAY / (GAS_CONSTANT * parameters.temperature)
    if not (rise > 0).all():
        raise ValueError(
            "stress_drive='open_circuit' needs an open_circuit_potential that falls with x "
            "throughout; stress_drive='ideal' needs none"
        )
    return np.asarray(1.0 / rise)


class Pull(NamedTuple):
    """∇ψ and ψ apart from what lithium itself relieves: ψ = at_nodes − relief_at_nodes x."""

    pull: Doubles  #: (m, d) [1/m]
    at_nodes: Doubles  #: (n_node,) [1]
    relief: Doubles  #: (m,) fall of ψ with x at fixed strain elsewhere, ≥ 0 [1]
    relief_at_nodes: Doubles  #: (n_node,) [1]

    def at(self, x: Doubles) -> Doubles:
        """(n_node,) ψ at the nodes, of contents x there."""
        return np.asarray(self.at_nodes - self.relief_at_nodes * x)

    def towards(self, end: Pull, share: float) -> Pull:
        """Part of the way to another."""
        return Pull(*(a + share * (b - a) for a, b in zip(self, end, strict=True)))


@dataclass(frozen=True)
class StressOverTime:
    """Stress between two moments, straight from what it is at one to the other."""

    mobility: Doubles  #: (r,) m at x = 0 … 1
    begin: float  #: [s]
    end: float  #: [s]
    first: Pull
    last: Pull

    def at(self, time: float) -> Pull:
        """At a moment in between; after the end as there."""
        share = (time - self.begin) / (self.end - self.begin)
        return self.first.towards(self.last, min(share, 1.0))


class StressReader:
    """Reads from the stress of a polycrystal what it does to lithium."""

    def __init__(self, mesh: Mesh, parameters: Parameters, swelling: Swelling) -> None:
        self._mesh, self._swelling = mesh, swelling
        self._fit = PatchFit(mesh)
        self._crystal = grain_of_node(mesh)
        self._is_layer = mesh.grain == mesh.layer_grain
        self._scale = parameters.max_concentration * GAS_CONSTANT * parameters.temperature
        self._moduli = polycrystal_moduli(parameters.elasticity()).hill

    def slope(self, x: Doubles) -> Doubles:
        """(m, 6) dε/dx of each cell, the mean of its corners, none in a layer [1]."""
        lithium = self._swelling.table.lithium
        within = np.clip(x, lithium[0], lithium[-1])
        nodal = self._swelling.tensor(
            within, self._mesh.orientation, crystal=self._crystal, derivative=True
        )
        slope = nodal[self._mesh.cells].mean(axis=1)
        slope[self._is_layer] = 0.0
        return np.asarray(slope)

    def relief(self, stress: Doubles, x: Doubles) -> Doubles:
        """(m,) how fast ψ falls with x: a small region that swells, at a stress that bends [1]."""
        # Swelling that lessens with content lowers ψ at a given stress too.
        rest = _relief(self.slope(x), self._moduli.bulk, self._moduli.shear)
        bend = (self.slope(x + _APART) - self.slope(x - _APART)) / (2.0 * _APART)
        rest += np.maximum(0.0, -np.einsum("mv,mv->m", stress, bend))
        return np.asarray(rest / self._scale)

    def pull(self, stress: Doubles, x: Doubles) -> Pull:
        """What (m, 6) stresses at (n_node,) contents do.

        Stress and content go through the same fit: what is noise of the mesh in the one then meets
        the same in the other, and nothing is left to pull where they cancel.
        """
        relief = self.relief(stress, x)
        potential = np.einsum("mv,mv->m", stress, self.slope(x)) / self._scale
        content = x[self._mesh.cells].mean(axis=1)
        fit = self._fit
        at_nodes = np.maximum(fit.at_nodes(relief), 0.0)
        return Pull(
            pull=fit.slopes(potential) + relief[:, None] * fit.slopes(content),
            at_nodes=fit.at_nodes(potential) + at_nodes * fit.at_nodes(content),
            relief=relief,
            relief_at_nodes=at_nodes,
        )


def _relief(slope: Doubles, bulk: float, shear: float) -> Doubles:
    """Energy that a ball in an infinite body keeps of a misfit, twice, after Eshelby [Pa]."""
    poisson = (3.0 * bulk - 2.0 * shear) / (2.0 * (3.0 * bulk + shear))
    kept_volume = 1.0 - (1.0 + poisson) / (3.0 * (1.0 - poisson))
    kept_shape = 1.0 - 2.0 * (4.0 - 5.0 * poisson) / (15.0 * (1.0 - poisson))
    volume = slope[:, :3].sum(axis=1)
    shape = slope.copy()
    shape[:, :3] -= volume[:, None] / 3.0
    # Engineering shears: half of their square counts twice.
    square = (shape[:, :3] ** 2).sum(axis=1) + 0.5 * (shape[:, 3:] ** 2).sum(axis=1)
    return np.asarray(kept_volume * bulk * volume**2 + kept_shape * 2.0 * shear * square)
