"""What `nmcx edges` would do, found without doing it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import xanes
from nmcx.run.edge_job import (
    DRAWN_VOXELS,
    EdgeOptions,
    block_bytes,
    fit_settings,
    open_source,
    pair,
    refusals,
)

_SAMPLE_VOXELS = 20_000
#: Rate of the fit on one core of a slow machine [voxels/s].
_VOXELS_PER_S = 5e6
_RESULT_BYTES_PER_VOXEL = 8 + 4 + 8 + 4 + 4 + 4 + 4 + 2
#: What `xanes.fit_edges_to_file` says it needs until it is finished [bytes].
_WORK_BYTES_PER_VOXEL = 80
#: Maps of the quick look and what is made of them [bytes].
_PICTURE_BYTES_PER_VOXEL = 3 * _RESULT_BYTES_PER_VOXEL


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
    from nmcx.io._memory import free_memory

    options = options or EdgeOptions()
    stack = open_source(source)
    notes, settings = fit_settings(stack, options, fspath(source))
    began = time.perf_counter()
    sample = _sample(stack.mu)
    read_s = time.perf_counter() - began
    with refusals(fspath(source)):
        chosen = xanes.fit_edges(stack.energy_ev, sample, **settings).settings
    energy = np.asarray(stack.energy_ev)
    shape = tuple(stack.mu.shape[1:])
    n_voxel = int(np.prod(shape, dtype=np.int64))
    n_byte = energy.size * n_voxel * np.dtype(stack.mu.dtype).itemsize
    seconds = read_s * n_voxel / max(sample[0].size, 1) + n_voxel / _VOXELS_PER_S
    blocks = min(2 * block_bytes(stack), n_byte * (2 if stack.variance is not None else 1))
    memory = blocks + min(n_voxel, DRAWN_VOXELS) * _PICTURE_BYTES_PER_VOXEL
    lines = [
        f"{'input':<10} {source}: {' × '.join(map(str, shape)) or 'one'} voxels",
        f"{'energies':<10} {energy.size}, {energy[0]:.2f}–{energy[-1]:.2f} eV",
        *(_window_line(name, energy, chosen, settings) for name in ("pre", "post")),
        f"{'estimator':<10} {chosen['estimator']}"
        + (f", level {chosen['level']:g}" if "level" in chosen else "")
        + f"; normalisation {chosen['normalisation']}; white line "
        + f"±{chosen['white_line_half_width_ev']:g} eV",
        f"{'time':<10} about {max(seconds, 1):.0f} s",
        f"{'memory':<10} about {memory / 1e9:.2g} GB of {free_memory() / 1e9:.2g} GB free",
        f"{'disk':<10} {n_voxel * _RESULT_BYTES_PER_VOXEL / 1e9:.2g} GB for {out}, "
        f"{n_voxel * _WORK_BYTES_PER_VOXEL / 1e9:.2g} GB until it is finished"
        + (" (exists; --force needed)" if Path(out).exists() else ""),
    ]
    return lines + [f"{'note':<10} {note}" for note in notes]


def _window_line(
    name: str, energy: np.ndarray, chosen: Mapping[str, Any], settings: dict[str, Any]
) -> str:
    window, degree = chosen[f"{name}_edge"], chosen[f"{name}_degree"]
    inside = int(np.count_nonzero((energy >= window[0]) & (energy <= window[1])))
    rule = " by rule, from a sample" if settings[f"{name}_degree"] is None else ""
    label = f"{name}-edge"
    return f"{label:<10} {pair(window)}: {inside} energies, degree {degree}{rule}"


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
