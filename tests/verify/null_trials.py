"""Trials in which the surface map knows nothing, or a planted share, of the porosity below it.

usage: python tests/verify/null_trials.py [--trials N] [--length DEGREES] [--hemisphere] [--null N]

Both fields are Gaussian and isotropic: white noise on 8,000 evenly spread directions, smoothed by a
von Mises-Fisher kernel. The void field has one width; cones average it over their caps. Map and
particle of trial s come from seed s, and the null of `angle_scan` has seed s of its own stream.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from check import one_thread
from numpy.typing import NDArray

from nmcx import cones, correlation
from nmcx.results import AngleScan, ConePorosity, SurfaceValues

Float = NDArray[np.float64]

HALF_ANGLE = np.deg2rad([5.0, 10.0, 15.0, 20.0, 30.0, 45.0])
#: 1/e half-width of the surface field's autocorrelation [degrees].
LENGTHS = (3, 10, 30)
#: Half-angle whose porosity a planted correlation is with.
PLANTED_ANGLE = 2
_VOID_LENGTH = 6.0
_N_DIRECTION, _N_POINT, _N_WHITE = 1000, 2000, 8000


def kernel(at: Float, source: Float, length_degrees: float) -> NDArray[np.float32]:
    """Weights (n_at, n_source) that make white noise a field of unit variance."""
    # Two kernels of width s in a row correlate as exp(-d^2 / (4 s^2)): 1/e at d = 2 s.
    concentration = 1.0 / np.deg2rad(length_degrees / 2.0) ** 2
    weights = np.exp(concentration * (at @ source.T - 1.0))
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


@lru_cache
def sphere() -> tuple[Float, Float, Float]:
    return tuple(cones.fibonacci_directions(n) for n in (_N_DIRECTION, _N_POINT, _N_WHITE))  # type: ignore[return-value]


@lru_cache
def surface_kernel(length: float, hemisphere: bool) -> tuple[Float, NDArray[np.float32]]:
    _, points, white = sphere()
    seen = points[points[:, 0] > 0] if hemisphere else points
    return seen, kernel(seen, white, length)


@lru_cache
def void_kernels(hemisphere: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """From white noise to the porosity of each cone, and to that of one cone below each point."""
    directions, _, white = sphere()
    void = kernel(white, white, _VOID_LENGTH)

    def caps(at: Float, half_angle: float) -> NDArray[np.float32]:
        inside = (at @ white.T >= np.cos(half_angle)).astype(np.float32)
        return np.asarray((inside / inside.sum(axis=1, keepdims=True)) @ void, dtype=np.float32)

    table = np.concatenate([caps(directions, angle) for angle in HALF_ANGLE])
    below = caps(surface_kernel(LENGTHS[0], hemisphere)[0], HALF_ANGLE[PLANTED_ANGLE])
    return table, below / np.linalg.norm(below, axis=1, keepdims=True)


def measurement(
    seed: int, length: float, hemisphere: bool, planted: float = 0.0
) -> tuple[SurfaceValues, ConePorosity]:
    """Map and porosity; they correlate by −`planted` point by point at one of the angles."""
    rng = np.random.default_rng((seed, 1))
    white = rng.standard_normal((2, _N_WHITE)).astype(np.float32)
    points, smooth = surface_kernel(length, hemisphere)
    table, below = void_kernels(hemisphere)
    porosity = 0.2 + 0.02 * (table @ white[0]).reshape(HALF_ANGLE.size, -1).T.astype(np.float64)
    field = np.sqrt(1.0 - planted**2) * (smooth @ white[1]).astype(np.float64)
    field -= planted * (below @ white[0]).astype(np.float64)
    n, count = len(points), np.full(porosity.shape, 1000)
    surface = SurfaceValues(
        values=0.5 + 0.05 * field,
        std=np.full(n, 0.01),
        directions=points,
        incidence=np.zeros(n),
        points_um=5.0 * points,
        area_um2=np.ones(n),
    )
    return surface, ConePorosity(porosity, count, count, sphere()[0], HALF_ANGLE)


def scan(
    seed: int, length: float, hemisphere: bool, planted: float = 0.0, **options: Any
) -> AngleScan:
    surface, porosity = measurement(seed, length, hemisphere, planted)
    return correlation.angle_scan(
        surface, porosity, seed=seed, n_bootstrap=2, threads=1, **{"n_null": 999, **options}
    )


def p_values(
    seed: int, length: float, hemisphere: bool, planted: float = 0.0, **options: Any
) -> Float:
    """Family-wise p, p of each angle, of ranks at each angle, and Dutilleul's at each angle."""
    found = scan(seed, length, hemisphere, planted, **options)
    assert found.spearman_p_value is not None and found.p_dutilleul is not None
    return np.concatenate(
        [[found.p_family], found.p_value, found.spearman_p_value, found.p_dutilleul]
    )


@lru_cache
def _processes() -> ProcessPoolExecutor:
    """Two for all the trials of a run: their tables of kernels take longer than many a trial."""
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=one_thread)


def trials(
    n_trial: int, length: float, hemisphere: bool, planted: float = 0.0, **options: Any
) -> dict[str, Float]:
    """p-values of seeds 1…n, on two processes: family (n,), and (n, n_angle) of each kind."""
    one = partial(p_values, length=length, hemisphere=hemisphere, planted=planted, **options)
    rows = np.array(list(_processes().map(one, range(1, n_trial + 1), chunksize=16)))
    each, ranked, quick = np.split(rows[:, 1:], 3, axis=1)
    return {"family": rows[:, 0], "angle": each, "rank": ranked, "dutilleul": quick}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--length", type=float, default=10.0)
    parser.add_argument("--hemisphere", action="store_true")
    parser.add_argument("--planted", type=float, default=0.0)
    parser.add_argument("--null", default="rotation")
    options = parser.parse_args()
    found = trials(
        options.trials, options.length, options.hemisphere, options.planted, null=options.null
    )
    for kind, p in found.items():
        rates = 100 * np.mean(p < 0.05, axis=0)
        print(kind, "p < 0.05 in", np.round(rates, 1), "%")


if __name__ == "__main__":
    main()
