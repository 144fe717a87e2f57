"""The model beside the experiment: the imaged particle simulated, its cracks as the beam sees them.

Layers follow the map of ξ, opened walls become voxels, and cones and correlation are those of the
measurement, so that model and experiment are compared by one statistic. Cycle by cycle the growth
of the layer stands beside what it would do to ξ and to the O K pre-edge.
"""

from nmcx.comparison.contributions import coupling_contributions
from nmcx.comparison.cycling import by_cycle
from nmcx.comparison.ensemble import compare
from nmcx.comparison.layers import layer_from_xi, layered_surface
from nmcx.comparison.members import (
    ParticleFailure,
    SimulatedParticle,
    predicted_porosity,
    simulate_particle,
)
from nmcx.comparison.voxels import cracked_particle, opened_voxels
from nmcx.results import Comparison, Contributions, CycleTable, LayerMap

__all__ = [
    "Comparison",
    "Contributions",
    "CycleTable",
    "LayerMap",
    "ParticleFailure",
    "SimulatedParticle",
    "by_cycle",
    "compare",
    "coupling_contributions",
    "cracked_particle",
    "layer_from_xi",
    "layered_surface",
    "opened_voxels",
    "predicted_porosity",
    "simulate_particle",
]
