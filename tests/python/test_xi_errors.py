"""The error of xi is the scatter of xi: by simulation, for every kind of noise and correction."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nmcx import surface
from nmcx.errors import ConvergenceError
from nmcx.results import Shift, StxmStack

NONE = Shift(0.0, 0.0, 0.0)
HALF = Shift(0.5, 0.3, 0.0)
XI = 0.55


def scan(counts, energy_ev, dwell_s=1.0, i0=None, **more):
    ny, nx = np.shape(counts)
    return StxmStack(
        np.asarray(counts, float)[None], np.array([energy_ev]), np.arange(nx) * 0.05,
        np.arange(ny) * 0.05, dwell_s, i0=None if i0 is None else np.array([i0]), **more,
    )  # fmt: skip


CASES = {
    "plain": {},
    "dwell and flux": {"dwell": (1.0, 2.0), "flux": (1.0, 0.4)},
    "dark": {"dwell": (1.0, 2.0), "flux": (1.0, 0.4), "dark": 0.1},
    "background": {"under": 0.15},
    "interpolated": {"shift": HALF},
    "all": {
        "dwell": (1.0, 1.5), "flux": (1.0, 0.7), "dark": 0.05, "under": 0.1, "shift": HALF,
    },
}  # fmt: skip


def simulated(n_total, *, dwell=(1.0, 1.0), flux=(1.0, 1.0), dark=0.0, under=0.0, shift=NONE):
    """Map of a uniform field with `n_total` counts in both scans together, all included."""
    random = np.random.default_rng(n_total)
    rate_low, rate_high = (flux[0] * (1 - XI + under) + dark, flux[1] * (XI + under) + dark)
    scale = n_total / (dwell[0] * rate_low + dwell[1] * rate_high)
    shape = (120, 120)
    low = scan(random.poisson(scale * dwell[0] * rate_low, shape), 854.0, dwell[0])
    high = scan(random.poisson(scale * dwell[1] * rate_high, shape), 856.2, dwell[1])
    third = scan(random.poisson(scale * dwell[0] * (under + dark), shape), 848.0, dwell[0])
    return surface.xi_map(
        low, high,
        dark=scale * dark, shift=shift, min_counts=1, min_significance=0,
        i0=(*flux, 1.0) if under else flux,
        background=third if under else None,
        background_shift=shift,
    )  # fmt: skip


@pytest.mark.parametrize("n_total", [50, 500, 5000])
@pytest.mark.parametrize("case", CASES)
def test_the_pull_of_xi_is_one_wide(case, n_total):
    found = simulated(n_total, **CASES[case])
    assert found.valid.mean() > 0.97
    pull = (found.xi - XI)[found.valid] / found.xi_std[found.valid]
    # 14 400 pixels, interpolated ones half as many: the width is known to 0.9 %, three of each.
    # The goal is 10 %; at 50 counts a second-order term of some 1/50 remains.
    assert pull.std() == pytest.approx(1.0, abs=0.027 + 1.0 / n_total)
    # A ratio of noisy numbers is biased in second order: about sigma^2.
    assert abs(found.xi[found.valid].mean() - XI) < 0.01 * (50 / n_total) + 4 * 0.1 / 120


@pytest.mark.parametrize("n_total", [500, 5000])
def test_the_pull_is_one_on_a_particle_with_topography_and_chemistry(n_total):
    y, x = np.mgrid[:120, :120] - 59.5
    light = 0.25 + np.exp(-((y / 40) ** 2) - (x / 35) ** 2) * (1 + 0.4 * np.sin(0.5 * x + 0.3 * y))
    xi = 0.5 + 0.06 * np.tanh((x + 0.5 * y) / 15)
    random = np.random.default_rng(n_total)
    low, high = random.poisson(n_total * light * (1 - xi)), random.poisson(n_total * light * xi)
    found = surface.xi_map(scan(low, 854.0), scan(high, 856.2), shift=NONE, min_counts=30)
    pull = (found.xi - xi)[found.valid] / found.xi_std[found.valid]
    assert pull.std() == pytest.approx(1.0, abs=0.03)
    # Where a pixel's counts happened to fall must not decide its weight in a mean.
    weight = 1.0 / found.xi_std[found.valid] ** 2
    mean = np.sum(weight * (found.xi - xi)[found.valid]) / np.sum(weight)
    assert abs(mean) < 4.0 / np.sqrt(np.sum(weight))


def test_background_undilutes_xi_where_nickel_is_thin():
    random = np.random.default_rng(3)
    nickel = np.where(np.arange(80) < 40, 1.0, 0.2) * np.ones((80, 1))
    low = scan(random.poisson(20000 * (0.4 * nickel + 0.3)), 854.0)
    high = scan(random.poisson(20000 * (0.6 * nickel + 0.3)), 856.2)
    under = scan(random.poisson(20000 * 0.3 * np.ones((80, 80))), 848.0)
    plain = surface.xi_map(low, high, shift=NONE)
    clean = surface.xi_map(low, high, shift=NONE, background=under, background_shift=NONE)
    for thin, n in ((np.s_[:, :40], 1.0), (np.s_[:, 40:], 0.2)):
        # |xi - 1/2| shrinks by 1 + 2 b / sum of the net intensities.
        diluted = 0.5 + 0.1 / (1 + 2 * 0.3 / n)
        assert np.nanmean(plain.xi[thin]) == pytest.approx(diluted, abs=3e-4)
        assert np.nanmean(clean.xi[thin]) == pytest.approx(0.6, abs=1e-3)
    assert any("diluted" in note for note in plain.notes)
    assert any("848.0 eV subtracted" in note for note in clean.notes)


def test_the_background_is_registered_too():
    def light(dy, dx):
        y, x = np.mgrid[:70, :70] - 34.5
        y, x = y - dy, x - dx
        body = 0.5 * (1 - np.tanh((np.hypot(y, x) - 22) / 2))
        return 0.05 + body * np.exp(0.4 * np.sin(0.5 * x) * np.cos(0.4 * y + 0.2 * x))

    random = np.random.default_rng(5)
    low = scan(random.poisson(20000 * 0.8 * light(0, 0)), 854.0)
    high = scan(random.poisson(20000 * 1.0 * light(2.3, -1.6)), 856.2)
    under = scan(random.poisson(20000 * 0.3 * light(-3.2, 4.4)), 848.0)
    found = surface.xi_map(low, high, background=under)
    middle = found.valid & (np.hypot(*(np.mgrid[:70, :70] - 34.5)) < 18)
    assert middle.sum() > 900
    pull = (found.xi - 0.7 / 1.2)[middle] / found.xi_std[middle]
    # Residual drift of some hundredths of a pixel adds a little to the counting noise.
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    blank = scan(random.poisson(900, (70, 70)), 848.0)
    with pytest.raises(ConvergenceError, match="low and background cannot be registered"):
        surface.xi_map(low, high, background=blank)


@pytest.mark.parametrize("noise", ["poisson", "measured"])
def test_electrometer_readings_have_the_error_they_show(noise):
    random = np.random.default_rng(8)
    gain, read = 2e-14, 1.5e-13  # amperes
    light = 300 + 500 * np.arange(150) / 150 * np.ones((150, 1))

    def current(share):
        counts = random.poisson(light * share)
        return gain * counts + random.normal(0, read, counts.shape) + 3e-13

    low = scan(current(1 - XI), 854.0, units="A")
    high = scan(current(XI), 856.2, units="A")
    options = {"gain": gain, "read_noise": read} if noise == "poisson" else {}
    found = surface.xi_map(
        low, high, dark=3e-13, noise=noise, sigma_target=1.0, shift=NONE, **options
    )
    pull = (found.xi - XI)[found.valid] / found.xi_std[found.valid]
    # Measured noise: 8 medians of 2 800 squares each, some 2 % of the width.
    assert pull.std() == pytest.approx(1.0, abs=0.02 if noise == "poisson" else 0.06)
    assert found.low.mean() == pytest.approx(gain * light.mean() * (1 - XI), rel=0.01)
    with pytest.raises(ValueError, match=r'give gain .* or noise="measured"'):
        surface.xi_map(low, high, shift=NONE)


def test_recorded_i0_is_used_and_only_its_ratio_counts():
    low, high = np.full((9, 9), 4000.0), np.full((9, 9), 3000.0)
    expected = surface.xi_map(scan(low, 854.0), scan(high, 856.2), i0=(1.0, 0.5), shift=NONE)
    for unit in (1.0, 3e8):
        found = surface.xi_map(
            scan(low, 854.0, i0=unit), scan(high, 856.2, i0=0.5 * unit), shift=NONE
        )
        assert np.allclose(found.xi, 0.6) and np.allclose(found.xi, expected.xi)
        assert np.allclose(found.xi_std, expected.xi_std)
        assert any("recorded i0" in note for note in found.notes)


def test_the_count_limit_follows_from_the_error_wanted():
    # n = xi (1 - xi) / sigma^2: 600 counts suffice at xi = 0.3 (525), not at 1/2 (625).
    for share, valid in ((0.3, True), (0.5, False)):
        low, high = np.full((9, 9), 600 * (1 - share)), np.full((9, 9), 600 * share)
        found = surface.xi_map(scan(low, 854.0), scan(high, 856.2), shift=NONE)
        assert np.all(found.valid == valid)
        # Interpolation makes the error smaller, but not the pixel better known.
        moved = surface.xi_map(scan(low, 854.0), scan(high, 856.2), shift=HALF)
        assert not valid or moved.valid.any()
        assert valid or not moved.valid.any()


@settings(max_examples=40, deadline=None)
@given(
    counts=hnp.arrays(
        float, (2, 9, 11), elements=st.sampled_from([0.0, 1.0, 30.0, 400.0, 2000.0, np.nan])
    ),
    dark=st.floats(0, 100),
    dy=st.floats(-3, 3),
    mode=st.sampled_from(["tey", "transmission"]),
)
def test_no_pixel_outside_validity_carries_a_number(counts, dark, dy, mode):
    if not np.isfinite(counts).any(axis=(1, 2)).all():
        return
    found = surface.xi_map(
        scan(counts[0], 854.0, 0.25), scan(counts[1], 856.2, 0.25),
        mode=mode, dark=dark, shift=Shift(dy, 0.4 * dy, 0.0), i0=3000.0,
    )  # fmt: skip
    for field in (found.xi, found.xi_std):
        assert np.array_equal(np.isfinite(field), found.valid)
    assert np.all(found.xi_std[found.valid] > 0)


def test_a_saturated_scan_says_so_and_gives_no_map():
    y, x = np.mgrid[:60, :60] - 29.5
    random = np.random.default_rng(2)
    light = 2000 + 30000 * np.exp(-((np.hypot(y, x) / 18) ** 4)) * (1 + 0.3 * np.sin(0.6 * x))
    low, high = random.poisson(light), random.poisson(1.1 * light)
    surface.xi_map(scan(low, 854.0), scan(high, 856.2))  # fine as it is
    for level in (20000, 36000):
        cut = np.minimum(high, level)
        assert np.mean(cut == level) > 0.02
        with pytest.raises(ConvergenceError, match=r"high cannot be registered.*saturated"):
            surface.xi_map(scan(low, 854.0), scan(cut, 856.2))
        # With a drift from elsewhere the other pixels are good.
        known = surface.xi_map(scan(low, 854.0), scan(cut, 856.2), shift=NONE)
        assert not known.valid[cut == level].any() and known.valid[cut < level].any()


@pytest.mark.parametrize("mean", [0.05, 2.0, 50.0, 60000.0])
def test_no_poisson_image_passes_for_saturated(mean):
    for seed in range(1, 6):
        image = np.random.default_rng(seed).poisson(mean, (150, 150))
        assert not surface.noise.saturated_pixels(image.astype(float)).any()


def test_different_fields_give_no_map():
    random = np.random.default_rng(4)
    y, x = np.mgrid[:60, :60]
    low = random.poisson(800 * (1.2 + np.sin(0.5 * x + 0.2 * y) * np.cos(0.31 * y)))
    high = random.poisson(800 * (1.2 + np.sin(0.11 * x * y / 8)))
    with pytest.raises(ConvergenceError, match="give no map"):
        surface.xi_map(scan(low, 854.0), scan(high, 856.2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": "gauss"}, "noise must be"),
        ({"sigma_target": 0.0}, "sigma_target must be positive"),
        ({"min_significance": -1.0}, "min_significance"),
        ({"dark": (1.0, 2.0, 3.0)}, r"dark must be a number or \(low, high\)"),
        ({"gain": 0.0}, "gain must be positive"),
        ({"shift": (1.0, 2.0)}, "shift must be a nmcx.results.Shift, not tuple"),
        ({"energy_std_ev": 0.1}, "reference spectrum"),
        ({"background": scan(np.ones((9, 9)), 855.0)}, "must lie below low"),
        ({"background": scan(np.ones((9, 8)), 848.0)}, "low .* and background .* same number"),
        ({"background": scan(np.ones((9, 9)), 848.0, units="V")}, "background in V"),
    ],
)
def test_wrong_options_are_named(options, words):
    flat = np.full((9, 9), 500.0)
    with pytest.raises(ValueError, match=words):
        surface.xi_map(scan(flat, 854.0), scan(flat, 856.2), **{"shift": NONE, **options})


def test_rates_are_counts_over_the_dwell():
    random = np.random.default_rng(9)
    counts = random.poisson(400.0, (2, 20, 20)).astype(float)
    low, high = scan(counts[0], 854.0, 0.25), scan(counts[1], 856.2, 0.25)
    rates = [replace(s, counts=s.counts / s.dwell_s, units="Hz") for s in (low, high)]
    of_counts, of_rates = surface.xi_map(low, high, shift=NONE), surface.xi_map(*rates, shift=NONE)
    np.testing.assert_allclose(of_rates.xi, of_counts.xi, rtol=1e-12)
    np.testing.assert_allclose(of_rates.xi_std, of_counts.xi_std, rtol=1e-12)
    np.testing.assert_allclose(of_rates.low, of_counts.low, rtol=1e-12)
