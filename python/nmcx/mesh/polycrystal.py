"""Polycrystals as conforming meshes: a ball or a disc of Voronoi grains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.materials import as_rotations
from nmcx.mesh import seeds as _seeds
from nmcx.mesh.build import assemble
from nmcx.mesh.clipped import Array, clip
from nmcx.mesh.conforming import conforming
from nmcx.mesh.fill import Spacing
from nmcx.mesh.layer import grow_layer
from nmcx.mesh.orientation import radial_texture, random_orientations
from nmcx.results import Mesh

#: Wanted edge length [m], one for all or a function of positions (n, d) [m].
Size = float | Callable[[NDArray[np.float64]], ArrayLike]
Texture = Literal["random", "radial"]

#: Passes of Lloyd's method over seeds placed at random, and lengths below which lines and rims of
#: walls are regularised or, as a last means, stirred, in edge lengths (our defaults).
_RELAXED, _SHORTEST, _TINY = 4, 0.4, 1e-5
#: More points than this are taken for a slip of the unit.
_MOST_POINTS = 5e7


def ball(
    radius: float,
    *,
    n_grains: int | None = None,
    grain_size: float | None = None,
    seeds: ArrayLike | None = None,
    size: Size,
    seed: int = 0,
    relax: int | None = None,
    regularise: bool | None = None,
    orientations: ArrayLike | None = None,
    texture: Texture = "random",
    layer: float = 0.0,
) -> Mesh:
    """Ball of Voronoi grains, meshed with tetrahedra so that the walls are planes of facets.

    Parameters
    ----------
    radius : float
        Of the ball about the origin [m].
    n_grains : int, optional
        Number of grains.
    grain_size : float, optional
        Diameter [m] of a ball of the mean volume of a grain, instead of `n_grains`.
    seeds : array_like, optional
        (n, 3) seeds of the grains [m], inside the ball, instead of either.
    size : float or callable
        Wanted edge length [m], or a function that gives it, (n,), at positions (n, 3) [m].
    seed : int
        Of all random numbers; the same seed gives the same mesh.
    relax : int, optional
        Passes of Lloyd's method, which moves seeds to the centres of their cells and so makes
        grains rounder and more equal. Default: 4, or 0 for given `seeds`.
    regularise : bool, optional
        Whether seeds move a little further until no edge of a wall is shorter than 0.4 `size`, as
        far as that can be had. Short edges make flat cells. Default: yes, or no for given `seeds`.
    orientations : array_like, optional
        (n_grain, 3, 3) rotations from crystal to sample axes, column 2 the c axis. Default: from
        `texture`.
    texture : {"random", "radial"}
        As `random_orientations` and `radial_texture` do, the latter by the grain's seed.
    layer : float
        Thickness of a passivation layer on the surface, meshed with three cells through it
        (see `grow_layer`) [m]; the radius is that of the layer's outside. Grains and what
        `settings` says of them end below it.

    Returns
    -------
    Mesh
        `settings` has the seeds as used (``seeds_m``), what was done to the mesh, how close its
        angles come to 0 or 180 degrees (``worst_angle`` [rad]), relative errors of volume and wall
        area, the largest distance of a wall's points from its plane [edge lengths], and the share
        of the wall area off its plane.

    Raises
    ------
    ValueError
        If an argument is out of range or does not fit the others.
    nmcx.errors.ConvergenceError
        If no mesh passes the checks of conformity in five tries.

    Notes
    -----
    A Voronoi cell clipped by the ball is convex: the Delaunay mesh of points on its walls and
    inside fills it, and meets each wall in the wall's own Delaunay mesh, which the neighbour finds
    too. Every mesh is checked for gaps, overlaps and mismatched facets before it is returned. Cells
    at the sphere are chords of it, so volume and wall area are a little small, by O(size²). The
    worst cells are improved by other edges and moved points; where that does not lift an angle
    above 10 degrees, Voronoi corners closer than half an edge may be merged, and `notes` says so.

    References
    ----------
    The recipe is our method. Voronoi cells and Delaunay meshes: C. B. Barber, D. P. Dobkin and
    H. Huhdanpaa, ACM Trans. Math. Softw. 22 (1996) 469.

    Examples
    --------
    >>> from nmcx import mesh
    >>> grains = mesh.ball(5e-6, n_grains=8, size=1.5e-6, seed=1)
    >>> grains.n_grain, grains.points.shape[1]
    (8, 3)
    >>> abs(grains.settings["wall_area_error"]) < 0.02
    True
    """
    return _polycrystal(
        3,
        radius,
        n_grains,
        grain_size,
        seeds,
        size,
        seed,
        relax,
        regularise,
        orientations,
        texture,
        layer,
    )


def disc(
    radius: float,
    *,
    n_grains: int | None = None,
    grain_size: float | None = None,
    seeds: ArrayLike | None = None,
    size: Size,
    seed: int = 0,
    relax: int | None = None,
    regularise: bool | None = None,
    orientations: ArrayLike | None = None,
    texture: Texture = "random",
    layer: float = 0.0,
) -> Mesh:
    """Disc of Voronoi grains, meshed with triangles so that the walls are straight rows of edges.

    Parameters
    ----------
    radius : float
        Of the disc about the origin [m].
    n_grains : int, optional
        Number of grains.
    grain_size : float, optional
        Diameter [m] of a disc of the mean area of a grain, instead of `n_grains`.
    seeds : array_like, optional
        (n, 2) seeds of the grains [m], inside the disc, instead of either.
    size : float or callable
        Wanted edge length [m], or a function that gives it, (n,), at positions (n, 2) [m].
    seed : int
        Of all random numbers; the same seed gives the same mesh.
    relax, regularise
        As in `ball`.
    orientations : array_like, optional
        (n_grain, 3, 3) rotations from crystal to sample axes, column 2 the c axis. Default: from
        `texture`.
    texture : {"random", "radial"}
        As `random_orientations` and `radial_texture` do, the latter by the grain's seed; the c axis
        mostly leaves the plane.
    layer : float
        As in `ball`.

    Returns
    -------
    Mesh
        As of `ball`; angles are those of the triangles, "wall area" is a length.

    Raises
    ------
    ValueError
        If an argument is out of range or does not fit the others.
    nmcx.errors.ConvergenceError
        If no mesh passes the checks of conformity in five tries.

    References
    ----------
    As of `ball`.

    Examples
    --------
    >>> from nmcx import mesh
    >>> grains = mesh.disc(5e-6, grain_size=2e-6, size=0.4e-6, seed=1)
    >>> grains.n_grain
    25
    >>> bool(grains.settings["worst_angle"] > 0.3)
    True
    """
    return _polycrystal(
        2,
        radius,
        n_grains,
        grain_size,
        seeds,
        size,
        seed,
        relax,
        regularise,
        orientations,
        texture,
        layer,
    )


def _polycrystal(
    dimension: int,
    radius: float,
    n_grains: int | None,
    grain_size: float | None,
    seeds: ArrayLike | None,
    size: Size,
    seed: int,
    relax: int | None,
    regularise: bool | None,
    orientations: ArrayLike | None,
    texture: Texture,
    layer: float,
) -> Mesh:
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"radius must be positive [m], not {radius}")
    if not 0 <= layer < radius:
        raise ValueError(f"layer must be 0 or positive [m] and less than the radius, not {layer}")
    radius = radius - layer
    if texture not in ("random", "radial"):
        raise ValueError(f'texture must be "random" or "radial", not {texture!r}')
    relax = _passes(relax, given=seeds is not None)
    regularise = seeds is None if regularise is None else bool(regularise)
    unit, spacing = _spacing(size, radius, dimension)
    scaled = float(radius) / unit
    placing, turning, meshing = np.random.SeedSequence(seed).spawn(3)
    rng = np.random.default_rng(placing)
    if seeds is None:
        n = _number_of_grains(n_grains, grain_size, radius, dimension)
        first = _seeds.in_ball(rng, n, scaled, dimension)
    else:
        if n_grains is not None or grain_size is not None:
            raise ValueError("give one of n_grains, grain_size and seeds, not several")
        first = _checked_seeds(seeds, radius, dimension) / unit
    turned = None if orientations is None else as_rotations(orientations, name="orientations")
    if turned is not None and len(turned) != len(first):
        raise ValueError(f"orientations has {len(turned)} rotations for {len(first)} grains")

    relaxed = _seeds.relax(first, scaled, relax, rng)
    final = _seeds.stir(relaxed, scaled, _TINY, rng)
    is_degenerate = final is not relaxed
    if regularise or is_degenerate:
        final = _seeds.regularise(final, scaled, _SHORTEST)
    clipped = clip(final, scaled)
    made = conforming(clipped, spacing, meshing)
    if turned is None:
        stream = int(turning.generate_state(1)[0])
        is_radial = texture == "radial"
        turned = (
            radial_texture(final, stream) if is_radial else random_orientations(len(final), stream)
        )
    motion = float(np.sqrt(np.mean(np.sum((final - relaxed) ** 2, axis=1))))
    settings: dict[str, Any] = {
        "radius_m": float(radius),
        "size_m": unit if not callable(size) else "function of position",
        "seed": seed,
        "relax": relax,
        "regularise": regularise,
        "texture": texture if orientations is None else "given",
        "seeds_m": (final * unit).tolist(),
        "seed_motion_m": motion * unit,
        "shortest_line_m": min(clipped.shortest, scaled) * unit,
        **made.settings,
    }
    notes = made.notes
    if is_degenerate and not regularise:
        notes += (
            f"seeds were moved by {motion * unit:.2g} m (root mean square), because some Voronoi "
            "corners coincided but for rounding",
        )
    core = assemble(
        made.points * unit, made.cells, made.grain, turned, settings=settings, notes=notes
    )
    return grow_layer(core, layer) if layer else core


def _passes(relax: int | None, *, given: bool) -> int:
    if relax is None:
        return 0 if given else _RELAXED
    if not (relax >= 0 and relax == np.floor(relax)):
        raise ValueError(f"relax must be a number of passes, 0 or more, not {relax}")
    return int(relax)


def _number_of_grains(
    n_grains: int | None, grain_size: float | None, radius: float, dimension: int
) -> int:
    if (n_grains is None) == (grain_size is None):
        raise ValueError("give one of n_grains, grain_size and seeds")
    if grain_size is not None:
        if not 0 < grain_size <= 2 * radius:
            raise ValueError(
                f"grain_size must be positive [m] and at most 2 radius = {2 * radius}, not "
                f"{grain_size}"
            )
        return max(1, round(float((2.0 * radius / grain_size) ** dimension)))
    if n_grains is None or not (n_grains >= 1 and n_grains == np.floor(n_grains)):
        raise ValueError(f"n_grains must be a whole number, 1 or more, not {n_grains}")
    return int(n_grains)


def _checked_seeds(seeds: ArrayLike, radius: float, dimension: int) -> Array:
    from scipy.spatial import cKDTree

    places = np.asarray(seeds, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != dimension or not len(places):
        raise ValueError(f"seeds must have shape (n, {dimension}), not {places.shape}")
    if not np.isfinite(places).all():
        raise ValueError("seeds must be finite")
    out = np.flatnonzero(np.linalg.norm(places, axis=1) >= radius)
    if out.size:
        raise ValueError(f"seeds[{out[0]}] is not inside the radius of {radius}; leave it out")
    pairs = cKDTree(places).query_pairs(1e-9 * radius, output_type="ndarray")
    if len(pairs):
        raise ValueError(f"seeds {pairs[0, 0]} and {pairs[0, 1]} coincide; leave one out")
    return places


def _spacing(size: Size, radius: float, dimension: int) -> tuple[float, Spacing]:
    """Unit of length [m], and the edge length wanted, both in that unit."""
    if not callable(size):
        unit = float(size)
        if not (np.isfinite(unit) and 0 < unit <= radius):
            raise ValueError(
                f"size must be positive [m] and at most the radius {radius}, not {size}"
            )
        _check_number((radius / unit) ** dimension)
        return unit, lambda points: np.ones(len(points))

    def metres(places: Array) -> Array:
        # Lattices reach a little beyond the ball, where the caller's function need not hold.
        out = np.linalg.norm(places, axis=1) / radius
        values = np.asarray(size(places / np.maximum(out, 1.0)[:, None]), dtype=np.float64)
        if values.shape != (len(places),):
            raise ValueError(
                f"size must give one length per position: shape ({len(places)},), not "
                f"{values.shape}"
            )
        if not (np.isfinite(values).all() and np.all((values > 0) & (values <= radius))):
            raise ValueError(
                f"size must be positive [m] and at most the radius {radius} at every position"
            )
        return values

    axis = np.linspace(-radius, radius, 33)
    grid = np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    inside = np.linalg.norm(grid, axis=1) <= radius
    values = metres(grid[inside])
    unit = float(np.exp(np.mean(np.log(values))))
    _check_number(float(np.mean(values ** -float(dimension))) * radius**dimension)
    return unit, lambda points: metres(points * unit) / unit


def _check_number(filling: float) -> None:
    if filling > _MOST_POINTS / 6.0:
        raise ValueError(
            f"size asks for about {6.0 * filling:.0e} points; choose a larger size [m]"
        )
