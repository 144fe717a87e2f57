"""What measured files are: stacks, frames, scans, spectra, volumes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io
from nmcx.errors import InputError, UsageError
from nmcx.io import _safe, tiff
from nmcx.io.stacks_hdf5 import voxel_size
from nmcx.results import SAME_ENERGY_EV, Spectrum, StxmStack
from nmcx.run.edge_job import EdgeOptions, fit_settings
from nmcx.run.known import Known, command, energies_text, named_after, shape_text, sizes_text
from nmcx.run.spectrum_job import EDGES_EV

#: Where the Ni K edge lies: spectra around it are references and templates [eV].
_NICKEL_K_EV = 8333.0
#: Two before the edge, four on it and two after it, as the edge fit needs.
_FEWEST_ENERGIES = 8


def of_stack(path: Path) -> Known:
    """An energy stack, opened lazily."""
    stack = io.open_stack(path)
    shape = tuple(stack.mu.shape)
    size = stack.voxel_size_um
    facts = (
        ("shape", f"{shape_text(shape)} (energies, then z, y, x), {np.dtype(stack.mu.dtype).name}"),
        ("energies", energies_text(stack.energy_ev)),
        ("voxel", "not stated" if size is None else sizes_text(size)),
        ("variance", "stored" if stack.variance is not None else "not stored"),
    )
    flags, missing = _windows(stack, path)
    found = command("edges", path, named_after(path, "_edges.nxs"))
    if len(shape) < 4:
        missing += ("for `nmcx cones`: a volume; this is one image per energy",)
    return Known("energy stack", facts, tuple(stack.notes), missing, (f"{found}{flags}",))


def _windows(stack: Any, path: Path) -> tuple[str, tuple[str, ...]]:
    """Flags that `nmcx edges` needs, and why."""
    try:
        fit_settings(stack, EdgeOptions(), path.name)
    except UsageError as error:
        return " --pre-edge LO HI --post-edge LO HI", (f"for `nmcx edges`: {error}",)
    return "", ()


def of_frames(path: Path) -> Known:
    """Raw frames of a full-field microscope."""
    frames = io.read_frames(path)
    n_frame = len(frames.counts)
    is_dark = np.zeros(n_frame, bool) if frames.is_dark is None else frames.is_dark
    is_sample = ~(frames.is_reference | is_dark)
    energy, theta = frames.energy_ev[is_sample], frames.theta[is_sample]
    exposure = float(np.median(frames.exposure_s))
    n_angle = np.unique(np.round(theta[np.isfinite(theta)], 6)).size
    facts = (
        ("frames", f"{is_sample.sum()} of the sample, {frames.is_reference.sum()} references, "
         f"{is_dark.sum()} dark; {shape_text(frames.counts.shape[1:])} pixels"),
        ("energies", energies_text(energy)),
        ("angles", f"{n_angle} different" if n_angle else "unknown"),
        ("pixel", sizes_text([np.median(frames.pixel_size_um)])),
        ("exposure", f"{exposure:.4g} s" if np.isfinite(exposure) else "unknown"),
    )  # fmt: skip
    missing = _of_edges(energy, theta, bool(frames.is_reference.any()))
    onward = command("edges", path, named_after(path, "_edges.nxs"))
    return Known(
        "raw frames of a full-field microscope", facts, tuple(frames.notes),
        tuple(f"for `nmcx edges`: {text}" for text in missing), () if missing else (onward,),
    )  # fmt: skip


def _of_edges(energy: Any, theta: Any, has_references: bool) -> list[str]:
    """What frames of the sample at these energies and angles lack for an edge map."""
    missing = [] if has_references else ["frames without the sample, as references"]
    if not energy.size:
        return [*missing, "frames of the sample"]
    if not np.all(np.isfinite(energy)):
        return [*missing, "the energies of some frames"]
    n_energy = np.unique(np.round(energy / SAME_ENERGY_EV)).size
    views = {(round(float(e), 1), round(float(t), 6)) for e, t in zip(energy, theta, strict=True)}
    if np.all(np.isfinite(theta)) and len(views) > n_energy:
        missing.append("a volume at each energy: there are several angles, reconstruct them first")
    elif n_energy < _FEWEST_ENERGIES:
        missing.append(f"more energies than {n_energy} across the edge")
    return missing


def of_scan(path: Path) -> Known:
    """Images of a scanning soft X-ray microscope."""
    scan = io.read_stxm(path)
    facts = (
        ("shape", f"{shape_text(scan.counts.shape)} (energies, y, x), in {scan.units}"),
        ("energies", energies_text(scan.energy_ev)),
        ("pixel", sizes_text(scan.pixel_size_um)),
        ("dwell", f"{1e3 * float(np.mean(scan.dwell_s)):.4g} ms"),
        ("detector", scan.detector or "not stated"),
        ("I0", "stored" if scan.i0 is not None else "not stored"),
    )
    out = named_after(path, "_xi.nxs")
    if len(scan.counts) > 1:
        missing, onward = _of_stxm_stack(scan, path, out)
    else:
        missing = ("for `nmcx xi`: the scan at the other peak of the Ni L3 edge",)
        onward = (command("xi", path, "OTHER.hdr", out),)
    return Known("soft X-ray scan", facts, tuple(scan.notes), missing, onward)


def _of_stxm_stack(
    scan: StxmStack, path: Path, out: Path
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    low, high = EDGES_EV["nickel"]
    inside = int(np.count_nonzero((scan.energy_ev > low) & (scan.energy_ev < high)))
    line = command("xi", path, out)
    if inside < 2:
        reason = f"for `nmcx xi`: two energies of the Ni L3 edge, {low:g}–{high:g} eV"
        return (reason,), ()
    if 2 < len(scan.counts) <= 4:
        reason = "for `nmcx xi`: which two of the energies; they are too few to find the peaks in"
        return (reason,), (f"{line} --energy-ev LO HI",)
    return (), (line,)


def of_spectrum(path: Path, read: Spectrum) -> Known:
    """A spectrum in a text file."""
    energy = np.asarray(read.energy_ev)
    edge = next(
        (name for name, (low, high) in EDGES_EV.items()
         if np.mean((energy > low) & (energy < high)) > 0.5),
        None,
    )  # fmt: skip
    yields = {"tey": "electron yield", "fy": "fluorescence yield"}.get(read.mode, read.mode)
    facts = (
        ("name", read.name or "none"),
        ("energies", energies_text(energy)),
        ("detector", yields or "not stated"),
        ("I0", "divided out" if read.i0 is not None else "not stored, or not divided out"),
    )
    if edge is not None:
        missing = () if read.mode else ("for `nmcx spectrum`: --mode, the file does not tell it",)
        flags = "" if read.mode else " --mode tey|fy|transmission"
        onward = [command("spectrum", path) + flags]
        if edge == "oxygen":
            onward.append(command("spectrum", "--first", path, "--cycled", "OTHER.txt") + flags)
        what = f"soft X-ray spectrum, {'Ni L' if edge == 'nickel' else 'O K'}"
        return Known(what, facts, read.notes, missing, tuple(onward))
    if energy.min() < _NICKEL_K_EV < energy.max():
        line = command(
            *("edges", "STACK", "OUT.nxs", "--estimator", "template", "--template", path)
        )
        return Known("spectrum of the Ni K edge", facts, read.notes, (), (line,))
    edges = " or ".join(f"{name} ({low:g}–{high:g} eV)" for name, (low, high) in EDGES_EV.items())
    missing = (f"for `nmcx spectrum`: energies of {edges}",)
    return Known("spectrum", facts, read.notes, missing, ())


def of_project(path: Path) -> Known:
    """A project of Athena."""
    spectra = io.read_athena(path)
    facts = tuple(
        ("spectrum", f"{read.name}: {energies_text(read.energy_ev)}"
         + (", with its reference" if read.reference is not None else ""))
        for read in spectra
    )  # fmt: skip
    missing = (
        "for the command line: each spectrum in a file of its own; in Python "
        f"nmcx.io.read_athena({str(path)!r}) reads all",
    )
    return Known(f"Athena project of {len(spectra)} spectra", facts, (), missing, ())


def of_tiff_volume(path: Path, no_stack: str) -> Known:
    """A volume in TIFF, which `no_stack` says why it is no energy stack."""
    pages = tiff.folder(path) if path.is_dir() else [path]
    first = tiff.layout(pages[0])
    n_page = len(pages) if path.is_dir() else first.shape[0]
    if path.is_dir() and first.shape[0] != 1:
        raise InputError(no_stack)
    size = tiff.tiff_spacing(pages[0]) if not path.is_dir() else None
    known = _of_volume(path, (n_page, *first.shape[1:]), first.dtype, size)
    reason = no_stack.removeprefix(f"{path}: ")
    return Known(
        known.what, known.facts, known.notes, (*known.missing, f"for `nmcx edges`: {reason}"),
        known.onward,
    )  # fmt: skip


def of_hdf5_volume(file: Path, held: Sequence[tuple[str, tuple[int, ...], np.dtype[Any]]]) -> Known:
    """A volume in HDF5, of which the datasets are known by name, shape and type."""
    volumes = [item for item in held if len(item[1]) == 3]
    name, shape, dtype = volumes[0]
    with _safe.open_hdf5(file) as opened:
        found = _safe.get_dataset(opened, name, file)
        size = voxel_size(found.parent, 3)
    if len(volumes) == 1:
        return _of_volume(file, shape, dtype, size)
    facts = tuple(("dataset", f"{n}: {shape_text(s)}, {t.name}") for n, s, t in volumes)
    missing = ("for `nmcx cones`: --dataset, there are several volumes",)
    line = command("cones", file, named_after(file, "_cones.nxs"), "--dataset", name)
    flags = "" if size is not None else " --voxel-size-um UM"
    return Known("volumes", facts, (), missing, (line + flags,))


def of_saved_array(file: Path) -> Known:
    """A volume that numpy saved."""
    with _safe.damaged(file, "npy file"):
        mapped = np.load(file, mmap_mode="r", allow_pickle=False)
    if mapped.dtype.kind not in "biuf" or mapped.ndim not in (2, 3):
        raise InputError(
            f"{file}: holds {mapped.dtype} with {mapped.ndim} axes; nmcx reads volumes of numbers"
        )
    shape = mapped.shape if mapped.ndim == 3 else (1, *mapped.shape)
    return _of_volume(file, shape, mapped.dtype, None)


def _of_volume(
    path: Path, shape: Sequence[int], dtype: np.dtype[Any], size: Sequence[float] | None
) -> Known:
    facts = (
        ("shape", f"{shape_text(shape)} (z, y, x), {dtype.name}"),
        ("voxel", "not stated" if size is None else sizes_text(size)),
    )
    flags = "" if size is not None else " --voxel-size-um UM"
    missing = () if size is not None else ("for `nmcx cones`: --voxel-size-um, its voxel edge",)
    onward = [command("cones", path, named_after(path, "_cones.nxs")) + flags]
    if dtype.kind in "iu":
        # Whole numbers may be grey levels or labels of grains: only the user knows.
        line = command("simulate", "RUN.toml", "--labels", path) + " --size-um UM"
        onward.append(f"{line}{flags}  (if they are labels of grains)")
    return Known("volume", facts, (), missing, tuple(onward))
