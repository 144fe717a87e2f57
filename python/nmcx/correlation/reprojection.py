"""The particle as it looks from a trial pose: silhouette and obliqueness on the map's pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.correlation.placing import tilted_frame
from nmcx.results import Particle

_Float = NDArray[np.float64]

#: Width of the Gaussian that rounds the staircase of voxels [coarsest voxels].
_SMOOTHING = 2.0
#: Distance to which the smoothed envelope tells the surface's place [widths of the Gaussian].
_BAND = 2.0
#: Knots of the yield as a function of cos(incidence), linear between them.
COSINES = np.linspace(0.0, 1.0, 11)
#: Rays of a pixel (row, column) [px]: no two share a row or column, so that a rim along either is
#: met by one after the other (rotated-grid supersampling).
_RAYS = np.array([(-1, -3), (-3, 1), (1, 3), (3, -1)]) / 8.0


@dataclass(frozen=True)
class Body:
    """Signed distance to the particle's surface on voxels of its own."""

    distance_um: NDArray[np.float32]  #: (nz, ny, nx), negative inside [µm]
    spacing: _Float  #: (3,) (dz, dy, dx) [µm]
    corner_um: _Float  #: (3,) centre of voxel (0, 0, 0) [µm]
    origin_um: _Float  #: (3,) what the middle of a map without offset looks at [µm]
    centroid_um: _Float  #: (3,) of the envelope [µm]
    radius_um: float  #: of the ball of equal volume [µm]


