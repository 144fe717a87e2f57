"""Two blocks pulled apart in one way, in a process of its own, started by two_blocks.py.

usage: python two_blocks_worker.py METHOD TASK.npz    prints one line of JSON

It needs numpy and the method's own package, so that any Python with these can run it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Array = Any

MAX_ITERATIONS = 200  # of a step
TOLERANCE = 1e-6  # of the forces, in those of the wall
NEAR = 1e-9  # [m] that a node of a face may be away from it


@dataclass(frozen=True)
class Task:
    """Tetrahedra of two blocks, one on the other along z, that share the nodes of their wall."""

    points: Array  # (n, 3) [m]
    cells: Array  # (m, 4)
    block: Array  # (m,) 0 (lower) or 1
    wall: Array  # (k, 3) nodes of the facets between the blocks
    elasticity: Array  # (6, 6) of both [Pa], Voigt
    wall_stiffness: float  # [Pa/m]
    strength: float  # [Pa]
    fracture_energy: float  # [J/m²]
    apart: float  # what the upper end moves along z in all [m]
    n_step: int

    @classmethod
    def load(cls, path: Path) -> Task:
        with np.load(path) as file:
            return cls(
                **{name: file[name] if file[name].ndim else file[name].item() for name in file}
            )

    @property
    def area(self) -> float:
        """Of the wall [m²]."""
        a, b, c = np.moveaxis(self.points[self.wall], 1, 0)
        return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())

    def held(self, points: Array) -> Array:
        """(n, 3) displacements at the end of the pull [m], NaN where they are free."""
        result = np.full(points.shape, np.nan)
        x, y, bottom = (points < points.min(axis=0) + NEAR).T
        far, _, top = (points > points.max(axis=0) - NEAR).T
        for end, apart in ((bottom, 0.0), (top, self.apart)):
            result[end, 2] = apart
            # No end drifts across or turns about the axis; both may contract.
            result[end & x & y, :2] = 0.0
            result[end & far & y, 1] = 0.0
        return result


@dataclass(frozen=True)
class Outcome:
    """How a pull went."""

    version: str
    work: float  #: of the ends, less what a jump has released [J]
    released: float  #: by jumps [J]; 0 where a method keeps no account of it
    dissipated: float  #: by the wall [J]
    peak: float  #: largest traction of an end at the end of a step [Pa]
    reached: float  #: part of the pull at the last step that was found [1]
    n_step: int  #: steps that were found
    n_iteration: int  #: in these steps
    n_given_up: int  #: steps without equilibrium, or given up for shorter ones
    cpu: float  #: from the mesh in memory to the end of the pull [s]


# --- nmcx -----------------------------------------------------------------------------------------
def nmcx(task: Task) -> Outcome:
    from nmcx import chemomechanics, materials, mesh

    law = chemomechanics.CohesiveLaw(task.wall_stiffness, task.strength, task.fracture_energy)

    def pulled() -> Any:
        body = mesh.assemble(task.points, task.cells, task.block, [np.eye(3)] * 2)
        return chemomechanics.equilibrium(
            body,
            materials.NMC811,
            materials.NMC811.max_concentration,
            walls="cohesive",
            law=law,
            fixed=task.held(body.points),
            tolerance=TOLERANCE,
            max_step=1 / task.n_step,
            max_iterations=MAX_ITERATIONS,
            threads=1,
        )

    # Packages that it loads late are loaded by a first run, as all of akantu is by its import.
    pulled()
    started = time.process_time()
    state = pulled()
    cpu = time.process_time() - started
    steps = state.steps
    return Outcome(
        version=version("nmcx"),
        work=state.energies["supplied"] - state.energies["released"],
        released=state.energies["released"],
        dissipated=state.energies["dissipated"],
        peak=_largest_force(steps, task.apart) / task.area,
        reached=float(steps.t[-1]),
        n_step=len(steps.t),
        n_iteration=state.iterations,
        n_given_up=int(steps.cut_backs.sum()),
        cpu=cpu,
    )


def _largest_force(steps: Any, apart: float) -> float:
    """Of an end at the ends of steps [N], from their work, which is by the trapezoid rule."""
    force, largest = 0.0, 0.0
    for way, work, released in zip(
        apart * np.diff(steps.t, prepend=0.0), steps.supplied, steps.released, strict=True
    ):
        force = 2 * work / way - force
        largest = max(largest, force)
        if released > 0.0:  # the force falls during a jump, which no work tells of
            break
    return largest


# --- akantu ---------------------------------------------------------------------------------------
# Micrometres and gigapascals: in metres the numbers would be too small for its tolerances.
METRE, PASCAL = 1e6, 1e-9
FORCE = PASCAL * METRE**2
ENERGY = FORCE * METRE
BLOCKS, WALL = ("lower", "upper"), "wall"


def akantu(task: Task) -> Outcome:
    import akantu as package

    package.debug.setDebugLevel(package.dblError)
    with tempfile.TemporaryDirectory(prefix="nmcx-akantu-") as name:
        mesh_path, input_path = Path(name) / "blocks.msh", Path(name) / "blocks.dat"
        mesh_path.write_text(_msh(task))
        input_path.write_text(_materials(task))
        package.parseInput(str(input_path))
        mesh = package.Mesh(3)
        mesh.read(str(mesh_path))
    started = time.process_time()
    model = package.SolidMechanicsModelCohesive(mesh)
    model.initFull(_analysis_method=package._static, _is_extrinsic=False)
    solver = model.getNonLinearSolver("static")
    solver.set("max_iterations", MAX_ITERATIONS)
    solver.set("convergence_type", package.SolveConvergenceCriteria.residual)
    solver.set("threshold", TOLERANCE * FORCE * task.strength * task.area)
    return _pull(task, package, model, solver, started)


def _pull(task: Task, package: Any, model: Any, solver: Any, started: float) -> Outcome:
    held = METRE * task.held(model.getMesh().getNodes() / METRE)
    is_held = ~np.isnan(held)
    moved = np.nan_to_num(held[:, 2]) > 0.0
    model.getBlockedDOFs()[:] = is_held
    displacement = model.getDisplacement()
    path = [(0.0, 0.0)]  # displacement and force of the upper end
    n_iteration = 0
    for t in np.arange(1, task.n_step + 1) / task.n_step:
        before = displacement.copy()
        displacement[is_held] = t * held[is_held]
        try:
            model.solveStep("static")
        except package.NLSNotConvergedException:
            # The next step starts from the last equilibrium.
            displacement[:] = before
            continue
        n_iteration += solver.getInt("nb_iterations")
        path.append((t * task.apart, abs(model.getInternalForce()[moved, 2].sum()) / FORCE))
    apart, force = np.array(path).T
    return Outcome(
        version=version("akantu"),
        work=float(np.trapezoid(force, apart)),
        released=0.0,
        dissipated=model.getEnergy("dissipated") / ENERGY,
        peak=force.max() / task.area,
        reached=apart[-1] / task.apart,
        n_step=len(path) - 1,
        n_iteration=n_iteration,
        n_given_up=task.n_step - len(path) + 1,
        cpu=time.process_time() - started,
    )


def _msh(task: Task) -> str:
    """The mesh in Gmsh's format 2.2; tetrahedra are its type 4, triangles its type 2."""
    names = [*((3, name) for name in BLOCKS), (2, WALL)]
    elements = [(4, 1 + block, cell) for block, cell in zip(task.block, task.cells, strict=True)]
    elements += [(2, len(names), facet) for facet in task.wall]
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$PhysicalNames", f"{len(names)}"]
    lines += [f'{dimension} {i} "{name}"' for i, (dimension, name) in enumerate(names, 1)]
    lines += ["$EndPhysicalNames", "$Nodes", f"{len(task.points)}"]
    lines += [
        f"{i} {x:.17g} {y:.17g} {z:.17g}" for i, (x, y, z) in enumerate(METRE * task.points, 1)
    ]
    lines += ["$EndNodes", "$Elements", f"{len(elements)}"]
    for i, (kind, tag, nodes) in enumerate(elements, 1):
        lines.append(f"{i} {kind} 2 {tag} {tag} " + " ".join(str(node + 1) for node in nodes))
    return "\n".join([*lines, "$EndElements", ""])


