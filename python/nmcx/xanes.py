"""Edge and white-line energies of every voxel of a spectro-tomogram, and normalised spectra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx import _core
from nmcx.results import EdgeMap, NormalisedSpectra

__all__ = ["fit_edges", "normalise"]

#: Reach of the white-line parabola on either side of the highest sample [eV] (our default: a wider
#: window has less noise, but follows the asymmetry of the line; on LiNiO2 3 eV moves it by 0.12).
WHITE_LINE_HALF_WIDTH_EV = 2.0

_N_MEAN = 20_000  # voxels averaged to choose the post-edge degree
_F_TEST_P = 0.01

Window = tuple[float, float] | Sequence[float]


def fit_edges(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    level: float = 0.5,
    variance: ArrayLike | None = None,
    energy_axis: int = 0,
    threads: int | None = None,
) -> EdgeMap:
    """Half-jump and white-line energy of every voxel, with standard errors and status.

    In each voxel a polynomial is fitted to the pre-edge window and taken off, and another to the
    rest in the post-edge window. The edge is the last upward crossing of `level` times the
    post-edge curve before the white line, by four-point cubic inverse interpolation. The white line
    is the maximum of the flattened spectrum near its highest sample, by a least-squares parabola
    over ±2 eV (`WHITE_LINE_HALF_WIDTH_EV`; on coarse grids the nearest neighbours).

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption (optical density or per voxel) [1] with any number of spatial axes; float32 and
        float64 are taken as they are, anything else becomes float32. Lazy arrays are loaded. A
        voxel with NaN or Inf at an energy that is used gets status bit 1.
    pre_edge, post_edge : (float, float)
        Closed windows of absolute energy [eV]; they may reach past the data. The edge and the white
        line are looked for strictly between them.
    pre_degree : {0, 1}, optional
        Degree of the pre-edge polynomial. Default: 1 with at least 4 energies over at least 50 eV,
        else 0.
    post_degree : {0, 1, 2}, optional
        Degree of the post-edge polynomial. Default: 1 over at least 100 eV, else 0; 2 over at least
        250 eV with at least 6 energies if an F-test on the mean spectrum says so (p < 0.01).
    level : float
        Height of the edge as a fraction of the post-edge curve [1], between 0 and 1.
    variance : (n_energy,) or like `mu`, array_like, optional
        Variance of `mu`. Default: the noise is taken from the residuals of both fits, as the root
        mean square over the 3 × 3 (× 3) neighbours if there are 2 (3) spatial axes.
    energy_axis : int
        Axis of `mu` that runs over energy; 0 and the last axis need no copy.
    threads : int, optional
        Number of threads; default: all cores. The result does not depend on it.

    Returns
    -------
    EdgeMap
        Maps over the spatial axes of `mu`. Energies, their errors and the height are NaN where not
        `EdgeMap.ok`; `edge_jump` (taken at the edge, or in the middle of the scan range where there
        is none) and `noise` are NaN only where status bit 1 is set. `noise` is what the standard
        errors were made with: pooled, or the root mean variance of the windows if `variance` was
        given. Voxels with too small a jump are left out of pooling and keep their own noise.

    Raises
    ------
    ValueError
        If energies do not increase, shapes disagree, a window holds too few energies for its
        degree, fewer than four energies lie between the windows, or `level` is not in (0, 1).

    References
    ----------
    Estimators, standard errors by linear propagation, degrees and status limits are our defaults.
    Pre-edge and post-edge normalisation as in M. Newville, "Larch: An analysis package for XAFS and
    related spectroscopies", J. Phys. Conf. Ser. 430, 012007 (2013). Jump against noise and cubic
    crossings calculated in single precision, energies exact to 1e-4 eV.

    Examples
    --------
    >>> from nmcx import phantom, xanes
    >>> ramp = phantom.edge_ramp(8344.0, 8346.0, n_voxel=3)
    >>> edges = xanes.fit_edges(
    ...     ramp.energy_ev, ramp.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640)
    ... )
    >>> edges.edge_energy_ev.round(2)
    array([8344., 8345., 8346.])
    """
    energy, stack, voxel_major, shape = _coerce(energy_ev, mu, energy_axis)
    degrees = _degrees(energy, stack, voxel_major, pre_edge, post_edge, pre_degree, post_degree)
    model = _core.EdgeModel(
        _window(pre_edge, "pre_edge"),
        _window(post_edge, "post_edge"),
        *degrees,
        float(level),
        WHITE_LINE_HALF_WIDTH_EV,
    )
    raw = _core.fit_edges(
        energy,
        stack,
        _coerce_variance(variance, stack, np.ndim(mu), energy_axis, voxel_major),
        voxel_major,
        list(shape) if len(shape) in (2, 3) else [],
        model,
        threads or 0,
    )
    settings = {
        "pre_edge": _window(pre_edge, "pre_edge"),
        "post_edge": _window(post_edge, "post_edge"),
        "pre_degree": degrees[0],
        "post_degree": degrees[1],
        "level": float(level),
        "edge_estimator": "level of the flattened spectrum, cubic inverse interpolation",
        "white_line_estimator": "maximum of the flattened spectrum, parabola",
        "white_line_half_width_ev": WHITE_LINE_HALF_WIDTH_EV,
        "noise_source": "variance" if variance is not None else "residuals",
        "instruction_set": _core.active_instruction_set(),
    }
    return EdgeMap(
        edge_energy_ev=raw.edge_energy_ev.reshape(shape),
        edge_energy_std_ev=raw.edge_energy_std_ev.reshape(shape),
        white_line_ev=raw.white_line_ev.reshape(shape),
        white_line_std_ev=raw.white_line_std_ev.reshape(shape),
        white_line_height=raw.white_line_height.reshape(shape),
        edge_jump=raw.edge_jump.reshape(shape),
        noise=raw.noise.reshape(shape),
        status=raw.status.reshape(shape),
        settings=settings,
    )


def normalise(
    energy_ev: ArrayLike,
    mu: ArrayLike,
    *,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None = None,
    post_degree: int | None = None,
    edge_ev: float | None = None,
    energy_axis: int = 0,
) -> NormalisedSpectra:
    """Spectra normalised to a jump of one, and their flattened form.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ...) array_like
        Absorption [1].
    pre_edge, post_edge, pre_degree, post_degree
        As in `fit_edges`.
    edge_ev : float, optional
        Where the jump is taken [eV]. Default: half-jump energy of the mean spectrum, or the middle
        between the windows if it has none.
    energy_axis : int
        Axis of `mu` that runs over energy.

    Returns
    -------
    NormalisedSpectra
        `norm` = (mu - pre) / jump; `flat` = norm - (post / jump - 1) above `edge_ev`; both with the
        energies first.

    Raises
    ------
    ValueError
        As `fit_edges`.

    References
    ----------
    M. Newville, J. Phys. Conf. Ser. 430, 012007 (2013): normalised and flattened mu(E).

    Examples
    --------
    >>> from nmcx import phantom, xanes
    >>> ramp = phantom.edge_ramp(n_voxel=1)
    >>> spectra = xanes.normalise(
    ...     ramp.energy_ev, 2 * ramp.mu, pre_edge=(8250, 8320), post_edge=(8380, 8640)
    ... )
    >>> spectra.edge_jump.round(3)
    array([2.])
    """
    energy, stack, voxel_major, shape = _coerce(energy_ev, mu, energy_axis)
    spectra = np.ascontiguousarray(stack.T if voxel_major else stack, dtype=np.float64)
    degrees = _degrees(energy, spectra, False, pre_edge, post_edge, pre_degree, post_degree)
    windows = _window(pre_edge, "pre_edge"), _window(post_edge, "post_edge")
    if edge_ev is None:
        mean = _mean_spectrum(spectra, False)[:, None]
        # With both windows exactly determined there is no noise estimate; none is wanted here.
        edge = _core.fit_edges(
            energy, mean, np.ones((energy.size, 1)) * 1e-12, False, [],
            _core.EdgeModel(*windows, *degrees, 0.5, WHITE_LINE_HALF_WIDTH_EV), 1,
        ).edge_energy_ev[0]  # fmt: skip
        edge_ev = float(edge) if math.isfinite(edge) else 0.5 * (windows[0][1] + windows[1][0])
    raw = _core.normalise(energy, spectra, _core.EdgeModel(*windows, *degrees), float(edge_ev), 0)
    return NormalisedSpectra(
        energy_ev=energy,
        norm=raw.norm.reshape((energy.size, *shape)),
        flat=raw.flat.reshape((energy.size, *shape)),
        edge_jump=raw.edge_jump.reshape(shape),
        edge_ev=float(edge_ev),
    )


def _coerce(
    energy_ev: ArrayLike, mu: ArrayLike, energy_axis: int
) -> tuple[NDArray[np.float64], NDArray[Any], bool, tuple[int, ...]]:
    """Energies, stack of two axes, whether voxels come first, and the spatial shape."""
    energy = np.ascontiguousarray(energy_ev, dtype=np.float64)
    if energy.ndim != 1:
        raise ValueError("energy_ev must have one axis")
    stack = np.asarray(mu)
    if stack.ndim == 0:
        raise ValueError("mu must have an axis over energy")
    if stack.dtype.kind not in "fiub":
        raise ValueError(f"mu must be an array of real numbers, not of {stack.dtype}")
    if stack.dtype not in (np.float32, np.float64):
        stack = stack.astype(np.float32)
    if not -stack.ndim <= energy_axis < stack.ndim:
        raise ValueError(f"energy_axis {energy_axis} does not exist: mu has {stack.ndim} axes")
    axis = energy_axis % stack.ndim
    voxel_major = axis == stack.ndim - 1 and stack.ndim > 1
    if not voxel_major:
        stack = np.moveaxis(stack, axis, 0)
    n_energy = stack.shape[-1 if voxel_major else 0]
    shape = stack.shape[:-1] if voxel_major else stack.shape[1:]
    n_voxel = math.prod(shape)
    flat = stack.reshape((n_voxel, n_energy) if voxel_major else (n_energy, n_voxel))
    return energy, _aligned(flat), voxel_major, shape


def _aligned(values: NDArray[Any]) -> NDArray[Any]:
    """C-contiguous, aligned, native byte order; a copy only if needed."""
    dtype = values.dtype.newbyteorder("=")
    return np.require(values, dtype=dtype, requirements=["C", "A"])


def _coerce_variance(
    variance: ArrayLike | None, stack: NDArray[Any], n_axis: int, energy_axis: int, last: bool
) -> NDArray[Any]:
    """Variance of one voxel or of all, laid out as the stack; empty if there is none."""
    if variance is None:
        return np.empty((0, 0), dtype=stack.dtype)
    values = np.asarray(variance, dtype=stack.dtype)
    if values.ndim == 1:
        return np.ascontiguousarray(values[None, :] if last else values[:, None])
    if values.ndim != n_axis:
        raise ValueError("variance must have the shape of energy_ev or of mu")
    if not last:
        values = np.moveaxis(values, energy_axis, 0)
    if (
        values.size != stack.size
        or values.shape[-1 if last else 0] != stack.shape[-1 if last else 0]
    ):
        raise ValueError("variance must have the shape of energy_ev or of mu")
    return _aligned(values.reshape(stack.shape))


def _window(window: Window, name: str) -> tuple[float, float]:
    values = np.asarray(window, dtype=np.float64)
    if values.shape != (2,):
        raise ValueError(f"{name} must be two energies (low, high) in eV, not {window!r}")
    return float(values[0]), float(values[1])


def _degrees(
    energy: NDArray[np.float64],
    stack: NDArray[Any],
    voxel_major: bool,
    pre_edge: Window,
    post_edge: Window,
    pre_degree: int | None,
    post_degree: int | None,
) -> tuple[int, int]:
    """The degrees asked for, or those of the rule in `fit_edges`."""

    def inside(window: Window, name: str) -> NDArray[np.bool_]:
        low, high = _window(window, name)
        return np.asarray((energy >= low) & (energy <= high))

    def span(points: NDArray[np.float64]) -> float:
        return float(np.ptp(points)) if points.size else 0.0

    pre, post = inside(pre_edge, "pre_edge"), inside(post_edge, "post_edge")
    if pre_degree is None:
        pre_degree = int(np.count_nonzero(pre) >= 4 and span(energy[pre]) >= 50.0)
    if post_degree is None:
        post_degree = int(np.count_nonzero(post) >= 2 and span(energy[post]) >= 100.0)
        matches = stack.size > 0 and stack.shape[-1 if voxel_major else 0] == energy.size
        if matches and span(energy[post]) >= 250.0 and np.count_nonzero(post) >= 6:
            mean = _mean_spectrum(stack, voxel_major)
            post_degree += int(_is_curved(energy, mean, pre, post, pre_degree))
    return pre_degree, post_degree


def _mean_spectrum(stack: NDArray[Any], voxel_major: bool) -> NDArray[np.float64]:
    """Mean of evenly spread voxels without NaN or Inf; NaN if there are none."""
    n_voxel = stack.shape[0 if voxel_major else 1]
    step = max(1, n_voxel // _N_MEAN)
    some = stack[::step].T if voxel_major else stack[:, ::step]
    some = np.asarray(some, dtype=np.float64)
    some = some[:, np.isfinite(some).all(axis=0)]
    if some.shape[1] == 0:
        return np.full(some.shape[0], np.nan)
    return np.asarray(some.mean(axis=1))


def _is_curved(
    energy: NDArray[np.float64],
    mean: NDArray[np.float64],
    pre: NDArray[np.bool_],
    post: NDArray[np.bool_],
    pre_degree: int,
) -> bool:
    """F-test of a quadratic against a straight post-edge on the mean spectrum."""
    if not np.isfinite(mean).all() or np.count_nonzero(pre) <= pre_degree:
        return False
    from numpy.polynomial import Polynomial
    from scipy.stats import f as f_distribution

    rest = mean - Polynomial.fit(energy[pre], mean[pre], pre_degree)(energy)
    x, y = energy[post], rest[post]
    straight, curved = (float(np.sum((y - Polynomial.fit(x, y, q)(x)) ** 2)) for q in (1, 2))
    freedom = x.size - 3
    # Below rounding there is nothing to tell apart.
    floor = x.size * (1e-7 * float(np.max(np.abs(mean)))) ** 2
    if straight <= floor:
        return False
    ratio = (straight - curved) / (max(curved, floor) / freedom)
    return bool(f_distribution.sf(ratio, 1, freedom) < _F_TEST_P)
