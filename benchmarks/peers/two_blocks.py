"""Two blocks that come apart at their wall, by nmcx and akantu, on one mesh, in one run.

usage: python benchmarks/peers/two_blocks.py [--quick] [--work build/peers] [--out FILE.md]

The task: linear tetrahedra with the crystal's elasticity, c along z, and a plane wall with a
bilinear law; the lower end is held along z, the upper one pulled to 1.25 times where the wall has
come apart. akantu comes from PyPI into an environment of its own. Each run is a process of its own
on one thread; CPU times are medians of runs that take turns.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from edge_fit import ONE_THREAD, ROOT, commit, processor
from numpy.typing import NDArray
from transport import Comparison, command, environment

from nmcx import chemomechanics, materials

HERE = Path(__file__).parent
OUT = ROOT / "docs" / "benchmarks" / "two_blocks.md"
REQUIREMENTS = HERE / "requirements_akantu.txt"
WORKER = HERE / "two_blocks_worker.py"

EDGE, WIDTH = 0.25e-6, 1e-6  # of a cube of six cells, and of the blocks across [m]
STIFFNESS = 2e18  # of the wall [Pa/m]
OVERSHOOT = 1.25
STEPS = (60, 15)
N_REPEAT = 3


@dataclass(frozen=True)
class Pull:
    """Blocks and the law of their wall."""

    name: str
    height: float  #: of each block [m]
    fracture_energy: float  #: [J/m²]

    @property
    def law(self) -> chemomechanics.CohesiveLaw:
        strength = materials.NMC811.strength
        return chemomechanics.CohesiveLaw(STIFFNESS, strength, self.fracture_energy)

    @property
    def apart(self) -> float:
        """How far the upper end is pulled [m]."""
        # Long blocks store more than the wall takes: it snaps when they are at its strength.
        compliance = np.linalg.inv(materials.NMC811.elasticity())[2, 2]
        at_strength = self.law.onset + 2 * self.height * compliance * self.law.strength
        return OVERSHOOT * max(self.law.final_opening, float(at_strength))


#: The brittle wall of blocks of 1 µm snaps; those of a quarter follow it down.
PULLS = (
    Pull("Table 1", 1e-6, materials.NMC811.fracture_energy),
    Pull("brittle", 0.25e-6, materials.NMC811_BRITTLE.fracture_energy),
    Pull("brittle, snaps", 1e-6, materials.NMC811_BRITTLE.fracture_energy),
)


# --- task -----------------------------------------------------------------------------------------
def cubes(n: tuple[int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners (n_node, 3) and cells (m, 4) of n[i] unit cubes along axis i, six cells in each."""
    node = np.arange(math.prod(k + 1 for k in n)).reshape([k + 1 for k in n])
    cells = []
    for edges in permutations(np.eye(3, dtype=int)):
        # Along three edges from a cube's first corner to the one opposite.
        corners = np.cumsum([(0, 0, 0), *edges], axis=0)
        slices = [tuple(slice(i, i + k) for i, k in zip(at, n, strict=True)) for at in corners]
        cell = np.stack([node[at].ravel() for at in slices], axis=1)
        cells.append(cell if np.linalg.det(edges) > 0 else cell[:, [1, 0, 2, 3]])
    return np.argwhere(node >= 0), np.concatenate(cells)


def make_task(path: Path, pull: Pull, n_step: int) -> None:
    """Writes mesh and task for the workers."""
    n_across, n_high = round(WIDTH / EDGE), round(pull.height / EDGE)
    corners, cells = cubes((n_across, n_across, 2 * n_high))
    is_wall = corners[cells, 2] == n_high
    block = (corners[cells, 2].max(axis=1) > n_high).astype(np.int64)
    beside = (block == 0) & (is_wall.sum(axis=1) == 3)
    np.savez(
        path,
        points=EDGE * corners,
        cells=cells,
        block=block,
        wall=cells[beside][is_wall[beside]].reshape(-1, 3),
        elasticity=materials.NMC811.elasticity(),
        wall_stiffness=STIFFNESS,
        strength=pull.law.strength,
        fracture_energy=pull.fracture_energy,
        apart=pull.apart,
        n_step=n_step,
    )


