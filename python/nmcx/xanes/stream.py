"""Edge maps of stacks larger than memory, from file to file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import io
from nmcx.io import blocks, nexus, work
from nmcx.io.nexus_blocks import Region, Unwritten, regions, reserve
from nmcx.results import EdgeMap, EnergyStack, Spectrum
from nmcx.xanes import maps
from nmcx.xanes._coerce import Window
from nmcx.xanes.preparation import FitOptions, Preparation, prepare
from nmcx.xanes.sampling import fit_dtype, sample_spectra

_RESULT, _MEASURED = "result.nxs", "measured.bin"
# Bytes per voxel while maps are made: those just measured and those being written; while they are
# judged: measured maps, the kernel's copy and masks, the finished ones, and those being written.
_MEASURING = 2 * sum(dtype.itemsize for dtype in maps.MEASURED.values())
_JUDGING = 4 * sum(dtype.itemsize for dtype in maps.MEASURED.values())


def fit_edges_to_file(
    stack: str | PathLike[str] | EnergyStack,
    path: str | PathLike[str],
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    level: float = 0.5,
    estimator: str = "half_jump",
    template: Spectrum | Sequence[ArrayLike] | None = None,
    normalisation: str = "window",
    white_line_half_width_ev: float | None = None,
    variance: ArrayLike | None = None,
    threads: int | None = None,
    block_bytes: int = 256 * 2**20,
    overwrite: bool = False,
    resume: bool = False,
    progress: Callable[[float, float, str], None] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> EdgeMap:
    """`fit_edges` from file to file, for stacks and maps larger than memory.

    The stack is read in blocks, one ahead of the fit. What single voxels give goes to a file in the
    folder ``<path>.part``; when all are there, the maps are completed slab by slab into the result
    file, which gets its name at the very end. After a crash, a full disk or Ctrl-C the work can be
    taken up again with ``resume=True``; about the last half minute is lost. The maps have the
    same bits as those of `fit_edges`.

    Parameters
    ----------
    stack : path-like or EnergyStack
        File or folder for `nmcx.io.open_stack`, or what it returned.
    path : path-like
        The result file, as `EdgeMap.save` would write it. Unfinished, it needs 80 bytes per voxel.
    pre_edge, post_edge, pre_degree, post_degree, level, estimator, template, normalisation
        As in `fit_edges`.
    white_line_half_width_ev
        As in `fit_edges`.
    variance : (n_energy,) or like `stack.mu`, array_like, optional
        Variance of the absorption, may be lazy. Default: that of the stack, if it has one; else the
        noise is taken from the residuals.
    threads : int, optional
        Number of threads; default: all cores. The result does not depend on it.
    block_bytes : int
        Memory of one block with its maps; two are in use at a time. A block is at least one slice
        of the first spatial axis at all energies. The result does not depend on it.
    overwrite : bool
        Whether an existing result, or unfinished work if it is not to be resumed, may be replaced.
    resume : bool
        Whether unfinished work is taken up; without any, it is begun.
    progress : callable, optional
        Called as ``progress(done, total, label)`` after each block.
    provenance : mapping, optional
        Recorded in the file as by `nmcx.io.save`; of resumed work, that given at its beginning.

    Returns
    -------
    EdgeMap
        The result, with maps beyond 1 MB left in the file until they are indexed.

    Raises
    ------
    ValueError
        As `fit_edges`; or if unfinished work was begun with other data or options
        (`nmcx.errors.InputError`).
    nmcx.errors.OutputError
        If the result or unfinished work exists and may not be replaced, or cannot be written.

    References
    ----------
    As `fit_edges`; edge energies in eV [eV].

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from nmcx import io, phantom, results, xanes
    >>> ramp = phantom.edge_ramp(8344.0, 8346.0, n_voxel=6)
    >>> stack = results.EnergyStack(ramp.energy_ev, ramp.mu.reshape(-1, 1, 2, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "particle.h5")
    ...     io.write_energy_stack(file, stack)
    ...     edges = xanes.fit_edges_to_file(
    ...         file, file.with_suffix(".nxs"), pre_edge=(8250, 8320), post_edge=(8380, 8640)
    ...     )
    >>> edges.edge_energy_ev[0, 0].round(1)
    array([8344. , 8344.4, 8344.8])
    """
    source, files = _opened(stack)
    energy = np.ascontiguousarray(source.energy_ev, dtype=np.float64)
    mu, spread = source.mu, source.variance if variance is None else variance
    if energy.ndim != 1 or len(mu.shape) < 2 or mu.shape[0] != energy.size:
        raise ValueError(f"stack has {energy.size} energies but images {tuple(mu.shape)}")
    spread = spread if spread is None or hasattr(spread, "shape") else np.asarray(spread)
    if spread is not None and tuple(spread.shape) not in (energy.shape, tuple(mu.shape)):
        raise ValueError("variance must have the shape of energy_ev or of mu")
    kept = [sample_spectra(mu, False)]
    options = FitOptions(
        pre_edge,
        post_edge,
        pre_degree,
        post_degree,
        level,
        estimator,
        template,
        normalisation,
        white_line_half_width_ev,
    )

    def sampled_variance() -> NDArray[np.float64]:
        assert spread is not None
        if len(spread.shape) == 1:
            return np.asarray(spread, dtype=np.float64)[:, None]
        return sample_spectra(spread, False)

    prepared = prepare(
        energy, options, lambda: kept[0], None if spread is None else sampled_variance
    )
    # Whatever is wrong with energies and windows is said before anything is written.
    dtype = fit_dtype(mu.dtype)
    constant = None if spread is None or len(spread.shape) > 1 else np.asarray(spread, dtype)
    maps.measure(prepared, np.zeros((energy.size, 1), dtype), constant, False, 1)
    shape = tuple(int(n) for n in mu.shape[1:])
    fingerprint = {
        "energies": energy.tolist(),
        "shape": shape,
        "type": mu.dtype.str,
        "input files": _identity(files),
        "spectra": hashlib.sha256(kept.pop().tobytes()).hexdigest(),
        "variance": None if constant is None else constant.tolist(),
        **prepared.settings(),
    }

    def begin(folder: Path) -> None:
        blank = {name: Unwritten(shape, dtype) for name, dtype in maps.FIELDS.items()}
        unwritten = EdgeMap(**blank, settings=prepared.settings())  # type: ignore[arg-type]
        nexus.allocate(folder / _RESULT, unwritten, provenance)
        (folder / _MEASURED).touch()
        reserve(folder / _MEASURED, sum(r.n_byte for r in _measured(folder, shape).values()))

    sources = [mu] if spread is None or constant is not None else [mu, spread]
    rows = _rows_per_block(prepared, sources, dtype, block_bytes)
    blocks.check_fits(sources, dtype, work.remaining(shape[0], rows, set()))
    with work.unfinished(path, fingerprint, begin, overwrite=overwrite, resume=resume) as part:
        task = _Task(prepared, shape, threads or 0, block_bytes, part, progress)
        limits = task.measure(sources, rows, constant, dtype)
        task.judge(limits)
        work.finish(part, _RESULT, path, overwrite)
    loaded = io.load(path, lazy=True)["edge_map"]
    assert isinstance(loaded, EdgeMap)
    return loaded


def _rows_per_block(
    prepared: Preparation, sources: list[Any], dtype: np.dtype[Any], block_bytes: int
) -> int:
    n_byte = len(sources) * prepared.energy_ev.size * dtype.itemsize + _MEASURING
    voxels = math.prod(int(n) for n in sources[0].shape[2:])
    return blocks.rows_per_block(sources[0], voxels * n_byte, block_bytes)


def _opened(stack: str | PathLike[str] | EnergyStack) -> tuple[EnergyStack, list[Path]]:
    if isinstance(stack, EnergyStack):
        planes = getattr(stack.mu, "planes", None)
        return stack, sorted(set(planes.files)) if planes is not None else []
    file = Path(stack)
    return io.open_stack(file), sorted(file.iterdir()) if file.is_dir() else [file]


def _identity(files: list[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file."""
    found = [(file.name, file.stat()) for file in files]
    return [(name, status.st_size, status.st_mtime_ns) for name, status in found]


def _measured(folder: Path, shape: tuple[int, ...]) -> dict[str, Region]:
    """Where the measured maps lie: one after the other."""
    places, offset = {}, 0
    for name, dtype in maps.MEASURED.items():
        places[name] = Region(folder / _MEASURED, offset, shape, dtype)
        offset += places[name].n_byte
    return places


class _Task:
    """Both passes over the rows of the first spatial axis."""

    def __init__(
        self,
        prepared: Preparation,
        shape: tuple[int, ...],
        threads: int,
        block_bytes: int,
        part: work.Work,
        progress: Callable[[float, float, str], None] | None,
    ) -> None:
        self.prepared, self.shape, self.threads, self.part = prepared, shape, threads, part
        self.block_bytes, self.progress = block_bytes, progress
        self.n_row, self.voxels = shape[0], math.prod(shape[1:])
        self.raw = _measured(part.folder, shape)

    def measure(
        self, sources: list[Any], rows: int, constant: NDArray[Any] | None, dtype: np.dtype[Any]
    ) -> Any:
        """Measure what is not yet measured; the thresholds of the whole map."""
        todo = work.remaining(self.n_row, rows, self.part.done("measured"))
        left = sum(stop - start for start, stop in todo)
        with closing(blocks.read_blocks(sources, dtype, todo)) as stream:
            for (start, stop), block in zip(todo, stream, strict=True):
                spread = block[1] if len(block) > 1 else constant
                measured = maps.measure(self.prepared, block[0], spread, False, self.threads)
                self._put("measured", start, stop, self.raw, measured)
                left -= stop - start
                self._say(self.n_row - left, "edge energies")
        self.part.wait()
        return maps.thresholds(self.prepared, self._samples())

    def _samples(self) -> list[maps.Maps]:
        # Read back, so that resumed work takes the same way; a pass over 14 bytes per voxel.
        rows = max(self.block_bytes // (_MEASURING * max(self.voxels, 1)), 1)
        found = []
        for start in range(0, self.n_row, rows):
            stop = min(start + rows, self.n_row)
            part = {name: self.raw[name].read_rows(start, stop).ravel() for name in maps.SAMPLED}
            found.append(maps.sampled(part, start * self.voxels, self.n_row * self.voxels))
        return found

    def judge(self, limits: Any) -> None:
        """Complete what is not yet completed, in slabs with a halo."""
        out = regions(self.part.folder / _RESULT, "entry/edge_map", maps.FIELDS)
        slabs = 2 * self.block_bytes // (_JUDGING * max(self.voxels, 1)) - 2 * maps.HALO
        todo = work.remaining(self.n_row, max(slabs, 1), self.part.done("judged"))
        left = sum(stop - start for start, stop in todo)
        for start, stop in todo:
            first, last = max(start - maps.HALO, 0), min(stop + maps.HALO, self.n_row)
            measured = {name: place.read_rows(first, last) for name, place in self.raw.items()}
            shape = (last - first, *self.shape[1:])
            judged = maps.judge(self.prepared, measured, limits, shape, self.threads)
            del measured
            inner = {name: values[start - first : stop - first] for name, values in judged.items()}
            self._put("judged", start, stop, out, inner)
            left -= stop - start
            self._say(self.n_row - left, "edge maps")

    def _put(
        self, what: str, start: int, stop: int, places: dict[str, Region], values: maps.Maps
    ) -> None:
        def write() -> None:
            for name, place in places.items():
                place.write_rows(start, values[name])

        self.part.put(what, start, stop, write, next(iter(places.values())).path)

    def _say(self, done: int, label: str) -> None:
        if self.progress is not None:
            self.progress(done, self.n_row, label)
