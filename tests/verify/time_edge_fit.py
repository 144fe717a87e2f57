"""Speed of `fit_edges` in millions of voxels per second and core, one line per variant."""

from __future__ import annotations

import os
import statistics
import time

import numpy as np

from nmcx import phantom, xanes


def main() -> None:
    energy = np.concatenate(
        [
            np.linspace(8233, 8310, 8),
            np.linspace(8320, 8400, 44, endpoint=False),
            np.linspace(8400, 8600, 12),
        ]
    )
    made = phantom.edge_spectra(100_000, noise=0.01, seed=1, energy_ev=energy)
    by_energy = np.ascontiguousarray(np.tile(made.mu, (1, 20)))
    by_voxel = np.ascontiguousarray(by_energy.T)
    n_voxel = by_energy.shape[1]
    windows = {
        "pre_edge": (8230, 8315),
        "post_edge": (8390, 8605),
        "pre_degree": 1,
        "post_degree": 2,
    }
    for level in ("v2", "v3", "v4"):
        os.environ["NMCX_INSTRUCTION_SET"] = level
        for layout, mu, axis in (("energy-major", by_energy, 0), ("voxel-major", by_voxel, -1)):
            for threads in (1, 2):
                used = []
                for _ in range(5):
                    start = time.process_time()
                    try:
                        xanes.fit_edges(energy, mu, **windows, energy_axis=axis, threads=threads)
                    except ValueError:
                        break  # this processor lacks the instruction set
                    used.append(time.process_time() - start)
                if used:
                    rate = n_voxel / statistics.median(used) / 1e6
                    print(
                        f"fit_edges, 64 energies, {level}, {layout}, {threads} threads {rate:.1f}"
                    )


if __name__ == "__main__":
    main()
