"""Edge maps of dask arrays, as dask arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import EdgeMap
from nmcx.xanes import maps
from nmcx.xanes.preparation import FitOptions, Preparation, prepare
from nmcx.xanes.sampling import as_float, fit_dtype, sample_spectra

_MEASURED = np.dtype(list(maps.MEASURED.items()))
_JUDGED = np.dtype(list(maps.FIELDS.items()))


def fit_edges_of_dask(
    energy_ev: ArrayLike,
    mu: Any,
    options: FitOptions,
    variance: Any,
    energy_axis: int,
    threads: int,
) -> EdgeMap:
    """`fit_edges` as one graph: measure blocks, sample them for the limits, judge with a halo.

    Blocks keep the spatial chunks of `mu` (chunks of one voxel grow, the halo needs two); energies
    become one chunk. At the call nothing but the sample of spectra is computed.
    """
    import dask
    import dask.array

    energy = np.ascontiguousarray(energy_ev, dtype=np.float64)
    if energy.ndim != 1:
        raise ValueError("energy_ev must have one axis")
    if mu.ndim == 0 or mu.dtype.kind not in "fiub":
        raise ValueError(f"mu must be an array of real numbers over energy, not {mu!r}")
    if not -mu.ndim <= energy_axis < mu.ndim:
        raise ValueError(f"energy_axis {energy_axis} does not exist: mu has {mu.ndim} axes")
    axis = energy_axis % mu.ndim
    if mu.shape[axis] != energy.size:
        raise ValueError(f"mu has {mu.shape[axis]} energies, energy_ev has {energy.size}")
    if any(math.isnan(n) for n in mu.shape):
        raise ValueError("mu has chunks of unknown size: call its compute_chunk_sizes() first")
    voxel_major = axis == mu.ndim - 1 and mu.ndim > 1
    stack = _in_one_chunk(mu, axis, voxel_major)
    spread, constant = None, None
    if variance is not None:
        variance = variance if hasattr(variance, "ndim") else np.asarray(variance)
        if tuple(variance.shape) == tuple(mu.shape) and mu.ndim > 1:
            spread = dask.array.asarray(variance)
            spread = _in_one_chunk(spread, axis, voxel_major).rechunk(stack.chunks)
        elif variance.shape == energy.shape:
            constant = np.asarray(variance, fit_dtype(mu.dtype))
        else:
            raise ValueError("variance must have the shape of energy_ev or of mu")

    def sample(values: Any) -> NDArray[np.float64]:
        return sample_spectra(values, voxel_major, lambda parts: list(dask.compute(*parts)))

    def sampled_variance() -> NDArray[np.float64]:
        return sample(spread) if constant is None else constant[:, None].astype(np.float64)

    prepared = prepare(
        energy, options, lambda: sample(stack), None if variance is None else sampled_variance
    )
    # Whatever is wrong with energies and windows is said at the call, not by a worker.
    one = np.zeros((energy.size, 1), fit_dtype(mu.dtype))
    maps.measure(prepared, one, constant if spread is None else one, False, 1)
    shape = stack.shape[:-1] if voxel_major else stack.shape[1:]
    measured = dask.array.map_blocks(
        _measure,
        *([stack] if spread is None else [stack, spread]),
        prepared=prepared,
        constant=constant,
        voxel_major=voxel_major,
        threads=threads or 1,
        drop_axis=mu.ndim - 1 if voxel_major else 0,
        dtype=_MEASURED,
        meta=np.empty((0,) * len(shape), _MEASURED),
    )
    judged = _judged(prepared, measured, threads or 1)
    return EdgeMap(**{name: judged[name] for name in maps.FIELDS}, settings=prepared.settings())


def _in_one_chunk(values: Any, axis: int, voxel_major: bool) -> Any:
    """Energies in one chunk, first or last."""
    import dask.array

    if not voxel_major:
        values = dask.array.moveaxis(values, axis, 0)
        axis = 0
    return values.rechunk({axis: -1})


def _judged(prepared: Preparation, measured: Any, threads: int) -> Any:
    """The finished maps in one array of `_JUDGED`."""
    import dask
    import dask.array

    # Shared with the maps themselves, hence not optimised apart from them.
    parts = measured.to_delayed(optimize_graph=False)
    corners = [np.cumsum((0, *chunks[:-1])).tolist() for chunks in measured.chunks]
    sample = dask.delayed(_sample)
    samples = [
        sample(parts[i], [c[k] for c, k in zip(corners, i, strict=True)], measured.shape)
        for i in np.ndindex(measured.numblocks)
    ]
    limits = dask.delayed(_limits)(prepared, samples)
    # Beyond two or three axes there are no neighbours, and across one chunk no borders.
    has_halo = measured.ndim in (2, 3)
    depth = {
        axis: maps.HALO if has_halo and n > 1 else 0 for axis, n in enumerate(measured.numblocks)
    }
    wide = measured
    if any(depth.values()):
        wide = dask.array.overlap.overlap(measured, depth, "none")
    judged = dask.array.map_blocks(
        _judge,
        wide,
        prepared=prepared,
        limits=limits,
        threads=threads,
        dtype=_JUDGED,
        meta=np.empty((0,) * measured.ndim, _JUDGED),
    )
    if any(depth.values()):
        judged = dask.array.overlap.trim_internal(judged, depth, "none")
    return judged


def _measure(
    spectra: NDArray[Any],
    variance: NDArray[Any] | None = None,
    *,
    prepared: Preparation,
    constant: NDArray[Any] | None,
    voxel_major: bool,
    threads: int,
) -> NDArray[Any]:
    spectra = np.require(as_float(spectra), requirements=["C", "A"])
    spread = constant if variance is None else variance
    measured = maps.measure(prepared, spectra, spread, voxel_major, threads)
    return _packed(measured, spectra.shape[:-1] if voxel_major else spectra.shape[1:], _MEASURED)


def _judge(
    measured: NDArray[Any], *, prepared: Preparation, limits: tuple[float, float], threads: int
) -> NDArray[Any]:
    parts = {name: measured[name] for name in maps.MEASURED}
    judged = maps.judge(prepared, parts, _core.EdgeThresholds(*limits), measured.shape, threads)
    return _packed(judged, measured.shape, _JUDGED)


def _packed(values: maps.Maps, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    out = np.empty(shape, dtype)
    for name, part in values.items():
        out[name] = part.reshape(shape)
    return out


def _sample(
    measured: NDArray[Any], corner: list[int], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], maps.Maps]:
    """Numbers in the whole map, and values, of a block's voxels that the limits are made from."""
    stride = _core.threshold_stride(math.prod(shape))
    number = np.zeros((), np.int64)
    for n, first, n_block in zip(shape, corner, measured.shape, strict=True):
        number = number[..., None] * n + np.arange(first, first + n_block)
    chosen = number % stride == 0
    return number[chosen], {name: measured[name][chosen] for name in maps.SAMPLED}


def _limits(
    prepared: Preparation, samples: list[tuple[NDArray[np.int64], maps.Maps]]
) -> tuple[float, float]:
    number = np.concatenate([np.empty(0, np.int64), *(number for number, _ in samples)])
    order = np.argsort(number)
    joined = {
        name: np.concatenate([np.empty(0, dtype), *(part[name] for _, part in samples)])
        for name, dtype in maps.MEASURED.items()
        if name in maps.SAMPLED
    }
    limits = maps.thresholds(prepared, [{name: part[order] for name, part in joined.items()}])
    return limits.least_jump, limits.largest_residual
