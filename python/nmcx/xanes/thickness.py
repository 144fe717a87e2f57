"""Whether harmonics in the beam, and not chemistry, make an edge map follow the thickness."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmcx.results import EdgeMap, ThicknessEffect
from nmcx.xanes.edges import fit_edges

__all__ = ["thickness_effect", "without_harmonics"]

Float = NDArray[np.float64]

#: Columns with more noise than this part of their jump are left out (our default).
MAX_NOISE = 0.1
#: Significance below which a fraction counts as found, one-sided (our default).
SIGNIFICANCE = 0.001
#: False trends smaller than this are below what an edge map claims to resolve [eV] (our default).
MIN_CHANGE_EV = 0.01

_INNER, _OUTER = 1, 2  # half-widths of the ring of neighbours [px]
# Variance of a 3 × 3 mean of 3 × 3 means over that of one of them: 9 (19/81)².
_TWICE_SMOOTHED = 9 * (19 / 81) ** 2
_MIN_COLUMNS = 100
_MOST_NOISE = 0.8
_N_TILE = 6  # along the longer side
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
    >>> without_harmonics([0.5, 0.951, 4.0], 0.03).round(2)
    array([0.52, 1.  ,  nan])
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
    >>> effect.flagged, round(effect.fraction, 2)
    (True, 0.03)
    """
    energy = np.asarray(energy_ev, dtype=np.float64)
    stack = np.asarray(mu)
    if stack.ndim != 3 or energy.shape != stack.shape[:1]:
        raise ValueError(f"mu must be (n_energy, ny, nx), one projection, not {stack.shape}")
    if edges.edge_jump.shape != stack.shape[1:] or "pre_edge" not in edges.settings:
        raise ValueError("edges must be xanes.fit_edges of the same stack")
    fraction = 0.0
    for _ in range(_MAX_ROUNDS):
        smooth = _smoothed(without_harmonics(stack, fraction))
        trend = _trend(energy, smooth, _refit(energy, smooth, edges), edges.ok)
        step = float(np.clip(trend.fraction, -0.5 * _MAX_FRACTION, 0.5 * _MAX_FRACTION))
        if abs(step) < 0.02 * trend.std:
            break
        fraction = float(np.clip(fraction + step, -_MAX_FRACTION, _MAX_FRACTION))
    fitted = _refit(energy, without_harmonics(stack, fraction), edges)
    return _judge(edges, fitted, trend, fraction)


