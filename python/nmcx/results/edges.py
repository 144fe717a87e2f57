"""What is fitted to the spectra of voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results.base import Bool, Float, Result, quantity

#: Status bits of `EdgeMap.status`; `EdgeMap.ok` is "none of the bits in `NOT_OK`".
STATUS_BITS: Mapping[str, int] = {
    "low_transmission": 1,
    "jump_below_noise": 2,
    "partial_volume": 4,
    "window_border": 8,
    "several_crossings": 16,
    "large_residual": 32,
    "wrong_curvature": 64,
    "saturated": 128,
    "rim": 256,
    "misaligned": 512,
}
NOT_OK = 1 | 2 | 4 | 8 | 64 | 512


@dataclass(frozen=True)
class EdgeMap(Result):
    """Edge energies of every voxel with standard errors; NaN energies where not `ok`."""

    edge_energy_ev: Float = quantity("eV", "...")  #: (...) by `settings["estimator"]` [eV]
    edge_energy_std_ev: Float = quantity("eV", "...")  #: (...) its standard error [eV]
    white_line_ev: Float = quantity("eV", "...")  #: (...) white-line energy [eV]
    white_line_std_ev: Float = quantity("eV", "...")  #: (...) its standard error [eV]
    white_line_height: Float = quantity("1", "...")  #: (...) normalised height of the white line
    edge_jump: Float = quantity("1", "...")  #: (...) post-edge minus pre-edge at the edge
    noise: Float = quantity("1", "...")  #: (...) standard deviation of one point of the spectrum
    status: NDArray[np.uint16] = quantity("", "...")  #: (...) bit mask, see `STATUS_BITS`
    settings: Mapping[str, Any] = field(default_factory=dict)  #: windows, degrees, estimators

    @property
    def ok(self) -> Bool:
        """(...) true where the energies can be used: none of bits 1, 2, 4, 8, 64, 512."""
        # A dask array stays one; what lies in a file is loaded.
        status = self.status if hasattr(self.status, "__and__") else np.asarray(self.status)
        usable = (status & NOT_OK) == 0
        return np.asarray(usable) if isinstance(usable, np.generic) else usable


@dataclass(frozen=True)
class ThicknessEffect(Result):
    """How much of an edge map is made by harmonics or stray light in thick columns."""

    fraction: float = quantity("1")  #: harmonic fraction of the open beam that fits best
    fraction_std: float = quantity("1")  #: its standard error
    p_value: float = quantity("1")  #: of a fraction this large if there are no harmonics
    edge_shift_ev: Float = quantity("eV", "...")  #: (...) shift of the edge it explains [eV]
    height_change: Float = quantity("1", "...")  #: (...) change of the white line it explains
    explained_ev: float = quantity("eV")  #: mean of `edge_shift_ev`, thickest less thinnest fifth
    measured_ev: float = quantity("eV")  #: the same of the edge energies as measured [eV]
    measured_std_ev: float = quantity("eV")  #: standard error of `measured_ev` [eV]
    flagged: bool = quantity("")  #: true if the edge map holds a false trend worth correcting
    verdict: str = ""  #: the same in words
    settings: Mapping[str, Any] = field(default_factory=dict)  #: limits, counts


@dataclass(frozen=True)
class ReferenceFit(Result):
    """Fractions of reference spectra in every voxel; NaN where not `ok`."""

    fraction: Float = quantity("1", "reference ...")  #: (n_reference, ...) >= 0
    fraction_std: Float = quantity("1", "reference ...")  #: (n_reference, ...) standard error
    residual: Float = quantity("1", "...")  #: (...) root mean square misfit, in jumps
    energy_shift_ev: Float = quantity("eV", "...")  #: (...) shift of all references; NaN: none
    energy_shift_std_ev: Float = quantity("eV", "...")  #: (...) its standard error [eV]
    edge_jump: Float = quantity("1", "...")  #: (...) jump the fractions refer to
    status: NDArray[np.uint16] = quantity("", "...")  #: (...) bit mask, see `STATUS_BITS`
    settings: Mapping[str, Any] = field(default_factory=dict)  #: windows, degrees, references

    @property
    def ok(self) -> Bool:
        """(...) true where the fractions can be used: none of bits 1, 2 and 8."""
        return np.asarray((self.status & NOT_OK) == 0)


@dataclass(frozen=True)
class NormalisedSpectra(Result):
    """Spectra after pre-edge subtraction and division by the jump, and their flattened form."""

    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) [eV]
    norm: Float = quantity("1", "energy ...")  #: (n_energy, ...) (mu - pre) / jump
    flat: Float = quantity("1", "energy ...")  #: (n_energy, ...) flattened above the edge
    edge_jump: Float = quantity("1", "...")  #: (...) jump at `edge_ev`
    edge_ev: float = quantity("eV", default=float("nan"))  #: energy where the jump is taken [eV]
