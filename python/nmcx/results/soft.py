"""Scanned soft X-ray images and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmcx.results.base import Bool, Float, Result, quantity


@dataclass(frozen=True)
class StxmStack(Result):
    """Scanned soft X-ray images of one field at one or more energies."""

    counts: Float = quantity("", "energy y x")  #: (n_energy, ny, nx) in `units`
    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    x_um: Float = quantity("µm", "x")  #: (nx,) [µm]
    y_um: Float = quantity("µm", "y")  #: (ny,) [µm]
    #: time per pixel [s]; (n_energy,) where it differs between the images
    dwell_s: float | Float = quantity("s", "energy", default=float("nan"))
    notes: tuple[str, ...] = ()  #: what the reader assumed or repaired
    #: (n_energy,) counts or current of the incident beam, the mean over each image, or None
    i0: Float | None = quantity("1", "energy", default=None)
    detector: str = quantity("", default="")  #: "tey", "transmission", or "" if unknown
    units: str = quantity("", default="counts")  #: of `counts`; "A", "V" of an electrometer, "Hz"

    @property
    def unit(self) -> str:
        """Unit of `counts`, as `nmcx.io.save` looks for it."""
        return self.units

    def select(self, chosen: Any) -> StxmStack:
        """The images `chosen` (a slice or integer array), with the dwell and I0 of each."""

        def part(values: Any) -> Any:
            return values if values is None or np.ndim(values) == 0 else np.asarray(values)[chosen]

        return replace(
            self,
            counts=self.counts[chosen],
            energy_ev=part(self.energy_ev),
            dwell_s=one_or_each(part(self.dwell_s)),
            i0=part(self.i0),
        )

    @property
    def pixel_size_um(self) -> tuple[float, float]:
        """Mean spacing (dy, dx) [µm]; NaN along an axis of one point."""

        def spacing(axis: Float) -> float:
            return float(abs(axis[-1] - axis[0]) / (axis.size - 1)) if axis.size > 1 else np.nan

        return spacing(self.y_um), spacing(self.x_um)


def one_or_each(values: Any) -> Any:
    """A float where all `values` are one (or all unknown), else the array."""
    each = np.ravel(np.asarray(values, dtype=np.float64))
    same = each.size > 0 and bool(np.all((each == each[0]) | (np.isnan(each) & np.isnan(each[0]))))
    return float(each[0]) if same else each


@dataclass(frozen=True)
class Shift(Result):
    """Displacement of `moving` against `fixed`: moving(x) = fixed(x - shift)."""

    dy: float = quantity("px")  #: rows [px]
    dx: float = quantity("px")  #: columns [px]
    std: float = quantity("px")  #: standard error of each component [px]
    #: of the whole-pixel match against chance [standard deviations]; 0 where none was made
    significance: float = quantity("1", default=0.0)


@dataclass(frozen=True)
class Affine(Result):
    """Linear map: moving(centre + matrix (x - centre) + offset) = fixed(x).

    The centre is that of the image, ((ny - 1) / 2, (nx - 1) / 2); coordinates are (row, column).
    """

    matrix: Float = quantity("1", "row column")  #: (2, 2)
    offset: Float = quantity("px", "row")  #: (2,) shift at the centre [px]
    matrix_std: Float = quantity("1", "row column")  #: (2, 2) standard errors
    offset_std: Float = quantity("px", "row")  #: (2,) standard errors [px]

    @property
    def rotation(self) -> float:
        """Angle of the rotation part, positive from rows to columns [rad]."""
        m = self.matrix
        return float(np.arctan2(m[1, 0] - m[0, 1], m[0, 0] + m[1, 1]))

    def growth(self, n_row: int) -> tuple[float, float]:
        """(dy, dx) by which the shift grows over `n_row` rows of the moving image [px]."""
        per_row = (np.eye(2) - np.linalg.inv(self.matrix))[:, 0]
        return float(per_row[0] * (n_row - 1)), float(per_row[1] * (n_row - 1))

    @property
    def scale(self) -> float:
        """Linear scale, the root of the change of area [1]."""
        return float(np.sqrt(np.linalg.det(self.matrix)))


@dataclass(frozen=True)
class AlignedStxm(Result):
    """Energy stack with its drift removed, on the grid of one of its images."""

    counts: Float = quantity("counts", "energy y x")  #: (n_energy, ny, nx), NaN where not seen
    variance: Float = quantity("counts²", "energy y x")  #: (n_energy, ny, nx) of `counts`
    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    x_um: Float = quantity("µm", "x")  #: (nx,) [µm]
    y_um: Float = quantity("µm", "y")  #: (ny,) [µm]
    shift_px: Float = quantity("px", "energy axis")  #: (n_energy, 2) (dy, dx), removed [px]
    shift_std_px: Float = quantity("px", "energy")  #: (n_energy,) of each component [px]
    is_outlier: Bool = quantity("", "energy")  #: (n_energy,) could not be registered
    residual_px: Float = quantity("px", "energy axis")  #: (n_energy, 2) left against the one before
    reference: int = quantity("1", default=0)  #: index of the image that stayed
    #: time per pixel [s]; (n_energy,) where it differs between the images
    dwell_s: float | Float = quantity("s", "energy", default=float("nan"))
    notes: tuple[str, ...] = ()  #: what was assumed, and what was left out
    i0: Float | None = quantity("1", "energy", default=None)  #: (n_energy,) as in the stack
    detector: str = quantity("", default="")  #: as in the stack
    units: str = quantity("", default="counts")  #: of `counts`


@dataclass(frozen=True)
class XiMap(Result):
    """Ratio map xi = I_high / (I_low + I_high) of two soft X-ray images."""

    xi: Float = quantity("1", "y x")  #: (ny, nx), NaN where not `valid`
    xi_std: Float = quantity("1", "y x")  #: (ny, nx) standard error
    valid: Bool = quantity("", "y x")  #: (ny, nx)
    shift: Shift = quantity("px")  #: drift of the high-energy scan that was removed [px]
    pixel_size_um: tuple[float, float] = quantity("µm", default=(1.0, 1.0))  #: (dy, dx) [µm]
    energy_ev: tuple[float, float] = quantity("eV", default=(854.0, 856.2))  #: (low, high) [eV]
    low: Float | None = quantity("counts/s", "y x", default=None)  #: intensity at the low energy
    high: Float | None = quantity("counts/s", "y x", default=None)  #: registered high-energy one
    notes: tuple[str, ...] = ()  #: what was assumed
    #: (ny, nx) background that `low` and `high` no longer hold, or None
    background: Float | None = quantity("counts/s", "y x", default=None)
    #: d ln(I_high / I_low) / dE for an energy error of both images, NaN if unknown [1/eV]
    energy_sensitivity: float = quantity("1/eV", default=float("nan"))
    #: (ny, nx) standard error from the energy scale, common to all pixels, or None
    systematic_std: Float | None = quantity("1", "y x", default=None)
    #: removed instead of `shift` where the drift grew while the high-energy scan was taken, or None
    motion: Affine | None = quantity("1", default=None)


@dataclass(frozen=True)
class Doublet(Result):
    """The two peaks of an L3 edge, on the energy scale of the spectrum they were found in."""

    low_ev: float = quantity("eV")  #: centre of the peak at the lower energy [eV]
    high_ev: float = quantity("eV")  #: centre of the other [eV]
    low_std_ev: float = quantity("eV")  #: standard error [eV]
    high_std_ev: float = quantity("eV")  #: standard error [eV]
    split_ev: float = quantity("eV")  #: distance of both [eV]
    split_std_ev: float = quantity("eV")  #: standard error [eV]
    low_height: float = quantity("1")  #: fitted height, in units of the spectrum
    high_height: float = quantity("1")  #: fitted height, in units of the spectrum


@dataclass(frozen=True)
class EnergySensitivity(Result):
    """How the ratio xi answers to errors of the two photon energies, first order unless said."""

    xi: float = quantity("1")  #: of the spectrum at the two energies
    per_ev: float = quantity("1/eV")  #: d xi / dE for an error common to both energies
    per_ev_std: float = quantity("1/eV")  #: standard error, from the scatter of the spectrum
    log_ratio_slope: float = quantity("1/eV")  #: d ln(I_high / I_low) / dE, common error
    log_ratio_curvature: float = quantity("1/eV²")  #: second derivative of the same
    low_slope: float = quantity("1/eV")  #: d ln I / dE at the low energy
    high_slope: float = quantity("1/eV")  #: d ln I / dE at the high energy

    def log_ratio_std(self, energy_std_ev: float) -> float:
        """Standard error of ln(I_high / I_low) for a common energy error [eV], second order."""
        # Variance of s d + c d^2 / 2 for normal d; the second term counts on top of the peaks.
        first = self.log_ratio_slope * energy_std_ev
        second = self.log_ratio_curvature * energy_std_ev**2
        return float(np.sqrt(first**2 + 0.5 * second**2))


@dataclass(frozen=True)
class EdgeDipole(Result):
    """Displacement of two registered images that their ratio map still shows."""

    dy: float = quantity("px")  #: of the high-energy image, rows [px]
    dx: float = quantity("px")  #: columns [px]
    dy_std: float = quantity("px")  #: standard error [px]
    dx_std: float = quantity("px")  #: standard error [px]
    n_pixel: int = quantity("")  #: valid pixels used


@dataclass(frozen=True)
class EndMember(Result):
    """Yield per nickel atom of a compound of known valence at the two energies."""

    valence: float = quantity("1")  #: of nickel
    low: float = quantity("1")  #: yield at the low energy, any unit common to both end members
    high: float = quantity("1")  #: yield at the high energy, same unit
    low_std: float = quantity("1", default=0.0)  #: standard error
    high_std: float = quantity("1", default=0.0)  #: standard error

    @property
    def xi(self) -> float:
        """Its ratio high / (low + high) [1]."""
        return self.high / (self.low + self.high)


@dataclass(frozen=True)
class ValenceMap(Result):
    """Valence of nickel from a ratio map, calibrated or relative."""

    valence: Float = quantity("1", "y x")  #: (ny, nx), NaN where not `valid`, not clipped
    valence_std: Float = quantity("1", "y x")  #: (ny, nx) standard error of each pixel's counts
    valid: Bool = quantity("", "y x")  #: (ny, nx)
    calibrated: bool = quantity("")  #: False: a linear scale of xi, not a valence in numbers
    end_members: tuple[EndMember, EndMember] = quantity("")  #: first and second
    #: (ny, nx) standard error from end members and energy scale: moves all pixels together
    systematic_std: Float | None = quantity("1", "y x", default=None)
    pixel_size_um: tuple[float, float] = quantity("µm", default=(1.0, 1.0))  #: (dy, dx) [µm]
    notes: tuple[str, ...] = ()  #: what was assumed


@dataclass(frozen=True)
class SurfaceValues(Result):
    """A surface map placed on the particle: one value per visible map pixel."""

    values: Float = quantity("1", "point")  #: (n_point,)
    std: Float = quantity("1", "point")  #: (n_point,) standard errors
    directions: Float = quantity("1", "point zyx")  #: (n_point, 3) from the centre (z, y, x)
    incidence: Float = quantity("rad", "point")  #: (n_point,) between normal and view [rad]
    points_um: Float = quantity("µm", "point zyx")  #: (n_point, 3) first point hit [µm]
    area_um2: Float = quantity("µm²", "point")  #: (n_point,) surface area seen by the pixel
    view: tuple[float, float, float] = quantity("1", default=(0.0, 0.0, 1.0))  #: towards the beam
    dice: float = quantity("1", default=float("nan"))  #: overlap of map and silhouette
    notes: tuple[str, ...] = ()  #: what was excluded, and why
    #: (n_point,) length of the view's ray within the envelope [µm]
    thickness_um: Float | None = quantity("µm", "point", default=None)
