"""Correlation against opening angle, with a p-value that knows how smooth both fields are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmcx.correlation.best_angle import best_angle
from nmcx.correlation.effective import dutilleul, t_test
from nmcx.correlation.nulls import (
    correlate,
    equal_weights,
    surrogate_correlations,
    turned_correlations,
)
from nmcx.correlation.pairs import make_pairs, patch_of
from nmcx.correlation.statistics import (
    band,
    effective_size,
    family,
    fisher_interval,
    spread,
    two_sided,
)
from nmcx.results import AngleScan, ConePorosity, SurfaceValues

_NULLS = ("rotation", "variogram", "moran")


def angle_scan(
    surface_values: SurfaceValues,
    cones: ConePorosity,
    *,
    null: str = "rotation",
    n_null: int = 999,
    seed: int = 1,
    matched: bool = True,
    weighted: bool = False,
    covariates: Sequence[str] = (),
    n_bootstrap: int = 500,
    min_points: int = 3,
    threads: int | None = None,
) -> AngleScan:
    """Correlation of the surface map with cone porosity at every opening angle, and its p-value.

    At each cone direction inside the imaged patch, the map averaged over the same cap (or only over
    the direction's own cell) is paired with the porosity of the cone. Under the null hypothesis map
    and porosity know nothing of each other. The rotation null lays the patch anywhere on the
    sphere, `n_null` times at random; the others draw random maps as smooth as the measured one.

    Parameters
    ----------
    surface_values : SurfaceValues
        From `place`: (n_point,) values; averages are weighted by area / std^2.
    cones : ConePorosity
        ``porosity (n_direction, n_angle)`` in directions spread evenly, such as
        ``cones.fibonacci_directions(3000)``; over the whole sphere for the rotation null. NaN
        porosities are left out.
    null : {"rotation", "variogram", "moran"}
        "rotation" is exact where no place on the particle is special. "variogram" and "moran" need
        no porosity outside the map; they are approximate (their rates of false alarm are in the
        docs).
    n_null : int
        Number of random rotations or maps, at least 99.
    seed : int
        Of ``numpy.random.default_rng``; the same seed gives the same p-values.
    matched : bool
        True: the map is averaged over the cap of the cone's half-angle. False: over the cell of
        each direction, the same for all angles.
    weighted : bool
        True: pairs count by the weight of their map points, in r and in the null alike.
    covariates : sequence of {"incidence", "thickness"}
        What `partial` controls for, averaged as the map is; at most four.
    n_bootstrap : int
        Number of replicates behind `best_interval`, at least 2.
    min_points : int
        Least map points for an average.
    threads : int, optional
        Number of threads; default all cores. The result does not depend on it.

    Returns
    -------
    AngleScan
        Two-sided ``p_value`` = (1 + #{abs(r_b) >= abs(r)}) / (1 + n_null), for Pearson's r, for
        ranks and for partial r; ``p_family`` from the largest abs(r) / sd_b over the angles;
        ``null_band`` the central 95 % of r_b; ``n_effective`` = 1 + 1 / mean(r_b^2), with which
        ``interval`` is Fisher's 95 %; ``n_dutilleul`` the same from the autocovariance of both
        fields, without a null; ``best_half_angle`` where abs(r) / sd_b is largest. An angle with
        fewer than four pairs is NaN.

    Raises
    ------
    ValueError
        If an option is out of range, the map has no usable point, fewer than four cone directions
        lie inside the map, or the cones do not cover the sphere though the null needs it.

    Notes
    -----
    ξ falls where the surface is degraded, so r(ξ, porosity) < 0 is expected where cracks and
    degradation go together; every `AngleScan` says so in ``sign_convention``.

    A rotated direction looks its porosity up at the nearest cone direction. ``spearman`` has
    average ranks among the pairs; with the rotation null its p-value compares ranks over the whole
    sphere, for observation and rotations alike, so that no rotation needs sorting. The other nulls
    live on the cells of the directions: matched averages, observed and random, run over cells.

    References
    ----------
    .. [1] A. F. Alexander-Bloch et al., "On testing for spatial correspondence between maps of
       human brain structure and function", NeuroImage 178, 540 (2018): rotation null. Variogram:
       J. B. Burt et al., NeuroImage 220, 117038 (2020). Moran: H. H. Wagner, S. Dray, Methods Ecol.
       Evol. 6, 1169 (2015). Effective sample size: P. Clifford, S. Richardson, D. Hemon, Biometrics
       45, 123 (1989); P. Dutilleul, Biometrics 49, 305 (1993). Max statistic: T. E. Nichols,
       A. P. Holmes, Hum. Brain Mapp. 15, 1 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import correlation
    >>> from nmcx.results import ConePorosity, SurfaceValues
    >>> n = 600
    >>> z = 1 - (2 * np.arange(n) + 1) / n
    >>> turn = np.pi * (1 + 5**0.5) * np.arange(n)
    >>> ring = np.sqrt(1 - z**2)
    >>> sphere = np.stack([z, ring * np.sin(turn), ring * np.cos(turn)], axis=1)
    >>> field = np.cos(7 * sphere @ [0.6, 0.0, 0.8]) + np.sin(9 * sphere @ [0.0, 0.8, -0.6])
    >>> count = np.full((n, 1), 100)
    >>> cones = ConePorosity(0.2 + 0.05 * field[:, None], count, count, sphere, np.array([0.2]))
    >>> front = sphere[:, 2] > 0.5
    >>> patch = SurfaceValues(0.5 - 0.1 * field[front], np.full(front.sum(), 0.01), sphere[front],
    ...                       np.zeros(front.sum()), sphere[front], np.ones(front.sum()))
    >>> scan = correlation.angle_scan(patch, cones, n_null=99)
    >>> bool(scan.pearson[0] < -0.8), bool(scan.p_value[0] < 0.05)
    (True, True)
    """
    if null not in _NULLS:
        raise ValueError(f"null must be one of {', '.join(_NULLS)}, not {null!r}")
    if n_null < 99:
        raise ValueError(f"n_null must be at least 99, not {n_null}: p cannot be small otherwise")
    if n_bootstrap < 2:
        raise ValueError(f"n_bootstrap must be at least 2, not {n_bootstrap}")
    workers = threads or 0
    patch = patch_of(surface_values, covariates)
    pairs = make_pairs(patch, cones, matched=matched, min_points=min_points, threads=workers)
    observed = correlate(pairs, weighted=weighted, threads=workers).row(0)
    if null == "rotation":
        compared, draws = turned_correlations(
            pairs, cones, n_null, seed, weighted=weighted, threads=workers
        )
    else:
        compared, draws = surrogate_correlations(
            patch, pairs, cones, null, n_null, seed, matched=matched, weighted=weighted
        )

    weights = equal_weights(pairs, weighted)
    used = np.isfinite(pairs.porosity) & np.isfinite(pairs.surface) & (weights > 0)
    n_pair = np.count_nonzero(used, axis=0)
    n_effective = effective_size(draws.pearson, n_pair)
    n_dutilleul = dutilleul(pairs, workers)
    half_angle = np.asarray(cones.half_angle, dtype=np.float64)
    best, best_interval = best_angle(
        pairs,
        weights,
        half_angle,
        observed=compared.pearson,
        spread=spread(compared.pearson, draws.pearson),
        n_effective=n_effective,
        n_direction=len(cones.directions),
        n_bootstrap=n_bootstrap,
        seed=seed,
    )
    partial_p = (
        None
        if compared.partial is None or draws.partial is None
        else two_sided(compared.partial, draws.partial)
    )
    return AngleScan(
        half_angle=half_angle,
        pearson=observed.pearson,
        spearman=observed.spearman,
        interval=fisher_interval(observed.pearson, n_effective),
        p_value=two_sided(compared.pearson, draws.pearson),
        p_family=family(compared.pearson, draws.pearson),
        n_effective=n_effective,
        null_band=band(draws.pearson),
        spearman_p_value=two_sided(compared.spearman, draws.spearman),
        n_pair=n_pair,
        n_dutilleul=n_dutilleul,
        p_dutilleul=t_test(observed.pearson, n_dutilleul),
        partial=observed.partial,
        partial_p_value=partial_p,
        best_half_angle=best,
        best_interval=best_interval,
        settings={
            "null": null,
            "n_null": int(n_null),
            "seed": int(seed),
            "matched": bool(matched),
            "weighted": bool(weighted),
            "covariates": ", ".join(covariates),
            "n_bootstrap": int(n_bootstrap),
            "min_points": int(min_points),
            "n_direction": int(pairs.at.size),
        },
    )


def observed_correlation(
    surface_values: SurfaceValues,
    cones: ConePorosity,
    *,
    matched: bool = True,
    weighted: bool = False,
    min_points: int = 3,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Pearson's r of map and porosity at every opening angle, without a null.

    Parameters
    ----------
    surface_values : SurfaceValues
        From `place`: (n_point,) values.
    cones : ConePorosity
        ``porosity (n_direction, n_angle)``.
    matched, weighted, min_points, threads
        As in `angle_scan`.

    Returns
    -------
    numpy.ndarray
        (n_angle,) r, as ``angle_scan(...).pearson``; NaN with fewer than four pairs.

    Raises
    ------
    ValueError
        As `angle_scan`.

    References
    ----------
    .. [1] Li et al., Nature Communications 11, 4433 (2020), Supplementary Fig. 4.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import correlation
    >>> from nmcx.cones import fibonacci_directions
    >>> from nmcx.results import ConePorosity, SurfaceValues
    >>> sphere = fibonacci_directions(400)
    >>> count = np.full((400, 1), 100)
    >>> cones = ConePorosity(0.2 + 0.1 * sphere[:, :1], count, count, sphere, np.array([0.2]))
    >>> flat = np.ones(400)
    >>> map_ = SurfaceValues(0.5 - 0.1 * sphere[:, 0], 0.01 * flat, sphere, 0 * flat, sphere, flat)
    >>> correlation.observed_correlation(map_, cones).round(3)
    array([-1.])
    """
    workers = threads or 0
    pairs = make_pairs(
        patch_of(surface_values), cones, matched=matched, min_points=min_points, threads=workers
    )
    return np.asarray(correlate(pairs, weighted=weighted, threads=workers).pearson[0])
