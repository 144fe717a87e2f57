import numpy as np
import pytest
from scipy import stats

from nmcx import correlation
from nmcx.results import ConePorosity, Particle, Shift, SurfaceValues, XiMap

HALF_ANGLE = np.deg2rad([5.0, 15.0, 30.0])


def fibonacci(n):
    i = np.arange(n) + 0.5
    z = 1 - 2 * i / n
    ring, turn = np.sqrt(1 - z**2), np.pi * (1 + 5**0.5) * i
    return np.stack([z, ring * np.sin(turn), ring * np.cos(turn)], axis=1)


def smooth_field(random, wave_number):
    """Random field on the sphere whose law no rotation changes: waves of random directions."""
    k = random.normal(size=(50, 3))
    length = wave_number * random.uniform(0.6, 1.4, (50, 1))
    k *= length / np.linalg.norm(k, axis=1, keepdims=True)
    phase, height = random.uniform(0, 2 * np.pi, 50), random.normal(size=50) / 5
    return lambda directions: np.cos(directions @ k.T + phase) @ height


SPHERE = fibonacci(1000)
MAP = fibonacci(3000)
MAP = MAP[MAP[:, 2] > 0.5]


def cones_of(field, sphere=SPHERE):
    porosity = np.repeat(0.2 + 0.02 * field(sphere)[:, None], HALF_ANGLE.size, axis=1)
    count = np.full(porosity.shape, 1000)
    return ConePorosity(porosity, count, count, sphere, HALF_ANGLE)


def map_of(field, points=MAP, noise=None):
    values = 0.5 + 0.05 * field(points)
    if noise is not None:
        values = values + noise.normal(0, 0.02, len(points))
    n = len(points)
    return SurfaceValues(values, np.full(n, 0.02), points, np.zeros(n), 5 * points, np.ones(n))


def random_rotation(random):
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def test_independent_smooth_fields_are_significant_as_often_as_the_level_says():
    n_trial = 60
    p_values, p_ranks, families, naive = [], [], [], []
    for seed in range(1, n_trial + 1):
        random = np.random.default_rng(seed)
        cones = cones_of(smooth_field(random, 5), fibonacci(500))
        patch = map_of(smooth_field(random, 5), MAP[::2])
        scan = correlation.angle_scan(patch, cones, n_null=199, seed=seed)
        p_values.append(scan.p_value[1])
        p_ranks.append(scan.spearman_p_value[1])
        families.append(scan.p_family)
        n = scan.settings["n_direction"]
        t = scan.pearson[1] * np.sqrt((n - 2) / (1 - scan.pearson[1] ** 2))
        naive.append(2 * stats.t.sf(abs(t), n - 2))
    for p in (p_values, p_ranks, families):
        hits = int(np.sum(np.array(p) < 0.05))
        # 99.9 % of binomial(60, 0.05) lies at 10 or below.
        assert hits <= stats.binom.ppf(0.999, n_trial, 0.05)
        # Uniform by Kolmogorov and Smirnov; one seed list in a thousand fails by chance.
        assert stats.kstest(p, "uniform").pvalue > 1e-3
    # The textbook p-value calls most of these coincidences significant.
    assert np.mean(np.array(naive) < 0.05) > 0.4


def test_a_planted_correlation_is_found_with_its_sign():
    found = 0
    for seed in range(1, 7):
        random = np.random.default_rng(seed)
        field = smooth_field(random, 8)
        scan = correlation.angle_scan(
            map_of(lambda d, field=field: -field(d), noise=random), cones_of(field), n_null=199
        )
        assert scan.pearson[0] < -0.9 and scan.spearman[0] < -0.85
        assert scan.pearson[0] < scan.null_band[0, 0]
        assert np.all(scan.interval[:, 0] <= scan.pearson)
        assert np.all(scan.pearson <= scan.interval[:, 1])
        found += scan.p_value[0] < 0.02 and scan.p_family < 0.02
        assert "xi falls" in scan.sign_convention
    assert found == 6


