"""The particle, its profiles, cones and their correlation with the surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results.base import Bool, Float, Int, Result, quantity


def voxel_spacing(voxel_size_um: float | tuple[float, ...]) -> tuple[float, float, float]:
    """(dz, dy, dx) from a number or three numbers [µm].

    Raises
    ------
    ValueError
        If there are not one or three numbers, or one is not positive and finite.
    """
    spacing = (
        np.broadcast_to(np.asarray(voxel_size_um, dtype=float), (3,))
        if np.size(voxel_size_um) in (1, 3)
        else np.array([np.nan] * 3)
    )
    if not (np.all(np.isfinite(spacing)) and np.all(spacing > 0)):
        raise ValueError(
            f"voxel_size_um must be a positive number or (dz, dy, dx), not {voxel_size_um}"
        )
    return float(spacing[0]), float(spacing[1]), float(spacing[2])


@dataclass(frozen=True)
class Particle(Result):
    """A segmented particle; its void is what the envelope holds besides solid."""

    solid: Bool = quantity("", "z y x")  #: (nz, ny, nx)
    envelope: Bool = quantity("", "z y x")  #: (nz, ny, nx) the particle with its pores filled
    voxel_size_um: tuple[float, float, float] = quantity(
        "µm", default=(1.0, 1.0, 1.0)
    )  #: (dz, dy, dx)
    centre_um: tuple[float, float, float] = quantity(
        "µm", default=None
    )  #: (z, y, x) [µm]; None: centroid
    #: (nz, ny, nx) solid part of each voxel, 0…1, or None where a voxel is solid or not
    solid_fraction: NDArray[np.float32] | None = quantity("1", "z y x", default=None)

    def __post_init__(self) -> None:
        solid = np.asarray(self.solid, dtype=bool)
        envelope = np.asarray(self.envelope, dtype=bool)
        if solid.ndim != 3 or solid.shape != envelope.shape:
            raise ValueError(
                f"solid {solid.shape} and envelope {envelope.shape} must be 3-D and of one shape"
            )
        if self.solid_fraction is not None:
            fraction = np.asarray(self.solid_fraction, dtype=np.float32)
            if fraction.shape != solid.shape:
                raise ValueError(
                    f"solid_fraction {fraction.shape} must have the shape of solid {solid.shape}"
                )
            object.__setattr__(self, "solid_fraction", fraction)
        object.__setattr__(self, "solid", solid)
        object.__setattr__(self, "envelope", envelope)
        object.__setattr__(self, "voxel_size_um", voxel_spacing(self.voxel_size_um))
        if self.centre_um is None:
            object.__setattr__(self, "centre_um", self._centroid())
        elif np.shape(self.centre_um) != (3,) or not np.all(np.isfinite(self.centre_um)):
            raise ValueError(
                f"centre_um must be three finite numbers (z, y, x), not {self.centre_um}"
            )

    def _centroid(self) -> tuple[float, float, float]:
        # Of the envelope, not of the solid: an uneven porosity must not move the apex of the cones.
        n_voxel = np.count_nonzero(self.envelope)
        if n_voxel == 0:
            raise ValueError("envelope is empty: nothing was segmented; check the threshold")
        centre = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            per_plane = self.envelope.sum(axis=others, dtype=np.int64)
            mean = float(per_plane @ np.arange(per_plane.size) / n_voxel)
            centre.append(mean * self.voxel_size_um[axis])
        return centre[0], centre[1], centre[2]

    @property
    def void(self) -> Bool:
        """(nz, ny, nx) true in the pores and cracks: envelope and not solid."""
        return self.envelope & ~self.solid

    @property
    def porosity(self) -> float:
        """Void fraction of the envelope [1]."""
        return float(np.count_nonzero(self.void) / np.count_nonzero(self.envelope))

    @property
    def soft_porosity(self) -> float:
        """Mean of 1 − `solid_fraction` over the envelope [1]; NaN without it.

        A crack thinner than a voxel counts by its volume. Fractions that are NaN are no solid.
        """
        if self.solid_fraction is None:
            return float("nan")
        inside = np.nan_to_num(self.solid_fraction[self.envelope].astype(np.float64), nan=0.0)
        return float(1.0 - np.clip(inside, 0.0, 1.0).mean())


@dataclass(frozen=True)
class DepthProfile(Result):
    """A quantity against depth below the surface: percentiles per depth bin."""

    depth_um: Float = quantity("µm", "depth")  #: (n_bin,) centre of each bin [µm]
    median: Float = quantity("", "depth")  #: (n_bin,) in the unit of the values
    median_std: Float = quantity("", "depth")  #: (n_bin,) standard error of the median
    interval_95: Float = quantity("", "depth bound")  #: (n_bin, 2) for the median
    percentiles: Float = quantity("", "depth level")  #: (n_bin, 4) at 5, 16, 84 and 95 %
    count: Int = quantity("1", "depth")  #: (n_bin,) voxels in each bin
    effective_count: Float = quantity("1", "depth")  #: (n_bin,) independent values they are worth
    histogram: Float = quantity("1", "value depth")  #: (n_value, n_bin) p(value | depth)
    value_edges: Float = quantity("", "value_edge")  #: (n_value + 1,) edges of the histogram
    unit: str = ""  #: unit of the values


@dataclass(frozen=True)
class LineProfiles(Result):
    """A quantity along lines from the surface to the centre, averaged over a cylinder."""

    distance_um: Float = quantity("µm", "sample")  #: (n_sample,) distance below the surface [µm]
    values: Float = quantity("", "line sample")  #: (n_line, n_sample), NaN past the centre
    std: Float = quantity("", "line sample")  #: (n_line, n_sample) standard error of each mean
    effective_count: Float = quantity("1", "line sample")  #: like `values`, independent voxels
    directions: Float = quantity("1", "line zyx")  #: (n_line, 3) unit vectors (z, y, x)
    surface_um: Float = quantity("µm", "line zyx")  #: (n_line, 3) starting points [µm]
    unit: str = ""  #: unit of the values


@dataclass(frozen=True)
class DepthTrend(Result):
    """Slope of the median of a quantity against depth below the surface."""

    slope_per_um: float = quantity("")  #: in the unit of the values per µm
    slope_std: float = quantity("")  #: its standard error
    interval_68: tuple[float, float] = quantity("")  #: of the slope
    interval_95: tuple[float, float] = quantity("")  #: of the slope
    intercept: float = quantity("")  #: of the line at the surface, in the unit of the values
    depth_um: Float = quantity("µm", "depth")  #: (n_bin,) bins the line goes through
    median: Float = quantity("", "depth")  #: (n_bin,) median of each
    unit: str = ""  #: unit of the values


@dataclass(frozen=True)
class ConePorosity(Result):
    """Porosity in cones from an apex, for every direction and every half-opening angle."""

    porosity: Float = quantity("1", "direction angle")  #: (n_direction, n_angle), NaN if empty
    void_voxels: NDArray[np.int64] = quantity("1", "direction angle")  #: (n_direction, n_angle)
    envelope_voxels: NDArray[np.int64] = quantity("1", "direction angle")  #: like `void_voxels`
    directions: Float = quantity("1", "direction zyx")  #: (n_direction, 3) unit vectors (z, y, x)
    half_angle: Float = quantity("rad", "angle")  #: (n_angle,) half-opening angle [rad]
    apex_um: tuple[float, float, float] = quantity("µm", default=(0.0, 0.0, 0.0))  #: (z, y, x)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: weight, soft
    #: (nearest, farthest) distance from the apex that counts
    radial_gate_um: tuple[float, float] = quantity("µm", default=(0.0, float("inf")))

    @property
    def porosity_std(self) -> Float:
        """(n_direction, n_angle) counting error sqrt(φ (1 − φ) / n) of unrelated voxels.

        Pores are larger than voxels: the spread between cones is larger than this.
        """
        p = np.clip(self.porosity, 0.0, 1.0)
        with np.errstate(all="ignore"):
            return np.asarray(np.sqrt(p * (1.0 - p) / self.envelope_voxels))

    @property
    def opening_angle(self) -> Float:
        """(n_angle,) full opening angle, twice `half_angle` [rad]."""
        return np.asarray(2.0 * self.half_angle)


@dataclass(frozen=True)
class AngleScan(Result):
    """Correlation of surface map and cone porosity against opening angle, with its null."""

    half_angle: Float = quantity("rad", "angle")  #: (n_angle,) [rad]
    pearson: Float = quantity("1", "angle")  #: (n_angle,)
    spearman: Float = quantity("1", "angle")  #: (n_angle,)
    interval: Float = quantity("1", "angle bound")  #: (n_angle, 2) 95 % for `pearson`
    p_value: Float = quantity("1", "angle")  #: (n_angle,) two-sided, from the null model
    p_family: float = quantity("1")  #: over all angles at once (max statistic)
    n_effective: Float = quantity("1", "angle")  #: (n_angle,) effective sample size
    null_band: Float = quantity("1", "angle bound")  #: (n_angle, 2) 95 % of the null's r
    spearman_p_value: Float | None = quantity("1", "angle", default=None)  #: (n_angle,)
    n_pair: Int | None = quantity("1", "angle", default=None)  #: (n_angle,) pairs that count
    #: (n_angle,) effective sample size from the autocovariance of both fields
    n_dutilleul: Float | None = quantity("1", "angle", default=None)
    #: (n_angle,) Student's t with `n_dutilleul`; quick, and only nearly right
    p_dutilleul: Float | None = quantity("1", "angle", default=None)
    partial: Float | None = quantity("1", "angle", default=None)  #: (n_angle,) given `covariates`
    partial_p_value: Float | None = quantity("1", "angle", default=None)  #: (n_angle,)
    #: where r stands out most from the null [rad]
    best_half_angle: float = quantity("rad", default=float("nan"))
    #: (2,) 95 % interval of `best_half_angle` [rad]
    best_interval: Float | None = quantity("rad", "bound", default=None)
    settings: Mapping[str, Any] = field(default_factory=dict)  #: null model, counts, seed

    @property
    def strongest(self) -> int:
        """Index of the angle where r stands out most from chance; largest r without a null."""
        if np.isfinite(self.best_half_angle):
            return int(np.argmin(np.abs(np.asarray(self.half_angle) - self.best_half_angle)))
        return int(np.nanargmax(np.abs(self.pearson)))

    @property
    def sign_convention(self) -> str:
        """What a negative correlation means."""
        return "xi falls where the surface is degraded, so r(xi, porosity) < 0 is expected"
