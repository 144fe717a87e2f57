"""Soft X-ray surface maps: drift between two scans, and the ratio map xi with its error.

The electron yield at two energies of the Ni L3 doublet gives xi = I_high / (I_low + I_high) per
pixel. The scans are taken one after the other, so the drift between them comes off first.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.errors import ConvergenceError
from nmcx.results import Shift, StxmStack, XiMap

__all__ = ["register", "relative_valence", "split", "xi_map"]

_log = logging.getLogger("nmcx")
_Image = NDArray[np.float64]

#: Counts in both scans together that give sigma(xi) = 0.02 at xi = 1/2.
_MIN_COUNTS = 625.0

#: Structure smoother than this tells chemistry rather than drift [px] (our default).
_DETAIL_PX = 1.2


def register(
    fixed: ArrayLike,
    moving: ArrayLike,
    *,
    max_shift: float | tuple[float, float] | None = None,
    variation: int = 0,
) -> Shift:
    """Sub-pixel drift between two images of one field, whatever their contrast.

    Every whole-pixel shift within `max_shift` is tried by normalised cross-correlation over the
    overlap; Gauss-Newton with gain, offset and cubic B-splines [1]_ refines the best of them.

    Parameters
    ----------
    fixed, moving : (ny, nx) array_like
        Images with roughly even noise, such as the logarithm of counts [1]. NaN marks pixels
        without a value; they are left out.
    max_shift : float or (float, float), optional
        Largest drift looked for, along rows and columns [px]. Default: 40 % of the image, so that
        at least a third of the field is common to both (our default).
    variation : int
        Degree, 0 to 3, of the polynomial over the field in which gain and offset may vary. 0 is the
        most precise where one gain relates both images; 1 keeps a chemical gradient across the
        particle from passing for a shift of its rim (`xi_map` takes 1).

    Returns
    -------
    Shift
        ``moving(x) = fixed(x - shift)`` [px], with the standard error of each component. Where the
        two contrasts differ by more than a gain the error comes out too large rather than too
        small.

    Raises
    ------
    ValueError
        If the images are not 2-D, differ in shape, are below 8 x 8 pixels or hold no number.
    nmcx.errors.ConvergenceError
        If they do not match significantly (blank, saturated, different fields) or lack structure
        along one direction.

    References
    ----------
    .. [1] P. Thevenaz, U. E. Ruttimann, M. Unser, "A pyramid approach to subpixel registration
       based on intensity", IEEE Trans. Image Process. 7, 27 (1998); significance of the match
       after P. Clifford, S. Richardson, D. Hemon, Biometrics 45, 123 (1989).

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> y, x = np.mgrid[:48, :48]
    >>> def blobs(dy, dx):
    ...     return np.sin(0.4 * (y - dy)) * np.cos(0.3 * (x - dx)) + np.tanh(0.1 * (x - dx - 20))
    >>> shift = surface.register(blobs(0, 0), 3 * blobs(1.25, -2.5) + 7)
    >>> round(shift.dy, 2), round(shift.dx, 2)
    (1.25, -2.5)
    """
    a = np.ascontiguousarray(fixed, dtype=np.float64)
    b = np.ascontiguousarray(moving, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"fixed and moving must be 2-D images, not {a.ndim}-D and {b.ndim}-D")
    if max_shift is None:
        max_dy, max_dx = 0.4 * a.shape[0], 0.4 * a.shape[1]
    else:
        max_dy, max_dx = (float(v) for v in np.broadcast_to(np.asarray(max_shift, float), (2,)))
    raw = _core.register_translation(
        a, b, _core.RegistrationOptions(max_dy, max_dx, variation=variation)
    )
    _log.debug("registered: r = %.3f, %d pixels", raw.correlation, raw.n_pixel)
    return Shift(dy=raw.dy, dx=raw.dx, std=raw.std)


def split(stack: StxmStack) -> tuple[StxmStack, StxmStack]:
    """The two single-energy scans of a two-energy stack, the lower energy first.

    Parameters
    ----------
    stack : StxmStack
        ``counts (2, ny, nx)`` in any order of energy.

    Returns
    -------
    tuple of StxmStack
        (low, high), each with ``counts (1, ny, nx)``.

    Raises
    ------
    ValueError
        If the stack does not hold two different energies.

    References
    ----------
    Nothing is computed: the pair is what `xi_map` takes.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import StxmStack
    >>> axis = np.arange(3.0)
    >>> stack = StxmStack(np.ones((2, 3, 3)), np.array([856.2, 854.0]), axis, axis)
    >>> [float(scan.energy_ev[0]) for scan in surface.split(stack)]
    [854.0, 856.2]
    """
    energy = np.asarray(stack.energy_ev, dtype=float)
    if energy.size != 2 or not energy[0] != energy[1]:
        raise ValueError(
            f"the stack must hold two different energies, not {energy.tolist()} eV; "
            "pick two images of a longer stack"
        )
    order = np.argsort(energy)
    low, high = (
        replace(stack, counts=stack.counts[i : i + 1], energy_ev=stack.energy_ev[i : i + 1])
        for i in order
    )
    return low, high


@dataclass(frozen=True)
class _Scan:
    """One scan as intensity (or optical density) with variance, and the image to register."""

    counts: _Image
    intensity: _Image
    variance: _Image
    contrast: _Image
    detail: _Image | None  #: finest structure, for the drift; None: not known apart
    notes: tuple[str, ...]


def xi_map(
    low: StxmStack,
    high: StxmStack,
    *,
    mode: str = "tey",
    dark: float | tuple[float, float] = 0.0,
    i0: float | tuple[float, float] | None = None,
    min_counts: float | None = None,
    min_significance: float = 5.0,
    shift: Shift | None = None,
    max_shift: float | tuple[float, float] | None = None,
) -> XiMap:
    r"""Ratio map xi = I_high / (I_low + I_high) of two scans, registered, with Poisson errors.

    The drift of `high` is found on the logarithm of the counts and measured on the finest structure
    of their square root (in transmission on optical densities alone); its error includes how far
    the two disagree. It is removed in one cubic-spline interpolation, through which the variance
    is propagated by the squared weights. Nothing is clipped: xi may leave [0, 1] after dark
    subtraction, and the notes say how often it does.

    Parameters
    ----------
    low, high : StxmStack
        One energy each, ``counts (1, ny, nx)``, the same grid; `low` has the lower energy.
    mode : {"tey", "transmission"}
        ``"tey"``: I = (counts / dwell - dark) / i0. ``"transmission"``: I is the optical density
        -ln((counts - dark dwell) / i0).
    dark : float or (float, float)
        Dark rate, for both or (low, high) [counts/s].
    i0 : float or (float, float), optional
        For both or (low, high). In ``"tey"`` the relative flux of the incident beam [1], default 1;
        in ``"transmission"`` the counts of the open field per pixel [counts], default: the
        brightest mode of each image's histogram, which the notes tell.
    min_counts : float, optional
        Least counts of both scans together for a valid pixel [counts]. Default: 625 for ``"tey"``,
        from sigma = 0.02 = sqrt(xi (1 - xi) / n) at xi = 1/2 (our default); none for
        ``"transmission"``.
    min_significance : float
        In ``"transmission"``, least sum of both optical densities in units of its standard error
        (our default: 5).
    shift : Shift, optional
        A known drift; default: `register` finds it.
    max_shift : float or (float, float), optional
        See `register`.

    Returns
    -------
    XiMap
        ``xi``, ``xi_std``, ``valid`` (ny, nx) on the grid of `low`; ``low`` and ``high`` hold the
        intensities [counts/s over i0] (optical densities [1] in transmission).

    Raises
    ------
    ValueError
        If the scans do not hold one energy each in ascending order, differ in grid, or an option
        is out of range.
    nmcx.errors.ConvergenceError
        If the two scans cannot be registered (see `register`).

    Notes
    -----
    sigma_xi^2 = (I_high^2 var(I_low) + I_low^2 var(I_high)) / (I_low + I_high)^4, which without
    dark and with equal flux and dwell is xi (1 - xi) / (N_low + N_high). A pixel without counts
    gets the variance of one count, so that no error is zero. Errors of neighbouring pixels are
    correlated by the interpolation.

    References
    ----------
    .. [1] S. Li et al., Nat. Commun. 11, 4433 (2020), Supplementary Fig. 1: definition of xi for
       854.0 and 856.2 eV. Errors: propagation of Poisson counts, first order.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Shift, StxmStack
    >>> axis = np.arange(4.0)
    >>> low = StxmStack(np.full((1, 4, 4), 400.0), np.array([854.0]), axis, axis, dwell_s=0.01)
    >>> high = StxmStack(np.full((1, 4, 4), 600.0), np.array([856.2]), axis, axis, dwell_s=0.01)
    >>> result = surface.xi_map(low, high, shift=Shift(0.0, 0.0, 0.0))
    >>> round(float(result.xi[1, 1]), 3), round(float(result.xi_std[1, 1]), 4)
    (0.6, 0.0155)
    """
    if mode not in ("tey", "transmission"):
        raise ValueError(f'mode must be "tey" or "transmission", not {mode!r}')
    if min_significance <= 0:
        raise ValueError(f"min_significance must be positive, not {min_significance}")
    energy, pixel_size = _common_grid(low, high)
    darks = _pair(dark, "dark", least=0.0)
    fluxes = (None, None) if i0 is None else _pair(i0, "i0", least=np.finfo(float).tiny)
    dwell, notes = _dwell(low, high)
    prepare = _yield_scan if mode == "tey" else _transmission_scan
    a, b = (
        prepare(np.asarray(scan.counts[0], dtype=np.float64), t, d, flux, name)
        for scan, t, d, flux, name in zip(
            (low, high), dwell, darks, fluxes, ("low", "high"), strict=True
        )
    )
    if shift is None:
        shift = _drift(a, b, max_shift)
        notes += (
            f"drift of the high-energy scan: ({shift.dy:.3f}, {shift.dx:.3f}) px "
            f"± {shift.std:.3f} px, removed by one cubic-spline interpolation",
        )
    moved = _core.shift_image(b.intensity, b.variance, float(shift.dy), float(shift.dx))
    both = _core.shift_image(b.counts, b.counts, float(shift.dy), float(shift.dx))
    notes += a.notes + b.notes
    if shift.dy % 1 or shift.dx % 1:
        notes += ("the interpolation correlates the errors of neighbouring pixels",)

    with np.errstate(all="ignore"):
        total = a.intensity + moved.value
        xi = moved.value / total
        spread = moved.value**2 * a.variance + a.intensity**2 * moved.variance
        xi_std = np.sqrt(spread) / total**2
        valid = np.isfinite(xi) & np.isfinite(xi_std) & (total > 0)
        if mode == "transmission":
            valid &= total > min_significance * np.sqrt(a.variance + moved.variance)
            notes += ("low and high are optical densities [1]",)
        if mode == "tey" or min_counts is not None:
            least = _MIN_COUNTS if min_counts is None else float(min_counts)
            valid &= a.counts + both.value >= least
            notes += (f"valid: at least {least:g} counts in both scans together",)
        outside = int(np.count_nonzero(valid & ((xi < 0) | (xi > 1))))
    if outside:
        notes += (f"{outside} valid pixels have xi outside [0, 1]",)
    return XiMap(
        xi=np.where(valid, xi, np.nan),
        xi_std=np.where(valid, xi_std, np.nan),
        valid=valid,
        shift=shift,
        pixel_size_um=pixel_size,
        energy_ev=energy,
        low=a.intensity,
        high=np.array(moved.value),
        notes=notes,
    )


def _drift(a: _Scan, b: _Scan, max_shift: float | tuple[float, float] | None) -> Shift:
    """Drift of scan b against a; its error includes how much the choice of contrast matters.

    Chemistry varies from place to place, and a smooth change of brightness passes for a shift of
    the rim. The whole images find the drift to a fraction of a pixel; their finest structure, with
    all that is smoother than a few pixels taken off, then measures it.
    """
    whole = register(a.contrast, b.contrast, max_shift=max_shift, variation=1)
    if a.detail is None or b.detail is None:
        return whole
    row, column = round(whole.dy), round(whole.dx)
    ny, nx = a.detail.shape
    common = (
        slice(max(0, -row), min(ny, ny - row)),
        slice(max(0, -column), min(nx, nx - column)),
    )
    moved = tuple(
        slice(s.start + by, s.stop + by) for s, by in zip(common, (row, column), strict=True)
    )
    try:
        fine = register(a.detail[common], b.detail[moved], max_shift=2.0, variation=1)
    except ConvergenceError:
        _log.info("the finest structure is too weak: drift from the whole images")
        return whole
    dy, dx = row + fine.dy, column + fine.dx
    disagreement = np.hypot(dy - whole.dy, dx - whole.dx) / np.sqrt(2.0)
    return Shift(dy=dy, dx=dx, std=float(np.hypot(fine.std, disagreement)))


def _detail(counts: _Image) -> _Image:
    """Square root of the counts, whose Poisson noise is even, less what is smooth."""
    from scipy.ndimage import gaussian_filter

    root = np.sqrt(np.where(counts > 0, counts, 0.0) + 0.375)
    return np.asarray(root - gaussian_filter(root, _DETAIL_PX, mode="nearest"))


def relative_valence(
    xi: XiMap, *, end_members: tuple[float, float] | None = None
) -> tuple[_Image, _Image]:
    """Relative, uncalibrated valence: xi on a linear scale from 0 to 1, with its standard error.

    Parameters
    ----------
    xi : XiMap
        Map of (ny, nx) pixels.
    end_members : (float, float), optional
        The xi of relative valence 0 and 1 [1]. Default: the 2nd and 98th percentiles of the valid
        pixels (our default), which makes the scale relative to this map alone.

    Returns
    -------
    tuple of (ny, nx) arrays
        Relative valence [1], not clipped to [0, 1], and its standard error [1]; NaN where the map
        is not valid. The error does not cover that of the end members.

    Raises
    ------
    ValueError
        If the map has no valid pixel or the end members coincide.

    References
    ----------
    .. [1] S. Li et al., Nat. Commun. 11, 4433 (2020), Supplementary Fig. 1: the valence is
       "proportional to" xi; slope and intercept are not given, hence relative.

    Examples
    --------
    >>> import numpy as np
    >>> from nmcx import surface
    >>> from nmcx.results import Shift, XiMap
    >>> xi = np.array([[0.4, 0.5], [0.55, 0.6]])
    >>> ratio = XiMap(xi, np.full((2, 2), 0.01), np.ones((2, 2), bool), Shift(0.0, 0.0, 0.0))
    >>> surface.relative_valence(ratio, end_members=(0.4, 0.6))[0].round(2).tolist()
    [[0.0, 0.5], [0.75, 1.0]]
    """
    if not np.any(xi.valid):
        raise ValueError("the map has no valid pixel; lower min_counts or count longer")
    if end_members is None:
        first, last = (float(v) for v in np.percentile(xi.xi[xi.valid], (2.0, 98.0)))
    else:
        first, last = float(end_members[0]), float(end_members[1])
    if not (np.isfinite(first) and np.isfinite(last) and first != last):
        raise ValueError(f"end_members must be two different numbers, not {first} and {last}")
    scale = 1.0 / (last - first)
    return np.asarray((xi.xi - first) * scale), np.asarray(xi.xi_std * abs(scale))


def _pair(value: float | tuple[float, float], name: str, *, least: float) -> tuple[float, float]:
    if np.size(value) not in (1, 2):
        raise ValueError(f"{name} must be a number or (low, high), not {value}")
    pair = np.broadcast_to(np.asarray(value, dtype=float), (2,))
    if not np.all(np.isfinite(pair) & (pair >= least)):
        raise ValueError(
            f"{name} must be {'positive' if least > 0 else 'zero or more'}, not {value}"
        )
    return float(pair[0]), float(pair[1])


def _common_grid(
    low: StxmStack, high: StxmStack
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Energies and pixel size of two scans that must go together."""
    for name, scan in (("low", low), ("high", high)):
        if not isinstance(scan, StxmStack) or np.shape(scan.counts)[0] != 1:
            raise ValueError(
                f"{name} must be a StxmStack of one energy; surface.split parts a stack of two"
            )
    energy = float(low.energy_ev[0]), float(high.energy_ev[0])
    if not energy[0] < energy[1]:
        raise ValueError(
            f"low ({energy[0]} eV) must have a lower energy than high ({energy[1]} eV): swap them"
        )
    if low.counts.shape != high.counts.shape:
        raise ValueError(
            f"low {low.counts.shape[1:]} and high {high.counts.shape[1:]} must have the same "
            "number of pixels; cut them to the common field"
        )
    sizes = np.array([low.pixel_size_um, high.pixel_size_um])
    if np.any(np.abs(sizes[1] / sizes[0] - 1.0) > 0.01):
        raise ValueError(
            f"low and high have different pixel sizes: {sizes[0].tolist()} and "
            f"{sizes[1].tolist()} um; resample one of them first"
        )
    return energy, (float(sizes[0, 0]), float(sizes[0, 1]))


