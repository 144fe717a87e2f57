"""A cycled particle cycle by cycle, and what the growth of its layer would show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.materials import Parameters
from nmcx.results import CycleTable, History, LayerMap, Mesh

_Float = NDArray[np.float64]


def by_cycle(
    history: History,
    mesh: Mesh,
    parameters: Parameters,
    *,
    parts_per_cycle: int | None = None,
    since: int = 1,
    layer: LayerMap | None = None,
    layer_suppression: float = 1.0,
    probing_depth: tuple[float, float] = (5e-9, 10e-9),
) -> CycleTable:
    """What each cycle leaves: layer, capacity, cracks, and how ξ and the O K pre-edge would change.

    ξ follows the layer by the relation of `layer_from_xi` read backwards, ξ = ξ_hi −
    (ξ_hi − ξ_lo) min(h / h_max, 1), facet by facet. Electron yield weights depths by exp(−z / λ),
    so of a facet with a layer of thickness h the share 1 − exp(−h / λ) of its signal is the
    layer's, and the pre-edge area is A_0 (1 − s mean(1 − exp(−h / λ))), s being
    `layer_suppression`.

    Parameters
    ----------
    history : History
        From `nmcx.chemomechanics.simulate`.
    mesh : Mesh
        That of the history.
    parameters : Parameters
        For C_max and the diffusivity of the layer.
    parts_per_cycle : int, optional
        Parts of the protocol in a cycle. Default: the fewest whose repetition is the protocol. A
        cycle is in the table once its last part has begun.
    since : int
        Cycle with which ξ and pre-edge are compared; 0: the start.
    layer : LayerMap, optional
        From `layer_from_xi`, of the same mesh: how ξ and layer belong together. Without it the
        change of ξ is NaN.
    layer_suppression : float
        Share of the pre-edge area that a surface would lose if electrons saw the layer alone [1].
        1 (ours): the layer has no pre-edge, so that no layer could suppress more.
    probing_depth : (float, float)
        Smallest and largest λ of the electron yield [m].

    Returns
    -------
    CycleTable
        The start and the end of each cycle. ξ and pre-edge are those of the outer surface.

    Raises
    ------
    ValueError
        If the history is of another mesh or protocol, the layer of another mesh, or an option is
        out of range.

    Notes
    -----
    The error of ξ is that of the contrast ξ_hi − ξ_lo, both of which are taken to be as uncertain
    as the map is where it was seen; h_max is a choice, and no part of it. The middle of the probing
    depths gives `suppression`.

    References
    ----------
    Our model. Suppression as in Li et al., Nat. Commun. (2020), 10.1038/s41467-020-18278-y, Suppl.
    Fig. 2. Probing depth: J. Stöhr, "NEXAFS Spectroscopy" (1992), section 5.2.

    Examples
    --------
    >>> from nmcx import chemomechanics as cm, comparison, materials, mesh
    >>> grains = mesh.disc(2e-6, n_grains=6, size=0.6e-6, seed=1)
    >>> cycle = [cm.Charge(2.0, until=0.6), cm.Discharge(2.0, until=0.9)]
    >>> grown = cm.Coupling(stress_drive="none", layer_growth=1e-21)
    >>> history = cm.simulate(
    ...     grains, materials.NMC811, protocol=cycle * 2, coupling=grown, states=1
    ... )
    >>> table = comparison.by_cycle(history, grains, materials.NMC811)
    >>> table.cycle.tolist(), (table.surface_layer * 1e9).round(2).tolist()
    ([0, 1, 2], [0.0, 1.53, 2.12])
    """
    if history.surface_layer.shape[1:] != mesh.surface.shape[:1] or (
        history.damage.shape[1:] != mesh.interfaces.shape[:1]
    ):
        raise ValueError("history must be of the mesh: it has other facets")
    if layer is not None and layer.thickness.shape != mesh.surface.shape[:1]:
        raise ValueError("layer must be of the mesh: make both from one")
    if not 0.0 <= layer_suppression <= 1.0:
        raise ValueError(f"layer_suppression must lie between 0 and 1, not {layer_suppression!r}")
    if not 0.0 < probing_depth[0] <= probing_depth[1] < np.inf:
        raise ValueError(f"probing_depth must be two depths, ascending [m], not {probing_depth!r}")
    rows = _rows(history, parts_per_cycle)
    if not 0 <= since < len(rows):
        raise ValueError(f"since must be one of the cycles 0 … {len(rows) - 1}, not {since!r}")

    last = np.array([row[-1] for row in rows])
    surface = np.asarray(history.surface_layer[last], dtype=np.float64)
    walls = np.asarray(history.wall_layer[last], dtype=np.float64)
    of_surface, of_walls = (
        np.asarray(area, dtype=np.float64) for area in (mesh.surface_area, mesh.interface_area)
    )
    both = _means(np.hstack([surface, walls]), np.concatenate([of_surface, 2.0 * of_walls]))
    held = np.asarray(history.mean_concentration, dtype=np.float64)
    low, high = _extremes(held / parameters.max_concentration, rows)
    change, error, notes = _xi(surface, of_surface, since, layer)
    depths = np.array([np.mean(probing_depth), *probing_depth])
    lost = np.stack(
        [_suppressed(surface, of_surface, since, layer_suppression, depth) for depth in depths]
    )
    return CycleTable(
        cycle=np.arange(len(rows)),
        times=np.asarray(history.times)[last],
        surface_layer=_means(surface, of_surface),
        wall_layer=_means(walls, of_walls),
        resistance=both / parameters.diffusivity_layer,
        capacity=high - low,
        charged=low,
        discharged=high,
        damage=_means(np.asarray(history.damage)[last], of_walls),
        reactive_area=np.asarray(history.reactive_area)[last],
        xi_change=change,
        xi_change_std=error,
        suppression=lost[0],
        suppression_range=np.stack([lost.min(axis=0), lost.max(axis=0)], axis=1),
        since=since,
        settings={
            "layer_suppression": float(layer_suppression),
            "probing_depth": [float(depth) for depth in probing_depth],
        },
        notes=notes,
    )


def _rows(history: History, parts_per_cycle: int | None) -> list[NDArray[np.int64]]:
    """States of each cycle, the start by itself first."""
    part = np.asarray(history.part)
    n = parts_per_cycle
    if n is None:
        protocol = history.settings.get("protocol")
        if protocol is None:
            raise ValueError("history does not tell its protocol: give parts_per_cycle")
        n = _period(list(protocol))
    n_cycle = int(part.max() + 1) // n if n > 0 else 0
    if n_cycle == 0:
        raise ValueError(f"parts_per_cycle must be 1 … {int(part.max()) + 1}, not {n!r}")
    cycle = part // n + 1
    cycle[0] = 0
    return [np.flatnonzero(cycle == i) for i in range(n_cycle + 1)]


def _period(parts: Sequence[object]) -> int:
    n = len(parts)
    divisors = (k for k in range(1, n + 1) if n % k == 0)
    return next(k for k in divisors if list(parts) == list(parts[:k]) * (n // k))


def _extremes(content: _Float, rows: list[NDArray[np.int64]]) -> tuple[_Float, _Float]:
    """Lowest and highest content on the way of each cycle, which begins where the last ended."""
    ways = [content[max(row[0] - 1, 0) : row[-1] + 1] for row in rows]
    return np.array([way.min() for way in ways]), np.array([way.max() for way in ways])


def _means(values: _Float, area: ArrayLike) -> _Float:
    """(n,) by area over what is no NaN; NaN where there is nothing else."""
    counts = np.where(np.isfinite(values), np.asarray(area), 0.0)
    whole = counts.sum(axis=1)
    total = (np.where(counts > 0.0, values, 0.0) * counts).sum(axis=1)
    mean = np.full(len(whole), np.nan)
    np.divide(total, whole, out=mean, where=whole > 0.0)
    return mean


def _xi(
    surface: _Float, area: _Float, since: int, layer: LayerMap | None
) -> tuple[_Float, _Float, tuple[str, ...]]:
    """Change of the mean ξ, its standard error, and what to know of both."""
    if layer is None:
        nothing = np.full(len(surface), np.nan)
        return nothing, nothing.copy(), ()
    largest = float(layer.settings["largest"])
    share = _means(np.minimum(surface / largest, 1.0), area)
    grown = share - share[since]
    seen = np.asarray(layer.xi_std)[np.asarray(layer.is_seen)]
    of_contrast = float(np.sqrt(2.0 * np.mean(seen**2))) if seen.size else np.nan
    notes = []
    if (surface > largest).any():
        notes.append(
            f"the layer has outgrown the {largest * 1e9:g} nm of layer_from_xi: there ξ is held at "
            "that of the thickest layer"
        )
    contrast = layer.xi_bare - layer.xi_thickest
    return -contrast * grown, of_contrast * np.abs(grown), tuple(notes)


def _suppressed(
    surface: _Float, area: _Float, since: int, layer_suppression: float, depth: float
) -> _Float:
    """(n,) 1 - A / A(since) of the pre-edge area A."""
    left = 1.0 - layer_suppression * _means(-np.expm1(-surface / depth), area)
    return np.asarray(1.0 - left / left[since])
