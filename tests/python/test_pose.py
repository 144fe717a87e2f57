"""Finding the pose of a surface map: the renderer, known poses, and what must be refused."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from nmcx import _core, correlation, io, phantom
from nmcx.correlation.placing import tilted_frame
from nmcx.correlation.pose_noise import NoiseModel, Terms, fit_noise
from nmcx.correlation.reprojection import Camera, Grid, signed_distance
from nmcx.results import Particle

SMALL = {"shape": (48, 48, 48), "voxel_size_um": 0.25, "map_shape": (32, 32)}


def fitted(made, **options):
    return of(made.xi_map, made, **options)


def of(image, made, **options):
    # A third of the default's starts: the small maps have wide basins.
    given = {"view": made.view, "n_start": 12, "threads": 1, **options}
    return correlation.fit_pose(image, made.particle, **given)


@cache
def example():
    made = phantom.placed_map(5, **SMALL)
    return made, fitted(made)


def best(pose):
    return np.array([*pose.tilt, pose.rotation, *pose.offset_um, pose.scale])


def errors(pose, made):
    away = best(pose) - made.parameters
    away[2] = (away[2] + np.pi) % (2 * np.pi) - np.pi
    return away


def ball_distance(radius, half=20, spacing=0.5):
    z, y, x = np.mgrid[-half : half + 1, -half : half + 1, -half : half + 1] * spacing
    return (np.sqrt(z**2 + y**2 + x**2) - radius).astype(np.float32)


@pytest.mark.parametrize("view", [(0.0, 0.0, 1.0), (0.3, -0.5, 0.8)])
def test_a_ball_is_rendered_as_geometry_says(view):
    radius, spacing, step, n = 6.0, 0.5, 0.25, 61
    k, up, right = correlation.view_frame(view)
    first = -0.5 * (n - 1) * step * (up + right)
    seen = _core.surface_view(
        ball_distance(radius, spacing=spacing),
        np.full(3, spacing),
        np.full(3, -20 * spacing),
        first,
        step * up,
        step * right,
        k,
        (n, n),
        1.0,
    )
    rows, columns = (np.indices((n, n)) - 0.5 * (n - 1)) * step
    off_axis = np.hypot(rows, columns)
    inside = off_axis < radius - 0.2
    depth = np.sqrt(np.maximum(radius**2 - off_axis**2, 0.0))
    # Between voxel centres |x| is off by at most spacing^2 / (2 R), which a grazing ray magnifies.
    assert np.allclose(seen.height_um[inside], depth[inside], atol=0.1)
    assert np.median(np.abs(seen.height_um[inside] - depth[inside])) < 0.02
    assert np.allclose(seen.cosine[inside], depth[inside] / radius, atol=0.03)
    outside = (off_axis > radius + 0.1) & (off_axis < 8.0)
    assert np.all(seen.cosine[outside] == 0) and np.all(np.isnan(seen.height_um[outside]))
    assert np.allclose(seen.clearance_um[outside], off_axis[outside] - radius, atol=0.06)
    # Inside, the depth of the ray is followed to the asked 1 um and no further.
    rim = (off_axis < radius - 0.1) & (off_axis > radius - 0.9)
    assert np.allclose(seen.clearance_um[rim], off_axis[rim] - radius, atol=0.1)
    assert np.all(seen.clearance_um[off_axis < radius - 1.2] == -1.0)


def test_the_kernel_refuses_what_it_cannot_render():
    good = [np.full(3, 0.5), np.zeros(3), np.zeros(3), np.ones(3), np.ones(3), np.ones(3)]
    with pytest.raises(ValueError, match="two voxels"):
        _core.surface_view(np.zeros((1, 4, 4), np.float32), *good, (4, 4), 1.0)
    with pytest.raises(ValueError, match="rim_um"):
        _core.surface_view(np.zeros((4, 4, 4), np.float32), *good, (4, 4), 0.0)
    with pytest.raises(ValueError, match="view"):
        bad = [*good[:5], np.zeros(3)]
        _core.surface_view(np.zeros((4, 4, 4), np.float32), *bad, (4, 4), 1.0)
    with pytest.raises(TypeError):
        _core.surface_view(np.zeros((4, 4, 4)), *good, (4, 4), 1.0)


@pytest.mark.parametrize("spacing", [(0.25, 0.25, 0.25), (0.2, 0.25, 0.3)])
def test_the_silhouette_of_a_voxel_ball_has_its_area(spacing):
    axes = [(np.arange(48) - 23.5) * s for s in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    envelope = z**2 + y**2 + x**2 <= 16.0
    particle = Particle(envelope, envelope, spacing)
    grid = Grid((50, 50), (0.2, 0.2), (-4.9, -4.9))
    camera = Camera(signed_distance(particle, 0.1), grid, np.array([0.0, 0.4, 0.9]), 1)
    pose = np.array([0.05, -0.1, 0.7, 0.0, 0.0, 1.0, np.log(0.7)])
    area = float(camera.silhouette(pose).sum()) * 0.04
    # The outline of a staircase is known to a fraction of a voxel: 0.03 um of a radius of 4.
    assert area == pytest.approx(16.0 * np.pi, rel=0.015)


def test_a_pose_without_noise_is_found():
    made = phantom.placed_map(3, texture=0.0, counts=1e6, **SMALL)
    pose = fitted(made)
    away = errors(pose, made)
    # What is left is the staircase of voxels of an eighteenth of the radius: a third of a pixel at
    # the rim, and tilts, to which the outline answers weakly, three times that angle.
    assert np.all(np.abs(away[:2]) < 0.09) and abs(away[2]) < 0.03
    assert np.all(np.abs(away[3:5]) < 0.15) and abs(away[5]) < 0.015
    assert pose.dice > 0.95 and not pose.ambiguous
    assert pose.samples.shape == (1000, 6) and np.all(pose.std > 0)
    # One seed, one answer.
    assert np.array_equal(fitted(made, threads=2).samples, pose.samples)


def test_a_map_moved_by_pixels_moves_the_offset():
    made, first = example()
    total = np.roll(made.xi_map.low + made.xi_map.high, (2, -1), axis=(0, 1))
    size = made.xi_map.pixel_size_um
    moved = of(total, made, pixel_size_um=size)
    up, right = 2 * size[0] * first.scale, -1 * size[1] * first.scale
    cos, sin = np.cos(first.rotation), np.sin(first.rotation)
    expected = np.array(first.offset_um) - (up * cos + right * sin, right * cos - up * sin)
    # The same pixels on the same particle, so the same pose but for the draws of the exploration.
    assert np.allclose(moved.offset_um, expected, atol=0.5 * first.std[3:5].max())
    assert np.all(np.abs(best(moved) - best(first))[[0, 1, 2, 5]] < first.std[[0, 1, 2, 5]])


def test_the_signal_in_another_unit_changes_nothing():
    made, one = example()
    total = 1e-3 * (made.xi_map.low + made.xi_map.high) + 7.0
    size = made.xi_map.pixel_size_um
    other = of(total, made, pixel_size_um=size)
    assert np.all(np.abs(best(other) - best(one)) < 0.5 * one.std)


def test_the_rotation_of_a_ball_is_ambiguous():
    made = phantom.placed_map(2, bumps=0.0, **SMALL)
    pose = fitted(made)
    assert pose.ambiguous and pose.std[2] > np.deg2rad(20)
    # Its place and size are not.
    assert np.all(pose.std[3:5] < 2 * made.xi_map.pixel_size_um[0])


def test_pixels_without_a_value_are_not_used():
    made = phantom.placed_map(3, **SMALL)
    low = made.xi_map.low.copy()
    low[14:18, 10:14] = 1e5  # a weld
    gap = low.copy()
    gap[13:19, 9:15] = np.nan
    pose = fitted(replace(made, xi_map=replace(made.xi_map, low=gap)))
    assert np.all(np.abs(errors(pose, made)) < 4 * pose.std)


def test_the_noise_model_finds_the_strengths_it_is_made_of():
    random = np.random.default_rng(4)
    points = random.uniform(-1, 1, (300, 3))
    response = np.eye(300)[random.integers(0, 300, 900)] * random.uniform(0.8, 1.2, (900, 1))
    terms = Terms((np.full(900, 1.0),), (1e-9,), response, points)
    strengths = (0.0, 0.0, 0.0, 0.1, 0.0, 0.0)
    true = NoiseModel((4e-4,), strengths)
    residual = np.linalg.cholesky(true.covariance(terms)) @ random.standard_normal(900)
    found = fit_noise(residual, np.ones((900, 1)), terms, NoiseModel((1e-3,), (0.03,) * 6), 1)
    # 400 pixels tell a variance of white noise to 7 %, and that of some 60 patches to 20 %.
    assert found.white[0] == pytest.approx(4e-4, rel=0.3)
    total = np.sqrt(np.sum(np.square(found.texture[1:5])))
    assert total == pytest.approx(0.1, rel=0.3)


def test_wrong_input_is_named():
    made = phantom.placed_map(3, **SMALL)
    total, particle = made.xi_map.low + made.xi_map.high, made.particle
    size = made.xi_map.pixel_size_um[0]

    def refused(image, word, body=particle, **options):
        given = {"view": made.view, "pixel_size_um": size, "n_start": 4, **options}
        with pytest.raises(ValueError, match=word):
            correlation.fit_pose(image, body, **given)

    refused(np.full(total.shape, np.nan), "fewer than 64 finite")
    refused(np.ones(total.shape), "constant")
    refused(total[0], "two axes")
    refused(total, "pixel_size_um", pixel_size_um=None)
    refused(total, "max_tilt", max_tilt=2.0)
    refused(total, "max_shift_um", max_shift_um=-1.0)
    refused(total, "n_start", n_start=0)
    refused(total, "image_std", image_std=0.0)
    refused(total, "view", view=(0, 0, 0))
    refused(replace(made.xi_map, low=None), "no intensities")
    noise = np.random.default_rng(1).poisson(10.0, total.shape).astype(float)
    refused(noise, "nothing like the particle")
    speck = np.zeros((5, 5, 5), bool)
    speck[2, 2, 2] = True
    refused(total, "voxels", body=Particle(speck, speck))
    empty = np.zeros((5, 5, 5), bool)
    refused(total, "envelope", body=Particle(empty, empty, 1.0, (2.0, 2.0, 2.0)))


def test_a_tilt_moves_the_view_where_it_says():
    k, up, right = correlation.view_frame((0.2, 0.3, 1.0))
    for upwards, rightwards in ((0.2, 0.0), (0.0, -0.3), (0.1, 0.15)):
        new = np.array(tilted_frame((0.2, 0.3, 1.0), (upwards, rightwards)))
        assert np.allclose(new @ new.T, np.eye(3), atol=1e-12)
        angle = np.hypot(upwards, rightwards)
        frame = np.array((k, up, right))
        assert np.allclose(frame @ new[0], _polar(angle, upwards, rightwards), atol=1e-12)
        # Parallel transport: the axis of the turn stays, so nothing turns about the view.
        axis = (rightwards * up - upwards * right) / angle
        assert np.allclose(new[1] @ axis, up @ axis) and np.allclose(new[2] @ axis, right @ axis)


def _polar(angle, upwards, rightwards):
    sine = np.sin(angle) / angle
    return (np.cos(angle), sine * upwards, sine * rightwards)


def test_a_pose_survives_saving(tmp_path):
    _, pose = example()
    path = tmp_path / "pose.nxs"
    pose.save(path)
    loaded = io.load(path)["pose"]
    assert np.array_equal(loaded.samples, pose.samples) and loaded.tilt == pose.tilt
    assert loaded.as_options() == pose.as_options()
