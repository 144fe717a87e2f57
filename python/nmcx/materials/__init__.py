"""Material of the particle: Table 1 of the paper, lattice strain, single-crystal tensors.

Tensors are in (x, y, z), Voigt order 11, 22, 33, 23, 13, 12 with engineering shears, SI units.
Swelling is a strain as a function of the lithium content x, never a partial molar volume times a
concentration: see `Parameters.warnings`.
"""

from nmcx.materials.elasticity import (
    IsotropicModuli,
    PolycrystalModuli,
    bond_matrix,
    directional_modulus,
    kelvin_moduli,
    polycrystal_moduli,
)
from nmcx.materials.lattice import NMC811_LATTICE, LatticeTable, lattice_strain
from nmcx.materials.parameters import NMC811, NMC811_BRITTLE, Parameters
from nmcx.materials.potential import POTENTIAL_RANGE, PotentialTable, open_circuit_potential
from nmcx.materials.rotations import as_rotations, bunge
from nmcx.materials.swelling import SWELLING_KINDS, Swelling

__all__ = [
    "NMC811",
    "NMC811_BRITTLE",
    "NMC811_LATTICE",
    "POTENTIAL_RANGE",
    "SWELLING_KINDS",
    "IsotropicModuli",
    "LatticeTable",
    "Parameters",
    "PolycrystalModuli",
    "PotentialTable",
    "Swelling",
    "as_rotations",
    "bond_matrix",
    "bunge",
    "directional_modulus",
    "kelvin_moduli",
    "lattice_strain",
    "open_circuit_potential",
    "polycrystal_moduli",
]
