"""What a phantom consists of: the measurement, and the truth behind it."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmcx.results import EnergyStack, Particle, Shift, StxmStack
from nmcx.results.base import Bool, Float, quantity


@dataclass(frozen=True)
class Truth:
    """What the phantom was made of."""

    edge_energy_ev: Float = quantity("eV", "z y x")  #: (nz, ny, nx) half-jump, NaN if not solid
    white_line_ev: Float = quantity("eV", "z y x")  #: (nz, ny, nx) NaN if not solid
    solid: Bool = quantity("", "z y x")  #: (nz, ny, nx) voxels at least half full of grains
    envelope: Bool = quantity("", "z y x")  #: (nz, ny, nx) the particle, cracks and pores included
    xi: Float = quantity("1", "y x")  #: (ny, nx) in the frame of `low`, NaN off bare particle
    shift: Shift = quantity("px")  #: drift of `high` against `low`
    view: tuple[float, float, float] = quantity("1")  #: towards the beam of the scans (z, y, x)
    rotation: float = quantity("rad")  #: of the map against the particle, see `correlation.place`
    offset_um: tuple[float, float] = quantity("µm")  #: (up, right) of the map's middle
    voxel_size_um: tuple[float, float, float] = quantity("µm")  #: (dz, dy, dx)
    centre_um: tuple[float, float, float] = quantity("µm")  #: centroid of the envelope (z, y, x)
    edge_jump: float = quantity("1")  #: jump of a voxel full of grains
    noise: float = quantity("1")  #: standard deviation of `mu`, in jumps
    seed: int = quantity("")  #: seed of everything random
    correlated: bool = quantity("")  #: whether xi follows the porosity
    correlation: float = quantity("1")  #: of xi with cap-averaged porosity where imaged
    cap_half_angle: float = quantity("rad")  #: half-opening angle of those caps


@dataclass(frozen=True)
class Phantom:
    """A measurement as a beamline would give it, and the truth behind it."""

    energy_stack: EnergyStack  #: XANES tomograms, mu (n_energy, nz, ny, nx) float32
    low: StxmStack  #: scan at the low energy, counts (1, ny, nx)
    high: StxmStack  #: scan at the high energy, drifted against `low`
    tomogram: NDArray[np.float32]  #: (nz, ny, nx) absorption, needle and weld included [1]
    truth: Truth  #: what all was made of

    @property
    def particle(self) -> Particle:
        """The true particle."""
        return Particle(self.truth.solid, self.truth.envelope, self.truth.voxel_size_um)

    def write(self, folder: str | PathLike[str], *, overwrite: bool = False) -> dict[str, Path]:
        """Write the files a beamline would give, the truth, and a run file for them.

        Parameters
        ----------
        folder : path
            Made if missing.
        overwrite : bool
            Whether files that exist are replaced.

        Returns
        -------
        dict
            Paths by name: ``a_scan``, ``b_scan`` (.hdr with .xim beside), ``ni_k_edge`` (.h5),
            ``tomogram`` (.tif), ``truth`` (.h5), ``run`` (.toml).

        Raises
        ------
        nmcx.errors.OutputError
            If a file exists and `overwrite` is false, or cannot be written.

        References
        ----------
        Our default; formats are those of `nmcx.io`.

        Examples
        --------
        >>> import tempfile
        >>> from nmcx import phantom
        >>> small = phantom.particle(shape=(40, 36, 38), voxel_size_um=0.3, map_shape=(32, 32))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sorted(small.write(folder))
        ['a_scan', 'b_scan', 'ni_k_edge', 'run', 'tomogram', 'truth']
        """
        from nmcx.phantom.files import write

        return write(self, folder, overwrite=overwrite)
