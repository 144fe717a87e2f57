"""Two surface scans of one particle and a third below the edge, with drift and honest defects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nmcx.phantom.geometry import Array, SmoothField, smooth_field
from nmcx.results import Affine, Result, Shift, StxmStack
from nmcx.results.base import Bool, Float, quantity

PAIR_ENERGIES_EV = (854.0, 856.2, 848.0)
_OVERSAMPLING = 3
_SPOT_PX = 0.7  # standard deviation of the beam, as in the phantom's other surface scans
_SPOT_REACH = 4.0  # standard deviations of the spot that are computed
_LEAST_COSINE = 0.45  # escape depth and roughness end the growth of the yield near the limb
_XI_MEAN, _XI_SPREAD = 0.55, 0.03
#: Yield per energy without nickel, in yields of both energies together of flat bare particle.
_CARBON, _PLATINUM, _SUPPORT = 0.15, 0.4, 0.02
_COVER_WIDTH = 0.06  # of a coating's edge, in standard deviations of the field that shapes it
_NICKEL_DENSITY = 1.2  # optical density of nickel in the thickest part, both energies together


@dataclass(frozen=True)
class PairScans(Result):
    """Two scans of one particle, the scan below the edge, and what is true of them."""

    low: StxmStack = quantity("counts")  #: at the lower energy
    high: StxmStack = quantity("counts")  #: at the higher energy, displaced by `shift`
    background: StxmStack = quantity("counts")  #: below the edge, displaced by `background_shift`
    xi: Float = quantity("1", "y x")  #: (ny, nx) of nickel alone, on the grid of `low`; NaN off it
    raw_xi: Float = quantity("1", "y x")  #: (ny, nx) of the whole signal, nickel or not
    nickel_share: Float = quantity("1", "y x")  #: (ny, nx) of nickel in the signal of both scans
    bare: Bool = quantity("", "y x")  #: (ny, nx) pixels and their surroundings are bare particle
    coated: Bool = quantity("", "y x")  #: (ny, nx) pixels under carbon or platinum
    expected_counts: Float = quantity("counts", "y x")  #: (ny, nx) of both scans, on `low`
    shift: Shift = quantity("px")  #: of `high` against `low`
    background_shift: Shift = quantity("px")  #: of `background` against `low`
    i0: tuple[float, float, float] = quantity("1")  #: relative flux (low, high, background)
    dark_rate: float = quantity("1/s")  #: counts per second without beam
    gain: float = quantity("1")  #: signal units per count, 1 for pulse counting
    read_noise: float = quantity("1", default=0.0)  #: standard deviation, in signal units
    #: of `high` against `low` where it drifted while it was taken, or None
    motion: Affine | None = quantity("1", default=None)


def pair_scans(
    seed: int = 1,
    *,
    counts: float = 2000.0,
    shape: tuple[int, int] = (60, 60),
    drift_px: tuple[float, float] = (3.37, -2.62),
    background_drift_px: tuple[float, float] = (-0.84, 1.23),
    scan_drift_px: tuple[float, float] = (0.0, 0.0),
    defocus_px: float = 0.0,
    carbon: float = 0.0,
    platinum: float = 0.0,
    pre_edge: float = 0.1,
    dwell_s: float = 0.01,
    i0: tuple[float, float, float] = (1.0, 1.0, 1.0),
    dark_rate: float = 0.0,
    gain: float | None = None,
    read_noise: float = 0.0,
    mode: str = "tey",
    xi_spread: float = _XI_SPREAD,
    pixel_size_um: float = 0.05,
) -> PairScans:
    """Scans of one round, lumpy particle at two Ni L3 energies and below the edge.

    The particle is a formula, sampled anew for each scan at its own place and averaged over the
    beam's Gaussian spot (0.7 px) and the pixel: nothing is interpolated. The electron yield grows
    as 1/cos of the incidence angle and with a fine texture, at all energies alike.

    Parameters
    ----------
    seed : int
        Seed of everything random.
    counts : float
        In ``"tey"`` the counts of both scans together from flat bare particle, by nickel alone and
        at unit flux; in ``"transmission"`` those of the open field per pixel and scan [1].
    shape : (int, int)
        Pixels (ny, nx).
    drift_px, background_drift_px : (float, float)
        Displacement (rows, columns) of the high-energy scan and of the one below the edge against
        the low-energy scan [px].
    scan_drift_px : (float, float)
        How much the displacement (rows, columns) of the high-energy scan grows from its first to
        its last row, `drift_px` being that in the middle: a stage that drifts during the scan [px].
    defocus_px : float
        Standard deviation of an additional blur of the high-energy scan [px].
    carbon, platinum : float
        About the fraction of the field under carbon and under platinum, which show no nickel [1].
    pre_edge : float
        Signal of a scan that is not nickel's, in nickel's signal of both scans together [1].
    dwell_s : float
        Time per pixel [s].
    i0 : (float, float, float)
        Relative flux of the low, the high and the scan below the edge [1].
    dark_rate : float
        Counts without beam [1/s].
    gain : float, optional
        Electrometer: signal units per count. Default: pulse counting.
    read_noise : float
        Electrometer: standard deviation of a pixel, in signal units.
    mode : {"tey", "transmission"}
        Electron yield, or transmitted counts of a particle of varying thickness.
    xi_spread : float
        Standard deviation of the true ratio over the particle [1].
    pixel_size_um : float
        [µm].

    Returns
    -------
    PairScans
        The three scans; `xi` is what a map with background subtracted should find, `raw_xi` what
        one without should, both as the spot of the low-energy scan sees them.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Our default. Energies after S. Li et al., Nat. Commun. 11, 4433 (2020), Supplementary Fig. 1;
    1/cos after J. Stöhr, "NEXAFS Spectroscopy" (1992), section 5.3.

    Examples
    --------
    >>> made = pair_scans(3, counts=500, carbon=0.3)
    >>> made.low.counts.shape, made.shift.dy
    ((1, 60, 60), 3.37)
    >>> bool(made.nickel_share[made.coated].max() < 0.1)
    True
    """
    _check(shape, counts, i0, dark_rate, gain, read_noise, mode, defocus_px, carbon, platinum)
    form_rng, *noise_rngs = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)
    )
    form = _Form.drawn(form_rng, 0.31 * min(shape), carbon, platinum, pre_edge, xi_spread)
    shifts = ((0.0, 0.0), drift_px, background_drift_px)
    grown = ((0.0, 0.0), scan_drift_px, (0.0, 0.0))
    blurs = (0.0, defocus_px, 0.0)
    seen = [
        _observe(form, shape, move, growth, np.hypot(_SPOT_PX, blur), mode)
        for move, growth, blur in zip(shifts, grown, blurs, strict=True)
    ]
    floor = dark_rate * dwell_s
    scans = [
        _measure(rng, counts * flux * view.signal[k] + floor, gain, read_noise)
        for k, (rng, flux, view) in enumerate(zip(noise_rngs, i0, seen, strict=True))
    ]
    low, high, background = (
        replace(
            _scan(image, energy, pixel_size_um, dwell_s),
            i0=np.array([flux]),
            detector=mode,
            units="counts" if gain is None else "A",
        )
        for image, energy, flux in zip(scans, PAIR_ENERGIES_EV, i0, strict=True)
    )
    here = seen[0]
    return PairScans(
        low=low,
        high=high,
        background=background,
        xi=here.xi,
        raw_xi=here.raw_xi,
        nickel_share=here.nickel_share,
        bare=here.bare,
        coated=here.coated,
        expected_counts=counts * (i0[0] * here.signal[0] + i0[1] * here.signal[1]) + 2.0 * floor,
        shift=Shift(float(drift_px[0]), float(drift_px[1]), 0.0),
        background_shift=Shift(float(background_drift_px[0]), float(background_drift_px[1]), 0.0),
        i0=(float(i0[0]), float(i0[1]), float(i0[2])),
        dark_rate=float(dark_rate),
        gain=1.0 if gain is None else float(gain),
        read_noise=float(read_noise),
        motion=_motion(drift_px, scan_drift_px, shape[0]) if any(scan_drift_px) else None,
    )


def _motion(shift: tuple[float, float], growth: tuple[float, float], n_row: int) -> Affine:
    """What `surface.register` should find of a shift that grows over the rows."""
    back = np.eye(2)
    back[:, 0] -= np.array(growth) / max(1, n_row - 1)
    matrix = np.linalg.inv(back)
    none = np.zeros((2, 2))
    return Affine(matrix, matrix @ np.array(shift, dtype=float), none, none[0])


def _check(
    shape: tuple[int, int],
    counts: float,
    i0: tuple[float, float, float],
    dark_rate: float,
    gain: float | None,
    read_noise: float,
    mode: str,
    defocus_px: float,
    carbon: float,
    platinum: float,
) -> None:
    if mode not in ("tey", "transmission"):
        raise ValueError(f'mode must be "tey" or "transmission", not {mode!r}')
    if len(shape) != 2 or min(shape) < 16:
        raise ValueError(f"shape must be two numbers of at least 16 pixels, not {shape}")
    if len(i0) != 3 or not all(flux > 0 for flux in i0):
        raise ValueError(f"i0 must be three positive numbers (low, high, background), not {i0}")
    if not (counts > 0 and (gain is None or gain > 0)):
        raise ValueError(f"counts and gain must be positive, not {counts} and {gain}")
    if not min(dark_rate, read_noise, defocus_px) >= 0:
        raise ValueError("dark_rate, read_noise and defocus_px must not be negative")
    if not (0 <= carbon < 1 and 0 <= platinum < 1):
        raise ValueError(
            f"carbon and platinum are fractions from 0 up to 1, not {carbon} and {platinum}"
        )


@dataclass(frozen=True)
class _Form:
    """Numbers and fields that describe the particle about the middle of the low-energy scan."""

    radius: float  #: [px]
    outline: SmoothField  #: of the direction in the image plane
    texture: SmoothField  #: fine topography
    chemistry: SmoothField  #: of the ratio
    coatings: tuple[SmoothField, SmoothField]  #: where carbon and platinum lie
    levels: tuple[float, float]  #: a field above its level means coated
    pre_edge: float
    xi_spread: float

    @staticmethod
    def drawn(
        rng: np.random.Generator,
        radius: float,
        carbon: float,
        platinum: float,
        pre_edge: float,
        xi_spread: float,
    ) -> _Form:
        from scipy.special import ndtri

        return _Form(
            radius=radius,
            outline=smooth_field(rng, 0.9, 8),
            texture=smooth_field(rng, 0.11, 32),
            chemistry=smooth_field(rng, 0.35, 24),
            coatings=(smooth_field(rng, 0.45, 16), smooth_field(rng, 0.45, 16)),
            levels=(float(ndtri(1.0 - carbon)), float(ndtri(1.0 - platinum))),
            pre_edge=pre_edge,
            xi_spread=xi_spread,
        )

    def sample(self, y: Array, x: Array) -> _Points:
        """The particle at points (y, x) [px] from its middle."""
        distance, angle = np.hypot(y, x), np.arctan2(y, x)
        around = np.stack([np.sin(angle), np.cos(angle), np.zeros_like(angle)], axis=-1)
        rho = distance / (self.radius * (1.0 + 0.08 * np.tanh(self.outline(around))))
        on = rho < 1.0
        cosine = np.sqrt(np.maximum(1.0 - rho**2, 0.0))
        points = np.stack([cosine, y / self.radius, x / self.radius], axis=-1)
        relief, xi, cover = (
            np.ones_like(rho),
            np.full_like(rho, _XI_MEAN),
            np.zeros((2, *rho.shape)),
        )
        relief[on] = np.exp(0.3 * np.tanh(self.texture(points[on])))
        # The limit keeps the ratio a fraction whatever the spread.
        xi[on] += 0.3 * np.tanh(self.xi_spread / 0.3 * self.chemistry(points[on]))
        for k, (field, level) in enumerate(zip(self.coatings, self.levels, strict=True)):
            if np.isfinite(level):
                rise = (field(points[on]) - level) / _COVER_WIDTH
                cover[k][on] = 0.5 * (1.0 + np.tanh(rise))
        return _Points(on, cosine, relief, xi, cover[0] * (1.0 - cover[1]), cover[1])


@dataclass(frozen=True)
class _Points:
    """The particle at points of the image plane."""

    on: NDArray[np.bool_]  #: whether there is particle
    cosine: Array  #: of the incidence angle
    relief: Array  #: factor of the yield by fine topography
    xi: Array  #: true ratio
    carbon: Array  #: share under carbon
    platinum: Array  #: share under platinum

    @property
    def bare(self) -> Array:
        """Share without a coating."""
        return 1.0 - self.carbon - self.platinum


@dataclass(frozen=True)
class _View:
    """Noise-free scans at one place: signals of all energies and the truth, (ny, nx)."""

    signal: tuple[Array, Array, Array]  #: low, high, below the edge; 1: flat nickel, both energies
    xi: Array
    raw_xi: Array
    nickel_share: Array
    bare: NDArray[np.bool_]
    coated: NDArray[np.bool_]


def _observe(
    form: _Form,
    shape: tuple[int, int],
    shift: tuple[float, float],
    growth: tuple[float, float],
    spot_px: float,
    mode: str,
) -> _View:
    """Sample the particle where `shift` puts it, with a spot of `spot_px` and square pixels.

    The shift grows by `growth` from the first row to the last.
    """
    from scipy.ndimage import gaussian_filter

    n, margin = _OVERSAMPLING, int(np.ceil(_SPOT_REACH * spot_px))

    def fine(size: int) -> Array:
        at = (np.arange((size + 2 * margin) * n) + 0.5) / n - 0.5 - margin
        return np.asarray(at - 0.5 * (size - 1))

    y, x = np.meshgrid(fine(shape[0]), fine(shape[1]), indexing="ij")
    down = y / max(1, shape[0] - 1)
    points = form.sample(y - shift[0] - growth[0] * down, x - shift[1] - growth[1] * down)

    def average(values: Array) -> Array:
        seen = gaussian_filter(values, spot_px * n, truncate=_SPOT_REACH)
        seen = seen.reshape(shape[0] + 2 * margin, n, shape[1] + 2 * margin, n).mean(axis=(1, 3))
        return np.asarray(seen[margin:-margin, margin:-margin])

    nickel, other = (_yields if mode == "tey" else _densities)(points, form.pre_edge)
    contributions = (nickel * (1.0 - points.xi) + other, nickel * points.xi + other, other)
    if mode == "tey":
        low, high, below = (average(values) for values in contributions)
        signal = low, high, below
    else:
        low_t, high_t, below_t = (average(np.exp(-density)) for density in contributions)
        signal = low_t, high_t, below_t
        low, high, below = (-np.log(values) for values in signal)
    with np.errstate(all="ignore"):
        nickel_sum, total = low + high - 2.0 * below, low + high
        some = nickel_sum > 1e-3
        xi = np.where(some, (high - below) / nickel_sum, np.nan)
        raw_xi = np.where(total > 1e-3, high / total, np.nan)
        share = np.where(total > 1e-3, nickel_sum / total, 0.0)
    covered = points.carbon + points.platinum
    bare = average(np.where(points.on, points.bare, 0.0)) > 0.999
    return _View(signal, xi, raw_xi, share, bare, average(covered) > 0.99)


def _yields(points: _Points, pre_edge: float) -> tuple[Array, Array]:
    """Electron yield of nickel at both energies together, and of all else at each energy."""
    enhanced = points.relief / np.maximum(points.cosine, _LEAST_COSINE)
    rest = pre_edge * points.bare + _CARBON * points.carbon + _PLATINUM * points.platinum
    nickel = np.where(points.on, enhanced * points.bare, 0.0)
    return nickel, np.where(points.on, enhanced * rest, _SUPPORT)


def _densities(points: _Points, pre_edge: float) -> tuple[Array, Array]:
    """Optical density of nickel at both energies together, and of all else at each energy."""
    nickel = _NICKEL_DENSITY * np.where(points.on, points.cosine * points.relief, 0.0)
    coat = _CARBON * points.carbon + _PLATINUM * points.platinum
    # In transmission a coating lies on the nickel and does not hide it.
    return nickel, pre_edge * nickel + coat


def _measure(
    rng: np.random.Generator, expected: Array, gain: float | None, read_noise: float
) -> Array:
    counted = rng.poisson(expected).astype(np.float64)
    if gain is None:
        return counted
    return counted * gain + read_noise * rng.standard_normal(expected.shape)


def _scan(image: Array, energy_ev: float, pixel_um: float, dwell_s: float) -> StxmStack:
    ny, nx = image.shape
    return StxmStack(
        counts=image[None],
        energy_ev=np.array([energy_ev]),
        x_um=(np.arange(nx) - (nx - 1) / 2) * pixel_um,
        y_um=(np.arange(ny) - (ny - 1) / 2) * pixel_um,
        dwell_s=dwell_s,
    )


__all__ = ["PairScans", "pair_scans"]
