"""`nmcx edges`: from one stack or scan folder to an edge map, its result file and its picture."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import io, txm, xanes
from nmcx.errors import Error, InputError, OutputError, UsageError
from nmcx.io.frames import holds_frames
from nmcx.results import EdgeMap, EnergyStack
from nmcx.run.folder import check_target, picture_path
from nmcx.run_file import Hard, toml_value

Progress = Callable[[float, float, str], None]
Window = tuple[float, float]

#: Largest block of the fit [bytes]; two are in memory at a time.
_BLOCK_BYTES = 256 * 2**20
#: Inputs up to this size are read once more for their sha256 [bytes].
_HASHED_BYTES = 4 * 10**9
#: Voxels of the quick look; of larger maps every second, third … slice is drawn.
DRAWN_VOXELS = 2**24


@dataclass(frozen=True)
class EdgeOptions:
    """How the edges shall be fitted; names and meanings are those of `nmcx.xanes.fit_edges`."""

    pre_edge: Window | None = None  #: [eV]; None: that of the run file's [hard] section
    post_edge: Window | None = None  #: [eV]; None: as `pre_edge`
    pre_degree: int | None = None  #: None: by rule
    post_degree: int | None = None  #: None: by rule
    level: float = 0.5  #: fraction of the jump [1]
    estimator: str = "half_jump"  #: rule for the edge energy
    template: Path | None = None  #: spectrum for `nmcx.io.read_spectrum`; None: from the stack
    normalisation: str = "window"  #: or "global_shape"
    white_line_half_width_ev: float | None = None  #: None: by rule
    threads: int | None = None  #: None: all cores


@dataclass(frozen=True)
class EdgeJob:
    """What `edges` made and where it lies."""

    path: Path  #: the result file
    picture: Path | None  #: the quick-look, or None if none was asked for
    edges: EdgeMap  #: the map; arrays beyond 1 MB stay in the file until they are indexed
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
        Windows, degrees, level, estimator, template, normalisation, threads.
    picture : str, path or None
        PNG to write; default ``<out>.png``; None for no picture.
    force : bool
        Replace an existing result and picture, and unfinished work unless it is resumed.
    resume : bool
        Go on with an interrupted fit of the same stack and options; without one, begin it.
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
        If a result, or unfinished work, is there already and neither `force` nor `resume` is
        given, or the disk refuses.
    nmcx.errors.MemoryLimitError
        If two slices at all energies do not fit into memory; frames must fit as a whole.
    """
    started = time.perf_counter()
    options = options or EdgeOptions()
    target = Path(out).absolute()
    image = picture_path(target, picture)
    check_target(target, force)
    check_target(image, force or resume)
    _check_unfinished(target, force or resume)
    stack = open_source(source)
    notes, settings = fit_settings(stack, options, fspath(source))
    with refusals(fspath(source)):
        found = xanes.fit_edges_to_file(
            stack if holds_frames(Path(source)) else source,
            target,
            block_bytes=block_bytes(stack),
            overwrite=force,
            resume=resume,
            progress=progress,
            provenance=_provenance(Path(source), options, settings),
            **settings,
        )
    if image is not None:
        _write_picture(image, stack, found, Path(source).name)
    return EdgeJob(target, image, found, notes, time.perf_counter() - started)


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


