"""`nmcx spectrum`: from soft X-ray spectra to peak ratios, pre-edge areas and their suppression."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import numpy as np

from nmcx import io, plot, spectra
from nmcx.errors import ConvergenceError, Error, InputError, UsageError
from nmcx.report import Findings, SoftSpectrum
from nmcx.results import Spectrum, Suppression
from nmcx.run.folder import check_target, picture_path
from nmcx.run.held import remarks
from nmcx.run.provenance import configuration
from nmcx.run.xi_job import SoftJob, png, write_bytes
from nmcx.run_file import Nickel, Oxygen, Spectra

Progress = Callable[[float, float, str], None]

#: Where a scan of each edge has most of its energies [eV].
EDGES_EV = {"nickel": (840.0, 890.0), "oxygen": (515.0, 560.0)}


@dataclass(frozen=True)
class SpectrumOptions:
    """How spectra are read and measured."""

    nickel: Nickel = field(default_factory=Nickel)
    oxygen: Oxygen = field(default_factory=Oxygen)
    column: str | None = None  #: of the intensity; None: found by name
    i0: str | None = None  #: of the incident beam; None: found by name
    mode: str | None = None  #: yield of all spectra; None: what the files tell


def spectrum(
    files: Sequence[str | PathLike[str]],
    out: str | PathLike[str] | None = None,
    options: SpectrumOptions | None = None,
    *,
    first: str | PathLike[str] | None = None,
    cycled: str | PathLike[str] | None = None,
    picture: str | PathLike[str] | None = "beside",
    force: bool = False,
    progress: Progress | None = None,
) -> SoftJob:
    """Measure Ni L and O K spectra; write a result file and a picture if asked for.

    Parameters
    ----------
    files : sequence of str or path
        What `nmcx.io.read_spectrum` reads; the edge is told by the energies.
    out : str or path, optional
        NeXus result file to write.
    options : SpectrumOptions, optional
        Windows, methods, columns.
    first, cycled : str or path, optional
        Two O K spectra of one yield, whose suppression is found; measured like the others.
    picture : str, path or None
        PNG to write; default ``<out>.png``, nothing without `out`; None for no picture.
    force : bool
        Replace an existing result and picture.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    SoftJob

    Raises
    ------
    nmcx.errors.UsageError
        If an option does not fit a spectrum, or two yields are compared.
    nmcx.errors.InputError
        If a file cannot be read or holds neither edge.
    nmcx.errors.ConvergenceError
        If a spectrum shows no peaks.
    nmcx.errors.OutputError
        If a result is there already and `force` is not given, or the disk refuses.
    """
    started = time.perf_counter()
    options = options or SpectrumOptions()
    if (first is None) != (cycled is None):
        raise UsageError("--first and --cycled go together: give both, or neither")
    pair = [Path(file).absolute() for file in (first, cycled) if file is not None]
    paths = [*pair, *(Path(file).absolute() for file in files)]
    if not paths:
        raise UsageError("no spectra: name files, or --first and --cycled")
    target = None if out is None else Path(out).absolute()
    if target is None:
        image = None if picture in (None, "beside") else Path(picture).absolute()
    else:
        image = picture_path(target, picture)
    check_target(target, force)
    check_target(image, force)
    measured = []
    for i, path in enumerate(paths):
        if progress is not None:
            progress(i, len(paths), path.name)
        measured.append(_measured_file(path, options))
    found = Findings(spectra=tuple(measured))
    if pair:
        if {one.edge for one in measured[:2]} != {"oxygen"}:
            raise UsageError("--first, --cycled: the pre-edge is that of O K spectra; give two")
        with _refusals(f"{pair[0].name}, {pair[1].name}"):
            one = _suppression(measured[0], measured[1], options.oxygen)
        found = replace(found, suppressions=(one,))
    drawn = None if image is None else png(plot.soft_edges_figure(found.spectra))
    if target is not None:
        edges = {one.edge for one in measured}
        used = [getattr(options, edge) for edge in ("nickel", "oxygen") if edge in edges]
        asked = configuration("spectrum", options, *used)
        about = {"configuration": asked, "inputs": paths, "report": remarks(found)}
        io.save(target, *(r for _, r in found.results()), overwrite=force, provenance=about)
    if image is not None and drawn is not None:
        write_bytes(image, drawn)
    return SoftJob(target, image, found, time.perf_counter() - started)


def add_spectra(files: Spectra, nickel: Nickel, oxygen: Oxygen, found: Findings) -> Findings:
    """The findings with the spectra that a run file names, and the suppression of each O K pair.

    Parameters
    ----------
    files : Spectra
        Pairs [first, cycled].
    nickel, oxygen : Nickel, Oxygen
        How they are measured.
    found : Findings
        To add to.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        If an option does not fit a spectrum.
    nmcx.errors.InputError
        If a file cannot be read, or holds another edge or yield than the run file says.
    nmcx.errors.ConvergenceError
        If a spectrum shows no peaks.
    """
    options = SpectrumOptions(nickel, oxygen, files.column, files.i0)
    measured: list[SoftSpectrum] = []
    suppressions = []
    for name, pair in files.pairs().items():
        edge, mode = name.split("_")
        states = []
        for path, state in zip(pair, ("first", "cycled"), strict=True):
            read = _read(path, options)
            if _edge_of(read, path) != edge:
                raise InputError(f"{path}: is named in {name}, but has no {edge} energies")
            if read.mode not in ("", mode):
                raise InputError(f"{path}: is named in {name}, but holds {read.mode!r}")
            read = replace(read, mode=mode)
            label = f"{name.replace('_', ' ')}, {state}"
            with _refusals(path.name):
                states.append(_measure(read, label, options))
        measured += states
        if edge == "oxygen":
            with _refusals(name):
                suppressions.append(_suppression(states[0], states[1], oxygen))
    return replace(found, spectra=tuple(measured), suppressions=tuple(suppressions))


def _read(path: Path, options: SpectrumOptions) -> Spectrum:
    return io.read_spectrum(path, column=options.column, i0=options.i0)


def _measured_file(path: Path, options: SpectrumOptions) -> SoftSpectrum:
    read = _read(path, options)
    if options.mode is not None:
        read = replace(read, mode=options.mode)
    with _refusals(path.name):
        return _measure(read, path.name, options)


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    """What a function of `nmcx.spectra` refuses, with the name of the spectrum."""
    try:
        yield
    except ConvergenceError as error:
        raise ConvergenceError(f"{name}: {error}") from error
    except Error:
        raise
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _edge_of(read: Spectrum, path: Path) -> str:
    energy = np.asarray(read.energy_ev)
    for edge, (low, high) in EDGES_EV.items():
        if np.mean((energy > low) & (energy < high)) > 0.5:
            return edge
    known = " nor ".join(f"{edge} ({low:g}–{high:g} eV)" for edge, (low, high) in EDGES_EV.items())
    raise InputError(
        f"{path}: its energies, {energy.min():.1f}–{energy.max():.1f} eV, are neither {known}"
    )


def _measure(read: Spectrum, name: str, options: SpectrumOptions) -> SoftSpectrum:
    edge = _edge_of(read, Path(name))
    how = options.nickel if edge == "nickel" else options.oxygen
    normal = spectra.normalise_soft(
        read, method=how.normalisation, pre_edge=how.pre_edge, post_edge=how.post_edge,
        pre_degree=how.pre_degree,
    )  # fmt: skip
    energy, values, variance = normal.energy_ev, normal.mu, normal.variance
    if isinstance(how, Nickel):
        found = spectra.l3_ratio(
            energy, values, variance=variance, mode=read.mode,
            method=how.method, split_ev=how.split_ev, step_width_ev=how.step_width_ev,
            spin_orbit_ev=how.spin_orbit_ev, pre_degree=how.pre_degree,
        )  # fmt: skip
        labelled = replace(found, settings={**found.settings, "spectrum": name})
        return SoftSpectrum(edge, name, read, normal, labelled)
    peak = spectra.pre_edge_area(
        energy, values, variance=variance, mode=read.mode,
        background=how.background, peak_ev=how.peak_ev,
        window_ev=how.window_ev, step_width_ev=how.step_width_ev,
        scale_std=float(normal.metadata.get("scale_std", 0.0)),
    )  # fmt: skip
    return SoftSpectrum(
        edge, name, read, normal, replace(peak, settings={**peak.settings, "spectrum": name})
    )


def _suppression(first: SoftSpectrum, cycled: SoftSpectrum, how: Oxygen) -> Suppression:
    return spectra.suppression(
        first.spectrum, cycled.spectrum, pre_edge=how.pre_edge, post_edge=how.post_edge,
        pre_degree=how.pre_degree, peak_ev=how.peak_ev, step_width_ev=how.step_width_ev,
        window_shift_ev=how.window_shift_ev, n_bootstrap=how.n_bootstrap, seed=how.seed,
    )  # fmt: skip
