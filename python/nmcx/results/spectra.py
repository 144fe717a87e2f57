"""Spectra and their energy scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nmcx.results.base import Bool, Float, Result, quantity


@dataclass(frozen=True)
class Spectrum(Result):
    """One absorption spectrum."""

    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) photon energy [eV]
    mu: Float = quantity("1", "energy")  #: (n_energy,) absorption or intensity as stored
    name: str = ""  #: sample name, or the file's stem
    metadata: Mapping[str, str] = field(default_factory=dict)  #: header entries, as text
    notes: tuple[str, ...] = ()  #: what the reader assumed or repaired
    #: reference channel measured in the same scan (mostly a metal foil), or None
    reference: Spectrum | None = quantity("", default=None)
    #: (n_energy,) incident intensity by which the signal was divided, or None
    i0: Float | None = quantity("1", "energy", default=None)
    #: (n_energy,) variance of `mu` by counting, None where the detector did not count
    variance: Float | None = quantity("1", "energy", default=None)
    mode: str = quantity("", default="")  #: "tey", "fy", "transmission", or "" if unknown


@dataclass(frozen=True)
class Calibration(Result):
    """A series of scans on one energy scale, set by the foil measured along with each."""

    spectra: tuple[Spectrum, ...] = quantity("")  #: the scans with calibrated energies
    shift_ev: Float = quantity("eV", "scan")  #: (n_scan,) added to the energies, NaN: not `ok`
    shift_std_ev: Float = quantity("eV", "scan")  #: (n_scan,) error against the mean of all scans
    misfit: Float = quantity("1", "scan")  #: (n_scan,) rms residual over the rise of the foil
    ok: Bool = quantity("", "scan")  #: (n_scan,) false where the foil is missing or disagrees
    foil: Spectrum = quantity("")  #: merged foil on the calibrated scale
    foil_edge_ev: float = quantity("eV")  #: where its first inflection was put [eV]
    foil_edge_std_ev: float = quantity("eV")  #: error of that, common to all scans [eV]
    settings: Mapping[str, Any] = field(default_factory=dict)  #: window, largest shift
    notes: tuple[str, ...] = ()  #: scans that could not be calibrated, and why


@dataclass(frozen=True)
class PeakRatio(Result):
    """Heights of the two peaks of an L3 edge above its background, and their ratio."""

    ratio: float = quantity("1")  #: height of the high-energy peak over that of the low one
    ratio_std: float = quantity("1")  #: its standard error
    xi: float = quantity("1")  #: ratio / (1 + ratio), as in a map of xi
    xi_std: float = quantity("1")  #: its standard error
    low_ev: float = quantity("eV")  #: top of the low-energy peak [eV]
    high_ev: float = quantity("eV")  #: top of the high-energy peak [eV]
    low_height: float = quantity("1")  #: in the unit of the intensity
    high_height: float = quantity("1")  #: in the unit of the intensity
    step_height: float = quantity("1")  #: of both edges together, in the unit of the intensity
    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) energies used [eV]
    background: Float = quantity("1", "energy")  #: (n_energy,) pre-edge line and both steps
    method: str = quantity("", default="parabola")  #: "parabola" or "fit"
    settings: Mapping[str, Any] = field(default_factory=dict)  #: windows, widths, misfit
    notes: tuple[str, ...] = ()  #: what was assumed or looks wrong


@dataclass(frozen=True)
class PreEdge(Result):
    """The peak before an O K edge above its background."""

    area: float = quantity("eV")  #: in the unit of the intensity times eV
    area_std: float = quantity("eV")  #: its standard error
    centroid_ev: float = quantity("eV")  #: centre of gravity [eV]
    centroid_std_ev: float = quantity("eV")  #: its standard error [eV]
    height: float = quantity("1")  #: of the top above the background
    height_std: float = quantity("1")  #: its standard error
    height_ev: float = quantity("eV")  #: where the top is [eV]
    window_ev: tuple[float, float] = quantity("eV")  #: from foot to valley, both on the background
    edge_ev: float = quantity("eV")  #: half height of the edge itself [eV]
    energy_ev: Float = quantity("eV", "energy")  #: (n_energy,) energies in the window [eV]
    curve: Float = quantity("1", "energy")  #: (n_energy,) background there
    background: str = quantity("", default="step")  #: "step" or "bridge"
    settings: Mapping[str, Any] = field(default_factory=dict)  #: windows, widths
    notes: tuple[str, ...] = ()  #: what was assumed or looks wrong


@dataclass(frozen=True)
class Suppression(Result):
    """Part of the pre-edge peak that cycling took away, with an honest interval."""

    value: float = quantity("1")  #: 1 - area of the cycled over area of the first, mean of both
    std: float = quantity("1")  #: standard error from the noise alone
    systematic_std: float = quantity("1")  #: spread over windows and backgrounds without noise
    interval_68: tuple[float, float] = quantity("1")  #: covers noise, windows and backgrounds
    interval_95: tuple[float, float] = quantity("1")  #: covers noise, windows and backgrounds
    step: float = quantity("1")  #: value with the step background
    bridge: float = quantity("1")  #: value with the bridge
    window_ev: tuple[float, float] = quantity("eV")  #: from foot to valley [eV]
    n_bootstrap: int = quantity("1")  #: draws behind the intervals
    mode: str = quantity("", default="")  #: of both spectra
    settings: Mapping[str, Any] = field(default_factory=dict)  #: windows, seed
    notes: tuple[str, ...] = ()  #: what was assumed or looks wrong
