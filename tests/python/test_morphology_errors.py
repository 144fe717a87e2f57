"""Errors of medians, trends and lines: as large as the scatter they stand for."""

import numpy as np
import pytest
from scipy import ndimage

from nmcx import _core, morphology
from nmcx.morphology.fluctuations import autocorrelation
from nmcx.results import Particle


def ball(n=49, radius=22.0):
    inside = np.linalg.norm(np.indices((n, n, n)) - (n - 1) / 2, axis=0) < radius
    return Particle(inside, inside, 0.1)


def noise(shape, blur, seed):
    white = np.random.default_rng(seed).normal(size=shape)
    if blur == 0:
        return white
    smooth = ndimage.gaussian_filter(white, blur, mode="wrap")
    return smooth / np.sqrt(np.mean(smooth**2))


def test_autocorrelation_is_that_of_all_pairs():
    rng = np.random.default_rng(1)
    used = rng.random((7, 8, 9)) < 0.6
    field = np.where(used, rng.normal(size=used.shape), 0.0)
    found, variance = autocorrelation(field, used, (2, 3, 2))
    assert variance == pytest.approx(np.mean(field[used] ** 2), rel=1e-5)
    at = {tuple(v): field[tuple(v)] for v in np.argwhere(used)}
    for lag in [(0, 0, 1), (1, -2, 0), (-2, 3, 2), (0, -3, -1)]:
        pairs = [
            value * at[other]
            for voxel, value in at.items()
            if (other := tuple(np.add(voxel, lag))) in at
        ]
        place = tuple(np.add(lag, (2, 3, 2)))
        assert found[place] == pytest.approx(np.mean(pairs) / variance, abs=2e-5)


def test_a_field_without_fluctuations_has_no_error():
    particle = ball(21, 9.0)
    profile = morphology.depth_profile(np.full(particle.envelope.shape, 8345.0), particle)
    assert np.all(profile.median_std == 0) and np.all(profile.median == 8345.0)
    lines = morphology.line_profiles(np.full(particle.envelope.shape, 8345.0), particle, [0, 0, 1])
    assert np.nanmax(lines.std) == 0


@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_medians_and_slopes_lie_in_their_intervals_as_often_as_they_say(blur):
    particle = ball()
    inside, slope = [], []
    trials = 40
    for seed in range(1, trials + 1):
        field = noise(particle.envelope.shape, blur, seed)
        profile = morphology.depth_profile(field, particle)
        many = profile.count >= 50
        low, high = profile.interval_95[many].T
        inside.append(
            [np.mean(np.abs(profile.median[many]) < profile.median_std[many]),
             np.mean((low < 0) & (high > 0))]
        )  # fmt: skip
        trend = morphology.depth_trend(field, particle, n_bootstrap=199)
        slope.append([low < 0 < high for low, high in (trend.interval_68, trend.interval_95)])
    # 40 trials of some 5 independent bins each, and of one slope each: two and a half standard
    # errors; `make verify` counts more.
    assert np.mean(inside, axis=0) == pytest.approx([0.68, 0.95], abs=0.1)
    found = np.mean(slope, axis=0)
    assert abs(found[0] - 0.68) < 0.19 and found[1] > 0.95 - 0.09


@pytest.mark.parametrize("blur", [0.0, 1.5])
@pytest.mark.parametrize("radius_um", [0.1, 0.3])
def test_means_along_lines_scatter_as_their_errors_say(blur, radius_um):
    particle = ball(41, 18.0)
    directions = np.random.default_rng(3).normal(size=(12, 3))
    pulls = []
    for seed in range(1, 21):
        lines = morphology.line_profiles(
            noise(particle.envelope.shape, blur, seed), particle, directions, radius_um=radius_um
        )
        pulls.append(lines.values / lines.std)
    width = np.nanstd(pulls)
    # 20 x 12 lines of some 4 independent samples: 2 %, and what few voxels know of a variance.
    assert width == pytest.approx(1.0, abs=0.12)
    effective = lines.effective_count
    counted = np.isfinite(lines.values)
    assert np.all(effective[counted] >= 1 - 1e-12) and np.all(effective[~counted] == 0)
    rest = morphology.line_profiles(
        noise(particle.envelope.shape, 0.0, 99), particle, directions, radius_um=radius_um
    )
    # Of white noise every voxel counts; here only a correlated one knows less than its neighbours.
    share = np.median(effective[counted] / rest.effective_count[counted])
    assert share < 0.6 if blur else share == pytest.approx(1.0, abs=0.02)


def test_a_trend_comes_back_with_noise_and_names_what_is_wrong():
    particle = ball()
    field = 8344.0 - 0.5 * morphology.depth(particle) + 0.2 * noise(particle.envelope.shape, 1.0, 5)
    trend = morphology.depth_trend(field, particle)
    assert abs(trend.slope_per_um + 0.5) < 4 * trend.slope_std
    assert abs(trend.intercept - 8344.0) < 0.1
    low, high = trend.interval_95
    inner = trend.interval_68
    assert low < inner[0] < trend.slope_per_um < inner[1] < high
    again = morphology.depth_trend(field, particle)
    assert again.interval_95 == trend.interval_95
    shallow = morphology.depth_trend(field, particle, max_depth_um=1.0)
    assert shallow.depth_um.max() <= 1.0
    for options, message in [
        ({"n_bootstrap": 10}, "n_bootstrap must be at least 99"),
        ({"max_depth_um": 0.2}, "a trend needs three"),
        ({"max_depth_um": -1.0}, "max_depth_um must be positive"),
        ({"min_voxels": 10**9}, "a trend needs three"),
        ({"to": "grain"}, "to must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            morphology.depth_trend(field, particle, **options)
    with pytest.raises(ValueError, match="no finite value"):
        morphology.depth_trend(np.full(field.shape, np.nan), particle)


def test_a_map_with_holes_and_one_without_values():
    particle = ball(31, 13.0)
    field = noise(particle.envelope.shape, 1.0, 1)
    field[np.random.default_rng(2).random(field.shape) < 0.5] = np.nan
    assert np.all(np.isfinite(morphology.depth_profile(field, particle).median))
    empty = np.full(field.shape, np.nan)
    lines = morphology.line_profiles(empty, particle, [[0, 0, 1]])
    assert np.all(np.isnan(lines.values)) and np.all(np.isfinite(lines.surface_um))


def test_the_kernel_refuses_an_even_number_of_lags():
    particle = ball(11, 4.0)
    with pytest.raises(ValueError, match="odd number of lags"):
        _core.line_profiles(
            np.zeros((11, 11, 11)), particle.envelope, np.ones(3), np.zeros(3), np.ones((1, 3)),
            1.0, 1.0, np.ones((2, 1, 1)), 1.0, 1,
        )  # fmt: skip
