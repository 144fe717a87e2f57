"""Elastic equilibrium by MKL PARDISO, which users bring along."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from nmcx import _core
from nmcx.chemomechanics.boundary import Doubles
from nmcx.chemomechanics.outside_solver import OutsideEquilibrium, outside_equilibrium
from nmcx.errors import ConvergenceError

# Refinements by the factor; each gains eight digits or more, and rounding ends that.
_N_REFINEMENT = 4
_SYMMETRIC_INDEFINITE = -2


def pardiso_equilibrium(
    kernel: _core.Elasticity,
    eigenstrain: Doubles,
    fixed: Doubles,
    force: Doubles,
    *,
    tolerance: float,
    threads: int,
) -> OutsideEquilibrium:
    """As `_core.elastic_equilibrium`; iterations are refinements.

    Raises
    ------
    ImportError
        If there is no pypardiso.
    ValueError
        If forces would move a body that nothing holds.
    nmcx.ConvergenceError
        If the residual stays above the tolerance.
    """
    pypardiso = _pypardiso()
    solver = _core.ElasticSolver(kernel, fixed)
    forces = np.asarray(solver.forces(eigenstrain, force, threads))
    stiffness = _stiffness(kernel)
    n_inner = len(solver.held)
    held = np.concatenate([solver.held, np.full(kernel.size - n_inner, np.nan)])
    is_free = np.isnan(held)
    x = np.where(is_free, 0.0, held)
    right = (forces - stiffness @ x)[is_free]
    x[is_free], count, residual = _solved(
        pypardiso, stiffness[is_free][:, is_free], np.asarray(solver.rigid_modes)[is_free], right,
        tolerance,
    )  # fmt: skip
    return outside_equilibrium(kernel, solver, x, eigenstrain, count, residual, threads)


def _solved(
    pypardiso: Any, inner: sparse.csr_array, modes: Doubles, right: Doubles, tolerance: float
) -> tuple[Doubles, int, float]:
    """Motions R that nothing hinders are bordered: A x + R λ = b, Rᵀ x = 0."""
    n, n_mode = modes.shape
    border = sparse.csr_array(modes)
    matrix = sparse.block_array([[inner, border], [border.T, None]], format="csr")
    upper = _upper(matrix)
    factor = pypardiso.PyPardisoSolver(mtype=_SYMMETRIC_INDEFINITE)
    rest = np.concatenate([right, np.zeros(n_mode)])
    solution = np.zeros(n + n_mode)
    scale = float(np.linalg.norm(right - modes @ (modes.T @ right)))
    residual = np.inf if scale > 0 else 0.0
    try:
        factor.factorize(upper)
        for count in range(1, _N_REFINEMENT + 1):
            solution += factor.solve(upper, rest)
            rest = np.concatenate([right, np.zeros(n_mode)]) - matrix @ solution
            residual = float(np.linalg.norm(rest[:n])) / scale if scale > 0 else 0.0
            if residual <= tolerance:
                return solution[:n], count, residual
    finally:
        factor.free_memory(everything=True)
    raise ConvergenceError(
        f"equilibrium was not reached after {_N_REFINEMENT} refinements by PARDISO: relative "
        f"residual {residual:.3g}, tolerance {tolerance:.3g}"
    )


def _pypardiso() -> Any:
    try:
        import pypardiso
    except ImportError as error:
        raise ImportError(
            'linear_solver="pardiso" needs pypardiso: pip install "nmcx[pardiso]"'
        ) from error
    return pypardiso


def _stiffness(kernel: _core.Elasticity) -> sparse.csr_array:
    arrays = kernel.matrix
    inner = sparse.bsr_array((arrays.blocks, arrays.column, arrays.row_start))
    border = sparse.csr_array(arrays.border)
    parts: list[list[Any]] = [[inner, border.T], [border, sparse.csr_array(arrays.corner)]]
    return sparse.csr_array(sparse.block_array(parts))


def _upper(matrix: sparse.csr_array) -> sparse.csr_array:
    """The upper triangle, zeros of the diagonal too, in rows whose columns ascend."""
    above = sparse.coo_array(sparse.triu(matrix, k=1))
    every = np.arange(matrix.shape[0])
    rows, columns = np.r_[above.row, every], np.r_[above.col, every]
    upper = sparse.csr_array(
        (np.r_[above.data, matrix.diagonal()], (rows, columns)), shape=matrix.shape
    )
    upper.sort_indices()
    return upper