def fit_settings(
    stack: EnergyStack, options: EdgeOptions, source: str
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Notes, and the keywords of `fit_edges` that follow from the options.

    Raises
    ------
    nmcx.errors.UsageError
        If a window is missing, or both are and the scan is none of the Ni K edge.
    nmcx.errors.InputError
        If the file of the template cannot be used.
    """
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    notes = tuple(stack.notes)
    windows = options.pre_edge, options.post_edge
    if windows == (None, None):
        windows = _usual_windows(energy, source)
        notes += (f"windows not given: {pair(windows[0])} and {pair(windows[1])}, usual for Ni K",)
    elif None in windows:
        missing = "--pre-edge" if options.pre_edge is None else "--post-edge"
        raise UsageError(f"{missing}: is missing; give both windows, or neither for Ni K")
    template = None
    if options.template is not None:
        template = io.read_spectrum(options.template)
        notes += tuple(f"{options.template}: {note}" for note in template.notes)
    return notes, {
        "pre_edge": windows[0],
        "post_edge": windows[1],
        "pre_degree": options.pre_degree,
        "post_degree": options.post_degree,
        "level": options.level,
        "estimator": options.estimator,
        "template": template,
        "normalisation": options.normalisation,
        "white_line_half_width_ev": options.white_line_half_width_ev,
        "threads": options.threads,
    }


@contextlib.contextmanager
def refusals(source: str) -> Iterator[None]:
    """What the fit refuses comes from options that do not fit the data."""
    try:
        yield
    except Error:
        raise  # some are ValueErrors too, and name their file already
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error


def block_bytes(stack: EnergyStack) -> int:
    """Size of a block of which two fit into a half of the free memory.

    Raises
    ------
    nmcx.errors.MemoryLimitError
        If not even two slices fit into all of it.
    """
    from nmcx.io._memory import check_memory, free_memory

    row: int = math.prod(stack.mu.shape[2:]) * len(stack.energy_ev)
    row *= np.dtype(stack.mu.dtype).itemsize * (1 if stack.variance is None else 2)
    check_memory(2 * row, "the edge fit, two slices at all energies")
    return max(row, min(_BLOCK_BYTES, free_memory() // 4))


def _usual_windows(energy: np.ndarray, source: str) -> tuple[Window, Window]:
    """Those of the run file, if the scan is plainly one of the Ni K edge."""
    hard = Hard()
    before = np.count_nonzero((energy >= hard.pre_edge[0]) & (energy <= hard.pre_edge[1]))
    after = np.count_nonzero((energy >= hard.post_edge[0]) & (energy <= hard.post_edge[1]))
    between = np.count_nonzero((energy > hard.pre_edge[1]) & (energy < hard.post_edge[0]))
    if min(before, after) < 2 or between < 4:
        raise UsageError(
            f"{source}: its {energy.size} energies ({energy[0]:.1f}–{energy[-1]:.1f} eV) are no "
            f"scan of the Ni K edge with at least 2 in {pair(hard.pre_edge)}, 4 after it and 2 in "
            f"{pair(hard.post_edge)}: give --pre-edge LO HI and --post-edge LO HI in eV"
        )
    return hard.pre_edge, hard.post_edge


def pair(window: Any) -> str:
    """A window in words."""
    return f"{window[0]:g}–{window[1]:g} eV"


def _provenance(source: Path, options: EdgeOptions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, and name, size and sha256 of what was read."""
    files = sorted(p for p in source.iterdir() if p.is_file()) if source.is_dir() else [source]
    size = sum(file.stat().st_size for file in files)
    read = [file.absolute() for file in files]
    if options.template is not None:
        read.append(options.template.absolute())
    # Of a stack larger than memory a hash would take as long as the fit.
    inputs = read if size <= _HASHED_BYTES else dict.fromkeys(map(str, read), "")
    asked = {name: value for name, value in settings.items() if value is not None}
    asked["template"] = None if options.template is None else str(options.template.absolute())
    lines = ["[edges]", f"source = {toml_value(str(source.absolute()))}", f"source_bytes = {size}"]
    lines += [f"{name} = {toml_value(value)}" for name, value in asked.items() if value is not None]
    return {"configuration": "\n".join(lines) + "\n", "inputs": inputs}


def _check_unfinished(target: Path, taken_care_of: bool) -> None:
    part = target.with_name(f"{target.name}.part")
    if part.exists() and not taken_care_of:
        raise OutputError(
            f"{part}: holds unfinished work; go on with --resume, or start anew with --force"
        )


def _write_picture(path: Path, stack: EnergyStack, found: EdgeMap, title: str) -> None:
    from nmcx import plot
    from nmcx.io._atomic import atomic_write

    step = max(1, math.ceil(found.status.size / DRAWN_VOXELS))
    size = _three(stack.voxel_size_um)
    mu: Any = stack.mu
    if step > 1 and found.status.ndim > 1:
        title += f" (one slice in {step}; z counts these)"
        found, mu = _every(found, step), _EverySlice(mu, step)
        if found.status.ndim == 3 and size is not None:
            size = (size[0] * step, *size[1:])
    figure = plot.edge_quicklook(stack.energy_ev, mu, found, voxel_size_um=size, title=title)
    with atomic_write(path, overwrite=True) as temporary:
        figure.savefig(temporary, format="png")


def _every(edges: EdgeMap, step: int) -> EdgeMap:
    """A map of every `step`-th slice of the first axis; the others are not read."""
    maps: dict[str, Any] = {
        item.name: getattr(edges, item.name)[::step]
        for item in fields(edges)
        if item.name != "settings"
    }
    return replace(edges, **maps)


class _EverySlice:
    """A stack, (n_energy, ...), of which every `step`-th slice is seen, one spectrum at a time."""

    def __init__(self, mu: Any, step: int) -> None:
        self._mu, self._step = mu, step
        n_slice = -(-mu.shape[1] // step)
        self.shape = (mu.shape[0], n_slice, *mu.shape[2:])

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        energies, row, *rest = key
        return self._mu[(energies, row * self._step, *rest)]


def _three(size: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """(dz, dy, dx) from as many numbers as there are axes."""
    if size is None or len(size) == 3:
        return size
    return (size[0],) * (3 - len(size)) + tuple(size) if size else None
