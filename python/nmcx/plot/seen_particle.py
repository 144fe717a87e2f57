"""What the pictures of a particle in space show: its skin, and the fields that lie on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.plot.surface_mesh import SurfaceMesh, surface_mesh
from nmcx.results import ConePorosity, Particle, SurfaceValues

Float = NDArray[np.float64]
Index = NDArray[np.int64]

#: Colour map of each field and where it begins: shading is not seen on the darkest colours.
_COLOURS = {"xi": ("viridis", 0.0), "porosity": ("inferno", 0.1)}


def colour_table(name: str) -> Float:
    """(256, 3) colours of a field, "xi" or "porosity", each 0 … 1."""
    from matplotlib import colormaps

    colours, first = _COLOURS[name]
    return np.asarray(colormaps[colours](np.linspace(first, 1.0, 256))[:, :3])


@dataclass(frozen=True)
class SeenParticle:
    """A particle's skin with ξ where it was mapped and the means to paint porosity on it."""

    mesh: SurfaceMesh
    normals: Float  #: (n_point, 3) outward (z, y, x)
    apex_um: Float  #: (3,) tip of the cones (z, y, x) [µm]
    view: tuple[float, float, float]  #: towards the viewer (z, y, x)
    xi: Float | None  #: (n_point,) [1], NaN where the map does not reach
    cones: ConePorosity | None
    nearest: Index | None  #: (n_point, 3) cone directions around each vertex
    weight: Float | None  #: (n_point, 3) their weights, which add up to one

    def porosity(self, i_angle: int) -> Float:
        """(n_point,) cone porosity below each vertex [1], NaN where the cones are empty."""
        assert self.cones is not None and self.nearest is not None and self.weight is not None
        values = np.asarray(self.cones.porosity[:, i_angle], dtype=np.float64)[self.nearest]
        weight = np.where(np.isfinite(values), self.weight, 0.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nansum(weight * values, axis=1) / weight.sum(axis=1))

    def rim_um(self, direction: ArrayLike, half_angle: float, n: int = 128) -> Float:
        """(n, 3) where the flank of a cone leaves the particle (z, y, x) [µm]."""
        from scipy.spatial import cKDTree

        axis = np.asarray(direction, dtype=np.float64)
        axis = axis / np.linalg.norm(axis)
        aside = np.eye(3)[int(np.argmin(np.abs(axis)))]
        first = aside - (aside @ axis) * axis
        first /= np.linalg.norm(first)
        second = np.cross(axis, first)
        turn = np.linspace(0.0, 2.0 * np.pi, n, endpoint=False)[:, None]
        rays = np.cos(half_angle) * axis + np.sin(half_angle) * (
            np.cos(turn) * first + np.sin(turn) * second
        )
        from_apex = self.mesh.points_um - self.apex_um
        radius = np.linalg.norm(from_apex, axis=1)
        # Of the vertices around a ray the farthest: the cone ends where the particle does.
        _, around = cKDTree(from_apex / radius[:, None]).query(rays, k=[1, 2, 3])
        return np.asarray(self.apex_um + rays * radius[around].max(axis=1)[:, None])


def seen_particle(
    particle: Particle,
    surface: SurfaceValues | None = None,
    cones: ConePorosity | None = None,
    *,
    n_triangles: int = 40_000,
) -> SeenParticle:
    """Skin of a particle with what is known about it.

    Parameters
    ----------
    particle : Particle
        Its envelope is shown.
    surface : SurfaceValues, optional
        Map placed on it.
    cones : ConePorosity, optional
        Painted on the skin: each vertex shows the cone through it.
    n_triangles : int
        As in `surface_mesh`.

    Returns
    -------
    SeenParticle
    """
    mesh = surface_mesh(particle, n_triangles=n_triangles)
    apex = np.asarray(particle.centre_um if cones is None else cones.apex_um, dtype=np.float64)
    nearest, weight = (None, None) if cones is None else _around(mesh, apex, cones)
    return SeenParticle(
        mesh=mesh,
        normals=mesh.normals(),
        apex_um=apex,
        # Without a map, from the front and a little above.
        view=(0.35, -0.85, 0.4) if surface is None else surface.view,
        xi=None if surface is None else _on_vertices(mesh, particle, surface),
        cones=cones,
        nearest=nearest,
        weight=weight,
    )


def _around(mesh: SurfaceMesh, apex: Float, cones: ConePorosity) -> tuple[Index, Float]:
    """The three cone directions nearest to each vertex and their weights, inverse to distance."""
    from scipy.spatial import cKDTree

    ray = mesh.points_um - apex
    ray /= np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-12)
    k = min(3, len(cones.directions))
    distance, nearest = cKDTree(cones.directions).query(ray, k=list(range(1, k + 1)))
    weight = 1.0 / np.maximum(distance, 1e-9)
    weight /= weight.sum(axis=1, keepdims=True)
    spare = [(0, 0), (0, 3 - k)]
    return np.pad(nearest, spare).astype(np.int64), np.pad(weight, spare)


def _on_vertices(mesh: SurfaceMesh, particle: Particle, surface: SurfaceValues) -> Float:
    """ξ at the vertices: a Gaussian mean of the map points around, about a pixel wide."""
    from scipy.spatial import cKDTree

    points = np.asarray(surface.points_um, dtype=np.float64)
    pixel = float(np.sqrt(np.median(surface.area_um2 * np.cos(surface.incidence))))
    # A point lies on the face of a voxel, the skin within a voxel of it.
    reach = pixel + max(particle.voxel_size_um)
    k = min(8, len(points))
    distance, near = cKDTree(points).query(
        mesh.points_um, k=list(range(1, k + 1)), distance_upper_bound=reach
    )
    weight = np.where(np.isfinite(distance), np.exp(-2.0 * (distance / reach) ** 2), 0.0)
    values = np.append(np.asarray(surface.values, dtype=np.float64), 0.0)[near]
    with np.errstate(invalid="ignore"):
        xi = np.asarray((weight * values).sum(axis=1) / weight.sum(axis=1))
    # The far side of a thin part is as near, but does not face the beam.
    xi[mesh.normals() @ np.asarray(surface.view) <= 0.0] = np.nan
    return xi
