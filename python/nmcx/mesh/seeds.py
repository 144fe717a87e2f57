"""Seeds of the grains: placed at random, evened out, and moved off configurations hard to mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx.mesh.clipped import Array, Clipped, clip

#: Sampling points per grain in a pass of Lloyd's method (our default).
_SAMPLES = 1000
#: Most passes of the regularisation, and farthest a seed moves along an axis in one, in lengths of
#: the shortest stretch wanted (our defaults).
_PASSES, _STRIDE = 80, 0.15
#: What a pass aims at, in lengths of the shortest stretch wanted: a little more, to arrive.
_AIM = 1.05
#: Passes without a better one after which the regularisation ends.
_PATIENCE = 20


def in_ball(rng: np.random.Generator, n: int, radius: float, dimension: int) -> Array:
    """(n, d) points, uniform in the ball."""
    direction = rng.standard_normal((n, dimension))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    return np.asarray(radius * direction * rng.uniform(size=(n, 1)) ** (1.0 / dimension))


def relax(seeds: Array, radius: float, passes: int, rng: np.random.Generator) -> Array:
    """Move each seed to the centre of its cell, `passes` times; centres by random points.

    References
    ----------
    S. P. Lloyd, IEEE Transactions on Information Theory 28 (1982) 129.
    """
    from scipy.spatial import cKDTree

    n, dimension = seeds.shape
    for _ in range(passes):
        points = in_ball(rng, _SAMPLES * n, radius, dimension)
        cell = cKDTree(seeds).query(points)[1]
        count = np.bincount(cell, minlength=n)
        total = np.column_stack([np.bincount(cell, x, minlength=n) for x in points.T])
        seeds = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], seeds)
    return seeds


def regularise(seeds: Array, radius: float, shortest: float) -> Array:
    """Move seeds so that lines and rims of walls become no shorter than `shortest`, if they can.

    A corner is where planes between seeds, and perhaps the sphere, meet; so its velocity under
    motion of the seeds is the solution of a small linear system. Each stretch too short asks its
    seeds for the least motion that mends it to first order; motions are averaged over the stretches
    that ask. Of all passes the one with the smallest sum of squared relative shortfalls is kept
    (our method).
    """
    best, best_shortfall, since = seeds, np.inf, 0
    reach = 1.0 - 0.05 * shortest / radius
    for _ in range(_PASSES):
        cells = clip(seeds, radius)
        shortfall, motion = _mend(cells, shortest)
        since += 1
        if shortfall < best_shortfall:
            best, best_shortfall, since = seeds, shortfall, 0
        if shortfall == 0.0 or since == _PATIENCE:
            break
        limit = _STRIDE * shortest
        seeds = seeds + np.clip(motion, -limit, limit)
        out = np.linalg.norm(seeds, axis=1) / (reach * radius)
        seeds = seeds / np.maximum(out, 1.0)[:, None]
    return best


def _mend(cells: Clipped, shortest: float) -> tuple[float, Array]:
    """Sum of squared shortfalls, and the motion of the seeds that lessens them."""
    seeds, corners = cells.seeds, cells.corners
    ends = cells.stretches
    apart = corners.position[ends[:, 1]] - corners.position[ends[:, 0]]
    length = np.linalg.norm(apart, axis=1)
    short = np.flatnonzero(length < shortest)
    lacking = _AIM * shortest - length[short]
    motion, weight = np.zeros_like(seeds), np.full(len(seeds), 1e-300)
    if not len(short):
        return 0.0, motion
    grains, gradient = [], []
    for i, sign in ((0, -1.0), (1, 1.0)):
        at = ends[short, i]
        along = sign * apart[short] / np.maximum(length[short], 1e-12)[:, None]
        # x = corner: rows (s_k - s_0) dx = (s_k - x) ds_k - (s_0 - x) ds_0, so the gradient of
        # along . x with respect to s_k is coefficient_k (s_k - x).
        rows = np.linalg.pinv(corners.equations(seeds)[at])
        coefficient = np.einsum("ni,nig->ng", along, rows)[:, :-1]
        coefficient = np.column_stack([-coefficient.sum(axis=1), coefficient])
        towards = seeds[corners.grains[at]] - corners.position[at][:, None]
        grains.append(corners.grains[at])
        gradient.append(np.where(corners.grains[at] >= 0, coefficient, 0.0)[..., None] * towards)
    grain, slope = np.concatenate(grains, axis=1), np.concatenate(gradient, axis=1)
    size = _squared_size(grain, slope)
    wanted = (lacking / np.maximum(size, 1e-12))[:, None, None] * slope
    for axis in range(seeds.shape[1]):
        motion[:, axis] = np.bincount(
            np.maximum(grain, 0).ravel(), wanted[..., axis].ravel(), minlength=len(seeds)
        )
    urgent = np.broadcast_to((lacking / shortest)[:, None], grain.shape)
    seen = np.any(slope != 0.0, axis=2)
    weight += np.bincount(grain[seen], urgent[seen], minlength=len(seeds))
    return float(np.sum((lacking / shortest) ** 2)), motion / np.maximum(1.0, weight)[:, None]


def _squared_size(grain: NDArray[np.int64], slope: Array) -> Array:
    """Squared length of gradients whose rows may name a grain twice."""
    same = (grain[:, :, None] == grain[:, None, :]).astype(np.float64)
    return np.asarray(np.einsum("nga,ngk,nka->n", slope, same, slope))


def stir(seeds: Array, radius: float, tiny: float, rng: np.random.Generator) -> Array:
    """Move seeds of stretches shorter than `tiny` by up to 0.01; the same array if there are none.

    Seeds of a lattice, but for rounding, have corners that coincide, but for rounding: neither one
    corner nor several.
    """
    cells = clip(seeds, radius)
    ends = cells.corners.position[cells.stretches]
    coincide = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) < tiny
    if not coincide.any():
        return seeds
    grains = np.unique(cells.corners.grains[cells.stretches[coincide]])
    moved = seeds.copy()
    moved[grains[grains >= 0]] += 1e-2 * rng.uniform(
        -1.0, 1.0, (int((grains >= 0).sum()), seeds.shape[1])
    )
    return moved
