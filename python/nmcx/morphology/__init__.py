"""The shape of a particle: solid, envelope and pores; depth below its surface; profiles."""

from nmcx.morphology.attachments import find_attachments
from nmcx.morphology.depth_profiles import depth, depth_profile
from nmcx.morphology.lines import line_profiles
from nmcx.morphology.segmentation import segment
from nmcx.morphology.thresholds import multi_otsu_thresholds, otsu_threshold
from nmcx.results import DepthProfile, LineProfiles, Particle

__all__ = [
    "DepthProfile",
    "LineProfiles",
    "Particle",
    "depth",
    "depth_profile",
    "find_attachments",
    "line_profiles",
    "multi_otsu_thresholds",
    "otsu_threshold",
    "segment",
]
