"""Drift of a whole energy stack, every image against what all the others show."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.results import AlignedStxm, StxmStack
from nmcx.surface.registration import register

_log = logging.getLogger("nmcx")
_Array = NDArray[np.float64]

#: Neighbours in energy that are compared at first [images].
_DISTANCES = (1, 2, 4)
_MAX_ROUNDS = 6
_TOLERANCE_PX = 0.01
#: An image this far off what its neighbours predict was not registered [standard errors, px].
_OUTLIER = (6.0, 1.0)


def align_stack(
    stack: StxmStack,
    *,
    reference: int | None = None,
    max_shift: float | tuple[float, float] | None = None,
) -> AlignedStxm:
    """Drift of every image of an energy stack, removed in one interpolation each.

    Shifts between near neighbours in energy, joined by least squares, give the start. Then each
    image is registered against the mean of all the others, aligned, until nothing moves: errors do
    not add up along the stack as they do from neighbour to neighbour.

    Parameters
    ----------
    stack : StxmStack
        ``counts (n_energy, ny, nx)`` of one field [counts], energies in any order.
    reference : int, optional
        Index of the image that stays where it is. Default: the image in the middle of the drift,
        which leaves most of the field common to all.
    max_shift : float or (float, float), optional
        Largest drift between neighbours in energy, along rows and columns [px]; see `register`.

    Returns
    -------
    AlignedStxm
        Aligned counts with their variance, shifts with standard errors [px], and the energies that
        could not be registered: flagged, their images and shifts NaN.

    Raises
    ------
    ValueError
        If the stack holds fewer than two images, negative counts, or no such reference.
    nmcx.errors.ConvergenceError
        If fewer than two images can be registered, or the reference cannot.

    Notes
    -----
    Shifts are relative to `reference`; a common error moves the whole field and no image against
    another. Pixels that fewer than half the images see are
    left out of the mean. An image is an outlier if it matches neither neighbours nor mean, or lies
    more than six standard errors and one pixel from where both place it (our defaults).

    References
    ----------
    .. [1] P. Thevenaz, U. E. Ruttimann, M. Unser, IEEE Trans. Image Process. 7, 27 (1998), for the
       registration of two images; P. J. Huber, Ann. Math. Stat. 35, 73 (1964), for the weights of
       the pairwise shifts.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import StxmStack
    >>> y, x = np.mgrid[:48, :48] - 24.0
    >>> def image(drift):
    ...     body = np.tanh(12 - np.hypot(y - drift, x + 2 * drift))
    ...     return 900 + 500 * body * np.cos(0.4 * (x + 2 * drift))
    >>> counts = np.stack([image(drift) for drift in (0.0, 0.5, 1.5)])
    >>> axis = np.arange(48.0)
    >>> stack = StxmStack(counts, np.array([852.0, 854.0, 856.0]), axis, axis)
    >>> surface.align_stack(stack, reference=0).shift_px[2].round(1).tolist()
    [1.5, -3.0]
    """
    counts = np.ascontiguousarray(stack.counts, dtype=np.float64)
    if counts.ndim != 3 or counts.shape[0] < 2:
        raise ValueError(
            f"stack must hold at least two images, not counts of shape {counts.shape}; "
            "xi_map takes single images"
        )
    if np.any(counts < 0):
        raise ValueError("stack must hold counts of zero or more; convert currents to counts")
    n = counts.shape[0]
    if reference is not None and not -n <= reference < n:
        raise ValueError(f"reference must be an index of the {n} images, not {reference}")
    # The logarithm turns a change of flux into an offset; one count more keeps it finite.
    contrast = np.log1p(counts)
    order = np.argsort(np.asarray(stack.energy_ev, dtype=float), kind="stable")
    start, connected = _network(contrast, order, max_shift)
    shift, std, registered = _against_the_mean(contrast, start, connected)
    if np.count_nonzero(registered) < 2:
        raise ConvergenceError(
            "the stack cannot be registered: fewer than two of its images match; "
            "are they blank, saturated or of different fields?"
        )
    if reference is None:
        centre = np.nanmedian(shift, axis=0)
        reference = int(np.nanargmin(np.linalg.norm(shift - centre, axis=1)))
    elif not registered[reference]:
        raise ConvergenceError(
            f"the reference image {reference} matches no other; choose another or leave it open"
        )
    reference %= n
    relative = np.asarray(shift - shift[reference], dtype=np.float64)
    return _aligned(stack, counts, relative, std, registered, reference)


def _pairs(order: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    for distance in _DISTANCES:
        for a, b in zip(order[:-distance], order[distance:], strict=True):
            yield int(a), int(b)


def _network(
    contrast: _Array, order: NDArray[np.intp], max_shift: float | tuple[float, float] | None
) -> tuple[_Array, NDArray[np.bool_]]:
    """Shifts that agree best with those between neighbours in energy; NaN if unconnected."""
    rows: list[tuple[int, int, _Array]] = []
    for a, b in _pairs(order):
        try:
            found = register(contrast[a], contrast[b], max_shift=max_shift)
        except ConvergenceError:
            continue
        rows.append((a, b, np.array([found.dy, found.dx, max(found.std, 0.02)])))
    n = contrast.shape[0]
    group = _largest_group(n, [(a, b) for a, b, _ in rows])
    shift = np.full((n, 2), np.nan)
    if np.count_nonzero(group) < 2:
        return shift, group
    rows = [row for row in rows if group[row[0]]]
    matrix = np.zeros((len(rows) + 1, n))
    for i, (a, b, _) in enumerate(rows):
        matrix[i, a], matrix[i, b] = -1.0, 1.0
    matrix[-1, np.flatnonzero(group)[0]] = 1.0
    measured = np.array([row[2] for row in rows] + [np.array([0.0, 0.0, 1.0])])
    weight = 1.0 / measured[:, 2]
    found_at: _Array = np.zeros((n, 2))
    for _ in range(10):
        # A false match pulls no more than three standard errors' worth (Huber).
        w = weight[:, None]
        found_at = np.asarray(
            np.linalg.lstsq(matrix * w, measured[:, :2] * w, rcond=None)[0], float
        )
        off = np.linalg.norm(matrix @ found_at - measured[:, :2], axis=1) / measured[:, 2]
        weight = np.sqrt(np.minimum(1.0, 3.0 / np.maximum(off, 1e-12))) / measured[:, 2]
    shift[group] = found_at[group]
    return shift, group


def _largest_group(n: int, edges: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """The largest set of images that matches connect."""
    label = np.arange(n)
    for a, b in edges:
        label[label == label[b]] = label[a]
    values, size = np.unique(label, return_counts=True)
    return np.asarray(label == values[np.argmax(size)])


def _against_the_mean(
    contrast: _Array, start: _Array, connected: NDArray[np.bool_]
) -> tuple[_Array, _Array, NDArray[np.bool_]]:
    """Shifts against the mean of all other images, repeated until they stay."""
    n = contrast.shape[0]
    shift, registered = start.copy(), connected.copy()
    std = np.full(n, np.nan)
    if np.count_nonzero(registered) < 2:
        return shift, std, np.zeros(n, dtype=bool)
    shift -= np.nanmedian(shift, axis=0)
    for _ in range(_MAX_ROUNDS):
        known = np.flatnonzero(registered)
        moved = np.stack([_moved(contrast[i], shift[i]) for i in known])
        seen = np.isfinite(moved)
        total, number = np.where(seen, moved, 0.0).sum(axis=0), seen.sum(axis=0)
        step = np.zeros((n, 2))
        for k, i in enumerate(known):
            others = number - seen[k]
            mean = (total - np.where(seen[k], moved[k], 0.0)) / np.maximum(others, 1)
            mean[others < 0.5 * (known.size - 1)] = np.nan
            try:
                # The mean is the one interpolated: it has the least noise.
                found = register(contrast[i], mean)
            except ConvergenceError:
                registered[i] = False
                continue
            step[i] = np.array([-found.dy, -found.dx]) - shift[i]
            std[i] = found.std
            if np.linalg.norm(step[i]) > max(_OUTLIER[1], _OUTLIER[0] * found.std):
                registered[i] = False
        if np.count_nonzero(registered) < 2:
            break
        shift += step
        moved_most = np.abs(step[registered] - np.mean(step[registered], axis=0)).max()
        if moved_most < _TOLERANCE_PX:
            break
    shift[~registered] = np.nan
    std[~registered] = np.nan
    return shift, std, registered


def _moved(image: _Array, shift: _Array) -> _Array:
    return np.asarray(_core.resample(image, image, _core.Warp(shift[0], shift[1])).value)


def _aligned(
    stack: StxmStack,
    counts: _Array,
    shift: _Array,
    std: _Array,
    registered: NDArray[np.bool_],
    reference: int,
) -> AlignedStxm:
    value, variance = np.full_like(counts, np.nan), np.full_like(counts, np.nan)
    for i in np.flatnonzero(registered):
        # A pixel without counts still has an error: that of one count.
        poisson = np.maximum(counts[i], 1.0)
        found = _core.resample(counts[i], poisson, _core.Warp(shift[i, 0], shift[i, 1]))
        value[i], variance[i] = found.value, found.variance
    notes = stack.notes
    notes += (f"aligned to image {reference} by one cubic-spline interpolation each",)
    lost = np.flatnonzero(~registered)
    if lost.size:
        energies = ", ".join(f"{stack.energy_ev[i]:.2f}" for i in lost)
        notes += (f"not registered, left out: {energies} eV",)
        _log.warning("align_stack: %d images not registered: %s eV", lost.size, energies)
    return AlignedStxm(
        counts=value,
        variance=variance,
        energy_ev=np.asarray(stack.energy_ev, dtype=float),
        x_um=stack.x_um,
        y_um=stack.y_um,
        shift_px=shift,
        shift_std_px=std,
        is_outlier=~registered,
        residual_px=_residual(value),
        reference=reference,
        dwell_s=stack.dwell_s,
        notes=notes,
        i0=stack.i0,
        detector=stack.detector,
        units=stack.units,
    )


def _residual(value: _Array) -> _Array:
    """Drift left between neighbours in energy after alignment, a check that saw no mean [px]."""
    residual = np.full((value.shape[0], 2), np.nan)
    kept = [i for i in range(value.shape[0]) if np.isfinite(value[i]).any()]
    for a, b in pairwise(kept):
        try:
            found = register(np.log1p(value[a].clip(0)), np.log1p(value[b].clip(0)), max_shift=4.0)
        except (ConvergenceError, ValueError):
            continue
        residual[b] = found.dy, found.dx
    return residual
