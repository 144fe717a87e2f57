"""Figures of the results, one function each; nothing is shown or kept in global state.

A function of one panel takes ``ax`` and returns the `Axes`; one of several panels takes ``figure``
and returns the `Figure`. Without either, a new `matplotlib.figure.Figure` is made, which needs no
display: ``plot.xi_map(xi).figure.savefig("xi.png")``. Missing values are light grey, colour maps
are perceptual and safe for colour-blind readers, and maps carry a scale bar. In space,
`scene_html` gives an interactive page, and `view_particle` a plotter of pyvista.
"""

from __future__ import annotations

from nmcx.plot.animation import animate
from nmcx.plot.bulk_figure import bulk_figure
from nmcx.plot.comparison_figure import comparison_figure
from nmcx.plot.correlation_figure import correlation_figure
from nmcx.plot.correlations import sphere
from nmcx.plot.coupled_fields import coupled_comparison, coupled_fields
from nmcx.plot.coupled_section import coupled_section, coupled_series
from nmcx.plot.cracks import cracked_section
from nmcx.plot.cycling_figure import cycling_figure
from nmcx.plot.edge_fits import worst_voxels
from nmcx.plot.edge_quicklook import edge_quicklook
from nmcx.plot.facets import layer_map
from nmcx.plot.images import (
    alignment,
    jump_image,
    optical_density,
    placement,
    relative_valence,
    scans,
    xi_error,
    xi_map,
)
from nmcx.plot.lithium_series import lithium_series
from nmcx.plot.model_curves import model_curves
from nmcx.plot.panels import scale_bar, scale_bar_length
from nmcx.plot.polycrystal import (
    lithium_frames,
    lithium_map,
    orientation_map,
    state_of_charge,
    surface_flux,
)
from nmcx.plot.profiles import depth_counts, depth_profile, edge_histogram, line_profiles
from nmcx.plot.registration import registration
from nmcx.plot.scene import scene_html
from nmcx.plot.sensitivity import porosity_sensitivity
from nmcx.plot.soft_edges import soft_edges_figure
from nmcx.plot.soft_spectra import soft_spectra_figure
from nmcx.plot.surface_figure import surface_figure
from nmcx.plot.traction_separation import traction_separation
from nmcx.plot.valence_map import valence_map
from nmcx.plot.view import view_particle
from nmcx.plot.volumes import edge_map, particle_slices, slices, status

__all__ = [
    "alignment",
    "animate",
    "bulk_figure",
    "comparison_figure",
    "correlation_figure",
    "coupled_comparison",
    "coupled_fields",
    "coupled_section",
    "coupled_series",
    "cracked_section",
    "cycling_figure",
    "depth_counts",
    "depth_profile",
    "edge_histogram",
    "edge_map",
    "edge_quicklook",
    "jump_image",
    "layer_map",
    "line_profiles",
    "lithium_frames",
    "lithium_map",
    "lithium_series",
    "model_curves",
    "optical_density",
    "orientation_map",
    "particle_slices",
    "placement",
    "porosity_sensitivity",
    "registration",
    "relative_valence",
    "scale_bar",
    "scale_bar_length",
    "scans",
    "scene_html",
    "slices",
    "soft_edges_figure",
    "soft_spectra_figure",
    "sphere",
    "state_of_charge",
    "status",
    "surface_figure",
    "surface_flux",
    "traction_separation",
    "valence_map",
    "view_particle",
    "worst_voxels",
    "xi_error",
    "xi_map",
]
