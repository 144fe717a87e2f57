"""A planted world: particles cracked by the model itself are measured, and what was planted found.

In one world the layer that ξ shows acted in the simulation; in the other, another one. The analysis
gets a map of ξ of one side with counting noise and a tomogram with noise, and nothing else.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from check import Check, Row, apart_each, recorded

from nmcx import cones, correlation, phantom
from nmcx.errors import ConvergenceError

#: Seeds of either world, and in reduced checks.
N_SEED, N_REDUCED = 30, 1
#: What must be found in so many of a hundred.
SHARE = 0.9
ANGLES = np.deg2rad([8.0, 10.0, 15.0, 20.0, 25.0, 30.0])
INCIDENCE = np.deg2rad(70.0)
N_DIRECTION, N_NULL = 2000, 999
LEVEL = 0.05


def measured(seed: int, coupled: bool) -> dict[str, float] | str:
    """What the analysis says of a world, and what is true of it; or why there is no world."""
    started = time.process_time()
    try:
        world = phantom.modelled_particle(seed, coupled=coupled)
    except ConvergenceError as failure:
        return f"seed {seed}: {failure}"
    simulated = time.process_time() - started
    seen = correlation.place(
        world.xi_map, world.particle, view=world.view, max_incidence=INCIDENCE, threads=1
    )
    porosity = cones.cone_porosity(
        world.particle, cones.fibonacci_directions(N_DIRECTION), ANGLES, soft=True, threads=1
    )
    scan = correlation.angle_scan(seen, porosity, n_null=N_NULL, seed=seed, threads=1)
    truth = world.true_correlation(seen, porosity)
    at = scan.strongest
    low, high = scan.interval[at]
    return {
        "cells": len(world.mesh.cells),
        "seconds": simulated,
        "r": float(scan.pearson[at]),
        "opening_angle": float(np.rad2deg(2 * ANGLES[at])),
        "p": scan.p_family,
        "n_effective": float(scan.n_effective[at]),
        "low": float(low),
        "high": float(high),
        "truth": float(truth[at]),
    }


def worlds(coupled: bool, reduced: bool) -> list[Row]:
    n = N_REDUCED if reduced else N_SEED
    made = apart_each(measured, [(seed, coupled) for seed in range(1, n + 1)])
    found = [each for each in made if not isinstance(each, str)]
    lost = [each for each in made if isinstance(each, str)]
    values = {key: np.array([each[key] for each in found]) for key in found[0]}
    name = "coupled" if coupled else "uncoupled"
    rows = []
    if coupled:
        hit = (values["p"] < LEVEL) & (np.sign(values["r"]) == np.sign(values["truth"]))
        inside = (values["low"] <= values["truth"]) & (values["truth"] <= values["high"])
        rows += [
            share_row("planted world: an effect of the true sign is found", hit, n),
            share_row("planted world: the true r lies in the 95 % interval", inside, n),
            recorded("planted world: true r at the angle found", spread(values["truth"])),
            recorded(
                "planted world: more void below bare surface, r(ξ, porosity) > 0",
                f"{np.sum(values['truth'] > 0)} of {len(found)}",
            ),
        ]
    else:
        rows.append(share_row("uncoupled world: no effect is found", values["p"] >= LEVEL, n))
    rows += [
        recorded(f"{name} world: measured r, median (5 … 95 %)", spread(values["r"])),
        recorded(f"{name} world: p, median (5 … 95 %)", spread(values["p"])),
        recorded(f"{name} world: effective number of pairs", spread(values["n_effective"])),
        recorded(
            f"{name} world: tetrahedra, and CPU seconds of a world",
            f"{values['cells'].mean():,.0f}, {values['seconds'].mean():.0f}",
        ),
        recorded(f"{name} world: seeds that were not simulated", "; ".join(lost) or "none"),
    ]
    return rows


def share_row(figure: str, met: np.ndarray, n: int) -> Row:
    """A world that could not be simulated is one in which nothing was found."""
    return Row(
        figure, f"{int(met.sum())} of {n} seeds", f"≥ {SHARE:.0%}", bool(met.sum() >= SHARE * n)
    )


def spread(values: np.ndarray) -> str:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.2g} ({low:.2g} … {high:.2g})"


CHECKS = [
    Check("planted world, coupled", partial(worlds, True)),
    Check("planted world, uncoupled", partial(worlds, False), in_reduced=False),
]
