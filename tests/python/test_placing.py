"""What placing a map leaves out, and what turning the placement does to a correlation."""

import numpy as np
import pytest

from nmcx import cones, correlation, phantom
from nmcx.correlation.robustness import _turned
from nmcx.results import Particle, Shift, XiMap


def ratio_map(image, pixel=1.0):
    valid = np.isfinite(image)
    return XiMap(image, np.where(valid, 0.01, np.nan), valid, Shift(0, 0, 0), (pixel, pixel))


def step_particle():
    """Seen along x, the half y >= 20 is 20 voxels higher than the other."""
    solid = np.zeros((40, 40, 60), bool)
    solid[:, :, :25] = True
    solid[:, 20:, :45] = True
    return Particle(solid, solid, 1.0, (19.5, 19.5, 15.0))


def test_pixels_at_a_jump_of_the_surface_are_left_out():
    placed = correlation.place(
        ratio_map(np.full((30, 30), 0.5)), step_particle(), view=(0, 0, 1), max_incidence=1.0
    )
    # The jump runs between the voxels y = 19 and 20, one pixel of 30 rows on either side.
    assert any(note.startswith("60 pixels excluded: at occlusion") for note in placed.notes)
    assert not np.any(np.abs(placed.points_um[:, 1] - 19.5) < 1.0)


def test_what_the_beam_does_not_reach_is_left_out():
    slanted = (0.0, 1.0, 1.0)  # from the high side, so its edge throws a shadow 20 um long
    placed = correlation.place(
        ratio_map(np.full((30, 38), 0.5)),
        step_particle(),
        view=(0, 0, 1),
        beam=slanted,
        max_incidence=1.0,
    )
    low = placed.points_um[placed.points_um[:, 2] < 30.0]
    # The low floor reaches from y = 1 to 19: all of it lies in the shadow but what the voxel's
    # tolerance of three leaves.
    assert low.size == 0 or low[:, 1].max() < 3.0
    assert np.count_nonzero(placed.points_um[:, 2] > 30.0) > 300
    assert "the beam does not reach" in placed.notes[-1]
    along = correlation.place(
        ratio_map(np.full((30, 38), 0.5)),
        step_particle(),
        view=(0, 0, 1),
        beam=(0, 0, 1),
        max_incidence=1.0,
    )
    assert along.notes[-1].startswith("0 pixels")
    with pytest.raises(ValueError, match="beam"):
        correlation.place(
            ratio_map(np.ones((9, 9))), step_particle(), view=(0, 0, 1), beam=(0, 0, 0)
        )


def test_a_tilt_equals_a_view_that_is_turned():
    z, y, x = np.mgrid[-20:21, -20:21, -20:21]
    ball = z**2 + 1.3 * y**2 + 0.8 * x**2 <= 200
    image = np.random.default_rng(1).uniform(0.4, 0.6, (31, 31))
    # Straight up the meridian the frame of a turned view is the turned frame.
    angle = 0.3
    one = correlation.place(
        ratio_map(image), Particle(ball, ball), view=(0, 0, 1), tilt=(angle, 0.0)
    )
    other = correlation.place(
        ratio_map(image), Particle(ball, ball), view=(np.sin(angle), 0, np.cos(angle))
    )
    assert np.array_equal(one.values, other.values)
    assert np.allclose(one.points_um, other.points_um, atol=1e-9)


def small():
    made = phantom.placed_map(3, shape=(40, 40, 40), voxel_size_um=0.3, map_shape=(32, 32))
    rng = np.random.default_rng(2)
    solid = made.particle.envelope & (rng.uniform(size=made.particle.envelope.shape) > 0.1)
    particle = Particle(solid, made.particle.envelope, made.particle.voxel_size_um)
    directions = cones.fibonacci_directions(400)
    return made, particle, cones.cone_porosity(particle, directions, [0.3, 0.6])


