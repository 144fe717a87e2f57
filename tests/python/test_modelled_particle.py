"""The phantom that the model has cracked: its measurement is of its truth."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import cones, correlation, mesh, phantom
from nmcx.phantom.geometry import fibonacci_sphere
from nmcx.phantom.modelled import ModelledParticle

SMALL: dict[str, Any] = {
    "radius_um": 2.5,
    "n_grains": 6,
    "largest_layer": 100e-9,
    "patch": 0.5,
    "contrast": 0.6,
    "size": 1.0e-6,
    "voxel_size_um": 0.2,
    "states": 1,
    "max_step": 0.1,
    "protocol": cm.Charge(1.0, until=0.9),
}


@pytest.fixture(scope="module")
def made() -> ModelledParticle:
    return phantom.modelled_particle(1, **SMALL)


def shares(world: ModelledParticle) -> np.ndarray:
    """Layer of each facet against the thickest, as the true ξ of its direction says."""
    way = mesh.image_position(world.mesh.points[world.mesh.surface].mean(axis=1))
    way = way - np.asarray(world.particle.centre_um)
    way /= np.linalg.norm(way, axis=1)[:, None]
    nearest = np.argmax(way @ fibonacci_sphere(len(world.true_xi)).T, axis=1)
    return (0.62 - world.true_xi[nearest]) / 0.15


def test_the_layer_is_the_one_that_xi_shows(made: ModelledParticle) -> None:
    # The nearest of 4000 cells is 0.03 rad away, the field half a radian wide.
    np.testing.assert_allclose(made.layer / 100e-9, shares(made), atol=0.1)
    assert made.layer.max() > 80e-9 and made.layer.min() < 20e-9


def test_in_the_uncoupled_world_another_layer_acted(made: ModelledParticle) -> None:
    other = phantom.modelled_particle(1, coupled=False, **SMALL)
    # Two fields of some twenty patches: related by chance only, and of the same kind.
    assert abs(np.corrcoef(other.layer, made.layer)[0, 1]) < 0.6
    assert other.layer.std() == pytest.approx(made.layer.std(), rel=0.5)
    assert np.corrcoef(made.layer, shares(made))[0, 1] > 0.98
    # All else is drawn alike.
    assert np.array_equal(other.true_xi, made.true_xi)
    assert np.array_equal(other.xi_map.low, made.xi_map.low)
    assert np.array_equal(other.mesh.cells, made.mesh.cells)
    assert not np.array_equal(other.history.opening, made.history.opening)


def test_the_tomogram_is_the_truth_with_noise(made: ModelledParticle) -> None:
    assert made.particle.solid_fraction is not None and made.cracked.solid_fraction is not None
    noise = (made.particle.solid_fraction - made.cracked.solid_fraction).astype(float)
    # Some 9000 voxels know the standard deviation to under one per cent.
    inside = noise[made.particle.envelope]
    assert inside.std() == pytest.approx(0.005, rel=0.04)
    assert abs(inside.mean()) < 4 * 0.005 / np.sqrt(inside.size)
    opening = np.maximum(made.history.opening[-1], 0.0)
    opened = (made.mesh.interface_area * opening).sum() / (made.cracked.envelope.sum() * 0.2**3)
    assert made.cracked.soft_porosity == pytest.approx(opened * 1e18, rel=1e-3)


def test_the_map_is_the_truth_with_its_errors(made: ModelledParticle) -> None:
    seen = correlation.place(made.xi_map, made.particle, view=made.view)
    nearest = np.argmax(seen.directions @ fibonacci_sphere(len(made.true_xi)).T, axis=1)
    pull = (seen.values - made.true_xi[nearest]) / seen.std
    # The spot and the staircase of the voxels move values a little: not quite 1.
    assert 0.9 < pull.std() < 1.5
    assert abs(pull.mean()) < 0.3


def test_the_true_correlation_has_no_noise(made: ModelledParticle) -> None:
    seen = correlation.place(made.xi_map, made.particle, view=made.view)
    measured = cones.cone_porosity(
        made.particle, cones.fibonacci_directions(500), np.deg2rad([15.0, 30.0]), soft=True
    )
    truth = made.true_correlation(seen, measured)
    nearest = np.argmax(seen.directions @ fibonacci_sphere(len(made.true_xi)).T, axis=1)
    perfect = dataclasses.replace(
        seen, values=made.true_xi[nearest], std=np.full(seen.values.size, 0.01)
    )
    porosity = cones.cone_porosity(
        made.cracked, measured.directions, measured.half_angle, soft=True
    )
    # The nearest of 4000 cells instead of a mean of eight.
    np.testing.assert_allclose(
        truth, correlation.observed_correlation(perfect, porosity), atol=0.02
    )
    assert not np.array_equal(truth, correlation.observed_correlation(seen, measured))


def test_the_same_seed_gives_the_same_particle(made: ModelledParticle) -> None:
    again = phantom.modelled_particle(1, threads=2, **SMALL)
    assert np.array_equal(again.history.opening, made.history.opening)
    assert np.array_equal(again.particle.solid_fraction, made.particle.solid_fraction)
    assert np.array_equal(again.xi_map.low, made.xi_map.low)


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="voxel_noise"):
        phantom.modelled_particle(1, voxel_noise=-1.0)