def test_turning_particle_and_map_together_changes_nothing():
    random = np.random.default_rng(11)
    field, other = smooth_field(random, 6), smooth_field(random, 6)
    turn = random_rotation(random)
    both = lambda d: 0.5 * field(d) + other(d)  # noqa: E731
    scan = correlation.angle_scan(map_of(both), cones_of(field), n_null=99)
    turned_cones = ConePorosity(
        cones_of(field).porosity,
        cones_of(field).void_voxels,
        cones_of(field).envelope_voxels,
        SPHERE @ turn.T,
        HALF_ANGLE,
    )
    still = map_of(both)
    turned_map = SurfaceValues(
        still.values, still.std, MAP @ turn.T, still.incidence, still.points_um, still.area_um2
    )
    turned = correlation.angle_scan(turned_map, turned_cones, n_null=99)
    # Single precision decides a few points on the rims of caps the other way.
    assert np.allclose(turned.pearson, scan.pearson, atol=2e-3)
    assert np.allclose(turned.spearman, scan.spearman, atol=5e-3)


def test_one_seed_gives_one_answer_and_units_do_not_matter():
    random = np.random.default_rng(2)
    cones, patch = cones_of(smooth_field(random, 6)), map_of(smooth_field(random, 6))
    first = correlation.angle_scan(patch, cones, n_null=99, seed=5)
    again = correlation.angle_scan(patch, cones, n_null=99, seed=5)
    assert np.array_equal(first.p_value, again.p_value) and first.p_family == again.p_family
    scaled = SurfaceValues(
        1000 * patch.values - 7,
        1000 * patch.std,
        MAP,
        patch.incidence,
        patch.points_um,
        1e-6 * patch.area_um2,
    )
    other = correlation.angle_scan(scaled, cones, n_null=99, seed=5)
    assert np.allclose(other.pearson, first.pearson, atol=1e-5)
    assert np.array_equal(other.p_value, first.p_value)


def test_cap_averages_and_correlations_equal_a_direct_sum():
    random = np.random.default_rng(3)
    cones, patch = cones_of(smooth_field(random, 5)), map_of(smooth_field(random, 9), noise=random)
    weight = random.uniform(0.5, 2.0, len(MAP))
    patch = SurfaceValues(
        patch.values, 0.02 / np.sqrt(weight), MAP, patch.incidence, patch.points_um, patch.area_um2
    )
    scan = correlation.angle_scan(patch, cones, n_null=99)
    for i, half_angle in enumerate(HALF_ANGLE):
        x, y = [], []
        for direction, porosity in zip(SPHERE, cones.porosity[:, i], strict=True):
            cosine = MAP @ direction
            # A direction belongs to the patch if a map point lies within the mean spacing.
            if np.linalg.norm(MAP - direction, axis=1).min() >= np.sqrt(4 * np.pi / len(SPHERE)):
                continue
            inside = cosine >= np.cos(half_angle)
            if inside.sum() < 3:
                continue
            x.append(porosity)
            y.append(np.average(patch.values[inside], weights=weight[inside]))
        assert scan.pearson[i] == pytest.approx(stats.pearsonr(x, y).statistic, abs=2e-3)
        assert scan.spearman[i] == pytest.approx(stats.spearmanr(x, y).statistic, abs=5e-3)


def test_noise_in_the_map_weakens_pointwise_more_than_matched_correlations():
    random = np.random.default_rng(4)
    field = smooth_field(random, 3)
    noisy = map_of(lambda d: field(d), noise=np.random.default_rng(9))
    points = correlation.angle_scan(noisy, cones_of(field), n_null=99, matched=False, min_points=1)
    caps = correlation.angle_scan(noisy, cones_of(field), n_null=99, matched=True)
    assert points.pearson[1] < caps.pearson[1]
    assert np.ptp(points.pearson) < 1e-12  # the map is the same for all angles


