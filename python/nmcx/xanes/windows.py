"""Where the curves of an edge fit are fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx import _core


@dataclass(frozen=True)
class FitWindows:
    """What `fit_edges` was asked to fit where."""

    pre_edge: tuple[float, float]  #: [eV]
    post_edge: tuple[float, float]  #: [eV]
    pre_degree: int
    post_degree: int
    level: float
    peak_half_width_ev: float
    shape_mu: tuple[float, ...] = ()  #: mean spectrum whose shape is imposed; empty: none

    def core(self) -> _core.EdgeModel:
        """The same for the kernels."""
        return _core.EdgeModel(
            self.pre_edge,
            self.post_edge,
            self.pre_degree,
            self.post_degree,
            self.level,
            self.peak_half_width_ev,
            list(self.shape_mu),
        )

    def inside(self, energy_ev: NDArray[np.float64], which: str) -> NDArray[np.bool_]:
        """Which energies lie in the "pre" or "post" window."""
        low, high = self.pre_edge if which == "pre" else self.post_edge
        return np.asarray((energy_ev >= low) & (energy_ev <= high))
