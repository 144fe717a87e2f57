"""The skin of a particle as triangles: surface nets on its envelope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx.results import Particle

Float = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class SurfaceMesh:
    """A closed surface of triangles, counter-clockwise seen from outside."""

    points_um: Float  #: (n_point, 3) vertices (z, y, x) [µm]
    triangles: Index  #: (n_triangle, 3) indices of vertices

    def normals(self) -> Float:
        """(n_point, 3) outward unit normals (z, y, x), triangles weighted by their area."""
        corner = self.points_um[self.triangles]
        # Reversed, because vectors are (z, y, x) and a mirror turns the cross product round.
        face = np.cross(corner[:, 2] - corner[:, 0], corner[:, 1] - corner[:, 0])
        total = np.stack(
            [
                np.bincount(self.triangles.ravel(), np.repeat(face[:, i], 3), len(self.points_um))
                for i in range(3)
            ],
            axis=1,
        )
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray(total / np.where(length > 0, length, 1.0))


def surface_mesh(particle: Particle, *, n_triangles: int = 40_000) -> SurfaceMesh:
    """Triangles on the border of a particle's envelope.

    The envelope is averaged over blocks of voxels until about the wanted number of triangles is
    left, smoothed by a Gaussian of one voxel, and cut at half by surface nets: one vertex in each
    cell that the border crosses, at the mean of the crossings of its edges.

    Parameters
    ----------
    particle : Particle
        Envelope (nz, ny, nx) and voxel size [µm].
    n_triangles : int
        Number of triangles to aim at, within a factor of about two; a small envelope has fewer.

    Returns
    -------
    SurfaceMesh

    Raises
    ------
    ValueError
        If the envelope is empty or `n_triangles` below 100.

    References
    ----------
    .. [1] S. F. F. Gibson, "Constrained elastic surface nets", MICCAI 1998, LNCS 1496, 888; without
       its relaxation, for which the smoothed field stands.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx.results import Particle
    >>> z, y, x = np.mgrid[-12:13, -12:13, -12:13]
    >>> ball = x**2 + y**2 + z**2 <= 100
    >>> mesh = surface_mesh(Particle(ball, ball, 0.1))
    >>> np.linalg.norm(mesh.points_um - 1.2, axis=1).mean().round(2)
    np.float64(0.99)
    """
    if n_triangles < 100:
        raise ValueError(f"n_triangles must be at least 100, not {n_triangles}")
    spacing = np.asarray(particle.voxel_size_um)
    held = np.asarray(particle.envelope)
    if not held.any():
        raise ValueError("envelope is empty: there is no surface")
    crop, first = _cropped(held)
    factor = _block_size(crop, spacing, n_triangles)
    field, level = _smoothed(_block_means(crop, factor), 1.0 / factor)
    points, triangles = surface_nets(field, level)
    # Centre of a block, and one block of padding.
    at = (points - 1.0) * factor + 0.5 * (factor - 1) + first
    return SurfaceMesh(at * spacing, triangles)


def _cropped(held: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Index]:
    slices, first = [], []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        inside = np.flatnonzero(held.any(axis=others))
        slices.append(slice(int(inside[0]), int(inside[-1]) + 1))
        first.append(int(inside[0]))
    return held[tuple(slices)], np.array(first)


def _block_size(held: NDArray[np.bool_], spacing: Float, n_triangles: int) -> Index:
    """Voxels per block along each axis, blocks as cubic as can be."""
    cell = spacing.prod() / spacing
    area = 0.0
    for axis in range(3):
        # Each row of voxels along an axis that is not empty shows at least two faces.
        faces = 2.0 * np.count_nonzero(held.any(axis=axis))
        area += float(faces * cell[axis])
    # A smooth surface crosses area / h² cells for each of its three shadows.
    edge = np.sqrt(2.0 * area / n_triangles)
    largest = np.maximum(np.array(held.shape) // 4, 1)
    return np.asarray(np.clip(np.rint(edge / spacing).astype(np.int64), 1, largest))


def _block_means(held: NDArray[np.bool_], factor: Index) -> NDArray[np.float32]:
    shape = tuple(int(-(-n // f)) for n, f in zip(held.shape, factor, strict=True))
    out = np.empty(shape, np.float32)
    rest = [(0, int(m * f - n)) for m, f, n in zip(shape, factor, held.shape, strict=True)]
    fz, fy, fx = (int(f) for f in factor)
    for i in range(shape[0]):
        # One slab at a time, so that a large volume is never copied whole.
        slab = np.pad(held[i * fz : (i + 1) * fz], [(0, 0), rest[1], rest[2]])
        blocks = slab.reshape(slab.shape[0], shape[1], fy, shape[2], fx)
        out[i] = blocks.sum(axis=(0, 2, 4), dtype=np.int64) / float(fz * fy * fx)
    return out


def _smoothed(means: NDArray[np.float32], sigma: Float) -> tuple[NDArray[np.float32], float]:
    """The field, one block wider on each side, and the level of its border."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(np.pad(means, 4), sigma)
    inner = np.ascontiguousarray(field[3:-3, 3:-3, 3:-3])
    inner[[0, -1]] = inner[:, [0, -1]] = inner[:, :, [0, -1]] = 0.0
    # What is only a block or two wide never reaches one.
    return inner, 0.5 * min(1.0, float(inner.max()))


def surface_nets(field: NDArray[Any], level: float) -> tuple[Float, Index]:
    """Vertices (in samples) and triangles of the surface ``field = level``.

    Parameters
    ----------
    field : (nz, ny, nx) array
        Larger inside; below the level on all its faces.
    level : float
        Value on the surface.

    Returns
    -------
    points : (n_point, 3) array
        (z, y, x) [samples].
    triangles : (n_triangle, 3) array of int
        Counter-clockwise seen from outside.
    """
    inside = field >= level
    cells_of = np.array(field.shape) - 1
    quads, crossings = [], []
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        at = np.argwhere(inside[tuple(low)] != inside[tuple(high)])
        ahead = at + np.eye(3, dtype=np.int64)[axis]
        value, further = (np.asarray(field[tuple(i.T)], np.float64) for i in (at, ahead))
        point = at.astype(np.float64)
        point[:, axis] += (level - value) / (further - value)
        b, c = np.eye(3, dtype=np.int64)[[(axis + 1) % 3, (axis + 2) % 3]]
        # The four cells around an edge, in a circle about it.
        around = np.stack([at - b - c, at - c, at, at - b], axis=1)
        # In (z, y, x) the circle is clockwise about +axis: right where the inside lies behind.
        leaving = inside[tuple(at.T)]
        around[leaving] = around[leaving][:, ::-1]
        quads.append(np.ravel_multi_index(tuple(np.moveaxis(around, 2, 0)), tuple(cells_of)))
        crossings.append(point)
    corner = np.concatenate(quads)
    _, vertex = np.unique(corner, return_inverse=True)
    vertex = vertex.reshape(corner.shape)
    edge_point = np.repeat(np.concatenate(crossings), 4, axis=0)
    number = np.bincount(vertex.ravel())
    points = np.stack(
        [np.bincount(vertex.ravel(), edge_point[:, i]) / number for i in range(3)], axis=1
    )
    return points, _split(points, vertex)


def _split(points: Float, quads: Index) -> Index:
    """Two triangles of each quadrilateral, cut along its shorter diagonal."""
    a, b, c, d = points[quads].transpose(1, 0, 2)
    along = np.linalg.norm(a - c, axis=1) <= np.linalg.norm(b - d, axis=1)
    first = np.where(along[:, None], quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    second = np.where(along[:, None], quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.concatenate([first, second]).astype(np.int64)
