"""What is raised when the surface is asked for what it cannot give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import ConvergenceError
from nmcx.results import TransportHistory


class ImpossibleDemand(ConvergenceError):
    """A prescribed flux or current that would empty a part of the surface, or overfill it.

    The states up to then are kept in `history`, whose last time is that of the failure.
    """

    def __init__(
        self,
        message: str,
        *,
        time: float,
        facet: int,
        position: NDArray[np.float64],
        concentration: float,
        limit: float,
        history: TransportHistory | None = None,
    ) -> None:
        where = ", ".join(f"{1e6 * x:.3g}" for x in position)
        super().__init__(
            f"{message}surface facet {facet} at ({where}) µm would need a concentration of "
            f"{concentration:.4g} mol/m³ at t = {time:.6g} s, outside 0 … {limit:g}; lower the rate "
            "or thin the layer"
        )
        self.time = time  #: [s]
        self.facet = facet  #: row of the mesh's surface
        self.position = position  #: (d,) its centre [m]
        self.concentration = concentration  #: that it would need [mol/m³]
        self.history = history  #: everything up to the failure
