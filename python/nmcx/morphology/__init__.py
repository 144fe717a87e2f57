"""The shape of a particle: solid, envelope and pores; depth below its surface; profiles."""

from nmcx.morphology.depth_profiles import depth, depth_profile
from nmcx.morphology.lines import line_profiles
from nmcx.morphology.segmentation import otsu_threshold, segment
from nmcx.results import DepthProfile, LineProfiles, Particle

__all__ = [
    "DepthProfile",
    "LineProfiles",
    "Particle",
    "depth",
    "depth_profile",
    "line_profiles",
    "otsu_threshold",
    "segment",
]
