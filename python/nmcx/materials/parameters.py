"""The numbers of the model: Table 1 of Li et al. (2020), and what it leaves open."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.materials import data_notes
from nmcx.materials.elasticity import bond_matrix, trigonal_elasticity
from nmcx.materials.potential import open_circuit_potential
from nmcx.materials.rotations import as_rotations
from nmcx.results.base import quantity

_Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Material of one particle: SI units, crystal axes a ∥ x and c ∥ z.

    Fields without a default are the rows of Table 1 of Li et al., Nature Communications 11 (2020)
    4433; those with one are not given there, and the default is ours.

    Raises
    ------
    ValueError
        If a number is not finite, not positive where it must be, or the elasticity would let the
        crystal gain energy by deforming; the message names the field.

    Examples
    --------
    >>> from nmcx import materials
    >>> weak = materials.NMC811.replace(strength=100e6)
    >>> weak.strength, weak.fracture_energy
    (100000000.0, 1.0)
    """

    #: of the particle
    radius: float = quantity("m")
    #: elasticity of the crystal
    c11: float = quantity("Pa")
    c12: float = quantity("Pa")
    c13: float = quantity("Pa")
    c33: float = quantity("Pa")
    c44: float = quantity("Pa")
    #: trigonal constant; Table 1 has none, which makes the crystal hexagonal
    c14: float = quantity("Pa", default=0.0)
    #: of lithium within the layers, across the c axis
    diffusivity_ab: float = quantity("m^2/s")
    #: of lithium along the c axis
    diffusivity_c: float = quantity("m^2/s")
    #: of lithium in the passivation layer, isotropic
    diffusivity_layer: float = quantity("m^2/s")
    #: C_max, concentration at x = 1: a scale of charge, not a density of sites
    max_concentration: float = quantity("mol/m^3")
    #: of a grain boundary: largest traction, opening and sliding alike
    strength: float = quantity("Pa")
    #: of a grain boundary: work of separation, opening and sliding alike
    fracture_energy: float = quantity("J/m^2")
    #: Young's modulus of the passivation layer
    layer_modulus: float = quantity("Pa")
    #: Poisson's ratio of the passivation layer
    layer_poisson: float = quantity("1")
    #: initial slope of the traction-separation law; ours, 50 E / d for grains of d = 0.5 µm
    cohesive_stiffness: float = quantity("Pa/m", default=1.8e19)
    #: U(x) [V]: takes and gives an array; a `PotentialTable` holds a measured one
    open_circuit_potential: Callable[[ArrayLike], NDArray[np.float64]] = quantity(
        "V", default=open_circuit_potential
    )
    #: k in i₀ = k √c_e √c √(C_max − c); ours
    exchange_current_prefactor: float = quantity("A m^2.5/mol^1.5", default=3.42e-6)
    #: c_e, of lithium in the electrolyte
    electrolyte_concentration: float = quantity("mol/m^3", default=1000.0)
    temperature: float = quantity("K", default=298.15)

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            object.__setattr__(self, name, _finite(name, getattr(self, name)))
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be > 0 {_UNITS[name]}, not {getattr(self, name):g}")
        if not callable(self.open_circuit_potential):
            raise ValueError(
                "open_circuit_potential must be a function of x that gives volts, "
                "such as a materials.PotentialTable"
            )
        if not -1.0 < self.layer_poisson < 0.5:
            raise ValueError(
                f"layer_poisson must lie between -1 and 0.5, both excluded, not "
                f"{self.layer_poisson:g}"
            )
        self._check_stability()
        self._check_law()

    def _check_stability(self) -> None:
        # The conditions under which every deformation of a trigonal crystal costs energy.
        if abs(self.c12) >= self.c11:
            raise ValueError(
                f"c12 must be smaller than c11 in size, or the crystal is unstable: "
                f"{self.c12:g} against {self.c11:g} Pa"
            )
        if 2.0 * self.c13**2 >= self.c33 * (self.c11 + self.c12):
            limit = math.sqrt(0.5 * self.c33 * (self.c11 + self.c12))
            raise ValueError(
                f"c13 must be smaller than sqrt(c33 (c11 + c12) / 2) = {limit:.4g} Pa "
                f"in size, or the crystal is unstable, not {self.c13:g}"
            )
        if 2.0 * self.c14**2 >= self.c44 * (self.c11 - self.c12):
            limit = math.sqrt(0.5 * self.c44 * (self.c11 - self.c12))
            raise ValueError(
                f"c14 must be smaller than sqrt(c44 (c11 - c12) / 2) = {limit:.4g} Pa "
                f"in size, or the crystal is unstable, not {self.c14:g}"
            )

    def _check_law(self) -> None:
        if self.strength / self.cohesive_stiffness >= 2.0 * self.fracture_energy / self.strength:
            least = self.strength**2 / (2.0 * self.fracture_energy)
            raise ValueError(
                f"cohesive_stiffness must exceed strength² / (2 fracture_energy) = {least:.4g} "
                f"Pa/m, or a boundary breaks below its strength, not {self.cohesive_stiffness:g}"
            )

    def replace(self, **changes: Any) -> Parameters:
        """Copy with some fields changed, checked like a new one.

        Parameters
        ----------
        **changes
            Fields by name, in their units.

        Returns
        -------
        copy : Parameters
            The rest as it was.

        Raises
        ------
        ValueError
            If a changed value cannot be.
        TypeError
            If a name is no field.
        """
        return dataclasses.replace(self, **changes)

    def warnings(self) -> tuple[str, ...]:
        """What one should know of these numbers before quoting a result.

        Returns
        -------
        tuple of str
            A sentence per trap that applies: a concentration above what the crystal can hold,
            partial molar volumes, hexagonal symmetry, the length of the fracture process zone.
        """
        return data_notes.warnings(self)

    def elasticity(self, orientation: ArrayLike | None = None) -> _Matrix:
        """Elasticity of the crystal, in its own axes or turned into the sample's.

        Parameters
        ----------
        orientation : array_like, optional
            (n_grain, 3, 3) or (3, 3) rotations from crystal to sample axes [1].

        Returns
        -------
        numpy.ndarray
            (6, 6), or (n_grain, 6, 6) with as many orientations [Pa], in Voigt notation with
            engineering shears: C' = M C Mᵀ with the Bond matrix M.

        Raises
        ------
        ValueError
            If an orientation is not a rotation.
        """
        crystal = trigonal_elasticity(self.c11, self.c12, self.c13, self.c33, self.c44, self.c14)
        if orientation is None:
            return crystal
        matrix = bond_matrix(orientation)
        return np.asarray(matrix @ crystal @ np.swapaxes(matrix, -1, -2))

    def layer_elasticity(self) -> _Matrix:
        """(6, 6) elasticity of the isotropic passivation layer [Pa], Voigt notation.

        Returns
        -------
        numpy.ndarray
            λ + 2 G, λ and G of `layer_modulus` and `layer_poisson`.
        """
        modulus, poisson = self.layer_modulus, self.layer_poisson
        shear = 0.5 * modulus / (1.0 + poisson)
        lame = modulus * poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))
        return trigonal_elasticity(lame + 2.0 * shear, lame, lame, lame + 2.0 * shear, shear, 0.0)

    def diffusivity_tensor(self, orientation: ArrayLike) -> _Matrix:
        """Diffusivity of lithium in grains of given orientation.

        Parameters
        ----------
        orientation : array_like
            (n_grain, 3, 3) or (3, 3) rotations from crystal to sample axes [1].

        Returns
        -------
        numpy.ndarray
            (n_grain, 3, 3) [m²/s]: D_ab I + (D_c − D_ab) n ⊗ n with n the c axis. A model in the
            plane takes the block of x and y.

        Raises
        ------
        ValueError
            If an orientation is not a rotation.
        """
        axis = as_rotations(orientation)[:, :, 2]
        along = (self.diffusivity_c - self.diffusivity_ab) * axis[:, :, None] * axis[:, None, :]
        return np.asarray(self.diffusivity_ab * np.eye(3) + along)

    def exchange_current(self, concentration: ArrayLike) -> NDArray[np.float64]:
        """Exchange current density of the surface.

        Parameters
        ----------
        concentration : array_like
            Lithium at the surface [mol/m³], 0 … C_max.

        Returns
        -------
        numpy.ndarray
            i₀ = k √c_e √c √(C_max − c) [A/m²]; it vanishes at both ends, where no finite current
            can be drawn.

        Raises
        ------
        ValueError
            If a concentration lies outside 0 … C_max.
        """
        lithium = np.asarray(concentration, dtype=np.float64)
        if not ((lithium >= 0.0) & (lithium <= self.max_concentration)).all():
            raise ValueError(
                "concentration must lie between 0 and max_concentration = "
                f"{self.max_concentration:g} mol/m³"
            )
        occupied = lithium * (self.max_concentration - lithium)
        scale = self.exchange_current_prefactor * math.sqrt(self.electrolyte_concentration)
        return np.asarray(scale * np.sqrt(occupied))


_NUMBERS = tuple(
    item.name for item in dataclasses.fields(Parameters) if item.name != "open_circuit_potential"
)
_POSITIVE = tuple(name for name in _NUMBERS if name not in {"c12", "c13", "c14", "layer_poisson"})
_UNITS = {item.name: item.metadata["unit"] for item in dataclasses.fields(Parameters)}


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number in {_UNITS[name]}, not {value!r}")
    return float(value)


#: Table 1 of Li et al. (2020); what it does not give has the defaults of `Parameters`, our own.
NMC811 = Parameters(
    radius=5e-6,
    c11=259e9,
    c12=107e9,
    c13=75e9,
    c33=194e9,
    c44=59e9,
    diffusivity_ab=7e-15,
    diffusivity_c=7e-16,
    diffusivity_layer=7e-17,
    max_concentration=63887.0,
    strength=200e6,
    fracture_energy=1.0,
    layer_modulus=190e9,
    layer_poisson=0.35,
)

#: Table 1 with a tenth of its fracture energy (ours): nearer to what indentation finds for grain
#: boundaries. The fracture process zone is 0.09–0.39 µm, so walls need edges of 0.05 µm or less.
NMC811_BRITTLE = NMC811.replace(fracture_energy=0.1)
