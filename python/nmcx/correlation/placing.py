"""Placing the surface map on the particle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import Particle, SurfaceValues, XiMap

_Float = NDArray[np.float64]

#: Width of the Gaussian that smooths the envelope before its normals are taken [voxels].
_NORMAL_SIGMA = 2.0
#: Jump along a ray that no staircase of voxels makes [voxels].
_JUMP = 3.0


def view_frame(view: ArrayLike) -> tuple[_Float, _Float, _Float]:
    """Unit vectors (k, up, right), each (z, y, x), of a map seen along `view`.

    Parameters
    ----------
    view : (3,) array_like
        From the particle towards the beam or detector, (z, y, x), of any length [1].

    Returns
    -------
    tuple of (3,) arrays
        k = view normalised; up = the part of +z perpendicular to k (of +y if abs(k_z) > 0.99);
        right = up x k, as a viewer at +k sees it.

    Raises
    ------
    ValueError
        If `view` is not three finite numbers or has no length.

    References
    ----------
    .. [1] Our convention.

    Examples
    --------
    >>> from nmcx import correlation
    >>> [v.tolist() for v in correlation.view_frame((0, 0, 2))]
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    k = np.asarray(view, dtype=np.float64)
    length = float(np.linalg.norm(k)) if k.shape == (3,) else np.nan
    if not (np.isfinite(length) and length > 0):
        raise ValueError(f"view must be three finite numbers (z, y, x), not all zero, not {view!r}")
    k = k / length
    axis = np.array([0.0, 1.0, 0.0]) if abs(k[0]) > 0.99 else np.array([1.0, 0.0, 0.0])
    up = axis - (axis @ k) * k
    up /= np.linalg.norm(up)
    # The cross product is that of (x, y, z): the order of the components is turned round twice.
    right = np.cross(up[::-1], k[::-1])[::-1]
    # Adding zero turns -0.0 into 0.0, which prints better.
    return k + 0.0, up + 0.0, np.array(right) + 0.0


def tilted_frame(view: ArrayLike, tilt: ArrayLike) -> tuple[_Float, _Float, _Float]:
    """The frame of `view`, turned so that the view moves by `tilt` (upwards, to the right) [rad].

    It moves along a great circle and takes the other two vectors with it (parallel transport).
    """
    k, up, right = view_frame(view)
    upwards, rightwards = np.asarray(tilt, dtype=np.float64)
    angle = float(np.hypot(upwards, rightwards))
    if angle == 0.0:
        return k, up, right
    towards = (upwards * up + rightwards * right) / angle
    cos, sin = np.cos(angle), np.sin(angle)

    def turned(vector: _Float) -> _Float:
        along, across = vector @ k, vector @ towards
        plane = along * (cos * k + sin * towards) + across * (cos * towards - sin * k)
        return np.asarray(vector - along * k - across * towards + plane)

    return turned(k), turned(up), turned(right)


