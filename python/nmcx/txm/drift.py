"""Drift of an energy series of images: groups before and after the edge, each on its own mean."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.txm.matching import Array, Match, Sum, contours, displacement, match, register, smoothed
from nmcx.txm.resampling import resample

_log = logging.getLogger("nmcx")

#: Width of contours in the search, and of those of the means that bridge the edge [px].
CONTOUR_PX, BRIDGE_PX = 2.0, (1.0, 2.0)
#: Largest displacement across the edge that the search may leave [px].
MOST_BRIDGE_PX = 4.0
#: Rounds against the group means: at least, at most, and the step that ends them [px].
LEAST_ROUNDS, MOST_ROUNDS, CONVERGED_PX = 3, 8, 0.003
#: An image is an outlier beyond this residual [px], or this multiple of the median misfit.
OUTLIER_PX, OUTLIER_MISFIT = 0.5, 3.0
#: Sides above this many pixels are averaged in blocks for the first, coarse search.
_COARSE_SIDE = 256
#: Images that may be bad before a group is given up.
_MOST_STARTS = 3


@dataclass(frozen=True)
class Drift:
    """Displacement of every image against the reference, and how well it is known."""

    shift: Array  #: (n, 2) in pixels of the image itself [px]
    std: Array  #: (n, 2) standard error [px]
    residual: Array  #: (n, 2) against the mean of the rest of its group, after alignment [px]
    correlation: Array  #: (n,) with what that mean predicts
    is_outlier: NDArray[np.bool_]  #: (n,)
    n_before: int  #: images before the edge; n if there is no edge
    enlargement: Array  #: (n,) logarithm of the size against that of the rest of the group
    uneven: float  #: how far the quarters of the field disagree across the edge [px]


def find_drift(
    images: list[Array], scale: Array, *, max_shift: float, n_before: int | None
) -> Drift:
    """Drift of 2-D images in rising order of energy, `scale` being their magnification.

    A coarse search on contours, which stay when the contrast changes at the edge, brings each image
    to the running mean of its group. Least squares then move it onto what the means of both groups
    predict, its own part left out, with gain and offset free and linear over the field: all are
    measured against the same means, so errors do not add up along the series. Before and after the
    edge are bridged on the contours of the two means.
    """
    n = len(images)
    smooth = [smoothed(image) for image in images]
    if n_before is None:
        n_before = _edge_position(smooth)
    groups = [g for g in (np.arange(n_before), np.arange(n_before, n)) if g.size]
    shift, found = _coarse(images, scale, groups, max_shift)
    if not found.any():
        raise ConvergenceError("no image matches another: are they blank, or of different fields?")
    shift = on_reference(shift, scale, int(np.argmax(found)))
    kept, widths = found.copy(), list(BRIDGE_PX)
    bridge: tuple[_core.Registration, list[Array]] | None = None
    matches: dict[int, Match] = {}
    for round_ in range(MOST_ROUNDS):
        moved = [resample(smooth[i], scale[i], shift[i])[0] for i in range(n)]
        matches = _against_means(moved, groups, kept)
        bridge = _bridge(moved, groups, kept, widths)
        step = np.array([matches[i].shift if i in matches else (0.0, 0.0) for i in range(n)])
        for group in groups:
            # What a group has in common is the bridge's to say, or nobody's.
            if kept[group].any():
                step[group] -= step[group][kept[group]].mean(axis=0)
        residual = step.copy()
        if bridge is not None:
            step[n_before:] += displacement(bridge[0])
        before = kept
        if round_ + 1 >= LEAST_ROUNDS:
            kept = found & ~_outliers(matches, n)
        settled = np.abs(step[kept]).max(initial=0.0) < CONVERGED_PX and (kept == before).all()
        if (settled and round_ + 1 >= LEAST_ROUNDS) or round_ + 1 == MOST_ROUNDS:
            break
        # A step beyond reach of the linearisation tells its direction only.
        shift += scale[:, None] * np.clip(step, -1.0, 1.0)
    for group in groups:
        if group.size == 1 and bridge is not None:  # no group mean but the other's
            matches[int(group[0])] = _as_match(bridge[0])
            residual[group[0]] = displacement(bridge[0])
    uneven = _uneven(*bridge[1]) if bridge is not None else float("nan")
    return _summary(shift, residual, matches, found, n_before, uneven)


def _as_match(bridge: _core.Registration) -> Match:
    shift = np.array([bridge.dy, bridge.dx])
    unknown = float("nan")
    return Match(shift, np.full(2, bridge.std), bridge.correlation, unknown, unknown)


def _summary(
    shift: Array,
    residual: Array,
    matches: dict[int, Match],
    found: NDArray[np.bool_],
    n_before: int,
    uneven: float,
) -> Drift:
    n = len(shift)
    std = np.full((n, 2), np.nan)
    correlation, enlargement = np.full(n, np.nan), np.full(n, np.nan)
    residual[[i for i in range(n) if i not in matches]] = np.nan
    for i, own in matches.items():
        std[i] = own.std
        correlation[i], enlargement[i] = own.correlation, own.enlargement
    is_outlier = ~found | _outliers(matches, n)
    good = np.flatnonzero(found)
    if 0 < good.size < n:
        # Where nothing matched the drift of the neighbours is the best guess.
        for axis in range(2):
            lost = np.flatnonzero(~found)
            shift[lost, axis] = np.interp(lost, good, shift[good, axis])
    return Drift(
        shift=shift,
        std=std,
        residual=residual,
        correlation=correlation,
        is_outlier=is_outlier,
        n_before=n_before,
        enlargement=np.array(
            [matches[i].enlargement if i in matches else np.nan for i in range(n)]
        ),
        uneven=uneven,
    )


def on_reference(shift: Array, scale: Array, reference: int) -> Array:
    """The same alignment with the reference image where it is."""
    common = shift[reference] / scale[reference]
    return np.asarray(shift - scale[:, None] * common)


def _outliers(matches: dict[int, Match], n: int) -> NDArray[np.bool_]:
    flagged = np.zeros(n, bool)
    if not matches:
        return flagged
    known = [own.misfit for own in matches.values() if np.isfinite(own.misfit)]
    middle = float(np.median(known)) if known else 0.0
    for i, own in matches.items():
        far = float(np.abs(own.shift).max()) > OUTLIER_PX
        flagged[i] = far or own.misfit > OUTLIER_MISFIT * middle or not own.correlation > 0
    return flagged


# Groups -------------------------------------------------------------------------------------------


def _edge_position(images: list[Array]) -> int:
    """Number of images before the largest step in contrast; all of them if there is none."""
    from scipy.ndimage import median_filter

    n = len(images)
    known = [image[np.isfinite(image)] for image in images]
    contrast = np.array([np.ptp(np.percentile(k, (5, 95))) if k.size else 0.0 for k in known])
    if n < 2:
        return n
    if n >= 5:
        # A single bad image is no edge.
        contrast = median_filter(contrast, 3, mode="nearest")
    # The split that leaves least spread within the two parts.
    spread = [contrast[:k].var() * k + contrast[k:].var() * (n - k) for k in range(1, n)]
    k = 1 + int(np.argmin(spread))
    first, second = float(np.median(contrast[:k])), float(np.median(contrast[k:]))
    return k if abs(second - first) > 0.15 * max(first, second) else n


def _against_means(
    moved: list[Array], groups: list[NDArray[np.intp]], kept: NDArray[np.bool_]
) -> dict[int, Match]:
    """Match of each image with its own group's mean without itself and the other's mean."""
    sums = [Sum.of([moved[i] for i in group if kept[i]], moved[0].shape) for group in groups]
    matches = {}
    for k, group in enumerate(groups):
        others = [total.mean() for j, total in enumerate(sums) if j != k and total.n]
        for i in group:
            rest = sums[k].without(moved[i]) if kept[i] else sums[k]
            own = match(moved[i], [rest.mean(), *others]) if rest.n else None
            if own is not None:
                matches[int(i)] = own
    return matches


# Contours -----------------------------------------------------------------------------------------


def _coarse(
    images: list[Array], scale: Array, groups: list[NDArray[np.intp]], max_shift: float
) -> tuple[Array, NDArray[np.bool_]]:
    """First shifts, to a fraction of a pixel, and which images matched anything."""
    n = len(images)
    side = max(images[0].shape)
    block = max(1, -(-side // _COARSE_SIDE)) if min(images[0].shape) >= 64 else 1
    nowhere = np.zeros(2)
    outlines = [
        _blocks(contours(resample(image, s, nowhere)[0], CONTOUR_PX), block)
        for image, s in zip(images, scale, strict=True)
    ]
    shift, found = np.zeros((n, 2)), np.zeros(n, bool)
    means = []
    for k, group in enumerate(groups):
        # Away from the edge, so that each image resembles those before it.
        order = group[::-1] if k == 0 and len(groups) == 2 else group
        shifts, mean = _chain(outlines, order, max_shift / block)
        for i, found_shift in shifts.items():
            shift[i], found[i] = found_shift, True
        means.append(mean)
    first, second = means[0], means[-1]
    if len(groups) == 2 and first is not None and second is not None:
        try:
            shift[groups[1]] += displacement(register(first, second, max_shift / block))
        except ConvergenceError as error:
            _log.info("the edge could not be bridged: %s", error)
            found[groups[1] if len(groups[0]) >= len(groups[1]) else groups[0]] = False
    return shift * block * scale[:, None], found


def _chain(
    outlines: list[Array], order: NDArray[np.intp], max_shift: float
) -> tuple[dict[int, Array], Array | None]:
    """Shift of each image onto the running mean of those before it, and the mean of all."""
    best: tuple[dict[int, Array], Array | None] = ({}, None)
    # If the first image is the bad one, nothing matches it: then the next one starts.
    for start in range(min(_MOST_STARTS, order.size)):
        shifts: dict[int, Array] = {}
        total: Sum | None = None
        waiting = list(np.roll(order, -start))
        for _ in range(2):
            trial, waiting = waiting, []
            for i in trial:
                if _is_blank(outlines[i]):
                    continue
                try:
                    shift = (
                        np.zeros(2)
                        if total is None
                        else displacement(register(total.mean(), outlines[i], max_shift))
                    )
                except ConvergenceError as error:
                    _log.info("image %d does not match its group: %s", i, error)
                    waiting.append(i)
                    continue
                shifts[int(i)] = shift
                moved = resample(outlines[i], 1.0, shift)[0]
                total = Sum.of([moved], moved.shape) if total is None else total.plus(moved)
        if total is not None and len(shifts) > len(best[0]):
            best = (shifts, total.mean())
        if len(best[0]) > order.size // 2:
            break
    return best


def _is_blank(image: Array) -> bool:
    known = image[np.isfinite(image)]
    return known.size == 0 or not float(np.ptp(known)) > 0


def _blocks(image: Array, block: int) -> Array:
    if block == 1:
        return image
    ny, nx = (size // block * block for size in image.shape)
    parts = image[:ny, :nx].reshape(ny // block, block, nx // block, block)
    return np.asarray(parts.mean(axis=(1, 3)))


def _bridge(
    moved: list[Array],
    groups: list[NDArray[np.intp]],
    kept: NDArray[np.bool_],
    widths: list[float],
) -> tuple[_core.Registration, list[Array]] | None:
    """Displacement of the later group's mean against the earlier one's, and both contours.

    A width that fails is struck off `widths`.
    """
    if len(groups) < 2 or not all(kept[g].any() for g in groups):
        return None
    means = [
        Sum.of([moved[i] for i in group if kept[i]], moved[0].shape).mean() for group in groups
    ]
    # Fine contours are the more precise; those of a few noisy images drown and need smoothing.
    while widths:
        width = widths[0]
        both = [contours(mean, width) for mean in means]
        try:
            return register(both[0], both[1], MOST_BRIDGE_PX), both
        except ConvergenceError as error:
            _log.info("contours %g px wide do not bridge the edge: %s", width, error)
            widths.pop(0)
    return None


def _uneven(before: Array, after: Array) -> float:
    """Root mean square displacement of four quarters of the field across the edge [px]."""
    middle = [size // 2 for size in before.shape]
    squares = []
    for rows in (slice(None, middle[0]), slice(middle[0], None)):
        for columns in (slice(None, middle[1]), slice(middle[1], None)):
            try:
                part = register(before[rows, columns], after[rows, columns], MOST_BRIDGE_PX)
            except (ConvergenceError, ValueError):
                continue  # nothing to see in this quarter, or too small
            squares.append(part.dy**2 + part.dx**2)
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")
