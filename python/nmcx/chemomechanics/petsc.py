"""Elastic equilibrium by PETSc, which users bring along, on all processes of an MPI program."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
from scipy import sparse

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.outside_solver import OutsideEquilibrium, outside_equilibrium
from nmcx.chemomechanics.petsc_rows import PetscRows
from nmcx.errors import ConvergenceError

# Solutions for what the one before has left: a residual is known no better than its recurrence.
_N_REFINEMENT = 4


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
    solver = _core.ElasticSolver(kernel, fixed)
    forces = np.asarray(solver.forces(eigenstrain, force, threads))
    arrays = kernel.matrix
    with ExitStack() as objects:
        rows = PetscRows(len(arrays.row_start) - 1, arrays.blocks.shape[1], objects)
        rows.check_same(kernel.size, np.abs(arrays.blocks).sum(), np.abs(forces).sum())
        system = _System(rows, arrays, solver, tolerance)
        system.prepare(_rigid_motions(kernel, fixed))
        x, count, residual = system.solved(forces)
    return outside_equilibrium(kernel, solver, x, eigenstrain, count, residual, threads)


class _System:
    """The bordered system [A Bᵀ; B C] with A in rows by process, held displacements taken out."""

    def __init__(
        self,
        rows: PetscRows,
        arrays: _core.MatrixArrays,
        solver: _core.ElasticSolver,
        tolerance: float,
    ) -> None:
        self._rows, self._tolerance = rows, tolerance
        self._d = arrays.blocks.shape[1]
        self._n = len(arrays.row_start) - 1
        held = np.asarray(solver.held)
        self._is_free = np.isnan(held)
        self._held = np.where(self._is_free, 0.0, held)
        # Entries about 1: what PETSc takes for zero, in singular values say, has no unit.
        self._unit = float(np.abs(arrays.blocks).max())
        border = arrays.border / self._unit
        self._corner = arrays.corner / self._unit
        own = self._own_rows(arrays)
        self._from_held = np.asarray(own @ self._held)
        self._border_from_held = border @ self._held
        self._mask(own)
        # GAMG takes no blocked matrix, but a plain one that knows its blocks.
        plain = own.tocsr()
        self._matrix = rows.matrix(plain.indptr, plain.indices, plain.data)
        # Motions that nothing hinders are projected out; nothing is pinned.
        self._motions = self._null_space(np.asarray(solver.rigid_modes))
        self._matrix.setNullSpace(self._motions)
        self._border = [rows.vector(row * self._is_free) for row in border]

    def prepare(self, near: Doubles) -> None:
        """Make the preconditioner, by all rigid motions, and what the border takes."""
        self._matrix.setNearNullSpace(self._null_space(near))
        self._ksp = self._rows.conjugate_gradients(self._matrix)
        self._inner = [self._solution(row, 0.5 * self._tolerance) for row in self._border]
        products = [[a.dot(x) for x in self._inner] for a in self._border]
        self._schur = self._corner - np.array(products).reshape(self._corner.shape)

    def solved(self, forces: Doubles) -> tuple[Doubles, int, float]:
        """Unknowns that are the same on all processes, iterations and relative residual."""
        n_inner = self._n * self._d
        forces = forces / self._unit
        right = self._rows.vector(self._is_free * forces[:n_inner])
        right.array -= self._is_free[self._rows.own] * self._from_held
        self._motions.remove(right)
        border = forces[n_inner:] - self._border_from_held
        scale = float(np.hypot(right.norm(), np.linalg.norm(border)))
        x, section = self._rows.vector(np.zeros(n_inner)), np.zeros(len(border))
        rest, border_rest, residual = right.duplicate(), border, 1.0 if scale > 0 else 0.0
        self._rows.kept(rest)
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
                f"equilibrium was not reached after {self._rows.n_iteration} iterations by PETSc: "
                f"relative residual {residual:.3g}, tolerance {self._tolerance:.3g}"
            )
        self._motions.remove(x)
        whole = self._rows.on_all_processes(x) + self._held
        return np.concatenate([whole, section]), self._rows.n_iteration, residual

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
        return self._rows.solution(self._ksp, right, tolerance, "equilibrium", self._tolerance)

    def _null_space(self, motions: Doubles) -> Any:
        return self._rows.null_space(motions[: self._n * self._d])

    # --- rows of this process ---------------------------------------------------------------------

    def _own_rows(self, arrays: _core.MatrixArrays) -> sparse.bsr_array:
        start = arrays.row_start[self._rows.first : self._rows.last + 1]
        entries = slice(start[0], start[-1])
        blocks = arrays.blocks[entries] / self._unit
        parts = (blocks, arrays.column[entries], start - start[0])
        return sparse.bsr_array(parts, shape=self._rows.sizes)

    def _mask(self, rows: sparse.bsr_array) -> None:
        """Clear rows and columns of held displacements; the diagonal stays, for its scale."""
        free = self._is_free.reshape(self._n, self._d)
        row = np.repeat(np.arange(self._rows.first, self._rows.last), np.diff(rows.indptr))
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
