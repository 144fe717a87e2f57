"""The kernels below `angle_scan`, against direct sums."""

import numpy as np
import pytest
from scipy import stats

from nmcx import _core
from nmcx.cones import fibonacci_directions


def rotations(n, seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, 3, 3)))
    q = q * np.sign(np.einsum("bii->bi", r))[:, None, :]
    return np.ascontiguousarray(q * np.sign(np.linalg.det(q))[:, None, None])


def null(field, directions, patch, values, weights=None, covariates=None, turns=None, threads=1):
    values = np.ascontiguousarray(values)
    weights = np.ones_like(values) if weights is None else weights
    covariates = np.empty((0, *values.shape)) if covariates is None else covariates
    return _core.rotation_null(
        field, directions, patch, values, weights, covariates, turns, threads
    )


def partial_r(x, y, others, weights):
    """From the residuals of weighted least squares."""
    root = np.sqrt(weights)
    terms = np.column_stack([np.ones_like(x), *others]) * root[:, None]
    rest = [v * root - terms @ np.linalg.lstsq(terms, v * root, rcond=None)[0] for v in (x, y)]
    return rest[0] @ rest[1] / np.sqrt((rest[0] @ rest[0]) * (rest[1] @ rest[1]))


@pytest.mark.parametrize("n_covariate", [0, 1, 3])
@pytest.mark.parametrize("gaps", [False, True])
def test_turned_correlations_equal_a_direct_sum(n_covariate, gaps):
    rng = np.random.default_rng(1)
    directions = fibonacci_directions(700)
    patch = fibonacci_directions(300)
    patch = np.ascontiguousarray(patch[patch[:, 1] > 0.2])
    n, n_column = len(patch), 3
    # Far from zero: the moments are taken about the mean.
    field = 50.0 + rng.normal(size=(700, n_column))
    values = 8340.0 + rng.normal(size=(n, n_column))
    weights = rng.uniform(0.5, 2.0, (n, n_column))
    covariates = rng.normal(size=(n_covariate, n, n_column))
    if gaps:
        field[rng.random(field.shape) < 0.1] = np.nan
        values[rng.random(values.shape) < 0.1] = np.nan
        weights[::9] = 0.0
        if n_covariate:
            covariates[0, 3] = np.nan
    turns = rotations(20, 2)
    found = null(field, directions, patch, values, weights, covariates, turns)
    for turn, row in zip(turns, found.correlation, strict=True):
        nearest = np.argmax(patch @ turn.T @ directions.T, axis=1)
        for k in range(n_column):
            x, y, w = field[nearest, k], values[:, k], weights[:, k]
            z = covariates[:, :, k]
            good = np.isfinite(x) & np.isfinite(y) & (w > 0) & np.all(np.isfinite(z), axis=0)
            wanted = partial_r(x[good], y[good], z[:, good], w[good])
            assert row[k] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("n_direction", [1, 2, 5, 40, 3000])
def test_the_nearest_direction_is_found_wherever_one_looks(n_direction):
    """r with the field's own index as the value tells which direction each place took."""
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(n_direction, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # Twenty places about the sphere, poles and borders of the cube among them.
    corners = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [-1, 1, -1], [0, 0, -1]], float)
    patch = np.concatenate([corners, rng.normal(size=(15, 3))])
    patch /= np.linalg.norm(patch, axis=1, keepdims=True)
    turns = rotations(50, 4)
    cosine = np.einsum("bij,pj,di->bpd", turns, patch, directions)
    farthest = np.arccos(np.clip(cosine.max(axis=2).min(), -1, 1))
    field = rng.normal(size=(n_direction, 1))
    values = rng.normal(size=(len(patch), 1))
    found = null(field, directions, patch, values, turns=turns)
    assert found.farthest == pytest.approx(farthest, abs=1e-7)
    if n_direction > 2:
        for b, nearest in enumerate(cosine.argmax(axis=2)):
            r = stats.pearsonr(field[nearest, 0], values[:, 0]).statistic
            assert found.correlation[b, 0] == pytest.approx(r, abs=1e-9)


def test_the_number_of_threads_changes_no_bit():
    rng = np.random.default_rng(5)
    directions, patch = fibonacci_directions(500), fibonacci_directions(200)
    field, values = rng.normal(size=(500, 4)), rng.normal(size=(200, 4))
    turns = rotations(100, 6)
    one, two = (null(field, directions, patch, values, turns=turns, threads=t) for t in (1, 2))
    assert np.array_equal(one.correlation, two.correlation)
    assert one.farthest == two.farthest


def test_a_constant_or_a_tiny_column_has_no_correlation():
    directions, patch = fibonacci_directions(100), fibonacci_directions(30)
    rng = np.random.default_rng(7)
    field, values = rng.normal(size=(100, 3)), rng.normal(size=(30, 3))
    field[:, 0] = 0.1
    values[:, 1] = 8340.3
    values[3:, 2] = np.nan
    found = null(field, directions, patch, values, turns=rotations(5, 8))
    assert np.all(np.isnan(found.correlation))


def test_cap_means_equal_a_direct_sum():
    rng = np.random.default_rng(9)
    points, directions = fibonacci_directions(400), fibonacci_directions(90)
    values, weights = rng.normal(size=(2, 400)), rng.uniform(0.1, 3.0, 400)
    angles = np.array([0.7, 0.02, 3.2, 1.6])  # any order; the third takes the whole sphere
    caps = _core.cap_means(
        points, values, weights, directions, np.cos(np.minimum(angles, np.pi)), 2
    )
    for d, axis in enumerate(directions):
        for k, angle in enumerate(angles):
            inside = points @ axis >= np.cos(min(angle, np.pi))
            assert caps.n_point[d, k] == inside.sum()
            assert caps.weight[d, k] == pytest.approx(weights[inside].sum(), rel=1e-12)
            if inside.any():
                wanted = values[:, inside] @ weights[inside] / weights[inside].sum()
                assert np.allclose(caps.mean[:, d, k], wanted, rtol=0, atol=1e-12)
            else:
                assert np.all(np.isnan(caps.mean[:, d, k]))


def test_distance_classes_hold_every_pair_once():
    rng = np.random.default_rng(10)
    directions = fibonacci_directions(150)
    values = rng.normal(size=(150, 2))
    values -= values.mean(axis=0)
    found = _core.distance_classes(directions, values, 12, 2)
    assert found.n_pair.sum() == 150**2
    assert found.n_pair[0] == 150
    assert np.all(found.neighbours.sum(axis=1) == 150)
    assert np.array_equal(found.neighbours.sum(axis=0), found.n_pair)
    # Class 0 is the variance; all classes together are the square of the sum, which is zero.
    assert np.allclose(found.covariance[0], values.var(axis=0), rtol=1e-12)
    assert np.allclose(found.n_pair @ found.covariance, 0.0, atol=1e-8)
    assert np.all(np.diff(found.angle) > 0)
    assert found.angle[-1] <= np.pi
