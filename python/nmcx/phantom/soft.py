"""Soft X-ray side of the phantom: the ratio xi on the surface and its electron-yield scans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx.phantom.geometry import (
    METAL,
    PARTICLE,
    Array,
    Body,
    Frame,
    Mount,
    SmoothField,
    fibonacci_sphere,
    first_hits,
)

_N_CELL = 4000
_N_SUB = 2
_N_SUB_RIM = 6
_LEAST_COSINE = 0.45  # escape depth and roughness end the growth of the yield near the limb
_METAL_YIELD = 0.06
_LIMIT = 0.15
_SPOT_PX = 0.7  # standard deviation of the beam: a scan is stepped at about its width


@dataclass(frozen=True)
class SphereTable:
    """Smooth function of direction, by its values on evenly spread cells."""

    values: Array  #: (n_cell,) at the directions `fibonacci_sphere(n_cell)`

    def __call__(self, directions: Array) -> Array:
        """Value in unit directions (n, 3) -> (n,), from the eight nearest cells."""
        from scipy.spatial import cKDTree

        distance, cell = cKDTree(fibonacci_sphere(self.values.size)).query(directions, k=8)
        width = np.sqrt(4.0 * np.pi / self.values.size)
        weight = np.exp(-((distance / width) ** 2))
        return np.asarray((self.values[cell] * weight).sum(1) / weight.sum(1))


def independent_xi(field: SmoothField, mean: float, spread: float) -> SphereTable:
    """Ratio that knows nothing of the bulk: mean + spread × field."""
    return SphereTable(mean + _LIMIT * np.tanh(spread / _LIMIT * field(fibonacci_sphere(_N_CELL))))


def correlated_xi(
    field: SmoothField,
    porosity: Array,
    seen: Array,
    mean: float,
    spread: float,
    correlation: float,
) -> SphereTable:
    """Ratio whose correlation with `porosity` over the directions `seen` is close to what is asked.

    Parameters
    ----------
    field : SmoothField
        Source of the part that has nothing to do with the porosity.
    porosity : (n_cell,) array
        Cap-averaged porosity at the directions `fibonacci_sphere(n_cell)` [1].
    seen : (n, 3) array
        Directions of the imaged patch.
    mean, spread, correlation : float
        Mean and standard deviation of the ratio and its correlation on the patch [1].
    """
    own = SphereTable(field(fibonacci_sphere(porosity.size)))
    bulk_seen, own_seen = SphereTable(porosity)(seen), own(seen)
    bulk_mean, bulk_spread = bulk_seen.mean(), bulk_seen.std()
    bulk = (porosity - bulk_mean) / bulk_spread
    bulk_seen = (bulk_seen - bulk_mean) / bulk_spread
    # On a patch two smooth fields correlate by chance: take that part out of the second.
    chance, own_mean = float((own_seen * bulk_seen).mean()), own_seen.mean()
    rest_spread = (own_seen - own_mean - chance * bulk_seen).std()
    rest = (own.values - own_mean - chance * bulk) / rest_spread
    mixed = correlation * bulk + np.sqrt(1.0 - correlation**2) * rest
    # Beyond the patch the porosity may lie many spreads away: xi must stay a fraction.
    return SphereTable(mean + _LIMIT * np.tanh(spread * mixed / _LIMIT))


@dataclass(frozen=True)
class Scene:
    """All that a surface scan depends on."""

    body: Body
    mount: Mount | None
    frame: Frame
    centre_um: Array  #: (3,) origin of directions and of the map's plane (z, y, x) [µm]
    texture: SmoothField  #: topography finer than the particle's shape, of position in µm
    relief: float = 0.15  #: largest relative variation of the yield with it [1]

    def look(self, rows: Array, columns: Array) -> SurfaceHits:
        """Follow a ray through each map position (rows, columns from the middle, (n,)) [µm]."""
        origins = self.frame.origins(rows, columns, self.centre_um)
        points, kind = first_hits(self.body, self.mount, self.frame, origins)
        on_particle = kind == PARTICLE
        cosine = np.full(kind.size, np.nan)
        cosine[on_particle] = self.body.normals(points[on_particle]) @ self.frame.view
        return SurfaceHits(points, kind, cosine)

    def directions(self, points: Array) -> Array:
        """Unit vectors from the centre to points (n, 3)."""
        relative = points - self.centre_um
        return np.asarray(relative / np.linalg.norm(relative, axis=1)[:, None])


@dataclass(frozen=True)
class SurfaceHits:
    """First hits of rays."""

    points: Array  #: (n, 3) (z, y, x) [µm]
    kind: NDArray[np.int64]  #: (n,) VACUUM, PARTICLE or METAL
    cosine: Array  #: (n,) of the incidence angle, NaN off the particle


@dataclass(frozen=True)
class Rendering:
    """Noise-free surface scans of one placing of the rays."""

    total: Array  #: (ny, nx) yield of both energies together, 1 for flat bare particle
    xi: Array  #: (ny, nx) yield-weighted ratio, NaN unless the whole pixel is bare particle
    ratio: Array  #: (ny, nx) share of the high energy in `total`, 0.5 without Ni


def map_positions(
    map_shape: tuple[int, int], pixel_um: tuple[float, float], shift: tuple[float, float]
) -> tuple[Array, Array]:
    """Rows and columns (ny, nx) of pixel centres from the map's middle, moved back by `shift`."""
    rows = (np.arange(map_shape[0]) - (map_shape[0] - 1) / 2 - shift[0]) * pixel_um[0]
    columns = (np.arange(map_shape[1]) - (map_shape[1] - 1) / 2 - shift[1]) * pixel_um[1]
    grid = np.meshgrid(rows, columns, indexing="ij")
    return grid[0], grid[1]


