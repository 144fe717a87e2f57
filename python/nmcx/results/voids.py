"""Voids of a particle one by one, and how porosity depends on the choices of a segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results.base import Bool, Float, Result, quantity


@dataclass(frozen=True)
class PorositySensitivity(Result):
    """Porosity against the threshold, and against the closing radius; NaN where nothing is left."""

    threshold: Float = quantity("", "threshold")  #: (n_threshold,) in the unit of the volume
    porosity_of_threshold: Float = quantity("1", "threshold")  #: (n_threshold,)
    closing_radius_um: Float = quantity("µm", "radius")  #: (n_radius,) [µm]
    porosity_of_radius: Float = quantity("1", "radius")  #: (n_radius,)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: the choices made, for comparison


@dataclass(frozen=True)
class VoidLabels(Result):
    """Pores and cracks one by one, the largest first."""

    labels: NDArray[np.int32] = quantity("1", "z y x")  #: (nz, ny, nx) 1 … n_void, 0 elsewhere
    volume_um3: Float = quantity("µm³", "void")  #: (n_void,) [µm³]
    #: (n_void, 3) axes of the ellipsoid with the same moments of inertia, longest first [µm]
    length_um: Float = quantity("µm", "void extent")
    thickness_um: Float = quantity("µm", "void")  #: (n_void,) diameter of the largest inner ball
    is_crack: Bool = quantity("", "void")  #: (n_void,) thin for its extent; see `settings`
    connected_to_surface: Bool = quantity("", "void")  #: (n_void,) touches the outside by a face
    centroid_um: Float = quantity("µm", "void zyx")  #: (n_void, 3) [µm]
    voxel_size_um: tuple[float, float, float] = quantity("µm", default=(1.0, 1.0, 1.0))
    settings: Mapping[str, Any] = field(default_factory=dict)  #: connectivity, rule for cracks

    @property
    def elongation(self) -> Float:
        """(n_void,) longest extent over the middle one, at least 1."""
        return np.asarray(self.length_um[:, 0] / self.length_um[:, 1])

    @property
    def flatness(self) -> Float:
        """(n_void,) middle extent over the shortest one, at least 1."""
        return np.asarray(self.length_um[:, 1] / self.length_um[:, 2])
