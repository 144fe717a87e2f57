"""Whether harmonics in the beam, and not chemistry, make an edge map follow the thickness."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import EdgeMap, ThicknessEffect
from nmcx.xanes import fit_edges

__all__ = ["thickness_effect", "without_harmonics"]

Float = NDArray[np.float64]

#: Columns with more noise than this part of their jump are left out (our default).
MAX_NOISE = 0.1
#: Significance below which a fraction counts as found, one-sided (our default).
SIGNIFICANCE = 0.01
#: False trends smaller than this are below what an edge map claims to resolve [eV] (our default).
MIN_CHANGE_EV = 0.01

_INNER, _OUTER = 1, 3  # half-widths of the ring of neighbours [px]
_MIN_COLUMNS = 100
_N_TILE = 8  # along the longer side
_MAX_ROUNDS = 12
_MAX_FRACTION = 0.5


def without_harmonics(optical_density: ArrayLike, fraction: float) -> NDArray[np.float64]:
    """Optical density with a known harmonic fraction taken out.

    Parameters
    ----------
    optical_density : array_like
        Measured optical density of a projection [1].
    fraction : float
        Harmonic fraction of the open beam [1]; negative ones undo too large a dark correction.

    Returns
    -------
    numpy.ndarray
        True optical density [1], NaN where the measured one is larger than the fraction allows.

    Raises
    ------
    ValueError
        If `fraction` is not above -1.

    References
    ----------
    Inverse of T' = (T + h) / (1 + h): E. A. Stern & K. Kim, Phys. Rev. B 23, 3781 (1981).

    Examples
    --------
    >>> without_harmonics([0.0, 0.951, 4.0], 0.03).round(2)
    array([0., 1., nan])
    """
    if not fraction > -1:
        raise ValueError(f"fraction must be above -1, not {fraction}")
    density = np.asarray(optical_density)
    if density.dtype != np.float32:
        density = density.astype(np.float64)
    passed = (1 + fraction) * np.exp(-density) - fraction
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(passed > 0, -np.log(passed), np.nan))


def thickness_effect(energy_ev: ArrayLike, mu: ArrayLike, edges: EdgeMap) -> ThicknessEffect:
    """Find the harmonic fraction that makes white line and edge follow the thickness.

    Harmonics press thick columns down: more at the white line than at the edge, so that the white
    line gets lower, the half-jump moves to lower energy and a ball of one chemistry shows a core.
    The white line's *energy* stays: no function of the absorption alone can move a maximum.
    Chemistry does move it. So the height of the white line is compared between columns of the same
    white-line energy: what then still follows the thickness, in the way that a harmonic prescribes,
    is one. The fraction is the one that leaves no such trend once it is taken out of the data.

    Parameters
    ----------
    energy_ev : (n_energy,) array_like
        Photon energies [eV], strictly increasing.
    mu : (n_energy, ny, nx) array_like
        Optical density of one projection [1], background included. The effect belongs to
        projections; in reconstructed voxels it can no longer be told.
    edges : EdgeMap
        `xanes.fit_edges` of the same stack; windows and degrees are taken from it.

    Returns
    -------
    ThicknessEffect
        Harmonic fraction with standard error and p-value, the shift of the edge it explains in
        every column [eV], and a verdict. If `flagged`, a warning gives the verdict too.

    Raises
    ------
    ValueError
        If `mu` has another shape than (n_energy, ny, nx), `edges` is of another stack, or fewer
        than 100 columns can be used.

    References
    ----------
    Our own; the distortion is that of E. A. Stern & K. Kim, Phys. Rev. B 23, 3781 (1981). Errors by
    the jackknife over square tiles: H. R. Künsch, Ann. Statist. 17, 1217 (1989).

    Examples
    --------
    >>> import warnings
    >>> from nmcx import phantom, xanes
    >>> ball = phantom.ball_projection(harmonics=0.03)
    >>> windows = {"pre_edge": (8240, 8320), "post_edge": (8380, 8650)}
    >>> edges = xanes.fit_edges(ball.energy_ev, ball.mu, **windows)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     effect = thickness_effect(ball.energy_ev, ball.mu, edges)
    >>> effect.flagged, abs(effect.fraction - 0.03) < 4 * effect.fraction_std
    (True, True)
    """
    energy = np.asarray(energy_ev, dtype=np.float64)
    stack = np.asarray(mu)
    if stack.ndim != 3 or energy.shape != stack.shape[:1]:
        raise ValueError(f"mu must be (n_energy, ny, nx), one projection, not {stack.shape}")
    if edges.edge_jump.shape != stack.shape[1:] or "pre_edge" not in edges.settings:
        raise ValueError("edges must be xanes.fit_edges of the same stack")
    # One set of columns throughout: a selection that changed with the fraction would be a trend.
    with np.errstate(invalid="ignore", divide="ignore"):
        usable = edges.ok & (edges.noise / edges.edge_jump < MAX_NOISE)
    fraction, trend, fitted = 0.0, None, edges
    for _ in range(_MAX_ROUNDS):
        trend = _trend(energy, without_harmonics(stack, fraction), fitted, usable)
        step = float(np.clip(trend.fraction, -0.5 * _MAX_FRACTION, 0.5 * _MAX_FRACTION))
        if abs(step) < 0.02 * trend.std:
            break
        fraction = float(np.clip(fraction + step, -_MAX_FRACTION, _MAX_FRACTION))
        fitted = _refit(energy, without_harmonics(stack, fraction), edges)
    return _judge(edges, fitted, trend, fraction)


def _refit(energy: Float, stack: NDArray[np.floating], edges: EdgeMap) -> EdgeMap:
    names = ("pre_edge", "post_edge", "pre_degree", "post_degree", "level")
    return fit_edges(energy, stack, **{name: edges.settings[name] for name in names})


@dataclass
class _Trend:
    """White-line height against what a harmonic does to it."""

    fraction: float
    std: float
    n_tile: int
    used: NDArray[np.bool_]  #: (ny, nx)
    thickness: Float  #: (ny, nx) what a fraction of one would take off the white line


def _trend(
    energy: Float, stack: NDArray[np.floating], fitted: EdgeMap, usable: NDArray[np.bool_]
) -> _Trend:
    """Regress the height on the distortion, at equal white-line energy and noise.

    To first order in h, density A becomes A - h (exp(A) - 1), and the normalised height w of a
    column with pre-edge density b and jump J changes by
    -h exp(b) / J ((exp(w J) - 1) - w (exp(J) - 1)), negative for w > 1.
    Regressors are means over a ring of neighbours: a column's own noise in the jump sits in its
    height too, and would pass for a harmonic.
    """
    ok = usable & fitted.ok
    window = fitted.settings["pre_edge"]
    before = (energy >= window[0]) & (energy <= window[1])
    # Absorption just before the edge; the last energies of the window are closest to it.
    density = np.nanmean(stack[before][-3:], axis=0) if before.any() else stack[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (fitted.noise / fitted.edge_jump) ** 2
    jump, base, at, noise = (
        _ring_mean(values, ok) for values in (fitted.edge_jump, density, fitted.white_line_ev, relative)
    )
    used = ok & np.isfinite(jump + base + at + noise)
    if np.count_nonzero(used) < _MIN_COLUMNS:
        raise ValueError(
            f"only {np.count_nonzero(used)} columns have an edge and neighbours; "
            f"{_MIN_COLUMNS} are needed"
        )
    height = float(np.median(fitted.white_line_height[used]))
    distortion = np.exp(base) / jump * (np.expm1(height * jump) - height * np.expm1(jump))
    x = at[used] - np.mean(at[used])
    # Two phases along one ray: the height is quadratic in the mean energy. Noise lifts a maximum
    # in proportion to its square.
    design = np.stack([np.ones_like(x), x, x**2, noise[used], -distortion[used]], axis=1)
    scale = np.sqrt(np.mean(design**2, axis=0))
    weight = 1 / (noise[used] + 0.1 * np.median(noise[used]))
    solution, error, n_tile = _jackknife(
        design / scale, fitted.white_line_height[used], weight, _tiles(used)
    )
    return _Trend(solution / scale[-1], error / scale[-1], n_tile, used, distortion)


def _ring_mean(values: NDArray[np.floating], ok: NDArray[np.bool_]) -> Float:
    """Mean of the usable columns around each, without itself and its nearest neighbours."""
    from scipy.ndimage import uniform_filter

    def total(array: Float, half: int) -> Float:
        size = 2 * half + 1
        return np.asarray(uniform_filter(array, size, mode="constant") * size**2)

    filled = np.where(ok, values, 0.0).astype(np.float64)
    count = ok.astype(np.float64)
    n = total(count, _OUTER) - total(count, _INNER)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total(filled, _OUTER) - total(filled, _INNER)) / n
    # A ring that is mostly outside lies to one side: its mean is of another thickness.
    full = (2 * _OUTER + 1) ** 2 - (2 * _INNER + 1) ** 2
    return np.where(n > 0.75 * full, mean, np.nan)


def _tiles(used: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Number of the square tile of every used column."""
    row, column = np.nonzero(used)
    extent = max(np.ptp(row), np.ptp(column)) + 1
    side = max(int(np.ceil(extent / _N_TILE)), 2 * _OUTER)
    tile = (row - row.min()) // side * (extent // side + 1) + (column - column.min()) // side
    return np.unique(tile, return_inverse=True)[1]


