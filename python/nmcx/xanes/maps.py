"""Edge maps made in parts: measured voxel by voxel, then judged together with their neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.xanes.preparation import Preparation

Maps = dict[str, NDArray[Any]]

#: The maps of an `EdgeMap`.
FIELDS: Mapping[str, Any] = {
    "edge_energy_ev": np.dtype(np.float64),
    "edge_energy_std_ev": np.dtype(np.float32),
    "white_line_ev": np.dtype(np.float64),
    "white_line_std_ev": np.dtype(np.float32),
    "white_line_height": np.dtype(np.float32),
    "edge_jump": np.dtype(np.float32),
    "noise": np.dtype(np.float32),
    "status": np.dtype(np.uint16),
}
#: What is measured on each voxel by itself.
MEASURED: Mapping[str, Any] = {**FIELDS, "residual": np.dtype(np.float32)}
#: What the thresholds of a map are made from.
SAMPLED = ("edge_jump", "residual", "noise", "status")
#: How far a voxel's values reach: neighbours up to two voxels away have a part in them.
HALO = 2


def measure(
    prepared: Preparation,
    spectra: NDArray[Any],
    variance: NDArray[Any] | None,
    voxel_major: bool,
    threads: int,
) -> Maps:
    """Single voxels of a block, each map (n_voxel,).

    Parameters
    ----------
    prepared : Preparation
        The fit.
    spectra : (n_energy, ...) or (..., n_energy) array
        Contiguous spectra of a type that the kernels take.
    variance : (n_energy,) or like `spectra`, array, optional
        Variance of `spectra`; of another type or layout it is copied.
    voxel_major : bool
        Whether the last axis runs over energy.
    threads : int
        Number of threads; 0: all cores.
    """
    n_energy = spectra.shape[-1 if voxel_major else 0]
    n_voxel = math.prod(spectra.shape[:-1] if voxel_major else spectra.shape[1:])

    def flat(values: NDArray[Any], n: int) -> NDArray[Any]:
        return values.reshape((n, n_energy) if voxel_major else (n_energy, n))

    spread = np.empty((0, 0), spectra.dtype)
    if variance is not None:
        values = np.require(variance, spectra.dtype, ["C", "A"])
        spread = flat(values, 1 if variance.ndim == 1 else n_voxel)
    measured = _core.measure_edges(
        # What came from another process may lie anywhere in a message.
        np.require(prepared.energy_ev, np.float64, ["C", "A"]),
        flat(spectra, n_voxel),
        spread,
        voxel_major,
        prepared.edge_model(),
        prepared.estimator_model(),
        threads,
    )
    maps = {name: getattr(measured.map, name) for name in FIELDS}
    return {**maps, "residual": measured.residual}


def sampled(measured: Mapping[str, NDArray[Any]], first: int, n_total: int) -> Maps:
    """Every so manyth voxel of a part of a map, for `thresholds`.

    Parameters
    ----------
    measured : mapping
        Maps (n_voxel,) of voxels that follow each other in C order.
    first : int
        Number of the first of them in the whole map.
    n_total : int
        Number of voxels of the whole map.
    """
    stride = _core.threshold_stride(n_total)
    return {name: measured[name][-first % stride :: stride].copy() for name in SAMPLED}


def thresholds(prepared: Preparation, samples: Sequence[Mapping[str, NDArray[Any]]]) -> Any:
    """Limits of a map from the samples of its parts, in order."""
    jump, residual, noise, status = (
        np.concatenate([np.empty(0, MEASURED[name]), *(part[name] for part in samples)])
        for name in SAMPLED
    )
    return _core.edge_thresholds(jump, residual, noise, status, prepared.noise_given)


def judge(
    prepared: Preparation,
    measured: Mapping[str, NDArray[Any]],
    limits: Any,
    shape: tuple[int, ...],
    threads: int,
) -> Maps:
    """Finished maps of `shape`; right for voxels further than `HALO` from a side that was cut."""
    parts: dict[str, Any] = {
        name: np.require(measured[name].ravel(), dtype, ["C", "A"])
        for name, dtype in MEASURED.items()
    }
    judged = _core.judge_edges(
        **parts,
        noise_given=prepared.noise_given,
        thresholds=limits,
        volume=list(shape) if len(shape) in (2, 3) else [],
        threads=threads,
    )
    return {name: getattr(judged, name).reshape(shape) for name in FIELDS}