def test_the_first_row_is_the_given_placement_and_the_band_holds_all_turns():
    made, particle, porosity = small()
    found = correlation.robustness(
        made.xi_map, particle, porosity, view=made.view, rotation=0.4, tilt=(0.05, 0.1)
    )
    placed = correlation.place(
        made.xi_map, particle, view=made.view, rotation=0.4, tilt=(0.05, 0.1)
    )
    assert np.array_equal(found.pearson[0], correlation.observed_correlation(placed, porosity))
    assert np.allclose(found.band[:, 0], found.pearson.min(axis=0))
    assert np.allclose(found.band[:, 1], found.pearson.max(axis=0))
    assert found.pearson.shape == (13, 2) and np.count_nonzero(found.turns) == 12
    turned = correlation.place(
        made.xi_map, particle, view=made.view, rotation=0.4 + found.turns[1, 0], tilt=(0.05, 0.1)
    )
    assert np.array_equal(found.pearson[1], correlation.observed_correlation(turned, porosity))


def test_a_turn_about_an_axis_of_the_map_leaves_that_axis():
    view, tilt, rotation = (0.1, 0.4, 1.0), (0.05, -0.12), 0.9

    def frame(options):
        from nmcx.correlation.placing import tilted_frame

        k, up, right = tilted_frame(view, options["tilt"])
        cos, sin = np.cos(options["rotation"]), np.sin(options["rotation"])
        return np.array([k, cos * up - sin * right, sin * up + cos * right])

    before = frame({"tilt": tilt, "rotation": rotation})
    for axis in (1, 2):
        for size in (-0.17, 0.09):
            turn = np.zeros(3)
            turn[axis] = size
            after = frame(_turned(view, tilt, rotation, turn))
            # The frame is (k, up, right), each (z, y, x); k x up and so on are right-handed.
            fixed = before[axis]
            assert np.allclose(after[axis], fixed, atol=1e-9)
            assert after[0] @ before[0] == pytest.approx(np.cos(size))
            moved = np.cross(fixed[::-1], before[0][::-1])[::-1]
            assert after[0] @ moved == pytest.approx(np.sin(size))


def test_samples_without_spread_repeat_the_placement():
    made, particle, porosity = small()
    row = [0.02, -0.03, 0.4, 0.1, -0.2, 1.01]
    options = {"tilt": (0.02, -0.03), "rotation": 0.4, "offset_um": (0.1, -0.2), "scale": 1.01}
    found = correlation.robustness(
        made.xi_map,
        particle,
        porosity,
        view=made.view,
        samples=np.tile(row, (5, 1)),
        turns=[0.1],
        **options,
    )
    assert found.sampled.shape == (5, 2)
    assert np.allclose(found.sampled, found.pearson[0])
    assert np.allclose(found.sampled_band, found.pearson[0][:, None])


def test_the_first_curve_is_that_of_the_placement_with_its_beam_and_weights():
    made, particle, porosity = small()
    view = np.asarray(made.view)
    beam = view + np.array([0.0, 0.9, 0.0])
    plain = correlation.robustness(made.xi_map, particle, porosity, view=view, turns=[0.1])
    shadowed = correlation.place(made.xi_map, particle, view=view, beam=beam)
    for weighted in (False, True):
        found = correlation.robustness(
            made.xi_map, particle, porosity, view=view, turns=[0.1], beam=beam, weighted=weighted
        )
        expected = correlation.observed_correlation(shadowed, porosity, weighted=weighted)
        np.testing.assert_array_equal(found.pearson[0], expected)
        # Shadow and weights change what is correlated, or nothing was shown.
        assert not np.array_equal(found.pearson[0], plain.pearson[0])


def test_wrong_arguments_of_the_robustness_are_named():
    made, particle, porosity = small()
    for options, word in (
        ({"turns": []}, "turns"),
        ({"turns": [2.0]}, "turns"),
        ({"samples": np.zeros((3, 5))}, "samples"),
        ({"n_sample": 0}, "n_sample"),
        ({"offset_um": (90.0, 0.0)}, "falls on the particle"),
    ):
        with pytest.raises(ValueError, match=word):
            correlation.robustness(made.xi_map, particle, porosity, view=made.view, **options)
    # A turn that loses the map is a note, not an end: here the map looks past the particle's rim.
    lost = correlation.robustness(
        made.xi_map, particle, porosity, view=made.view, turns=[1.5], max_incidence=0.3
    )
    assert lost.pearson.shape == (7, 2)
