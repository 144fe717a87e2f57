"""Lithium, lattice strain and fracture in a polycrystal.

Lithium diffuses in grains whose diffusion tensors follow their crystal axes, across grain
boundaries and through the surface; amounts balance to rounding in every step.
"""

from nmcx.chemomechanics.boundary import Dirichlet, Flux, Robin, layer_conductance
from nmcx.chemomechanics.cohesive import CohesiveLaw, cohesive_law, traction_separation
from nmcx.chemomechanics.coupling import Coupling
from nmcx.chemomechanics.crack_networks import crack_network
from nmcx.chemomechanics.demand import ImpossibleDemand, TransportFailure
from nmcx.chemomechanics.diffusion import diffuse
from nmcx.chemomechanics.electrode_drive import ButlerVolmer
from nmcx.chemomechanics.ensemble import Ensemble, ensemble, sweep
from nmcx.chemomechanics.ensemble_member import Member
from nmcx.chemomechanics.equilibrium import equilibrium
from nmcx.chemomechanics.fracture_path import FractureFailure
from nmcx.chemomechanics.profiles import hoop_stress, radial_profile
from nmcx.chemomechanics.protocol import cycle
from nmcx.chemomechanics.protocol_run import Charge, Discharge, Hold, Rest
from nmcx.chemomechanics.sensitivity import sensitivity
from nmcx.chemomechanics.simulation import SimulationFailure, simulate

__all__ = [
    "ButlerVolmer",
    "Charge",
    "CohesiveLaw",
    "Coupling",
    "Dirichlet",
    "Discharge",
    "Ensemble",
    "Flux",
    "FractureFailure",
    "Hold",
    "ImpossibleDemand",
    "Member",
    "Rest",
    "Robin",
    "SimulationFailure",
    "TransportFailure",
    "cohesive_law",
    "crack_network",
    "cycle",
    "diffuse",
    "ensemble",
    "equilibrium",
    "hoop_stress",
    "layer_conductance",
    "radial_profile",
    "sensitivity",
    "simulate",
    "sweep",
    "traction_separation",
]
