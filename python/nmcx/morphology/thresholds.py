"""Thresholds between the classes of a histogram, and where a volume is at or above them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_N_BIN = 256

_Array = NDArray[Any]


def otsu_threshold(values: ArrayLike) -> float:
    """Threshold that separates a histogram of 256 bins into two classes best.

    Parameters
    ----------
    values : array_like
        Any shape; only finite values count. The histogram spans the 0.01 to the 99.99 percentile,
        so that a few broken voxels do not take all its bins; the rest goes into the end bins.

    Returns
    -------
    float
        The edge between the two classes, in the unit of `values`.

    Raises
    ------
    ValueError
        If there is no finite value, or only one distinct value.

    References
    ----------
    N. Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62: largest variance between classes. Where bins
    between two classes are empty, the middle of the gap is taken.

    Examples
    --------
    >>> from nmcx import morphology
    >>> 0.0 < morphology.otsu_threshold([0, 0, 0, 1, 1]) < 1.0
    True
    """
    return float(multi_otsu_thresholds(values, n_classes=2)[0])


def multi_otsu_thresholds(values: ArrayLike, *, n_classes: int = 3) -> NDArray[np.float64]:
    """Thresholds that separate a histogram of 256 bins into several classes best.

    The search is exact: the best division of the first n bins into k classes is the best of all
    divisions of the first m < n bins into k − 1 classes and one class of the rest.

    Parameters
    ----------
    values : array_like
        Any shape; only finite values count, as in `otsu_threshold`.
    n_classes : int
        Number of classes, 2 to 16.

    Returns
    -------
    numpy.ndarray
        (n_classes − 1,) ascending, in the unit of `values`.

    Raises
    ------
    ValueError
        If there is no finite value, or fewer occupied bins of the histogram than classes, or
        `n_classes` is out of range.

    References
    ----------
    P.-S. Liao, T.-S. Chen, P.-C. Chung, J. Inf. Sci. Eng. 17 (2001) 713: largest variance between
    classes. The search by dynamic programming is ours.

    Examples
    --------
    >>> from nmcx import morphology
    >>> low, high = morphology.multi_otsu_thresholds([0, 0, 1, 1, 3, 3])
    >>> bool(0.0 < low < 1.0 < high < 3.0)
    True
    """
    if not 2 <= n_classes <= 16:
        raise ValueError(f"n_classes must be 2 to 16, not {n_classes}")
    count, edges = _histogram(values)
    n_occupied = int(np.count_nonzero(count))
    if n_occupied < n_classes:
        raise ValueError(f"values fill {n_occupied} bins only: too few for {n_classes} classes")
    borders = _best_borders(count, n_classes)
    thresholds = []
    for border in borders:
        # All edges in a gap part the same values: the middle one is as far from both classes.
        below = np.flatnonzero(count[:border])[-1] + 1
        above = border + np.flatnonzero(count[border:])[0]
        thresholds.append(0.5 * (edges[below] + edges[above]))
    return np.array(thresholds)


def _histogram(values: ArrayLike) -> tuple[_Array, _Array]:
    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        raise ValueError("values holds no finite value: nothing to find a threshold for")
    low, high = np.quantile(finite, [1e-4, 1.0 - 1e-4])
    if not low < high:
        low, high = finite.min(), finite.max()
    if not low < high:
        raise ValueError(f"values are all {low:.6g}: there is no threshold between them")
    return np.histogram(np.clip(finite, low, high), bins=_N_BIN, range=(low, high))


def _best_borders(count: _Array, n_classes: int) -> list[int]:
    """First bins of all classes but the lowest, for the largest variance between classes."""
    weight = np.r_[0.0, np.cumsum(count, dtype=np.float64)]
    # About the middle of the bins, so that squares of sums lose no digits.
    moment = np.r_[0.0, np.cumsum(count * (np.arange(count.size) - 0.5 * (count.size - 1)))]
    n = weight[None, :] - weight[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        # The variance between classes is the sum of (sum of class)²/(its number), less a constant.
        score = np.where(n > 0, (moment[None, :] - moment[:, None]) ** 2 / n, -np.inf)
    best, origin = score[0], []
    for _ in range(n_classes - 1):
        candidates = best[:, None] + score
        origin.append(candidates.argmax(axis=0))
        best = candidates.max(axis=0)
    borders = [count.size]
    for came_from in reversed(origin):
        borders.append(int(came_from[borders[-1]]))
    return borders[:0:-1]


def at_or_above(values: _Array, level: float, usable: _Array) -> NDArray[np.bool_]:
    """Where usable values reach a level."""
    with np.errstate(invalid="ignore"):
        return np.asarray((values >= level) & usable)


def hysteresis(
    values: _Array, low: float, high: float, usable: _Array, structure: _Array
) -> NDArray[np.bool_]:
    """Connected parts at or above `low` that hold a voxel at or above `high`."""
    from scipy import ndimage

    weak = at_or_above(values, low, usable)
    labels, n_label = ndimage.label(weak, structure=structure)
    has_seed = np.zeros(n_label + 1, bool)
    has_seed[labels[at_or_above(values, high, usable)]] = True
    has_seed[0] = False
    return np.asarray(has_seed[labels])
