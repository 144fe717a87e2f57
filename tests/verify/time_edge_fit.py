"""Speed of `fit_edges` on all instruction sets, in both layouts, on one and two threads.

Prints lines "name value": millions of voxels per CPU second (so per core), median and best of the
repeats, and the wall-clock speed-up of two threads, which wants both cores idle. It needs numpy and
nmcx only, so that it runs on an installed wheel.

usage: python tests/verify/time_edge_fit.py [N_REPEAT]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np

from nmcx import _core, phantom, xanes

LAYOUTS = {"energy-major": 0, "voxel-major": -1}
INSTRUCTION_SETS = ("v2", "v3", "v4")
THREADS = (1, 2)
SHAPE = (24, 250, 400)  # 2.4 M voxels: 614 MB, far beyond any cache
N_REPEAT = 9


def make_stack() -> tuple[np.ndarray, np.ndarray]:
    """Energies and a stack with the energies first; 100,000 spectra, repeated."""
    energy = np.concatenate(
        [
            np.linspace(8233, 8310, 8),
            np.linspace(8320, 8400, 44, endpoint=False),
            np.linspace(8400, 8600, 12),
        ]
    )
    made = phantom.edge_spectra(SHAPE[1] * SHAPE[2], noise=0.01, seed=1, energy_ev=energy)
    return energy, np.tile(made.mu, (1, SHAPE[0])).reshape(-1, *SHAPE)


def seconds(
    energy: np.ndarray, mu: np.ndarray, axis: int, n_repeat: int
) -> dict[int, tuple[list[float], list[float]]]:
    """CPU and wall seconds of each repeat on each number of threads, taken in turns."""
    used: dict[int, tuple[list[float], list[float]]] = {threads: ([], []) for threads in THREADS}
    for i in range(n_repeat + 1):
        for threads in THREADS if i % 2 else THREADS[::-1]:
            cpu, wall = time.process_time(), time.perf_counter()
            xanes.fit_edges(
                energy, mu, pre_edge=(8230, 8315), post_edge=(8390, 8605), pre_degree=1,
                post_degree=2, energy_axis=axis, threads=threads,
            )  # fmt: skip
            if i > 0:  # the first round warms up
                used[threads][0].append(time.process_time() - cpu)
                used[threads][1].append(time.perf_counter() - wall)
    return used


def figures(n_repeat: int = N_REPEAT) -> Iterator[tuple[str, float]]:
    """Each figure with its name."""
    energy, by_energy = make_stack()
    millions = by_energy[0].size / 1e6
    before = os.environ.get("NMCX_INSTRUCTION_SET")
    for layout, axis in LAYOUTS.items():
        mu = by_energy if axis == 0 else np.ascontiguousarray(np.moveaxis(by_energy, 0, -1))
        for level in INSTRUCTION_SETS:
            os.environ["NMCX_INSTRUCTION_SET"] = level
            try:
                _core.active_instruction_set()
            except ValueError:
                continue  # this processor lacks it
            name = f"fit_edges, 64 energies, {level}, {layout}"
            used = seconds(energy, mu, axis, n_repeat)
            for threads, (cpu, _) in used.items():
                yield f"{name}, {threads} threads", millions / statistics.median(cpu)
                yield f"{name}, {threads} threads, best", millions / min(cpu)
            one, two = (used[threads][1] for threads in THREADS)
            yield (
                f"{name}, speed-up of 2 threads, median",
                statistics.median(a / b for a, b in zip(one, two, strict=True)),
            )
            yield f"{name}, speed-up of 2 threads, best", min(one) / min(two)
    os.environ.pop("NMCX_INSTRUCTION_SET", None)
    if before is not None:
        os.environ["NMCX_INSTRUCTION_SET"] = before


def main() -> None:
    n_repeat = int(sys.argv[1]) if len(sys.argv) > 1 else N_REPEAT
    for name, value in figures(n_repeat):
        print(f"{name} {value:.2f}", flush=True)


if __name__ == "__main__":
    main()
