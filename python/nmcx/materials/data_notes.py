"""Traps in the published numbers, said where they apply."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nmcx.materials.elasticity import polycrystal_moduli
from nmcx.materials.lattice import NMC811_LATTICE, lattice_strain

if TYPE_CHECKING:
    from nmcx.materials.parameters import Parameters

_AVOGADRO = 6.02214076e23  # 1/mol
_CHARGED = 0.22  # x at 4.3 V
# Partial molar volume [m³/mol] of O'Kane et al., Phys. Chem. Chem. Phys. 24 (2022) 7909, positive
# electrode, as passed on by battery models.
_LITERATURE = 1.25e-5


def site_density() -> float:
    """Lithium sites of the lattice at x = 1 [mol/m³]: three in a hexagonal cell of √3/2 a² c."""
    row = NMC811_LATTICE.lithium.index(1.0)
    a, c = 1e-10 * NMC811_LATTICE.a[row], 1e-10 * NMC811_LATTICE.c[row]
    return 3.0 / (_AVOGADRO * 0.5 * math.sqrt(3.0) * a**2 * c)


def volume_change(x: float) -> float:
    """ΔV/V of the lattice between x = 1 and x [1]."""
    along_a, along_c = lattice_strain(x)
    return float((1.0 + along_a) ** 2 * (1.0 + along_c) - 1.0)


def process_zone(parameters: Parameters) -> tuple[float, float]:
    """Lengths of the fracture process zone [m] by Hui's and by Rice's estimate.

    Both are multiples of E G_c / t_n² with E of the polycrystal by Hill, 2/(3π) and 9π/32.
    """
    modulus = polycrystal_moduli(parameters.elasticity()).hill.young
    length = modulus * parameters.fracture_energy / parameters.strength**2
    return 2.0 / (3.0 * math.pi) * length, 9.0 * math.pi / 32.0 * length


def warnings(parameters: Parameters) -> tuple[str, ...]:
    """See `Parameters.warnings`."""
    notes = []
    sites, stored = site_density(), parameters.max_concentration
    if stored > sites:
        notes.append(
            f"max_concentration = {stored:.0f} mol/m³ exceeds the {sites:.0f} mol/m³ of lithium "
            "sites that the lattice has: it is a scale of charge only, and concentrations mean "
            "x = c / max_concentration."
        )
    change = volume_change(_CHARGED)
    notes.append(
        "Swelling is taken from the lattice as a function of x, never from a partial molar volume "
        f"times a concentration: the {-100 * change:.1f} % lost by x = {_CHARGED} are "
        f"{-change / stored:.2e} m³ per mol of max_concentration, while the {_LITERATURE:.3g} "
        f"m³/mol of a published parameter set would mean {100 * _LITERATURE * stored:.0f} %."
    )
    if parameters.c14 == 0.0:
        notes.append(
            "c14 = 0: the crystal is taken as hexagonal, while the lattice (R-3m) is trigonal and "
            "has a sixth constant."
        )
    shortest, longest = process_zone(parameters)
    sizes = f"The fracture process zone is {1e6 * shortest:.2g} to {1e6 * longest:.2g} µm long"
    if longest > 0.5 * parameters.radius:
        notes.append(
            f"{sizes}, not small beside the radius of {1e6 * parameters.radius:.3g} µm: boundaries "
            "fail by opening, not as sharp cracks, and a fracture toughness in Pa √m means nothing."
        )
    else:
        notes.append(f"{sizes}: edges of the mesh along grain boundaries must be well below that.")
    return tuple(notes)
