"""What a report can show; whatever is None has no section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from numpy.typing import NDArray

from nmcx.materials import Parameters
from nmcx.results import (
    AlignedStack,
    AngleScan,
    Comparison,
    ConePorosity,
    Contributions,
    DepthProfile,
    EdgeDipole,
    EdgeMap,
    EnergySensitivity,
    History,
    LayerMap,
    LineProfiles,
    Mesh,
    OpticalDensity,
    Particle,
    PeakRatio,
    Pose,
    PreEdge,
    Result,
    Robustness,
    Spectrum,
    StxmStack,
    Suppression,
    SurfaceValues,
    ValenceMap,
    XiMap,
)


@dataclass(frozen=True)
class Table:
    """A table for the report."""

    title: str  #: caption
    header: tuple[str, ...]  #: names of the columns
    rows: tuple[tuple[str, ...], ...]  #: cells, as text
    remark: str = ""  #: a sentence below


@dataclass(frozen=True)
class SoftSpectrum:
    """One soft X-ray spectrum and what was measured on it."""

    edge: str  #: "nickel" or "oxygen"
    name: str  #: of the file
    spectrum: Spectrum  #: as read
    normal: Spectrum  #: without pre-edge, on the scale of the jump
    found: PeakRatio | PreEdge


@dataclass(frozen=True)
class Findings:
    """Results of one particle, as far as they exist."""

    low: StxmStack | None = None  #: soft scan at the lower energy, or both energies
    high: StxmStack | None = None  #: soft scan at the higher energy
    background: StxmStack | None = None  #: soft scan below the edge
    reference: Spectrum | None = None  #: mean or reference spectrum across the soft edge
    xi: XiMap | None = None
    dipole: EdgeDipole | None = None  #: displacement that the edges of `xi` still show
    sensitivity: EnergySensitivity | None = None  #: of `xi`, by a given `reference`
    valence: ValenceMap | None = None
    #: measured soft spectra; in pairs, first and cycled, if they come from a run file
    spectra: tuple[SoftSpectrum, ...] = ()
    suppressions: tuple[Suppression, ...] = ()  #: of the O K pre-edge, one per yield
    od: OpticalDensity | None = None
    aligned: AlignedStack | None = None  #: `od` of all energies on one grid
    jump: NDArray[Any] | None = None  #: (ny, nx) optical density above minus below the edge [1]
    jump_std: NDArray[Any] | None = None  #: (ny, nx) its standard error [1]
    jump_pixel_um: float = float("nan")  #: pixel of `jump` [µm]
    jump_energies_ev: tuple[float, float] = (float("nan"), float("nan"))  #: (below, above) [eV]
    edges: EdgeMap | None = None
    edge_voxel_um: tuple[float, ...] = (1.0, 1.0, 1.0)  #: voxel of `edges` (dz, dy, dx) [µm]
    volume: NDArray[Any] | None = None  #: (nz, ny, nx) what was segmented [1]
    volume_voxel_um: tuple[float, ...] = (1.0, 1.0, 1.0)  #: its voxel (dz, dy, dx) [µm]
    volume_name: str = "density [1]"  #: its name and unit
    particle: Particle | None = None
    depth: DepthProfile | None = None
    lines: LineProfiles | None = None
    cones: ConePorosity | None = None
    pose: Pose | None = None  #: of the surface map, if it was fitted
    surface: SurfaceValues | None = None
    scan: AngleScan | None = None
    robustness: Robustness | None = None  #: of `scan` against turns of the map
    parameters: Parameters | None = None  #: of the material in the model
    mesh: Mesh | None = None  #: the particle in the model
    layer: LayerMap | None = None  #: its passivation layer, the draw that acted
    history: History | None = None  #: what becomes of it
    contributions: Contributions | None = None  #: of each coupling to that
    comparison: Comparison | None = None  #: of many such particles with the measured one
    tables: tuple[Table, ...] = ()  #: further tables, shown after the figures
    notes: tuple[str, ...] = ()  #: what to know before believing the numbers
    settings: Mapping[str, Any] = field(default_factory=dict)

    def results(self) -> Iterator[tuple[str, Result]]:
        """Name and value of every result that exists, in order of the chain."""
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Result):
                yield item.name, value
        for measured in self.spectra:
            yield measured.name, measured.spectrum
            yield measured.name, measured.found
        for suppression in self.suppressions:
            yield f"suppression, {suppression.mode or 'yield unknown'}", suppression

    def all_notes(self) -> list[tuple[str, str]]:
        """(where, note) of all results and of the findings themselves, each once."""
        found = [("run", note) for note in self.notes]
        for name, result in self.results():
            found += [(name, note) for note in getattr(result, "notes", ())]
        return list(dict.fromkeys(found))