def test_empty_cones_and_noisy_points_are_left_out():
    random = np.random.default_rng(5)
    cones, patch = cones_of(smooth_field(random, 6)), map_of(smooth_field(random, 6))
    full = correlation.angle_scan(patch, cones, n_null=99)
    porosity = cones.porosity.copy()
    porosity[::7] = np.nan
    porosity[:, 2] = np.nan
    values = patch.values.copy()
    values[::5] = np.nan
    gaps = correlation.angle_scan(
        SurfaceValues(values, patch.std, MAP, patch.incidence, patch.points_um, patch.area_um2),
        ConePorosity(porosity, cones.void_voxels, cones.envelope_voxels, SPHERE, HALF_ANGLE),
        n_null=99,
    )
    # A seventh of the directions and a fifth of the points fewer: nearly the same picture.
    assert np.allclose(gaps.pearson[:2], full.pearson[:2], atol=0.1)
    assert np.isnan(gaps.pearson[2]) and np.isnan(gaps.p_value[2])
    assert np.isfinite(gaps.p_family)


def test_wrong_arguments_of_the_scan_are_named():
    random = np.random.default_rng(6)
    cones, patch = cones_of(smooth_field(random, 6)), map_of(smooth_field(random, 6))
    with pytest.raises(ValueError, match="null must be"):
        correlation.angle_scan(patch, cones, null="permutation")
    with pytest.raises(ValueError, match="n_null"):
        correlation.angle_scan(patch, cones, n_null=10)
    half = SPHERE[:, 2] > 0
    front = cones_of(smooth_field(random, 6), SPHERE[half])
    with pytest.raises(ValueError, match="whole sphere"):
        correlation.angle_scan(patch, front)
    with pytest.raises(ValueError, match="only 0 of"):
        behind = map_of(smooth_field(random, 6), -MAP)
        correlation.angle_scan(behind, front)
    with pytest.raises(ValueError, match="no point"):
        nothing = SurfaceValues(
            np.full(len(MAP), np.nan),
            patch.std,
            MAP,
            patch.incidence,
            patch.points_um,
            patch.area_um2,
        )
        correlation.angle_scan(nothing, cones)


def ball(radius_um=4.0, spacing=(0.2, 0.25, 0.2), half=25, centre_shift=(0, 0, 0)):
    axes = [np.arange(-half, half + 1) * s for s in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    envelope = z**2 + y**2 + x**2 <= radius_um**2
    return Particle(envelope, envelope, spacing)


def ratio_map(image, pixel=0.2, std=0.01):
    valid = np.isfinite(image)
    return XiMap(image, np.where(valid, std, np.nan), valid, Shift(0.0, 0.0, 0.0), (pixel, pixel))


def frame_image(half=20, pixel=0.2):
    """Pixel (row, column) says its own height above the centre, plus 100 times its way right."""
    up, right = np.mgrid[-half : half + 1, -half : half + 1] * pixel
    return up + 100 * right


@pytest.mark.parametrize("view", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0.3, -0.5, 0.8)])
def test_a_ball_is_hit_where_geometry_says(view):
    particle = ball()
    placed = correlation.place(ratio_map(frame_image()), particle, view=view)
    k, up, right = correlation.view_frame(view)
    offset = placed.points_um - np.array(particle.centre_um)
    # The ray keeps its place in the image plane: exact but for the encoding of the image.
    height = np.round(placed.values - 100 * (offset @ right), 6)
    assert np.allclose(height, offset @ up, atol=1e-6)
    # The surface is a staircase of voxels: half a voxel's diagonal.
    radius = np.linalg.norm(offset, axis=1)
    assert np.all(np.abs(radius - 4.0) < 0.5 * np.linalg.norm(particle.voxel_size_um) + 0.02)
    assert np.all(offset @ k > 0)
    # On a ball the normal is the direction; the smoothed staircase errs by a few degrees.
    assert np.allclose(placed.incidence, np.arccos(placed.directions @ k), atol=0.12)
    assert np.median(np.abs(placed.incidence - np.arccos(placed.directions @ k))) < 0.03
    assert placed.incidence.max() <= np.pi / 3
    # A spherical cap seen under up to 60 degrees is half a hemisphere.
    assert placed.area_um2.sum() == pytest.approx(np.pi * 4.0**2, rel=0.03)


