"""`nmcx xi`: from two scans, or one stack, to a ratio map, its result file and its picture."""

from __future__ import annotations

import io as bytes_io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, plot, surface
from nmcx.errors import UsageError
from nmcx.report import Findings
from nmcx.results import Doublet, EndMember, Shift, Spectrum, StxmStack
from nmcx.run.edge_job import refusals
from nmcx.run.folder import check_target, picture_path
from nmcx.run.held import remarks
from nmcx.run.provenance import configuration, scan_files
from nmcx.run_file import Soft
from nmcx.run_file.soft_sections import conflict

Progress = Callable[[float, float, str], None]

#: Options that `nmcx.surface.xi_map` takes as they are.
_PLAIN = (
    "mode", "dark", "i0", "noise", "gain", "read_noise", "min_counts", "sigma_target",
    "min_significance", "max_shift", "motion", "energy_std_ev",
)  # fmt: skip


@dataclass(frozen=True)
class SoftJob:
    """What `xi` or `spectrum` made and where it lies."""

    path: Path | None  #: the result file, or None if none was asked for
    picture: Path | None  #: the picture, or None if none was asked for
    findings: Findings  #: all results
    seconds: float  #: wall time [s]


def xi(
    files: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    options: Soft | None = None,
    *,
    picture: str | PathLike[str] | None = "beside",
    force: bool = False,
    progress: Progress | None = None,
) -> SoftJob:
    """Ratio map and valence of two scans; write the result file and a picture.

    Parameters
    ----------
    files : sequence of str or path
        Two scans in any order of energy, or one file that holds both energies or more; what
        `nmcx.io.read_stxm` reads.
    out : str or path
        NeXus result file to write.
    options : Soft, optional
        All but the names of the scans.
    picture : str, path or None
        PNG to write; default ``<out>.png``; None for no picture.
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
        If an option does not fit the data.
    nmcx.errors.InputError
        If a scan is missing or damaged.
    nmcx.errors.ConvergenceError
        If the scans cannot be registered; nothing is written then.
    nmcx.errors.OutputError
        If a result is there already and `force` is not given, or the disk refuses.
    """
    started = time.perf_counter()
    target = Path(out).absolute()
    image = picture_path(target, picture)
    check_target(target, force)
    check_target(image, force)
    say = progress or _silent
    say(0, 3, "soft scans")
    soft, found = _opened(files, options)
    say(1, 3, "ratio map")
    with refusals(fspath(files[0])):
        found = add_map(soft, found)
    say(2, 3, "result file")
    drawn = None if image is None else _drawn(found)
    items = [result for _, result in found.results()]
    inputs = [path for file in _measured(soft) for path in scan_files(file)]
    about: dict[str, Any] = {"configuration": configuration("soft", soft), "inputs": inputs}
    about["report"] = remarks(found)
    io.save(target, *items, overwrite=force, provenance=about)
    if image is not None and drawn is not None:
        write_bytes(image, drawn)
    say(3, 3, "done")
    return SoftJob(target, image, found, time.perf_counter() - started)


def plan_xi(
    files: Sequence[str | PathLike[str]], out: str | PathLike[str], options: Soft | None = None
) -> list[str]:
    """What `xi` would do, found from the scans; nothing is computed or written.

    Parameters
    ----------
    files, out, options
        As in `xi`.

    Returns
    -------
    list of str
        Lines for the user: pixels, energies, what was chosen, options that are not the default.

    Raises
    ------
    nmcx.errors.UsageError, nmcx.errors.InputError
        As in `xi`.
    """
    soft, found = _opened(files, options)
    lines = []
    for name in ("low", "high", "background"):
        scan = getattr(found, name)
        if scan is not None:
            ny, nx = scan.counts.shape[1:]
            dy, dx = scan.pixel_size_um
            lines.append(
                f"{name:<10} {float(scan.energy_ev[0]):.2f} eV, {ny} × {nx} pixels of "
                f"{1000 * dy:.4g} × {1000 * dx:.4g} nm, {scan.units}"
            )
    given = [
        line
        for line in configuration("soft", soft).splitlines()[1:]
        if line.split(" = ")[0] not in ("low", "high", "stack")
    ]
    lines += [f"{'options':<10} {', '.join(given) or 'all by default'}"]
    exists = " (exists; --force needed)" if Path(out).exists() else ""
    lines += [f"{'output':<10} {out}{exists}"]
    return lines + [f"{'note':<10} {note}" for note in found.notes]


