"""Thresholds against all divisions, envelopes against single rays, cracks thinner than a voxel."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from nmcx import _core, morphology

Array = NDArray[np.float64]


def from_centre(n: int) -> Array:
    """(3, n, n, n) position of each voxel, in voxels from the middle."""
    return np.indices((n, n, n)) - (n - 1) / 2


# --- thresholds -------------------------------------------------------------------------------


def between_classes(values: Array, borders: Array) -> float:
    """Variance between the classes that the borders part, straight from its definition."""
    which = np.searchsorted(borders, values, side="right")
    classes = [values[which == k] for k in range(len(borders) + 1)]
    return float(sum(c.size * (c.mean() - values.mean()) ** 2 for c in classes if c.size))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(1, 10**6), n_classes=st.integers(2, 5))
def test_multi_otsu_is_the_best_of_all_divisions(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    # Each value has a bin of its own: the histogram loses nothing.
    steps = np.sort(rng.choice(np.arange(1, 255), 10, replace=False))
    steps = np.r_[0, steps, 255]
    values = np.repeat(steps, rng.integers(1, 60, steps.size)) * 255 / 256.0
    borders = 0.5 * (steps[1:] + steps[:-1]) * 255 / 256.0
    best = max(between_classes(values, np.array(c)) for c in combinations(borders, n_classes - 1))
    found = morphology.multi_otsu_thresholds(values, n_classes=n_classes)
    assert np.all(np.diff(found) > 0)
    # The number of a value's bin is proportional to it: only a tie may be decided otherwise.
    assert between_classes(values, found) >= best * (1 - 1e-6)


def test_three_phases_are_told_apart_and_the_top_one_is_solid() -> None:
    rng = np.random.default_rng(1)
    radius = np.sqrt((from_centre(40) ** 2).sum(0))
    truth = np.where(radius < 9, 3.0, np.where(radius < 16, 1.0, 0.0))
    volume = truth + rng.normal(0, 0.1, truth.shape)
    low, high = morphology.multi_otsu_thresholds(volume)
    assert 0.3 < low < 0.7 and 1.5 < high < 2.5
    particle = morphology.segment(volume, voxel_size_um=0.1, method="multi_otsu")
    assert np.array_equal(particle.solid, truth == 3.0)


def test_hysteresis_keeps_faint_solid_that_hangs_together_with_bright() -> None:
    volume = np.zeros((20, 20, 40))
    volume[5:15, 5:15, 3:9] = 1.0
    volume[5:15, 5:15, 9:16] = 0.5  # hangs together with it
    volume[2:18, 2:18, 20:38] = 0.5  # larger, but nowhere bright
    options = {"voxel_size_um": 1.0, "closing_radius_um": 0.0}
    found = morphology.segment(volume, method="hysteresis", threshold=(0.4, 0.8), **options)
    assert found.solid.sum() == 10 * 10 * 13 and not found.solid[:, :, 20:].any()
    assert np.array_equal(
        morphology.segment(volume, method="hysteresis", **options).solid, found.solid
    )
    assert morphology.segment(volume, threshold=0.4, **options).solid[:, :, 20:].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "yen"}, "method must be"),
        ({"method": "hysteresis", "threshold": 0.5}, "does not fit"),
        ({"threshold": (0.2, 0.5)}, "does not fit"),
        ({"method": "multi_otsu", "threshold": 0.5}, "does not fit"),
        ({"method": "hysteresis", "threshold": (0.6, 0.5)}, "must ascend"),
        ({"method": "hysteresis", "n_classes": 2}, "3 or more"),
        ({"method": "multi_otsu", "n_classes": 1}, "n_classes must be"),
        ({"method": "multi_otsu", "n_classes": 3}, "too few for 3 classes"),
        ({"envelope": "hull"}, "envelope must be"),
        ({"envelope": np.ones((8, 8, 8))}, "envelope must be"),
        ({"envelope": np.ones((8, 8, 7), bool)}, "must have the shape of volume"),
        ({"envelope": np.zeros((8, 8, 8), bool)}, "envelope is empty"),
        ({"envelope": np.arange(512).reshape(8, 8, 8) == 0}, "no solid lies in the given"),
        ({"envelope": "rays", "min_rays": 27}, "min_rays must be 1 to 26"),
        ({"envelope": "rays", "closing_radius_um": 0.1}, "leave it out"),
        ({"soft": True, "rim_um": -1.0}, "rim_um must be"),
        ({"exclude": np.ones((8, 8, 8), bool)}, "no finite value"),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, object], message: str) -> None:
    volume = np.zeros((8, 8, 8))
    volume[2:6, 2:6, 2:6] = 1.0
    with pytest.raises(ValueError, match=message):
        morphology.segment(volume, voxel_size_um=0.1, **options)


def test_soft_voids_need_a_volume_that_is_positive_in_the_solid() -> None:
    volume = np.full((8, 8, 8), -2.0)
    volume[2:6, 2:6, 2:6] = -1.0
    with pytest.raises(ValueError, match="positive in the solid"):
        morphology.segment(volume, voxel_size_um=0.1, soft=True)


# --- envelope ---------------------------------------------------------------------------------


def ray_counts(solid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of 26 rays meet solid, by shifting the whole volume step after step."""
    reach = max(solid.shape)
    padded = np.pad(solid, reach)
    counts = np.zeros(solid.shape, np.int64)
    for step in product((-1, 0, 1), repeat=3):
        if step != (0, 0, 0):
            met = np.zeros(solid.shape, bool)
            for k in range(1, reach):
                at = (reach + k * s for s in step)
                met |= padded[tuple(slice(a, a + n) for a, n in zip(at, solid.shape, strict=True))]
            counts += met
    return counts


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(1, 10**6),
    shape=st.tuples(*[st.integers(1, 14)] * 3),
    fraction=st.sampled_from([0.01, 0.1, 0.4]),
    min_rays=st.integers(1, 26),
)
def test_the_ray_envelope_is_that_of_single_rays(
    seed: int, shape: tuple[int, int, int], fraction: float, min_rays: int
) -> None:
    solid = np.random.default_rng(seed).random(shape) < fraction
    expected = solid | (ray_counts(solid) >= min_rays)
    for threads in (1, 3):
        assert np.array_equal(_core.ray_envelope(solid, min_rays, threads), expected)


