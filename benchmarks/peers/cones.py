"""Cone porosity of nmcx beside numpy, scipy's tree and brute force, on one particle, in one run.

usage: python benchmarks/peers/cones.py [--quick] [--out FILE.md]

The task: a ball of 7.3 million voxels (256³), 3,000 directions, half-angles of 5, 10 … 50°. Slow
methods take some of the directions and are scaled to all of them; the table says how many. One
thread, CPU time, best of the repeats; every method's counts are compared with the definition.
"""

from __future__ import annotations

import argparse
import datetime
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edge_fit import commit, processor
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nmcx import cones
from nmcx.results import Particle

OUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "cones_peers.md"
N_DIRECTION = 3000
HALF_ANGLE = np.deg2rad(np.arange(5.0, 51.0, 5.0))

Counts = NDArray[np.int64]  # (2, n_direction, n_angle): void and envelope


def ball(n: int = 256, share: float = 120.3 / 128) -> Particle:
    """A ball with smooth voids of 8 %."""
    z, y, x = (axis - (n - 1) / 2 for axis in np.ogrid[:n, :n, :n])
    envelope = z**2 + y**2 + x**2 < (share * n / 2) ** 2
    wave = np.sin(0.5 * z) * np.sin(0.41 * y + 1) + np.sin(0.37 * x + 0.2 * z)
    return Particle(envelope & (wave < np.quantile(wave[::8, ::8, ::8], 0.92)), envelope)


@dataclass(frozen=True)
class Task:
    particle: Particle
    directions: NDArray[np.float64]

    def arms(self, dtype: type) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        """Unit vectors (n_voxel, 3) from the centre, and which voxels are void."""
        arm = np.argwhere(self.particle.envelope) - np.array(self.particle.centre_um)
        unit = arm / np.linalg.norm(arm, axis=1, keepdims=True)
        return unit.astype(dtype), self.particle.void[self.particle.envelope]


def nmcx_counts(task: Task, n: int) -> Counts:
    found = cones.cone_porosity(task.particle, task.directions[:n], HALF_ANGLE, threads=1)
    return np.stack([found.void_voxels, found.envelope_voxels])


def definition(task: Task, n: int) -> Counts:
    """Every voxel of every cone in double precision: what all others must equal."""
    arm = (np.argwhere(task.particle.envelope) - np.array(task.particle.centre_um)).T
    length = np.sqrt((arm**2).sum(axis=0))
    is_void = task.particle.void[task.particle.envelope]
    counts = np.zeros((2, n, HALF_ANGLE.size), np.int64)
    for d, axis in enumerate(task.directions[:n]):
        dot = arm[0] * axis[0] + arm[1] * axis[1] + arm[2] * axis[2]
        for k, cosine in enumerate(np.cos(HALF_ANGLE)):
            inside = dot >= length * cosine
            counts[:, d, k] = np.count_nonzero(inside & is_void), np.count_nonzero(inside)
    return counts


def numpy_masks(task: Task, n: int) -> Counts:
    """Unit vectors in single precision once, then a mask per cone."""
    unit, is_void = task.arms(np.float32)
    counts = np.zeros((2, n, HALF_ANGLE.size), np.int64)
    for d, axis in enumerate(task.directions[:n].astype(np.float32)):
        cosine = unit @ axis
        for k, cut in enumerate(np.cos(HALF_ANGLE).astype(np.float32)):
            inside = cosine >= cut
            counts[:, d, k] = np.count_nonzero(inside & is_void), np.count_nonzero(inside)
    return counts


def numpy_histogram(task: Task, n: int) -> Counts:
    """One histogram of the cosines per direction serves all angles."""
    unit, is_void = task.arms(np.float32)
    edges = np.concatenate([[-1.1], np.cos(HALF_ANGLE)[::-1], [1.1]]).astype(np.float32)
    counts = np.zeros((2, n, HALF_ANGLE.size), np.int64)
    for d, axis in enumerate(task.directions[:n].astype(np.float32)):
        shell = np.searchsorted(edges, unit @ axis, side="right") - 1
        for row, some in enumerate((shell[is_void], shell)):
            number = np.bincount(some, minlength=HALF_ANGLE.size + 1)
            counts[row, d] = np.cumsum(number[:0:-1])
    return counts


