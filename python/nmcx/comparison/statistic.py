"""What was asked of the measurement, asked of the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation import angle_scan, observed_correlation
from nmcx.results import AngleScan, ConePorosity, SurfaceValues

_Float = NDArray[np.float64]


@dataclass(frozen=True)
class Statistic:
    """Correlation of a map with any porosity, by the options of the measured one."""

    surface_values: SurfaceValues
    cones: ConePorosity
    measured: AngleScan | None

    def curve(self, porosity: _Float) -> _Float:
        """(n_angle,) r."""
        asked = self._options("matched", "weighted", "min_points")
        return observed_correlation(self.surface_values, self._of(porosity), **asked)

    def scan(self, porosity: _Float) -> AngleScan:
        """With p-values."""
        asked = self._options("matched", "weighted", "min_points", "null", "n_null", "seed")
        return angle_scan(self.surface_values, self._of(porosity), **asked)

    def _of(self, porosity: _Float) -> ConePorosity:
        return replace(self.cones, porosity=porosity)

    def _options(self, *names: str) -> dict[str, Any]:
        # A scan that was made by hand says nothing of its options: they are the defaults.
        told = {} if self.measured is None else self.measured.settings
        return {name: told[name] for name in names if name in told}