def _dwell(low: StxmStack, high: StxmStack) -> tuple[tuple[float, float], tuple[str, ...]]:
    times = float(low.dwell_s), float(high.dwell_s)
    if all(np.isfinite(t) and t > 0 for t in times):
        return times, ()
    return (1.0, 1.0), ("dwell time unknown: both scans are taken to have 1 s per pixel",)


def _poisson(counts: _Image, name: str) -> tuple[_Image, tuple[str, ...]]:
    """Variance of counts, and a word of warning if they do not look like counts."""
    finite = counts[np.isfinite(counts)]
    if finite.size == 0 or np.any(finite < 0):
        raise ValueError(
            f"{name} must hold counts of zero or more; convert electrometer currents to counts"
        )
    # A pixel without counts still has an error: that of one count.
    variance = np.maximum(counts, 1.0)
    if np.any(finite != np.rint(finite)):
        return variance, (f"{name} does not hold whole counts: Poisson errors are an assumption",)
    return variance, ()


def _yield_scan(counts: _Image, dwell: float, dark: float, flux: float | None, name: str) -> _Scan:
    variance, notes = _poisson(counts, name)
    if flux is None:
        notes += (f"{name}: no i0 given, incident flux taken as 1",)
    scale = 1.0 / (dwell * (1.0 if flux is None else flux))
    return _Scan(
        counts=np.ascontiguousarray(counts),
        intensity=(counts - dark * dwell) * scale,
        variance=variance * scale**2,
        # One count more keeps empty pixels finite; it matters to the registration only.
        contrast=np.log1p(counts),
        detail=_detail(counts),
        notes=notes,
    )


