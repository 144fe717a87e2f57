"""The imaged particle in the model, and the model beside the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results.base import Bool, Float, Result, quantity


@dataclass(frozen=True)
class LayerMap(Result):
    """Passivation layer of each surface facet of a mesh, from a map of ξ, and how sure it is."""

    thickness: Float = quantity("m", "facet")  #: (s,) at the most likely ξ [m]
    draws: Float = quantity("m", "draw facet")  #: (n_draw, s) layers as likely as each other [m]
    is_seen: Bool = quantity("1", "facet")  #: (s,) whether the map shows the facet
    xi: Float = quantity("1", "facet")  #: (s,) most likely ξ
    xi_std: Float = quantity("1", "facet")  #: (s,) its standard deviation
    xi_bare: float = quantity("1")  #: ξ from which on there is no layer
    xi_thickest: float = quantity("1")  #: ξ down from which the layer is thickest
    settings: Mapping[str, Any] = field(default_factory=dict)  #: how it was made

    def conductance(self, diffusivity: float, draw: int | None = None) -> NDArray[np.float64]:
        """(s,) D_L / h [m/s] of the most likely layer, or of a draw; infinite where there is none.

        Raises
        ------
        ValueError
            If the diffusivity [m²/s] is not positive and finite.
        """
        if not 0.0 < diffusivity < np.inf:
            raise ValueError(f"diffusivity must be positive and finite, not {diffusivity}")
        h = np.asarray(self.thickness if draw is None else self.draws[draw], dtype=np.float64)
        with np.errstate(divide="ignore"):
            return np.asarray(diffusivity / h)
