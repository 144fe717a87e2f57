"""Effective sample size of a correlation from the autocovariance of both fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.correlation.pairs import Pairs

_Float = NDArray[np.float64]

#: Classes of distance, the first of them a place with itself (our default).
_N_CLASS = 40


def dutilleul(pairs: Pairs, threads: int) -> _Float:
    """Effective number of pairs (n_angle,); NaN where an angle has no map or no porosity.

    The covariance of each field is taken as a function of distance, one value per class. With B
    the centring matrix, var(r) = tr(B Sx B Sy) / (tr(B Sx) tr(B Sy)) and n = 1 + 1 / var(r). Only
    the number of neighbours of each place in each class enters the traces. Pairs count that are
    known at every angle that has any.

    References
    ----------
    P. Dutilleul, Biometrics 49 (1993) 305; P. Clifford, S. Richardson, D. Hémon, Biometrics 45
    (1989) 123.
    """
    n_angle = pairs.porosity.shape[1]
    known = np.isfinite(pairs.porosity) & np.isfinite(pairs.surface) & (pairs.weights > 0)
    used = np.flatnonzero(np.count_nonzero(known, axis=0) >= 4)
    result = np.full(n_angle, np.nan)
    good = np.all(known[:, used], axis=1)
    n = int(np.count_nonzero(good))
    if used.size == 0 or n < 4:
        return result
    columns = np.hstack([pairs.porosity[good][:, used], pairs.surface[good][:, used]])
    classes = _core.distance_classes(
        np.ascontiguousarray(pairs.directions[good]),
        np.ascontiguousarray(columns - columns.mean(axis=0)),
        _N_CLASS,
        threads,
    )
    neighbours = classes.neighbours
    # tr(B M B M') of the matrices M that hold 1 for the pairs of one class, 0 for all others.
    overlap = np.diag(classes.n_pair) - (2.0 / n) * neighbours.T @ neighbours
    overlap += np.outer(classes.n_pair, classes.n_pair) / n**2
    # tr(B M), by class: n for the first, for a place lies at no distance from itself.
    trace = -classes.n_pair / n
    trace[0] += n
    porosity, surface = np.split(classes.covariance, 2, axis=1)
    with np.errstate(all="ignore"):
        variance = np.einsum("ck,cd,dk->k", porosity, overlap, surface)
        variance /= (trace @ porosity) * (trace @ surface)
        size = 1.0 + 1.0 / variance
    # Estimated covariances need not be positive definite: no more than all pairs, no fewer than 2.
    size = np.where(variance > 0, np.clip(size, 2.0, n), n)
    result[used] = np.where(np.isfinite(variance), size, np.nan)
    return result


def t_test(r: _Float, n_effective: _Float) -> _Float:
    """Two-sided p-values of r by Student's t with n_effective − 2 degrees of freedom."""
    from scipy.stats import t

    with np.errstate(all="ignore"):
        freedom = n_effective - 2.0
        size = np.abs(r) * np.sqrt(freedom / (1.0 - r**2))
        p = 2.0 * t.sf(size, freedom)
    return np.where(freedom > 0, p, np.where(np.isfinite(r), 1.0, np.nan))