def add_scans(soft: Soft, found: Findings) -> Findings:
    """The findings with the scans that the options name.

    Parameters
    ----------
    soft : Soft
        With `low` and `high`, or `stack`.
    found : Findings
        To add to.

    Returns
    -------
    Findings
        With `low`, `high`, `background` and `reference` as far as they exist.

    Raises
    ------
    ValueError
        If a stack does not hold the energies.
    nmcx.errors.InputError
        If a file cannot be used.
    nmcx.errors.ConvergenceError
        If a long stack shows no two peaks.
    """
    reference = None if soft.spectrum is None else io.read_spectrum(soft.spectrum)
    background = None
    if soft.stack is not None:
        stack = _read(soft, soft.stack, None)
        low, high, notes, mean = _from_stack(soft, stack)
        reference = reference or mean
        if isinstance(soft.background, float):
            background, note = _nearest(stack, soft.background, soft.tolerance_ev)
            notes = (*notes, note)
    else:
        assert soft.low is not None and soft.high is not None
        energies = soft.energy_ev or (None, None)
        low, high = (
            _read(soft, path, energy)
            for path, energy in zip((soft.low, soft.high), energies, strict=True)
        )
        notes = ()
    if isinstance(soft.background, Path):
        background = _read(soft, soft.background, None)
    return replace(
        found, low=low, high=high, background=background, reference=reference,
        notes=(*found.notes, *notes),
    )  # fmt: skip


