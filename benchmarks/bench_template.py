"""Template shifts and fractions of references: time, memory and error."""

from __future__ import annotations

import numpy as np

from benchmarks.bench_edge_fit import DEGREES, WINDOWS, reference_energies
from nmcx import phantom, xanes
from nmcx.results import EdgeMap, ReferenceFit

SHAPE = phantom.EdgeShape(1.5, 0.7, 4.5, 2.55)


class TemplateShift:
    """Pre-edge line, post-edge quadratic, 1 % noise, one thread, template made before."""

    params = ([10_000, 100_000], ["none", "one", "each"])
    param_names = ("n_voxel", "variance")
    timeout = 120

    def setup(self, n_voxel: int, variance: str) -> None:
        self.truth = phantom.edge_spectra(
            n_voxel, energy_ev=reference_energies(), edge_range_ev=(8344, 8349), shape=SHAPE
        )
        energy = np.arange(8225.0, 8615.0, 0.2)
        self.template = energy, phantom.edge_curve(energy, 8346.0, SHAPE)
        one = np.full(self.truth.energy_ev.size, 1e-4)
        each = np.broadcast_to(one[:, None], self.truth.mu.shape)
        self.variance = {"none": None, "one": one, "each": each}[variance]

    def fit(self) -> EdgeMap:
        return xanes.fit_edges(
            self.truth.energy_ev, self.truth.mu, estimator="template", template=self.template,
            variance=self.variance, threads=1, **WINDOWS, **DEGREES,
        )  # fmt: skip

    def time_fit(self, n_voxel: int, variance: str) -> None:
        self.fit()

    def peakmem_fit(self, n_voxel: int, variance: str) -> None:
        self.fit()

    def track_rmse(self, n_voxel: int, variance: str) -> float:
        error = self.fit().edge_energy_ev - self.truth.edge_energy_ev
        return float(np.sqrt(np.nanmean(error**2)))

    track_rmse.unit = "eV"  # type: ignore[attr-defined]


class References:
    """Two or three references, with and without a shift, one thread."""

    params = ([10_000, 50_000], [2, 3], [False, True])
    param_names = ("n_voxel", "n_reference", "shift")
    timeout = 120

    def setup(self, n_voxel: int, n_reference: int, shift: bool) -> None:
        energy = reference_energies()
        edges = np.array([8344.0, 8348.0, 8346.0])[:n_reference]
        widths = (1.5, 2.2, 0.8)[:n_reference]
        curves = np.stack(
            [
                phantom.edge_curve(energy, edge, phantom.EdgeShape(width, 0.7, 4.5, 2.55))
                for edge, width in zip(edges, widths, strict=True)
            ],
            axis=1,
        )
        rng = np.random.default_rng(1)
        self.fraction = rng.dirichlet(np.ones(n_reference), n_voxel).T
        noise = 0.01 * rng.standard_normal((energy.size, n_voxel))
        self.energy_ev = energy
        self.mu = (curves @ self.fraction + noise).astype(np.float32)
        self.references = [(energy, curve) for curve in curves.T]

    def fit(self, shift: bool) -> ReferenceFit:
        return xanes.fit_references(
            self.energy_ev, self.mu, self.references, energy_shift=(-3, 3) if shift else None,
            threads=1, **WINDOWS, **DEGREES,
        )  # fmt: skip

    def time_fit(self, n_voxel: int, n_reference: int, shift: bool) -> None:
        self.fit(shift)

    def peakmem_fit(self, n_voxel: int, n_reference: int, shift: bool) -> None:
        self.fit(shift)

    def track_rmse(self, n_voxel: int, n_reference: int, shift: bool) -> float:
        return float(np.sqrt(np.nanmean((self.fit(shift).fraction - self.fraction) ** 2)))

    track_rmse.unit = "1"  # type: ignore[attr-defined]
