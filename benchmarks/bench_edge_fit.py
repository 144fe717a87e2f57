"""Edge fit of every voxel: CPU time, memory and errors at three sizes, in both layouts."""

from __future__ import annotations

import os
import time

import numpy as np

from nmcx import _core, phantom, xanes

WINDOWS = {"pre_edge": (8230, 8315), "post_edge": (8390, 8605)}
DEGREES = {"pre_degree": 1, "post_degree": 2}
SIZES = [10_000, 100_000, 1_000_000]  # the last a multiple of _N_DIFFERENT
LAYOUTS = ["energy-major", "voxel-major"]
INSTRUCTION_SETS = ["v2", "v3", "v4"]

_N_DIFFERENT = 100_000


def reference_energies() -> np.ndarray:
    """64 energies: 8 before the edge, 44 across it, 12 after it [eV]."""
    return np.concatenate(
        [
            np.linspace(8233, 8310, 8),
            np.linspace(8320, 8335, 6, endpoint=False),
            np.linspace(8335, 8360, 26, endpoint=False),
            np.linspace(8360, 8400, 12, endpoint=False),
            np.linspace(8400, 8600, 12),
        ]
    )


def reference_stack(n_voxel: int) -> phantom.EdgeSpectra:
    """Spectra with 1 % noise on the reference energies and their truth; seed 1."""
    return phantom.edge_spectra(
        n_voxel,
        energy_ev=reference_energies(),
        edge_range_ev=(8344, 8349),
        shape=phantom.EdgeShape(1.5, 0.7, 4.5, 2.55),
    )


class _EdgeFit:
    """Pre-edge line, post-edge quadratic, 1 % noise, one thread, CPU time."""

    timeout = 120
    timer = time.process_time

    def setup(self, n_voxel: int, layout: str, instruction_set: str) -> None:
        os.environ["NMCX_INSTRUCTION_SET"] = instruction_set
        try:
            _core.active_instruction_set()
        except ValueError as error:
            raise NotImplementedError(str(error)) from error  # asv's word for "not here"
        truth = reference_stack(min(n_voxel, _N_DIFFERENT))
        repeat = -(-n_voxel // truth.mu.shape[1])  # more different spectra would be slow to make
        # One copy only, or the peak of memory would be that of the preparation.
        if layout == "energy-major":
            self.axis, self.mu = 0, np.tile(truth.mu, (1, repeat))
        else:
            self.axis, self.mu = -1, np.tile(truth.mu.T, (repeat, 1))
        self.energy_ev = truth.energy_ev
        self.edge_ev = np.tile(truth.edge_energy_ev, repeat)[:n_voxel]
        self.white_line_ev = np.tile(truth.white_line_ev, repeat)[:n_voxel]

    def fit(self) -> xanes.EdgeMap:
        return xanes.fit_edges(
            self.energy_ev, self.mu, energy_axis=self.axis, threads=1, **WINDOWS, **DEGREES
        )


class EdgeFit(_EdgeFit):
    """CPU time of a fit."""

    params = (SIZES, LAYOUTS, INSTRUCTION_SETS)
    param_names = ("n_voxel", "layout", "instruction_set")

    def time_fit(self, n_voxel: int, layout: str, instruction_set: str) -> None:
        self.fit()

    def track_voxels_per_second(self, n_voxel: int, layout: str, instruction_set: str) -> float:
        used = []
        for _ in range(3):
            started = time.process_time()
            self.fit()
            used.append(time.process_time() - started)
        return n_voxel / min(used)

    track_voxels_per_second.unit = "voxels/s"  # type: ignore[attr-defined]


class EdgeFitMemory(_EdgeFit):
    """Peak of memory, stack included; it does not depend on the instruction set."""

    params = (SIZES, LAYOUTS, INSTRUCTION_SETS[:1])
    param_names = EdgeFit.param_names

    def peakmem_fit(self, n_voxel: int, layout: str, instruction_set: str) -> None:
        self.fit()


class EdgeFitErrors(_EdgeFit):
    """Root mean square errors; one size, as they do not depend on it."""

    params = ([_N_DIFFERENT], LAYOUTS, INSTRUCTION_SETS)
    param_names = EdgeFit.param_names

    def track_rmse(self, n_voxel: int, layout: str, instruction_set: str) -> float:
        return _rmse(self.fit().edge_energy_ev, self.edge_ev)

    def track_white_line_rmse(self, n_voxel: int, layout: str, instruction_set: str) -> float:
        return _rmse(self.fit().white_line_ev, self.white_line_ev)

    track_rmse.unit = track_white_line_rmse.unit = "eV"  # type: ignore[attr-defined]


def _rmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((found - truth) ** 2)))
