import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import surface
from nmcx.errors import ConvergenceError
from nmcx.results import Shift, StxmStack, XiMap

NONE = Shift(0.0, 0.0, 0.0)


def scan(counts, energy_ev=854.0, dwell_s=1.0, pixel=0.05):
    counts = np.atleast_3d(counts) if np.ndim(counts) < 2 else np.asarray(counts, dtype=float)
    ny, nx = counts.shape
    return StxmStack(
        counts[None], np.array([energy_ev]), np.arange(nx) * pixel, np.arange(ny) * pixel, dwell_s
    )


def pair(low, high, **options):
    return scan(low, 854.0, **options), scan(high, 856.2, **options)


def particle(dy=0.0, dx=0.0, n=80, seed=1):
    """Smooth yield of a textured round particle on a weak background, and its true xi."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    y, x = y - dy, x - dx
    body = 0.5 * (1 - np.tanh((np.hypot(y, x) - 0.33 * n) / 1.5))
    texture = np.zeros_like(y)
    for _ in range(20):
        k = random.uniform(0.15, 0.6) * np.exp(1j * random.uniform(0, 2 * np.pi))
        texture += np.cos(k.real * y + k.imag * x + random.uniform(0, 2 * np.pi)) / np.sqrt(20)
    xi = 0.5 + 0.05 * np.tanh((x + 0.5 * y) / 12)
    return 0.05 + body * np.exp(0.3 * texture), xi


def two_scans(shift, total, seed=1):
    """Poisson counts of two scans, the second displaced by `shift`."""
    random = np.random.default_rng(1000 + seed)
    light, xi = particle(seed=seed)
    moved, moved_xi = particle(*shift, seed=seed)
    low = random.poisson(total * light * (1 - xi))
    high = random.poisson(total * moved * moved_xi)
    return pair(low, high), xi


@pytest.mark.parametrize("n_total", [50, 500, 5000])
def test_xi_scatters_as_its_error_says(n_total):
    xi_true = 0.55
    random = np.random.default_rng(n_total)
    shape = (200, 200)
    low = random.poisson(n_total * (1 - xi_true), shape)
    high = random.poisson(n_total * xi_true, shape)
    ratio = surface.xi_map(*pair(low, high), shift=NONE, min_counts=1)
    assert ratio.valid.all()
    # 40 000 pixels: mean to 1/200 and width to 1/280 of a standard deviation, three of each.
    formula = np.sqrt(xi_true * (1 - xi_true) / n_total)
    assert abs(ratio.xi.mean() - xi_true) < 4 * formula / 200
    # The spread of N_low + N_high widens xi beyond the formula by 1/(2 N).
    assert ratio.xi.std() == pytest.approx(formula, rel=0.011 + 0.6 / n_total)
    pull = (ratio.xi - xi_true) / ratio.xi_std
    assert pull.std() == pytest.approx(1.0, abs=0.011 + 2.0 / n_total)


def test_the_error_is_binomial_when_flux_and_dwell_are_equal():
    low, high = np.full((8, 8), 300.0), np.full((8, 8), 500.0)
    ratio = surface.xi_map(*pair(low, high, dwell_s=0.004), shift=NONE)
    assert np.allclose(ratio.xi, 0.625, rtol=1e-12)
    assert np.allclose(ratio.xi_std**2, 0.625 * 0.375 / 800, rtol=1e-12)


def test_flux_dark_and_dwell_cancel_and_widen_the_error():
    random = np.random.default_rng(7)
    i_low, i_high, dark, flux = 4000.0, 6000.0, 500.0, (1.0, 0.4)
    low = random.poisson(0.2 * (flux[0] * i_low + dark), (150, 150))
    high = random.poisson(0.2 * (flux[1] * i_high + dark), (150, 150))
    ratio = surface.xi_map(*pair(low, high, dwell_s=0.2), i0=flux, dark=dark, shift=NONE)
    # A ratio of noisy numbers is biased in second order: (xi (V_low + V_high) - V_high) / I^2.
    v_low, v_high = (i_low + dark) / 0.2, (flux[1] * i_high + dark) / (0.2 * flux[1] ** 2)
    bias = (0.6 * (v_low + v_high) - v_high) / (i_low + i_high) ** 2
    assert abs(ratio.xi.mean() - 0.6 - bias) < 4 * ratio.xi_std.mean() / 150
    # 22 500 pixels know the width to half a per cent.
    assert np.std((ratio.xi - 0.6) / ratio.xi_std) == pytest.approx(1.0, abs=0.02)
    assert ratio.low.mean() == pytest.approx(i_low, rel=0.01)


def test_pixels_with_few_counts_carry_no_number():
    low = np.full((10, 10), 400.0)
    low[:, :4] = 100
    low[0, 9] = np.nan
    ratio = surface.xi_map(*pair(low, np.full((10, 10), 300.0)), shift=NONE)
    assert not ratio.valid[:, :4].any() and not ratio.valid[0, 9]
    assert ratio.valid.sum() == 59
    assert np.isnan(ratio.xi[~ratio.valid]).all() and np.isnan(ratio.xi_std[~ratio.valid]).all()
    assert any("625" in note for note in ratio.notes)


def test_xi_outside_its_range_is_kept_and_said():
    low, high = np.full((8, 8), 20.0), np.full((8, 8), 900.0)
    ratio = surface.xi_map(*pair(low, high), dark=40.0, shift=NONE)
    assert np.all(ratio.xi > 1)
    assert any("64 valid pixels have xi outside [0, 1]" in note for note in ratio.notes)


def test_a_pixel_without_counts_still_has_an_error():
    ratio = surface.xi_map(*pair(np.zeros((8, 8)), np.full((8, 8), 900.0)), shift=NONE)
    assert np.all(ratio.xi == 1.0) and np.all(ratio.xi_std > 0)


def test_registration_takes_the_dipoles_off_the_edges():
    shift = (3.4, -5.7)
    scans, xi = two_scans(shift, 4000)
    good = surface.xi_map(*scans)
    bad = surface.xi_map(*scans, shift=Shift(3.0, -5.0, 0.1))
    assert good.shift.dy == pytest.approx(shift[0], abs=0.1)
    assert good.shift.dx == pytest.approx(shift[1], abs=0.1)
    assert good.shift.std < 0.05
    # A dipole is the error of xi along the brightness gradient, xi (1 - xi) d dlnI/dx.
    light = np.log(particle()[0])
    slope = np.gradient(light, axis=1)

    def dipole(ratio):
        inside = ratio.valid
        error = (ratio.xi - xi)[inside]
        return float(error @ slope[inside] / (slope[inside] @ slope[inside]))

    # 0.7 px along x are left in the second map, next to nothing in the first.
    assert abs(dipole(good)) < 0.25 * 0.05
    assert abs(dipole(bad)) == pytest.approx(0.25 * 0.7, rel=0.35)
    interior = good.valid & (np.hypot(*(np.mgrid[:80, :80] - 39.5)) < 24)
    assert np.mean((good.xi - xi)[interior]) == pytest.approx(0.0, abs=0.002)


def test_interpolated_errors_match_the_scatter():
    random = np.random.default_rng(3)
    low, high = random.poisson(500, (200, 200)), random.poisson(500, (200, 200))
    ratio = surface.xi_map(*pair(low, high), shift=Shift(0.5, 0.25, 0.0), min_counts=1)
    pull = (ratio.xi - 0.5)[ratio.valid] / ratio.xi_std[ratio.valid]
    # Neighbours are correlated, so 40 000 pixels count as about half as many.
    assert pull.std() == pytest.approx(1.0, abs=0.025)
    whole = surface.xi_map(*pair(low, high), shift=NONE, min_counts=1)
    assert np.nanmean(ratio.xi_std) < 0.95 * np.nanmean(whole.xi_std)


def test_a_drift_of_a_quarter_of_the_image_is_removed():
    for seed in (1, 2, 3):
        scans, _ = two_scans((20.3, -19.6), 2000, seed)
        found = surface.xi_map(*scans).shift
        assert abs(found.dy - 20.3) < 0.15 and abs(found.dx + 19.6) < 0.15


def test_transmission_recovers_the_ratio_of_optical_densities():
    random = np.random.default_rng(4)
    body, _ = particle()
    moved, _ = particle(2.5, -1.5)
    low = random.poisson(9000 * np.exp(-0.6 * (body - 0.05)))
    high = random.poisson(12000 * np.exp(-0.9 * (moved - 0.05)))
    ratio = surface.xi_map(*pair(low, high), mode="transmission")
    fields = [
        float(note.split("open field of ")[1].split()[0]) for note in ratio.notes if "open" in note
    ]
    assert fields == pytest.approx([9000, 12000], rel=0.01)
    assert ratio.shift.dy == pytest.approx(2.5, abs=0.05)
    thick = ratio.valid & (body > 0.6)
    assert ratio.xi[thick].mean() == pytest.approx(0.6, abs=0.004)
    empty = body < 0.0505
    # Five standard errors: hardly any empty pixel passes (cubic ringing and the tail of body).
    assert ratio.valid[empty].mean() < 0.01
    given_i0 = surface.xi_map(*pair(low, high), mode="transmission", i0=(9000, 12000))
    pull = (given_i0.xi - 0.6)[thick] / given_i0.xi_std[thick]
    assert np.std(pull) == pytest.approx(1.0, abs=0.1)


@settings(max_examples=15, deadline=None)
@given(
    shift=st.tuples(st.floats(-12, 12), st.floats(-12, 12)),
    gain=st.floats(0.2, 5.0),
    offset=st.floats(-10, 10),
)
def test_registration_does_not_depend_on_gain_and_offset(shift, gain, offset):
    fixed, _ = particle(n=60)
    moving, _ = particle(*shift, n=60)
    found = surface.register(fixed, gain * moving + offset)
    # Noise-free; the sharp rim leaves a few thousandths to cubic splines.
    assert abs(found.dy - shift[0]) < 0.01 and abs(found.dx - shift[1]) < 0.01


def test_the_registration_error_beats_the_goal_and_its_pull_is_one():
    errors, pulls = [], []
    for seed in range(1, 61):
        random = np.random.default_rng(seed)
        shift = random.uniform(-4, 4, 2)
        counts = [
            random.poisson(500 * np.exp(-particle(*s, n=60, seed=seed)[0])) for s in ((0, 0), shift)
        ]
        found = surface.register(*(-np.log(c / 500) for c in counts))
        error = np.array([found.dy, found.dx]) - shift
        errors.append(np.linalg.norm(error))
        pulls.extend(error / found.std)
    assert np.sqrt(np.mean(np.square(errors))) < 0.045  # this object has less of a rim than others
    assert np.std(pulls) == pytest.approx(1.0, abs=0.25)  # 120 pulls: 6.5 %, three of them


def test_pairs_that_cannot_be_registered_say_so():
    random = np.random.default_rng(1)
    blank = random.poisson(900, (60, 60))
    picture = random.poisson(900 * particle(n=60)[0])
    saturated = np.full((60, 60), 65535.0)
    for other in (blank, saturated):
        with pytest.raises(ConvergenceError, match=r"cannot be registered|did not converge"):
            surface.xi_map(*pair(picture, other))
    with pytest.raises(ConvergenceError, match="blank"):
        surface.register(blank, random.poisson(900, (60, 60)))


def test_wrong_arguments_are_named():
    low, high = pair(np.full((8, 8), 500.0), np.full((8, 8), 500.0))
    with pytest.raises(ValueError, match="swap"):
        surface.xi_map(high, low, shift=NONE)
    with pytest.raises(ValueError, match="same number of pixels"):
        surface.xi_map(low, scan(np.ones((8, 9)), 856.2), shift=NONE)
    with pytest.raises(ValueError, match="different pixel sizes"):
        surface.xi_map(low, scan(np.ones((8, 8)), 856.2, pixel=0.1), shift=NONE)
    with pytest.raises(ValueError, match="mode"):
        surface.xi_map(low, high, mode="fluorescence", shift=NONE)
    with pytest.raises(ValueError, match="i0"):
        surface.xi_map(low, high, i0=(1.0, 0.0), shift=NONE)
    with pytest.raises(ValueError, match="counts of zero or more"):
        surface.xi_map(low, scan(np.full((8, 8), -1.0), 856.2), shift=NONE)
    with pytest.raises(ValueError, match="2-D"):
        surface.register(np.ones(5), np.ones(5))
    with pytest.raises(ValueError, match="max_shift"):
        surface.register(np.eye(9), np.eye(9), max_shift=9)
    with pytest.raises(ValueError, match="no finite pixel"):
        surface.register(np.full((9, 9), np.nan), np.eye(9))


def test_a_stack_is_parted_by_energy():
    counts = np.arange(32.0).reshape(2, 4, 4)
    stack = StxmStack(counts, np.array([856.2, 854.0]), np.arange(4.0), np.arange(4.0))
    low, high = surface.split(stack)
    assert low.energy_ev[0] == 854.0 and np.array_equal(low.counts[0], counts[1])
    assert high.energy_ev[0] == 856.2 and np.array_equal(high.counts[0], counts[0])
    with pytest.raises(ValueError, match="two different energies"):
        surface.split(low)


def test_relative_valence_is_linear_in_xi():
    xi = np.linspace(0.4, 0.6, 401).reshape(1, -1)
    ratio = XiMap(xi, np.full_like(xi, 0.01), np.ones(xi.shape, bool), NONE)
    found = surface.relative_valence(ratio)
    valence, std = found.valence, found.valence_std
    assert not found.calibrated and "not calibrated" in found.notes[0]
    assert np.interp([0.404, 0.596], xi[0], valence[0]) == pytest.approx([0, 1], abs=1e-9)
    assert np.allclose(np.diff(valence[0], 2), 0, atol=1e-12)
    assert std[0, 0] == pytest.approx(0.01 / 0.192)
    with pytest.raises(ValueError, match="different"):
        surface.relative_valence(ratio, end_members=(0.5, 0.5))


def test_unknown_dwell_and_fractional_counts_are_said():
    low, high = pair(np.full((8, 8), 500.5), np.full((8, 8), 500.0), dwell_s=np.nan)
    notes = " ".join(surface.xi_map(low, high, shift=NONE).notes)
    assert "dwell time unknown" in notes and "whole counts" in notes and "no i0" in notes
