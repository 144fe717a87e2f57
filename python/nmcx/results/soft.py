"""Scanned soft X-ray images and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmcx.results.base import Bool, Float, Result, quantity


@dataclass(frozen=True)
class StxmStack(Result):
    """Scanned soft X-ray images of one field at one or more energies."""

    counts: Float = quantity("counts", "energy y x")  #: (n_energy, ny, nx)
    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    x_um: Float = quantity("µm", "x")  #: (nx,) [µm]
    y_um: Float = quantity("µm", "y")  #: (ny,) [µm]
    dwell_s: float = quantity("s", default=float("nan"))  #: time per pixel [s]
    notes: tuple[str, ...] = ()  #: what the reader assumed or repaired

    @property
    def pixel_size_um(self) -> tuple[float, float]:
        """Mean spacing (dy, dx) [µm]; NaN along an axis of one point."""

        def spacing(axis: Float) -> float:
            return float(abs(axis[-1] - axis[0]) / (axis.size - 1)) if axis.size > 1 else np.nan

        return spacing(self.y_um), spacing(self.x_um)


@dataclass(frozen=True)
class Shift(Result):
    """Displacement of `moving` against `fixed`: moving(x) = fixed(x - shift)."""

    dy: float = quantity("px")  #: rows [px]
    dx: float = quantity("px")  #: columns [px]
    std: float = quantity("px")  #: standard error of each component [px]


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
    dwell_s: float = quantity("s", default=float("nan"))  #: time per pixel [s]
    notes: tuple[str, ...] = ()  #: what was assumed, and what was left out


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