def test_rays_keep_a_wide_open_crack_that_the_closing_loses() -> None:
    position = from_centre(64)
    ball = (position**2).sum(0) < 28.0**2
    # Ten voxels wide, open at the top.
    crack = ball & (np.abs(position[1]) < 5.0) & (np.abs(position[2]) < 12.0) & (position[0] > -10)
    volume = (ball & ~crack).astype(float)
    closed = morphology.segment(volume, voxel_size_um=0.1, closing_radius_um=0.3)
    rays = morphology.segment(volume, voxel_size_um=0.1, envelope="rays")
    n_crack = np.count_nonzero(crack)
    # The ball is too small for the crack, except for its narrow foot.
    assert np.count_nonzero(closed.envelope & crack) < 0.2 * n_crack
    assert np.count_nonzero(rays.envelope & crack) > 0.8 * n_crack
    assert np.count_nonzero(rays.envelope & ~ball) < 0.02 * np.count_nonzero(ball)


def test_a_plane_face_shows_less_than_half_of_the_rays() -> None:
    solid = np.zeros((40, 40, 40), bool)
    solid[:, :, :20] = True
    # 9 of 26 directions lead into the half-space; 8 run along its face.
    envelope = _core.ray_envelope(solid, 10, 1)
    assert np.array_equal(envelope, solid)
    assert _core.ray_envelope(solid, 9, 1)[20, 20, 20]


