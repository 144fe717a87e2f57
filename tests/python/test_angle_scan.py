"""What `angle_scan` adds to r: nulls, effective sample size, best angle, partial correlation."""

import dataclasses

import numpy as np
import pytest

from nmcx import correlation
from nmcx.cones import fibonacci_directions
from nmcx.correlation.surrogates import Variogram, moran_surrogates, variogram_surrogates
from nmcx.results import ConePorosity, SurfaceValues

HALF_ANGLE = np.deg2rad([5.0, 10.0, 20.0, 40.0])
SPHERE = fibonacci_directions(500)
POINTS = fibonacci_directions(1500)
FRONT = POINTS[POINTS[:, 2] > 0.2]


def smooth(rng, at, length_degrees, n_white=3000):
    white = fibonacci_directions(n_white)
    weights = np.exp((at @ white.T - 1) / np.deg2rad(length_degrees / 2) ** 2)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights @ rng.standard_normal(n_white)


def cones_of(porosity):
    table = (
        np.repeat(porosity[:, None], HALF_ANGLE.size, axis=1) if porosity.ndim == 1 else porosity
    )
    count = np.full(table.shape, 1000)
    return ConePorosity(0.2 + 0.02 * table, count, count, SPHERE, HALF_ANGLE)


def map_of(values, points=FRONT, **fields):
    n = len(points)
    return SurfaceValues(
        0.5 + 0.05 * values, np.full(n, 0.02), points, fields.pop("incidence", np.zeros(n)),
        5 * points, np.ones(n), **fields,
    )  # fmt: skip


def test_the_scan_is_the_same_on_any_number_of_threads_and_its_r_is_observed_correlation():
    rng = np.random.default_rng(1)
    cones, patch = cones_of(smooth(rng, SPHERE, 15)), map_of(smooth(rng, FRONT, 15))
    one, two = (correlation.angle_scan(patch, cones, n_null=99, threads=t) for t in (1, 2))
    for field in dataclasses.fields(one):
        if field.name != "settings":
            assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name
    assert np.array_equal(correlation.observed_correlation(patch, cones), one.pearson)


def test_dutilleul_agrees_with_the_spread_of_the_rotation_null():
    ratios = []
    for seed in range(1, 13):
        rng = np.random.default_rng(seed)
        scan = correlation.angle_scan(
            map_of(smooth(rng, POINTS, 12), POINTS), cones_of(smooth(rng, SPHERE, 12)), n_null=199
        )
        ratios.append(scan.n_dutilleul[0] / scan.n_effective[0])
        assert np.all(scan.n_effective < 0.6 * scan.n_pair)
    # Two estimates of one number: 199 draws give the null's variance to 10 %, one map its own
    # autocovariance to some 15 %; the mean of twelve to 5 %.
    assert 0.85 < np.mean(ratios) < 1.15


def test_white_fields_have_as_many_effective_pairs_as_pairs():
    rng = np.random.default_rng(2)
    scan = correlation.angle_scan(
        map_of(rng.standard_normal(len(FRONT))),
        cones_of(rng.standard_normal(len(SPHERE))),
        n_null=499,
        matched=False,
        min_points=1,
    )
    # The null's variance is known to sqrt(2 / 499) = 6 %.
    assert scan.n_effective[0] > 0.8 * scan.n_pair[0]
    assert scan.n_dutilleul[0] > 0.8 * scan.n_pair[0]


@pytest.mark.parametrize("null", ["rotation", "variogram", "moran"])
def test_every_null_finds_what_is_there(null):
    rng = np.random.default_rng(3)
    field = lambda at: smooth(np.random.default_rng(30), at, 12)  # noqa: E731
    patch = map_of(-field(FRONT) + 0.3 * smooth(rng, FRONT, 12))
    scan = correlation.angle_scan(patch, cones_of(field(SPHERE)), null=null, n_null=199)
    assert scan.pearson[0] < -0.8
    assert scan.p_family < 0.02 and scan.p_value[0] < 0.02 and scan.spearman_p_value[0] < 0.02
    assert scan.settings["null"] == null
    nothing = correlation.angle_scan(
        map_of(smooth(np.random.default_rng(31), FRONT, 12)),
        cones_of(field(SPHERE)), null=null, n_null=199,
    )  # fmt: skip
    assert nothing.p_family > 0.05


def test_surrogates_keep_what_they_promise():
    rng = np.random.default_rng(4)
    values = smooth(rng, SPHERE, 15)
    near = np.cos(np.deg2rad(10.0)) < SPHERE @ SPHERE.T
    np.fill_diagonal(near, False)

    def alike(map_):
        """Correlation of neighbours."""
        centred = map_ - map_.mean()
        return (centred @ near @ centred / near.sum()) / centred.var()

    shuffled = np.random.default_rng(5).permutation(values)
    assert abs(alike(shuffled)) < 0.1 and alike(values) > 0.5
    for map_ in variogram_surrogates(values, SPHERE, 20, 6):
        assert np.array_equal(np.sort(map_), np.sort(values))  # its very values
        assert alike(map_) == pytest.approx(alike(values), abs=0.15)
        assert abs(np.corrcoef(map_, values)[0, 1]) < 0.5
    for map_ in moran_surrogates(values, SPHERE, 20, 6):
        assert map_.mean() == pytest.approx(values.mean(), abs=1e-9)
        assert map_.std() == pytest.approx(values.std(), rel=1e-9)
        assert alike(map_) == pytest.approx(alike(values), abs=0.1)


