"""Drift of an energy series of images: groups before and after the edge, each on its own mean."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.txm.resampling import resample

Array = NDArray[np.floating[Any]]
_log = logging.getLogger("nmcx")

#: Smoothing of what is compared, and of its contours [px] (our defaults).
SMOOTHING_PX, CONTOUR_PX = 1.0, 2.0
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
    excess: float  #: magnification in excess, as a power of the given one


@dataclass(frozen=True)
class _Match:
    """Displacement of one image from what templates of its field predict."""

    shift: Array  #: (2,) [px of the common grid]
    std: Array  #: (2,) [px]
    correlation: float
    misfit: float  #: root mean square of what the templates leave unexplained
    enlargement: float  #: logarithm of the image's size against that of the templates


def find_drift(
    images: list[Array], scale: Array, *, reference: int, max_shift: float, n_before: int | None
) -> Drift:
    """Drift of 2-D images in rising order of energy, `scale` being their magnification.

    A coarse search on contours, which stay when the contrast changes at the edge, brings each image
    to the running mean of its group. Least squares then move it onto what the means of both groups
    predict, its own part left out, with gain and offset free and linear over the field: all are
    measured against the same means, so errors do not add up along the series. Before and after the
    edge are bridged on the contours of the two means.
    """
    n = len(images)
    smooth = [_smoothed(image) for image in images]
    if n_before is None:
        n_before = _edge_position(smooth)
    groups = [g for g in (np.arange(n_before), np.arange(n_before, n)) if g.size]
    shift, found = _coarse(images, scale, groups, max_shift)
    if not found.any():
        raise ConvergenceError("no image matches another: are they blank, or of different fields?")
    shift = _on_reference(shift, scale, reference if found[reference] else int(np.argmax(found)))
    kept, bridge = found.copy(), None
    matches: dict[int, _Match] = {}
    for round_ in range(MOST_ROUNDS):
        moved = [resample(smooth[i], scale[i], shift[i])[0] for i in range(n)]
        matches = _against_means(moved, groups, kept)
        bridge = _bridge(moved, groups, kept)
        step = np.array([matches[i].shift if i in matches else (0.0, 0.0) for i in range(n)])
        if bridge is not None:
            step[n_before:] += (bridge.dy, bridge.dx)
        before = kept
        if round_ + 1 >= LEAST_ROUNDS:
            kept = found & ~_outliers(matches, n)
        settled = np.abs(step[kept]).max(initial=0.0) < CONVERGED_PX and (kept == before).all()
        if (settled and round_ + 1 >= LEAST_ROUNDS) or round_ + 1 == MOST_ROUNDS:
            break
        # A step beyond reach of the linearisation tells its direction only.
        shift += scale[:, None] * np.clip(step, -1.0, 1.0)
    if bridge is not None:
        for group in groups:
            if group.size == 1:  # no group mean but the other's
                matches[int(group[0])] = _as_match(bridge)
    return _summary(shift, scale, matches, found, n_before, reference)


def _as_match(bridge: _core.Registration) -> _Match:
    shift = np.array([bridge.dy, bridge.dx])
    unknown = float("nan")
    return _Match(shift, np.full(2, bridge.std), bridge.correlation, unknown, unknown)


def _summary(
    shift: Array,
    scale: Array,
    matches: dict[int, _Match],
    found: NDArray[np.bool_],
    n_before: int,
    reference: int,
) -> Drift:
    n = len(shift)
    unknown = np.full((n, 2), np.nan)
    std, residual, correlation = unknown.copy(), unknown.copy(), unknown[:, 0].copy()
    for i, match in matches.items():
        std[i], residual[i] = match.std, match.shift
        correlation[i] = match.correlation
    is_outlier = ~found | _outliers(matches, n)
    good = np.flatnonzero(found)
    if 0 < good.size < n:
        # Where nothing matched the drift of the neighbours is the best guess.
        for axis in range(2):
            lost = np.flatnonzero(~found)
            shift[lost, axis] = np.interp(lost, good, shift[good, axis])
    if is_outlier[reference] and not is_outlier.all():
        reference = int(np.argmin(is_outlier))
    return Drift(
        shift=_on_reference(shift, scale, reference),
        std=std,
        residual=residual,
        correlation=correlation,
        is_outlier=is_outlier,
        n_before=n_before,
        excess=_excess(scale, matches, ~is_outlier, n_before),
    )


def _on_reference(shift: Array, scale: Array, reference: int) -> Array:
    """The same alignment with the reference image where it is."""
    common = shift[reference] / scale[reference]
    return np.asarray(shift - scale[:, None] * common)


def _excess(scale: Array, matches: dict[int, _Match], kept: Array, n_before: int) -> float:
    """Slope of the sizes found over the sizes given, in logarithms; NaN if nothing tells."""
    above = below = 0.0
    for group in (range(n_before), range(n_before, len(scale))):
        chosen = [i for i in group if i in matches and kept[i]]
        if len(chosen) < 3:
            continue
        given = np.log(scale[chosen])
        given = given - given.mean()
        size = np.array([matches[i].enlargement for i in chosen])
        above += float(np.sum(given * size))
        below += float(np.sum(given**2))
    return above / below if below > 1e-8 else float("nan")


def _outliers(matches: dict[int, _Match], n: int) -> NDArray[np.bool_]:
    flagged = np.zeros(n, bool)
    if not matches:
        return flagged
    known = [match.misfit for match in matches.values() if match.misfit == match.misfit]
    middle = float(np.median(known)) if known else 0.0
    for i, match in matches.items():
        far = float(np.abs(match.shift).max()) > OUTLIER_PX
        flagged[i] = far or match.misfit > OUTLIER_MISFIT * middle or not match.correlation > 0
    return flagged


# Groups -------------------------------------------------------------------------------------------


def _edge_position(images: list[Array]) -> int:
    """Number of images before the largest step in contrast; all of them if there is none."""
    n = len(images)
    contrast = np.array([np.subtract(*np.nanpercentile(image, (95, 5))) for image in images])
    if n < 2 or not np.isfinite(contrast).all():
        return n
    # The split that leaves least spread within the two parts.
    spread = [contrast[:k].var() * k + contrast[k:].var() * (n - k) for k in range(1, n)]
    k = 1 + int(np.argmin(spread))
    first, second = float(np.median(contrast[:k])), float(np.median(contrast[k:]))
    return k if abs(second - first) > 0.15 * max(first, second) else n


def _against_means(
    moved: list[Array], groups: list[NDArray[np.intp]], kept: NDArray[np.bool_]
) -> dict[int, _Match]:
    """Match of each image with its own group's mean without itself and the other's mean."""
    sums = [_Sum.of([moved[i] for i in group if kept[i]], moved[0].shape) for group in groups]
    matches = {}
    for k, group in enumerate(groups):
        others = [total.mean() for j, total in enumerate(sums) if j != k and total.n]
        for i in group:
            rest = sums[k].without(moved[i]) if kept[i] else sums[k]
            match = _match(moved[i], [rest.mean(), *others]) if rest.n else None
            if match is not None:
                matches[int(i)] = match
    return matches


@dataclass(frozen=True)
class _Sum:
    """Sum of images, and how many of them each pixel has seen."""

    total: Array
    count: Array
    n: int

    @staticmethod
    def of(images: list[Array], shape: tuple[int, ...]) -> _Sum:
        total, count = np.zeros(shape), np.zeros(shape)
        for image in images:
            seen = np.isfinite(image)
            total[seen] += image[seen]
            count += seen
        return _Sum(total, count, len(images))

    def without(self, image: Array) -> _Sum:
        seen = np.isfinite(image)
        return _Sum(self.total - np.where(seen, image, 0.0), self.count - seen, self.n - 1)

    def plus(self, image: Array) -> _Sum:
        seen = np.isfinite(image)
        return _Sum(self.total + np.where(seen, image, 0.0), self.count + seen, self.n + 1)

    def mean(self) -> Array:
        # A pixel that few have seen would put a step where the others begin.
        enough = self.count > 0.7 * self.n
        return np.where(enough, self.total / np.maximum(self.count, 1.0), np.nan)


def _match(image: Array, templates: list[Array]) -> _Match | None:
    """Least-squares displacement of an image from gain × templates + offset.

    The slopes are those of the templates, not of the image, so the noise of the image enters
    linearly and does not pull the result towards positions where interpolation smooths more.
    """
    valid = np.isfinite(image) & np.isfinite(templates).all(axis=0)
    n_free = 3 * (len(templates) + 1)
    y, x = np.meshgrid(*(np.linspace(-1.0, 1.0, size) for size in image.shape), indexing="ij")
    ones = np.ones(image.shape)
    # What may vary over the field: a gradient in valence must not pass for a shift of the rim.
    smooth = np.stack([(t * p).ravel() for t in (ones, *templates) for p in (ones, y, x)])
    smooth = np.where(valid.ravel(), smooth, 0.0)
    values = np.where(valid, image, 0.0).ravel()
    if np.count_nonzero(valid) < 10 * n_free:
        return None
    model = _fitted(smooth, values).reshape(image.shape)
    slope_y, slope_x = np.gradient(np.where(valid, model, np.nan))
    inside = np.isfinite(slope_y) & np.isfinite(slope_x)
    middle = [0.5 * (size - 1) for size in image.shape]
    radial = slope_y * y * middle[0] + slope_x * x * middle[1]
    slopes = np.where(inside, np.stack([slope_y, slope_x, radial]), 0.0).reshape(3, -1)
    smooth = np.where(inside.ravel(), smooth, 0.0)
    residual = np.where(inside.ravel(), values - model.ravel(), 0.0)
    slopes = slopes - np.stack([_fitted(smooth, slope) for slope in slopes])
    normal, score = slopes @ slopes.T, slopes @ residual
    if not np.linalg.cond(normal[:2, :2]) < 1e8:
        return None
    # A content that has moved by +1 leaves minus the slope.
    change = np.linalg.solve(normal[:2, :2], score[:2])
    misfit = float(np.sqrt(np.sum((residual - change @ slopes[:2]) ** 2) / inside.sum()))
    spread = float(np.var(image[inside]))
    return _Match(
        shift=-change,
        std=_standard_error(slopes[:2].reshape(2, *image.shape), normal[:2, :2], misfit),
        correlation=float(np.sqrt(max(0.0, 1.0 - misfit**2 / spread))) if spread > 0 else 0.0,
        misfit=misfit,
        enlargement=-float(np.linalg.lstsq(normal, score, rcond=1e-8)[0][2]),
    )


def _fitted(design: Array, values: Array) -> Array:
    """Least-squares fit of `values` (n,) by the rows of `design` (k, n)."""
    normal = design @ design.T
    normal[np.diag_indices(len(design))] *= 1.0 + 1e-10
    return np.asarray(np.linalg.solve(normal, design @ values) @ design)


def _standard_error(slopes: Array, normal: Array, misfit: float) -> Array:
    """Of a displacement: white noise smoothed by G scores like the slopes smoothed by G again."""
    from scipy import ndimage

    twice = np.stack([ndimage.gaussian_filter(slope, SMOOTHING_PX).ravel() for slope in slopes])
    raw_variance = misfit**2 * 4.0 * np.pi * SMOOTHING_PX**2
    inverse = np.linalg.inv(normal)
    return np.asarray(np.sqrt(np.diag(inverse @ (raw_variance * twice @ twice.T) @ inverse)))


# Contours -----------------------------------------------------------------------------------------


def _smoothed(image: Array) -> Array:
    """Image smoothed over what is known of it, without its wildest pixels; NaN where unknown."""
    from scipy import ndimage

    missing = ~np.isfinite(image)
    values = np.asarray(image, dtype=np.float64)
    if missing.all():
        return values
    low, high = np.percentile(values[~missing], (0.1, 99.9))
    reach = high - low
    values = np.clip(values, low - reach, high + reach)
    if not missing.any():
        return np.asarray(ndimage.gaussian_filter(values, SMOOTHING_PX))
    seen = ndimage.gaussian_filter((~missing).astype(float), SMOOTHING_PX)
    total = ndimage.gaussian_filter(np.where(missing, 0.0, values), SMOOTHING_PX)
    return np.where(missing, np.nan, total / np.maximum(seen, 1e-12))


def _contours(image: Array, width: float = CONTOUR_PX) -> Array:
    """Steepness of an image: where its contours lie, whatever their height."""
    from scipy import ndimage

    missing = ~np.isfinite(image)
    if missing.all():
        return np.full(image.shape, np.nan)
    filled = np.where(missing, np.median(image[~missing]), image).astype(np.float64)
    slope: Array = ndimage.gaussian_gradient_magnitude(filled, width)
    # The borders of what is missing are no contours of the sample.
    if missing.any():
        slope[ndimage.binary_dilation(missing, iterations=round(4 * width))] = np.nan
    return slope


def _register(fixed: Array, moving: Array, max_shift: float) -> _core.Registration:
    """Displacement of `moving` against `fixed`; ConvergenceError if they do not match."""
    if not (np.isfinite(fixed).any() and np.isfinite(moving).any()):
        raise ConvergenceError("the image has no pixel that is known")
    limits = [min(max_shift, 0.4 * size) for size in fixed.shape]
    return _core.register_translation(
        np.ascontiguousarray(fixed, np.float64),
        np.ascontiguousarray(moving, np.float64),
        _core.RegistrationOptions(*limits),
    )


def _displacement(found: _core.Registration) -> Array:
    return np.array([found.dy, found.dx])


def _coarse(
    images: list[Array], scale: Array, groups: list[NDArray[np.intp]], max_shift: float
) -> tuple[Array, NDArray[np.bool_]]:
    """First shifts, to a fraction of a pixel, and which images matched anything."""
    n = len(images)
    side = max(images[0].shape)
    block = max(1, -(-side // _COARSE_SIDE)) if min(images[0].shape) >= 64 else 1
    nowhere = np.zeros(2)
    contours = [
        _blocks(_contours(resample(image, s, nowhere)[0]), block)
        for image, s in zip(images, scale, strict=True)
    ]
    shift, found = np.zeros((n, 2)), np.zeros(n, bool)
    means = []
    for k, group in enumerate(groups):
        # Away from the edge, so that each image resembles those before it.
        order = group[::-1] if k == 0 and len(groups) == 2 else group
        shifts, mean = _chain(contours, order, max_shift / block)
        for i, found_shift in shifts.items():
            shift[i], found[i] = found_shift, True
        means.append(mean)
    first, second = means[0], means[-1]
    if len(groups) == 2 and first is not None and second is not None:
        try:
            shift[groups[1]] += _displacement(_register(first, second, max_shift / block))
        except ConvergenceError as error:
            _log.info("the edge could not be bridged: %s", error)
            found[groups[1] if len(groups[0]) >= len(groups[1]) else groups[0]] = False
    return shift * block * scale[:, None], found


def _chain(
    contours: list[Array], order: NDArray[np.intp], max_shift: float
) -> tuple[dict[int, Array], Array | None]:
    """Shift of each image onto the running mean of those before it, and the mean of all."""
    best: tuple[dict[int, Array], Array | None] = ({}, None)
    # If the first image is the bad one, nothing matches it: then the next one starts.
    for start in range(min(_MOST_STARTS, order.size)):
        shifts: dict[int, Array] = {}
        total: _Sum | None = None
        waiting = list(np.roll(order, -start))
        for _ in range(2):
            trial, waiting = waiting, []
            for i in trial:
                try:
                    shift = (
                        np.zeros(2)
                        if total is None
                        else _displacement(_register(total.mean(), contours[i], max_shift))
                    )
                except ConvergenceError as error:
                    _log.info("image %d does not match its group: %s", i, error)
                    waiting.append(i)
                    continue
                if not np.nanstd(contours[i]) > 0:
                    continue  # blank
                shifts[int(i)] = shift
                moved = resample(contours[i], 1.0, shift)[0]
                total = _Sum.of([moved], moved.shape) if total is None else total.plus(moved)
        if total is not None and len(shifts) > len(best[0]):
            best = (shifts, total.mean())
        if len(best[0]) > order.size // 2:
            break
    return best


def _blocks(image: Array, block: int) -> Array:
    if block == 1:
        return image
    ny, nx = (size // block * block for size in image.shape)
    parts = image[:ny, :nx].reshape(ny // block, block, nx // block, block)
    return np.asarray(parts.mean(axis=(1, 3)))


def _bridge(
    moved: list[Array], groups: list[NDArray[np.intp]], kept: NDArray[np.bool_]
) -> _core.Registration | None:
    """Displacement of the later group's mean against the earlier one's; None if there is none."""
    if len(groups) < 2 or not all(kept[g].any() for g in groups):
        return None
    before, after = (
        _Sum.of([moved[i] for i in group if kept[i]], moved[0].shape).mean() for group in groups
    )
    try:
        return _register(_contours(before, SMOOTHING_PX), _contours(after, SMOOTHING_PX), 4.0)
    except ConvergenceError as error:
        _log.info("the edge could not be bridged more finely: %s", error)
        return None