def _smoothed(stack: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean of 3 × 3 columns at every energy; NaN where one of them has a NaN.

    A third of the noise: what noise does to a maximum falls to a ninth.
    """
    from scipy.ndimage import binary_dilation, uniform_filter

    bad = ~np.isfinite(stack).all(axis=0)
    smooth = uniform_filter(np.where(bad, 0, stack), (0, 3, 3), mode="nearest")
    smooth[:, binary_dilation(bad, np.ones((3, 3), dtype=bool))] = np.nan
    return np.asarray(smooth)


def _refit(energy: Float, stack: NDArray[np.floating], edges: EdgeMap) -> EdgeMap:
    names = (
        "pre_edge",
        "post_edge",
        "pre_degree",
        "post_degree",
        "level",
        "estimator",
        "white_line_half_width_ev",
    )
    # Not every estimator has a level.
    chosen = {name: edges.settings[name] for name in names if name in edges.settings}
    return fit_edges(energy, stack, **chosen)


@dataclass
class _Trend:
    """White-line height against what a harmonic does to it."""

    fraction: float
    std: float
    n_tile: int
    used: NDArray[np.bool_]  #: (ny, nx)
    thickness: Float  #: (ny, nx) what a fraction of one would take off the white line


def _trend(
    energy: Float, stack: NDArray[np.floating], fitted: EdgeMap, before_ok: NDArray[np.bool_]
) -> _Trend:
    """Regress the height on the distortion, at equal white-line energy and noise.

    To first order in h, density A becomes A - h (exp(A) - 1), and the normalised height w of a
    column with pre-edge density b and jump J changes by
    -h exp(b) / J ((exp(w J) - 1) - w (exp(J) - 1)), negative for w > 1.
    Regressors are means over a ring of neighbours: a column's own noise in the jump sits in its
    height too, and would pass for a harmonic.
    """
    ok = fitted.ok & before_ok
    window = fitted.settings["pre_edge"]
    before = (energy >= window[0]) & (energy <= window[1])
    # Absorption just before the edge; the last energies of the window are closest to it.
    density = stack[before][-3:].mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = (fitted.noise / fitted.edge_jump) ** 2
    jump, base, noise = (_mean_around(v, ok, _INNER) for v in (fitted.edge_jump, density, relative))
    # Height and energy of a maximum have independent errors: here the column itself may take part.
    at = _mean_around(fitted.white_line_ev, ok)
    at_variance = _TWICE_SMOOTHED * _mean_around(fitted.white_line_std_ev**2, ok)
    with np.errstate(invalid="ignore"):
        used = ok & np.isfinite(jump + base + at) & (noise < MAX_NOISE**2)
    if np.count_nonzero(used) < _MIN_COLUMNS:
        raise ValueError(
            f"only {np.count_nonzero(used)} columns have an edge and neighbours; "
            f"{_MIN_COLUMNS} are needed"
        )
    height = float(np.median(fitted.white_line_height[used]))
    distortion = np.exp(base) / jump * (np.expm1(height * jump) - height * np.expm1(jump))
    x = at[used] - np.mean(at[used])
    variance = at_variance[used]
    # Two phases along one ray: the height is quadratic in the mean energy. Noise lifts a maximum
    # in proportion to its square.
    design = np.stack([np.ones_like(x), x, x**2 - variance, noise[used], -distortion[used]], axis=1)
    # Squares and products of x and x² - s² that are noise, expected for x of variance s².
    excess = np.zeros((x.size, 5, 5))
    excess[:, 1, 1] = variance
    excess[:, 1, 2] = excess[:, 2, 1] = 2 * x * variance
    excess[:, 2, 2] = np.clip(4 * (x**2 - variance) * variance + 2 * variance**2, 0, None)
    scale = np.sqrt(np.mean(design**2, axis=0))
    weight = 1 / (noise[used] + 0.1 * np.median(noise[used]))
    solution, error, n_tile = _jackknife(
        design / scale,
        excess / np.outer(scale, scale),
        np.asarray(fitted.white_line_height[used], dtype=np.float64),
        weight,
        _tiles(used),
    )
    return _Trend(float(solution / scale[-1]), float(error / scale[-1]), n_tile, used, distortion)


def _mean_around(
    values: NDArray[np.floating], ok: NDArray[np.bool_], without: int | None = None
) -> Float:
    """Mean over usable neighbours: a square of 3 × 3, or one of 5 × 5 without the inner one."""
    from scipy.ndimage import uniform_filter

    def total(array: Float) -> Float:
        halves = (_INNER,) if without is None else (_OUTER, without)
        sums = [
            uniform_filter(array, 2 * h + 1, mode="constant") * (2 * h + 1) ** 2 for h in halves
        ]
        return np.asarray(sums[0] if without is None else sums[0] - sums[1])

    n = total(ok.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total(np.where(ok, values, 0.0).astype(np.float64)) / n
    # Where much is missing the rest lies to one side: its mean is of another thickness.
    return np.where(n > 0.75 * n.max(), mean, np.nan)


def _tiles(used: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Number of the square tile of every used column."""
    row, column = np.nonzero(used)
    extent = max(np.ptp(row), np.ptp(column)) + 1
    side = max(int(np.ceil(extent / _N_TILE)), 2 * _OUTER + 1)
    tile = (row - row.min()) // side * (extent // side + 1) + (column - column.min()) // side
    return np.unique(tile, return_inverse=True)[1]


def _jackknife(
    design: Float, excess: Float, values: Float, weight: Float, tile: NDArray[np.intp]
) -> tuple[float, float, int]:
    """Last coefficient of a weighted regression, its error from leaving out tiles, their number.

    `excess` is the part of each row's products that is noise of the regressors (errors in
    variables); at most `_MOST_NOISE` of what is known in any direction are taken off, so that
    regressors which are all noise do no harm.
    """
    from scipy.linalg import eigh

    n_tile = int(tile.max()) + 1
    size = design.shape[1]
    normal, noise = np.zeros((2, n_tile, size, size))
    right = np.zeros((n_tile, size))
    for i in range(n_tile):
        here = tile == i
        part, w = design[here], weight[here, None]
        normal[i] = part.T @ (w * part)
        noise[i] = np.sum(w[:, :, None] * excess[here], axis=0)
        right[i] = (w * part).T @ values[here]
    largest = float(eigh(noise.sum(axis=0), normal.sum(axis=0), eigvals_only=True)[-1])
    normal -= min(1.0, _MOST_NOISE / max(largest, 1e-12)) * noise

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
