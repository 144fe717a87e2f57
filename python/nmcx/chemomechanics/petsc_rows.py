"""Rows of a system shared out among the processes of MPI, and PETSc's objects over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.chemomechanics.boundary import Doubles
from nmcx.errors import ConvergenceError

_Indices = NDArray[np.int32]

#: What the names of our options begin with in PETSc's database: ``-nmcx_ksp_monitor``.
PREFIX = "nmcx_"
_MAX_ITERATIONS = 1000


class PetscRows:
    """n blocks of rows, cut into even ranges, and conjugate gradients over them.

    Raises
    ------
    ImportError
        If there is no petsc4py, or one for complex numbers.
    """

    def __init__(self, n: int, block: int, objects: ExitStack) -> None:
        self.petsc = petsc = imported_petsc()
        self._objects, self._block = objects, block
        share, more = divmod(n, petsc.COMM_WORLD.size)
        rank = petsc.COMM_WORLD.rank
        self.first = rank * share + min(rank, more)  #: block of this process
        self.last = self.first + share + (rank < more)  #: the one after its last
        self.own = slice(self.first * block, self.last * block)
        self.sizes = (self.last - self.first) * block, n * block
        self.n_iteration = 0

    def matrix(self, row_start: _Indices, column: _Indices, values: Doubles) -> Any:
        """Symmetric, from the rows of this process in CSR."""
        petsc = self.petsc
        csr = (row_start.astype(petsc.IntType), column.astype(petsc.IntType), values)
        matrix = self.kept(
            petsc.Mat().createAIJ(
                (self.sizes, self.sizes), self._block, csr=csr, comm=petsc.COMM_WORLD
            )
        )
        matrix.setOption(petsc.Mat.Option.SYMMETRIC, True)
        return matrix

    def vector(self, whole: Doubles) -> Any:
        """Its part of this process in a vector of PETSc."""
        petsc = self.petsc
        own = np.array(whole[self.own], dtype=np.float64)
        return self.kept(
            petsc.Vec().createWithArray(own, self.sizes, self._block, petsc.COMM_WORLD)
        )

    def null_space(self, columns: Doubles) -> Any:
        """Of orthonormal vectors."""
        vectors = [self.vector(columns[:, i]) for i in range(columns.shape[1])]
        petsc = self.petsc
        return self.kept(petsc.NullSpace().create(vectors=vectors, comm=petsc.COMM_WORLD))

    def on_all_processes(self, vector: Any) -> Doubles:
        """All of a vector, the same bits on each."""
        scatter, whole = self.petsc.Scatter.toAll(vector)
        scatter.scatter(vector, whole)
        found = np.array(whole.array)
        scatter.destroy()
        whole.destroy()
        return found

    def conjugate_gradients(self, matrix: Any) -> Any:
        """With algebraic multigrid, unless options say otherwise."""
        petsc = self.petsc
        ksp = self.kept(petsc.KSP().create(petsc.COMM_WORLD))
        ksp.setOptionsPrefix(PREFIX)
        ksp.setOperators(matrix)
        ksp.setType(petsc.KSP.Type.CG)
        ksp.setNormType(petsc.KSP.NormType.UNPRECONDITIONED)
        ksp.setTolerances(max_it=_MAX_ITERATIONS)
        ksp.getPC().setType(petsc.PC.Type.GAMG)
        # On the coarsest level of a free body rigid motions are all but singular: a factorisation
        # would fill what it gives with them.
        self._set_default("mg_coarse_pc_type", "svd")
        ksp.setFromOptions()
        return ksp

    def solution(
        self, ksp: Any, right: Any, tolerance: float, what: str, asked: float | None = None
    ) -> Any:
        """Of a right-hand side, to a residual relative to it; `asked` is what users are told.

        Raises
        ------
        nmcx.ConvergenceError
            With what was not reached, PETSc's reason, residual and tolerance.
        """
        petsc = self.petsc
        x = self.kept(right.duplicate())
        x.set(0.0)
        if right.norm() == 0.0:
            return x
        if not petsc.Options(PREFIX).hasName("ksp_rtol"):
            ksp.setTolerances(rtol=max(tolerance, 1e-15))
        ksp.solve(right, x)
        self.n_iteration += ksp.getIterationNumber()
        reason = ksp.getConvergedReason()
        if reason < 0:
            left = ksp.getResidualNorm() / right.norm()
            raise ConvergenceError(
                f"{what} was not reached after {self.n_iteration} iterations by PETSc "
                f"({_name_of(petsc, reason)}): relative residual {left:.3g}, tolerance "
                f"{asked or tolerance:.3g}"
            )
        return x

    def check_same(self, *values: float) -> None:
        """See that all processes give the same, but for rounding on other processors."""
        petsc = self.petsc
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

    @contextmanager
    def passing(self) -> Iterator[None]:
        """What is kept meanwhile is destroyed at the end of it."""
        lasting = self._objects
        try:
            with ExitStack() as self._objects:
                yield
        finally:
            self._objects = lasting

    def kept(self, thing: Any) -> Any:
        """An object that all processes will destroy together."""
        self._objects.callback(thing.destroy)
        return thing

    def _set_default(self, name: str, value: str) -> None:
        """An option of what PETSc makes later, unless there is one; taken back at the end."""
        options = self.petsc.Options(PREFIX)
        if not options.hasName(name):
            options[name] = value
            self._objects.callback(options.delValue, name)


def imported_petsc() -> Any:
    """`petsc4py.PETSc`, or what to do."""
    try:
        from petsc4py import PETSc
    except ImportError as error:
        raise ImportError(
            '"petsc" needs petsc4py: apt-get install python3-petsc4py, or, where PETSc is, '
            'pip install "nmcx[petsc]"'
        ) from error
    if np.dtype(PETSc.ScalarType) != np.float64:
        raise ImportError(f"'petsc' needs a PETSc of float64, not {PETSc.ScalarType.__name__}")
    return PETSc


def _name_of(petsc: Any, reason: int) -> str:
    names = {v: k for k, v in vars(petsc.KSP.ConvergedReason).items() if isinstance(v, int)}
    return str(names.get(reason, reason))