@dataclass(frozen=True)
class Grid:
    """Pixels of a map or of one binned from it."""

    shape: tuple[int, int]  #: (ny, nx)
    step_um: tuple[float, float]  #: (dy, dx) [µm]
    first_um: tuple[float, float]  #: middle of pixel (0, 0) against the middle of the map [µm]

    def binned(self, factor: int) -> Grid:
        """The grid of `binned_image`."""
        step = (self.step_um[0] * factor, self.step_um[1] * factor)
        first = [
            f + 0.5 * (factor - 1) * s for f, s in zip(self.first_um, self.step_um, strict=True)
        ]
        shape = (self.shape[0] // factor, self.shape[1] // factor)
        return Grid(shape, step, (first[0], first[1]))

    def positions(self) -> tuple[_Float, _Float]:
        """(up, right) of the pixels from the middle of the map, each (ny, nx) [µm]."""
        up, right = (
            f + s * np.arange(n)
            for f, s, n in zip(self.first_um, self.step_um, self.shape, strict=True)
        )
        grid = np.meshgrid(up, right, indexing="ij")
        return grid[0], grid[1]


def binned_image(image: _Float, factor: int) -> _Float:
    """Means (..., ny, nx) over factor x factor pixels; NaN where one is missing, rests cut off."""
    ny, nx = image.shape[-2] // factor, image.shape[-1] // factor
    whole = image[..., : ny * factor, : nx * factor]
    blocks = whole.reshape(*image.shape[:-2], ny, factor, nx, factor)
    return np.asarray(blocks.mean(axis=(-3, -1)))


def signed_distance(particle: Particle, finest_um: float) -> Body:
    """Distance to the surface, smooth to a fraction of a voxel.

    The binary envelope is averaged over blocks as long as these stay below `finest_um`, smoothed by
    a Gaussian, and read as the distance at which a flat surface would give the same value; further
    out an exact distance transform goes on.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.special import ndtr, ndtri

    spacing = np.asarray(particle.voxel_size_um, dtype=np.float64)
    share, low = _cropped(particle.envelope)
    factor = np.maximum(1, (finest_um / spacing).astype(int))
    share = _block_means(share, factor)
    corner = (low + 0.5 * (factor - 1)) * spacing
    spacing = spacing * factor
    width_um = _SMOOTHING * float(spacing.max())
    pad = np.ceil(5.0 * width_um / spacing).astype(int)
    share = np.pad(share, [(int(p), int(p)) for p in pad])
    corner = corner - pad * spacing
    volume = float(share.sum(dtype=np.float64)) * float(np.prod(spacing))
    radius = (0.75 * volume / np.pi) ** (1.0 / 3.0)
    centroid = _centroid(share) * spacing + corner
    smooth = gaussian_filter(share, width_um / spacing)

    edge = float(ndtr(-_BAND))
    outside, inside = smooth < edge, smooth > 1.0 - edge
    distance = -width_um * ndtri(np.clip(smooth, edge, 1.0 - edge)).astype(np.float32)
    for part, sign in ((outside, 1.0), (inside, -1.0)):
        if part.any() and not part.all():
            beyond = _core.distance_transform(part, spacing, 1)
            distance += np.where(part, sign * beyond, 0.0).astype(np.float32)
    # Smoothing draws a convex surface inwards by width²/2 times its mean curvature, 2/R for a ball.
    distance -= np.float32(width_um**2 / radius)
    return Body(
        distance_um=np.ascontiguousarray(distance, dtype=np.float32),
        spacing=spacing,
        corner_um=corner,
        origin_um=np.asarray(particle.centre_um, dtype=np.float64),
        centroid_um=centroid,
        radius_um=radius,
    )


def _cropped(envelope: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The part of the array that holds the envelope, and its lowest index along each axis."""
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(envelope.any(axis=others))
        low[axis], high[axis] = filled[0], filled[-1] + 1
    part = envelope[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    return part.astype(np.float32), low


def _block_means(values: NDArray[np.float32], factor: NDArray[np.int64]) -> NDArray[np.float32]:
    if np.all(factor == 1):
        return values
    fill = [(0, int(-n % f)) for n, f in zip(values.shape, factor, strict=True)]
    padded = np.pad(values, fill)
    n, f = np.array(padded.shape) // factor, factor
    blocks = padded.reshape(n[0], f[0], n[1], f[1], n[2], f[2])
    return np.asarray(blocks.mean(axis=(1, 3, 5)), dtype=np.float32)


def _centroid(share: NDArray[np.float32]) -> _Float:
    """Mean index (3,) weighted by `share`."""
    total = float(share.sum(dtype=np.float64))
    means = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        plane = share.sum(axis=others, dtype=np.float64)
        means.append(float(plane @ np.arange(plane.size)) / total)
    return np.array(means)


@dataclass(frozen=True)
class Camera:
    """Renders a body on the pixels of a map for any pose.

    A pose is an array (7,): tilt (up, right), rotation, place of the particle's centroid on the map
    (up, right) in nominal micrometres, scale, and the logarithm of the spot's standard deviation in
    pixels. Turned about its centroid the particle stays in its place, which keeps rotation and
    place independent; `options` says the same as the options of `place`.
    """

    body: Body
    grid: Grid
    view: _Float
    threads: int
    binning: int = 1  #: pixels per side of a pixel of the pictures
    #: rays of the last pose, for what depends on the spot and the yields alone
    _last: dict[bytes, tuple[_Float, _Float, _Float]] = field(default_factory=dict, repr=False)

    @property
    def n_knot(self) -> int:
        """Number of yields that the picture is linear in, besides the background."""
        return int(COSINES.size)

    def rays(self, pose: _Float) -> tuple[_Float, _Float, _Float]:
        """Coverage, cos(incidence) and height [µm] of each ray, (n_ray, ny, nx)."""
        key = pose[:6].tobytes()
        if key not in self._last:
            self._last.clear()
            self._last[key] = self._traced(pose)
        return self._last[key]

    def _traced(self, pose: _Float) -> tuple[_Float, _Float, _Float]:
        tilt, rotation, centre, scale = pose[0:2], pose[2], pose[3:5], pose[5]
        k, up, right = tilted_frame(self.view, tilt)
        cos, sin = np.cos(rotation), np.sin(rotation)
        row = scale * self.grid.step_um[0] * (cos * up - sin * right)
        column = scale * self.grid.step_um[1] * (sin * up + cos * right)
        # From the particle's centroid to the middle of pixel (0, 0), in pixels.
        along = (self.grid.first_um[0] - centre[0]) / self.grid.step_um[0]
        across = (self.grid.first_um[1] - centre[1]) / self.grid.step_um[1]
        # The side of the square that belongs to one ray.
        width = scale * float(np.sqrt(np.prod(self.grid.step_um) / len(_RAYS)))
        seen = [
            _core.surface_view(
                self.body.distance_um,
                self.body.spacing,
                self.body.corner_um,
                self.body.centroid_um + (along + ray[0]) * row + (across + ray[1]) * column,
                row,
                column,
                k,
                self.grid.shape,
                width,
                self.threads,
            )
            for ray in _RAYS
        ]
        clearance, cosine, height = (
            np.stack([getattr(one, name) for one in seen]).astype(np.float64)
            for name in ("clearance_um", "cosine", "height_um")
        )
        # A straight rim at this distance covers this share of the ray's own square.
        return np.clip(0.5 - clearance / width, 0.0, 1.0), cosine, height

    def options(self, poses: _Float) -> _Float:
        """Poses (n, 7) as (n, 6) options of `place`, with the offset in place of the centroid."""
        options = poses[:, :6].copy()
        for one, pose in zip(options, poses, strict=True):
            _, up, right = tilted_frame(self.view, pose[0:2])
            arm = self.body.centroid_um - self.body.origin_um
            cos, sin = np.cos(pose[2]), np.sin(pose[2])
            one[3] = arm @ up - pose[5] * (pose[3] * cos + pose[4] * sin)
            one[4] = arm @ right - pose[5] * (pose[4] * cos - pose[3] * sin)
        return options

    def basis(self, pose: _Float) -> _Float:
        """Images (n, ny, nx) of which the map is a linear combination: one per knot, and 1."""
        coverage, cosine, _ = self.rays(pose)
        n_pixel, n_knot = self.grid.shape[0] * self.grid.shape[1], self.n_knot
        place = cosine.ravel() * (n_knot - 1)
        lower = np.minimum(place.astype(np.int64), n_knot - 2)
        above = (place - lower) * coverage.ravel()
        at = lower * n_pixel + np.arange(place.size) % n_pixel
        size = n_knot * n_pixel
        sums = np.bincount(at, coverage.ravel() - above, size)
        sums += np.bincount(at + n_pixel, above, size)
        pictures = (sums / len(_RAYS)).reshape(n_knot, *self.grid.shape)
        seen = self._seen(pictures, pose)
        return np.concatenate([seen, np.ones((1, *seen.shape[1:]))])

    def image(self, pose: _Float, coefficients: _Float) -> _Float:
        """The map (ny, nx) with the yields `coefficients` at the knots, and the background."""
        coverage, cosine, _ = self.rays(pose)
        shade = np.interp(cosine, COSINES, coefficients[:-1])
        seen = self._seen((coverage * shade).mean(axis=0), pose)
        return np.asarray(seen + coefficients[-1])

    def silhouette(self, pose: _Float) -> _Float:
        """Share of each pixel (ny, nx) that the body covers, without the spot."""
        return np.asarray(self.rays(pose)[0].mean(axis=0))

    def places(self, pose: _Float) -> _Float:
        """Row and column (n_ray, ny, nx, 2) of each ray [µm]."""
        index = np.moveaxis(np.indices(self.grid.shape), 0, -1) + _RAYS[:, None, None, :]
        return np.asarray(pose[5] * np.array(self.grid.step_um) * index)

    def gathered(
        self,
        ray: NDArray[np.int64],
        target: NDArray[np.int64],
        weight: _Float,
        n_target: int,
        pose: _Float,
    ) -> _Float:
        """Pictures (n_target, ny, nx) to each of which the rays (n,) give the weights (n, k)."""
        n_pixel = self.grid.shape[0] * self.grid.shape[1]
        at = target * n_pixel + (ray % n_pixel)[:, None]
        sums = np.bincount(at.ravel(), weight.ravel(), n_target * n_pixel) / len(_RAYS)
        return self._seen(sums.reshape(n_target, *self.grid.shape), pose)

    def _seen(self, pictures: _Float, pose: _Float) -> _Float:
        """Pictures (..., ny, nx) as a spot sees them, binned."""
        from scipy.ndimage import gaussian_filter

        spot = float(np.exp(pose[6]))
        axes = (pictures.ndim - 2, pictures.ndim - 1)
        blurred = gaussian_filter(pictures, spot, mode="nearest", truncate=5.0, axes=axes)
        return binned_image(blurred, self.binning)
