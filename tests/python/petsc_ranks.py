"""What each rank of a test of PETSc does: `petsc_ranks.py FOLDER CASE…` writes what it found there.

It runs in an environment with little but numpy, and must need no more.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import ConvergenceError, mesh
from nmcx import chemomechanics as cm
from nmcx.materials import NMC811
from nmcx.results import Equilibrium, Mesh

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
    found = {
        name: compared(*cases[name]()) if name in cases else refused(name, rank) for name in names
    }
    (folder / f"rank_{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
