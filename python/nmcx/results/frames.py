"""Frames, and stacks of images or volumes over the photon energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmcx.results.base import Bool, Float, Result, quantity

#: Images closer than this in energy [eV] are repeats of one image.
SAME_ENERGY_EV = 0.05


@dataclass(frozen=True)
class FrameStack(Result):
    """Detector frames of a full-field microscope, sample and reference, in order of acquisition.

    `counts` may be lazy: indexing it reads the frames asked for, `numpy.asarray` all of them.
    """

    counts: Any = quantity("counts", "frame y x")  #: (n_frame, ny, nx)
    energy_ev: Float = quantity("eV", "frame")  #: (n_frame,) [eV], NaN where unknown
    is_reference: Bool = quantity("", "frame")  #: (n_frame,) true for frames without sample
    theta: Float = quantity("rad", "frame")  #: (n_frame,) rotation angle [rad]
    pixel_size_um: Float = quantity("µm", "frame")  #: (n_frame,) at each frame's energy [µm]
    exposure_s: Float = quantity("s", "frame")  #: (n_frame,) [s], NaN where unknown
    notes: tuple[str, ...] = ()  #: what the reader assumed or replaced, and by which rule
    is_dark: Bool | None = quantity("", "frame", default=None)  #: (n_frame,) or None: no darks
    beam_current: Float | None = quantity("1", "frame", default=None)  #: (n_frame,) or None


@dataclass(frozen=True)
class OpticalDensity(Result):
    """Reference-corrected optical density, one image per (energy, angle) of the sample frames."""

    energy_ev: Float = quantity("eV", "image")  #: (n_image,) [eV]
    theta: Float = quantity("rad", "image")  #: (n_image,) [rad]
    od: Float = quantity("1", "image y x")  #: (n_image, ny, nx), NaN where not `valid`
    variance: Float = quantity("1", "image y x")  #: (n_image, ny, nx) variance of `od`
    valid: Bool = quantity("", "image y x")  #: (n_image, ny, nx)
    pixel_size_um: Float = quantity("µm", "image")  #: (n_image,) [µm]
    gain: float = quantity("counts/photon", default=float("nan"))  #: detector counts per photon
    notes: tuple[str, ...] = ()  #: rules used on the way


@dataclass(frozen=True)
class EnergyStack(Result):
    """Absorption of every voxel at every energy; `mu` may be lazy (`numpy.asarray` loads it)."""

    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    mu: Any = quantity("1", "energy ...")  #: (n_energy, ...) absorption (OD or per voxel)
    variance: Any = quantity("1", "energy ...", default=None)  #: like `mu`, or None
    voxel_size_um: tuple[float, ...] | None = quantity("µm", default=None)  #: (dz, dy, dx) [µm]
    notes: tuple[str, ...] = ()  #: what the reader assumed or replaced


@dataclass(frozen=True)
class AlignedStack(Result):
    """Images or tomograms of all energies on the grid of one of them, and how they got there.

    What `mu` holds at pixel x was measured at ``c + (x - c) magnification + shift_px``, c being the
    middle of the image.
    """

    energy_ev: Float = quantity("eV", "energy")  #: (n_image,) rising; repeats stay apart [eV]
    mu: Float = quantity("1", "energy ...")  #: (n_image, ...) interpolated once; NaN: not seen
    variance: Float | None = quantity("1", "energy ...")  #: like `mu`, or None
    pixel_size_um: tuple[float, ...] = quantity("µm")  #: of the common grid, (dz,) dy, dx [µm]
    shift_px: Float = quantity("px", "energy direction")  #: (n_image, 2|3) drift removed [px]
    shift_std_px: Float = quantity("px", "energy direction")  #: its standard error [px]
    residual_px: Float = quantity("px", "energy direction")  #: left against its group's mean [px]
    magnification: Float = quantity("1", "energy")  #: (n_image,) of the original against the grid
    correlation: Float = quantity("1", "energy")  #: (n_image,) with the images it was aligned to
    is_outlier: Bool = quantity("", "energy")  #: (n_image,) true where not to be trusted
    reference: int = quantity("", default=0)  #: index of the image that gives the grid
    notes: tuple[str, ...] = ()  #: rules used, and what could not be aligned

    @property
    def stack(self) -> EnergyStack:
        """The stack for fitting: outliers left out, repeats of one energy averaged.

        Raises
        ------
        ValueError
            If every energy is an outlier.
        """
        kept = np.flatnonzero(~self.is_outlier)
        if not kept.size:
            raise ValueError("every energy is an outlier: nothing was aligned; see notes")
        starts = np.flatnonzero(np.diff(self.energy_ev[kept], prepend=-np.inf) >= SAME_ENERGY_EV)
        repeats = np.split(kept, starts[1:])
        if len(repeats) == len(self.energy_ev):
            mu, variance = self.mu, self.variance
        else:
            mu = np.stack([self.mu[i].mean(axis=0) for i in repeats])
            variance = self.variance
            if variance is not None:
                variance = np.stack([variance[i].sum(axis=0) / i.size**2 for i in repeats])
        notes = self.notes
        if kept.size < self.energy_ev.size:
            left = ", ".join(f"{e:.1f}" for e in self.energy_ev[self.is_outlier])
            notes = (*notes, f"left out: {left} eV, which could not be aligned")
        energy = np.array([self.energy_ev[i].mean() for i in repeats])
        return EnergyStack(energy, mu, variance, self.pixel_size_um, notes)