def test_variogram_is_half_the_mean_squared_difference_of_near_pairs():
    rng = np.random.default_rng(8)
    directions = fibonacci_directions(60)
    distance = np.arccos(np.clip(directions @ directions.T, -1.0, 1.0))
    maps = 3.0 + rng.standard_normal((4, 60))
    i, j = np.triu_indices(60, 1)
    reach = np.quantile(distance[i, j], 0.25)
    near = distance[i, j] <= reach
    i, j = i[near], j[near]
    lag = np.minimum(25 * distance[i, j] / reach, 24).astype(int)
    # Each class of distance takes in the pairs of its neighbours by a Gaussian of 1.5 classes.
    shares = np.exp(-0.5 * ((np.unique(lag)[:, None] - lag) / 1.5) ** 2)
    half_squares = 0.5 * (maps[:, i] - maps[:, j]) ** 2
    expected = half_squares @ (shares / shares.sum(axis=1, keepdims=True)).T
    np.testing.assert_allclose(Variogram(distance)(maps), expected, rtol=1e-12)


def test_partial_correlation_takes_away_what_the_covariates_explain():
    rng = np.random.default_rng(7)
    incidence = lambda at: np.arccos(np.clip(at[:, 2], -1, 1))  # noqa: E731
    thickness = lambda at: 8.0 * np.abs(at[:, 2]) + smooth(np.random.default_rng(70), at, 25)  # noqa: E731
    # Map and porosity share nothing but their dependence on incidence and thickness.
    porosity = smooth(rng, SPHERE, 8) + 5 * incidence(SPHERE) + 2 * thickness(SPHERE)
    values = 0.3 * smooth(rng, FRONT, 8) - 2 * incidence(FRONT) - thickness(FRONT)
    patch = map_of(values, incidence=incidence(FRONT), thickness_um=thickness(FRONT))
    scan = correlation.angle_scan(
        patch, cones_of(porosity), n_null=99, covariates=("incidence", "thickness")
    )
    assert scan.pearson[0] < -0.7
    assert abs(scan.partial[0]) < 0.25
    assert scan.partial_p_value[0] > 0.05
    # Controlled for something unrelated, r stays.
    noise = map_of(values, incidence=rng.standard_normal(len(FRONT)))
    other = correlation.angle_scan(noise, cones_of(porosity), n_null=99, covariates=["incidence"])
    assert other.partial[0] == pytest.approx(other.pearson[0], abs=0.05)
    assert scan.settings["covariates"] == "incidence, thickness"


def test_the_best_angle_is_the_planted_one_and_its_interval_holds_it():
    inside = 0
    for seed in range(1, 11):
        rng = np.random.default_rng(seed)
        fields = [smooth(rng, np.concatenate([SPHERE, FRONT]), 12) for _ in HALF_ANGLE]
        table = np.stack([f[: len(SPHERE)] for f in fields], axis=1)
        noise = smooth(rng, FRONT, 12)
        patch = map_of(-fields[2][len(SPHERE) :] + noise)
        scan = correlation.angle_scan(patch, cones_of(table), n_null=99, matched=False)
        low, high = scan.best_interval
        assert low <= scan.best_half_angle <= high
        assert scan.best_half_angle in HALF_ANGLE
        inside += low <= HALF_ANGLE[2] <= high
    assert inside >= 9  # of 10, each with 95 %


def test_weights_count_pairs_by_their_points():
    rng = np.random.default_rng(8)
    field = smooth(rng, np.concatenate([SPHERE, FRONT]), 10)
    cones = cones_of(field[: len(SPHERE)])
    values = field[len(SPHERE) :].copy()
    bad = FRONT[:, 0] > 0.3
    values[bad] = 3 * rng.standard_normal(bad.sum())
    patch = map_of(values)
    patch = dataclasses.replace(patch, std=np.where(bad, 5.0, 0.02))
    plain = correlation.observed_correlation(patch, cones)
    weighted = correlation.observed_correlation(patch, cones, weighted=True)
    assert weighted[0] > 0.95 > plain[0]


def test_wrong_options_are_named():
    rng = np.random.default_rng(9)
    cones, patch = cones_of(smooth(rng, SPHERE, 15)), map_of(smooth(rng, FRONT, 15))
    for options, word in (
        ({"covariates": ["height"]}, "covariates must be among"),
        ({"covariates": ["thickness"]}, "no thickness_um"),
        ({"n_bootstrap": 1}, "n_bootstrap"),
        ({"min_points": 0}, "min_points"),
    ):
        with pytest.raises(ValueError, match=word):
            correlation.angle_scan(patch, cones, **options)
    few = map_of(np.arange(3.0), FRONT[:3])
    with pytest.raises(ValueError, match="needs 8"):
        correlation.angle_scan(few, cones, null="variogram")
