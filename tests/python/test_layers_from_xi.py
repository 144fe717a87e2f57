"""The layer of each facet from the map of ξ: its law, its errors, its unseen side."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from nmcx import chemomechanics as cm
from nmcx import comparison, cones, materials, mesh
from nmcx.comparison.sphere_field import _likelihoods, _matern, conditioned
from nmcx.phantom.geometry import SmoothField, smooth_field
from nmcx.results import Particle, SurfaceValues

Doubles = NDArray[np.float64]
HALF = 1.05
THICKEST = 80e-9

z, y, x = np.mgrid[-12:13, -12:13, -12:13] * 0.1
BALL = Particle(
    x * x + y * y + z * z < HALF**2, x * x + y * y + z * z < HALF**2, 0.1, (1.2, 1.2, 1.2)
)
GRAINS = mesh.from_particle(BALL, n_grains=6, size=0.3e-6, seed=1)


def seen_map(field: SmoothField, error: float, seed: int, n: int = 4000) -> SurfaceValues:
    """ξ = 0.5 + 0.05 f on the cap within 60° of +z, with errors."""
    way = cones.fibonacci_directions(n)
    way = way[way[:, 0] > 0.5]
    noise = error * np.random.default_rng(seed).standard_normal(len(way))
    return SurfaceValues(
        values=0.5 + 0.05 * field(way) + noise,
        std=np.full(len(way), error),
        directions=way,
        incidence=np.arccos(way[:, 0]),
        points_um=np.asarray(BALL.centre_um) + HALF * way,
        area_um2=np.full(len(way), 4 * np.pi * HALF**2 / n),
        view=(1.0, 0.0, 0.0),
    )


def facet_directions() -> Doubles:
    way = mesh.image_position(GRAINS.points[GRAINS.surface].mean(axis=1)) - BALL.centre_um
    return np.asarray(way / np.linalg.norm(way, axis=1)[:, None])


FIELD = smooth_field(np.random.default_rng(1), 0.5)


def test_the_layer_follows_the_law_where_the_map_is_sharp() -> None:
    layer = comparison.layer_from_xi(seen_map(FIELD, 1e-4, 1), BALL, GRAINS, largest=THICKEST)
    way = facet_directions()
    inner = way[:, 0] > 0.6
    xi = 0.5 + 0.05 * FIELD(way[inner])
    law = THICKEST * np.clip((layer.xi_bare - xi) / (layer.xi_bare - layer.xi_thickest), 0.0, 1.0)
    # A facet takes the layer of its cell, half a cell (0.05 rad) away: 0.05 of the field's spread
    # per correlation length of 0.5, and the spread is a third of what lies between the ends.
    assert np.abs(layer.thickness[inner] - law).max() < 0.15 * THICKEST
    assert np.sqrt(np.mean((layer.thickness[inner] - law) ** 2)) < 0.04 * THICKEST
    # Seen is what lies within an extent of a pixel or facet of the map's rim.
    assert layer.is_seen[inner].all() and not layer.is_seen[way[:, 0] < 0.0].any()
    low, high = np.percentile(0.5 + 0.05 * FIELD(seen_map(FIELD, 1e-4, 1).directions), [5, 95])
    assert layer.xi_thickest == pytest.approx(low, abs=3e-3)
    assert layer.xi_bare == pytest.approx(high, abs=3e-3)


def test_low_xi_is_thick_and_high_xi_bare() -> None:
    layer = comparison.layer_from_xi(seen_map(FIELD, 1e-3, 1), BALL, GRAINS, largest=THICKEST)
    for h in (layer.thickness, *layer.draws):
        assert h.min() >= 0.0 and h.max() <= THICKEST
    assert layer.thickness.max() == pytest.approx(THICKEST)
    order = np.argsort(layer.xi)
    assert (np.diff(layer.thickness[order]) <= 1e-20).all()


def test_the_unseen_side_is_as_rough_or_the_mean() -> None:
    values = seen_map(FIELD, 2e-3, 1)
    way = facet_directions()
    hidden, seen = way[:, 0] < -0.5, way[:, 0] > 0.6
    drawn = comparison.layer_from_xi(values, BALL, GRAINS, largest=THICKEST, n_draw=60)
    mean = comparison.layer_from_xi(
        values, BALL, GRAINS, largest=THICKEST, n_draw=60, unseen="mean"
    )
    # Sixty draws know a standard deviation to about a tenth, and facets of one side are related.
    assert drawn.draws[:, hidden].std() == pytest.approx(drawn.draws[:, seen].std(), rel=0.35)
    assert drawn.draws[:, hidden].std(axis=0).min() > 0.15 * THICKEST
    assert mean.draws[:, hidden].std(axis=0).max() == pytest.approx(0.0, abs=1e-20)
    # Far from the map the most likely xi goes to the mean, and its error to the field's spread.
    assert (np.abs(mean.xi[hidden] - 0.5) < 2.0 * mean.xi_std[hidden]).all()
    assert mean.xi_std[hidden].min() > 5 * mean.xi_std[seen].max()
    # The seen side is the same to within the errors of the map.
    assert drawn.draws[:, seen].std(axis=0).max() < 0.15 * THICKEST


def test_errors_of_the_map_are_those_of_the_layer() -> None:
    """Over maps, the truth lies as far from the most likely ξ as is said."""
    pull = []
    for seed in range(1, 13):
        field = smooth_field(np.random.default_rng(seed), 0.5)
        way = cones.fibonacci_directions(500)
        at = way[way[:, 0] > 0.5]
        error = 0.3
        data = field(at) + error * np.random.default_rng(100 + seed).standard_normal(len(at))
        found = conditioned(at, data, np.full(len(at), error), way[way[:, 0] > 0.3])
        truth = field(way[way[:, 0] > 0.3])
        pull.append((truth - found.mean) / np.sqrt(np.diag(found.covariance)))
    width = float(np.sqrt(np.mean(np.square(pull))))
    # 12 maps of some ten independent patches each: known to a tenth. The field is smoother than
    # the covariance that is fitted to it, so that errors come out a little large.
    assert 0.6 < width < 1.2


def test_the_field_is_that_of_the_textbook() -> None:
    """Mean and covariance against elimination in the joint covariance; draws have both."""
    rng = np.random.default_rng(1)
    at, way = cones.fibonacci_directions(60)[:25], cones.fibonacci_directions(60)
    errors = rng.uniform(0.1, 0.3, 25)
    values = rng.standard_normal(25)
    found = conditioned(at, values, errors, way)
    both = np.vstack([at, way])
    distance = np.linalg.norm(both[:, None] - both[None], axis=2)
    joint = found.std**2 * _matern(distance, found.length)
    joint[:25, :25] += np.diag(errors**2)
    inverse = np.linalg.inv(joint[:25, :25])
    one = np.ones(25)
    mean = one @ inverse @ values / (one @ inverse @ one)
    np.testing.assert_allclose(
        found.mean, mean + joint[25:, :25] @ inverse @ (values - mean), atol=1e-9
    )
    expected = joint[25:, 25:] - joint[25:, :25] @ inverse @ joint[:25, 25:]
    np.testing.assert_allclose(found.covariance, expected, atol=1e-9)
    draws = found.draws(20000, rng)
    # 20000 draws know a covariance to a hundredth of the variances.
    assert np.abs(np.cov(draws.T) - expected).max() < 0.04 * expected.max()
    np.testing.assert_allclose(draws.mean(axis=0), found.mean, atol=0.03)


def test_likelihoods_are_those_of_a_normal_distribution() -> None:
    rng = np.random.default_rng(2)
    at = cones.fibonacci_directions(30)
    errors, values = rng.uniform(0.1, 0.3, 30), rng.standard_normal(30)
    correlation = _matern(np.linalg.norm(at[:, None] - at[None], axis=2), 0.4)
    variances = np.array([0.1, 1.0, 5.0])
    found = _likelihoods(correlation, values, errors, variances)
    direct = []
    for variance in variances:
        known = variance * correlation + np.diag(errors**2)
        weight = np.linalg.solve(known, np.ones(30))
        mean = weight @ values / weight.sum()
        direct.append(multivariate_normal(np.full(30, mean), known).logpdf(values))
    np.testing.assert_allclose(found - found[0], np.array(direct) - direct[0], atol=1e-8)


def test_a_turned_map_lies_elsewhere() -> None:
    values = seen_map(FIELD, 1e-4, 1)
    turn = mesh.random_orientations(1, seed=3)[0]
    straight, same, turned = (
        comparison.layer_from_xi(values, BALL, GRAINS, largest=THICKEST, n_draw=0, turn=each)
        for each in (None, np.eye(3), turn)
    )
    assert np.array_equal(straight.thickness, same.thickness)
    way = facet_directions()
    # A point of the map at n has come to turn @ n.
    before = way @ turn
    inner = before[:, 0] > 0.6
    xi = 0.5 + 0.05 * FIELD(before[inner])
    law = THICKEST * np.clip(
        (turned.xi_bare - xi) / (turned.xi_bare - turned.xi_thickest), 0.0, 1.0
    )
    # As where the map is not turned.
    assert inner.any() and np.abs(turned.thickness[inner] - law).max() < 0.15 * THICKEST
    assert turned.is_seen[inner].all() and not turned.is_seen[before[:, 0] < 0.0].any()
    with pytest.raises(ValueError, match="turn"):
        comparison.layer_from_xi(values, BALL, GRAINS, largest=THICKEST, turn=2 * np.eye(3))


def test_the_same_seed_gives_the_same_layers() -> None:
    values = seen_map(FIELD, 2e-3, 1)
    one, same, other = (
        comparison.layer_from_xi(values, BALL, GRAINS, largest=THICKEST, n_draw=2, seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one.draws, same.draws)
    assert not np.array_equal(one.draws, other.draws)


def test_the_layer_acts_in_the_simulation() -> None:
    layer = comparison.layer_from_xi(seen_map(FIELD, 1e-3, 1), BALL, GRAINS, largest=300e-9)
    surface = comparison.layered_surface(layer, BALL, GRAINS, materials.NMC811)
    k = np.asarray(surface.layer_conductance)
    assert np.isinf(k[layer.thickness == 0]).all() and np.asarray(surface.where).all()
    covered = layer.thickness > 0
    np.testing.assert_allclose(
        k[covered], materials.NMC811.diffusivity_layer / layer.thickness[covered], rtol=1e-14
    )
    history = cm.simulate(
        GRAINS, materials.NMC811, protocol=cm.Charge(2.0, until=0.7), surface=surface, states=1,
        threads=1,
    )  # fmt: skip
    at_facet = history.concentration[-1][GRAINS.surface].mean(axis=1)
    thick, bare = layer.thickness > 200e-9, layer.thickness < 50e-9
    # Lithium leaves where the layer is thin.
    assert at_facet[thick].mean() > at_facet[bare].mean() + 0.02 * 63887


def test_mistakes_are_named() -> None:
    values = seen_map(FIELD, 1e-3, 1)
    for options, words in [
        ({"largest": 0.0}, "largest"),
        ({"percentiles": (50, 5)}, "percentiles"),
        ({"unseen": "zero"}, "unseen"),
        ({"n_draw": -1}, "n_draw"),
    ]:
        with pytest.raises(ValueError, match=words):
            comparison.layer_from_xi(
                values,
                BALL,
                GRAINS,
                **{"largest": THICKEST, **options},  # type: ignore[arg-type]
            )
    layer = comparison.layer_from_xi(values, BALL, GRAINS, largest=THICKEST, n_draw=0)
    with pytest.raises(ValueError, match="diffusivity"):
        layer.conductance(0.0)
    other = mesh.from_particle(BALL, n_grains=6, size=0.4e-6, seed=1)
    with pytest.raises(ValueError, match="one mesh"):
        comparison.layered_surface(layer, BALL, other, materials.NMC811)
