"""Valence from xi: exact mixtures, the linear case, and errors by Monte Carlo."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcx import surface
from nmcx.results import EndMember, Shift, XiMap

FIRST = EndMember(2.0, 1.0, 0.55, 0.01, 0.008)
SECOND = EndMember(4.0, 0.5, 1.3, 0.012, 0.02)


def ratio_map(xi, std=0.01):
    xi = np.atleast_2d(np.asarray(xi, float))
    return XiMap(xi, np.full(xi.shape, std), np.isfinite(xi), Shift(0.0, 0.0, 0.0))


def mixed(fraction, first=FIRST, second=SECOND):
    """Ratio of an exact mixture, straight from the mixed yields."""
    low = (1 - fraction) * first.low + fraction * second.low
    high = (1 - fraction) * first.high + fraction * second.high
    return high / (low + high)


yields = st.floats(0.2, 3.0)


@given(a=yields, b=yields, c=yields, d=yields, fraction=st.floats(0, 1), thickness=yields)
def test_exact_mixtures_come_back(a, b, c, d, fraction, thickness):
    first, second = EndMember(2.0, a, b), EndMember(4.0, c, d)
    if abs(first.xi - second.xi) < 0.01:
        return
    # How much nickel there is must not matter, nor the unit of the yields.
    scaled = tuple(
        replace(end, low=end.low * thickness, high=end.high * thickness) for end in (first, second)
    )
    for pair in ((first, second), scaled):
        found = surface.calibrated_valence(ratio_map([[mixed(fraction, first, second)]]), *pair)
        assert found.calibrated and found.valid.all()
        assert found.valence[0, 0] == pytest.approx(2 + 2 * fraction, abs=1e-9)
    # Nor which end member comes first.
    turned = surface.calibrated_valence(
        ratio_map([[mixed(fraction, first, second)]]), second, first
    )
    assert turned.valence[0, 0] == pytest.approx(2 + 2 * fraction, abs=1e-9)


def test_equal_sums_make_the_calibration_linear_and_others_do_not():
    xi = np.linspace(0.3, 0.7, 41)
    first, second = EndMember(0.0, 1.2, 0.6), EndMember(1.0, 0.6, 1.2)
    exact = surface.calibrated_valence(ratio_map(xi), first, second)
    linear = surface.relative_valence(ratio_map(xi), end_members=(1 / 3, 2 / 3))
    assert np.allclose(exact.valence, linear.valence, atol=1e-12)
    assert np.allclose(exact.valence_std, linear.valence_std, atol=1e-12)
    assert exact.calibrated and not linear.calibrated and linear.systematic_std is None
    heavier = replace(second, low=1.2, high=2.4)
    bent = surface.calibrated_valence(ratio_map(xi), first, heavier)
    assert np.abs(np.diff(bent.valence[0], 2)).max() > 1e-3


def test_errors_of_map_and_calibration_are_those_of_a_simulation():
    random = np.random.default_rng(1)
    fraction, n = 0.35, 40_000
    xi = mixed(fraction)
    found = surface.calibrated_valence(ratio_map([[xi]], 0.006), FIRST, SECOND)
    noisy = surface.calibrated_valence(ratio_map(random.normal(xi, 0.006, n)), FIRST, SECOND)
    # 40 000 draws know the width to 0.35 %; first order leaves about a per cent.
    assert np.std(noisy.valence) == pytest.approx(found.valence_std[0, 0], rel=0.02)
    a1, b1, a2, b2 = (
        random.normal(value, std, n)
        for end in (FIRST, SECOND)
        for value, std in ((end.low, end.low_std), (end.high, end.high_std))
    )
    f = (a1 * xi - b1 * (1 - xi)) / ((a1 - a2) * xi - (b1 - b2) * (1 - xi))
    assert np.std(2 + 2 * f) == pytest.approx(found.systematic_std[0, 0], rel=0.02)
    # Counts do not lower it, sharper standards do not touch the other.
    exact = surface.calibrated_valence(
        ratio_map([[xi]], 0.006),
        replace(FIRST, low_std=0.0, high_std=0.0),
        replace(SECOND, low_std=0.0, high_std=0.0),
    )
    assert exact.systematic_std[0, 0] == 0.0
    assert exact.valence_std[0, 0] == found.valence_std[0, 0]


def test_the_energy_scale_enters_the_systematic_error():
    base = ratio_map([[0.5]])
    exact = replace(FIRST, low_std=0.0, high_std=0.0), replace(SECOND, low_std=0.0, high_std=0.0)
    moved = replace(base, systematic_std=np.array([[1e-4]]))
    found = surface.calibrated_valence(moved, *exact).systematic_std[0, 0]
    up, down = (
        surface.calibrated_valence(ratio_map([[0.5 + d]]), *exact).valence[0, 0]
        for d in (1e-4, -1e-4)
    )
    assert found == pytest.approx((up - down) / 2, rel=1e-5)


def test_pixels_without_xi_or_beyond_the_pole_carry_no_number():
    first, second = EndMember(2.0, 1.0, 0.9), EndMember(4.0, 3.0, 4.0)
    # The relation has its pole at (B1 - B2) / (S1 - S2) = 3.1 / 5.1.
    xi = np.array([[0.5, np.nan, 0.605, 0.65]])
    found = surface.calibrated_valence(ratio_map(xi), first, second)
    assert found.valid.tolist() == [[True, False, True, False]]
    for field in (found.valence, found.valence_std, found.systematic_std):
        assert np.array_equal(np.isfinite(field), found.valid)
    assert any("pole" in note for note in found.notes)
    assert any("outside the end members" in note for note in found.notes)


def test_end_members_that_cannot_calibrate_are_named():
    ratio = ratio_map([[0.5]])
    with pytest.raises(ValueError, match="second must have positive yields"):
        surface.calibrated_valence(ratio, FIRST, EndMember(4.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="differ in valence"):
        surface.calibrated_valence(ratio, FIRST, replace(SECOND, valence=2.0))
    with pytest.raises(ValueError, match="their ratio"):
        surface.calibrated_valence(ratio, FIRST, replace(FIRST, valence=3.0))
    with pytest.raises(ValueError, match="no valid pixel"):
        surface.calibrated_valence(ratio_map([[np.nan]]), FIRST, SECOND)
