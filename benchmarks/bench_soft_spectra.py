"""Ni L3 ratio, O K pre-edge and its suppression: CPU time, and errors against a known truth."""

from __future__ import annotations

import time

import numpy as np

from nmcx import phantom, spectra

COUNTS = 1e5
N_SEED = 20
METHODS = ["parabola", "fit"]
BACKGROUNDS = ["step", "bridge"]


class SoftSpectra:
    """One spectrum each; the interval of the suppression by 1000 draws."""

    timer = time.process_time

    def setup(self) -> None:
        made = phantom.soft_spectra(counts=COUNTS, seed=1)
        self.nickel = spectra.normalise_soft(made.nickel_tey[0])
        self.oxygen = spectra.normalise_soft(made.oxygen_tey[0])
        self.pair = made.oxygen_tey
        # The first call loads the libraries.
        self.time_l3_ratio()
        self.time_pre_edge_area()

    def time_l3_ratio(self) -> None:
        spectra.l3_ratio(self.nickel.energy_ev, self.nickel.mu, variance=self.nickel.variance)

    def time_pre_edge_area(self) -> None:
        spectra.pre_edge_area(self.oxygen.energy_ev, self.oxygen.mu, variance=self.oxygen.variance)

    def time_suppression(self) -> None:
        spectra.suppression(*self.pair, n_bootstrap=1000)


class RatioError:
    """Relative error of the ratio, root mean square of 20 seeds and both states."""

    params = (METHODS,)
    param_names = ("method",)
    unit = "1"

    def track_rms_error(self, method: str) -> float:
        errors = []
        for seed in range(1, N_SEED + 1):
            made = phantom.soft_spectra(counts=COUNTS, seed=seed)
            for scan, truth in zip(made.nickel_tey, made.ratio[0], strict=True):
                normal = spectra.normalise_soft(scan)
                found = spectra.l3_ratio(
                    normal.energy_ev, normal.mu, variance=normal.variance, method=method
                )
                errors.append(found.ratio / truth - 1.0)
        return _rms(errors)


class PreEdgeError:
    """Relative error of the area, root mean square of 20 seeds and both states."""

    params = (BACKGROUNDS,)
    param_names = ("background",)
    unit = "1"

    def track_rms_error(self, background: str) -> float:
        errors = []
        for seed in range(1, N_SEED + 1):
            made = phantom.soft_spectra(counts=COUNTS, seed=seed)
            for scan, truth in zip(made.oxygen_tey, made.pre_edge_area[0], strict=True):
                normal = spectra.normalise_soft(scan)
                found = spectra.pre_edge_area(
                    normal.energy_ev, normal.mu, variance=normal.variance, background=background
                )
                errors.append(found.area / truth - 1.0)
        return _rms(errors)


class SuppressionError:
    """Error of the suppression and share of the 95 % intervals that hold the truth, 20 seeds."""

    unit = "1"

    def setup(self) -> None:
        self.errors, self.inside = [], []
        for seed in range(1, N_SEED + 1):
            made = phantom.soft_spectra(counts=COUNTS, seed=seed)
            found = spectra.suppression(*made.oxygen_tey, n_bootstrap=200)
            low, high = found.interval_95
            self.errors.append(found.value - made.suppression[0])
            self.inside.append(low < made.suppression[0] < high)

    def track_rms_error(self) -> float:
        return _rms(self.errors)

    def track_coverage(self) -> float:
        return float(np.mean(self.inside))


def _rms(errors: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))
