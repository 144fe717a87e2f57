"""Edge and white-line energies of every voxel of a spectro-tomogram, and normalised spectra."""

from nmcx.xanes.edges import fit_edges
from nmcx.xanes.normalise import normalise
from nmcx.xanes.references import fit_references

__all__ = ["fit_edges", "fit_references", "normalise"]
