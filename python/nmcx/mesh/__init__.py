"""Meshes of polycrystals that conform to their grain walls: triangles or tetrahedra.

Points are (x, y, z) in metres; every grain has nodes of its own, see `nmcx.results.Mesh`.
"""

from nmcx.mesh.polycrystal import ball, disc

__all__ = ["ball", "disc"]
