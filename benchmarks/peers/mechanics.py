"""Equilibrium of a polycrystal by nmcx, scikit-fem and dolfinx, on one mesh, in one run.

usage: python benchmarks/peers/mechanics.py [--quick] [--work build/peers] [--out FILE.md]

The task: a ball of 5 µm with 100 tied grains of random orientation, linear tetrahedra, the lattice
strain of x = 0.5; nodes of the lowest tenth are held; solved to 1e-8 by conjugate gradients.
nmcx and dolfinx (GAMG with rigid motions as near null space) precondition by multigrid, scikit-fem,
on the smallest mesh only, by the diagonal. "First" sets the preconditioner up and solves, "repeat"
solves with it. Pythons, turns and clocks are those of transport.py. The two blocks that come apart
beside akantu, two_blocks.py, follow.
"""

from __future__ import annotations

import datetime
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import two_blocks
from edge_fit import ROOT, commit, processor
from transport import MESH_ARRAYS, METHODS, Comparison, Measured, command, pythons, take_turns

from nmcx import materials, mesh

HERE = Path(__file__).parent
OUT = ROOT / "docs" / "benchmarks" / "mechanics_peers.md"
WORKER = HERE / "mechanics_worker.py"
PARTS = ("assembly", "first", "repeat")

RADIUS, N_GRAIN, LITHIUM, TOLERANCE = 5e-6, 100, 0.5, 1e-8  # [m], [1], [1], [1]
#: Edges [m] that give about 56,000, 209,000 and 990,000 unknowns.
SIZES = (0.36e-6, 0.226e-6, 0.132e-6)
N_REPEAT = 5


def make_task(folder: Path, size: float) -> tuple[int, int]:
    """Writes mesh and task for the workers; numbers of cells and of unknowns."""
    body = mesh.ball(RADIUS, n_grains=N_GRAIN, size=size, seed=1)
    picometres = np.round(body.points * 1e12)
    _, first, node = np.unique(picometres, axis=0, return_index=True, return_inverse=True)
    node = node.ravel()
    points = body.points[first]
    swollen = materials.Swelling().tensor(np.full(N_GRAIN, LITHIUM), body.orientation)
    np.savez(folder / "mesh.npz", node=node, **{name: getattr(body, name) for name in MESH_ARRAYS})
    np.savez(
        folder / "task.npz",
        points=points,
        cells=node[body.cells],
        grain=body.grain,
        stiffness=materials.NMC811.elasticity(body.orientation),
        strain=swollen,
        held=points[:, 2] < -0.8 * RADIUS,
        tolerance=TOLERANCE,
    )
    return len(body.cells), 3 * len(points)


@dataclass(frozen=True)
class Case:
    """All methods on one mesh."""

    n_cell: int
    n_unknown: int
    methods: dict[str, Measured]

    def ratio(self, peer: str, what: str) -> float:
        """How many times as long as nmcx a peer takes."""
        return self.methods[peer].seconds(what) / self.methods["nmcx"].seconds(what)

    def two_threads(self, what: str) -> float:
        """How much sooner two threads are done than one."""
        two = self.methods["nmcx-two-threads"].wall_seconds(what)
        return self.methods["nmcx"].wall_seconds(what) / two

    def memory(self, peer: str) -> float:
        """Peak of nmcx in that of a peer."""
        return self.methods["nmcx"].peak_bytes / self.methods[peer].peak_bytes


def measure(size: float, python_of: dict[str, str], n_repeat: int) -> Case:
    with tempfile.TemporaryDirectory(prefix="nmcx-peers-") as name:
        folder = Path(name)
        n_cell, n_unknown = make_task(folder, size)
        return Case(n_cell, n_unknown, take_turns(folder, python_of, n_repeat, WORKER, PARTS))


def run(quick: bool, work: Path) -> list[Case]:
    work.mkdir(parents=True, exist_ok=True)
    python_of = pythons(work.resolve())
    # dolfinx compiles forms once and keeps them: neither its time nor its memory is looked at.
    measure(3 * SIZES[0], python_of, 0)
    cases = []
    for size in SIZES[:1] if quick else SIZES:
        cases.append(measure(size, python_of, 3 if quick else N_REPEAT))
        print(f"{cases[-1].n_unknown:,} unknowns measured", flush=True)
        # Its triplets alone take tens of gigabytes on the largest mesh.
        python_of.pop("scikit-fem", None)
    return cases


def _row(case: Case, name: str) -> str:
    method = case.methods[name]
    is_one_thread = name != "nmcx-two-threads"
    seconds = method.seconds if is_one_thread else method.wall_seconds
    cells = [f"{case.n_unknown:,}", METHODS[name]]
    for what in PARTS:
        ratio = case.ratio(name, what) if is_one_thread else 1 / case.two_threads(what)
        cells.append(f"{seconds(what):.3g} s ({ratio:.2f})")
    cells += [
        f"{method.facts['iterations']}",
        f"{method.peak_bytes / 1e6:.0f} MB ({1 / case.memory(name):.2f})",
        "–" if name == "nmcx" else f"{method.difference:.1g}",
    ]
    return "| " + " | ".join(cells) + " |"


def table(cases: list[Case]) -> str:
    versions = {name: m.facts["version"] for name, m in cases[0].methods.items()}
    named = [f"{name} {versions[name]}" for name in ("dolfinx", "scikit-fem") if name in versions]
    lines = [
        "| unknowns | | assembly (nmcx = 1) | first solve (nmcx = 1) | repeat (nmcx = 1) "
        "| iterations | memory (nmcx = 1) | largest difference |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
        *(_row(case, name) for case in cases for name in METHODS if name in case.methods),
        "",
        f"Measured on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit `{commit()}`, "
        f"{processor()}, {' and '.join(named)}; medians of "
        f"{len(cases[0].methods['nmcx'].cpu['repeat'])} repeats in turns, CPU time of one thread, "
        "wall time of two. Memory is the most that was resident in a process that loads the mesh, "
        "assembles once and solves twice. Differences are relative to the range of displacements.",
    ]
    if "dolfinx" not in versions:
        lines.append("No dolfinx was at hand.")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    command(__doc__, Comparison(run, table, OUT), two_blocks.COMPARISON)
