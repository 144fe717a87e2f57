"""A synthetic measurement of one charged NMC811 particle, with its truth beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.phantom.geometry import (
    PARTICLE,
    Array,
    Body,
    cap_porosity,
    fibonacci_sphere,
    place_mount,
    random_body,
    smooth_field,
    view_frame,
)
from nmcx.phantom.grains import Voxels, fill_voxels, grow_grains
from nmcx.phantom.hard import absorption, edge_energies_of, on_solid, tomogram
from nmcx.phantom.records import Phantom, Truth
from nmcx.phantom.soft import (
    Scene,
    SphereTable,
    correlated_xi,
    independent_xi,
    map_positions,
    render,
)
from nmcx.phantom.spectra import edge_energies, white_line_offset
from nmcx.results import (
    EnergyStack,
    Particle,
    Shift,
    StxmStack,
    SurfaceValues,
    voxel_spacing,
)

SOFT_ENERGIES_EV = (854.0, 856.2)
_XI_MEAN, _XI_SPREAD = 0.56, 0.03
_CORRELATION, _CAP = -0.7, np.deg2rad(20.0)
_N_CELL = 4000


def particle(
    seed: int = 1,
    *,
    shape: tuple[int, int, int] = (120, 112, 116),
    voxel_size_um: float | tuple[float, float, float] = 0.1,
    radius_um: float | None = None,
    correlated: bool = True,
    noise: float = 0.03,
    edge_jump: float = 0.25,
    core_edge_ev: float = 8343.4,
    surface_edge_ev: float = 8344.4,
    energy_ev: ArrayLike | None = None,
    map_shape: tuple[int, int] = (64, 68),
    map_pixel_um: float | None = None,
    view: tuple[float, float, float] = (0.0, 0.0, 1.0),
    rotation: float = 0.07,
    offset_um: tuple[float, float] = (0.3, -0.4),
    drift: tuple[float, float] = (3.37, -2.62),
    counts: float = 2000.0,
    background: float = 8.0,
    dwell_s: float = 0.01,
) -> Phantom:
    """Synthetic measurement of one charged NMC811 secondary particle on a needle.

    Voronoi grains whose walls open as cracks where a smooth random field is high, with pores,
    are more oxidised near the surface than in the core. The particle sits on a W needle with a
    Pt weld that hides part of its surface. The ratio xi of the surface falls where the bulk
    behind it is porous, unless `correlated` is false: then it is a field of its own.

    Parameters
    ----------
    seed : int
        Seed of everything random; one seed always gives the same arrays.
    shape : (int, int, int)
        Voxels (nz, ny, nx).
    voxel_size_um : float or (float, float, float)
        Size of a voxel, or (dz, dy, dx) [µm].
    radius_um : float, optional
        Mean radius [µm]; default 0.89 times half the smallest side of the volume.
    correlated : bool
        Whether xi follows the porosity (correlation -0.7 with the porosity of caps of 20° half
        angle on the imaged patch) or is independent of it.
    noise : float
        Standard deviation of `mu` per voxel and energy, in jumps of a full voxel [1].
    edge_jump : float
        Edge jump of a voxel full of grains [1].
    core_edge_ev, surface_edge_ev : float
        Mean half-jump energies in the core and at the surface [eV].
    energy_ev : (n_energy,) array_like, optional
        Energies of the stack [eV]; default `edge_energies()`.
    map_shape : (int, int)
        Pixels (ny, nx) of the surface scans.
    map_pixel_um : float, optional
        Their size [µm]; default: the shorter side of the map spans 2.6 radii.
    view : (float, float, float)
        From the particle towards the beam of the surface scans (z, y, x).
    rotation, offset_um : float, (float, float)
        Pose of the map, as in `nmcx.correlation.place` [rad], [µm].
    drift : (float, float)
        Displacement (rows, columns) of the high-energy scan against the low one [px].
    counts : float
        Mean counts per pixel and energy on flat bare particle; about twice that at the limb [1].
    background : float
        Counts per pixel of dark signal and stray electrons [1].
    dwell_s : float
        Time per pixel [s].

    Returns
    -------
    Phantom
        Stack, scans, tomogram and truth.

    Raises
    ------
    ValueError
        If the volume cannot hold the particle, `view` has no direction, or a number is out of
        range.

    References
    ----------
    Our default; sizes, energies and noise after S. Li et al., Nat. Commun. 11, 4433 (2020) and
    the 6-2c data of the xanespy project.

    Examples
    --------
    >>> small = particle(shape=(40, 36, 38), voxel_size_um=0.3, map_shape=(32, 32))
    >>> small.energy_stack.mu.shape, small.low.counts.shape
    ((61, 40, 36, 38), (1, 32, 32))
    >>> bool(small.truth.correlation < -0.6)
    True
    """
    spacing = voxel_spacing(voxel_size_um)
    _check(shape, map_shape, noise, edge_jump, counts, background)
    energy = edge_energies() if energy_ev is None else np.asarray(energy_ev, dtype=np.float64)
    rng = _streams(seed)
    body = _body(rng["body"], shape, spacing, radius_um)
    frame = view_frame(view, rotation, offset_um)
    mount = place_mount(body, frame.view)
    voxels = _fill(rng["grains"], body, shape, spacing, mounted=True, view=frame.view)
    grown = Particle(voxels.solid, voxels.envelope, spacing)
    texture = smooth_field(rng["texture"], 0.12 * body.radius_um)
    scene = Scene(body, mount, frame, np.array(grown.centre_um), texture)
    pixel_um = map_pixel_um or 2.6 * body.radius_um / min(map_shape)
    pixel = (pixel_um, pixel_um)

    porosity, imaged = _bulk_porosity(scene, voxels), _imaged(scene, map_shape, pixel)
    xi = _surface_ratio(rng["xi"], porosity if correlated else None, imaged)
    correlation = float(np.corrcoef(xi(imaged), SphereTable(porosity)(imaged))[0, 1])
    first = render(scene, xi, map_shape, pixel)
    second = render(scene, xi, map_shape, pixel, drift)
    scale, floor = 2.0 * counts, background
    low = rng["low"].poisson(scale * first.total * (1.0 - first.ratio) + floor)
    high = rng["high"].poisson(scale * second.total * second.ratio + floor)

    edge = edge_energies_of(rng["bulk"], body, voxels, core_edge_ev, surface_edge_ev)
    mu = absorption(rng["stack"], voxels, edge, energy, shape, edge_jump, noise)
    truth = Truth(
        edge_energy_ev=on_solid(voxels, edge),
        white_line_ev=on_solid(voxels, edge + white_line_offset()),
        solid=voxels.solid,
        envelope=voxels.envelope,
        xi=first.xi,
        shift=Shift(float(drift[0]), float(drift[1]), 0.0),
        view=(float(frame.view[0]), float(frame.view[1]), float(frame.view[2])),
        rotation=float(rotation),
        offset_um=(float(offset_um[0]), float(offset_um[1])),
        voxel_size_um=spacing,
        centre_um=grown.centre_um,
        edge_jump=float(edge_jump),
        noise=float(noise),
        seed=int(seed),
        correlated=bool(correlated),
        correlation=correlation,
        cap_half_angle=float(_CAP),
    )
    return Phantom(
        energy_stack=EnergyStack(energy, mu, None, spacing),
        low=_scan(low, SOFT_ENERGIES_EV[0], pixel_um, dwell_s),
        high=_scan(high, SOFT_ENERGIES_EV[1], pixel_um, dwell_s),
        tomogram=tomogram(rng["tomogram"], voxels, shape),
        truth=truth,
    )


def surface_and_porosity(
    seed: int,
    *,
    correlated: bool = False,
    shape: tuple[int, int, int] = (60, 60, 60),
    voxel_size_um: float = 0.2,
    map_shape: tuple[int, int] = (32, 32),
    view: tuple[float, float, float] = (0.0, 0.0, 1.0),
    max_incidence: float = np.pi / 3,
    counts: float = 2000.0,
) -> tuple[Particle, SurfaceValues]:
    """Particle and placed surface map without spectra, scans or mount: quick, for statistics.

    Everything random about it is isotropic, so that with `correlated` false a rotation is a fair
    null model: p-values of an honest test are uniform over seeds.

    Parameters
    ----------
    seed : int
        Seed of everything random.
    correlated : bool
        As in `particle`.
    shape : (int, int, int)
        Voxels (nz, ny, nx).
    voxel_size_um : float
        Size of a voxel [µm].
    map_shape : (int, int)
        Pixels (ny, nx) of the map, whose shorter side spans 2.2 radii.
    view : (float, float, float)
        From the particle towards the beam (z, y, x).
    max_incidence : float
        Largest angle between surface normal and view [rad].
    counts : float
        Counts per pixel and energy on flat surface, which set the noise [1].

    Returns
    -------
    (Particle, SurfaceValues)
        The true particle, and xi with Poisson noise on the visible surface.

    Raises
    ------
    ValueError
        As in `particle`.

    References
    ----------
    Our default.

    Examples
    --------
    >>> grown, seen = surface_and_porosity(1)
    >>> seen.directions.shape == (seen.values.size, 3)
    True
    """
    spacing = voxel_spacing(voxel_size_um)
    _check(shape, map_shape, 0.0, 1.0, counts, 0.0)
    rng = _streams(seed)
    body = _body(rng["body"], shape, spacing, None)
    frame = view_frame(view, 0.0, (0.0, 0.0))
    voxels = _fill(rng["grains"], body, shape, spacing, mounted=False, view=frame.view)
    grown = Particle(voxels.solid, voxels.envelope, spacing)
    texture = smooth_field(rng["texture"], 0.12 * body.radius_um)
    scene = Scene(body, None, frame, np.array(grown.centre_um), texture)
    pixel_um = 2.2 * body.radius_um / min(map_shape)
    pixel = (pixel_um, pixel_um)
    porosity = _bulk_porosity(scene, voxels) if correlated else None
    imaged = _imaged(scene, map_shape, pixel) if correlated else None
    xi = _surface_ratio(rng["xi"], porosity, imaged)

    rows, columns = map_positions(map_shape, pixel, (0.0, 0.0))
    hits = scene.look(rows.ravel(), columns.ravel())
    kept = (hits.kind == PARTICLE) & (np.nan_to_num(hits.cosine) >= np.cos(max_incidence))
    points, cosine = hits.points[kept], hits.cosine[kept]
    directions = scene.directions(points)
    ratio = xi(directions)
    std = np.sqrt(ratio * (1.0 - ratio) / (2.0 * counts / cosine))
    return grown, SurfaceValues(
        values=ratio + std * rng["low"].standard_normal(ratio.size),
        std=std,
        directions=directions,
        incidence=np.arccos(np.minimum(cosine, 1.0)),
        points_um=points,
        area_um2=pixel_um**2 / cosine,
        view=(float(frame.view[0]), float(frame.view[1]), float(frame.view[2])),
        dice=1.0,
    )


def _streams(seed: int) -> dict[str, np.random.Generator]:
    # One stream per purpose: another map size leaves the volume as it was.
    names = ("body", "grains", "texture", "xi", "low", "high", "bulk", "stack", "tomogram")
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(c) for name, c in zip(names, children, strict=True)}


def _check(
    shape: tuple[int, ...],
    map_shape: tuple[int, ...],
    noise: float,
    edge_jump: float,
    counts: float,
    background: float,
) -> None:
    if len(shape) != 3 or min(shape) < 16:
        raise ValueError(f"shape must be three numbers of voxels of at least 16, not {shape}")
    if len(map_shape) != 2 or min(map_shape) < 8:
        raise ValueError(f"map_shape must be two numbers of pixels of at least 8, not {map_shape}")
    if not (noise >= 0 and edge_jump > 0 and counts > 0 and background >= 0):
        raise ValueError(
            "noise and background must not be negative, edge_jump and counts must be positive"
        )


def _body(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    radius_um: float | None,
) -> Body:
    extent = (np.array(shape) - 1) * np.array(spacing)
    radius = 0.89 * float((extent + spacing).min()) / 2 if radius_um is None else float(radius_um)
    body = random_body(rng, extent / 2, radius)
    if not radius > 0 or 2.0 * body.largest_um > extent.min():
        raise ValueError(
            f"radius_um {radius:g} does not fit in {shape} voxels of {spacing} µm: "
            "it must be positive and at most 0.46 of the smallest side"
        )
    # What height is left goes below, to the needle.
    top = body.centre_um[0] + body.largest_um + spacing[0]
    lift = np.array([max(extent[0] - top, 0.0), 0.0, 0.0])
    return Body(body.centre_um + lift, radius, body.bumps, body.amplitude)


def _fill(
    rng: np.random.Generator,
    body: Body,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    *,
    mounted: bool,
    view: Array,
) -> Voxels:
    # Cracks must be resolved and grains must outgrow them, also in coarse volumes.
    step = max(spacing)
    crack_um = max(0.04 * body.radius_um, 1.6 * step)
    grains = grow_grains(rng, body.radius_um, max(0.28 * body.radius_um, 8.0 * step), crack_um)
    mount = place_mount(body, view) if mounted else None
    return fill_voxels(body, grains, mount, shape, spacing)


def _bulk_porosity(scene: Scene, voxels: Voxels) -> Array:
    """Cap-averaged porosity in the directions of `fibonacci_sphere(_N_CELL)`."""
    held = voxels.envelope.ravel()[voxels.index]
    void = ~voxels.solid.ravel()[voxels.index[held]]
    relative = voxels.points_um[held] - scene.centre_um
    return cap_porosity(relative, void, fibonacci_sphere(_N_CELL), _CAP)


def _imaged(scene: Scene, map_shape: tuple[int, int], pixel_um: tuple[float, float]) -> Array:
    """Directions (n, 3) of the pixels that see bare particle at up to 60° incidence."""
    rows, columns = map_positions(map_shape, pixel_um, (0.0, 0.0))
    hits = scene.look(rows.ravel(), columns.ravel())
    seen = (hits.kind == PARTICLE) & (np.nan_to_num(hits.cosine) >= 0.5)
    return scene.directions(hits.points[seen])


def _surface_ratio(
    rng: np.random.Generator, porosity: Array | None, imaged: Array | None
) -> SphereTable:
    """Ratio on the surface, correlated over `imaged` with `porosity` if there is one."""
    field = smooth_field(rng, 0.3)
    if porosity is None or imaged is None:
        return independent_xi(field, _XI_MEAN, _XI_SPREAD)
    return correlated_xi(field, porosity, imaged, _XI_MEAN, _XI_SPREAD, _CORRELATION)


def _scan(
    counts: NDArray[np.int64], energy_ev: float, pixel_um: float, dwell_s: float
) -> StxmStack:
    ny, nx = counts.shape
    return StxmStack(
        counts=counts[None].astype(np.float64),
        energy_ev=np.array([energy_ev]),
        x_um=(np.arange(nx) - (nx - 1) / 2) * pixel_um,
        y_um=(np.arange(ny) - (ny - 1) / 2) * pixel_um,
        dwell_s=dwell_s,
    )


__all__ = ["particle", "surface_and_porosity"]
