"""What solvers that users bring along give back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles


@dataclass(frozen=True)
class OutsideEquilibrium:
    """As `_core.ElasticEquilibrium`."""

    displacement: Doubles
    section_strain: Doubles
    state: _core.ElasticState
    iterations: int
    residual: float


def outside_equilibrium(
    kernel: _core.Elasticity,
    solver: _core.ElasticSolver,
    x: Doubles,
    eigenstrain: Doubles,
    iterations: int,
    residual: float,
    threads: int,
) -> OutsideEquilibrium:
    """Displacements and stress of a vector of unknowns."""
    n_inner = len(solver.held)
    section = np.zeros(3)
    section[: len(x) - n_inner] = x[n_inner:]
    state = kernel.state(x, eigenstrain, threads)
    return OutsideEquilibrium(solver.displacement(x), section, state, iterations, residual)
