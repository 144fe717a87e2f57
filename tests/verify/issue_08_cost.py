"""What a coupled run costs, by its parts: the sizes of the issue, full coupling."""

from __future__ import annotations

import cProfile
import pstats
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from check import Check, Row, apart, recorded

from nmcx import chemomechanics as cm
from nmcx import materials, mesh

#: Of one run: its mesh, saved states, and the wall time [s] and memory [GiB] it may take.
CASES: dict[str, dict[str, Any]] = {
    "disc": {
        "build": partial(mesh.disc, 5e-6, n_grains=400, size=0.098e-6, seed=1),
        "states": 200, "until": 0.3, "order": 1, "seconds": 300.0, "memory": None,
    },
    "disc of quadratic cells": {
        "build": partial(mesh.disc, 5e-6, n_grains=400, size=0.098e-6, seed=1),
        "states": 31, "until": 0.85, "order": 2, "seconds": None, "memory": None,
    },
    "ball": {
        "build": partial(mesh.ball, 5e-6, n_grains=100, size=0.355e-6, seed=1),
        "states": 50, "until": 0.3, "order": 1, "seconds": 900.0, "memory": 4.0,
    },
}  # fmt: skip

#: Where the time goes, by functions of the kernel.
PARTS = {
    "transport, assembly": ("drive_by_stress", "__init__"),
    "transport, steps": ("electrode_step",),
    "mechanics, assembly and solution": ("equilibrate",),
    "mechanics, load": ("load",),
    "checkpoints": ("keep",),
}


def cost(name: str, _: bool) -> list[Row]:
    return apart(_cost, name)


def _cost(name: str) -> list[Row]:
    case = CASES[name]
    body = case["build"]()
    full = materials.NMC811.max_concentration
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory(prefix="nmcx-cost-") as folder:
        started = time.perf_counter()
        profile.enable()
        history = cm.simulate(
            body, materials.NMC811, protocol=cm.Charge(1.0, until=case["until"]),
            states=case["states"], order=case["order"],
            coupling=cm.Coupling(layer_growth=1e-20), checkpoint=Path(folder) / "kept",
        )  # fmt: skip
        profile.disable()
        seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    cells = "triangles" if body.dimension == 2 else "tetrahedra"
    kind = "P1/P1" if case["order"] == 1 else "P1/P2"
    what = f"{kind}, {body.n_grain} grains, {len(body.cells):,} {cells}, {case['states']} states"
    error = history.supplied - history.stored - history.dissipated - history.released
    scale = np.maximum(history.dissipated, history.stored)
    worst = float((np.abs(error[1:]) / scale[1:]).max())
    rows = [
        _wall_time(f"{what}: wall time, two threads", seconds, case["seconds"]),
        Row(
            f"{what}: lithium, largest imbalance", f"{history.balance.max():.1e}", "≤ 1e-12",
            bool(history.balance.max() <= 1e-12),
        ),
        Row(
            f"{what}: energy, largest imbalance of a state", f"{100 * worst:.3f} %", "≤ 0.5 %",
            worst <= 5e-3,
        ),
        recorded(
            f"{what}: steps of lithium, goes from state to state, steps of the body's search",
            f"{history.n_step}, {history.n_pass}, {history.n_iteration}",
        ),
        recorded(
            f"{what}: mean c/C_max, reactive area, dissipated",
            f"{history.mean_concentration[-1] / full:.3f}, "
            f"{history.reactive_area[-1] / history.reactive_area[0]:.2f} times, "
            f"{history.dissipated[-1]:.3g} J",
        ),
    ]  # fmt: skip
    if case["memory"] is not None:
        rows.append(
            Row(f"{what}: memory", f"{memory:.2f} GiB", f"≤ {case['memory']:.0f} GiB",
                memory <= case["memory"])
        )  # fmt: skip
    per_state = [
        f"{part} {_spent(profile, functions) / case['states']:.2f}"
        for part, functions in PARTS.items()
    ]
    return [*rows, recorded(f"{what}: seconds a state", ", ".join(per_state))]


def _wall_time(what: str, seconds: float, most: float | None) -> Row:
    if most is None:
        return recorded(what, f"{seconds:.0f} s")
    return Row(what, f"{seconds:.0f} s", f"≤ {most:.0f} s", seconds <= most)


def _spent(profile: cProfile.Profile, functions: tuple[str, ...]) -> float:
    """Seconds in functions of nmcx by name, what they call included."""
    total = 0.0
    for (file, _, name), (_, _, _, cumulative, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        is_kernel = file == "~" and any(f"nmcx._core.{each}>" in name for each in functions)
        is_method = "domain.py" in file or "checkpoint.py" in file
        if is_kernel or (is_method and name in functions):
            total += cumulative
    return total


CHECKS = [Check(f"cost of a {name}", partial(cost, name), in_reduced=False) for name in CASES]
