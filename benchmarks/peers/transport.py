"""A step of diffusion in a polycrystal by nmcx, scikit-fem and dolfinx, on one mesh, in one run.

usage: python benchmarks/peers/transport.py [--quick] [--work build/peers] [--out FILE.md]

The task: a ball of 5 µm with 100 grains of random orientation, whose walls hold nothing back;
linear tetrahedra, one diffusion tensor per grain, lumped mass; an implicit step of Δt = h² / D_ab
from random values, solved to 1e-8. scikit-fem comes from PyPI into an environment of its own;
dolfinx is taken from a Python that has it: NMCX_DOLFINX_PYTHON, this one, or the system's. Each
method is a process of its own on one thread; they take turns that start with another one each time.
CPU time is what counts for one thread, wall time for two.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from edge_fit import ONE_THREAD, ROOT, commit, processor

from nmcx import mesh
from nmcx.chemomechanics.domain import Domain
from nmcx.materials import NMC811

HERE = Path(__file__).parent
OUT = ROOT / "docs" / "benchmarks" / "transport_peers.md"
REQUIREMENTS = HERE / "requirements_transport.txt"
WORKER = HERE / "transport_worker.py"

RADIUS, N_GRAIN, TOLERANCE = 5e-6, 100, 1e-8  # [m], [1], [1]
#: Edges [m] that give about 40,000, 170,000 and a million cells.
SIZES = (0.48e-6, 0.302e-6, 0.166e-6)
MESH_ARRAYS = (
    *("points", "cells", "grain", "orientation"),
    *("interfaces", "interface_grains", "surface"),
)
N_REPEAT = 7
TURN = 0.2  # [s] that a repeat of one method takes at least
PARTS = ("assembly", "step")

#: Method of transport_worker.py -> what the table calls it.
METHODS = {
    "nmcx": "nmcx",
    "nmcx-two-threads": "nmcx, two threads",
    "dolfinx": "dolfinx",
    "dolfinx-O3": "dolfinx, compiled with -O3 -march=native",
    "scikit-fem": "scikit-fem",
}


# --- pythons --------------------------------------------------------------------------------------
def pythons(work: Path) -> dict[str, str]:
    """Python of each method that there is one for."""
    found = {
        "nmcx": sys.executable,
        "nmcx-two-threads": sys.executable,
        "scikit-fem": str(environment(work / "transport", REQUIREMENTS)),
    }
    if dolfinx := dolfinx_python():
        found |= {"dolfinx": dolfinx, "dolfinx-O3": dolfinx}
    return found


def environment(folder: Path, requirements: Path) -> Path:
    """Python of an environment with what a file of requirements names, made on first use."""
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"making {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*install, "--requirement", requirements], check=True)
        stamp.write_text(requirements.read_text())
    return python


def dolfinx_python() -> str | None:
    """The first Python at hand that can import dolfinx."""
    for python in (os.environ.get("NMCX_DOLFINX_PYTHON"), sys.executable, "/usr/bin/python3"):
        if python is None or not Path(python).exists():
            continue
        command = [python, "-c", "import dolfinx.fem.petsc"]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return python
    return None


# --- task -----------------------------------------------------------------------------------------
def make_task(folder: Path, size: float) -> tuple[int, int]:
    """Writes mesh and task for the workers; numbers of cells and of unknowns."""
    body = mesh.ball(RADIUS, n_grains=N_GRAIN, size=size, seed=1)
    domain = Domain(body, NMC811)
    unknown = domain.unknown_of_node
    points = np.empty((domain.size, 3))
    points[unknown] = body.points
    np.savez(folder / "mesh.npz", **{name: getattr(body, name) for name in MESH_ARRAYS})
    np.savez(
        folder / "task.npz",
        points=points,
        cells=unknown[body.cells],
        grain=body.grain,
        diffusivity=NMC811.diffusivity_tensor(body.orientation),
        start=np.random.default_rng(3).random(domain.size),
        rate=NMC811.diffusivity_ab / size**2,
        tolerance=TOLERANCE,
    )
    return len(body.cells), domain.size


# --- measuring ------------------------------------------------------------------------------------
@dataclass
class Measured:
    """Figures of one method on one mesh; times are medians of the repeats."""

    name: str
    facts: dict[str, Any]
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wall: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    difference: float = math.nan  #: largest from nmcx's values, relative to their range

    def seconds(self, what: str) -> float:
        return statistics.median(self.cpu[what])

    def wall_seconds(self, what: str) -> float:
        return statistics.median(self.wall[what])

    @property
    def peak_bytes(self) -> int:
        return int(self.facts["peak_bytes"])


class Worker:
    """A method waiting in its own process."""

    def __init__(self, python: str, name: str, folder: Path, script: Path) -> None:
        self.log = (folder / f"{name}.log").open("w+")
        self.process = subprocess.Popen(
            [python, script, name, folder / "task.npz"],
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.measured = Measured(name, self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit(f"{self.process.args!r} failed:\n{self.log.read()}")
        return dict(json.loads(line))

    def ask(self, what: str, number: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {number}\n")
        self.process.stdin.flush()
        return self._answer()

    def repeat(self, parts: tuple[str, ...]) -> None:
        for what in parts:
            number = math.ceil(TURN / self.ask(what, 1)["wall"])
            answer = self.ask(what, number)
            self.measured.cpu[what].append(answer["cpu"])
            self.measured.wall[what].append(answer["wall"])

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


@dataclass(frozen=True)
class Case:
    """All methods on one mesh."""

    n_cell: int
    n_unknown: int
    methods: dict[str, Measured]

    def ratio(self, peer: str, what: str) -> float:
        """How many times as long as nmcx a peer takes for one thing, or for both ("both")."""
        parts = ("assembly", "step") if what == "both" else (what,)
        peer_s, own_s = (
            sum(self.methods[name].seconds(part) for part in parts) for name in (peer, "nmcx")
        )
        return peer_s / own_s

    def two_threads(self, what: str) -> float:
        """How much sooner two threads are done than one."""
        two = self.methods["nmcx-two-threads"].wall_seconds(what)
        return self.methods["nmcx"].wall_seconds(what) / two

    def memory(self, peer: str) -> float:
        """Peak of nmcx in that of a peer."""
        return self.methods["nmcx"].peak_bytes / self.methods[peer].peak_bytes


def take_turns(
    folder: Path, python_of: dict[str, str], n_repeat: int, script: Path, parts: tuple[str, ...]
) -> dict[str, Measured]:
    """Figures of all methods on the task in a folder."""
    # One after another until they wait: their peaks of memory are nobody else's.
    workers = [Worker(python, method, folder, script) for method, python in python_of.items()]
    for i in range(n_repeat):
        first = i * len(workers) // n_repeat
        for worker in workers[first:] + workers[:first]:
            worker.repeat(parts)
    own = np.load(folder / "nmcx.npy")
    for worker in workers:
        worker.close()
        others = np.load(folder / f"{worker.measured.name}.npy")
        worker.measured.difference = float(np.abs(others - own).max() / np.ptp(own))
    return {worker.measured.name: worker.measured for worker in workers}


def measure(size: float, python_of: dict[str, str], n_repeat: int) -> Case:
    with tempfile.TemporaryDirectory(prefix="nmcx-peers-") as name:
        folder = Path(name)
        n_cell, n_unknown = make_task(folder, size)
        return Case(n_cell, n_unknown, take_turns(folder, python_of, n_repeat, WORKER, PARTS))


def run(quick: bool, work: Path) -> list[Case]:
    work.mkdir(parents=True, exist_ok=True)
    python_of = pythons(work.resolve())
    sizes = SIZES[:1] if quick else SIZES
    # dolfinx compiles forms once and keeps them: neither its time nor its memory is looked at.
    measure(2 * SIZES[0], python_of, 0)
    cases = []
    for size in sizes:
        cases.append(measure(size, python_of, 3 if quick else N_REPEAT))
        print(f"{cases[-1].n_cell:,} cells measured", flush=True)
    return cases


# --- table ----------------------------------------------------------------------------------------
def _row(case: Case, name: str) -> str:
    method = case.methods[name]
    is_one_thread = name != "nmcx-two-threads"
    seconds = method.seconds if is_one_thread else method.wall_seconds
    cells = [f"{case.n_cell:,}", METHODS[name]]
    for what in ("assembly", "step"):
        ratio = case.ratio(name, what) if is_one_thread else 1 / case.two_threads(what)
        cells.append(f"{1e3 * seconds(what):.3g} ms ({ratio:.2f})")
    cells += [
        f"{case.ratio(name, 'both'):.2f}" if is_one_thread else "–",
        f"{method.facts['iterations']}",
        f"{method.peak_bytes / 1e6:.0f} MB ({1 / case.memory(name):.2f})",
        "–" if name == "nmcx" else f"{method.difference:.1g}",
    ]
    return "| " + " | ".join(cells) + " |"


def table(cases: list[Case]) -> str:
    versions = {name: m.facts["version"] for name, m in cases[0].methods.items()}
    named = [f"{name} {versions[name]}" for name in ("dolfinx", "scikit-fem") if name in versions]
    n_repeat = len(cases[0].methods["nmcx"].cpu["step"])
    lines = [
        "| cells | | assembly (nmcx = 1) | step (nmcx = 1) | both (nmcx = 1) | iterations "
        "| memory (nmcx = 1) | largest difference |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
        *(_row(case, name) for case in cases for name in METHODS if name in case.methods),
        "",
        f"Measured on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit `{commit()}`, "
        f"{processor()}, {' and '.join(named)}; medians of {n_repeat} repeats in turns, CPU time "
        "of one thread, wall time of two. Memory is the most that was resident in a process that "
        "loads the mesh, assembles once and takes one step. Differences are relative to the range "
        "of the values.",
    ]
    if "dolfinx" not in versions:
        lines.append("No dolfinx was at hand.")
    return "\n".join([*lines, ""])


@dataclass(frozen=True)
class Comparison:
    """What measures, given whether to be quick and a folder to work in, and what becomes of it."""

    run: Callable[[bool, Path], list[Any]]
    table: Callable[[list[Any]], str]
    page: Path  #: of the docs


def command(description: str | None, *comparisons: Comparison) -> None:
    """Command line of comparisons on meshes: measures, prints the tables and keeps them."""
    pages = ", ".join(str(each.page.relative_to(ROOT)) for each in comparisons)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="the smallest task, fewest repeats")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "peers")
    parser.add_argument("--out", type=Path, help=f"default {pages}; none if quick")
    options = parser.parse_args()
    texts = []
    for each in comparisons:
        texts.append(each.table(each.run(options.quick, options.work)))
        print(texts[-1], flush=True)
        if options.out is None and not options.quick:
            each.page.write_text(texts[-1])
    if options.out is not None:
        options.out.write_text("\n".join(texts))


if __name__ == "__main__":
    command(__doc__, Comparison(run, table, OUT))
