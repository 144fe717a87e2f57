"""Elasticity of a trigonal crystal as a 6 × 6 matrix, turned, and averaged over orientations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.materials.rotations import as_rotations

_Matrix = NDArray[np.float64]
# Tensor indices of the Voigt order 11, 22, 33, 23, 13, 12.
_FIRST = np.array([0, 1, 2, 1, 0, 0])
_SECOND = np.array([0, 1, 2, 2, 2, 1])


@dataclass(frozen=True)
class IsotropicModuli:
    """An isotropic elastic solid."""

    bulk: float  #: K [Pa]
    shear: float  #: G [Pa]

    @property
    def young(self) -> float:
        """E = 9 K G / (3 K + G) [Pa]."""
        return 9.0 * self.bulk * self.shear / (3.0 * self.bulk + self.shear)

    @property
    def poisson(self) -> float:
        """ν = (3 K − 2 G) / (2 (3 K + G)) [1]."""
        return (3.0 * self.bulk - 2.0 * self.shear) / (2.0 * (3.0 * self.bulk + self.shear))


@dataclass(frozen=True)
class PolycrystalModuli:
    """Bounds on, and the usual guess at, the moduli of a polycrystal without texture."""

    voigt: IsotropicModuli  #: uniform strain, the upper bound
    reuss: IsotropicModuli  #: uniform stress, the lower bound
    hill: IsotropicModuli  #: mean of both

    @property
    def anisotropy(self) -> float:
        """A = 5 G_V / G_R + K_V / K_R − 6 [1], 0 for an isotropic crystal."""
        shear = self.voigt.shear / self.reuss.shear
        return 5.0 * shear + self.voigt.bulk / self.reuss.bulk - 6.0


def trigonal_elasticity(
    c11: float, c12: float, c13: float, c33: float, c44: float, c14: float
) -> _Matrix:
    """(6, 6) elasticity [Pa] of a crystal of class −3m in its own axes, with c along z."""
    elasticity = np.diag([c11, c11, c33, c44, c44, 0.5 * (c11 - c12)])
    elasticity[0, 1] = elasticity[1, 0] = c12
    elasticity[:2, 2] = elasticity[2, :2] = c13
    elasticity[0, 3] = elasticity[3, 0] = elasticity[4, 5] = elasticity[5, 4] = c14
    elasticity[1, 3] = elasticity[3, 1] = -c14
    return elasticity


def bond_matrix(orientation: ArrayLike) -> _Matrix:
    """Matrix M that turns stress, σ' = M σ, and elasticity, C' = M C Mᵀ, in Voigt notation.

    Parameters
    ----------
    orientation : array_like
        (n, 3, 3) or (3, 3) rotations from crystal to sample axes [1].

    Returns
    -------
    numpy.ndarray
        (n, 6, 6) or (6, 6) [1]. Strain with engineering shears turns by the inverse transpose.

    Raises
    ------
    ValueError
        If a matrix is not a rotation.

    References
    ----------
    W. L. Bond, Bell System Technical Journal 22 (1943) 1: M of (ij), (kk) is R_ik R_jk, of (ij),
    (kl) with k ≠ l it is R_ik R_jl + R_il R_jk.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import materials
    >>> quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x becomes y
    >>> (materials.bond_matrix(quarter) @ [1, 2, 3, 4, 5, 6]).tolist()
    [2.0, 1.0, 3.0, 5.0, -4.0, -6.0]
    """
    turn = as_rotations(orientation)
    direct = turn[:, _FIRST[:, None], _FIRST] * turn[:, _SECOND[:, None], _SECOND]
    crossed = turn[:, _FIRST[:, None], _SECOND] * turn[:, _SECOND[:, None], _FIRST]
    matrix = direct + np.where(_FIRST == _SECOND, 0.0, crossed)
    return matrix if np.ndim(orientation) == 3 else np.asarray(matrix[0])


def kelvin_moduli(elasticity: ArrayLike) -> NDArray[np.float64]:
    """Eigenvalues of an elasticity as a map of strain tensors to stress tensors.

    Parameters
    ----------
    elasticity : array_like
        (6, 6) in Voigt notation [Pa].

    Returns
    -------
    numpy.ndarray
        (6,) [Pa], ascending; the crystal is stable if all are positive. They do not change when the
        crystal is turned, which those of the Voigt matrix itself do.

    Raises
    ------
    ValueError
        If the matrix is not a symmetric (6, 6).

    References
    ----------
    M. M. Mehrabadi, S. C. Cowin, Q. J. Mech. Appl. Math. 43 (1990) 15: shears weighted by √2.

    Examples
    --------
    >>> from nmcx import materials
    >>> (materials.kelvin_moduli(materials.NMC811.elasticity()) / 1e9).round(2).tolist()
    [118.0, 118.0, 143.45, 152.0, 152.0, 416.55]
    """
    weight = np.sqrt([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])
    return np.asarray(np.linalg.eigvalsh(weight[:, None] * _symmetric(elasticity) * weight))


def directional_modulus(elasticity: ArrayLike, direction: ArrayLike) -> NDArray[np.float64]:
    """Young's modulus of a crystal pulled along a direction.

    Parameters
    ----------
    elasticity : array_like
        (6, 6) in Voigt notation [Pa].
    direction : array_like
        (n, 3) or (3,) axes of the pull [1], of any length but 0.

    Returns
    -------
    numpy.ndarray
        (n,) or a number [Pa]: 1 / (m S m) with S = C⁻¹ and m the unit stress n ⊗ n.

    Raises
    ------
    ValueError
        If the matrix is not a symmetric (6, 6) or a direction is zero or not finite.

    References
    ----------
    J. F. Nye, Physical Properties of Crystals (1957), ch. VIII.

    Examples
    --------
    >>> from nmcx import materials
    >>> along = materials.directional_modulus(materials.NMC811.elasticity(), [[1, 0, 0], [0, 0, 1]])
    >>> (along / 1e9).round(2).tolist()
    [203.55, 163.26]
    """
    axis = np.asarray(direction, dtype=np.float64)
    if axis.ndim not in (1, 2) or axis.shape[-1] != 3:
        raise ValueError(f"direction must have shape (n, 3), each (x, y, z), not {axis.shape}")
    length = np.linalg.norm(axis, axis=-1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise ValueError("direction must be finite and not zero")
    axis = axis / length
    unit_stress = axis[..., _FIRST] * axis[..., _SECOND]
    compliance = np.linalg.inv(_symmetric(elasticity))
    along = np.einsum("...i,ij,...j->...", unit_stress, compliance, unit_stress)
    return np.asarray(1.0 / along)


def polycrystal_moduli(elasticity: ArrayLike) -> PolycrystalModuli:
    """Voigt, Reuss and Hill averages of a crystal over all orientations.

    Parameters
    ----------
    elasticity : array_like
        (6, 6) in Voigt notation [Pa] of any symmetry.

    Returns
    -------
    PolycrystalModuli
        Isotropic moduli [Pa] of the two bounds and of their mean.

    Raises
    ------
    ValueError
        If the matrix is not a symmetric (6, 6).

    References
    ----------
    R. Hill, Proc. Phys. Soc. A 65 (1952) 349; the anisotropy index is that of S. I. Ranganathan and
    M. Ostoja-Starzewski, Phys. Rev. Lett. 101 (2008) 055504 [1].

    Examples
    --------
    >>> from nmcx import materials
    >>> moduli = materials.polycrystal_moduli(materials.NMC811.elasticity())
    >>> round(moduli.hill.young / 1e9, 3), round(moduli.hill.poisson, 5)
    (175.346, 0.28178)
    """
    stiffness = _symmetric(elasticity)
    compliance = np.asarray(np.linalg.inv(stiffness))
    diagonal, mixed, shear = _invariants(stiffness)
    voigt = IsotropicModuli((diagonal + 2.0 * mixed) / 9.0, (diagonal - mixed + 3.0 * shear) / 15.0)
    diagonal, mixed, shear = _invariants(compliance)
    reuss = IsotropicModuli(
        1.0 / (diagonal + 2.0 * mixed), 15.0 / (4.0 * (diagonal - mixed) + 3.0 * shear)
    )
    hill = IsotropicModuli(0.5 * (voigt.bulk + reuss.bulk), 0.5 * (voigt.shear + reuss.shear))
    return PolycrystalModuli(voigt, reuss, hill)


def _invariants(matrix: _Matrix) -> tuple[float, float, float]:
    diagonal = np.diagonal(matrix)
    return (
        float(diagonal[:3].sum()),
        float(matrix[0, 1] + matrix[0, 2] + matrix[1, 2]),
        float(diagonal[3:].sum()),
    )


def _symmetric(elasticity: ArrayLike) -> _Matrix:
    matrix = np.asarray(elasticity, dtype=np.float64)
    if matrix.shape != (6, 6):
        raise ValueError(f"elasticity must have shape (6, 6), not {matrix.shape}")
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-9 * float(np.abs(matrix).max())):
        raise ValueError("elasticity must be symmetric and finite")
    return matrix
