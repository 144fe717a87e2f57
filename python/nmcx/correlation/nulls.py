"""Correlations under the hypothesis that map and porosity know nothing of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.correlation.pairs import Pairs, Patch, cell_values, mean_spacing, unit_vectors
from nmcx.correlation.statistics import random_rotations, ranks
from nmcx.correlation.surrogates import moran_surrogates, variogram_surrogates
from nmcx.results import ConePorosity

_Float = NDArray[np.float64]


@dataclass(frozen=True)
class Correlations:
    """Correlations of one or many (n_set) maps with the porosity, each (n_set, n_angle)."""

    pearson: _Float
    spearman: _Float
    partial: _Float | None

    def row(self, which: int | slice) -> Correlations:
        """Some of the maps."""
        return Correlations(
            self.pearson[which],
            self.spearman[which],
            None if self.partial is None else self.partial[which],
        )


def equal_weights(pairs: Pairs, weighted: bool) -> _Float:
    """Weights (n_pair, n_angle) of the pairs: those of the map, or 1 wherever they are positive."""
    return pairs.weights if weighted else (pairs.weights > 0).astype(np.float64)


def correlate(pairs: Pairs, *, weighted: bool, threads: int) -> Correlations:
    """Pearson's r, the same of ranks among the pairs, and partial r: one row of each."""
    known = np.isfinite(pairs.porosity) & (pairs.weights > 0)
    among = ranks(np.where(known, pairs.porosity, np.nan))
    surface_ranks = ranks(np.where(known, pairs.surface, np.nan))
    return _turned(
        pairs, (pairs.porosity, among), surface_ranks, pairs.directions, np.eye(3)[None], weighted,
        threads,
    )[0]  # fmt: skip


def turned_correlations(
    pairs: Pairs, cones: ConePorosity, n_null: int, seed: int, *, weighted: bool, threads: int
) -> tuple[Correlations, Correlations]:
    """Of the map where it is, and turned at random about the apex.

    Ranks are those among all directions, so that no rotation needs sorting; the porosity of a
    turned place is that of the nearest direction.
    """
    directions = unit_vectors(np.asarray(cones.directions), "cones.directions")
    porosity = np.asarray(cones.porosity, dtype=np.float64)
    rotations = np.concatenate([np.eye(3)[None], random_rotations(n_null, seed)])
    found, farthest = _turned(
        pairs, (porosity, ranks(porosity)), ranks(pairs.surface), directions, rotations, weighted,
        threads,
    )  # fmt: skip
    if farthest > 3.0 * mean_spacing(len(directions)):
        raise ValueError(
            "the cone directions must cover the whole sphere for the rotation null; "
            "use cones.fibonacci_directions"
        )
    return found.row(0), found.row(slice(1, None))


def _turned(
    pairs: Pairs,
    porosity: tuple[_Float, _Float],
    surface_ranks: _Float,
    directions: _Float,
    rotations: _Float,
    weighted: bool,
    threads: int,
) -> tuple[Correlations, float]:
    """Correlations (n_rotation, n_angle) with porosity and its ranks; the worst look-up [rad]."""
    weights = equal_weights(pairs, weighted)
    n_angle = weights.shape[1]
    plain = _core.rotation_null(
        np.ascontiguousarray(np.hstack(porosity)),
        directions,
        pairs.directions,
        np.ascontiguousarray(np.hstack([pairs.surface, surface_ranks])),
        np.ascontiguousarray(np.hstack([weights, weights])),
        np.empty((0, len(weights), 2 * n_angle)),
        np.ascontiguousarray(rotations),
        threads,
    )
    partial = None
    if len(pairs.covariates) > 0:
        partial = _core.rotation_null(
            np.ascontiguousarray(porosity[0]),
            directions,
            pairs.directions,
            np.ascontiguousarray(pairs.surface),
            np.ascontiguousarray(weights),
            pairs.covariates,
            np.ascontiguousarray(rotations),
            threads,
        ).correlation
    r = plain.correlation
    return Correlations(r[:, :n_angle], r[:, n_angle:], partial), float(plain.farthest)


def surrogate_correlations(
    patch: Patch,
    pairs: Pairs,
    cones: ConePorosity,
    null: str,
    n_null: int,
    seed: int,
    *,
    matched: bool,
    weighted: bool,
) -> tuple[Correlations, Correlations]:
    """Of the map, and of random maps with its values and its smoothness.

    The maps live on the cells of the directions; matched averages run over the cells whose
    directions lie in the cap, for the measured map and the surrogates alike.
    """
    values, cell_weight = cell_values(patch, cones, pairs)
    here = np.isfinite(values)
    if np.count_nonzero(here) < 8:
        raise ValueError(
            f"only {np.count_nonzero(here)} cone directions have a map point nearest to them; "
            f'null="{null}" needs 8: take fewer directions, or null="rotation"'
        )
    directions = pairs.directions[here]
    make = variogram_surrogates if null == "variogram" else moran_surrogates
    maps = make(values[here], directions, n_null, seed)
    maps = np.concatenate([values[here][None], maps])

    weights = equal_weights(pairs, weighted)[here]
    n_angle = weights.shape[1]
    found = np.full((2, len(maps), n_angle), np.nan)
    partial = np.full((len(maps), n_angle), np.nan) if len(pairs.covariates) > 0 else None
    cosine = directions @ directions.T
    for i, half_angle in enumerate(np.asarray(cones.half_angle)):
        x = pairs.porosity[here, i]
        good = np.isfinite(x) & (weights[:, i] > 0)
        if np.count_nonzero(good) < 4:
            continue
        surfaces = maps[:, good]
        if matched:
            caps = (cosine[good] >= np.cos(half_angle) - 1e-12) * cell_weight[here]
            surfaces = maps @ (caps / caps.sum(axis=1, keepdims=True)).T
        weight = weights[good, i]
        found[0, :, i] = _weighted_r(x[good][None], surfaces, weight)
        found[1, :, i] = _weighted_r(_rows_ranked(x[good][None]), _rows_ranked(surfaces), weight)
        if partial is not None:
            others = pairs.covariates[:, here, i][:, good]
            partial[:, i] = _weighted_r(
                _without(x[good][None], others, weight), _without(surfaces, others, weight), weight
            )
    everything = Correlations(found[0], found[1], partial)
    return everything.row(0), everything.row(slice(1, None))


def _rows_ranked(rows: _Float) -> _Float:
    return ranks(rows.T).T


def _weighted_r(x: _Float, y: _Float, weight: _Float) -> _Float:
    """Correlation of one row x (1, n) with each row of y (n_set, n)."""
    share = weight / weight.sum()
    x, y = x - (x @ share)[:, None], y - (y @ share)[:, None]
    with np.errstate(all="ignore"):
        r = (y * share) @ x[0] / np.sqrt((x**2 @ share) * (y**2 @ share))
    # A field that is constant but for rounding has no correlation.
    return np.asarray(np.where(np.isfinite(r), np.clip(r, -1.0, 1.0), np.nan))


def _without(rows: _Float, others: _Float, weight: _Float) -> _Float:
    """What is left of each row (n_set, n) once a weighted fit of `others` and 1 is taken away."""
    root = np.sqrt(weight)
    terms = np.vstack([np.ones_like(weight), others - others.mean(axis=1, keepdims=True)]) * root
    fit = np.linalg.lstsq(terms.T, (rows * root).T, rcond=None)[0]
    return np.asarray(rows - (fit.T @ terms) / root)
