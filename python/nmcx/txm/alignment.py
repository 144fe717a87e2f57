"""Images of all energies brought onto one grid, in one interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import AlignedStack, EnergyStack, OpticalDensity
from nmcx.txm.drift import OUTLIER_PX, Drift, find_drift, on_reference
from nmcx.txm.optical_density import SAME_ANGLE
from nmcx.txm.resampling import resample

__all__ = ["align_energies"]

Array = NDArray[np.floating[Any]]
#: Smallest image in which drift can be seen [px].
LEAST_SIDE = 16
#: Trials to find the magnification, and when it is found.
_MOST_TRIALS, _SAME_POWER = 4, 0.02
_LARGEST_SIDE = 1024


@dataclass(frozen=True)
class _Series:
    """Images in rising order of energy, loaded one at a time."""

    energy_ev: Array
    mu: Any
    variance: Any  #: like `mu`, or None
    order: NDArray[np.intp]
    scale: Array  #: (n,) magnification against the first image
    pixel_size_um: tuple[float, ...]  #: of the first image
    notes: tuple[str, ...]

    def image(self, i: int) -> Array:
        values = np.asarray(self.mu[self.order[i]])
        kind = values.dtype if values.dtype in (np.float32, np.float64) else np.float64
        return np.where(np.isfinite(values), values, np.nan).astype(kind, copy=False)

    def spread(self, i: int) -> Array | None:
        return None if self.variance is None else np.asarray(self.variance[self.order[i]])


def align_energies(
    stack: OpticalDensity | EnergyStack,
    *,
    magnification: ArrayLike | str | None = None,
    edge_ev: float | None = None,
    max_shift: float | None = None,
) -> AlignedStack:
    r"""Remove magnification and drift between energies, in one interpolation of each original.

    Behind a zone plate a pixel grows with the energy :math:`E`. On the grid of the lowest energy
    :math:`E_0`, with :math:`c` the middle of the image, the value at :math:`x` was measured at

    .. math:: c + (x - c)\,\frac{E_0}{E} + d(E).

    The drift :math:`d` is measured in two groups, before and after the edge, each image against the
    mean of the rest of its group, so that errors do not add up along the series; the groups are
    joined once, on the contours of their means. Tomograms are compared by their projections along
    the three axes.

    Parameters
    ----------
    stack : OpticalDensity or EnergyStack
        Images (n_image, ny, nx) of one angle, or tomograms (n_energy, nz, ny, nx); energies in any
        order, repeats allowed [eV].
    magnification : (n_image,) array_like, "energy" or "find", optional
        Magnification of each image relative to any one of them [1]; ``"energy"`` is 1 / E;
        ``"find"`` finds the power of E that it follows from the images. Default: one over
        `pixel_size_um` of an `OpticalDensity`; none for an `EnergyStack`, which has one grid for
        all energies.
    edge_ev : float, optional
        Energy that parts the groups [eV]. Default: the largest step in contrast.
    max_shift : float, optional
        Largest drift along an axis looked for [px]. Default: a quarter of the shortest side.

    Returns
    -------
    AlignedStack
        `mu` (n_image, ...) in rising order of energy, NaN where an energy did not see the sample;
        `variance` by squared interpolation weights. Its ``stack`` is what `xanes.fit_edges` takes.

    Raises
    ------
    ValueError
        If the images are not 2-D or 3-D, are of several angles, energies or magnifications are
        unknown, or an option is out of range.
    nmcx.errors.ConvergenceError
        If no image matches any other.

    Notes
    -----
    An image is an outlier if nothing matches it, if more than 0.5 px remain in the end, or if what
    its group leaves unexplained is three times the median (our defaults). Interpolation correlates
    the errors of neighbouring pixels, which `variance` does not say.

    References
    ----------
    .. [1] The focal length of a zone plate is proportional to the photon energy: D. Attwood, "Soft
       X-rays and Extreme Ultraviolet Radiation" (Cambridge, 1999), ch. 9.
    .. [2] Interpolation by cubic splines: P. Thevenaz, T. Blu, M. Unser, IEEE Trans. Med. Imaging
       19, 739 (2000). Groups, templates and limits are our own.

    Examples
    --------
    >>> from nmcx import phantom, txm
    >>> series = phantom.misaligned_stack(1, shape=(48, 48), energy_ev=[8250, 8300, 8380, 8420])
    >>> aligned = txm.align_energies(series.images)
    >>> bool(abs(aligned.shift_px - series.shift_px).max() < 0.2)
    True
    """
    series = _series(stack, magnification)
    n = series.energy_ev.size
    n_axis = np.ndim(series.mu) - 1
    n_before = None
    if edge_ev is not None:
        n_before = int(np.searchsorted(series.energy_ev, edge_ev))
        if not 0 < n_before < n:
            raise ValueError(f"edge_ev {edge_ev} eV must lie between the energies of the stack")
    shape = np.shape(series.mu)[1:]
    reach = 0.25 * min(shape) if max_shift is None else float(max_shift)
    if not reach > 0:
        raise ValueError(f"max_shift must be positive, not {max_shift}")
    series, drifts = _drifts(
        series, reach, n_before, find=isinstance(magnification, str) and magnification == "find"
    )
    shift, std, residual = (_joined(drifts, name, n, n_axis) for name in _VECTORS)
    is_outlier = np.any([d.is_outlier for _, d in drifts], axis=0) if drifts else np.zeros(n, bool)
    reference = int(np.argmin(is_outlier))
    shift = on_reference(shift, series.scale, reference)
    mu, variance = _resampled(series, shift)
    return AlignedStack(
        energy_ev=series.energy_ev,
        mu=mu,
        variance=variance,
        pixel_size_um=series.pixel_size_um,
        shift_px=shift,
        shift_std_px=std,
        residual_px=residual,
        magnification=series.scale,
        correlation=np.mean([d.correlation for _, d in drifts] or [np.full(n, np.nan)], axis=0),
        is_outlier=is_outlier,
        reference=reference,
        notes=(*series.notes, *_notes(series, [d for _, d in drifts], residual, is_outlier)),
    )


# Input --------------------------------------------------------------------------------------------


def _series(stack: OpticalDensity | EnergyStack, magnification: ArrayLike | str | None) -> _Series:
    mu = stack.od if isinstance(stack, OpticalDensity) else stack.mu
    if not hasattr(mu, "shape"):
        mu = np.asarray(mu)
    energy = np.asarray(stack.energy_ev, dtype=np.float64)
    if (
        len(mu.shape) not in (3, 4)
        or min(mu.shape[1:]) < LEAST_SIDE
        or mu.shape[0] != energy.size
        or energy.size == 0
    ):
        raise ValueError(
            f"the stack must hold one 2-D image or 3-D tomogram of at least {LEAST_SIDE} pixels a "
            f"side per energy, not {mu.shape} for {energy.size} energies"
        )
    if not (np.isfinite(energy).all() and (energy > 0).all()):
        raise ValueError("energy_ev is not known for every image; set it")
    if isinstance(stack, OpticalDensity) and np.ptp(np.asarray(stack.theta)) > SAME_ANGLE:
        raise ValueError(
            "the images are of several angles: align each angle by itself, or the tomograms "
            "reconstructed from them"
        )
    order = np.argsort(energy, kind="stable")
    energy = energy[order]
    scale, notes = _magnification(stack, magnification, energy, order)
    return _Series(
        energy_ev=energy,
        mu=mu,
        variance=stack.variance,
        order=order,
        scale=scale,
        pixel_size_um=_pixel_size(stack, int(order[0]), len(mu.shape) - 1),
        notes=(*stack.notes, *notes),
    )


def _magnification(
    stack: OpticalDensity | EnergyStack,
    given: ArrayLike | str | None,
    energy: Array,
    order: NDArray[np.intp],
) -> tuple[Array, tuple[str, ...]]:
    if isinstance(given, str):
        if given == "find":
            return _magnification(stack, None, energy, order)
        if given != "energy":
            raise ValueError(f'magnification must be "energy", "find" or numbers, not {given!r}')
        return energy[0] / energy, ("magnification taken as inverse to the energy",)
    if given is not None:
        values = np.asarray(given, dtype=np.float64)
        if values.shape != energy.shape or not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError(f"magnification must be {energy.size} positive numbers, one per image")
        return values[order] / values[order[0]], ("magnification as given",)
    if isinstance(stack, OpticalDensity):
        pixel = np.asarray(stack.pixel_size_um, dtype=np.float64)[order]
        if np.isfinite(pixel).all() and (pixel > 0).all():
            return pixel[0] / pixel, ("magnification from the pixel sizes",)
        note = "pixel sizes unknown: magnification taken as one; pass magnification if it changes"
        return np.ones(energy.size), (note,)
    return np.ones(energy.size), ("one voxel size for all energies: no magnification removed",)


def _pixel_size(stack: OpticalDensity | EnergyStack, first: int, n_axis: int) -> tuple[float, ...]:
    if isinstance(stack, OpticalDensity):
        return (float(stack.pixel_size_um[first]),) * n_axis
    size = stack.voxel_size_um
    return (float("nan"),) * n_axis if size is None else tuple(float(v) for v in size[-n_axis:])


# Drift --------------------------------------------------------------------------------------------

_VECTORS = ("shift", "std", "residual")


def _views(series: _Series) -> Iterator[tuple[tuple[int, int], list[Array]]]:
    """2-D images to register, and the two axes of the stack that each shows."""
    n = series.energy_ev.size
    if np.ndim(series.mu) == 3:
        yield (0, 1), [series.image(i) for i in range(n)]
        return
    projected: list[list[Array]] = [[], [], []]
    for i in range(n):
        volume = series.image(i)
        for axis in range(3):
            projected[axis].append(_projection(volume, axis))
    for axis, (first, second) in enumerate(((1, 2), (0, 2), (0, 1))):
        yield (first, second), projected[axis]


def _drifts(
    series: _Series, max_shift: float, n_before: int | None, *, find: bool
) -> tuple[_Series, list[tuple[tuple[int, int], Drift]]]:
    """Drift in each view; with `find`, the magnification follows the sizes of the images."""
    if series.energy_ev.size < 2:
        return series, []
    views = list(_views(series))
    for _ in range(_MOST_TRIALS):
        drifts = [
            (axes, find_drift(images, series.scale, max_shift=max_shift, n_before=n_before))
            for axes, images in views
        ]
        power = _power_in_excess(series.energy_ev, [drift for _, drift in drifts])
        if not find or not np.isfinite(power) or abs(power) < _SAME_POWER:
            break
        series = replace(series, scale=series.scale * _ratio(series.energy_ev) ** power)
    if find:
        given = np.polyfit(np.log(_ratio(series.energy_ev)), np.log(series.scale), 1)[0]
        note = f"magnification found to vary as E to the power {-given:.3f}"
        series = replace(series, notes=(*series.notes[:-1], note))
    return series, drifts


def _ratio(energy: Array) -> NDArray[np.float64]:
    return np.asarray(energy[0] / energy)


def _power_in_excess(energy: Array, drifts: list[Drift]) -> float:
    """How much faster than removed the images shrink, as a power of 1 / E; NaN: cannot tell."""
    above = below = 0.0
    shrinking = np.log(_ratio(energy))
    for drift in drifts:
        for group in (slice(drift.n_before), slice(drift.n_before, None)):
            known = np.isfinite(drift.enlargement[group]) & ~drift.is_outlier[group]
            # Sizes are known against the mean of the group.
            expected = shrinking[group][known]
            expected = expected - expected.mean() if expected.size else expected
            above += float(np.sum(expected * drift.enlargement[group][known]))
            below += float(np.sum(expected**2))
    return above / below if below > 1e-8 else float("nan")


def _projection(volume: Array, axis: int) -> Array:
    """Mean along an axis over what is known; NaN where less than half of the line is."""
    seen = np.isfinite(volume)
    count = seen.sum(axis=axis)
    total = np.where(seen, volume, 0.0).sum(axis=axis, dtype=np.float64)
    return np.where(2 * count > volume.shape[axis], total / np.maximum(count, 1), np.nan)


def _joined(drifts: list[tuple[tuple[int, int], Drift]], name: str, n: int, n_axis: int) -> Array:
    """Component of each axis, the mean of the views that show it."""
    result = np.zeros((n, n_axis)) if name == "shift" else np.full((n, n_axis), np.nan)
    for axis in range(n_axis):
        seen = [getattr(drift, name)[:, axes.index(axis)] for axes, drift in drifts if axis in axes]
        if seen:
            # Two projections share the noise of the voxels: their errors are not independent.
            result[:, axis] = np.mean(seen, axis=0)
    return result


def _resampled(series: _Series, shift: Array) -> tuple[Array, Array | None]:
    first = series.image(0)
    n = series.energy_ev.size
    mu = np.empty((n, *first.shape), first.dtype)
    variance = None if series.variance is None else np.empty_like(mu)
    for i in range(n):
        value, spread = resample(series.image(i), series.scale[i], shift[i], series.spread(i))
        mu[i] = value
        if variance is not None:
            variance[i] = spread
    return mu, variance


def _notes(
    series: _Series, drifts: list[Drift], residual: Array, is_outlier: NDArray[np.bool_]
) -> Iterator[str]:
    energy = series.energy_ev
    if not drifts:
        yield "one image: nothing to align"
        return
    n_before = {drift.n_before for drift in drifts}
    if n_before == {energy.size}:
        yield "no step in contrast: one group of images"
    else:
        yield (
            f"groups before and after the edge parted above {energy[min(n_before) - 1]:.1f} eV, "
            "bridged on the contours of their means"
        )
    left = residual[~is_outlier]
    left = left[np.isfinite(left)]
    size = np.sqrt(np.mean(left**2)) if left.size else np.nan
    yield f"drift removed with a residual of {size:.3f} px (root mean square)"
    uneven = [drift.uneven for drift in drifts if np.isfinite(drift.uneven)]
    if uneven:
        yield (
            f"the quarters of the field differ by {np.mean(uneven):.2f} px across the edge, which "
            "a shift and a magnification cannot take out"
        )
    power = _power_in_excess(energy, drifts)
    if abs(power) > 0.1:
        yield (
            f"magnification varies as E to the power {-power:+.2f} beyond what was removed: check "
            'the pixel sizes, or pass magnification="energy" or "find"'
        )
    if is_outlier.any():
        yield (
            f"{', '.join(f'{e:.1f}' for e in energy[is_outlier])} eV could not be aligned: no "
            f"match, more than {OUTLIER_PX} px left, or unlike their group"
        )