def scipy_tree(task: Task, n: int) -> Counts:
    """Points within a chord's length of each direction."""
    unit, is_void = task.arms(np.float64)
    counts = np.zeros((2, n, HALF_ANGLE.size), np.int64)
    for row, points in enumerate((unit[is_void], unit)):
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
        for k, angle in enumerate(HALF_ANGLE):
            chord = 2.0 * np.sin(angle / 2.0)
            counts[row, :, k] = tree.query_ball_point(
                task.directions[:n], chord, return_length=True
            )
    return counts


@contextmanager
def instruction_set(level: str) -> Iterator[None]:
    before = os.environ.get("NMCX_INSTRUCTION_SET")
    os.environ["NMCX_INSTRUCTION_SET"] = level
    try:
        yield
    finally:
        if before is None:
            del os.environ["NMCX_INSTRUCTION_SET"]
        else:
            os.environ["NMCX_INSTRUCTION_SET"] = before


@dataclass(frozen=True)
class Method:
    name: str
    count: Callable[[Task, int], Counts]
    n_direction: int
    level: str = ""
    n_repeat: int = 3


METHODS = (
    Method("nmcx, the processor's best", nmcx_counts, N_DIRECTION),
    Method("nmcx, v2 (SSE4.2)", nmcx_counts, N_DIRECTION, "v2"),
    Method("numpy, a histogram per direction", numpy_histogram, 30, n_repeat=2),
    Method("numpy, a mask per cone", numpy_masks, 30, n_repeat=2),
    Method("numpy, the definition in double precision", definition, 30, n_repeat=1),
    Method("scipy cKDTree, count within a chord", scipy_tree, 10, n_repeat=1),
)


@dataclass(frozen=True)
class Measured:
    method: Method
    seconds: float  #: for all directions
    wrong: float  #: share of counts that differ from the definition
    largest: int  #: largest difference of a count


def measure(method: Method, task: Task, truth: Counts) -> Measured:
    with instruction_set(method.level):
        times, fixed = [], 0.0
        for _ in range(method.n_repeat):
            started = time.process_time()
            counts = method.count(task, method.n_direction)
            times.append(time.process_time() - started)
        if method.n_direction < len(task.directions):
            # What does not grow with the directions is not multiplied.
            started = time.process_time()
            method.count(task, 1)
            fixed = time.process_time() - started
    per_direction = (min(times) - fixed) / max(1, method.n_direction - 1)
    seconds = fixed + per_direction * (len(task.directions) - 1) if fixed else min(times)
    n = min(method.n_direction, truth.shape[1])
    wrong = np.abs(counts[:, :n] - truth[:, :n])
    return Measured(method, seconds, float(np.mean(wrong > 0)), int(wrong.max()))


def run(quick: bool = False) -> list[Measured]:
    task = Task(ball(96 if quick else 256), cones.fibonacci_directions(300 if quick else 3000))
    truth = definition(task, 30)
    return [
        measure(
            method if not quick else
            Method(method.name, method.count, min(method.n_direction, 300), method.level, 1),
            task, truth,
        )
        for method in METHODS
    ]  # fmt: skip


def table(rows: list[Measured]) -> str:
    first = rows[0].seconds
    lines = [
        "| | CPU s | time, nmcx = 1 | directions timed | counts that differ | largest difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        lines.append(
            f"| {row.method.name} | {row.seconds:.3g} | {row.seconds / first:.3g} "
            f"| {row.method.n_direction:,} | {100 * row.wrong:.2g} % | {row.largest} |"
        )
    day = datetime.datetime.now(datetime.UTC)
    lines += ["", f"Measured on {day:%Y-%m-%d} at commit `{commit()}`, {processor()}.", ""]
    return "\n".join(lines)


def main() -> None:
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        raise SystemExit("set OPENBLAS_NUM_THREADS=1: numpy reads it when it is loaded")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="96³ voxels, 300 directions; no file")
    parser.add_argument("--out", type=Path, help=f"default docs/benchmarks/{OUT.name}")
    options = parser.parse_args()
    text = table(run(options.quick))
    print(text)
    out = options.out or (None if options.quick else OUT)
    if out is not None:
        out.write_text(text)


if __name__ == "__main__":
    main()
