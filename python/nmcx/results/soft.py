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
