"""Every frozen dataclass that passes between the modules of nmcx.

This package is a leaf: it imports numpy and nothing else of nmcx at load time. Each field says its
shape, its unit and, through `quantity`, carries both as data, so that saving, `to_xarray` and the
HTML view need no second list of names.
"""

from nmcx.results.base import Result
from nmcx.results.coupled import CycleTable, History
from nmcx.results.edges import (
    NOT_OK,
    STATUS_BITS,
    EdgeMap,
    NormalisedSpectra,
    ReferenceFit,
    ThicknessEffect,
)
from nmcx.results.frames import (
    SAME_ENERGY_EV,
    AlignedStack,
    EnergyStack,
    FrameStack,
    OpticalDensity,
)
from nmcx.results.imaged import Comparison, Contributions, LayerMap
from nmcx.results.mechanics import CrackNetwork, Equilibrium, LoadSteps, RadialProfile
from nmcx.results.mesh import Mesh, MeshQuality, MidsideNodes, facet_area
from nmcx.results.pose import Pose, Robustness
from nmcx.results.sensitivity import ModelSensitivity
from nmcx.results.soft import (
    Affine,
    AlignedStxm,
    Doublet,
    EdgeDipole,
    EndMember,
    EnergySensitivity,
    Shift,
    StxmStack,
    SurfaceValues,
    ValenceMap,
    XiMap,
)
from nmcx.results.spectra import Calibration, PeakRatio, PreEdge, Spectrum, Suppression
from nmcx.results.structure import (
    AngleScan,
    ConePorosity,
    DepthProfile,
    DepthTrend,
    LineProfiles,
    Particle,
    voxel_spacing,
)
from nmcx.results.transport import TransportHistory
from nmcx.results.voids import PorositySensitivity, VoidLabels

__all__ = [
    "NOT_OK",
    "SAME_ENERGY_EV",
    "STATUS_BITS",
    "Affine",
    "AlignedStack",
    "AlignedStxm",
    "AngleScan",
    "Calibration",
    "Comparison",
    "ConePorosity",
    "Contributions",
    "CrackNetwork",
    "CycleTable",
    "DepthProfile",
    "DepthTrend",
    "Doublet",
    "EdgeDipole",
    "EdgeMap",
    "EndMember",
    "EnergySensitivity",
    "EnergyStack",
    "Equilibrium",
    "FrameStack",
    "History",
    "LayerMap",
    "LineProfiles",
    "LoadSteps",
    "Mesh",
    "MeshQuality",
    "MidsideNodes",
    "ModelSensitivity",
    "NormalisedSpectra",
    "OpticalDensity",
    "Particle",
    "PeakRatio",
    "PorositySensitivity",
    "Pose",
    "PreEdge",
    "RadialProfile",
    "ReferenceFit",
    "Result",
    "Robustness",
    "Shift",
    "Spectrum",
    "StxmStack",
    "Suppression",
    "SurfaceValues",
    "ThicknessEffect",
    "TransportHistory",
    "ValenceMap",
    "VoidLabels",
    "XiMap",
    "facet_area",
    "voxel_spacing",
]
