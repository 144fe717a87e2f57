"""Edge and white-line energies of every voxel of a spectro-tomogram, and normalised spectra."""

from nmcx.xanes.baselines import Baselines, baselines
from nmcx.xanes.edges import fit_edges
from nmcx.xanes.normalise import normalise
from nmcx.xanes.references import fit_references
from nmcx.xanes.stream import fit_edges_to_file
from nmcx.xanes.thickness import thickness_effect, without_harmonics

__all__ = [
    "Baselines",
    "baselines",
    "fit_edges",
    "fit_edges_to_file",
    "fit_references",
    "normalise",
    "thickness_effect",
    "without_harmonics",
]
