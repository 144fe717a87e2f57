"""Elastic equilibrium by PETSc, which users bring along, on all processes of an MPI program."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
from scipy import sparse

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.outside_solver import OutsideEquilibrium, outside_equilibrium
from nmcx.errors import ConvergenceError

#: What the names of our options begin with in PETSc's database: ``-nmcx_ksp_monitor``.
PREFIX = "nmcx_"
# Solutions for what the one before has left: a residual is known no better than its recurrence.
_N_REFINEMENT = 4
_MAX_ITERATIONS = 1000


def petsc_equilibrium(
    kernel: _core.Elasticity,
    eigenstrain: Doubles,
    fixed: Doubles,
    force: Doubles,
    *,
    tolerance: float,
    threads: int,
) -> OutsideEquilibrium:
    """As `_core.elastic_equilibrium`; all processes of MPI call it, and get all of the result.

    Each process has a block of rows, blocks of d along them, and the rigid motions as near null
    space. The section's strains are taken out by their Schur complement.

    Raises
    ------
    ImportError
        If there is no petsc4py, or one for complex numbers.
    ValueError
        If forces would move a body that nothing holds, or processes differ in what they give.
    nmcx.ConvergenceError
        If the residual stays above the tolerance.
    """
    petsc = _petsc()
    solver = _core.ElasticSolver(kernel, fixed)
    forces = np.asarray(solver.forces(eigenstrain, force, threads))
    arrays = kernel.matrix
    _check_same(petsc, kernel.size, np.abs(arrays.blocks).sum(), np.abs(forces).sum())
    with ExitStack() as objects:
        system = _System(petsc, arrays, solver, tolerance, objects)
        system.prepare(_rigid_motions(kernel, fixed))
        x, count, residual = system.solved(forces)
    return outside_equilibrium(kernel, solver, x, eigenstrain, count, residual, threads)


class _System:
    """The bordered system [A Bᵀ; B C] with A in rows by process, held displacements taken out."""

    def __init__(
        self,
        petsc: Any,
        arrays: _core.MatrixArrays,
        solver: _core.ElasticSolver,
        tolerance: float,
        objects: ExitStack,
    ) -> None:
        self._petsc, self._objects, self._tolerance = petsc, objects, tolerance
        self._d = arrays.blocks.shape[1]
        self._n = len(arrays.row_start) - 1
        self._first, self._last = _rows_of_process(petsc, self._n)
        held = np.asarray(solver.held)
        self._is_free = np.isnan(held)
        self._held = np.where(self._is_free, 0.0, held)
        # Entries about 1: what PETSc takes for zero, in singular values say, has no unit.
        self._unit = float(np.abs(arrays.blocks).max())
        border = arrays.border / self._unit
        self._corner = arrays.corner / self._unit
        rows = self._own_rows(arrays)
        self._from_held = np.asarray(rows @ self._held)
        self._border_from_held = border @ self._held
        self._mask(rows)
        # GAMG takes no blocked matrix, but a plain one that knows its blocks.
        plain = rows.tocsr()
        index = (plain.indptr.astype(petsc.IntType), plain.indices.astype(petsc.IntType))
        self._matrix = self._kept(
            petsc.Mat().createAIJ(
                (self._sizes, self._sizes),
                self._d,
                csr=(*index, plain.data),
                comm=petsc.COMM_WORLD,
            )
        )
        self._matrix.setOption(petsc.Mat.Option.SYMMETRIC, True)
        # Motions that nothing hinders are projected out; nothing is pinned.
        self._motions = self._null_space(np.asarray(solver.rigid_modes))
        self._matrix.setNullSpace(self._motions)
        self._border = [self._vector(row * self._is_free) for row in border]
        self._n_iteration = 0

    def prepare(self, near: Doubles) -> None:
        """Make the preconditioner, by all rigid motions, and what the border takes."""
        self._matrix.setNearNullSpace(self._null_space(near))
        self._ksp = self._solver()
        self._inner = [self._solution(row, 0.5 * self._tolerance) for row in self._border]
        products = [[a.dot(x) for x in self._inner] for a in self._border]
        self._schur = self._corner - np.array(products).reshape(self._corner.shape)

    def solved(self, forces: Doubles) -> tuple[Doubles, int, float]:
        """Unknowns that are the same on all processes, iterations and relative residual."""
        n_inner = self._n * self._d
        forces = forces / self._unit
        right = self._vector(self._is_free * forces[:n_inner])
        right.array -= self._is_free[self._own] * self._from_held
        self._motions.remove(right)
        border = forces[n_inner:] - self._border_from_held
        scale = float(np.hypot(right.norm(), np.linalg.norm(border)))
        x, section = self._vector(np.zeros(n_inner)), np.zeros(len(border))
        rest, border_rest, residual = right.duplicate(), border, 1.0 if scale > 0 else 0.0
        self._kept(rest)
        right.copy(rest)
        for _ in range(_N_REFINEMENT):
            if residual <= self._tolerance:
                break
            self._improve(x, section, rest, border_rest, 0.5 * self._tolerance / residual)
            self._matrix.mult(x, rest)
            rest.aypx(-1.0, right)
            for value, column in zip(section, self._border, strict=True):
                rest.axpy(-value, column)
            self._motions.remove(rest)
            border_rest = border - self._corner @ section - [a.dot(x) for a in self._border]
            residual = float(np.hypot(rest.norm(), np.linalg.norm(border_rest))) / scale
        if not residual <= self._tolerance:
            raise ConvergenceError(
                f"equilibrium was not reached after {self._n_iteration} iterations by PETSc: "
                f"relative residual {residual:.3g}, tolerance {self._tolerance:.3g}"
            )
        self._motions.remove(x)
        whole = self._on_all_processes(x) + self._held
        return np.concatenate([whole, section]), self._n_iteration, residual

    def _improve(
        self, x: Any, section: Doubles, rest: Any, border_rest: Doubles, tolerance: float
    ) -> None:
        """Add to x and section what takes the rest away."""
        step = self._solution(rest, tolerance)
        across = border_rest - [a.dot(step) for a in self._border]
        if len(section):
            change = np.linalg.solve(self._schur, across)
            section += change
            for value, inner in zip(change, self._inner, strict=True):
                step.axpy(-value, inner)
        x.axpy(1.0, step)

    def _solution(self, right: Any, tolerance: float) -> Any:
        """A⁻¹ of a vector, without rigid motions."""
        x = self._kept(right.duplicate())
        x.set(0.0)
        if right.norm() == 0.0:
            return x
        if not self._petsc.Options(PREFIX).hasName("ksp_rtol"):
            self._ksp.setTolerances(rtol=max(tolerance, 1e-15))
        self._ksp.solve(right, x)
        self._n_iteration += self._ksp.getIterationNumber()
        reason = self._ksp.getConvergedReason()
        if reason < 0:
            left = self._ksp.getResidualNorm() / right.norm()
            raise ConvergenceError(
                f"equilibrium was not reached after {self._n_iteration} iterations by PETSc "
                f"({_name_of(self._petsc, reason)}): relative residual {left:.3g}, tolerance "
                f"{self._tolerance:.3g}"
            )
        return x

    # --- objects of PETSc -------------------------------------------------------------------------

    def _solver(self) -> Any:
        """Conjugate gradients and algebraic multigrid, unless options say otherwise."""
        petsc = self._petsc
        ksp = self._kept(petsc.KSP().create(petsc.COMM_WORLD))
        ksp.setOptionsPrefix(PREFIX)
        ksp.setOperators(self._matrix)
        ksp.setType(petsc.KSP.Type.CG)
        ksp.setNormType(petsc.KSP.NormType.UNPRECONDITIONED)
        ksp.setTolerances(max_it=_MAX_ITERATIONS)
        ksp.getPC().setType(petsc.PC.Type.GAMG)
        # On the coarsest level of a free body rigid motions are all but singular: a factorisation
        # would fill what it gives with them.
        self._set_default("mg_coarse_pc_type", "svd")
        ksp.setFromOptions()
        return ksp

    def _set_default(self, name: str, value: str) -> None:
        """An option of what PETSc makes later, unless there is one; taken back at the end."""
        options = self._petsc.Options(PREFIX)
        if not options.hasName(name):
            options[name] = value
            self._objects.callback(options.delValue, name)

    def _null_space(self, motions: Doubles) -> Any:
        inner = motions[: self._n * self._d]
        vectors = [self._vector(inner[:, i]) for i in range(inner.shape[1])]
        petsc = self._petsc
        return self._kept(petsc.NullSpace().create(vectors=vectors, comm=petsc.COMM_WORLD))

    def _vector(self, whole: Doubles) -> Any:
        """Its part of this process in a vector of PETSc."""
        petsc = self._petsc
        own = np.array(whole[self._own], dtype=np.float64)
        return self._kept(petsc.Vec().createWithArray(own, self._sizes, self._d, petsc.COMM_WORLD))

    def _on_all_processes(self, vector: Any) -> Doubles:
        scatter, whole = self._petsc.Scatter.toAll(vector)
        self._kept(scatter)
        self._kept(whole)
        scatter.scatter(vector, whole)
        return np.array(whole.array)

    def _kept(self, thing: Any) -> Any:
        """An object that all processes will destroy together."""
        self._objects.callback(thing.destroy)
        return thing

    # --- rows of this process ---------------------------------------------------------------------

    @property
    def _own(self) -> slice:
        return slice(self._first * self._d, self._last * self._d)

    @property
    def _sizes(self) -> tuple[int, int]:
        return (self._last - self._first) * self._d, self._n * self._d

    def _own_rows(self, arrays: _core.MatrixArrays) -> sparse.bsr_array:
        start = arrays.row_start[self._first : self._last + 1]
        entries = slice(start[0], start[-1])
        blocks = arrays.blocks[entries] / self._unit
        parts = (blocks, arrays.column[entries], start - start[0])
        return sparse.bsr_array(parts, shape=self._sizes)

    def _mask(self, rows: sparse.bsr_array) -> None:
        """Clear rows and columns of held displacements; the diagonal stays, for its scale."""
        free = self._is_free.reshape(self._n, self._d)
        row = np.repeat(np.arange(self._first, self._last), np.diff(rows.indptr))
        is_in = free[row][:, :, None] & free[rows.indices][:, None, :]
        is_in[row == rows.indices] |= np.eye(self._d, dtype=bool)
        rows.data *= is_in


def _rigid_motions(kernel: _core.Elasticity, fixed: Doubles) -> Doubles:
    """(size, 3 or 6) motions that strain nothing, as if nothing were held.

    Of several bodies each moves by its own along every column: aggregates do not reach across.
    """
    d = fixed.shape[1]
    n_mode = d * (d + 1) // 2
    free = _core.ElasticSolver(kernel, np.full(fixed.shape, np.nan))
    by_body = np.asarray(free.rigid_modes).reshape(kernel.size, -1, n_mode)
    return np.asarray(by_body.sum(axis=1) / np.sqrt(by_body.shape[1]))


def _petsc() -> Any:
    try:
        from petsc4py import PETSc
    except ImportError as error:
        raise ImportError(
            'linear_solver="petsc" needs petsc4py: apt-get install python3-petsc4py, or, where '
            'PETSc is, pip install "nmcx[petsc]"'
        ) from error
    if np.dtype(PETSc.ScalarType) != np.float64:
        raise ImportError(
            f"linear_solver='petsc' needs a PETSc of float64, not {PETSc.ScalarType.__name__}"
        )
    return PETSc


def _rows_of_process(petsc: Any, n: int) -> tuple[int, int]:
    """First row of nodes of this process, and the one after its last: as even as can be."""
    share, more = divmod(n, petsc.COMM_WORLD.size)
    rank = petsc.COMM_WORLD.rank
    first = rank * share + min(rank, more)
    return first, first + share + (rank < more)


def _check_same(petsc: Any, *values: float) -> None:
    """See that all processes give the same, but for rounding on other processors."""
    told = petsc.Vec().createMPI((1, petsc.COMM_WORLD.size), comm=petsc.COMM_WORLD)
    for value in values:
        told.array = value
        (_, least), (_, largest) = told.min(), told.max()
        if largest - least > 1e-9 * abs(largest):
            raise ValueError(
                "every process must give the same mesh, material and load; to simulate another "
                "particle on each, see nmcx.chemomechanics.ensemble"
            )
    told.destroy()


def _name_of(petsc: Any, reason: int) -> str:
    names = {v: k for k, v in vars(petsc.KSP.ConvergedReason).items() if isinstance(v, int)}
    return str(names.get(reason, reason))