def _materials(task: Task) -> str:
    """Constants of blocks and wall, in akantu's format."""
    elastic: dict[str, Any] = {"rho": 1.0}  # no part in a static analysis, but asked for
    elastic |= {f"n{i + 1}": axis.tolist() for i, axis in enumerate(np.eye(3))}
    for i, j in zip(*np.triu_indices(6), strict=True):
        elastic[f"C{i + 1}{j + 1}"] = PASCAL * task.elasticity[i, j]
    stiffness = PASCAL / METRE * task.wall_stiffness
    cohesive = {
        "sigma_c": PASCAL * task.strength,
        "G_c": PASCAL * METRE * task.fracture_energy,
        "delta_0": METRE * task.strength / task.wall_stiffness,
        "beta": 1.0,
        "penalty": stiffness,
    }
    sections = [_section("elastic_anisotropic", name, elastic) for name in BLOCKS]
    sections.append(_section("cohesive_bilinear", WALL, cohesive))
    inserter = f"cohesive_inserter [\n cohesive_surfaces = [{WALL}]\n]"
    body = "\n".join([inserter, *sections])
    return f"model solid_mechanics_model_cohesive [\n{body}\n]\n"


def _section(kind: str, name: str, values: dict[str, Any]) -> str:
    lines = [f"{key} = {value}" for key, value in {"name": name, **values}.items()]
    return f"material {kind} [\n" + "\n".join(lines) + "\n]"


METHODS: dict[str, Callable[[Task], Outcome]] = {"nmcx": nmcx, "akantu": akantu}

if __name__ == "__main__":
    outcome = METHODS[sys.argv[1]](Task.load(Path(sys.argv[2])))
    print(json.dumps(asdict(outcome)), flush=True)
