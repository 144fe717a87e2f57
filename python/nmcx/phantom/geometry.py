"""Shapes and random fields of the phantom: grains with cracks, needle, weld, and their images.

Everything is defined without a lattice: the particle is star-shaped, the fields are functions of
position, so voxels and surface maps are two samplings of one body. All random shapes and fields
are statistically isotropic; only the mount has a preferred direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MARCH_STEPS = 48
_BISECTIONS = 16
VACUUM, PARTICLE, METAL = 0, 1, 2


@dataclass(frozen=True)
class SmoothField:
    """Isotropic Gaussian random field: ensemble mean 0, variance 1, Gaussian covariance.

    A sum of plane waves with normally distributed wave vectors [1]_; on a sphere it is a
    statistically isotropic field of the directions.

    References
    ----------
    .. [1] Rahimi and Recht, "Random features for large-scale kernel machines", NIPS 2007, eq. 1.
    """

    waves: Array  #: (n_wave, 3) wave vectors [1/length]
    phases: Array  #: (n_wave,) [rad]

    def __call__(self, points: Array) -> Array:
        """Value at points (..., 3) -> (...)."""
        waves = np.cos(points @ self.waves.T + self.phases)
        return np.asarray(np.sqrt(2.0 / self.phases.size) * waves.sum(-1))

    def gradient(self, points: Array) -> Array:
        """Gradient at points (..., 3) -> (..., 3) [1/length]."""
        slope = -np.sin(points @ self.waves.T + self.phases)
        return np.asarray(np.sqrt(2.0 / self.phases.size) * slope @ self.waves)


def smooth_field(rng: np.random.Generator, length: float, n_wave: int = 48) -> SmoothField:
    """Random field whose covariance is exp(-d²/(2 length²))."""
    waves = rng.standard_normal((n_wave, 3)) / length
    return SmoothField(waves, rng.uniform(0.0, 2.0 * np.pi, n_wave))


@dataclass(frozen=True)
class Body:
    """Star-shaped particle: radius R (1 + a tanh f(n)) with a smooth field f of the direction."""

    centre_um: Array  #: (3,) (z, y, x) [µm]
    radius_um: float  #: mean radius R [µm]
    bumps: SmoothField  #: f
    amplitude: float  #: a, so that the radius stays within R (1 ± a) [1]

    @property
    def largest_um(self) -> float:
        """Bound of the radius [µm]."""
        return self.radius_um * (1.0 + self.amplitude)

    def radius(self, directions: Array) -> Array:
        """Radius in unit directions (..., 3) -> (...) [µm]."""
        return np.asarray(self.radius_um * (1.0 + self.amplitude * np.tanh(self.bumps(directions))))

    def depth(self, points: Array) -> Array:
        """Radial depth below the surface of points (..., 3) -> (...), negative outside [µm]."""
        directions, distance = self.directions(points)
        return self.radius(directions) - distance

    def directions(self, points: Array) -> tuple[Array, Array]:
        """Unit vectors from the centre and distances [µm] of points (..., 3)."""
        relative = points - self.centre_um
        distance = np.linalg.norm(relative, axis=-1)
        return relative / np.maximum(distance, 1e-12)[..., None], distance

    def normals(self, points: Array) -> Array:
        """Outward unit normals at surface points (..., 3) -> (..., 3)."""
        n, distance = self.directions(points)
        slope = self.radius_um * self.amplitude * (1.0 - np.tanh(self.bumps(n)) ** 2)
        gradient = slope[..., None] * self.bumps.gradient(n)
        tangential = gradient - (gradient * n).sum(-1, keepdims=True) * n
        normal = n - tangential / distance[..., None]
        return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def random_body(rng: np.random.Generator, centre_um: Array, radius_um: float) -> Body:
    """Particle with a few low-order bumps of up to 8 % of its radius."""
    return Body(np.asarray(centre_um, dtype=float), radius_um, smooth_field(rng, 0.9, 16), 0.08)


@dataclass(frozen=True)
class Mount:
    """W needle along z under the particle, and a ball of Pt weld that touches it."""

    tip_um: Array  #: (3,) top of the needle (z, y, x) [µm]
    tip_radius_um: float  #: radius of the needle at its top [µm]
    taper: float  #: growth of its radius per length [1]
    weld_um: Array  #: (3,) centre of the weld (z, y, x) [µm]
    weld_radius_um: float  #: [µm]

    def depth(self, points: Array) -> Array:
        """Depth inside needle or weld of points (..., 3) -> (...), negative outside [µm]."""
        below = self.tip_um[0] - points[..., 0]
        off_axis = np.hypot(points[..., 1] - self.tip_um[1], points[..., 2] - self.tip_um[2])
        needle = np.minimum(below, self.tip_radius_um + self.taper * below - off_axis)
        weld = self.weld_radius_um - np.linalg.norm(points - self.weld_um, axis=-1)
        return np.asarray(np.maximum(needle, weld))


def place_mount(body: Body, view: Array) -> Mount:
    """Needle from below up to the particle; weld at its foot, on the side that `view` sees."""
    sideways = np.array([0.0, view[1], view[2]])
    if np.linalg.norm(sideways) < 0.1:
        sideways = np.array([0.0, 0.0, 1.0])
    foot = np.array([-1.0, 0.0, 0.0]) * 0.85 + 0.53 * sideways / np.linalg.norm(sideways)
    foot /= np.linalg.norm(foot)
    down = np.array([-1.0, 0.0, 0.0])
    tip = body.centre_um + (float(body.radius(down)) - 0.02 * body.radius_um) * down
    weld = body.centre_um + float(body.radius(foot)) * foot
    return Mount(tip, 0.12 * body.radius_um, 0.15, weld, 0.3 * body.radius_um)


@dataclass(frozen=True)
class Frame:
    """Axes of a surface map: unit vectors towards the beam, up and right, and pose."""

    view: Array  #: (3,) from the particle towards the beam (z, y, x)
    up: Array  #: (3,) direction of growing rows before the rotation
    right: Array  #: (3,) direction of growing columns before the rotation
    rotation: float  #: turn of the map's axes, from right towards up [rad]
    offset_um: tuple[float, float]  #: (up, right) of the map's middle from the centre [µm]

    def origins(self, rows: Array, columns: Array, centre_um: Array) -> Array:
        """Points (..., 3) of the plane through the centre at map positions from its middle [µm]."""
        c, s = np.cos(self.rotation), np.sin(self.rotation)
        across = columns * c - rows * s + self.offset_um[1]
        along = columns * s + rows * c + self.offset_um[0]
        return np.asarray(centre_um + across[..., None] * self.right + along[..., None] * self.up)


def view_frame(
    view: tuple[float, float, float], rotation: float, offset_um: tuple[float, float]
) -> Frame:
    """Frame of a map seen from `view`: up is +z (or +y when looking along z), right = up x view.

    Raises
    ------
    ValueError
        If `view` is not three finite numbers with a direction.
    """
    k = np.asarray(view, dtype=float)
    if k.shape != (3,) or not np.all(np.isfinite(k)) or not np.any(k):
        raise ValueError(f"view must be a vector (z, y, x) that is not zero, not {view}")
    k = k / np.linalg.norm(k)
    upwards = np.array([0.0, 1.0, 0.0]) if abs(k[0]) > 0.99 else np.array([1.0, 0.0, 0.0])
    up = upwards - (upwards @ k) * k
    up /= np.linalg.norm(up)
    # The cross product belongs to right-handed (x, y, z); components are stored as (z, y, x).
    right = np.cross(up[::-1], k[::-1])[::-1]
    return Frame(k, up, right, rotation, offset_um)


def first_hits(
    body: Body, mount: Mount | None, frame: Frame, origins: Array
) -> tuple[Array, NDArray[np.int64]]:
    """Where rays against `view` through `origins` first meet something, and what.

    Marching and bisection on the lattice-free shapes: slow, but of another kind than the voxel
    traversal that places measured maps.

    Returns
    -------
    (points, kind)
        (n, 3) points [µm], and VACUUM, PARTICLE or METAL (n,).
    """
    reach = 1.3 * body.largest_um

    def inside(height: Array, rays: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        points = rays + height[:, None] * frame.view
        particle = body.depth(points) >= 0.0
        if mount is None:
            return particle, np.zeros_like(particle)
        return particle, mount.depth(points) >= 0.0

    kind = np.zeros(len(origins), dtype=np.int64)
    above = np.full(len(origins), reach)
    below = np.full(len(origins), reach)
    waiting = np.arange(len(origins))
    for height in np.linspace(reach, -reach, _MARCH_STEPS)[1:]:
        level = np.full(waiting.size, height)
        particle, metal = inside(level, origins[waiting])
        below[waiting] = height
        hit = particle | metal
        kind[waiting[hit]] = PARTICLE
        waiting = waiting[~hit]
        above[waiting] = height
    found = np.flatnonzero(kind)
    rays = origins[found]
    for _ in range(_BISECTIONS):
        middle = 0.5 * (above[found] + below[found])
        particle, metal = inside(middle, rays)
        hit = particle | metal
        below[found] = np.where(hit, middle, below[found])
        above[found] = np.where(hit, above[found], middle)
    particle, _ = inside(below[found], rays)
    kind[found] = np.where(particle, PARTICLE, METAL)
    return origins + below[:, None] * frame.view, kind


def fibonacci_sphere(n: int) -> Array:
    """Evenly spread unit vectors (n, 3)."""
    i = np.arange(n) + 0.5
    height = 1.0 - 2.0 * i / n
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * i
    ring = np.sqrt(1.0 - height**2)
    return np.column_stack([height, ring * np.sin(azimuth), ring * np.cos(azimuth)])


def cap_porosity(
    relative_um: Array, void: NDArray[np.bool_], directions: Array, half_angle: float
) -> Array:
    """Void fraction of the envelope voxels in cones around `directions`, to about 0.001.

    Voxels are gathered in 4000 cells of the sphere first, which is exact enough to build a truth
    on; it shares nothing with `nmcx.cones`.
    """
    from scipy.spatial import cKDTree

    cells = fibonacci_sphere(4000)
    distance = np.linalg.norm(relative_um, axis=1)
    unit = relative_um / np.maximum(distance, 1e-12)[:, None]
    cell = cKDTree(cells).query(unit)[1]
    total = np.bincount(cell, minlength=len(cells)).astype(float)
    empty = np.bincount(cell, weights=void.astype(float), minlength=len(cells))
    in_cap = (directions @ cells.T >= np.cos(half_angle)).astype(np.float32)
    return np.asarray((in_cap @ empty) / np.maximum(in_cap @ total, 1.0))
