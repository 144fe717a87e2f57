"""Every frozen dataclass that passes between the modules of nmcx.

This module is a leaf: it imports numpy and nothing of nmcx at load time. Each field says its shape,
its unit and, through `quantity`, carries both as data, so that saving, `to_xarray` and the HTML
view need no second list of names.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray

Float = NDArray[np.floating[Any]]
Bool = NDArray[np.bool_]
Int = NDArray[np.integer[Any]]

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

#: Images closer than this in energy [eV] are repeats of one image.
SAME_ENERGY_EV = 0.05


def quantity(unit: str, axes: str = "", **options: Any) -> Any:
    """Dataclass field that carries its unit ("1" if dimensionless, "" if not a number) and axes.

    Axes are space-separated names; "..." stands for the spatial axes of whatever was measured.
    """
    return field(metadata={"unit": unit, "axes": axes}, **options)


class Result:
    """What all results can do: show themselves in a notebook, be saved, become an xarray."""

    def _repr_html_(self) -> str:
        rows = []
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            unit = item.metadata.get("unit", "")
            shown = _summary(value)
            rows.append(
                f"<tr><th>{item.name}</th><td>{html.escape(shown)}</td>"
                f"<td>{html.escape(unit if unit != '1' else '')}</td></tr>"
            )
        return f"<table><caption>{type(self).__name__}</caption>{''.join(rows)}</table>"

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write this result to a NeXus HDF5 file (see `nmcx.io.save`).

        Raises
        ------
        nmcx.errors.OutputError
            If `path` exists and `overwrite` is false, or it cannot be written.
        """
        from nmcx import io

        io.save(path, self, overwrite=overwrite)

    def to_xarray(self) -> xarray.Dataset:
        """Labelled copy as an `xarray.Dataset` (needs ``pip install "nmcx[xarray]"``).

        Raises
        ------
        ImportError
            If xarray is not installed; the message says how to get it.
        """
        try:
            import xarray
        except ImportError as error:
            raise ImportError('to_xarray needs xarray: pip install "nmcx[xarray]"') from error
        dataset = xarray.Dataset()
        for item in fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            unit = item.metadata.get("unit", "")
            if hasattr(value, "ndim") and not isinstance(value, np.generic):
                axes = expand_axes(item.metadata.get("axes", ""), value.ndim, item.name)
                dataset[item.name] = xarray.Variable(axes, value, {"units": unit})
            elif isinstance(value, (str, int, float, bool)):
                dataset.attrs[item.name] = value
        return dataset


def expand_axes(axes: str, n_axis: int, name: str) -> tuple[str, ...]:
    """Names of the axes of a field, with "..." filled by (z, y, x) or numbered axes."""
    names = axes.split()
    if "..." in names:
        n_free = n_axis - (len(names) - 1)
        free = ("z", "y", "x")[-n_free:] if 0 < n_free <= 3 else tuple(map(str, range(n_free)))
        if n_free == 0:
            free = ()
        at = names.index("...")
        names = [*names[:at], *free, *names[at + 1 :]]
    if len(names) != n_axis:
        names = [f"{name}_{i}" for i in range(n_axis)]
    return tuple(names)


def is_dask(value: object) -> bool:
    """Whether this is a dask array; finds out without importing dask."""
    return type(value).__module__.startswith("dask.array") and hasattr(value, "dask")


def _summary(value: object) -> str:
    if isinstance(value, np.ndarray) and value.size:
        text = f"{value.dtype} {value.shape}"
        if value.dtype.kind in "fiu":
            with np.errstate(all="ignore"):
                finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
            if finite.size:
                text += f" {finite.min():.6g} … {finite.max():.6g}"
        elif value.dtype.kind == "b":
            text += f" {np.count_nonzero(value)} true"
        return text
    return str(value)


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

    def __post_init__(self) -> None:
        solid = np.asarray(self.solid, dtype=bool)
        envelope = np.asarray(self.envelope, dtype=bool)
        if solid.ndim != 3 or solid.shape != envelope.shape:
            raise ValueError(
                f"solid {solid.shape} and envelope {envelope.shape} must be 3-D and of one shape"
            )
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
class DepthProfile(Result):
    """A quantity against depth below the surface: percentiles per depth bin."""

    depth_um: Float = quantity("µm", "depth")  #: (n_bin,) centre of each bin [µm]
    median: Float = quantity("", "depth")  #: (n_bin,) in the unit of the values
    median_std: Float = quantity("", "depth")  #: (n_bin,) standard error of the median
    percentiles: Float = quantity("", "depth level")  #: (n_bin, 4) at 5, 16, 84 and 95 %
    count: Int = quantity("1", "depth")  #: (n_bin,) voxels in each bin
    histogram: Float = quantity("1", "value depth")  #: (n_value, n_bin) p(value | depth)
    value_edges: Float = quantity("", "value_edge")  #: (n_value + 1,) edges of the histogram
    unit: str = ""  #: unit of the values


@dataclass(frozen=True)
class LineProfiles(Result):
    """A quantity along lines from the surface to the centre, averaged over a cylinder."""

    distance_um: Float = quantity("µm", "sample")  #: (n_sample,) distance below the surface [µm]
    values: Float = quantity("", "line sample")  #: (n_line, n_sample), NaN past the centre
    std: Float = quantity("", "line sample")  #: (n_line, n_sample) standard error of each mean
    directions: Float = quantity("1", "line zyx")  #: (n_line, 3) unit vectors (z, y, x)
    surface_um: Float = quantity("µm", "line zyx")  #: (n_line, 3) starting points [µm]
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

    @property
    def opening_angle(self) -> Float:
        """(n_angle,) full opening angle, twice `half_angle` [rad]."""
        return np.asarray(2.0 * self.half_angle)


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
    settings: Mapping[str, Any] = field(default_factory=dict)  #: null model, counts, seed

    @property
    def sign_convention(self) -> str:
        """What a negative correlation means."""
        return "xi falls where the surface is degraded, so r(xi, porosity) < 0 is expected"


__all__ = [
    "NOT_OK",
    "SAME_ENERGY_EV",
    "STATUS_BITS",
    "AlignedStack",
    "AngleScan",
    "Calibration",
    "ConePorosity",
    "DepthProfile",
    "EdgeMap",
    "EnergyStack",
    "FrameStack",
    "LineProfiles",
    "NormalisedSpectra",
    "OpticalDensity",
    "Particle",
    "ReferenceFit",
    "Result",
    "Shift",
    "Spectrum",
    "StxmStack",
    "SurfaceValues",
    "ThicknessEffect",
    "XiMap",
    "voxel_spacing",
]
