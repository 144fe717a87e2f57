"""Optical density: exact where the answer is known, honest about noise, on real frames too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from nmcx.io import read_frames
from nmcx.results import FrameStack
from nmcx.txm import optical_density, photon_transfer


def stack(
    counts: np.ndarray,
    is_reference: list[bool],
    energy_ev: float | list[float] = 8354.0,
    exposure_s: float | list[float] = np.nan,
    theta: float | list[float] = 0.0,
    **options: np.ndarray,
) -> FrameStack:
    n = len(counts)
    return FrameStack(
        counts,
        np.broadcast_to(np.asarray(energy_ev, float), n).copy(),
        np.array(is_reference),
        np.broadcast_to(np.asarray(theta, float), n).copy(),
        np.full(n, 0.033),
        np.broadcast_to(np.asarray(exposure_s, float), n).copy(),
        **options,
    )


def flat(*levels: float) -> np.ndarray:
    return np.array(levels)[:, None, None] * np.ones((1, 8, 8))


def test_density_is_the_logarithm_of_the_ratio_of_rates() -> None:
    frames = stack(
        flat(250.0, 600.0, 1000.0),
        [False, False, True],
        exposure_s=[0.5, 1.0, 0.25],
        beam_current=np.array([1.0, 1.2, 0.8]),
    )
    image = optical_density(frames, gain=1.0, use_beam_current=True)
    # 850 counts in 0.5 × 1.0 + 1.0 × 1.2 = 1.7 against 1000 counts in 0.2.
    np.testing.assert_allclose(image.od, np.log((1000 / 0.2) / (850 / 1.7)), rtol=1e-12)
    np.testing.assert_allclose(image.variance, 1 / 850 + 1 / 1000, rtol=1e-12)
    assert image.valid.all()
    assert image.energy_ev.tolist() == [8354.0]
    assert image.pixel_size_um.tolist() == [0.033]


def test_dark_counts_are_subtracted_from_both_and_add_their_noise() -> None:
    counts = flat(100.0 + 250.0, 100.0 + 1000.0, 99.0, 101.0)
    frames = stack(counts, [False, True, False, False])
    marked = replace(frames, is_dark=np.array([False, False, True, True]))
    image = optical_density(marked, gain=2.0, read_noise=3.0)
    # Two darks of 99 and 101: variance 2, of their mean 1.
    expected = (2.0 * 250 + 9 + 1) / 250**2 + (2.0 * 1000 + 9 + 1) / 1000**2
    np.testing.assert_allclose(image.od, np.log(4.0), rtol=1e-12)
    np.testing.assert_allclose(image.variance, expected, rtol=1e-12)
    given = optical_density(
        stack(counts[:2], [False, True]), dark=counts[2:], gain=2.0, read_noise=3.0
    )
    np.testing.assert_array_equal(given.od, image.od)
    one = optical_density(stack(counts[:2], [False, True]), dark=flat(100.0)[0], gain=2.0)
    np.testing.assert_allclose(one.od, np.log(4.0), rtol=1e-12)


def test_bad_pixels_are_nan_and_never_clipped() -> None:
    counts = flat(400.0, 1000.0)
    counts[0, 0, 0] = 0.0  # no light behind the sample
    counts[0, 0, 1] = -5.0
    counts[1, 0, 2] = 2.0  # reference below 3 standard deviations of 10 counts of read noise
    counts[0, 0, 3] = np.nan
    counts[1, 0, 4] = np.inf
    counts[0, 0, 5] = 2000.0  # brighter than the reference: a negative density is no error
    image = optical_density(stack(counts, [False, True]), gain=1.0, read_noise=10.0)
    assert image.valid[0, 0].tolist() == [False, False, False, False, False, True, True, True]
    assert np.isnan(image.od[0, 0, :5]).all()
    assert np.isnan(image.variance[0, 0, :5]).all()
    assert image.od[0, 0, 5] == pytest.approx(-np.log(2.0))
    assert image.valid[0, 1:].all()


def test_saturated_pixels_are_invalid_and_counted() -> None:
    counts = flat(400, 1000).astype(np.uint16)
    counts[1, 2, 3] = 65535
    image = optical_density(stack(counts, [False, True]), gain=1.0)
    assert not image.valid[0, 2, 3]
    assert image.valid.sum() == 63
    assert any("1 pixels saturated" in note for note in image.notes)
    assert image.od.dtype == np.float32


def test_each_energy_uses_its_own_reference_and_order_does_not_matter() -> None:
    counts = flat(400.0, 1000.0, 300.0, 900.0)
    frames = stack(counts, [False, True, False, True], [8354.0, 8354.0, 8324.0, 8324.0])
    image = optical_density(frames, gain=1.0)
    assert image.energy_ev.tolist() == [8324.0, 8354.0]
    np.testing.assert_allclose(image.od[:, 0, 0], np.log([3.0, 2.5]))


def test_angles_make_images_of_their_own_and_take_the_nearest_references() -> None:
    counts = flat(1000.0, 400.0, 390.0, 2000.0, 800.0)
    frames = stack(counts, [True, False, False, True, False], theta=[0.0, 0.0, 0.1, 0.0, 0.2])
    image = optical_density(frames, gain=1.0)
    assert image.theta.tolist() == [0.0, 0.1, 0.2]
    # 0.0 follows the first reference, 0.1 precedes the second, 0.2 follows the second.
    np.testing.assert_allclose(image.od[:, 0, 0], np.log([1000 / 400, 2000 / 390, 2000 / 800]))


def test_a_coarse_beam_current_is_left_out_and_a_good_one_used() -> None:
    true_current = np.array([1.0, 1.05, 0.95, 1.0, 1.02])
    counts = flat(400.0, 1000.0, 1000.0, 1000.0, 1000.0) * true_current[:, None, None]
    is_reference = [False, True, True, True, True]
    good = stack(counts, is_reference, beam_current=true_current)
    image = optical_density(good, gain=1.0)
    np.testing.assert_allclose(image.od, np.log(2.5), rtol=1e-12)
    assert any(note == "scaled by beam current" for note in image.notes)
    steady = stack(
        flat(400.0, 1000.0, 1000.1, 1000.0, 999.9),
        is_reference,
        beam_current=np.array([1.0, 1.04, 1.0, 1.0, 1.04]),
    )
    image = optical_density(steady, gain=1.0)
    np.testing.assert_allclose(image.od, np.log(2.5), rtol=1e-12)
    assert any("beam current not used" in note for note in image.notes)


def test_mistakes_of_the_caller_are_value_errors_naming_the_remedy() -> None:
    counts = flat(400.0, 1000.0)
    for frames, message in (
        (stack(counts, [False, False]), "2 sample and 0 reference"),
        (stack(counts, [True, True]), "0 sample and 2 reference"),
        (stack(counts, [False, True], [8324.0, 8354.0]), "no reference frame at 8324.00 eV"),
        (stack(counts, [False, True], [np.nan, 8354.0]), "energy_ev is not known"),
        (stack(counts[0], [False, True]), "counts must be"),
    ):
        with pytest.raises(ValueError, match=message):
            optical_density(frames)
    frames = stack(counts, [False, True])
    with pytest.raises(ValueError, match="dark must be"):
        optical_density(frames, dark=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="gain must be"):
        optical_density(frames, gain=-1.0)
    with pytest.raises(ValueError, match="beam_current is None"):
        optical_density(frames, use_beam_current=True)


def test_unknown_gain_gives_unknown_variance_not_a_guess() -> None:
    image = optical_density(stack(flat(400.0, 1000.0), [False, True]))
    assert np.isnan(image.variance).all()
    assert np.isnan(image.gain)
    assert image.valid.all()
    assert any("gain unknown" in note for note in image.notes)


def noisy(seed: int, gain: float, read_noise: float, n: int = 256) -> FrameStack:
    """One sample and four references under a Gaussian beam that drifts in brightness."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    photons = 4000.0 * np.exp(-1.5 * (x**2 + y**2))
    transmission = np.where(x**2 + y**2 < 0.2, 0.3, 0.8)
    means = [photons * transmission, *(photons * level for level in (1.0, 1.01, 0.99, 1.02))]
    counts = gain * rng.poisson(means) + rng.normal(0.0, read_noise, (5, n, n))
    return stack(counts, [False, True, True, True, True])


