"""What each rank of a test of PETSc does: `petsc_ranks.py FOLDER CASE…` writes what it found there.

It runs in an environment with little but numpy, and must need no more.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import ConvergenceError, mesh
from nmcx import chemomechanics as cm
from nmcx.materials import NMC811
from nmcx.results import Equilibrium, Mesh, TransportHistory

FULL = NMC811.max_concentration


def disc(size: float = 0.15e-6) -> Mesh:
    return mesh.disc(2e-6, n_grains=8, size=size, seed=1)


def ball(size: float = 0.32e-6) -> Mesh:
    """Of more than 3,000 unknowns: nmcx itself takes multigrid."""
    return mesh.ball(2e-6, n_grains=8, size=size, seed=1)


def apart() -> Mesh:
    """Two crystals that do not touch, each free."""
    square = 1e-6 * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    points = np.concatenate([square, square + np.array([3e-6, 0.5e-6])])
    cells = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    return mesh.assemble(points, cells, [0, 0, 1, 1], [np.eye(3)] * 2)


def lithium(body: Mesh) -> np.ndarray:
    """Uneven, so that strain differs within grains too."""
    radius = np.linalg.norm(body.points, axis=1)
    return FULL * (0.3 + 0.4 * radius / radius.max())


def held(body: Mesh) -> np.ndarray:
    """One side is held in the first direction and moved in the second."""
    fixed = np.full(body.points.shape, np.nan)
    side = body.points[:, 0] < body.points[:, 0].min() + 0.5e-6
    fixed[side, 0], fixed[side, 1] = 0.0, 2e-9
    return fixed


CASES: dict[str, Callable[[], tuple[Mesh, dict[str, Any]]]] = {
    "disc": lambda: (disc(), {}),
    "disc, quadratic": lambda: (disc(), {"order": 2}),
    "disc, plane stress, held": lambda: (disc(), {"plane": "plane_stress", "fixed": held(disc())}),
    "ball": lambda: (ball(), {}),
    "ball, held": lambda: (ball(), {"fixed": held(ball())}),
    "ball, quadratic": lambda: (ball(0.6e-6), {"order": 2}),
    "two bodies": lambda: (apart(), {"plane": "plane_strain"}),
}


def diffused(body: Mesh, solver: str) -> TransportHistory:
    """Through a surface that is held, one that is given its flux, and one that exchanges."""
    angle = np.arctan2(*body.points[body.surface].mean(axis=1)[:, :2].T)
    conditions = [
        cm.Dirichlet(0.8 * FULL, where=angle > 2.0),
        cm.Flux(2e-6, where=angle < -2.0),
        cm.Robin(1e-9, 0.1 * FULL, where=np.abs(angle) < 1.0),
    ]
    return cm.diffuse(
        body, NMC811, initial=0.5 * FULL, boundary=conditions, times=[20.0, 100.0], step=10.0,
        solver=solver, solver_tolerance=1e-12, threads=1,
    )  # fmt: skip


def cycled(body: Mesh, solver: str) -> TransportHistory:
    return cm.cycle(
        body, NMC811, protocol=[cm.Charge(2.0, until=0.7), cm.Rest(60.0)], states=2,
        solver=solver, solver_tolerance=1e-12, threads=1,
    )  # fmt: skip


#: Of lithium.
LITHIUM: dict[str, Callable[[str], TransportHistory]] = {
    "diffuse, disc": partial(diffused, disc()),
    "diffuse, ball": partial(diffused, ball()),
    "cycle, disc": partial(cycled, disc()),
    "cycle, ball": partial(cycled, ball()),
}


def compared_lithium(case: Callable[[str], TransportHistory]) -> dict[str, Any]:
    own, theirs = case("iterative"), case("petsc")
    return {
        "n_unknown": own.concentration.shape[1],
        "concentration": difference(theirs.concentration, own.concentration),
        "balance": float(theirs.balance.max()),
        "n_step": theirs.n_step,
        "own_n_step": own.n_step,
        "iterations": theirs.n_iteration,
        "own_iterations": own.n_iteration,
        "sum": float(theirs.concentration.sum()),
    }


#: For the long check.
LARGE: dict[str, Callable[[], tuple[Mesh, dict[str, Any]]]] = {
    "large disc": lambda: (mesh.disc(5e-6, n_grains=60, size=0.04e-6, seed=1), {}),
    "large ball": lambda: (mesh.ball(5e-6, n_grains=60, size=0.35e-6, seed=1), {}),
}


def solved(body: Mesh, solver: str, **options: Any) -> tuple[Equilibrium, list[float]]:
    """Equilibrium, and the time it took: wall, and on the processor of this rank [s]."""
    start = time.perf_counter(), time.process_time()
    state = cm.equilibrium(body, NMC811, lithium(body), threads=1, linear_solver=solver, **options)
    return state, [time.perf_counter() - start[0], time.process_time() - start[1]]


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Largest, relative to the largest value."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def compared(body: Mesh, options: dict[str, Any]) -> dict[str, Any]:
    own, own_seconds = solved(body, "own", **options)
    theirs, seconds = solved(body, "petsc", **options)
    return {
        "n_unknown": body.dimension * len(body.points),
        "displacement": difference(theirs.displacement, own.displacement),
        "stress": difference(theirs.stress, own.stress),
        "strain_z": abs(theirs.strain_z - own.strain_z),
        "iterations": theirs.iterations,
        "own_iterations": own.iterations,
        "residual": theirs.residual,
        "seconds": seconds,
        "own_seconds": own_seconds,
        "sum": [float(theirs.displacement.sum()), float(theirs.stress.sum())],
    }


def refused(case: str, rank: int) -> str:
    """Message of an error that a case must end with."""
    body = disc(0.15e-6 + (1e-8 * rank if case == "differing" else 0.0))
    try:
        solved(body, "petsc")
    except (ConvergenceError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Every case, in the order given; one file per rank."""
    from petsc4py import PETSc

    rank = PETSc.COMM_WORLD.rank
    folder, names = Path(sys.argv[1]), sys.argv[2:]
    cases = {**CASES, **LARGE}
    found = {}
    for name in names:
        if name in cases:
            found[name] = compared(*cases[name]())
        elif name in LITHIUM:
            found[name] = compared_lithium(LITHIUM[name])
        else:
            found[name] = refused(name, rank)
    (folder / f"rank_{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