def render(
    scene: Scene,
    xi: SphereTable,
    map_shape: tuple[int, int],
    pixel_um: tuple[float, float],
    shift: tuple[float, float] = (0.0, 0.0),
) -> Rendering:
    """Scan the scene; the image appears moved by `shift` (rows, columns) pixels.

    The yield grows as 1/cos of the incidence angle [1]_ and with the texture, for both energies
    alike, so that both cancel in the ratio. Rays are moved, no image is interpolated; the beam has
    a Gaussian spot of 0.7 pixels.

    References
    ----------
    .. [1] Stöhr, "NEXAFS Spectroscopy" (1992), section 5.3: yield of a tilted surface.
    """
    from scipy.ndimage import binary_dilation, gaussian_filter

    # The beam does not know where the map ends: render as far beyond it as the spot reaches.
    margin = int(np.ceil(4.0 * _SPOT_PX))
    wide = (map_shape[0] + 2 * margin, map_shape[1] + 2 * margin)
    inner = (slice(margin, -margin), slice(margin, -margin))
    rows, columns = (axis.ravel() for axis in map_positions(wide, pixel_um, shift))
    total, high, bare = _sample(scene, xi, rows, columns, pixel_um, _N_SUB)
    # The rim decides where the image seems to lie, and needs finer sampling than the face.
    mixed = ((bare > 0) & (bare < 1)).reshape(wide)
    rim = binary_dilation(mixed, iterations=1).ravel()
    fine = _sample(scene, xi, rows[rim], columns[rim], pixel_um, _N_SUB_RIM)
    for coarse, better in zip((total, high, bare), fine, strict=True):
        coarse[rim] = better
    total, high = (gaussian_filter(image.reshape(wide), _SPOT_PX)[inner] for image in (total, high))
    ratio = np.where(total > 0, high / np.where(total > 0, total, 1.0), 0.5)
    whole = bare.reshape(wide)[inner] > 0.999
    return Rendering(total, np.where(whole, ratio, np.nan), ratio)


def _sample(
    scene: Scene,
    xi: SphereTable,
    rows: Array,
    columns: Array,
    pixel_um: tuple[float, float],
    n_sub: int,
) -> tuple[Array, Array, Array]:
    """Yield, its share at the high energy and bare particle, averaged over pixels (n,)."""
    total, high, bare = np.zeros((3, rows.size))
    steps = np.arange(n_sub) - 0.5 * (n_sub - 1)
    for i in steps:
        for j in steps:
            # A sheared lattice: a rim along rows or columns crosses its points one by one.
            down, across = (i + j / n_sub) / n_sub, (j - i / n_sub) / n_sub
            hits = scene.look(rows + down * pixel_um[0], columns + across * pixel_um[1])
            on_particle = hits.kind == PARTICLE
            points = hits.points[on_particle]
            brightness = np.zeros(hits.kind.size)
            share = np.full(hits.kind.size, 0.5)
            relief = 1.0 + scene.relief * np.tanh(scene.texture(points))
            brightness[on_particle] = relief / np.maximum(hits.cosine[on_particle], _LEAST_COSINE)
            share[on_particle] = xi(scene.directions(points))
            brightness[hits.kind == METAL] = _METAL_YIELD
            total += brightness
            high += share * brightness
            bare += on_particle
    return total / n_sub**2, high / n_sub**2, bare / n_sub**2
