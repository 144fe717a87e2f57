"""`nmcx edges`: from one stack or scan folder to an edge map, its result file and its picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, txm, xanes
from nmcx.errors import InputError, OutputError, UsageError
from nmcx.io.frames import holds_frames
from nmcx.plot.edge_quicklook import in_memory
from nmcx.results import EdgeMap, EnergyStack
from nmcx.run_file import Hard

Progress = Callable[[float, float, str], None]
Window = tuple[float, float]

_SAMPLE_VOXELS = 20_000
#: Rate of the fit on one core of a slow machine [voxels/s].
_VOXELS_PER_S = 5e6
#: Result and working arrays of one voxel [bytes].
_BYTES_PER_VOXEL = 2 * (8 + 4 + 8 + 4 + 4 + 4 + 4 + 2)
_RESULT_BYTES_PER_VOXEL = 8 + 4 + 8 + 4 + 4 + 4 + 4 + 2


@dataclass(frozen=True)
class EdgeOptions:
    """How the edges shall be fitted; names and meanings are those of `nmcx.xanes.fit_edges`."""

    pre_edge: Window | None = None  #: [eV]; None: that of the run file's [hard] section
    post_edge: Window | None = None  #: [eV]; None: as `pre_edge`
    pre_degree: int | None = None  #: None: by rule
    post_degree: int | None = None  #: None: by rule
    level: float = 0.5  #: fraction of the jump [1]
    estimator: str = "half_jump"  #: rule for the edge energy
    threads: int | None = None  #: None: all cores


@dataclass(frozen=True)
class EdgeJob:
    """What `edges` made and where it lies."""

    path: Path  #: the result file
    picture: Path | None  #: the quick-look, or None if none was asked for
    edges: EdgeMap  #: the map
    notes: tuple[str, ...]  #: what was assumed, replaced or converted
    seconds: float  #: wall time [s]


def edges(
    source: str | PathLike[str],
    out: str | PathLike[str],
    options: EdgeOptions | None = None,
    *,
    picture: str | PathLike[str] | None = "beside",
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> EdgeJob:
    """Fit the edges of a stack or a scan folder; write the result file and a quick-look picture.

    Parameters
    ----------
    source : str or path
        What `nmcx.io.open_stack` reads, or a file or folder of raw frames that
        `nmcx.io.read_frames` reads; frames become optical density, and magnification and drift
        between the energies are removed.
    out : str or path
        NeXus result file to write.
    options : EdgeOptions, optional
        Windows, degrees, level, estimator, threads.
    picture : str, path or None
        PNG to write; default ``<out>.png``; None for no picture.
    force : bool
        Replace an existing result and picture.
    resume : bool
        Go on with an interrupted fit of the same stack and options.
    progress : callable, optional
        Called as ``progress(done, total, label)``.

    Returns
    -------
    EdgeJob

    Raises
    ------
    nmcx.errors.UsageError
        If an option does not fit the data.
    nmcx.errors.InputError
        If the source is missing, damaged, or no energy stack.
    nmcx.errors.OutputError
        If a result is there already and `force` is not given, or the disk refuses.
    nmcx.errors.MemoryLimitError
        If the data do not fit into memory.
    """
    started = time.perf_counter()
    options = options or EdgeOptions()
    target = Path(out).absolute()
    image = _picture_path(target, picture)
    _check_free(target, force)
    _check_free(image, force or resume)
    stack = open_source(source)
    notes, settings = _settings(stack, options, fspath(source))
    found = in_memory(
        _fit_to_file(stack, target, overwrite=force, resume=resume, progress=progress, **settings)
    )
    if image is not None:
        _write_picture(image, stack, found, Path(source).name)
    return EdgeJob(target, image, found, notes, time.perf_counter() - started)


def plan_edges(
    source: str | PathLike[str],
    out: str | PathLike[str],
    options: EdgeOptions | None = None,
) -> list[str]:
    """What `edges` would do, found from the headers and a sample of at most 20,000 voxels.

    Parameters
    ----------
    source : str or path
        As in `edges`.
    out : str or path
        As in `edges`; nothing is written.
    options : EdgeOptions, optional
        As in `edges`.

    Returns
    -------
    list of str
        Lines for the user: shape, energies, windows and the energies in them, degrees, time,
        memory, disk.

    Raises
    ------
    nmcx.errors.UsageError, nmcx.errors.InputError
        As in `edges`.
    """
    from nmcx.io._safe import free_memory

    options = options or EdgeOptions()
    stack = open_source(source)
    notes, settings = _settings(stack, options, fspath(source))
    began = time.perf_counter()
    sample = _sample(stack.mu)
    read_s = time.perf_counter() - began
    chosen = xanes.fit_edges(stack.energy_ev, sample, **settings).settings
    energy = np.asarray(stack.energy_ev)
    shape = tuple(stack.mu.shape[1:])
    n_voxel = int(np.prod(shape, dtype=np.int64))
    n_byte = energy.size * n_voxel * np.dtype(stack.mu.dtype).itemsize
    seconds = read_s * n_voxel / max(sample[0].size, 1) + n_voxel / _VOXELS_PER_S
    memory = n_byte * (2 if stack.variance is not None else 1) + n_voxel * _BYTES_PER_VOXEL
    lines = [
        f"{'input':<10} {source}: {' × '.join(map(str, shape)) or 'one'} voxels",
        f"{'energies':<10} {energy.size}, {energy[0]:.2f}–{energy[-1]:.2f} eV",
        *(_window_line(name, energy, chosen, settings) for name in ("pre", "post")),
        f"{'estimator':<10} {chosen['estimator']}"
        + (f", level {chosen['level']:g}" if "level" in chosen else ""),
        f"{'time':<10} about {max(seconds, 1):.0f} s",
        f"{'memory':<10} about {memory / 1e9:.2g} GB of {free_memory() / 1e9:.2g} GB free",
        f"{'disk':<10} {n_voxel * _RESULT_BYTES_PER_VOXEL / 1e9:.2g} GB for {out}"
        + (" (exists; --force needed)" if Path(out).exists() else ""),
    ]
    return lines + [f"{'note':<10} {note}" for note in notes]


def open_source(source: str | PathLike[str]) -> EnergyStack:
    """An energy stack from a stack file, or from raw frames by way of their optical density.

    Parameters
    ----------
    source : str or path
        As in `edges`.

    Returns
    -------
    EnergyStack
        Energies rising; lazy if it comes from a stack file.

    Raises
    ------
    nmcx.errors.InputError
        If it cannot be used, or holds several angles per energy.
    nmcx.errors.ConvergenceError
        If no image of the frames matches any other.
    """
    path = Path(source)
    if not holds_frames(path):
        return io.open_stack(path)
    try:
        od = txm.optical_density(io.read_frames(path))
        if np.unique(od.energy_ev).size < len(od.energy_ev):
            raise InputError(
                f"{path}: several angles per energy; reconstruct a volume at each energy and give "
                "the stack of volumes"
            )
        return txm.align_energies(od).stack
    except InputError:
        raise  # a ValueError too, which names the path already
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _settings(
    stack: EnergyStack, options: EdgeOptions, source: str
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Notes, and the keywords of `fit_edges`, checked against the energies."""
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    notes = tuple(stack.notes)
    windows = options.pre_edge, options.post_edge
    if windows == (None, None):
        windows = _usual_windows(energy, source)
        notes += (
            f"windows not given: {_pair(windows[0])} and {_pair(windows[1])}, usual for Ni K",
        )
    elif None in windows:
        missing = "--pre-edge" if options.pre_edge is None else "--post-edge"
        raise UsageError(f"{missing}: is missing; give both windows, or neither for Ni K")
    settings: dict[str, Any] = {
        "pre_edge": windows[0],
        "post_edge": windows[1],
        "pre_degree": options.pre_degree,
        "post_degree": options.post_degree,
        "level": options.level,
        "estimator": options.estimator,
        "threads": options.threads,
    }
    try:
        # Without voxels nothing is computed, and everything is checked.
        xanes.fit_edges(
            energy,
            np.empty((energy.size, 0)),
            variance=None if stack.variance is None else np.ones(energy.size),
            **settings,
        )
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error
    return notes, settings