def _jackknife(
    design: Float, values: Float, weight: Float, tile: NDArray[np.intp]
) -> tuple[float, float, int]:
    """Last coefficient of a weighted regression, its error from leaving out tiles, their number."""
    n_tile = int(tile.max()) + 1
    normal = np.zeros((n_tile, design.shape[1], design.shape[1]))
    right = np.zeros((n_tile, design.shape[1]))
    for i in range(n_tile):
        part, w = design[tile == i], weight[tile == i, None]
        normal[i] = part.T @ (w * part)
        right[i] = (w * part).T @ values[tile == i]

    def solve(a: Float, b: Float) -> float:
        return float(np.linalg.lstsq(a, b, rcond=1e-12)[0][-1])

    whole, sums = normal.sum(axis=0), right.sum(axis=0)
    without = np.array([solve(whole - a, sums - b) for a, b in zip(normal, right, strict=True)])
    variance = (n_tile - 1) / n_tile * float(np.sum((without - without.mean()) ** 2))
    return solve(whole, sums), float(np.sqrt(variance)), n_tile


def _judge(edges: EdgeMap, fitted: EdgeMap, trend: _Trend, fraction: float) -> ThicknessEffect:
    from scipy.stats import t as student

    p_value = float(student.sf(fraction / trend.std, max(trend.n_tile - 1, 1)))
    shift = edges.edge_energy_ev - fitted.edge_energy_ev
    change = edges.white_line_height - fitted.white_line_height
    thin, thick = _fifths(trend)
    explained = float(np.nanmean(shift[thick]) - np.nanmean(shift[thin]))
    measured = float(np.mean(edges.edge_energy_ev[thick]) - np.mean(edges.edge_energy_ev[thin]))
    measured_std = float(
        np.sqrt(sum(np.var(edges.edge_energy_ev[g]) / np.count_nonzero(g) for g in (thin, thick)))
    )
    found = p_value < SIGNIFICANCE
    flagged = found and abs(explained) > MIN_CHANGE_EV
    one = float(np.median(edges.edge_energy_std_ev[trend.used]))
    amount = f"{100 * fraction:.2f} ± {100 * trend.std:.2f} % (p = {p_value:.2g})"
    if flagged:
        verdict = (
            f"harmonics or stray light of {amount}: they make {explained:+.3f} of the "
            f"{measured:+.3f} ± {measured_std:.3f} eV between thick and thin columns (one column: "
            f"± {one:.3f} eV); take them out with without_harmonics, or measure thinner particles"
        )
        warnings.warn(verdict, stacklevel=3)
    elif found:
        verdict = f"harmonics of {amount} move the edge by {explained:+.3f} eV only: no harm"
    else:
        verdict = f"no harmonics found: {amount}"
    return ThicknessEffect(
        fraction=fraction,
        fraction_std=trend.std,
        p_value=p_value,
        edge_shift_ev=shift,
        height_change=change,
        explained_ev=explained,
        measured_ev=measured,
        measured_std_ev=measured_std,
        flagged=flagged,
        verdict=verdict,
        settings={
            "n_column": int(np.count_nonzero(trend.used)),
            "n_tile": trend.n_tile,
            "significance": SIGNIFICANCE,
            "min_change_ev": MIN_CHANGE_EV,
        },
    )


def _fifths(trend: _Trend) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The thinnest and the thickest fifth of the used columns."""
    low, high = np.quantile(trend.thickness[trend.used], [0.2, 0.8])
    return trend.used & (trend.thickness <= low), trend.used & (trend.thickness >= high)
