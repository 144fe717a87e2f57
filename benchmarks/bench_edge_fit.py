"""Edge fit of every voxel: time, memory and error at three sizes in both layouts."""

from __future__ import annotations

import numpy as np

from nmcx import phantom, xanes

WINDOWS = {"pre_edge": (8230, 8315), "post_edge": (8390, 8605)}
DEGREES = {"pre_degree": 1, "post_degree": 2}


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


class EdgeFit:
    """Pre-edge line, post-edge quadratic, 1 % noise, one thread."""

    params = ([10_000, 100_000, 1_000_000], ["energy-major", "voxel-major"])
    param_names = ("n_voxel", "layout")
    timeout = 120

    def setup(self, n_voxel: int, layout: str) -> None:
        self.truth = phantom.edge_spectra(
            n_voxel,
            energy_ev=reference_energies(),
            edge_range_ev=(8344, 8349),
            shape=phantom.EdgeShape(1.5, 0.7, 4.5, 2.55),
        )
        self.axis = 0 if layout == "energy-major" else -1
        self.mu = self.truth.mu if self.axis == 0 else np.ascontiguousarray(self.truth.mu.T)

    def fit(self) -> xanes.EdgeMap:
        return xanes.fit_edges(
            self.truth.energy_ev, self.mu, energy_axis=self.axis, threads=1, **WINDOWS, **DEGREES
        )

    def time_fit(self, n_voxel: int, layout: str) -> None:
        self.fit()

    def peakmem_fit(self, n_voxel: int, layout: str) -> None:
        self.fit()

    def track_rmse(self, n_voxel: int, layout: str) -> float:
        error = self.fit().edge_energy_ev - self.truth.edge_energy_ev
        return float(np.sqrt(np.nanmean(error**2)))

    track_rmse.unit = "eV"  # type: ignore[attr-defined]
