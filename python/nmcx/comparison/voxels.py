"""Opened walls of a simulation as void in the voxels of the particle, to the last of its volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.mesh import image_position
from nmcx.results import Mesh, Particle

_Index = NDArray[np.int64]
_Float = NDArray[np.float64]

#: Pieces of a wall, and layers across its opening, are at most this long against a voxel.
_FINEST = 0.5
#: Pieces that are laid down at once.
_BATCH = 2_000_000
#: Rounds in which what a voxel cannot hold moves on to its neighbours.
_ROUNDS = 200
_TOO_LARGE = "opening is larger than the solid about some wall can give: check its unit, metres"


def opened_voxels(mesh: Mesh, opening: ArrayLike, particle: Particle) -> _Float:
    """Share of each voxel that walls have opened: the volume area × opening, all of it.

    Every wall facet is cut into pieces smaller than half a voxel, in as many layers across its
    opening, and each adds its volume to the voxel it lies in; one that lies in void, to the nearest
    solid. A voxel cannot open more than it has of solid: the rest goes to its neighbours.

    Parameters
    ----------
    mesh : Mesh
        In the positions of the particle, as from `nmcx.mesh.from_particle`.
    opening : array_like
        (k,) mean opening of each wall facet [m]; what is negative counts as closed. Any thickness
        will do, such as damage times a length.
    particle : Particle
        Gives voxels, solid and its fractions.

    Returns
    -------
    numpy.ndarray
        (nz, ny, nx) [1]; its sum times the volume of a voxel is the opened volume, to rounding.

    Raises
    ------
    ValueError
        If openings are not finite or not one per wall facet, the particle has no solid, or less of
        it than opens.

    References
    ----------
    Our method.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import comparison, mesh
    >>> from nmcx.results import Particle
    >>> solid = np.zeros((20, 20, 30), dtype=bool)
    >>> solid[2:-2, 2:-2, 2:-2] = True
    >>> block = Particle(solid, solid, 0.1)
    >>> grains = mesh.from_particle(block, n_grains=4, size=0.4e-6, seed=1)
    >>> share = comparison.opened_voxels(grains, np.full(len(grains.interfaces), 5e-9), block)
    >>> opened = 5e-9 * grains.interface_area.sum()
    >>> bool(abs(share.sum() * 1e-21 / opened - 1) < 1e-12)
    True
    """
    gap = np.asarray(opening, dtype=np.float64)
    if gap.shape != (len(mesh.interfaces),) or mesh.dimension != 3:
        raise ValueError(
            f"opening must have one value per wall facet of a mesh in space, "
            f"({len(mesh.interfaces)},), not {gap.shape}"
        )
    if not np.isfinite(gap).all():
        raise ValueError("opening must be finite")
    capacity = _solid_share(particle)
    if not capacity.any():
        raise ValueError("particle has no solid to open")
    if (gap > np.ptp(mesh.points, axis=0).max()).any():
        raise ValueError(_TOO_LARGE)
    spacing = np.asarray(particle.voxel_size_um)
    open_wall = np.flatnonzero(gap > 0.0)
    corners = image_position(mesh.points[mesh.interfaces[open_wall, :3]])
    amount = mesh.interface_area[open_wall] * gap[open_wall] * 1e18 / np.prod(spacing)
    share = np.zeros(capacity.size)
    nearest = _nearest_solid(capacity > 0.0, spacing)
    for points, volume in _pieces(corners, gap[open_wall] * 1e6, amount, spacing.min()):
        index = np.clip(np.rint(points / spacing).astype(np.int64), 0, np.array(capacity.shape) - 1)
        at = nearest[np.ravel_multi_index(tuple(index.T), capacity.shape)]
        share += np.bincount(at, volume, minlength=share.size)
    return _within_capacity(share.reshape(capacity.shape), capacity)


def cracked_particle(mesh: Mesh, opening: ArrayLike, particle: Particle) -> Particle:
    """The particle after its walls have opened: what `cone_porosity(..., soft=True)` measures.

    Parameters
    ----------
    mesh : Mesh
        See `opened_voxels`.
    opening : array_like
        (k,) mean opening of each wall facet [m].
    particle : Particle
        See `opened_voxels`. Its pores stay; give one whose solid is the envelope for the opened
        walls alone.

    Returns
    -------
    Particle
        With `solid_fraction` less what has opened; `solid` as it was, since cracks of nanometres
        take no whole voxel.

    Raises
    ------
    ValueError
        As `opened_voxels`.

    References
    ----------
    Our method.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import comparison, mesh
    >>> from nmcx.results import Particle
    >>> solid = np.zeros((20, 20, 30), dtype=bool)
    >>> solid[2:-2, 2:-2, 2:-2] = True
    >>> block = Particle(solid, solid, 0.1)
    >>> grains = mesh.from_particle(block, n_grains=4, size=0.4e-6, seed=1)
    >>> opening = np.full(len(grains.interfaces), 5e-9)
    >>> cracked = comparison.cracked_particle(grains, opening, block)
    >>> 0.001 < cracked.soft_porosity < 0.01
    True
    """
    share = _solid_share(particle) - opened_voxels(mesh, opening, particle)
    return replace(particle, solid_fraction=share.astype(np.float32))


def _solid_share(particle: Particle) -> _Float:
    share = particle.solid if particle.solid_fraction is None else particle.solid_fraction
    return np.clip(np.nan_to_num(share.astype(np.float64)), 0.0, 1.0) * particle.envelope


def _nearest_solid(holds_solid: NDArray[np.bool_], spacing: _Float) -> _Index:
    """(n_voxel,) flat index of the solid voxel nearest to each."""
    from scipy.ndimage import distance_transform_edt

    index = distance_transform_edt(
        ~holds_solid, sampling=spacing, return_distances=False, return_indices=True
    )
    flat = np.ravel_multi_index(tuple(index.reshape(3, -1)), holds_solid.shape)
    return np.asarray(flat, dtype=np.int64)


def _pieces(
    corners: _Float, opening_um: _Float, amount: _Float, edge_um: float
) -> Iterator[tuple[_Float, _Float]]:
    """Centres (n, 3) [µm] of small pieces of the walls and the amounts (n,) they hold."""
    sides = corners - np.roll(corners, 1, axis=1)
    longest = np.linalg.norm(sides, axis=2).max(axis=1)
    cuts = np.maximum(1, np.ceil(longest / (_FINEST * edge_um))).astype(int)
    layers = np.maximum(1, np.ceil(opening_um / (_FINEST * edge_um))).astype(int)
    normal = np.cross(sides[:, 0], sides[:, 1])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    for n, m in np.unique(np.column_stack([cuts, layers]), axis=0):
        weights = _centres_of_parts(int(n))
        across = (np.arange(m) + 0.5) / m - 0.5
        group = np.flatnonzero((cuts == n) & (layers == m))
        batch = max(1, _BATCH // (len(weights) * int(m)))
        for first in range(0, group.size, batch):
            some = group[first : first + batch]
            flat = np.einsum("pc,fcx->fpx", weights, corners[some])
            shift = across[:, None] * opening_um[some][:, None, None] * normal[some][:, None]
            points = flat[:, :, None] + shift[:, None]
            each = amount[some] / (len(weights) * int(m))
            yield points.reshape(-1, 3), np.repeat(each, len(weights) * int(m))


def _centres_of_parts(n: int) -> _Float:
    """(n², 3) barycentric coordinates of the centres of the equal parts of a triangle."""
    i, j = np.divmod(np.arange(n * n), n)
    upright = i + j < n
    # Triangles that stand, then those on their heads, folded back into the square of (i, j).
    a = np.where(upright, i + 1 / 3, n - i - 1 / 3)
    b = np.where(upright, j + 1 / 3, n - j - 1 / 3)
    return np.column_stack([a, b, n - a - b]) / n


def _within_capacity(share: _Float, capacity: _Float) -> _Float:
    """What is more than a voxel holds, moved on to neighbours by their faces."""
    from scipy.ndimage import convolve

    faces = np.zeros((3, 3, 3))
    for axis in range(3):
        faces[tuple(1 if a != axis else slice(None) for a in range(3))] = 1.0
    faces[1, 1, 1] = 0.0
    holds = capacity > 0.0
    for _ in range(_ROUNDS):
        excess = np.maximum(share - capacity, 0.0)
        if excess.max() <= 1e-12:
            return share
        ways = convolve(holds.astype(np.float64), faces, mode="constant")
        excess[ways == 0] = 0.0
        passed = excess / np.maximum(ways, 1.0)
        share = share - excess + convolve(passed, faces, mode="constant") * holds
    raise ValueError(_TOO_LARGE)
