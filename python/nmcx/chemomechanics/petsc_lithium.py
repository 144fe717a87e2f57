"""Systems of lithium by PETSc, which users bring along, on all processes of an MPI program."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.petsc_rows import PetscRows, imported_petsc

_Indices = NDArray[np.int32]


class PetscLithium:
    """What `_core.Transport.use` takes; all processes of MPI step together.

    Each process has a block of rows; what diffusion hardly hinders, an even content, is the near
    null space.
    """

    def __init__(self) -> None:
        imported_petsc()  # rather now than in the first step
        self._objects = ExitStack()

    def set_matrix(
        self, row_start: _Indices, column: _Indices, values: Doubles, smooth: Doubles
    ) -> None:
        """Take a symmetric positive definite matrix of unit diagonal in CSR.

        Raises
        ------
        ValueError
            If processes differ in what they give.
        """
        self._objects.close()
        self._rows = rows = PetscRows(len(smooth), 1, self._objects)
        rows.check_same(len(smooth), np.abs(values).sum())
        start = row_start[rows.first : rows.last + 1]
        entries = slice(start[0], start[-1])
        matrix = rows.matrix(start - start[0], column[entries], values[entries])
        matrix.setOption(rows.petsc.Mat.Option.SPD, True)
        matrix.setNearNullSpace(rows.null_space((smooth / np.linalg.norm(smooth))[:, None]))
        self._ksp = rows.conjugate_gradients(matrix)

    def solve(self, right: Doubles, tolerance: float) -> tuple[Doubles, int]:
        """Solution to a residual relative to the right-hand side, and iterations.

        Raises
        ------
        nmcx.ConvergenceError
            If the residual stays above the tolerance.
        """
        rows, before = self._rows, self._rows.n_iteration
        with rows.passing():
            given = rows.vector(right)
            x = rows.solution(self._ksp, given, tolerance, "lithium of the next moment")
            return rows.on_all_processes(x), rows.n_iteration - before
