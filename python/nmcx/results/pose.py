"""Where a surface map lies on the particle, and what follows from not knowing it exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nmcx.results.base import Float, Result, quantity


@dataclass(frozen=True)
class Pose(Result):
    """Placement of a surface map on the particle, with its posterior distribution.

    The six parameters, in the order of `covariance` and `samples`, are the tilt (upwards, to the
    right) [rad], the rotation [rad], the offset (upwards, to the right) [µm] and the scale [1].
    """

    view: tuple[float, float, float] = quantity("1")  #: nominal, towards the beam (z, y, x)
    tilt: tuple[float, float] = quantity("rad")  #: of the view (upwards, to the right) [rad]
    rotation: float = quantity("rad")  #: of the map, anticlockwise, within ±π [rad]
    offset_um: tuple[float, float] = quantity("µm")  #: of the map (upwards, to the right) [µm]
    scale: float = quantity("1")  #: true over nominal pixel size [1]
    #: (6, 6) of the posterior around the best pose, all its modes; in rad, µm and 1
    covariance: Float = quantity("", "parameter parameter")
    samples: Float = quantity("", "draw parameter")  #: (n, 6) drawn from the posterior
    dice: float = quantity("1")  #: overlap of the map's silhouette and the reprojected one
    log_likelihood: float = quantity("1")  #: of the residuals at the best pose, to a constant
    #: the silhouette and shading leave a second, different rotation possible
    ambiguous: bool = quantity("")
    image: Float = quantity("", "y x")  #: (ny, nx) the map as the best pose predicts it
    settings: Mapping[str, Any] = field(default_factory=dict)  #: options, modes, noise model
    notes: tuple[str, ...] = ()  #: what was assumed or left out

    @property
    def std(self) -> Float:
        """(6,) standard deviation of each parameter [rad, rad, rad, µm, µm, 1]."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def as_options(self) -> dict[str, Any]:
        """The best pose as the options of `nmcx.correlation.place` and `robustness`."""
        return {
            "view": self.view,
            "tilt": self.tilt,
            "rotation": self.rotation,
            "offset_um": self.offset_um,
            "scale": self.scale,
        }


@dataclass(frozen=True)
class Robustness(Result):
    """Correlation against opening angle for placements turned away from the given one."""

    half_angle: Float = quantity("rad", "angle")  #: (n_angle,) half-opening angles [rad]
    pearson: Float = quantity("1", "turn angle")  #: (n_turn, n_angle), the given placement first
    turns: Float = quantity("rad", "turn axis")  #: (n_turn, 3) about view, up and right [rad]
    band: Float = quantity("1", "angle bound")  #: (n_angle, 2) least and largest of `pearson`
    #: (n_sample, n_angle) for placements drawn from a posterior, or None
    sampled: Float | None = quantity("1", "draw angle", default=None)
    #: (n_angle, 2) middle 95 % of `sampled`, or None
    sampled_band: Float | None = quantity("1", "angle bound", default=None)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: placement, angles, counts
    notes: tuple[str, ...] = ()  #: placements that could not be correlated
