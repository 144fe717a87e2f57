"""Polycrystals as meshes: grains that share no node, with the walls between them."""

from nmcx.mesh.axes import image_position, mesh_position
from nmcx.mesh.build import assemble
from nmcx.mesh.from_labels import from_labels
from nmcx.mesh.from_particle import from_particle, reached_surface
from nmcx.mesh.layer import grow_layer
from nmcx.mesh.midside import midside_nodes
from nmcx.mesh.orientation import radial_texture, random_orientations
from nmcx.mesh.polycrystal import ball, disc
from nmcx.mesh.quality import quality, radius_ratio, smallest_angle
from nmcx.results import Mesh, MeshQuality, MidsideNodes

__all__ = [
    "Mesh",
    "MeshQuality",
    "MidsideNodes",
    "assemble",
    "ball",
    "disc",
    "from_labels",
    "from_particle",
    "grow_layer",
    "image_position",
    "mesh_position",
    "midside_nodes",
    "quality",
    "radial_texture",
    "radius_ratio",
    "random_orientations",
    "reached_surface",
    "smallest_angle",
]