def test_a_given_envelope_is_taken_as_it_is() -> None:
    ball = (from_centre(24) ** 2).sum(0) < 81.0
    volume = ball.astype(float)
    volume[12:14, :, 12:] = 0.0
    volume[0, 0, :3] = 1.0
    particle = morphology.segment(volume, voxel_size_um=0.1, envelope=ball)
    assert np.array_equal(particle.envelope, ball)
    assert np.array_equal(particle.solid, ball & (volume > 0))


# --- soft voids -------------------------------------------------------------------------------


def cracked_ball(width: float, tilt: float, blur: float, n: int = 96) -> tuple[Array, float]:
    """Filling of a ball with a round flat crack, and the volume of the crack [voxels].

    Each voxel is filled as far as it is (4³ points in it), then blurred like an image.
    """
    normal = np.array([np.cos(tilt), np.sin(tilt) * 0.8, np.sin(tilt) * 0.6])
    inside = np.zeros((n, n, n))
    crack = np.zeros((n, n, n))
    position = from_centre(n)
    within = (position**2).sum(0) < 26.0**2
    near = within & (np.abs(np.tensordot(normal, position, 1)) < width + 2.0)
    where = position[:, near]
    for offset in product((-0.375, -0.125, 0.125, 0.375), repeat=3):
        at = where + np.array(offset)[:, None]
        height = normal @ at - 0.31  # not through the centres of voxels
        crack[near] += (np.abs(height) < width / 2) & ((at**2).sum(0) - height**2 < 22.0**2)
    inside += (position**2).sum(0) < 40.0**2
    crack /= 64.0
    return ndimage.gaussian_filter(inside - crack, blur), float(crack.sum())


@pytest.mark.parametrize("blur", [0.0, 0.7])
@pytest.mark.parametrize("width", [0.25, 0.45])
def test_a_crack_thinner_than_a_voxel_counts_by_its_volume(width: float, blur: float) -> None:
    volume, expected = cracked_ball(width, tilt=0.4, blur=blur)
    # The sampled crack is the disc it stands for.
    assert expected == pytest.approx(np.pi * 22.0**2 * width, rel=0.02)
    particle = morphology.segment(1.7 * volume, voxel_size_um=0.05, soft=True)
    n_envelope = np.count_nonzero(particle.envelope)
    assert np.count_nonzero(particle.void) < 0.02 * expected  # the threshold sees nothing
    assert particle.soft_porosity * n_envelope == pytest.approx(expected, rel=0.05)


def test_without_cracks_nothing_is_soft_and_a_void_is_empty() -> None:
    ball = ndimage.gaussian_filter(((from_centre(64) ** 2).sum(0) < 25.0**2).astype(float), 0.8)
    particle = morphology.segment(ball, voxel_size_um=0.1, soft=True)
    assert particle.soft_porosity == pytest.approx(0.0, abs=1e-4)
    hole = (from_centre(64) ** 2).sum(0) < 25.0**2
    volume = hole.astype(np.float32)
    volume[28:36, 28:36, 28:36] = 0.0
    volume[20, 20, 20] = np.nan
    particle = morphology.segment(volume, voxel_size_um=0.1, soft=True)
    assert particle.soft_porosity == pytest.approx(particle.porosity, rel=1e-6)
    assert np.count_nonzero(particle.void) == 8**3 + 1
    assert particle.solid_fraction is not None
    assert np.all(particle.solid_fraction[~particle.envelope] == 0)


def test_noise_feigns_the_porosity_that_is_documented() -> None:
    rng = np.random.default_rng(1)
    volume = ((from_centre(64) ** 2).sum(0) < 28.0**2).astype(float)
    noisy = volume * (1.0 + rng.normal(0, 0.05, volume.shape))
    particle = morphology.segment(noisy, voxel_size_um=0.1, soft=True, rim_um=0.0)
    # The mean of max(0, σ·normal) is σ/√(2π), about 0.4 σ.
    assert particle.soft_porosity == pytest.approx(0.05 / np.sqrt(2 * np.pi), rel=0.03)
