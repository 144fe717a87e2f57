"""Ratio map of two scans and one below the edge: CPU time, memory, bias and honesty of the errors."""

from __future__ import annotations

import time

import numpy as np

from nmcx import phantom, surface

SIDES = [60, 240]
COUNTS = [50, 500, 5000]
N_SEED = 20


def pair(seed: int, counts: float, side: int = 60) -> phantom.PairScans:
    return phantom.pair_scans(seed, counts=counts, shape=(side, side))


class XiMap:
    """Registration of two scans on the first, interpolation, ratio and error of every pixel."""

    params = (SIDES, [False, True])
    param_names = ("side", "background")
    timer = time.process_time

    def setup(self, side: int, background: bool) -> None:
        made = pair(1, 2000.0, side)
        self.scans = made.low, made.high
        self.background = made.background if background else None

    def time_xi_map(self, side: int, background: bool) -> None:
        surface.xi_map(*self.scans, background=self.background)

    def peakmem_xi_map(self, side: int, background: bool) -> None:
        surface.xi_map(*self.scans, background=self.background)


class XiErrors:
    """Errors and pulls of ξ against the truth on bare particle, 60 x 60, 20 seeds, no background."""

    params = (COUNTS,)
    param_names = ("counts",)
    timeout = 120

    def setup(self, counts: int) -> None:
        errors, pulls = [], []
        for seed in range(1, N_SEED + 1):
            made = pair(seed, counts)
            found = surface.xi_map(made.low, made.high, min_counts=1)
            seen = found.valid & made.bare
            error = (found.xi - made.raw_xi)[seen]
            errors.append(error)
            pulls.append(error / found.xi_std[seen])
        self.error, self.pull = np.concatenate(errors), np.concatenate(pulls)

    def track_pull_width(self, counts: int) -> float:
        """Half of what holds the middle 68.2 % of the pulls; 1 where the errors are right."""
        low, high = np.quantile(self.pull, (0.159, 0.841))
        return 0.5 * float(high - low)

    def track_bias(self, counts: int) -> float:
        return float(np.mean(self.error))

    track_pull_width.unit = "1"  # type: ignore[attr-defined]
    track_bias.unit = "1"  # type: ignore[attr-defined]
