"""Fracture in space at full size: balls of grains of many seeds, to the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from check import Row, apart, recorded
from issue_07_fracture import (
    follow,
    follow_all,
    half_step_row,
    in_pairs,
    rows_of,
    same_bits_row,
)

from nmcx import materials, mesh

#: Material, radius, seeds; edges that give a hundred thousand cells and, reduced, a few thousand.
SETS = {
    "Table 1": (materials.NMC811, 5e-6, 10, 0.355e-6, 1.0e-6),
    "brittle": (materials.NMC811_BRITTLE, 1e-6, 5, 0.071e-6, 0.2e-6),
}
#: Grains, and in reduced checks.
N_GRAIN, N_REDUCED = 50, 20
#: Longest step; steps shorten by themselves.
STEP = 0.08
#: Seeds of Table 1 that are run with half the steps too.
N_HALF = 3


def run_seed(which: str, seed: int, reduced: bool, max_step: float, threads: int) -> dict:
    """Figures of one polycrystal in space."""
    material, radius, _, fine, coarse = SETS[which]
    n_grain, size = (N_REDUCED, coarse) if reduced else (N_GRAIN, fine)
    body = mesh.ball(radius, n_grains=n_grain, size=size, seed=seed)
    return follow(body, material, max_step, threads)


def polycrystals(which: str, seeds: Sequence[int], reduced: bool) -> list[Row]:
    def steps(seed: int) -> tuple[float, ...]:
        has_half = which == "Table 1" and seed <= N_HALF and not reduced
        return (0.5 * STEP, STEP) if has_half else (STEP,)

    seeds = seeds[:1] if reduced else seeds
    found = follow_all(run_seed, which, seeds, reduced, steps)
    rows = []
    for seed in seeds:
        whole = found[seed, STEP]
        size = f"{whole['n_grain']} grains, {whole['n_cell']:,} cells"
        name = f"{which} in 3-D, seed {seed}, {size}"
        rows += rows_of(name, whole, "J")
        rows.append(recorded(f"{name}: iterations of multigrid a step", f"{whole['linear']:.0f}"))
        if half := found.get((seed, 0.5 * STEP)):
            rows.append(half_step_row(name, which, whole, half))
        if seed == 1:
            two = apart(run_seed, which, seed, reduced, STEP, 2)
            rows.append(same_bits_row(name, whole, two))
        if not reduced:
            enough = whole["n_grain"] >= 50 and whole["n_cell"] >= 100_000
            rows.append(Row(f"{name}: size", size, "≥ 50 grains, ≥ 100,000 cells", enough))
    return rows


CHECKS = [
    *in_pairs(
        "fracture in 3-D, Table 1", SETS["Table 1"][2], partial(polycrystals, "Table 1"), True
    ),
    *in_pairs(
        "fracture in 3-D, brittle", SETS["brittle"][2], partial(polycrystals, "brittle"), False
    ),
]
