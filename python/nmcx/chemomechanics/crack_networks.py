"""Which broken walls hang together, and which of them open to the surface."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nmcx.results import CrackNetwork, Equilibrium, History, Mesh

_Index = NDArray[np.int64]
_Floats = NDArray[np.float64]

#: Damage from which a wall counts as damaged where its share is told (ours) [1].
DAMAGED = 0.95


def wall_shares(mesh: Mesh, history: History) -> tuple[_Floats, _Floats]:
    """Shares of the walls, by area, that are damaged and that electrolyte has filled.

    Parameters
    ----------
    mesh : Mesh
        The polycrystal.
    history : History
        Of it.

    Returns
    -------
    damaged, filled : numpy.ndarray
        (n,) each, at every saved time [1]; 0 of a body without walls.
    """
    area = np.asarray(mesh.interface_area, dtype=np.float64)
    share = area / max(float(area.sum()), np.finfo(np.float64).tiny)
    damaged = (np.asarray(history.damage) >= DAMAGED) @ share
    return np.asarray(damaged), np.asarray(np.asarray(history.wetted) @ share)


def crack_network(
    mesh: Mesh, state: Equilibrium, *, least_damage: float = 0.99, least_opening: float = 0.0
) -> CrackNetwork:
    """Cracks of a polycrystal: wall facets that are broken and share a point (d = 2) or an edge.

    Parameters
    ----------
    mesh : Mesh
        The polycrystal.
    state : Equilibrium
        Of it, with cohesive walls.
    least_damage : float
        Facets with at least this mean damage are cracked [1]. Damage of a stiff law rises early: at
        0.99 a wall of Table 1 has spent about a tenth of its fracture energy.
    least_opening : float
        Mean opening that they must have as well [m].

    Returns
    -------
    CrackNetwork
        Label of every facet, area of every crack, and whether it reaches the surface.

    Raises
    ------
    ValueError
        If the state has no cohesive walls or is of another mesh.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, materials, mesh
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> delithiated = 0.5 * materials.NMC811.max_concentration
    >>> state = cm.equilibrium(grains, materials.NMC811, delithiated, walls="cohesive")
    >>> cracks = cm.crack_network(grains, state, least_damage=0.9)
    >>> bool(cracks.area.sum() <= grains.interface_area.sum())
    True
    """
    if state.damage is None or state.opening is None:
        raise ValueError("state must be an equilibrium with walls='cohesive'")
    if len(state.damage) != len(mesh.interfaces):
        raise ValueError("state must be an equilibrium of this mesh")
    return network_of(mesh, (state.damage >= least_damage) & (state.opening >= least_opening))


def network_of(mesh: Mesh, is_cracked: NDArray[np.bool_]) -> CrackNetwork:
    """Cracks that a mask (k,) of wall facets makes up."""
    cracked = np.flatnonzero(is_cracked)
    place = _place_of_node(mesh)
    d = mesh.dimension
    hinges, n_hinge = _hinges(place[mesh.interfaces[cracked, :d]], place[mesh.surface])
    of_facet, of_surface = hinges
    # Facets and hinges are the nodes of one graph; facets that share a hinge are connected by it.
    n = len(cracked)
    rows = np.repeat(np.arange(n), of_facet.shape[1]) if n else np.empty(0, dtype=np.int64)
    component = _components(n + n_hinge, rows, n + of_facet.ravel())
    found, label = np.unique(component[:n], return_inverse=True)
    weight = mesh.interface_area[cracked]
    area = np.bincount(label, weight, minlength=len(found)).astype(np.float64)
    is_open = np.isin(found, component[n + np.unique(of_surface)])
    order = np.argsort(-area, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    labels = np.zeros(len(mesh.interfaces), dtype=np.int64)
    labels[cracked] = rank[label]
    return CrackNetwork(labels=labels, area=area[order], reaches_surface=is_open[order])


def _place_of_node(mesh: Mesh) -> _Index:
    """Number of the point in space that each node shares with its neighbours across walls."""
    d = mesh.dimension
    first, second = mesh.interfaces[:, :d].ravel(), mesh.interfaces[:, d:].ravel()
    return _components(len(mesh.points), first, second)


def _components(n: int, first: _Index, second: _Index) -> _Index:
    """Number of the connected part that each of n nodes belongs to, given pairs of neighbours."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    return np.asarray(connected_components(pairs, directed=False)[1], dtype=np.int64)


def _hinges(facets: _Index, surface: _Index) -> tuple[tuple[_Index, _Index], int]:
    """What facets can share: points with two dimensions, edges with three, by number."""
    d = facets.shape[1]
    pairs = [(i,) for i in range(2)] if d == 2 else list(combinations(range(3), 2))
    stacked = np.concatenate(
        [np.sort(rows[:, list(p)], axis=1) for rows in (facets, surface) for p in pairs]
    )
    unique, number = np.unique(stacked, axis=0, return_inverse=True)
    number = number.ravel()
    n = len(facets) * len(pairs)
    of_facet = number[:n].reshape(len(pairs), len(facets)).T
    return (np.ascontiguousarray(of_facet), number[n:]), len(unique)
