"""The layer on each facet of the model's surface, from the measured map of ξ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.chemomechanics import ButlerVolmer
from nmcx.comparison.sphere_field import conditioned
from nmcx.cones import fibonacci_directions
from nmcx.materials import Parameters, as_rotations
from nmcx.mesh import image_position, reached_surface
from nmcx.results import LayerMap, Mesh, Particle, SurfaceValues

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

_Float = NDArray[np.float64]

#: Cells of the sphere in which map points are averaged, and facets get one layer.
_CELLS = 1200
_UNSEEN = ("drawn", "mean")


def layer_from_xi(
    surface_values: SurfaceValues,
    particle: Particle,
    mesh: Mesh,
    *,
    largest: float,
    percentiles: tuple[float, float] = (5.0, 95.0),
    unseen: str = "drawn",
    turn: ArrayLike | None = None,
    n_draw: int = 20,
    seed: int = 1,
) -> LayerMap:
    """Thickness of the passivation layer on every surface facet of a mesh, from the map of ξ.

    h = h_max · clip((ξ_hi − ξ) / (ξ_hi − ξ_lo), 0, 1): where ξ is low, nickel is reduced and the
    layer is thick. ξ is taken for a smooth random field of the direction from the particle's
    centre, whose variance and correlation length are the most likely given the map and its errors;
    its most likely course and random ones, all of which agree with the map, are computed from that.

    Parameters
    ----------
    surface_values : SurfaceValues
        From `nmcx.correlation.place`.
    particle : Particle
        The one of the map.
    mesh : Mesh
        From `nmcx.mesh.from_particle`.
    largest : float
        h_max [m]. No measurement of ours gives it: vary it.
    percentiles : (float, float)
        At which ξ_lo and ξ_hi are, of the most likely ξ of what is seen.
    unseen : {"drawn", "mean"}
        The side that nobody has imaged: "drawn" at random, as rough as the imaged one, in every
        draw anew; "mean" the most likely, which far from the map is the mean of ξ. Our choice; it
        acts on the imaged side through the potential, which all share.
    turn : array_like, optional
        (3, 3) rotation, in (z, y, x), by which the map is turned about the particle's centre before
        it acts: a layer as rough as the true one that knows nothing of the place.
    n_draw : int
        Number of random layers.
    seed : int
        Of them.

    Returns
    -------
    LayerMap
        Most likely thickness and `n_draw` random ones. The walls of pores have the layer of the
        surface in their direction.

    Raises
    ------
    ValueError
        If the map has fewer than four usable points or no contrast, an option is out of range, or
        `turn` is no rotation.

    References
    ----------
    Our model; the field is kriged, see `docs/explanation/comparison.md`.

    Examples
    --------
    >>> from nmcx import comparison, mesh, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, correlated=True)
    >>> grains = mesh.from_particle(particle, n_grains=12, size=1.6e-6, seed=1)
    >>> layer = comparison.layer_from_xi(seen, particle, grains, largest=100e-9, n_draw=3)
    >>> layer.draws.shape == (3, len(grains.surface)), bool(layer.thickness.max() <= 100e-9)
    (True, True)
    """
    low, high = percentiles
    if not 0.0 <= low < high <= 100.0:
        raise ValueError(f"percentiles must be two of 0 … 100, ascending, not {percentiles}")
    if not 0.0 < largest < np.inf:
        raise ValueError(f"largest must be a positive, finite thickness [m], not {largest}")
    if unseen not in _UNSEEN:
        raise ValueError(f"unseen must be one of {', '.join(_UNSEEN)}, not {unseen!r}")
    if n_draw < 0:
        raise ValueError(f"n_draw must not be negative, not {n_draw}")
    from scipy.spatial import cKDTree

    cells = fibonacci_directions(_CELLS)
    tree = cKDTree(cells)
    at, value, error = _cell_means(surface_values, tree)
    centre = np.asarray(particle.centre_um)
    way = image_position(mesh.points[mesh.surface].mean(axis=1)) - centre
    if turn is not None:
        # Where the facets are for who turns with the map.
        way = way @ as_rotations(np.asarray(turn)[None], name="turn")[0]
    facet_cell = tree.query(way / np.linalg.norm(way, axis=1)[:, None])[1]
    wanted, of_facet = np.unique(np.concatenate([at, facet_cell]), return_inverse=True)
    seen_cell, of_facet = of_facet[: at.size], of_facet[at.size :]

    xi = conditioned(cells[at], value, error, cells[wanted])
    xi_thickest, xi_bare = np.percentile(xi.mean[seen_cell], [low, high])
    if not xi_bare > xi_thickest:
        raise ValueError("surface_values has no contrast: xi is the same at both percentiles")

    def layer(field: _Float) -> _Float:
        share = np.clip((xi_bare - field) / (xi_bare - xi_thickest), 0.0, 1.0)
        return np.asarray(largest * share[..., of_facet])

    drawn = xi.draws(n_draw, np.random.default_rng(seed))
    if unseen == "mean":
        hidden = np.ones(wanted.size, dtype=bool)
        hidden[seen_cell] = False
        drawn[:, hidden] = xi.mean[hidden]
    # A facet is as far from a pixel's point as half of either's extent.
    reach = np.sqrt(np.median(surface_values.area_um2)) + np.sqrt(mesh.surface_area.max()) * 1e6
    distance = cKDTree(surface_values.points_um).query(centre + way)[0]
    return LayerMap(
        thickness=layer(xi.mean),
        draws=layer(drawn),
        is_seen=np.asarray(distance <= reach),
        xi=xi.mean[of_facet],
        xi_std=np.sqrt(np.maximum(np.diag(xi.covariance), 0.0))[of_facet],
        xi_bare=float(xi_bare),
        xi_thickest=float(xi_thickest),
        settings={
            "largest": float(largest),
            "percentiles": [float(low), float(high)],
            "unseen": unseen,
            "n_draw": int(n_draw),
            "seed": int(seed),
            "correlation_length": xi.length,
            "xi_spread": xi.std,
        },
    )


def _cell_means(
    surface_values: SurfaceValues, tree: cKDTree
) -> tuple[NDArray[np.int64], _Float, _Float]:
    """Cells with map points, and there the mean of ξ by 1 / std² and its standard error."""
    value = np.asarray(surface_values.values, dtype=np.float64)
    std = np.asarray(surface_values.std, dtype=np.float64)
    good = np.isfinite(value) & np.isfinite(std) & (std > 0)
    cell = np.asarray(tree.query(surface_values.directions[good])[1])
    weight = np.bincount(cell, std[good] ** -2.0, minlength=_CELLS)
    at = np.flatnonzero(weight)
    if at.size < 4:
        raise ValueError(
            f"surface_values has points in {at.size} of {_CELLS} cells of the sphere; 4 are needed"
        )
    total = np.bincount(cell, value[good] * std[good] ** -2.0, minlength=_CELLS)
    mean, error = total[at] / weight[at], weight[at] ** -0.5
    return at.astype(np.int64), np.asarray(mean, np.float64), np.asarray(error, np.float64)


def layered_surface(
    layer: LayerMap,
    particle: Particle,
    mesh: Mesh,
    parameters: Parameters,
    *,
    draw: int | None = None,
) -> ButlerVolmer:
    """Surface of an imaged particle for `nmcx.chemomechanics.simulate`: layered, reached only.

    Parameters
    ----------
    layer : LayerMap
        From `layer_from_xi`.
    particle : Particle
        The one of the mesh: walls of pores that are closed in it do not react.
    mesh : Mesh
        That of the layer.
    parameters : Parameters
        For the diffusivity of the layer [m²/s].
    draw : int, optional
        Which of the random layers; default the most likely.

    Returns
    -------
    ButlerVolmer
        Kinetics with D_L / h on the facets that electrolyte reaches.

    Raises
    ------
    ValueError
        If the layer is of another mesh.

    References
    ----------
    See `nmcx.chemomechanics.layer_conductance` and `nmcx.mesh.reached_surface`.

    Examples
    --------
    >>> from nmcx import comparison, materials, mesh, phantom
    >>> particle, seen = phantom.surface_and_porosity(1, correlated=True)
    >>> grains = mesh.from_particle(particle, n_grains=12, size=1.6e-6, seed=1)
    >>> layer = comparison.layer_from_xi(seen, particle, grains, largest=100e-9, n_draw=1)
    >>> surface = comparison.layered_surface(layer, particle, grains, materials.NMC811, draw=0)
    >>> round(float(surface.where.mean()), 1)
    1.0
    """
    if len(layer.thickness) != len(mesh.surface):
        raise ValueError(
            f"layer has {len(layer.thickness)} facets and the mesh {len(mesh.surface)}: make both "
            "from one mesh"
        )
    return ButlerVolmer(
        layer_conductance=layer.conductance(parameters.diffusivity_layer, draw),
        where=reached_surface(mesh, particle),
    )
