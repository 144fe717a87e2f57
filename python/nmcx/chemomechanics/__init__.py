"""Lithium, lattice strain and fracture in a polycrystal.

Lithium diffuses in grains whose diffusion tensors follow their crystal axes, across grain
boundaries and through the surface; amounts balance to rounding in every step.
"""

from nmcx.chemomechanics.boundary import Dirichlet, Flux, Robin, layer_conductance
from nmcx.chemomechanics.demand import ImpossibleDemand
from nmcx.chemomechanics.diffusion import diffuse

__all__ = [
    "Dirichlet",
    "Flux",
    "ImpossibleDemand",
    "Robin",
    "diffuse",
    "layer_conductance",
]
