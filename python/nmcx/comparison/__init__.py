"""The model beside the experiment: the imaged particle simulated, its cracks as the beam sees them.

Layers follow the map of ξ, opened walls become voxels, and cones and correlation are those of the
measurement, so that model and experiment are compared by one statistic.
"""

from nmcx.comparison.contributions import coupling_contributions
from nmcx.comparison.ensemble import compare
from nmcx.comparison.layers import layer_from_xi, layered_surface
from nmcx.comparison.members import SimulatedParticle, predicted_porosity, simulate_particle
from nmcx.comparison.voxels import cracked_particle, opened_voxels
from nmcx.results import Comparison, Contributions, LayerMap

__all__ = [
    "Comparison",
    "Contributions",
    "LayerMap",
    "SimulatedParticle",
    "compare",
    "coupling_contributions",
    "cracked_particle",
    "layer_from_xi",
    "layered_surface",
    "opened_voxels",
    "predicted_porosity",
    "simulate_particle",
]
