"""The open-circuit potential as kernels take it: evenly spaced over all contents."""

from __future__ import annotations

import numpy as np

from nmcx.chemomechanics.boundary import Doubles
from nmcx.materials import Parameters, PotentialTable

FARADAY = 96485.33212  # C/mol
GAS_CONSTANT = 8.314462618  # J/mol/K
N_ROW = 2001  # of the table; the steepest part of the potential is 0.1 wide


def potential_table(parameters: Parameters) -> tuple[Doubles, Doubles]:
    """U [V] and dU/dx at c / C_max = 0 … 1; straight on beyond the rows of a measured table."""
    x = np.linspace(0.0, 1.0, N_ROW)
    potential = parameters.open_circuit_potential
    first, last = 0.0, 1.0
    if isinstance(potential, PotentialTable):
        first, last = potential.lithium[0], potential.lithium[-1]
    within = np.clip(x, first, last)
    values = np.asarray(potential(within), dtype=np.float64)
    if values.shape != x.shape or not np.isfinite(values).all():
        raise ValueError("open_circuit_potential must give a finite potential for every x in 0 … 1")
    step = 1e-3 * (last - first)
    at_first = float(potential(first + step) - potential(first)) / step
    at_last = float(potential(last) - potential(last - step)) / step
    values = values + np.where(x < first, at_first * (x - first), 0.0)
    values = values + np.where(x > last, at_last * (x - last), 0.0)
    return values, np.ascontiguousarray(np.gradient(values, x, edge_order=2))
