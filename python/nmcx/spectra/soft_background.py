"""Backgrounds of soft X-ray edges: arctan steps, and the pre-edge line with two steps of an L edge.

References
----------
J. Stöhr, "NEXAFS Spectroscopy" (1992), section 7.2: arctan and error-function steps. The heights of
the steps of L3 and L2 are as their 2p3/2 and 2p1/2 states, four and two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nmcx.spectra._sampling import Float, Samples

#: Distance of Ni L2 above L3 [eV]: 870.0 and 852.7 eV in the tables of binding energies.
SPIN_ORBIT_EV = 17.3


def arctan_step(energy_ev: ArrayLike, centre_ev: ArrayLike, width_ev: ArrayLike) -> Float:
    """Step from 0 to 1 whose half height is at `centre_ev`; it rises by half over 2 `width_ev`."""
    x = (np.asarray(energy_ev, dtype=np.float64) - np.asarray(centre_ev)) / np.asarray(width_ev)
    return np.asarray(0.5 + np.arctan(x) / np.pi)


def two_steps(energy_ev: ArrayLike, centre_ev: float, width_ev: float, split_ev: float) -> Float:
    """Steps of L3 and L2 in the ratio 2:1, together of height one."""
    first = arctan_step(energy_ev, centre_ev, width_ev)
    return np.asarray((2.0 * first + arctan_step(energy_ev, centre_ev + split_ev, width_ev)) / 3.0)


@dataclass(frozen=True)
class EdgeBackground:
    """Pre-edge polynomial and two steps, fitted where no peak is."""

    columns: Float  #: (n, n_coefficient) of all energies; the last is the steps
    solve: Float  #: (n_coefficient, n) takes a spectrum to its coefficients

    def of(self, intensity: Float) -> Float:
        """(n,) background of a spectrum."""
        return np.asarray(self.columns @ (self.solve @ intensity))

    def below(self, functional: Float) -> Float:
        """(n,) takes a spectrum to a linear functional of its background."""
        return np.asarray((functional @ self.columns) @ self.solve)


def edge_columns(
    energy: Float, centre_ev: float, width_ev: float, split_ev: float, degree: int
) -> Float:
    """Powers of the energy and both steps, one column each."""
    # Centred and scaled: powers of 850 eV would be nearly the same column.
    x = (energy - centre_ev) / 10.0
    steps = two_steps(energy, centre_ev, width_ev, split_ev)
    return np.column_stack([*(x**power for power in range(degree + 1)), steps])


def edge_background(data: Samples, columns: Float, flat: Float) -> EdgeBackground:
    """Least squares of the columns, weighted by the noise and by how flat a part is (0 to 1)."""
    used = np.flatnonzero(flat)
    weight = flat[used] / np.sqrt(data.variance[used])
    solve = np.zeros((columns.shape[1], data.energy_ev.size))
    solve[:, used] = np.linalg.pinv(columns[used] * weight[:, None]) * weight
    return EdgeBackground(columns, solve)