@pytest.mark.parametrize(("gain", "read_noise"), [(0.15, 0.5), (1.0, 0.0), (20.0, 300.0)])
def test_photon_transfer_finds_gain_and_read_noise(gain: float, read_noise: float) -> None:
    image = optical_density(noisy(1, gain, read_noise))
    # 65 536 pixels × 3 pairs give the slope to about 0.5 %, 5 sigma.
    assert image.gain == pytest.approx(gain, rel=0.03)


def test_predicted_variance_is_the_scatter_about_the_truth() -> None:
    ratios = []
    for seed in range(1, 5):
        frames = noisy(seed, 0.15, 0.5)
        image = optical_density(frames)
        y, x = np.mgrid[-1:1:256j, -1:1:256j]
        truth = -np.log(np.where(x**2 + y**2 < 0.2, 0.3, 0.8) / 1.005)
        pull = (image.od[0] - truth) / np.sqrt(image.variance[0])
        bright = x**2 + y**2 < 0.6
        ratios.append(pull[bright].std())
    # Standard deviation of 30 000 pulls: 0.4 %; the gain adds 1 %.
    np.testing.assert_allclose(ratios, 1.0, atol=0.03)


@given(scale=st.floats(0.1, 10.0), n_sample=st.integers(1, 4), n_reference=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_more_frames_divide_the_variance_and_units_of_counts_do_not_matter(
    scale: float, n_sample: int, n_reference: int
) -> None:
    levels = [400.0] * n_sample + [1000.0] * n_reference
    is_reference = [False] * n_sample + [True] * n_reference
    image = optical_density(stack(scale * flat(*levels), is_reference), gain=scale)
    np.testing.assert_allclose(image.od, np.log(2.5), rtol=1e-9)
    np.testing.assert_allclose(
        image.variance, 1 / (400 * n_sample) + 1 / (1000 * n_reference), rtol=1e-9
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_hostile_frames_give_no_valid_pixel_and_no_warning(value: float) -> None:
    image = optical_density(stack(flat(value, value, value), [False, True, True]))
    assert not image.valid.any()
    assert np.isnan(image.od).all()


def chosen(frames: FrameStack, indices: list[int]) -> FrameStack:
    per_frame = ("counts", "energy_ev", "is_reference", "theta", "pixel_size_um", "exposure_s")
    return replace(
        frames, **{name: getattr(frames, name)[indices] for name in per_frame}, beam_current=None
    )


@pytest.fixture(scope="module")
def real_frames(real_data: Path) -> FrameStack:
    return read_frames(real_data / "ssrl-6-2c")


@pytest.mark.real_data
def test_particles_stand_out_of_the_real_jump_image(real_frames: FrameStack) -> None:
    image = optical_density(real_frames)
    assert image.energy_ev.tolist() == [8324.0, 8354.0]
    assert image.valid.mean() > 0.999
    jump = ndimage.gaussian_filter(image.od[1] - image.od[0], 2)
    bright = real_frames.counts[real_frames.is_reference].mean(axis=0) > 1000
    particle, field = jump[bright & (jump > 0.3)], jump[bright & (jump < 0.1)]
    # Two populations: a field without nickel about 0, particles of several micrometres about 0.5.
    assert abs(np.median(field)) < 0.05
    assert 0.4 < np.median(particle) < 0.7
    assert particle.size > 30_000
    # Whole particles, not scattered pixels.
    pieces, _ = ndimage.label(bright & (jump > 0.3))
    sizes = np.bincount(pieces.ravel())[1:]
    assert sizes[sizes > 5000].sum() > 0.9 * particle.size
    assert np.median(particle) - np.median(field) > 8 * field.std()


@pytest.mark.real_data
def test_real_noise_of_one_sample_and_one_reference_is_as_measured_and_as_predicted(
    real_frames: FrameStack,
) -> None:
    """Two independent images (one sample and one reference frame each) of the same field.

    Their difference holds no structure of the sample, a running mean takes slow changes of the
    illumination away, and the median absolute deviation is deaf to the rest; the noise of one is
    that over √2. It depends on the light, so it is read where the reference is above half of its
    maximum: the open field (jump < 0.1) and behind the particles (jump > 0.3), above the edge where
    the particles absorb.
    """
    all_frames = optical_density(real_frames)
    jump = ndimage.uniform_filter(all_frames.od[1] - all_frames.od[0], 5)
    energy, is_reference = real_frames.energy_ev, real_frames.is_reference
    sample, reference = (
        np.flatnonzero((energy == 8354.0) & (is_reference == kind)) for kind in (False, True)
    )
    gain, read_noise = photon_transfer(
        real_frames, np.flatnonzero(is_reference), np.zeros((1024, 1024))
    )
    assert gain == pytest.approx(all_frames.gain)
    light = ndimage.uniform_filter(real_frames.counts[reference].mean(axis=0), 15)
    bright = light > 0.5 * light.max()
    images = [
        optical_density(
            chosen(real_frames, [sample[i], reference[i]]),
            gain=gain,
            read_noise=read_noise,
        )
        for i in range(2)
    ]
    difference = images[0].od[0] - images[1].od[0]
    difference = difference - ndimage.uniform_filter(difference, 15)
    predicted = np.sqrt(np.mean([image.variance[0] for image in images], axis=0))

    def noise(region: np.ndarray) -> float:
        values = difference[region]
        return 1.4826 * np.median(np.abs(values - np.median(values))) / np.sqrt(2)

    field, particle = bright & (jump < 0.1), bright & (jump > 0.3)
    assert noise(field) == pytest.approx(0.017, abs=0.002)
    assert noise(particle) == pytest.approx(0.020, abs=0.003)
    for region in (field, particle):
        # Neighbouring pixels share 5 % of their noise, and the spread of levels widens the median.
        assert noise(region) == pytest.approx(np.median(predicted[region]), rel=0.06)
