"""Fracture in space at full size: balls of grains of many seeds, to the end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from check import Check, Row, apart, apart_each, recorded
from issue_07_fracture import follow, half_step_row, rows_of, same_bits_row

from nmcx import materials, mesh

#: Material, radius, seeds; edges that give a hundred thousand cells and, reduced, a few thousand.
SETS = {
    "Table 1": (materials.NMC811, 5e-6, 10, 0.355e-6, 1.0e-6),
    "brittle": (materials.NMC811_BRITTLE, 1e-6, 5, 0.071e-6, 0.2e-6),
}
#: Grains, and in reduced checks.
N_GRAIN, N_REDUCED = 50, 20
#: Longest step; steps shorten by themselves.
STEP = 0.04


def run_seed(which: str, seed: int, reduced: bool, max_step: float, threads: int) -> dict:
    """Figures of one polycrystal in space."""
    material, radius, _, fine, coarse = SETS[which]
    n_grain, size = (N_REDUCED, coarse) if reduced else (N_GRAIN, fine)
    body = mesh.ball(radius, n_grains=n_grain, size=size, seed=seed)
    return follow(body, material, max_step, threads)


def polycrystal(which: str, seed: int, reduced: bool) -> list[Row]:
    calls = [(which, seed, reduced, STEP, 1)]
    if which == "Table 1" and not reduced:
        calls.append((which, seed, reduced, 0.5 * STEP, 1))
    # Beside each other: each leaves a core to the other.
    found, *half = apart_each(run_seed, calls)
    name = f"{which} in 3-D, seed {seed}, {found['n_grain']} grains, {found['n_cell']:,} cells"
    rows = rows_of(name, found, "J")
    rows.append(recorded(f"{name}: iterations of multigrid a step", f"{found['linear']:.0f}"))
    if half:
        rows.append(half_step_row(name, which, found, half[0]))
    if seed == 1:
        two = apart(run_seed, which, seed, reduced, STEP, 2)
        rows.append(same_bits_row(name, found, two))
    if not reduced:
        enough = found["n_grain"] >= 50 and found["n_cell"] >= 100_000
        size = f"{found['n_grain']} grains, {found['n_cell']:,} cells"
        rows.append(Row(f"{name}: size", size, "≥ 50 grains, ≥ 100,000 cells", enough))
    return rows


def seeds(which: str) -> list[Check]:
    def run(seed: int) -> Callable[[bool], list[Row]]:
        return partial(polycrystal, which, seed)

    return [
        Check(
            f"fracture in 3-D, {which}, seed {seed}",
            run(seed),
            in_reduced=which == "Table 1" and seed == 1,
        )
        for seed in range(1, SETS[which][2] + 1)
    ]


CHECKS = [*seeds("Table 1"), *seeds("brittle")]
