"""What is raised when the surface is asked for what it cannot give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.errors import ConvergenceError
from nmcx.results import TransportHistory


class CutOff(Exception):
    """A state is past the potential at which its part of the protocol ends; never leaves nmcx."""


class TransportFailure(ConvergenceError):
    """A run that could not go on; the states up to then are kept."""

    def __init__(self, message: str, *, time: float, history: TransportHistory | None = None):
        super().__init__(message)
        self.time = time  #: [s]
        self.history = history  #: everything up to the failure


class ImpossibleDemand(TransportFailure):
    """A prescribed flux or current that would empty a part of the surface, or overfill it.

    The states up to then are kept in `history`.
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
            f"{concentration:.4g} mol/m³ at t = {time:.6g} s, outside 0 … {limit:g}; lower the "
            "rate or thin the layer",
            time=time,
            history=history,
        )
        self.facet = facet  #: row of the mesh's surface
        self.position = position  #: (d,) its centre [m]
        self.concentration = concentration  #: that it would need [mol/m³]
