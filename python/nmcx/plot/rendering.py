"""A particle seen in parallel projection, with a piece cut away to show its inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nmcx.plot.panels import TITLE, scale_bar
from nmcx.results import Particle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Array = NDArray[Any]
#: From the particle to the eye (z, y, x), and to the light over the left shoulder.
_EYE, _LIGHT = np.array([0.55, -0.62, 0.56]), np.array([0.85, -0.5, 0.1])
_AMBIENT = 0.55


def cut_open(
    ax: Axes,
    values: _Array,
    particle: Particle,
    *,
    title: str,
    cmap: str,
    limits: tuple[float, float],
    n_pixel: int = 420,
) -> None:
    """Draw the particle without the octant that faces the eye, coloured by `values`."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize, to_rgb

    hit, shade, field, width = _seen(values, particle, n_pixel)
    norm = Normalize(*limits, clip=True)
    rgb = colormaps[cmap](norm(np.nan_to_num(field, nan=limits[0])))[..., :3]
    rgb[np.isnan(field)] = to_rgb("0.55")
    rgba = np.concatenate([rgb * shade[..., None], hit[..., None]], axis=-1)
    ax.imshow(
        np.clip(rgba, 0.0, 1.0), origin="lower", extent=(0.0, width, 0.0, width),
        interpolation="antialiased",
    )  # fmt: skip
    ax.set_axis_off()
    ax.set_title(title, fontsize=TITLE)
    scale_bar(ax, width)


def _seen(values: _Array, particle: Particle, n_pixel: int) -> tuple[_Array, _Array, _Array, float]:
    """Coverage, brightness and value of every pixel, and the width of the picture [µm]."""
    from scipy import ndimage

    spacing = np.array(particle.voxel_size_um)
    centre = np.array(particle.centre_um)
    corner = np.argwhere(particle.envelope)
    reach = 1.04 * float(np.linalg.norm(corner * spacing - centre, axis=1).max())
    eye = _EYE / np.linalg.norm(_EYE)
    up = np.array([1.0, 0.0, 0.0]) - eye[0] * eye  # z points upwards
    up /= np.linalg.norm(up)
    right = np.cross(eye, up)  # in (z, y, x) order the cross product turns the other way

    pad = 2
    solid = np.pad(particle.solid, pad).astype(np.float32)
    # The surface between voxels: half of a density smoothed over about one.
    smooth = ndimage.gaussian_filter(solid, 0.8)
    plane = (np.arange(n_pixel) + 0.5) / n_pixel * 2.0 * reach - reach
    base = centre + plane[:, None, None] * up + plane[None, :, None] * right
    octant = np.sign(eye)

    def at(depth: _Array) -> _Array:
        points = base + depth[..., None] * eye
        index = np.moveaxis(points / spacing + pad, -1, 0)
        found = ndimage.map_coordinates(smooth, index, order=1)
        cut = np.all((points - centre) * octant > 0, axis=-1)
        return np.where(cut, 0.0, found)

    step = 0.5 * float(spacing.min())
    depth = np.full((n_pixel, n_pixel), reach)
    open_rays = np.ones(depth.shape, bool)
    for t in np.arange(reach, -reach, -step):
        now = at(np.full(depth.shape, t))
        met = open_rays & (now >= 0.5)
        depth[met] = t
        open_rays &= ~met
        if not np.any(open_rays):
            break
    hit = (~open_rays).astype(float)
    points = base + depth[..., None] * eye
    return (
        hit,
        _brightness(smooth, points, centre, octant, spacing, pad),
        _inside(values, particle, points, eye, spacing),
        2.0 * reach,
    )


def _brightness(
    smooth: _Array, points: _Array, centre: _Array, octant: _Array, spacing: _Array, pad: int
) -> _Array:
    """Lambert's law, on the particle's surface and on the faces of the cut."""
    from scipy import ndimage

    index = np.moveaxis(points / spacing + pad, -1, 0)
    wide = ndimage.gaussian_filter(smooth, 1.5)
    normal = np.stack(
        [
            -ndimage.map_coordinates(part, index, order=1) / h
            for part, h in zip(np.gradient(wide), spacing, strict=True)
        ],
        axis=-1,
    )
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    arm = (points - centre) * octant
    tolerance = 1.2 * float(spacing.max())
    on_cut = np.all(arm > -tolerance, axis=-1)
    face = np.argmin(arm, axis=-1)
    flat = np.eye(3)[face] * octant
    normal = np.where(on_cut[..., None], flat, normal)
    light = _LIGHT / np.linalg.norm(_LIGHT)
    return np.asarray(_AMBIENT + (1.0 - _AMBIENT) * np.clip(normal @ light, 0.0, 1.0))


def _inside(
    values: _Array, particle: Particle, points: _Array, eye: _Array, spacing: _Array
) -> _Array:
    """Value of the first voxel with one behind each point of the surface."""
    shape = np.array(values.shape)
    found = np.full(points.shape[:2], np.nan)
    for back in np.arange(0.0, 4.0, 0.5) * float(spacing.min()):
        index = np.rint((points - back * eye) / spacing).astype(int)
        inside = np.all((index >= 0) & (index < shape), axis=-1)
        z, y, x = np.moveaxis(np.clip(index, 0, shape - 1), -1, 0)
        known = inside & np.isnan(found) & particle.solid[z, y, x]
        found[known] = values[z, y, x][known]
    return found