def _transmission_scan(
    counts: _Image, dwell: float, dark: float, flux: float | None, name: str
) -> _Scan:
    variance, notes = _poisson(counts, name)
    net = counts - dark * dwell
    if flux is None:
        flux = _open_field(net[np.isfinite(net)])
        notes += (f"{name}: open field of {flux:.6g} counts, the brightest mode of the image",)
    with np.errstate(all="ignore"):
        density = np.where(net > 0, -np.log(net / flux), np.nan)
        spread = np.where(net > 0, variance / net**2, np.nan)
    return _Scan(np.ascontiguousarray(counts), density, spread, density, None, notes)


def _open_field(counts: _Image) -> float:
    """Counts at the brightest mode of the histogram that holds a fair share of the pixels."""
    low, high = np.percentile(counts, (0.1, 99.9))
    if not high > low:
        return float(np.median(counts))
    n_bin = 64
    height, edges = np.histogram(counts, bins=n_bin, range=(low, high))
    smooth = np.convolve(height, np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0, mode="same")
    around = np.pad(smooth, 1, constant_values=-1.0)
    peak = (smooth >= around[:-2]) & (smooth > around[2:]) & (smooth >= 0.2 * smooth.max())
    at = int(np.flatnonzero(peak)[-1])
    near = counts[(counts >= edges[max(at - 2, 0)]) & (counts <= edges[min(at + 3, n_bin)])]
    return float(np.median(near))