def add_map(soft: Soft, found: Findings) -> Findings:
    """The findings with ratio map, valence, remaining displacement and energy sensitivity.

    Parameters
    ----------
    soft : Soft
        Options.
    found : Findings
        From `add_scans`.

    Returns
    -------
    Findings

    Raises
    ------
    ValueError
        If an option does not fit the scans.
    nmcx.errors.ConvergenceError
        If the scans cannot be registered.
    """
    assert found.low is not None and found.high is not None
    given = found.reference if soft.spectrum is not None else None
    ratio = surface.xi_map(
        found.low,
        found.high,
        background=found.background,
        shift=_shift(soft.shift),
        background_shift=_shift(soft.background_shift),
        spectrum=given,
        **{name: getattr(soft, name) for name in _PLAIN},
    )
    found = replace(found, xi=ratio)
    if given is not None:
        found = replace(found, sensitivity=surface.energy_sensitivity(given, *ratio.energy_ev))
    try:
        found = replace(found, dipole=surface.edge_dipole(ratio))
    except ValueError as error:
        found = _noted(found, f"remaining displacement unknown: {error}")
    if not np.any(ratio.valid):
        return _noted(found, "no pixel is valid: no valence")
    if soft.first is not None and soft.second is not None:
        ends = EndMember(*soft.first), EndMember(*soft.second)
        return replace(found, valence=surface.calibrated_valence(ratio, *ends))
    try:
        valence = surface.relative_valence(ratio, end_members=soft.end_members)
    except ValueError as error:
        if soft.end_members is not None:
            raise
        return _noted(found, f"no relative valence: {error}")
    return replace(found, valence=valence)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a picture that was drawn before, at once or not at all."""
    from nmcx.io._atomic import atomic_write

    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_bytes(content)


def png(figure: Any) -> bytes:
    """A figure as PNG."""
    buffer = bytes_io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def _silent(done: float, total: float, label: str) -> None:
    pass


def _drawn(found: Findings) -> bytes:
    assert found.xi is not None
    return png(plot.surface_figure(found.xi, spectrum=found.reference))


def _opened(files: Sequence[str | PathLike[str]], options: Soft | None) -> tuple[Soft, Findings]:
    """The options with the names of the scans, and the scans."""
    paths = [Path(file).absolute() for file in files]
    if len(paths) not in (1, 2):
        raise UsageError(f"give one stack or two scans, not {len(paths)} files")
    soft = options or Soft()
    if len(paths) == 1:
        soft = replace(soft, stack=paths[0])
    else:
        soft = replace(soft, low=paths[0], high=paths[1])
    if (problem := conflict(soft)) is not None:
        raise UsageError(problem)
    with refusals(fspath(files[0])):
        found = add_scans(soft, Findings())
    low, high = found.low, found.high
    assert low is not None and high is not None
    if soft.energy_ev is None and float(low.energy_ev[0]) > float(high.energy_ev[0]):
        soft = replace(soft, low=soft.high, high=soft.low)
        found = replace(found, low=high, high=low)
    return soft, found


def _measured(soft: Soft) -> list[Path]:
    named = (soft.low, soft.high, soft.stack, soft.background, soft.spectrum)
    return [path for path in named if isinstance(path, Path)]


def _read(soft: Soft, path: Path, energy_ev: float | None) -> StxmStack:
    return io.read_stxm(
        path, channel=soft.channel, region=soft.region, energy_ev=energy_ev, i0=soft.i0_channel
    )


def _noted(found: Findings, note: str) -> Findings:
    return replace(found, notes=(*found.notes, note))


def _shift(given: tuple[float, ...] | None) -> Shift | None:
    return None if given is None else Shift(given[0], given[1], (*given, 0.0)[2])


def _from_stack(
    soft: Soft, stack: StxmStack
) -> tuple[StxmStack, StxmStack, tuple[str, ...], Spectrum | None]:
    """Low and high image, how they were chosen, and the mean spectrum of a long stack."""
    mean = _mean_spectrum(soft, stack) if stack.energy_ev.size > 4 else None
    if soft.energy_ev is not None:
        at = soft.energy_ev
        peaks = Doublet(at[0], at[1], 0.0, 0.0, at[1] - at[0], 0.0, np.nan, np.nan)
        return (*surface.select_pair(stack, peaks, tolerance_ev=soft.tolerance_ev), (), mean)
    if stack.energy_ev.size <= 2:
        return (*surface.split(stack), (), mean)
    if mean is None:
        raise ValueError(
            f"energy_ev: {stack.energy_ev.size} energies are too few to find the peaks in; give "
            "the low and the high energy"
        )
    peaks = surface.find_doublet(
        mean.energy_ev, mean.mu, split_ev=soft.split_ev, window_ev=soft.window_ev
    )
    low, high = surface.select_pair(stack, peaks, tolerance_ev=soft.tolerance_ev)
    note = (
        f"peaks of the mean spectrum at {peaks.low_ev:.2f} ± {peaks.low_std_ev:.2f} and "
        f"{peaks.high_ev:.2f} ± {peaks.high_std_ev:.2f} eV; images at "
        f"{float(low.energy_ev[0]):.2f} and {float(high.energy_ev[0]):.2f} eV of "
        f"{stack.energy_ev.size} were used"
    )
    return low, high, (note,), mean


def _mean_spectrum(soft: Soft, stack: StxmStack) -> Spectrum:
    """Mean over the field, per dwell time and incident beam; drift hardly matters to it."""
    each = np.nanmean(np.asarray(stack.counts, dtype=np.float64), axis=(1, 2))
    if soft.mode == "transmission":
        # The open field, which is brightest, is about 1 after division: absorption is the rest.
        top = np.nanpercentile(np.asarray(stack.counts, dtype=np.float64), 99, axis=(1, 2))
        mean = -np.log(each / top)
    else:
        dwell = np.nan_to_num(np.asarray(stack.dwell_s, dtype=np.float64), nan=1.0)
        mean = each / (dwell if stack.units == "counts" else 1.0)
        if stack.i0 is not None:
            mean = mean / (np.asarray(stack.i0) / np.mean(stack.i0))
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    return Spectrum(energy, mean, name="mean over the field", mode=soft.mode)


def _nearest(stack: StxmStack, energy_ev: float, tolerance_ev: float) -> tuple[StxmStack, str]:
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    i = int(np.argmin(np.abs(energy - energy_ev)))
    if abs(energy[i] - energy_ev) > tolerance_ev:
        raise ValueError(
            f"background: no image within {tolerance_ev:g} eV of {energy_ev:g} eV; the nearest is "
            f"at {energy[i]:.2f} eV"
        )
    return stack.select([i]), f"image at {energy[i]:.2f} eV of the stack is the background"
