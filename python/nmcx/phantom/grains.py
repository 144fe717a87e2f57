"""Voxels of the phantom: grains whose walls partly open as cracks, pores, partial volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.phantom.geometry import Array, Body, Mount, SmoothField, smooth_field

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Grains:
    """Voronoi grains with cracks between them and round pores, as functions of position."""

    seeds: Array  #: (n_grain, 3) (z, y, x) from the centre [µm]
    crack_um: float  #: full width of a fully open wall [µm]
    intensity: SmoothField  #: crack intensity g of the direction, variance 1
    wall_noise: Array  #: (n_grain, n_grain) own random number of each wall, upper triangle
    pores: Array  #: (n_pore, 4) centre (z, y, x) from the particle's centre and radius [µm]

    def opening(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Array:
        """Opening of the walls between two grains each, (n,) -> (n,) from 0 to 1."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        walls, which = np.unique(low * len(self.seeds) + high, return_inverse=True)
        low, high = np.divmod(walls, len(self.seeds))
        middle = 0.5 * (self.seeds[low] + self.seeds[high])
        middle /= np.maximum(np.linalg.norm(middle, axis=1), 1e-12)[:, None]
        drive = self.intensity(middle) + 0.6 * self.wall_noise[low, high]
        return np.clip(0.6 * (drive - 0.1), 0.0, 1.0)[which]


def grow_grains(
    rng: np.random.Generator, radius_um: float, grain_um: float, crack_um: float
) -> Grains:
    """Random grains of about `grain_um`; cracks gather where a smooth field of direction is high.

    Seeds that have an earlier one within 0.6 grains are dropped (Matérn's second hard-core
    process): grains of similar size, and no preferred direction.
    """
    from scipy.spatial import cKDTree

    reach = radius_um + grain_um
    n_try = int(np.ceil(2.2 * 4.19 * (reach / grain_um) ** 3))
    tried = reach * _in_unit_ball(rng, n_try)
    pairs = cKDTree(tried).query_pairs(0.6 * grain_um, output_type="ndarray")
    kept = np.ones(n_try, dtype=bool)
    kept[pairs.max(axis=1)] = False
    seeds = tried[kept]
    n_pore = rng.poisson(40)
    pores = np.column_stack(
        [
            0.9 * radius_um * _in_unit_ball(rng, n_pore),
            rng.uniform(0.5, 1.3, n_pore) * crack_um,
        ]
    )
    wall_noise = rng.standard_normal((len(seeds), len(seeds)))
    return Grains(seeds, crack_um, smooth_field(rng, 0.3), wall_noise, pores)


def _in_unit_ball(rng: np.random.Generator, n: int) -> Array:
    direction = rng.standard_normal((n, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    return np.asarray(direction * np.cbrt(rng.uniform(size=n))[:, None])


@dataclass(frozen=True)
class Voxels:
    """The body sampled on a lattice; `index` lists the voxels that hold any of the particle."""

    solid: NDArray[np.bool_]  #: (nz, ny, nx) at least half full of grains
    envelope: NDArray[np.bool_]  #: (nz, ny, nx) centre inside the particle
    index: NDArray[np.int64]  #: (n,) flat indices
    points_um: Array  #: (n, 3) centres of the voxels of `index` (z, y, x) [µm]
    depth_um: Array  #: (n,) radial depth below the surface [µm]
    grain: NDArray[np.int64]  #: (n,) grain of each
    fraction: NDArray[np.float32]  #: (n,) share of the voxel filled with grains
    metal: NDArray[np.float32]  #: (nz, ny, nx) share filled with needle or weld


def fill_voxels(
    body: Body, grains: Grains, mount: Mount | None, shape: tuple[int, int, int], spacing: Spacing
) -> Voxels:
    """Sample particle and mount on a lattice, with partial volume at every face."""
    from scipy.spatial import cKDTree

    edge = float(np.cbrt(np.prod(spacing)))
    axes = [np.arange(n, dtype=np.float64) * step for n, step in zip(shape, spacing, strict=True)]
    square = np.zeros(shape)
    for axis, position in enumerate(axes):
        along = [1, 1, 1]
        along[axis] = -1
        square = square + ((position - body.centre_um[axis]) ** 2).reshape(along)
    near = np.flatnonzero(square < (body.largest_um + edge) ** 2)
    points = np.column_stack([axes[i][at] for i, at in enumerate(np.unravel_index(near, shape))])
    depth = body.depth(points)
    kept = depth > -0.5 * edge
    near, points, depth = near[kept], points[kept], depth[kept]

    relative = points - body.centre_um
    distance, nearest = map(np.asarray, cKDTree(grains.seeds).query(relative, k=2))
    first, second = nearest[:, 0].astype(np.int64), nearest[:, 1].astype(np.int64)
    apart = np.linalg.norm(grains.seeds[first] - grains.seeds[second], axis=1)
    to_wall = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2.0 * apart)
    half_width = np.zeros(near.size)
    at_wall = np.flatnonzero(to_wall < grains.crack_um)
    half_width[at_wall] = 0.5 * grains.crack_um * grains.opening(first[at_wall], second[at_wall])
    # Length of the voxel's extent across the wall that lies within the crack.
    crack = np.minimum(half_width, to_wall + 0.5 * edge) - np.maximum(
        -half_width, to_wall - 0.5 * edge
    )
    fraction = np.clip(depth / edge + 0.5, 0.0, 1.0)
    fraction *= 1.0 - np.clip(crack / edge, 0.0, 1.0)
    tree = cKDTree(relative)
    for pore in grains.pores:
        around = np.asarray(tree.query_ball_point(pore[:3], pore[3] + edge), dtype=np.int64)
        beyond = np.linalg.norm(relative[around] - pore[:3], axis=1) - pore[3]
        fraction[around] *= np.clip(beyond / edge + 0.5, 0.0, 1.0)

    envelope = np.zeros(shape, dtype=bool)
    envelope.ravel()[near[depth >= 0.0]] = True
    solid = np.zeros(shape, dtype=bool)
    # A voxel of the rim can be half full with its centre outside: it is not of the particle.
    solid.ravel()[near[(fraction >= 0.5) & (depth >= 0.0)]] = True
    metal = np.zeros(shape, dtype=np.float32)
    if mount is not None:
        metal = _metal(body, mount, axes, edge, near, depth)
    return Voxels(solid, envelope, near, points, depth, first, fraction.astype(np.float32), metal)


def _metal(
    body: Body,
    mount: Mount,
    axes: Sequence[NDArray[np.floating[Any]]],
    edge: float,
    near: NDArray[np.int64],
    depth: Array,
) -> NDArray[np.float32]:
    metal = np.empty((axes[0].size, axes[1].size, axes[2].size), dtype=np.float32)
    plane = np.empty((axes[1].size, axes[2].size, 3))
    plane[..., 1], plane[..., 2] = axes[1][:, None], axes[2]
    for i, z in enumerate(axes[0]):
        plane[..., 0] = z
        metal[i] = np.clip(mount.depth(plane) / edge + 0.5, 0.0, 1.0)
    # What the particle fills, cracks included, the metal cannot.
    metal.ravel()[near] *= 1.0 - np.clip(depth / edge + 0.5, 0.0, 1.0)
    return metal
