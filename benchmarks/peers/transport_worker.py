"""One way of taking a step of diffusion, in a process of its own, asked by transport.py.

usage: python transport_worker.py METHOD TASK.npz    answers lines on standard input with JSON

Lines are "assembly N" or "step N": CPU seconds of each when N are done in a row, and wall seconds.
It needs numpy and the method's own package, so that any Python that has these can run it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Task:
    """Tetrahedra and the step (M / Δt + K) c = M start / Δt, with lumped mass M."""

    path: Path
    points: Array  # (n, 3) [m]
    cells: Array  # (m, 4)
    grain: Array  # (m,)
    diffusivity: Array  # (n_grain, 3, 3) [m²/s]
    start: Array  # (n,) [1]
    rate: float  # 1 / Δt [1/s]
    tolerance: float  # of the residual, relative to the right-hand side

    @classmethod
    def load(cls, path: Path) -> Task:
        with np.load(path) as file:
            names = ("points", "cells", "grain", "diffusivity", "start")
            arrays = (file[name] for name in names)
            return cls(path, *arrays, float(file["rate"]), float(file["tolerance"]))


@dataclass(frozen=True)
class Method:
    """What is timed: `assemble` fills matrix and mass, `step` solves with them."""

    version: str
    assemble: Callable[[], None]
    step: Callable[[], int]  # number of iterations
    values: Callable[[], Array]  # (n,) after the step


# --- nmcx -----------------------------------------------------------------------------------------
def nmcx(task: Task, threads: int = 1) -> Method:
    from nmcx.chemomechanics.domain import Domain, SolverOptions
    from nmcx.materials import NMC811
    from nmcx.results import Mesh

    # The mesh as it was made, with nodes of its own for each grain; walls are tied by the kernel.
    with np.load(task.path.with_name("mesh.npz")) as file:
        mesh = Mesh(**file)
    solver = SolverOptions("iterative", task.tolerance, threads=threads)
    domain = Domain(mesh, NMC811, diffusivity=task.diffusivity, solver=solver)
    n_wall = len(mesh.interfaces)
    conductance, along = np.full(n_wall, np.inf), np.zeros(n_wall)
    none, free = np.zeros(domain.size), np.full(domain.size, np.nan)
    found = {}

    def assemble() -> None:
        domain.kernel.assemble(task.diffusivity, conductance, along, threads=threads)

    def step() -> int:
        history = task.rate * task.start
        found["step"] = domain.kernel.step(
            task.rate, history, none, none, free, task.start, task.tolerance, threads=threads
        )
        return int(found["step"].iterations)

    return Method(version("nmcx"), assemble, step, lambda: found["step"].concentration)


# --- scikit-fem -----------------------------------------------------------------------------------
def scikit_fem(task: Task) -> Method:
    import skfem
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg
    from skfem.helpers import dot, grad, mul

    mesh = skfem.MeshTet(np.ascontiguousarray(task.points.T), np.ascontiguousarray(task.cells.T))
    basis = skfem.Basis(mesh, skfem.ElementTetP1(), intorder=1)
    tensor = np.moveaxis(task.diffusivity[task.grain], 0, -1)[..., None]
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(mul(tensor, grad(u)), grad(v)))
    volume = skfem.LinearForm(lambda v, w: v)
    found: dict[str, Any] = {}

    def assemble() -> None:
        found["mass"] = task.rate * volume.assemble(basis)
        found["matrix"] = stiffness.assemble(basis) + diags_array(found["mass"])

    def step() -> int:
        count = [0]

        def seen(_: Array) -> None:
            count[0] += 1

        matrix = found["matrix"].tocsr()
        found["values"], failed = cg(
            matrix,
            found["mass"] * task.start,
            task.start,
            rtol=task.tolerance,
            M=diags_array(1 / matrix.diagonal()),
            callback=seen,
        )
        if failed:
            raise SystemExit("conjugate gradients did not converge")
        return count[0]

    return Method(version("scikit-fem"), assemble, step, lambda: found["values"])


# --- dolfinx --------------------------------------------------------------------------------------
def dolfinx(task: Task, flags: tuple[str, ...] = ()) -> Method:
    import dolfinx as package
    import ufl
    from dolfinx import fem
    from dolfinx.fem import petsc
    from mpi4py import MPI
    from petsc4py import PETSc

    domain = ufl.Mesh(ufl.VectorElement("Lagrange", ufl.tetrahedron, 1))
    mesh = package.mesh.create_mesh(MPI.COMM_WORLD, task.cells, task.points, domain)
    space = fem.FunctionSpace(mesh, ("Lagrange", 1))
    diffusivity = fem.Function(fem.TensorFunctionSpace(mesh, ("DG", 0)))
    of_cell = task.grain[mesh.topology.original_cell_index]
    diffusivity.x.array[:] = task.diffusivity[of_cell].ravel()
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    at_corners = ufl.dx(metadata={"quadrature_rule": "vertex", "quadrature_degree": 1})
    rate = fem.Constant(mesh, PETSc.ScalarType(task.rate))
    weak = rate * u * v * at_corners + ufl.inner(diffusivity * ufl.grad(u), ufl.grad(v)) * ufl.dx
    # Compiled here, before anything is timed.
    form = fem.form(weak, jit_params={"cffi_extra_compile_args": list(flags)} if flags else {})
    mass = petsc.assemble_vector(fem.form(rate * v * ufl.dx))
    matrix = petsc.create_matrix(form)

    # Rows of the matrix, in the order of the cells' corners -> the task's nodes.
    node = np.empty(len(task.points), dtype=np.int64)
    corners = mesh.geometry.dofmap.array
    node[space.dofmap.list.array] = np.asarray(mesh.geometry.input_global_indices)[corners]
    start, right, values = matrix.createVecRight(), matrix.createVecLeft(), matrix.createVecRight()
    start.array[:] = task.start[node]
    solver = PETSc.KSP().create(MPI.COMM_WORLD)
    solver.setOperators(matrix)
    solver.setType("cg")
    solver.getPC().setType("jacobi")
    solver.setNormType(PETSc.KSP.NormType.NATURAL)  # that of the inverse diagonal, as nmcx's
    solver.setTolerances(rtol=task.tolerance, atol=0.0)
    solver.setInitialGuessNonzero(True)

    def assemble() -> None:
        matrix.zeroEntries()
        petsc.assemble_matrix(matrix, form)
        matrix.assemble()

    def step() -> int:
        right.pointwiseMult(mass, start)
        start.copy(values)
        solver.solve(right, values)
        if solver.getConvergedReason() <= 0:
            raise SystemExit("conjugate gradients did not converge")
        return int(solver.getIterationNumber())

    def by_node() -> Array:
        result = np.empty(len(node))
        result[node] = values.array
        return result

    return Method(package.__version__, assemble, step, by_node)


METHODS: dict[str, Callable[[Task], Method]] = {
    "nmcx": nmcx,
    "nmcx-two-threads": lambda task: nmcx(task, threads=2),
    "scikit-fem": scikit_fem,
    "dolfinx": dolfinx,
    "dolfinx-O3": lambda task: dolfinx(task, ("-O3", "-march=native")),
}


# --- answers --------------------------------------------------------------------------------------
def peak_bytes() -> int:
    """Most memory that was resident at once.

    Not ``ru_maxrss``: that starts with what the parent of this process had.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def serve(make: Callable[[str, Path], tuple[Any, dict[str, Callable[[], Any]]]]) -> None:
    """Do everything once, say how that went, then time what is asked for.

    `make` takes the method's name and the task's path and returns the method and, by word, what can
    be timed; the last of these says how many iterations it took.
    """
    name, path = sys.argv[1], Path(sys.argv[2])
    method, timed = make(name, path)
    iterations = [call() for call in timed.values()][-1]
    np.save(path.with_name(f"{name}.npy"), method.values())
    facts = {"version": method.version, "iterations": iterations, "peak_bytes": peak_bytes()}
    print(json.dumps(facts), flush=True)

    for line in sys.stdin:
        word, number = line.split()
        timed[word]()  # caches are warm again after the others' turns
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(int(number)):
            timed[word]()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(json.dumps({"cpu": cpu / int(number), "wall": wall / int(number)}), flush=True)


def make(name: str, path: Path) -> tuple[Method, dict[str, Callable[[], Any]]]:
    method = METHODS[name](Task.load(path))
    return method, {"assembly": method.assemble, "step": method.step}


if __name__ == "__main__":
    serve(make)
