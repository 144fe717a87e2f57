"""The shape of a particle: solid, envelope, pores and cracks; depth below its surface; profiles."""

from nmcx.morphology.attachments import find_attachments
from nmcx.morphology.depth_profiles import depth_profile, depth_trend
from nmcx.morphology.depths import depth
from nmcx.morphology.lines import line_profiles
from nmcx.morphology.segmentation import segment
from nmcx.morphology.sensitivity import porosity_sensitivity
from nmcx.morphology.thresholds import multi_otsu_thresholds, otsu_threshold
from nmcx.morphology.voids import label_voids
from nmcx.results import (
    DepthProfile,
    DepthTrend,
    LineProfiles,
    Particle,
    PorositySensitivity,
    VoidLabels,
)

__all__ = [
    "DepthProfile",
    "DepthTrend",
    "LineProfiles",
    "Particle",
    "PorositySensitivity",
    "VoidLabels",
    "depth",
    "depth_profile",
    "depth_trend",
    "find_attachments",
    "label_voids",
    "line_profiles",
    "multi_otsu_thresholds",
    "otsu_threshold",
    "porosity_sensitivity",
    "segment",
]