def _usual_windows(energy: np.ndarray, source: str) -> tuple[Window, Window]:
    """Those of the run file, if the scan is plainly one of the Ni K edge."""
    hard = Hard()
    before = np.count_nonzero((energy >= hard.pre_edge[0]) & (energy <= hard.pre_edge[1]))
    after = np.count_nonzero((energy >= hard.post_edge[0]) & (energy <= hard.post_edge[1]))
    between = np.count_nonzero((energy > hard.pre_edge[1]) & (energy < hard.post_edge[0]))
    if min(before, after) < 2 or between < 4:
        raise UsageError(
            f"{source}: its {energy.size} energies ({energy[0]:.1f}–{energy[-1]:.1f} eV) are no "
            f"scan of the Ni K edge with at least 2 in {_pair(hard.pre_edge)}, 4 after it and 2 in "
            f"{_pair(hard.post_edge)}: give --pre-edge LO HI and --post-edge LO HI in eV"
        )
    return hard.pre_edge, hard.post_edge


def _pair(window: Any) -> str:
    return f"{window[0]:g}–{window[1]:g} eV"


def _window_line(
    name: str, energy: np.ndarray, chosen: Mapping[str, Any], settings: dict[str, Any]
) -> str:
    window, degree = chosen[f"{name}_edge"], chosen[f"{name}_degree"]
    inside = int(np.count_nonzero((energy >= window[0]) & (energy <= window[1])))
    rule = " by rule, from a sample" if settings[f"{name}_degree"] is None else ""
    label = f"{name}-edge"
    return f"{label:<10} {_pair(window)}: {inside} energies, degree {degree}{rule}"