def test_thickness_is_the_chord_of_the_view_through_the_envelope():
    placed = correlation.place(ratio_map(frame_image()), ball(), view=(0.3, -0.5, 0.8))
    _, up, right = correlation.view_frame((0.3, -0.5, 0.8))
    offset = placed.points_um - np.array(ball().centre_um)
    aside = np.hypot(offset @ up, offset @ right)
    # Both ends lie on a staircase of voxels.
    limit = np.linalg.norm(ball().voxel_size_um) / np.cos(placed.incidence)
    assert np.all(np.abs(placed.thickness_um - 2 * np.sqrt(16.0 - aside**2)) < limit)


def test_rotation_offset_and_scale_follow_the_convention():
    particle, view = ball(), (0.0, 0.0, 1.0)
    _, up, right = correlation.view_frame(view)
    placed = correlation.place(
        ratio_map(frame_image()),
        particle,
        view=view,
        rotation=0.4,
        offset_um=(0.5, -0.3),
        scale=1.1,
    )
    a = np.round(placed.values / 100 / 0.2) * 0.2
    b = placed.values - 100 * a
    offset = placed.points_um - np.array(particle.centre_um)
    cos, sin = np.cos(0.4), np.sin(0.4)
    assert np.allclose(offset @ right, 1.1 * (a * cos - b * sin) - 0.3, atol=1e-9)
    assert np.allclose(offset @ up, 1.1 * (a * sin + b * cos) + 0.5, atol=1e-9)


def test_the_view_frame_is_right_handed_and_perpendicular():
    random = np.random.default_rng(8)
    for view in [*random.normal(size=(20, 3)), (1, 0, 0), (-1, 0, 0), (1, 0.05, 0)]:
        k, up, right = correlation.view_frame(view)
        frame = np.stack([right[::-1], up[::-1], k[::-1]])  # (x, y, z) components
        assert np.allclose(frame @ frame.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(frame) == pytest.approx(1.0)
    assert np.array_equal(correlation.view_frame((0, 0, 1))[2], (0, 1, 0))


def test_dice_falls_when_the_map_does_not_lie_on_the_particle():
    up, right = np.mgrid[-30:31, -30:31] * 0.2
    disc = np.where(np.hypot(up, right) <= 4.0, 0.5, np.nan)
    good = correlation.place(ratio_map(disc), ball(), view=(0, 0, 1))
    shifted = correlation.place(ratio_map(disc), ball(), view=(0, 0, 1), offset_um=(2.0, 0.0))
    assert good.dice > 0.97  # a pixel of rim: 4 / radius in pixels
    assert shifted.dice < 0.8
    assert "0 valid pixels miss" not in shifted.notes[0]


def test_oblique_pixels_are_excluded_and_counted():
    wide = correlation.place(ratio_map(frame_image()), ball(), view=(0, 1, 0), max_incidence=1.2)
    narrow = correlation.place(ratio_map(frame_image()), ball(), view=(0, 1, 0), max_incidence=0.5)
    # The seen disc has radius R sin(incidence).
    ratio = (np.sin(0.5) / np.sin(1.2)) ** 2
    assert narrow.values.size / wide.values.size == pytest.approx(ratio, rel=0.05)
    assert any("incidence above 28.6" in note for note in narrow.notes)


def test_wrong_arguments_of_the_placing_are_named():
    image = ratio_map(frame_image())
    for options, word in (
        ({"view": (0, 0, 0)}, "view"),
        ({"view": (0, 0, 1), "scale": -1.0}, "scale"),
        ({"view": (0, 0, 1), "max_incidence": 2.0}, "max_incidence"),
        ({"view": (0, 0, 1), "offset_um": (50.0, 0.0)}, "falls on the particle"),
    ):
        with pytest.raises(ValueError, match=word):
            correlation.place(image, ball(), **options)