def place(
    xi_map: XiMap,
    particle: Particle,
    *,
    view: ArrayLike,
    tilt: tuple[float, float] = (0.0, 0.0),
    rotation: float = 0.0,
    offset_um: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    max_incidence: float = np.pi / 3,
    beam: ArrayLike | None = None,
    threads: int | None = None,
) -> SurfaceValues:
    """Put a surface map on the particle it was taken of, with a given pose.

    A ray through every pixel finds the first voxel of the envelope (exact traversal). Pixels that
    see the surface too obliquely, lie where one part of the particle ends before another, or lie in
    its own shadow are left out, and counted in the notes.

    Parameters
    ----------
    xi_map : XiMap
        Map of (ny, nx) pixels; rows run upwards, columns to the right; the middle of the map looks
        at the centre of the particle.
    particle : Particle
        Envelope (nz, ny, nx) and centre [um].
    view : (3,) array_like
        From the particle towards the beam or detector, (z, y, x) (see `view_frame`).
    tilt : (float, float)
        Moves the view along a great circle (upwards, to the right) [rad], and the frame with it.
    rotation : float
        Turns the map anticlockwise as the viewer sees it [rad].
    offset_um : (float, float)
        Moves the map (upwards, to the right) [um].
    scale : float
        Enlarges the pixels of the map [1].
    max_incidence : float
        Largest angle between the surface normal and the view [rad]; our default is 60 degrees.
    beam : (3,) array_like, optional
        Where the light comes from, seen from the particle (z, y, x), if the signal is detected from
        another side: points that it does not reach are in shadow. Default: along the view.
    threads : int, optional
        Number of threads; default: all cores.

    Returns
    -------
    SurfaceValues
        One entry per kept pixel; ``area_um2`` = dy dx / cos(incidence); ``dice`` is the overlap of
        the map's valid pixels with the silhouette, 1 when they agree.

    Raises
    ------
    ValueError
        If an option is out of range, or no valid pixel falls on the particle.

    Notes
    -----
    A pixel lies at an occlusion edge if the surface in a neighbouring pixel is nearer or farther by
    more than a slope of `max_incidence` and three voxels can explain (our default): its signal is
    that of two places. `nmcx.correlation.fit_pose` finds the pose: ``place(xi_map, particle,
    **pose.as_options())``.

    References
    ----------
    .. [1] J. Amanatides, A. Woo, "A fast voxel traversal algorithm", Eurographics 1987, 3. Normals:
       gradient of the envelope smoothed by a Gaussian of two voxels (our default).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import correlation
    >>> from nmcx.results import Particle, Shift, XiMap
    >>> z, y, x = np.mgrid[-12:13, -12:13, -12:13]
    >>> ball = x**2 + y**2 + z**2 <= 100
    >>> image = np.full((15, 15), 0.5)
    >>> ratio = XiMap(image, image / 50, image > 0, Shift(0, 0, 0), (1.0, 1.0))
    >>> on_ball = correlation.place(ratio, Particle(ball, ball), view=(0, 0, 1))
    >>> on_ball.values.size, bool(on_ball.directions[:, 2].min() > 0.4)
    (213, True)
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be positive, not {scale}")
    if not 0 < max_incidence < np.pi / 2:
        raise ValueError(f"max_incidence must lie between 0 and pi/2, not {max_incidence}")
    k, up, right = tilted_frame(view, tilt)
    centre = np.asarray(particle.centre_um, dtype=np.float64)
    spacing = np.asarray(particle.voxel_size_um, dtype=np.float64)
    pixel_dy, pixel_dx = (scale * float(s) for s in xi_map.pixel_size_um)
    if not (np.isfinite(pixel_dy * pixel_dx) and pixel_dy * pixel_dx > 0):
        raise ValueError(f"pixel_size_um of the map must be known, not {xi_map.pixel_size_um}")

    ny, nx = np.shape(xi_map.xi)
    b, a = np.meshgrid(
        (np.arange(ny) - (ny - 1) / 2) * pixel_dy,
        (np.arange(nx) - (nx - 1) / 2) * pixel_dx,
        indexing="ij",
    )
    cos, sin = np.cos(rotation), np.sin(rotation)
    across = (a * cos - b * sin + offset_um[1]).ravel()
    upwards = (a * sin + b * cos + offset_um[0]).ravel()
    # Far enough out that every ray starts before the volume, wherever the centre lies.
    corner = np.asarray(particle.envelope.shape) * spacing
    far = float(np.linalg.norm(corner) + np.linalg.norm(centre) + np.linalg.norm(spacing))
    far += float(np.hypot(np.abs(across).max(), np.abs(upwards).max()))
    origins = centre + far * k + across[:, None] * right + upwards[:, None] * up
    envelope = np.ascontiguousarray(particle.envelope)
    hits = _core.first_hits(envelope, spacing, origins, -k, threads or 0)
    seen = hits.voxel >= 0
    valid = np.asarray(xi_map.valid, dtype=bool).ravel()
    n_both = np.count_nonzero(seen & valid)
    if n_both == 0:
        raise ValueError(
            "no valid pixel of the map falls on the particle; check view, rotation, offset_um, "
            "pixel size and voxel size"
        )
    dice = 2.0 * n_both / (np.count_nonzero(seen) + np.count_nonzero(valid))

    pixel = np.flatnonzero(seen & valid)
    incidence = _incidence(envelope, spacing, hits.voxel[pixel], k)
    ray = hits.point_um[pixel] - centre
    distance = np.linalg.norm(ray, axis=1)
    steep = ~(incidence <= max_incidence)
    slope = np.tan(max_incidence) * np.array([pixel_dy, pixel_dx])
    edge = _at_occlusion_edge((hits.point_um @ k).reshape(ny, nx), slope, spacing)[pixel]
    dark = np.zeros_like(steep)
    if beam is not None:
        way = np.asarray(beam, dtype=np.float64)
        if way.shape != (3,) or not 0 < np.linalg.norm(way) < np.inf:
            raise ValueError(f"beam must be three finite numbers (z, y, x), not {beam!r}")
        way = way / np.linalg.norm(way)
        dark = _in_shadow(envelope, spacing, hits.point_um[pixel], way, far, threads or 0)
    keep = ~(steep | edge | dark) & (distance > 0)
    if not np.any(keep):
        raise ValueError(
            "every pixel sees the surface more obliquely than max_incidence, at an occlusion edge "
            "or in shadow; raise max_incidence, or check view, beam and envelope"
        )
    pixel = pixel[keep]
    notes: tuple[str, ...] = (
        f"{int(np.count_nonzero(valid & ~seen))} valid pixels miss the particle",
        f"{int(np.count_nonzero(seen & ~valid))} pixels on the particle have no valid value",
        f"{int(np.count_nonzero(steep))} pixels excluded: incidence above "
        f"{np.degrees(max_incidence):.1f} degrees",
        f"{int(np.count_nonzero(edge & ~steep))} pixels excluded: at occlusion edges",
    )
    if beam is not None:
        n_dark = int(np.count_nonzero(dark & ~steep & ~edge))
        notes = (*notes, f"{n_dark} pixels excluded: the beam does not reach them")
    return SurfaceValues(
        values=np.asarray(xi_map.xi, dtype=np.float64).ravel()[pixel],
        std=np.asarray(xi_map.xi_std, dtype=np.float64).ravel()[pixel],
        directions=ray[keep] / distance[keep, None],
        incidence=incidence[keep],
        points_um=hits.point_um[pixel],
        area_um2=pixel_dy * pixel_dx / np.cos(incidence[keep]),
        view=(float(k[0]), float(k[1]), float(k[2])),
        dice=float(dice),
        notes=notes,
    )


def _at_occlusion_edge(
    height_um: _Float, slope_um: NDArray[np.float64], spacing: _Float
) -> NDArray[np.bool_]:
    """Pixels (ny nx,) next to which the surface jumps along the view; NaN is no surface."""
    edge = np.zeros(height_um.shape, dtype=bool)
    for axis in range(2):
        jump = np.abs(np.diff(height_um, axis=axis))
        far = jump > slope_um[axis] + _JUMP * spacing.max()
        before = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        after = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        edge[before] |= far
        edge[after] |= far
    return edge.ravel()


def _in_shadow(
    envelope: NDArray[np.bool_],
    spacing: _Float,
    points: _Float,
    way: _Float,
    far: float,
    threads: int,
) -> NDArray[np.bool_]:
    """Whether other parts of the envelope lie between surface points (n, 3) and the beam."""
    # Light that comes down through the point meets it first, to the staircase of the voxels.
    met = _core.first_hits(envelope, spacing, points + 2.0 * far * way, -way, threads)
    above = (met.point_um - points) @ way
    return np.asarray(above > _JUMP * spacing.max())


def _incidence(
    envelope: NDArray[np.bool_], spacing: _Float, voxel: NDArray[np.int64], k: _Float
) -> _Float:
    """Angle between view and outward normal at surface voxels; NaN where there is no normal."""
    from scipy.ndimage import gaussian_filter

    # The same width in micrometres along all axes, two voxels along the coarsest.
    sigma = _NORMAL_SIGMA * spacing.max() / spacing
    pad = np.ceil(4.0 * sigma).astype(int) + 1
    padded = np.pad(envelope.astype(np.float32), [(int(p), int(p)) for p in pad])
    smooth = gaussian_filter(padded, sigma)
    at = np.stack(np.unravel_index(voxel, envelope.shape)) + pad[:, None]
    outward = np.empty((3, voxel.size))
    for axis in range(3):
        ahead, behind = at.copy(), at.copy()
        ahead[axis] += 1
        behind[axis] -= 1
        step = smooth[tuple(behind)].astype(np.float64) - smooth[tuple(ahead)]
        outward[axis] = step / (2.0 * spacing[axis])
    with np.errstate(all="ignore"):
        cosine = (k @ outward) / np.linalg.norm(outward, axis=0)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))
