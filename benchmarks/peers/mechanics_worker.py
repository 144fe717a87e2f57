"""One way of solving for elastic equilibrium, in a process of its own, asked by mechanics.py.

usage: python mechanics_worker.py METHOD TASK.npz    answers lines on standard input with JSON

Lines are "assembly N", "first N" or "repeat N": CPU seconds of each when N are done in a row, and
wall seconds. It needs numpy and the method's own package, so that any Python with these can run it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from transport_worker import serve

Array = Any


@dataclass(frozen=True)
class Task:
    """Tetrahedra of grains, each with its stiffness and a lattice strain; some nodes are held."""

    path: Path
    points: Array  # (n, 3) [m]
    cells: Array  # (m, 4)
    grain: Array  # (m,)
    stiffness: Array  # (n_grain, 6, 6) [Pa], Voigt
    strain: Array  # (n_grain, 6) lattice strain, engineering shears
    held: Array  # (n,) nodes that do not move
    tolerance: float  # of the residual, relative

    @classmethod
    def load(cls, path: Path) -> Task:
        names = ("points", "cells", "grain", "stiffness", "strain", "held")
        with np.load(path) as file:
            return cls(path, *(file[name] for name in names), float(file["tolerance"]))


@dataclass(frozen=True)
class Method:
    """What is timed: `assembly` fills the matrix, `first` prepares and solves, `repeat` solves."""

    version: str
    assembly: Callable[[], None]
    first: Callable[[], int]  # number of iterations
    repeat: Callable[[], int]
    values: Callable[[], Array]  # (n, 3) displacements [m]


# --- nmcx -----------------------------------------------------------------------------------------
def nmcx(task: Task, threads: int = 1) -> Method:
    from nmcx import _core

    # The mesh as it was made, with nodes of its own for each grain; walls are tied by the kernel.
    with np.load(task.path.with_name("mesh.npz")) as file:
        mesh = dict(file)
    kernel = _core.Elasticity(
        *(mesh[name] for name in ("points", "cells", "grain", "interfaces")),
        np.ones(len(mesh["interfaces"]), dtype=bool),
        task.stiffness,
        _core.PlaneState.solid,
        threads,
    )
    fixed = np.where(task.held[mesh["node"]][:, None], 0.0, np.full_like(mesh["points"], np.nan))
    grain = np.empty(len(mesh["points"]), dtype=np.int64)
    grain[mesh["cells"]] = mesh["grain"][:, None]
    strain = np.ascontiguousarray(task.strain[grain])
    forces = _core.ElasticSolver(kernel, fixed).forces(strain, np.zeros_like(fixed), threads)
    found: dict[str, Any] = {}

    def first() -> int:
        found["solver"] = None
        found["solver"] = _core.ElasticSolver(kernel, fixed)
        found["solver"].prepare(threads)
        return repeat()

    def repeat() -> int:
        found["x"], count = found["solver"].solve(forces, task.tolerance, threads=threads)
        return int(count)

    def values() -> Array:
        result = np.empty_like(task.points)
        result[mesh["node"]] = found["solver"].displacement(found["x"])
        return result

    def assembly() -> None:
        kernel.assemble(task.stiffness, threads)

    return Method(version("nmcx"), assembly, first, repeat, values)


# --- scikit-fem -----------------------------------------------------------------------------------
def scikit_fem(task: Task) -> Method:
    import skfem
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg

    mesh = skfem.MeshTet(np.ascontiguousarray(task.points.T), np.ascontiguousarray(task.cells.T))
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTetP1()), intorder=1)
    stiffness = np.moveaxis(task.stiffness[task.grain], 0, -1)[..., None]
    lattice = np.einsum("gij,gj->gi", task.stiffness, task.strain)[task.grain].T[..., None]
    free = np.setdiff1d(np.arange(basis.N), basis.nodal_dofs[:, task.held].ravel())
    found: dict[str, Any] = {}

    def voigt(u: Any) -> Any:
        g = u.grad
        return np.stack(
            [g[0, 0], g[1, 1], g[2, 2], g[1, 2] + g[2, 1], g[0, 2] + g[2, 0], g[0, 1] + g[1, 0]]
        )

    stretch = skfem.BilinearForm(
        lambda u, v, w: (np.einsum("ijmq,jmq->imq", stiffness, voigt(u)) * voigt(v)).sum(axis=0)
    )
    swell = skfem.LinearForm(lambda v, w: (lattice * voigt(v)).sum(axis=0))
    forces = swell.assemble(basis)[free]

    def assembly() -> None:
        found["matrix"] = stretch.assemble(basis)

    def first() -> int:
        found["free"] = found["matrix"].tocsr()[free][:, free]
        return repeat()

    def repeat() -> int:
        count = [0]

        def seen(_: Array) -> None:
            count[0] += 1

        matrix = found["free"]
        scale = diags_array(1 / matrix.diagonal())
        found["x"], failed = cg(matrix, forces, rtol=task.tolerance, M=scale, callback=seen)
        if failed:
            raise SystemExit("conjugate gradients did not converge")
        return count[0]

    def values() -> Array:
        x = np.zeros(basis.N)
        x[free] = found["x"]
        return x[basis.nodal_dofs].T

    return Method(version("scikit-fem"), assembly, first, repeat, values)


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
    space = fem.VectorFunctionSpace(mesh, ("Lagrange", 1))
    of_cell = task.grain[mesh.topology.original_cell_index]
    stiffness = fem.Function(fem.TensorFunctionSpace(mesh, ("DG", 0), shape=(6, 6)))
    stiffness.x.array[:] = task.stiffness[of_cell].ravel()
    lattice = fem.Function(fem.VectorFunctionSpace(mesh, ("DG", 0), dim=6))
    lattice.x.array[:] = task.strain[of_cell].ravel()

    def voigt(u: Any) -> Any:
        g = ufl.grad(u)
        shears = [g[1, 2] + g[2, 1], g[0, 2] + g[2, 0], g[0, 1] + g[1, 0]]
        return ufl.as_vector([g[0, 0], g[1, 1], g[2, 2], *shears])

    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    # Compiled here, before anything is timed.
    options = {"cffi_extra_compile_args": list(flags)} if flags else {}
    form = fem.form(ufl.dot(stiffness * voigt(u), voigt(v)) * ufl.dx, jit_params=options)
    load = fem.form(ufl.dot(stiffness * lattice, voigt(v)) * ufl.dx, jit_params=options)

    # Nodes of the space, in the order of the cells' corners -> the task's nodes.
    node = np.empty(len(task.points), dtype=np.int64)
    corners = mesh.geometry.dofmap.array
    node[space.dofmap.list.array] = np.asarray(mesh.geometry.input_global_indices)[corners]
    still = fem.Function(space)
    held = fem.dirichletbc(still, np.flatnonzero(task.held[node]).astype(np.int32))
    matrix = petsc.create_matrix(form)
    right = petsc.assemble_vector(load)
    petsc.set_bc(right, [held])
    x = right.duplicate()
    place = PETSc.Vec().createWithArray(task.points[node].ravel(), bsize=3)
    matrix.setNearNullSpace(PETSc.NullSpace().createRigidBody(place))
    found: dict[str, Any] = {}

    def assembly() -> None:
        matrix.zeroEntries()
        petsc.assemble_matrix(matrix, form, bcs=[held])
        matrix.assemble()

    def first() -> int:
        if "solver" in found:
            found["solver"].destroy()
        solver = found["solver"] = PETSc.KSP().create(MPI.COMM_WORLD)
        solver.setOperators(matrix)
        solver.setType("cg")
        solver.getPC().setType("gamg")
        solver.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
        solver.setTolerances(rtol=task.tolerance, atol=0.0)
        solver.setFromOptions()
        solver.setUp()
        return repeat()

    def repeat() -> int:
        found["solver"].solve(right, x)
        if found["solver"].getConvergedReason() <= 0:
            raise SystemExit("conjugate gradients did not converge")
        return int(found["solver"].getIterationNumber())

    def values() -> Array:
        result = np.empty_like(task.points)
        result[node] = x.array.reshape(-1, 3)
        return result

    return Method(package.__version__, assembly, first, repeat, values)


METHODS: dict[str, Callable[[Task], Method]] = {
    "nmcx": nmcx,
    "nmcx-two-threads": lambda task: nmcx(task, threads=2),
    "scikit-fem": scikit_fem,
    "dolfinx": dolfinx,
    "dolfinx-O3": lambda task: dolfinx(task, ("-O3", "-march=native")),
}


def make(name: str, path: Path) -> tuple[Method, dict[str, Callable[[], Any]]]:
    method = METHODS[name](Task.load(path))
    timed = {"assembly": method.assembly, "first": method.first, "repeat": method.repeat}
    return method, timed


if __name__ == "__main__":
    serve(make)
