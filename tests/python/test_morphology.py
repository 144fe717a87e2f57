"""Segmentation, distance transform, depth and line profiles against shapes with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from nmcx import _core, morphology
from nmcx.results import Particle


def radius_from_centre(shape, spacing):
    axes = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.sqrt(z**2 + y**2 + x**2)


def ball(radius=2.0, spacing=(0.1, 0.1, 0.1), margin=4):
    shape = tuple(2 * int(np.ceil(radius / h) + margin) + 1 for h in spacing)
    inside = radius_from_centre(shape, spacing) < radius
    return Particle(inside, inside, spacing)


# --- distance transform -----------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(1, 10**6),
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    fraction=st.sampled_from([0.02, 0.5, 0.95, 1.0]),
)
def test_distance_transform_equals_scipy(seed, shape, fraction):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < fraction
    mask.flat[rng.integers(mask.size)] = False
    spacing = rng.uniform(0.05, 4.0, 3)
    expected = ndimage.distance_transform_edt(mask, sampling=spacing)
    # Both are exact up to the rounding of a sum of three squares and its root.
    np.testing.assert_allclose(
        _core.distance_transform(mask, spacing, 0), expected, rtol=1e-14, atol=0
    )


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.05, 0.033, 0.033)])
def test_distance_transform_of_a_cracked_particle_equals_scipy(spacing):
    shape = (70, 64, 61)
    rng = np.random.default_rng(3)
    walls, high = (ndimage.gaussian_filter(rng.normal(size=shape), 3.0) for _ in range(2))
    cracks = (np.abs(walls) < 0.1 * walls.std()) & (high > 0)
    mask = (radius_from_centre(shape, (1.0, 1.0, 1.0)) < 29.0) & ~cracks
    found = _core.distance_transform(mask, np.array(spacing), 2) ** 2
    expected = ndimage.distance_transform_edt(mask, sampling=spacing) ** 2
    np.testing.assert_allclose(found, expected, rtol=4e-15, atol=0)


def test_distance_transform_has_the_same_bits_for_any_number_of_threads():
    mask = np.random.default_rng(1).random((33, 29, 31)) < 0.97
    spacing = np.array([0.3, 0.2, 0.7])
    serial = _core.distance_transform(mask, spacing, 1)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(_core.distance_transform(mask, spacing, threads), serial)


def test_a_mask_without_false_voxels_is_infinitely_deep():
    assert np.all(np.isinf(_core.distance_transform(np.ones((3, 4, 5), bool), np.ones(3), 1)))


# --- depth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.2, 0.1, 0.07)])
def test_depth_in_a_ball_is_radius_minus_distance_from_the_centre(spacing):
    particle = ball(2.0, spacing)
    r = radius_from_centre(particle.envelope.shape, spacing)[particle.envelope]
    found = morphology.depth(particle)[particle.envelope]
    # The nearest centre outside lies within a voxel diagonal of the sphere, less the half voxel of
    # the convention.
    assert np.abs(found - (2.0 - r)).max() <= np.linalg.norm(spacing) / 2


def test_depth_is_nan_outside_and_the_border_of_the_volume_is_a_surface():
    full = np.ones((4, 5, 6), bool)
    found = morphology.depth(Particle(full, full, (1.0, 1.0, 1.0)))
    assert found[0].max() == 0.5
    particle = ball()
    assert np.array_equal(np.isnan(morphology.depth(particle)), ~particle.envelope)


# --- depth profile ----------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.15, 0.1, 0.08)])
def test_a_linear_gradient_comes_back_from_the_depth_profile(spacing):
    particle = ball(2.0, spacing)
    energy = 8340.0 + 0.7 * morphology.depth(particle)
    profile = morphology.depth_profile(energy, particle)
    filled = profile.count > 20
    # The voxels of a bin are not evenly deep: up to half a bin.
    assert (
        np.abs(profile.median - 8340.0 - 0.7 * profile.depth_um)[filled].max()
        <= 0.35 * max(spacing) + 1e-6
    )
    slope = np.polyfit(profile.depth_um[filled], profile.median[filled], 1)[0]
    assert slope == pytest.approx(0.7, rel=0.03)
    assert profile.count.sum() == np.sum(
        morphology.depth(particle)[particle.envelope] >= 1.5 * max(spacing) - 1e-9
    )


def test_percentiles_and_histogram_of_each_depth_are_those_of_the_values():
    particle = ball(1.5)
    rng = np.random.default_rng(1)
    values = rng.normal(8345.0, 0.4, particle.envelope.shape)
    values[rng.random(values.shape) < 0.1] = np.nan
    profile = morphology.depth_profile(values, particle, bin_um=0.2, value_bin=0.05)
    at = np.floor(morphology.depth(particle) / 0.2)
    for i in range(1, 5):
        expected = values[(at == np.rint(profile.depth_um[i] / 0.2 - 0.5)) & np.isfinite(values)]
        assert profile.count[i] == expected.size
        np.testing.assert_allclose(
            [profile.median[i], *profile.percentiles[i]],
            np.percentile(expected, [50, 5, 16, 84, 95]),
            rtol=1e-12,
        )
        counts, _ = np.histogram(expected, profile.value_edges)
        # A value within rounding of an edge may fall to either side.
        assert np.abs(profile.histogram[:, i] * expected.size - counts).sum() <= 2.001
    np.testing.assert_allclose(profile.histogram.sum(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize("correlation_voxels", [1, 4])
def test_standard_error_of_the_median_is_its_scatter_over_repeats(correlation_voxels):
    particle = ball(1.5)
    shape = particle.envelope.shape
    medians, errors = [], []
    for seed in range(1, 41):
        coarse = [n // correlation_voxels + 1 for n in shape]
        noise = np.random.default_rng(seed).normal(size=coarse)
        for axis in range(3):
            noise = np.repeat(noise, correlation_voxels, axis=axis)
        noise = noise[tuple(slice(n) for n in shape)]
        profile = morphology.depth_profile(noise, particle, bin_um=0.3)
        medians.append(profile.median[:3])
        errors.append(profile.median_std[:3])
    # 40 repeats know a standard deviation to 11 %: three of these.
    ratio = np.mean(errors, axis=0) / np.std(medians, axis=0, ddof=1)
    assert np.all((ratio > 0.67) & (ratio < 1.33)), ratio


def test_a_depth_profile_is_reproducible_and_says_what_is_wrong():
    particle = ball(1.0)
    values = np.random.default_rng(1).normal(size=particle.envelope.shape)
    first, second = (morphology.depth_profile(values, particle) for _ in range(2))
    np.testing.assert_array_equal(first.median_std, second.median_std)
    with pytest.raises(ValueError, match="shape of the particle"):
        morphology.depth_profile(values[1:], particle)
    with pytest.raises(ValueError, match="no finite value deeper"):
        morphology.depth_profile(np.full(values.shape, np.nan), particle)
    with pytest.raises(ValueError, match="bin_um must be positive"):
        morphology.depth_profile(values, particle, bin_um=0.0)
    values[particle.envelope.shape[0] // 2, 14, 14] = 1e9
    with pytest.raises(ValueError, match="choose a wider one, or remove outliers"):
        morphology.depth_profile(values, particle)


# --- line profiles ----------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.15, 0.1, 0.08)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_radial_gradient_comes_back_from_the_line_profiles(spacing, dtype):
    particle = ball(2.0, spacing)
    radius = radius_from_centre(particle.envelope.shape, spacing)
    values = np.where(particle.envelope, 0.7 * (2.0 - radius), np.nan).astype(dtype)
    directions = np.random.default_rng(1).normal(size=(30, 3))
    lines = morphology.line_profiles(values, particle, directions, radius_um=0.12)
    surface = np.linalg.norm(lines.surface_um - particle.centre_um, axis=1)
    # The outer face of the outermost voxel: half a diagonal about the sphere.
    assert np.abs(surface - 2.0).max() <= np.linalg.norm(spacing) / 2
    expected = 0.7 * (lines.distance_um + (2.0 - surface)[:, None])
    away = lines.distance_um < 1.6
    # Few voxels per sample lie unevenly within it, and off the axis r is longer by ρ²/4r ≤ 0.01.
    assert np.nanmax(np.abs(lines.values - expected)[:, away]) < 0.7 * 0.6 * max(spacing)
    assert np.nanmean(np.abs(lines.values - expected)[:, away]) < 0.7 * 0.25 * max(spacing)
    np.testing.assert_allclose(np.linalg.norm(lines.directions, axis=1), 1.0, rtol=1e-14)


def test_samples_are_means_over_the_cylinder_with_their_standard_errors():
    particle = ball(1.5, (0.1, 0.12, 0.09))
    rng = np.random.default_rng(2)
    values = rng.normal(size=particle.envelope.shape)
    values[rng.random(values.shape) < 0.2] = np.nan
    directions = rng.normal(size=(6, 3))
    lines = morphology.line_profiles(values, particle, directions, radius_um=0.3, step_um=0.2)
    used = np.isfinite(values) & particle.envelope
    arms = np.argwhere(used) * particle.voxel_size_um - np.array(particle.centre_um)
    for unit, surface, mean, std in zip(
        lines.directions, lines.surface_um, lines.values, lines.std, strict=True
    ):
        along = arms @ unit
        length = np.linalg.norm(surface - particle.centre_um)
        across = np.linalg.norm(arms - along[:, None] * unit, axis=1)
        for i in range(len(lines.distance_um)):
            below = (length - along) / 0.2
            sample = values[used][
                (across <= 0.3) & (along >= 0) & (along <= length) & (np.floor(below) == i)
            ]
            if sample.size > 30:
                assert mean[i] == pytest.approx(sample.mean(), abs=1e-12)
                # Independent voxels; the variance of the whole field counts like four of them.
                assert std[i] == pytest.approx(sample.std(ddof=1) / np.sqrt(sample.size), rel=0.15)
            elif sample.size == 0:
                assert np.isnan(mean[i])


def test_a_line_that_meets_no_envelope_is_nan_and_open_cracks_are_passed():
    envelope = np.zeros((9, 9, 21), bool)
    envelope[:, :, 10:19] = True
    envelope[:, :, 14] = False  # a crack: the last exit counts, not the first
    particle = Particle(envelope, envelope, (1.0, 1.0, 1.0), (4.0, 4.0, 5.0))
    lines = morphology.line_profiles(np.ones(envelope.shape), particle, [[0, 0, 1], [0, 0, -1]])
    np.testing.assert_allclose(lines.surface_um[0], [4.0, 4.0, 18.5])
    assert np.all(np.isnan(lines.surface_um[1])) and np.all(np.isnan(lines.values[1]))
    assert np.isnan(lines.values[0, 4]) and lines.values[0, 3] == 1.0


def test_wrong_arguments_of_line_profiles_are_named():
    particle = ball(1.0)
    values = np.zeros(particle.envelope.shape)
    for options, message in [
        ({"directions": [0, 0, 0]}, "directions must not be"),
        ({"directions": [[1, 0]]}, r"directions must have shape \(n, 3\)"),
        ({"directions": [1, 0, 0], "radius_um": -1.0}, "radius_um must be positive"),
        ({"directions": [1, 0, 0], "step_um": 0.0}, "step_um must be positive"),
        ({"directions": [1, 0, 0], "step_um": 1e-9}, "step_um is too small"),
    ]:
        with pytest.raises(ValueError, match=message):
            morphology.line_profiles(values, particle, **options)
    with pytest.raises(ValueError, match="shape of the particle"):
        morphology.line_profiles(values[1:], particle, [1, 0, 0])


# --- first hits -------------------------------------------------------------------------------


def test_first_hits_lie_on_the_sphere():
    particle = ball(2.0, (0.1, 0.08, 0.05))
    rng = np.random.default_rng(1)
    direction = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    origins = particle.centre_um + rng.normal(size=(500, 3)) - 9.0 * direction
    hits = _core.first_hits(
        particle.envelope, np.array(particle.voxel_size_um), origins, direction, 0
    )
    arm = origins - particle.centre_um
    across = np.linalg.norm(arm - (arm @ direction)[:, None] * direction, axis=1)
    half_diagonal = np.linalg.norm(particle.voxel_size_um) / 2
    assert np.all(hits.voxel[across > 2.0 + half_diagonal] == -1)
    sure = across < 2.0 - 2 * half_diagonal
    assert np.all(hits.voxel[sure] >= 0) and np.all(particle.envelope.flat[hits.voxel[sure]])
    radius = np.linalg.norm(hits.point_um[sure] - particle.centre_um, axis=1)
    assert np.abs(radius - 2.0).max() <= half_diagonal
    assert np.all((hits.point_um[sure] - particle.centre_um) @ direction < 0)


# --- segmentation -----------------------------------------------------------------------------


def test_a_ball_with_a_closed_pore_and_an_open_crack_is_recovered():
    spacing = (0.1, 0.1, 0.1)
    truth = ball(2.0, spacing, margin=10)
    rng = np.random.default_rng(1)
    volume = truth.solid.astype(float)
    centre = truth.envelope.shape[0] // 2
    volume[centre - 3 : centre + 4, centre - 3 : centre + 4, centre - 3 : centre + 4] = 0.0
    volume[centre + 8 : centre + 10, :, centre:] = 0.0  # 0.2 µm wide, open to the surface
    void = truth.envelope & (volume == 0)
    volume += rng.normal(0, 0.08, volume.shape)
    volume[:3, :3, :3] = 1.0  # a speck of something else
    volume[-1] = np.nan
    particle = morphology.segment(volume, voxel_size_um=0.1)
    assert np.array_equal(particle.solid, truth.solid & ~void)
    # A closing rounds the mouth of the crack off: a little of its rim is lost, no more.
    differ = particle.envelope ^ truth.envelope
    assert np.count_nonzero(differ & ~void) < 0.01 * np.count_nonzero(truth.envelope)
    assert np.count_nonzero(particle.void & void) > 0.9 * np.count_nonzero(void)
    np.testing.assert_allclose(particle.centre_um, truth.centre_um, atol=0.02)


def test_without_closing_an_open_crack_is_outside():
    truth = ball(2.0)
    volume = truth.solid.astype(float)
    volume[22:24, :, 24:] = 0.0
    particle = morphology.segment(volume, voxel_size_um=0.1, closing_radius_um=0.0)
    assert np.array_equal(particle.envelope, volume == 1.0)


def test_closing_with_a_ball_is_the_morphological_closing_also_at_the_border():
    rng = np.random.default_rng(3)
    volume = ndimage.gaussian_filter(rng.normal(size=(24, 20, 22)), 1.5)
    spacing = (0.2, 0.1, 0.15)
    particle = morphology.segment(
        volume, voxel_size_um=spacing, threshold=0.0, closing_radius_um=0.31
    )
    reach = [int(0.31 / h) for h in spacing]
    element = (
        np.linalg.norm((np.indices([2 * r + 1 for r in reach]).T - reach) * spacing, axis=-1).T
        <= 0.31
    )
    padded = np.pad(particle.solid, 6)
    closed = ndimage.binary_closing(padded, element)
    expected = ndimage.binary_fill_holes(closed)[6:-6, 6:-6, 6:-6]
    assert np.array_equal(particle.envelope, expected)


def test_a_needle_is_excluded():
    truth = ball(2.0)
    volume = truth.solid.astype(float)
    needle = np.zeros(volume.shape, bool)
    needle[40:, 22:27, 22:27] = True
    volume[needle] = 5.0
    particle = morphology.segment(volume, voxel_size_um=0.1, exclude=needle, threshold=0.5)
    assert not np.any((particle.solid | particle.envelope) & needle)
    assert np.array_equal(particle.solid, truth.solid & ~needle)


def test_connectivity_decides_whether_corners_hold():
    volume = np.zeros((6, 6, 6))
    volume[1:3, 1:3, 1:3] = volume[3:5, 3:5, 3:5] = 1.0
    options = {"voxel_size_um": 1.0, "closing_radius_um": 0.0}
    assert morphology.segment(volume, **options).solid.sum() == 16
    assert morphology.segment(volume, connectivity=6, **options).solid.sum() == 8


def test_otsu_finds_the_gap_between_two_noisy_classes():
    rng = np.random.default_rng(1)
    values = np.r_[rng.normal(0.0, 0.1, 90_000), rng.normal(1.0, 0.15, 10_000), [1e6, np.nan]]
    threshold = morphology.otsu_threshold(values)
    # Two normal classes this unequal are told apart best between the means, on neither's flank.
    assert 0.35 < threshold < 0.65


@pytest.mark.parametrize(
    ("volume", "options", "message"),
    [
        (np.ones((3, 3)), {}, "three axes"),
        (np.full((3, 3, 3), np.nan), {}, "no finite value"),
        (np.empty((0, 3, 3)), {}, "no finite value"),
        (np.ones((3, 3, 3)), {}, "all 1"),
        (np.ones((1, 1, 1)), {"threshold": 0.5}, "single voxel"),
        (np.zeros((3, 3, 3)), {"threshold": 0.5}, "no voxel is solid"),
        (np.zeros((3, 3, 3)), {"threshold": np.nan}, "threshold must be finite"),
        (np.eye(3)[None], {"connectivity": 18}, "connectivity must be 6 or 26"),
        (np.eye(3)[None], {"closing_radius_um": -1.0}, "closing_radius_um must be"),
        (np.eye(3)[None], {"exclude": np.ones((3, 3), bool)}, "must have the shape of volume"),
        (np.eye(3)[None], {"voxel_size_um": 0.0}, "voxel_size_um must be"),
    ],
)
def test_what_cannot_be_segmented_is_named(volume, options, message):
    with pytest.raises(ValueError, match=message):
        morphology.segment(volume, **{"voxel_size_um": 0.1, **options})
