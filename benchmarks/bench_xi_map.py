"""Ratio map of two scans, with one below the edge or without: time, memory, bias, pulls."""

from __future__ import annotations

import time

import numpy as np

from nmcx import phantom, surface
from nmcx.results import StxmStack

SIDES = [60, 240]
COUNTS = [50, 500, 5000]
N_SEED = 20
Scans = dict[int, tuple[StxmStack, StxmStack, StxmStack]]


class XiMap:
    """Registration of two scans on the first, interpolation, ratio and error of every pixel."""

    params = (SIDES, [False, True])
    param_names = ("side", "background")
    timer = time.process_time

    def setup_cache(self) -> Scans:
        # In a process of its own: the phantom needs more memory than the map.
        made = {side: phantom.pair_scans(1, counts=2000, shape=(side, side)) for side in SIDES}
        return {side: (scans.low, scans.high, scans.background) for side, scans in made.items()}

    def setup(self, scans: Scans, side: int, background: bool) -> None:
        # The first call loads the libraries.
        self.time_xi_map(scans, 60, False)

    def time_xi_map(self, scans: Scans, side: int, background: bool) -> None:
        low, high, below = scans[side]
        surface.xi_map(low, high, background=below if background else None)

    def peakmem_xi_map(self, scans: Scans, side: int, background: bool) -> None:
        self.time_xi_map(scans, side, background)


class XiErrors:
    """Errors and pulls of ξ on bare particle, 60 x 60, 20 seeds, no background scan."""

    params = (COUNTS,)
    param_names = ("counts",)
    timeout = 120

    def setup(self, counts: int) -> None:
        errors, pulls = [], []
        for seed in range(1, N_SEED + 1):
            made = phantom.pair_scans(seed, counts=counts)
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