# --- measuring ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Case:
    """All methods on one pull; what they found, and medians of their times."""

    pull: Pull
    n_step: int
    methods: dict[str, dict[str, Any]]

    def share(self, method: str, what: str) -> float:
        """An energy in what the wall takes by its law."""
        energy = self.methods[method][what]
        return float(energy / (self.pull.fracture_energy * WIDTH**2))

    def iterations(self, method: str) -> float:
        """Of a step that was found, in the mean."""
        found = self.methods[method]
        return float(found["n_iteration"] / found["n_step"]) if found["n_step"] else math.nan

    def times(self, method: str) -> float:
        """How many times as long as nmcx a method takes."""
        return float(self.methods[method]["cpu"] / self.methods["nmcx"]["cpu"])


def akantu_python(work: Path) -> str | None:
    """Python of an environment with akantu, made on first use; none where it cannot be had."""
    try:
        python = str(environment(work / "akantu", REQUIREMENTS))
        subprocess.run([python, "-c", "import akantu"], check=True)
    except subprocess.CalledProcessError:
        return None
    return python


def _outcome(python: str, method: str, task: Path) -> dict[str, Any]:
    done = subprocess.run(
        [python, WORKER, method, task],
        env={**os.environ, **ONE_THREAD},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{method} failed:\n{done.stdout}\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(pull: Pull, n_step: int, python_of: dict[str, str], n_repeat: int) -> Case:
    with tempfile.TemporaryDirectory(prefix="nmcx-peers-") as name:
        task = Path(name) / "task.npz"
        make_task(task, pull, n_step)
        turns = [
            {method: _outcome(python, method, task) for method, python in python_of.items()}
            for _ in range(n_repeat)
        ]
    for method, found in turns[0].items():
        found["cpu"] = statistics.median(turn[method]["cpu"] for turn in turns)
    return Case(pull, n_step, turns[0])


def run(quick: bool, work: Path) -> list[Case]:
    work.mkdir(parents=True, exist_ok=True)
    python_of = {"nmcx": sys.executable}
    if akantu := akantu_python(work.resolve()):
        python_of["akantu"] = akantu
    pulls, n_repeat = (PULLS[:1], 1) if quick else (PULLS, N_REPEAT)
    return [measure(pull, n_step, python_of, n_repeat) for pull in pulls for n_step in STEPS]


# --- table ----------------------------------------------------------------------------------------
def _row(case: Case, name: str) -> str:
    found = case.methods[name]
    released = f" and {case.share(name, 'released'):.2f} released" if found["released"] else ""
    reached = "" if found["reached"] == 1.0 else f" (to {100 * found['reached']:.0f} %)"
    cells = [
        case.pull.name,
        f"{case.n_step}",
        name,
        f"{case.share(name, 'work'):.4f}{released}",
        f"{case.share(name, 'dissipated'):.4f}",
        f"{1e-6 * found['peak']:.1f} MPa",
        f"{found['n_step']}{reached}",
        f"{found['n_given_up']}",
        f"{case.iterations(name):.1f}",
        f"{found['cpu']:.3g} s ({case.times(name):.2f})",
    ]
    return "| " + " | ".join(cells) + " |"


def table(cases: list[Case]) -> str:
    akantu = cases[0].methods.get("akantu")
    lines = [
        "| wall | steps asked for | | work / (G_c A) | dissipated / (G_c A) | peak traction "
        "| steps found | steps given up | iterations per step found | CPU (nmcx = 1) |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(case, name) for case in cases for name in case.methods),
        "",
        f"Measured on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit `{commit()}`, "
        f"{processor()}" + (f", akantu {akantu['version']}." if akantu else "."),
    ]
    if not akantu:
        lines.append("akantu was not at hand.")
    return "\n".join([*lines, ""])


COMPARISON = Comparison(run, table, OUT)

if __name__ == "__main__":
    command(__doc__, COMPARISON)