def _sample(mu: Any) -> np.ndarray:
    """Voxels of the middle of the stack, read without the rest."""
    key: list[Any] = [slice(None)]
    left = _SAMPLE_VOXELS
    shape = mu.shape[1:]
    for axis, n in enumerate(shape):
        inner = int(np.prod(shape[axis + 1 :], dtype=np.int64))
        n_kept = min(n, max(1, left // max(inner, 1)))
        start = (n - n_kept) // 2
        key.append(slice(start, start + n_kept))
        left = max(left // max(n_kept, 1), 1)
    return np.asarray(mu[tuple(key)])


def _fit_to_file(
    stack: EnergyStack,
    path: Path,
    *,
    overwrite: bool,
    resume: bool,
    progress: Progress | None,
    **settings: Any,
) -> EdgeMap:
    """Fit the whole stack in memory and write the map; without blocks there is none to resume."""
    from nmcx.io._safe import check_memory

    n_voxel = int(np.prod(stack.mu.shape[1:], dtype=np.int64))
    per_voxel = len(stack.energy_ev) * np.dtype(stack.mu.dtype).itemsize
    copies = 1 if stack.variance is None else 2
    check_memory(n_voxel * (copies * per_voxel + _BYTES_PER_VOXEL), "the edge fit")
    if progress is not None:
        progress(0, 1, "edge energies, from the start" if resume else "edge energies")
    found = xanes.fit_edges(stack.energy_ev, stack.mu, variance=stack.variance, **settings)
    io.save(path, found, overwrite=overwrite)
    if progress is not None:
        progress(1, 1, "edge energies")
    return found


def _picture_path(target: Path, picture: str | PathLike[str] | None) -> Path | None:
    if picture is None:
        return None
    if picture == "beside":
        return target.with_name(target.name + ".png")
    return Path(picture).absolute()


def _check_free(path: Path | None, replace: bool) -> None:
    """Refuse before hours of work what would be refused after them."""
    import os

    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it")
    if path.exists() and not replace:
        raise OutputError(f"{path}: exists already; name another file, or replace it with --force")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: is no folder; make it, or name another")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: may not be written; name a file elsewhere")


def _write_picture(path: Path, stack: EnergyStack, found: EdgeMap, title: str) -> None:
    from nmcx import plot
    from nmcx.io._atomic import atomic_write

    size = stack.voxel_size_um
    figure = plot.edge_quicklook(
        stack.energy_ev,
        stack.mu,
        found,
        voxel_size_um=_three(size),
        title=title,
    )
    with atomic_write(path, overwrite=True) as temporary:
        figure.savefig(temporary, format="png")


def _three(size: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """(dz, dy, dx) from as many numbers as there are axes."""
    if size is None or len(size) == 3:
        return size
    return (size[0],) * (3 - len(size)) + tuple(size) if size else None
