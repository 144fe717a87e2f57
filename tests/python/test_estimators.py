"""Edge-energy estimators against analytic edges, brute-force oracles and their own error bars."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import Polynomial
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar

from nmcx import phantom, xanes
from nmcx.results import STATUS_BITS

PRE, POST = (8250, 8320), (8380, 8640)
OPTIONS = {"pre_edge": PRE, "post_edge": POST, "pre_degree": 1, "post_degree": 1}
OTHERS = ("half_white_line", "white_line", "derivative", "integral")
ALL = ("half_jump", *OTHERS)


def dense_energies() -> np.ndarray:
    """The 6-2c scan with steps of 0.25 eV across the edge."""
    coarse = phantom.edge_energies()
    outside = coarse[(coarse < 8324) | (coarse > 8360)]
    return np.sort(np.r_[outside, np.arange(8324.0, 8360.1, 0.25)])


def analytic(estimator: str, edge_ev: float) -> float:
    """The estimator's energy on the phantom's own formula."""

    def curve(energy: float) -> float:
        return float(phantom.edge_curve([energy], edge_ev)[0])

    peak = minimize_scalar(
        lambda e: -curve(e), bounds=(edge_ev, edge_ev + 12), method="bounded",
        options={"xatol": 1e-9},
    ).x  # fmt: skip
    if estimator == "white_line":
        return float(peak)
    if estimator == "half_white_line":
        return float(brentq(lambda e: curve(e) - 0.5 * curve(peak), edge_ev - 9, peak))
    if estimator == "integral":
        low = brentq(lambda e: curve(e) - 0.15, edge_ev - 9, peak)
        high = brentq(lambda e: curve(e) - 1.0, edge_ev - 9, peak)
        return float(low + quad(lambda e: 1 - curve(e), low, high)[0] / 0.85)
    step = 1e-3
    steepest = minimize_scalar(
        lambda e: curve(e - step) - curve(e + step), bounds=(edge_ev - 4, edge_ev + 4),
        method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    return float(steepest.x)


@pytest.mark.parametrize(
    ("estimator", "tolerance_ev"),
    # What is left on steps of 0.25 eV: float32 and cubics over them, and for the other two the
    # smoothing by parabola (half of a height low by 0.5 %) and local cubic (an edge that is steeper
    # below its middle than above).
    [("half_jump", 2e-3), ("integral", 2e-3), ("half_white_line", 0.05), ("white_line", 0.06),
     ("derivative", 0.3)],
)  # fmt: skip
def test_energies_of_the_phantom_follow_from_its_formula(estimator, tolerance_ev):
    ramp = phantom.edge_ramp(8344.0, 8344.9, n_voxel=4, energy_ev=dense_energies())
    edges = xanes.fit_edges(ramp.energy_ev, ramp.mu, estimator=estimator, **OPTIONS)
    expected = [
        e if estimator == "half_jump" else analytic(estimator, e) for e in ramp.edge_energy_ev
    ]
    assert edges.ok.all()
    np.testing.assert_allclose(edges.edge_energy_ev, expected, rtol=0, atol=tolerance_ev)
    # Rigid spectra: whatever the smoothing does, it does to all.
    moved = edges.edge_energy_ev - ramp.edge_energy_ev
    assert np.ptp(moved) < 0.02


def test_derivative_of_an_arctangent_is_steepest_at_its_centre():
    energy = dense_energies()
    centres = np.array([8343.0, 8343.6, 8344.1])
    x = energy[:, None] - centres
    # The Lorentzian is 12 eV above, where its slope hardly moves the maximum of the derivative.
    mu = 0.5 + np.arctan(x / 1.5) / np.pi + 0.6 / (1 + ((x - 12) / 2.0) ** 2)
    edges = xanes.fit_edges(energy, mu, estimator="derivative", **OPTIONS)

    def slope(e: float) -> float:
        y = (e - 12) / 2.0
        return 1 / (1.5 * np.pi * (1 + (e / 1.5) ** 2)) - 0.6 * y / (1 + y * y) ** 2

    offset = minimize_scalar(lambda e: -slope(e), bounds=(-2, 2), method="bounded").x
    np.testing.assert_allclose(edges.edge_energy_ev, centres + offset, atol=0.15)
    assert np.all(edges.ok)


def oracle(estimator: str, energy: np.ndarray, mu: np.ndarray, white_line_ev: float) -> float:
    """One spectrum, straightforwardly in numpy; the reach of the parabola is 2 eV."""
    before, after = (energy >= PRE[0]) & (energy <= PRE[1]), energy >= POST[0]
    between = ~before & ~after
    rest = mu - Polynomial.fit(energy[before], mu[before], 1)(energy)
    post = Polynomial.fit(energy[after], rest[after], 1)(energy)
    e, m, q = energy[between], rest[between], post[between]
    peak = int(np.argmin(np.abs(e - white_line_ev)))

    def local(j: int, reach: float, degree: int) -> Polynomial:
        near = np.abs(e - e[j]) <= reach
        return Polynomial.fit(e[near] - e[j], m[near], degree).convert()

    def crossing(f: np.ndarray, last: int) -> float:
        k = max(k for k in range(1, last + 1) if f[k - 1] < 0 <= f[k])
        cubic = Polynomial.fit(e[k - 2 : k + 2], f[k - 2 : k + 2], 3)
        return float(brentq(cubic, e[k - 1], e[k]))

    if estimator == "white_line":
        c = local(peak, 2.0, 2).coef
        # The maximum of parabola / post rather than of the parabola.
        found = minimize_scalar(
            lambda x: -Polynomial(c)(x) / np.interp(e[peak] + x, e, q), bounds=(-2, 2),
            method="bounded", options={"xatol": 1e-9},
        )  # fmt: skip
        return float(e[peak] + found.x)
    if estimator == "half_white_line":
        c = local(peak, 2.0, 2).coef
        return crossing(m - 0.5 * (c[0] - c[1] ** 2 / (4 * c[2])), peak)
    if estimator == "integral":
        low, high = crossing(m - 0.15 * q, peak), crossing(m - q, peak)
        x = np.linspace(low, high, 20001)
        # Cubics through the four samples around each interval.
        upper = np.searchsorted(e, x).clip(2, e.size - 2)
        f = sum(
            (1 - (m / q)[upper - 2 + k])
            * np.prod([(x - e[upper - 2 + j]) / (e[upper - 2 + k] - e[upper - 2 + j])
                       for j in range(4) if j != k], axis=0)
            for k in range(4)
        )  # fmt: skip
        return float(low + np.trapezoid(f, x) / 0.85)
    slopes = [local(j, 4.5, 3).coef[1] for j in range(2, peak + 1)]
    wide = 2 + int(np.argmax(slopes))
    c = local(wide, 4.5, 3).coef
    at = int(np.argmin(np.abs(e - (e[wide] - c[2] / (3 * c[3])))))
    c = local(at, 3.0, 3).coef
    return float(e[at] - c[2] / (3 * c[3]))


@pytest.mark.parametrize("estimator", OTHERS)
def test_estimators_agree_with_brute_force(estimator):
    spectra = phantom.edge_spectra(40, noise=0.004, seed=1, dtype=np.float64)
    energy, mu = spectra.energy_ev, spectra.mu
    edges = xanes.fit_edges(energy, mu, estimator=estimator, **OPTIONS)
    assert edges.ok.all()
    assert edges.settings["white_line_half_width_ev"] == 2.0
    expected = [oracle(estimator, energy, mu[:, v], edges.white_line_ev[v]) for v in range(40)]
    # The stack is rounded to float32: 1e-7 over a slope of 0.1 / eV, more at flat maxima. For at
    # most one spectrum in ten a sample half-way between two choices may fall on the other side.
    error = np.abs(edges.edge_energy_ev - expected)
    assert np.quantile(error, 0.9) < 5e-4
    assert error.max() < 0.1


@pytest.mark.parametrize("estimator", OTHERS)
def test_standard_errors_are_those_of_finite_differences(estimator):
    clean = phantom.edge_spectra(1, noise=0.0, seed=2, jump_range=(0.8, 0.8), dtype=np.float64)
    energy = clean.energy_ev
    variance = np.random.default_rng(1).uniform(0.2, 2.0, energy.size) * 1e-4
    options = {**OPTIONS, "estimator": estimator, "white_line_half_width_ev": 4.0}
    step = 2e-3
    moved = clean.mu + step * np.c_[np.eye(energy.size), -np.eye(energy.size)]
    found = xanes.fit_edges(energy, moved, variance=variance, **options).edge_energy_ev
    gradient = (found[: energy.size] - found[energy.size :]) / (2 * step)
    expected = np.sqrt(np.sum(gradient**2 * variance))
    given_ = xanes.fit_edges(energy, clean.mu, variance=variance, **options)
    # The slope of half_white_line is that of a smoothed curve at this reach, by design.
    tolerance = 0.08 if estimator == "half_white_line" else 0.02
    assert given_.edge_energy_std_ev[0] == pytest.approx(expected, rel=tolerance)
    full = xanes.fit_edges(energy, clean.mu, variance=variance[:, None], **options)
    np.testing.assert_array_equal(given_.edge_energy_std_ev, full.edge_energy_std_ev)
    # Equal variances are the same as that noise, whichever way they come in.
    same = xanes.fit_edges(energy, clean.mu, variance=np.full(energy.size, 1e-4), **options)
    expected = 0.01 * np.sqrt(np.sum(gradient**2))
    assert same.edge_energy_std_ev[0] == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("estimator", OTHERS)
def test_noise_from_residuals_and_from_variance_give_the_same_errors(estimator):
    spectra = phantom.edge_spectra(50, noise=0.01, jump_range=(0.8, 0.8))
    mu = spectra.mu.reshape(61, 5, 10)
    options = {**OPTIONS, "estimator": estimator, "white_line_half_width_ev": 2.0}
    pooled = xanes.fit_edges(spectra.energy_ev, mu, **options)
    given_ = xanes.fit_edges(spectra.energy_ev, mu, variance=np.full(61, 64e-6), **options)
    ratio = given_.edge_energy_std_ev / pooled.edge_energy_std_ev
    np.testing.assert_allclose(ratio, given_.noise / pooled.noise, rtol=1e-4)
    per_voxel = xanes.fit_edges(spectra.energy_ev, mu, variance=np.full(mu.shape, 64e-6), **options)
    np.testing.assert_allclose(per_voxel.edge_energy_std_ev, given_.edge_energy_std_ev, rtol=1e-6)


@settings(deadline=None, max_examples=8, derandomize=True)
@given(
    shift=st.floats(-40, 40),
    scale=st.floats(0.02, 50),
    tilt=st.floats(-1e-3, 1e-3),
    estimator=st.sampled_from(OTHERS),
)
def test_shifts_move_the_edge_and_scales_and_lines_do_not(shift, scale, tilt, estimator):
    spectra = phantom.edge_spectra(30, noise=0.01, dtype=np.float64, jump_range=(0.8, 1.2))
    options = {**OPTIONS, "estimator": estimator, "white_line_half_width_ev": 3.0}
    base = xanes.fit_edges(spectra.energy_ev, spectra.mu, **options)
    options |= {"pre_edge": (PRE[0] + shift, PRE[1] + shift)}
    options |= {"post_edge": (POST[0] + shift, POST[1] + shift)}
    mu = scale * (spectra.mu + 0.1 + tilt * (spectra.energy_ev - 8345)[:, None])
    moved = xanes.fit_edges(spectra.energy_ev + shift, mu, **options)
    # Rounding to float32 over the flattest thing that is measured, the derivative's maximum; where
    # a sample lies half-way between two choices, rounding may change the choice.
    error = np.abs(moved.edge_energy_ev - base.edge_energy_ev - shift)
    assert np.quantile(error, 0.9) < 2e-3
    np.testing.assert_allclose(
        np.median(moved.edge_energy_std_ev), np.median(base.edge_energy_std_ev), rtol=0.01
    )


@pytest.mark.parametrize("estimator", OTHERS)
def test_layouts_precisions_and_threads_agree(estimator):
    spectra = phantom.edge_spectra(700, noise=0.02, dtype=np.float32)
    options = {**OPTIONS, "estimator": estimator}
    base = xanes.fit_edges(spectra.energy_ev, spectra.mu, threads=1, **options)
    for mu, axis, threads in [
        (spectra.mu.T.copy(), -1, 1),
        (spectra.mu.astype(np.float64), 0, 3),
        (spectra.mu.T.astype(np.float64), -1, 2),
    ]:
        other = xanes.fit_edges(spectra.energy_ev, mu, energy_axis=axis, threads=threads, **options)
        for name in ("edge_energy_ev", "edge_energy_std_ev", "status"):
            np.testing.assert_array_equal(getattr(other, name), getattr(base, name))


@pytest.mark.parametrize("estimator", OTHERS)
def test_bad_voxels_get_a_status(estimator):
    spectra = phantom.edge_spectra(6, noise=0.0, jump_range=(1, 1), dtype=np.float64)
    mu = spectra.mu.copy()
    mu[20, 0] = np.nan
    mu[-1, 1] = np.inf
    mu[:, 2] = 0.0
    mu[:, 3] = np.linspace(0, 1, 61)
    mu[:, 4] = -mu[:, 4]
    edges = xanes.fit_edges(spectra.energy_ev, mu, estimator=estimator, **OPTIONS)
    np.testing.assert_array_equal((edges.status & 1) != 0, [1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(edges.ok, [0, 0, 0, 0, 0, 1])
    assert np.isnan(edges.edge_energy_ev[:5]).all()
    assert edges.settings["estimator"] == estimator
    assert "level" not in edges.settings


def test_white_line_estimator_is_the_white_line():
    spectra = phantom.edge_spectra(200, noise=0.01)
    edges = xanes.fit_edges(spectra.energy_ev, spectra.mu, estimator="white_line", **OPTIONS)
    np.testing.assert_array_equal(edges.edge_energy_ev, edges.white_line_ev)
    # The kernel leaves out the noise of the post-edge's slope, 1 % here.
    np.testing.assert_allclose(edges.edge_energy_std_ev, edges.white_line_std_ev, rtol=0.05)


def test_derivative_flags_a_second_steep_place():
    energy = dense_energies()
    x = (energy - 8341.0)[:, None]

    def two_steps(share: float) -> np.ndarray:
        steps = share * np.tanh(x) + (1 - share) * np.tanh(x - 8)
        return 0.5 + 0.5 * steps + 0.5 * np.exp(-0.5 * ((x - 13) / 3) ** 2)

    mu = np.concatenate([two_steps(0.56), two_steps(0.2), two_steps(1.0)], axis=1)
    edges = xanes.fit_edges(energy, mu, estimator="derivative", **OPTIONS)
    flagged = (edges.status & STATUS_BITS["several_crossings"]) != 0
    np.testing.assert_array_equal(flagged, [True, False, False])
    # The trap: a little more weight on the second step moves the energy by 8 eV.
    assert edges.edge_energy_ev[1] - edges.edge_energy_ev[2] == pytest.approx(8.0, abs=0.3)


def test_reach_of_the_parabola_follows_the_noise_of_the_map():
    def reach(noise: float, **options: object) -> float:
        spectra = phantom.edge_spectra(2000, noise=noise, seed=1)
        edges = xanes.fit_edges(spectra.energy_ev, spectra.mu, **{**OPTIONS, **options})
        return float(edges.settings["white_line_half_width_ev"])

    # 2 (60 s)^0.4 = 2.53 at s = 0.03, rounded up to halves; 4.10 at 0.1, but the white line is
    # 7.64 eV above the edge, and 0.55 of that is 4.2, rounded down.
    assert [reach(s) for s in (0.0, 0.01, 0.03, 0.1, 0.25)] == [2.0, 2.0, 3.0, 4.0, 4.0]
    assert reach(0.1, white_line_half_width_ev=2.0) == 2.0
    assert reach(0.01, variance=np.full(61, 0.08**2)) == 4.0  # mean jump 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "steepest"}, "half_jump, half_white_line"),
        ({"estimator": "integral", "level": 0.4}, "level belongs to estimator 'half_jump'"),
        ({"white_line_half_width_ev": -1.0}, "white_line_half_width_ev"),
        ({"estimator": "derivative", "pre_edge": (8250, 8356), "post_edge": (8367, 8640)},
         "six energies"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_remedy(options, message):
    with pytest.raises(ValueError, match=message):
        xanes.fit_edges(phantom.edge_energies(), np.ones((61, 2)), **{**OPTIONS, **options})


def load_pulls() -> ModuleType:
    path = Path(__file__).parents[1] / "verify" / "pulls.py"
    spec = importlib.util.spec_from_file_location("pulls", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("estimator", ALL)
def test_standard_errors_are_honest(estimator):
    verify = load_pulls()
    for kind, noise in [("white", 0.01), ("correlated variance", 0.03), ("white", 0.1)]:
        found = verify.pulls(estimator, noise, kind, range(1, 2), size=20)
        # 8000 voxels know the width to 1.5 % (correlated ones less); the rest is the promise.
        assert found["width"] == pytest.approx(1.0, abs=0.1), (kind, noise)
        assert found["coverage_68"] == pytest.approx(0.68, abs=0.06), (kind, noise)
        assert found["coverage_95"] == pytest.approx(0.95, abs=0.035), (kind, noise)
        assert found["ok"] > 0.95


@pytest.fixture(scope="module")
def oxides(real_data):
    energy_kev, mu = np.loadtxt(real_data / "spectra/nio_fxi.txt", unpack=True)[:2]
    table = np.loadtxt(real_data / "spectra/nca_pristine_6-2c.csv")
    return {
        "NiO": (1000 * energy_kev, mu, {"pre_edge": (8200, 8310), "post_edge": (8400, 8600)}),
        "NCA": (table[:, 0], table[:, 1], {"pre_edge": (8250, 8325), "post_edge": (8400, 8640)}),
    }


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("estimator", "nickel_oxide_ev", "layered_oxide_ev", "tolerance_ev"),
    # The derivative of the reference energies was smoothed over another window.
    [("half_jump", 8340.04, 8342.76, 0.15), ("white_line", 8347.76, 8350.34, 0.15),
     ("derivative", 8342.30, 8346.77, 0.5)],
)  # fmt: skip
def test_real_oxides_have_their_energies(
    oxides, estimator, nickel_oxide_ev, layered_oxide_ev, tolerance_ev
):
    expected = {"NiO": nickel_oxide_ev, "NCA": layered_oxide_ev}
    for name, (energy, mu, windows) in oxides.items():
        edges = xanes.fit_edges(energy, mu, estimator=estimator, post_degree=1, **windows)
        assert edges.ok
        assert edges.edge_energy_ev == pytest.approx(expected[name], abs=tolerance_ev)


@pytest.mark.real_data
def test_real_oxides_differ_most_by_the_derivative(oxides):
    moved = {}
    for estimator in ALL:
        found = [
            float(xanes.fit_edges(e, mu, estimator=estimator, post_degree=1, **w).edge_energy_ev)
            for e, mu, w in oxides.values()
        ]
        moved[estimator] = found[1] - found[0]
    # Both energies of the edge itself agree on about 3 eV; the derivative's jumps between the two
    # steep places.
    assert moved["half_jump"] == pytest.approx(2.7, abs=0.3)
    assert moved["integral"] == pytest.approx(moved["half_jump"], abs=0.5)
    assert moved["derivative"] > 4.0


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("post_edge", "refused"),
    [((8380, 8450), True), ((8400, 8500), True), ((8450, 8600), False), ((8380, 8600), False)],
)
def test_short_quadratics_are_refused(oxides, post_edge, refused):
    energy, mu, windows = oxides["NiO"]
    options = {"pre_edge": windows["pre_edge"], "post_edge": post_edge}
    if refused:
        for function in (xanes.fit_edges, xanes.normalise):
            with pytest.raises(ValueError, match="use post_degree=1, or a post_edge"):
                function(energy, mu, post_degree=2, **options)
        assert xanes.fit_edges(energy, mu, post_degree=1, **options).ok
    else:
        edges = xanes.fit_edges(energy, mu, post_degree=2, **options)
        assert edges.edge_energy_ev == pytest.approx(8340.15, abs=0.4)


def test_quadratics_through_few_energies_are_refused():
    energy = np.r_[np.arange(8250.0, 8360.0, 2.0), 8400.0, 8450.0, 8500.0, 8600.0]
    mu = np.ones((energy.size, 2))
    with pytest.raises(ValueError, match="4 energies"):
        xanes.fit_edges(energy, mu, pre_edge=PRE, post_edge=(8400, 8600), post_degree=2)
