"""A surface map taken of a particle in a pose that is known: a test of placing it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmcx.phantom.geometry import Array, Body, Frame, random_body, smooth_field, view_frame
from nmcx.phantom.soft import Scene, independent_xi, render
from nmcx.results import Particle, Result, Shift, XiMap
from nmcx.results.base import quantity

_XI_MEAN, _XI_SPREAD = 0.55, 0.03


@dataclass(frozen=True)
class PlacedMap(Result):
    """A ratio map, the particle it was taken of, and its true pose."""

    xi_map: XiMap = quantity("")  #: with the intensities `low` and `high`
    particle: Particle = quantity("")  #: without pores: solid and envelope are one
    view: tuple[float, float, float] = quantity("1")  #: nominal, towards the beam (z, y, x)
    tilt: tuple[float, float] = quantity("rad")  #: true (upwards, to the right) [rad]
    rotation: float = quantity("rad")  #: true [rad]
    offset_um: tuple[float, float] = quantity("µm")  #: true (upwards, to the right) [µm]
    scale: float = quantity("1")  #: true over nominal pixel size [1]

    @property
    def parameters(self) -> Array:
        """(6,) true pose in the order of `nmcx.results.Pose.samples`."""
        return np.array([*self.tilt, self.rotation, *self.offset_um, self.scale])


def placed_map(
    seed: int = 1,
    *,
    shape: tuple[int, int, int] = (126, 126, 126),
    voxel_size_um: float = 0.1,
    bumps: float = 0.08,
    map_shape: tuple[int, int] = (64, 64),
    view: tuple[float, float, float] = (0.0, 0.3, 1.0),
    tilt: tuple[float, float] | None = None,
    rotation: float | None = None,
    offset_um: tuple[float, float] | None = None,
    scale: float | None = None,
    texture: float = 0.15,
    counts: float = 2000.0,
    background: float = 8.0,
) -> PlacedMap:
    """Surface map of an irregular particle in a pose drawn at random or given.

    The image is rendered from the shape itself, the particle is the same shape on voxels, so that
    the two share no lattice. The yield grows with obliqueness, has a texture that follows no shape,
    and is blurred by the spot; both energies have counting noise and a detector background.

    Parameters
    ----------
    seed : int
        Seed of everything random.
    shape : (int, int, int)
        Voxels (nz, ny, nx), of which the particle fills 0.86 of the shortest side.
    voxel_size_um : float
        Size of a voxel [µm].
    bumps : float
        Height of the lumps against the mean radius, 0 for a ball [1].
    map_shape : (int, int)
        Pixels (ny, nx); the shorter side spans 2.8 radii.
    view : (float, float, float)
        Nominal, from the particle towards the beam (z, y, x).
    tilt : (float, float), optional
        Of the view (upwards, to the right) [rad]; default uniform within 0.1 of 0.
    rotation : float, optional
        Of the map [rad]; default uniform over the circle.
    offset_um : (float, float), optional
        Of the map (upwards, to the right) [µm]; default uniform within a tenth of the radius.
    scale : float, optional
        True over nominal pixel size [1]; default uniform within 3 % of 1.
    texture : float
        Largest relative variation of the yield over the surface, up to 0.15 [1].
    counts : float
        Mean counts per pixel and energy on flat surface [1].
    background : float
        Counts per pixel and energy without a particle [1].

    Returns
    -------
    PlacedMap
        Map, particle and true pose.

    Raises
    ------
    ValueError
        If `bumps`, `texture`, `counts` or `background` is out of range, or `view` has no direction.

    References
    ----------
    Our default.

    Examples
    --------
    >>> made = placed_map(3, shape=(40, 40, 40), voxel_size_um=0.3, map_shape=(32, 32))
    >>> made.xi_map.low.shape, bool(abs(made.scale - 1) <= 0.03)
    ((32, 32), True)
    """
    if not (0 <= bumps <= 0.1 and 0 <= texture <= 0.15 and counts > 0 and background >= 0):
        raise ValueError(
            "bumps must lie in 0..0.1, texture in 0..0.15; counts must be positive and background "
            "not negative"
        )
    streams = np.random.SeedSequence(seed).spawn(5)
    shaping, relief, chemistry, posing, counting = (np.random.default_rng(s) for s in streams)
    extent = (np.array(shape) - 1) * voxel_size_um
    radius = 0.86 * (float(extent.min()) + voxel_size_um) / 2
    lumpy = random_body(shaping, extent / 2, radius)
    body = Body(lumpy.centre_um, radius, lumpy.bumps, bumps)
    axes = np.meshgrid(*(np.arange(n) * voxel_size_um for n in shape), indexing="ij")
    envelope = body.depth(np.stack(axes, axis=-1)) >= 0.0
    particle = Particle(envelope, envelope, (voxel_size_um,) * 3)

    drawn = posing.uniform(-1.0, 1.0, 6)
    tilt = (0.1 * drawn[0], 0.1 * drawn[1]) if tilt is None else tilt
    rotation = np.pi * drawn[2] if rotation is None else rotation
    reach = 0.1 * radius
    offset_um = (reach * drawn[3], reach * drawn[4]) if offset_um is None else offset_um
    scale = 1.0 + 0.03 * drawn[5] if scale is None else scale

    frame = _tilted(view_frame(view, rotation, offset_um), tilt)
    field = smooth_field(relief, 0.12 * radius)
    scene = Scene(body, None, frame, np.array(particle.centre_um), field, texture)
    pixel_um = 2.8 * radius / min(map_shape)
    true_pixel = (scale * pixel_um, scale * pixel_um)
    xi = independent_xi(smooth_field(chemistry, 0.3), _XI_MEAN, _XI_SPREAD)
    image = render(scene, xi, map_shape, true_pixel)
    both = 2.0 * counts * image.total
    low = counting.poisson(both * (1.0 - image.ratio) + background).astype(np.float64)
    high = counting.poisson(both * image.ratio + background).astype(np.float64)
    ratio = ratio_map(low - background, high - background, background, pixel_um)
    direction = view_frame(view, 0.0, (0.0, 0.0)).view
    return PlacedMap(
        xi_map=ratio,
        particle=particle,
        view=(float(direction[0]), float(direction[1]), float(direction[2])),
        tilt=(float(tilt[0]), float(tilt[1])),
        rotation=float(rotation),
        offset_um=(float(offset_um[0]), float(offset_um[1])),
        scale=float(scale),
    )


def _tilted(frame: Frame, tilt: tuple[float, float]) -> Frame:
    """The frame after a turn that moves its view upwards and to the right [rad]."""
    from scipy.spatial.transform import Rotation

    # In (x, y, z): the axis k x t turns k towards t.
    towards = tilt[0] * frame.up + tilt[1] * frame.right
    turn = Rotation.from_rotvec(np.cross(frame.view[::-1], towards[::-1]))
    view, up, right = (turn.apply(v[::-1])[::-1] for v in (frame.view, frame.up, frame.right))
    return Frame(view, up, right, frame.rotation, frame.offset_um)


def ratio_map(low: Array, high: Array, background: float, pixel_um: float) -> XiMap:
    """The ratio where there is more signal than noise, with its standard error from counting."""
    both = low + high
    valid = both > 5.0 * np.sqrt(2.0 * background + np.maximum(both, 0.0) + 1.0)
    total = np.where(valid, both, np.nan)
    ratio = high / total
    variance = (1.0 - ratio) ** 2 * (high + background) + ratio**2 * (low + background)
    return XiMap(
        xi=ratio,
        xi_std=np.sqrt(variance) / total,
        valid=valid,
        shift=Shift(0.0, 0.0, 0.0),
        pixel_size_um=(pixel_um, pixel_um),
        low=low,
        high=high,
    )


__all__ = ["PlacedMap", "placed_map"]
