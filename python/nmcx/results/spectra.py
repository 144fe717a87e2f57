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
