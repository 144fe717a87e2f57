"""Alignment of energies: against exact truth, by invariances, on hostile and on real images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from nmcx import io, phantom, txm, xanes
from nmcx.errors import ConvergenceError
from nmcx.results import AlignedStack, EnergyStack, OpticalDensity
from nmcx.txm.resampling import resample

ENERGY_EV = np.r_[
    8250.0, 8270.0, 8290.0, 8310.0, 8336:8354:3, 8365.0, 8400.0, 8450.0, 8520.0, 8600.0
]


@pytest.fixture(scope="module")
def case() -> phantom.MisalignedStack:
    return phantom.misaligned_stack(2, shape=(80, 88), energy_ev=ENERGY_EV, oversampling=3)


@pytest.fixture(scope="module")
def aligned(case: phantom.MisalignedStack) -> AlignedStack:
    return txm.align_energies(case.images)


def shift_error(found: np.ndarray, case: phantom.MisalignedStack) -> float:
    """Root mean square error of the drift [px], apart from a common one of all energies."""
    error = (found - case.shift_px) / case.magnification[:, None]
    return float(np.sqrt(np.mean((error - error.mean(axis=0)) ** 2)))


def test_drift_and_magnification_are_found(
    case: phantom.MisalignedStack, aligned: AlignedStack
) -> None:
    assert shift_error(aligned.shift_px, case) < 0.02
    np.testing.assert_allclose(aligned.magnification, case.magnification, rtol=1e-12)
    assert aligned.magnification[-1] == pytest.approx(8250.0 / 8600.0)
    assert not aligned.is_outlier.any()
    assert np.abs(aligned.residual_px).max() < 0.01
    assert (aligned.correlation > 0.98).all()
    # The grid is that of the lowest energy, which is not touched.
    assert aligned.reference == 0
    assert aligned.pixel_size_um == pytest.approx((0.033, 0.033))
    np.testing.assert_array_equal(aligned.mu[0], case.images.od[0])


def test_the_standard_error_is_the_scatter_about_the_truth() -> None:
    pulls = []
    for seed in range(1, 5):
        one = phantom.misaligned_stack(
            seed, shape=(64, 64), energy_ev=ENERGY_EV, noise=0.05, oversampling=2
        )
        found = txm.align_energies(one.images)
        error = found.shift_px - one.shift_px
        for group in (slice(0, 4), slice(7, None)):  # what a group shares is another matter
            pulls.append((error[group] - error[group].mean(axis=0)) / found.shift_std_px[group])
    # 88 pulls, the means of the groups taken off: 1 - 1/6 on average, 8 % scatter.
    assert np.concatenate(pulls).std() == pytest.approx(0.9, abs=0.25)


def test_the_wrong_sign_of_the_magnification_is_told_and_doubles_the_error(
    case: phantom.MisalignedStack,
) -> None:
    sizes_off = {}
    for name, sizes in {"right": ENERGY_EV, "none": np.ones(15), "wrong": 1 / ENERGY_EV}.items():
        images = replace(case.images, pixel_size_um=sizes)
        found = txm.align_energies(images)
        told = [note for note in found.notes if "magnification varies" in note]
        assert bool(told) == (name != "right")
        # Noise moves a size by 0.1 %.
        first, last = (_size(found.mu[i], case) for i in (0, -1))
        sizes_off[name] = abs(last / first - 1.0)
    assert sizes_off["right"] < 0.004
    # 4.1 % over the 350 eV, and twice that.
    assert sizes_off["none"] == pytest.approx(0.041, abs=0.004)
    assert sizes_off["wrong"] == pytest.approx(0.080, abs=0.006)


def _size(image: np.ndarray, case: phantom.MisalignedStack) -> float:
    """Root mean square distance of the density from its centroid [px]."""
    near = ndimage.binary_dilation(case.thickness > 0.02, iterations=6) & np.isfinite(image)
    weight = np.where(near, image, 0.0) / image[near].sum()
    y, x = np.indices(image.shape)
    away = (y - (weight * y).sum()) ** 2 + (x - (weight * x).sum()) ** 2
    return float(np.sqrt((weight * away).sum()))


@pytest.mark.parametrize("shape", [(80, 88), (32, 36, 40)])
def test_the_magnification_is_found_from_the_images(shape: tuple[int, ...]) -> None:
    energy = ENERGY_EV[::2]
    one = phantom.misaligned_stack(3, shape=shape, energy_ev=energy, oversampling=2, drift_px=2)
    images = one.images
    values = images.od if isinstance(images, OpticalDensity) else images.mu
    stack = EnergyStack(images.energy_ev, values, images.variance, (0.033,) * len(shape))
    found = txm.align_energies(stack, magnification="find")
    # The rim of a body of 12 to 25 px radius moves by less than 0.1 px.
    np.testing.assert_allclose(found.magnification, one.magnification, atol=0.004)
    assert shift_error(found.shift_px, one) < 0.03
    plain = txm.align_energies(stack)
    assert (plain.magnification == 1.0).all()
    assert any("magnification varies as E" in note for note in plain.notes)


def test_tomograms_are_moved_along_three_axes() -> None:
    one = phantom.misaligned_stack(
        1, shape=(32, 36, 40), energy_ev=ENERGY_EV[::2], oversampling=2, drift_px=2
    )
    found = txm.align_energies(one.images, magnification="energy")
    assert found.shift_px.shape == found.residual_px.shape == (8, 3)
    assert shift_error(found.shift_px, one) < 0.02
    assert found.stack.mu.shape == (8, 32, 36, 40)
    assert found.stack.voxel_size_um == (0.033,) * 3
    # A uniform particle is uniform again: every energy is the first one times a number.
    inside = one.thickness > 0.5
    seen = inside & np.isfinite(found.mu).all(axis=0)
    assert seen.sum() > 0.98 * inside.sum()
    shape = np.array([mu[seen] for mu in found.mu])
    assert np.corrcoef(shape).min() > 0.5


# One interpolation --------------------------------------------------------------------------------


def test_interpolation_is_that_of_cubic_splines() -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(size=(40, 33))
    scale, shift = 0.97, np.array([0.6, -1.3])
    value, _ = resample(image, scale, shift)
    middle = (np.array(image.shape) - 1) / 2
    expected = ndimage.affine_transform(
        image, np.full(2, scale), middle * (1 - scale) + shift, order=3, mode="mirror"
    )
    seen = np.isfinite(value)
    np.testing.assert_allclose(value[seen], expected[seen], atol=1e-12)
    # What lies outside the image is not made up: columns 0 and 1 look left of it.
    at = middle[1] + (np.arange(33) - middle[1]) * scale + shift[1]
    assert (np.isnan(value).all(axis=0) == (at < 0)).all()
    same, _ = resample(image, 1.0, np.zeros(2))
    np.testing.assert_array_equal(same, image)
    whole, _ = resample(image, 1.0, np.array([2.0, 0.0]))
    np.testing.assert_allclose(whole[:-2], image[2:], atol=1e-13)


def test_variance_is_the_scatter_of_interpolated_noise() -> None:
    rng = np.random.default_rng(5)
    std = np.linspace(0.5, 1.5, 24 * 20).reshape(24, 20)
    scale, shift = 0.981, np.array([0.37, -0.52])
    moved = [resample(std * rng.standard_normal(std.shape), scale, shift)[0] for _ in range(3000)]
    _, variance = resample(std, scale, shift, std**2)
    assert variance is not None
    seen = np.isfinite(variance)
    ratio = np.var(moved, axis=0)[seen] / variance[seen]
    # 3000 draws give a variance to 2.6 %; 440 pixels their mean to 0.3 %.
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert ratio.std() == pytest.approx(np.sqrt(2 / 3000), rel=0.25)
    assert variance[seen].mean() < 0.8 * np.mean(std**2)  # interpolation smooths


@given(dy=st.floats(-3, 3), dx=st.floats(-3, 3), scale=st.floats(0.95, 1.05))
@settings(max_examples=25, deadline=None)
def test_missing_pixels_stay_missing_and_spread_no_further_than_the_spline(
    dy: float, dx: float, scale: float
) -> None:
    y, x = np.mgrid[:30, :34]
    image = 0.3 * np.sin(0.2 * y) + 0.2 * np.cos(0.15 * x)
    holed = image.copy()
    holed[10:13, 20:22] = np.nan
    shift = np.array([dy, dx])
    whole, part = resample(image, scale, shift)[0], resample(holed, scale, shift)[0]
    at = [
        (n - 1) / 2 + (np.arange(n) - (n - 1) / 2) * scale + d
        for n, d in zip((30, 34), shift, strict=True)
    ]
    rows, columns = np.meshgrid(*at, indexing="ij")
    inside = (np.abs(rows - 11) < 0.999) & (np.abs(columns - 20.5) < 0.499)
    assert np.isnan(part[inside]).all()
    far = (np.abs(rows - 11) > 4) | (np.abs(columns - 20.5) > 3.5)
    assert (np.isnan(part[far]) == np.isnan(whole[far])).all()
    # The hole is filled smoothly before the spline, whose weights fall to 7 % at two pixels.
    np.testing.assert_allclose(part[far], whole[far], atol=0.01)


def test_borders_missing_after_alignment_get_status_one_in_the_fit(
    case: phantom.MisalignedStack, aligned: AlignedStack
) -> None:
    edges = xanes.fit_edges(
        aligned.energy_ev, aligned.mu, pre_edge=(8240, 8320), post_edge=(8380, 8700)
    )
    missing = np.isnan(aligned.mu).any(axis=0)
    assert missing.any() and not missing.all()
    assert ((edges.status & 1) > 0)[missing].all()
    assert not ((edges.status & 1) > 0)[~missing].any()
    assert (np.isnan(aligned.mu) == np.isnan(aligned.variance)).all()


# Invariances --------------------------------------------------------------------------------------


def test_order_units_and_a_scale_of_density_do_not_matter(
    case: phantom.MisalignedStack, aligned: AlignedStack
) -> None:
    images = case.images
    order = np.random.default_rng(1).permutation(15)
    shuffled = OpticalDensity(
        energy_ev=images.energy_ev[order],
        theta=images.theta[order],
        od=(7.0 * images.od)[order],
        variance=(49.0 * images.variance)[order],
        valid=images.valid[order],
        pixel_size_um=images.pixel_size_um[order],
    )
    found = txm.align_energies(shuffled)
    np.testing.assert_array_equal(found.energy_ev, ENERGY_EV)
    # Single precision of the images, and the steps at which iterations end.
    np.testing.assert_allclose(found.shift_px, aligned.shift_px, atol=2e-4)
    np.testing.assert_allclose(found.mu / 7.0, aligned.mu, atol=2e-3)


def test_a_gradient_in_valence_does_not_pass_for_a_drift() -> None:
    """Images near the edge differ by more than a factor across the particle."""
    one = phantom.misaligned_stack(
        4, shape=(80, 80), energy_ev=ENERGY_EV, noise=0.005, drift_px=0, magnified=False
    )
    x = np.linspace(-0.5, 0.5, 80)
    near = (one.images.energy_ev > 8335) & (one.images.energy_ev < 8352)
    tilted = np.where(near[:, None, None], one.images.od * (1 + 0.3 * x), one.images.od)
    found = txm.align_energies(replace(one.images, od=tilted))
    assert shift_error(found.shift_px, one) < 0.02


def test_repeats_are_aligned_apart_and_averaged_for_the_fit(case: phantom.MisalignedStack) -> None:
    images = case.images
    twice = np.r_[0:15, 6]
    repeated = OpticalDensity(
        energy_ev=images.energy_ev[twice] + np.r_[np.zeros(15), 0.01],
        theta=images.theta[twice],
        od=np.concatenate([images.od, np.roll(images.od[6:7], (2, -1), axis=(1, 2))]),
        variance=images.variance[twice],
        valid=images.valid[twice],
        pixel_size_um=images.pixel_size_um[twice],
    )
    found = txm.align_energies(repeated)
    assert found.energy_ev.size == 16
    np.testing.assert_allclose(found.shift_px[7] - found.shift_px[6], [2, -1], atol=0.02)
    stack = found.stack
    assert stack.energy_ev.size == 15
    np.testing.assert_allclose(stack.mu[6], found.mu[6:8].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(stack.variance[6], found.variance[6:8].sum(axis=0) / 4, rtol=1e-6)


def test_an_aligned_stack_survives_saving(aligned: AlignedStack, tmp_path: Path) -> None:
    aligned.save(tmp_path / "aligned.nxs")
    again = io.load(tmp_path / "aligned.nxs")["aligned_stack"]
    assert isinstance(again, AlignedStack)
    np.testing.assert_array_equal(again.mu, aligned.mu)
    np.testing.assert_array_equal(again.is_outlier, aligned.is_outlier)
    assert again.notes == aligned.notes
    assert again.pixel_size_um == aligned.pixel_size_um


# Hostile input ------------------------------------------------------------------------------------


def test_bad_images_are_flagged_left_out_and_do_no_harm(case: phantom.MisalignedStack) -> None:
    rng = np.random.default_rng(1)
    od = case.images.od.copy()
    od[0] = rng.normal(0.0, 0.1, od[0].shape)  # no sample
    od[3] = np.nan
    od[7] = 0.0
    od[11] = 0.5 * (od[11] + np.roll(od[11], 9, axis=0))  # the stage moved during the exposure
    found = txm.align_energies(replace(case.images, od=od))
    assert np.flatnonzero(found.is_outlier).tolist() == [0, 3, 7, 11]
    assert found.reference == 1
    good = ~found.is_outlier
    only = replace(case, shift_px=case.shift_px[good], magnification=case.magnification[good])
    assert shift_error(found.shift_px[good], only) < 0.02
    assert found.stack.energy_ev.size == 11
    assert "left out: 8250.0, 8310.0, 8345.0, 8400.0 eV" in found.stack.notes[-1]
    assert any("could not be aligned" in note for note in found.notes)


def test_images_that_show_nothing_are_an_error_and_one_image_is_not() -> None:
    def images(od: np.ndarray) -> OpticalDensity:
        n = len(od)
        unit = np.ones(n)
        return OpticalDensity(8300.0 + np.arange(n), 0 * unit, od, od * 0, od == od, unit)

    with pytest.raises(ConvergenceError, match="no image matches"):
        txm.align_energies(images(np.zeros((4, 32, 32))))
    with pytest.raises(ConvergenceError, match="no image matches"):
        txm.align_energies(images(np.full((2, 32, 32), np.nan)))
    one = txm.align_energies(images(np.ones((1, 32, 32))))
    assert one.shift_px.tolist() == [[0.0, 0.0]]
    assert "one image: nothing to align" in one.notes


def test_wrong_input_is_told_with_the_remedy(case: phantom.MisalignedStack) -> None:
    images = case.images
    stack = EnergyStack(images.energy_ev, images.od)
    for wrong, options, message in (
        (replace(images, theta=np.linspace(0, 1, 15)), {}, "several angles"),
        (replace(images, energy_ev=np.full(15, np.nan)), {}, "energy_ev is not known"),
        (EnergyStack(images.energy_ev, images.od[:, 0]), {}, "one 2-D image or 3-D tomogram"),
        (EnergyStack(images.energy_ev, images.od[:, :8, :8]), {}, "at least 16 pixels"),
        (stack, {"magnification": "size"}, '"energy", "find" or numbers'),
        (stack, {"magnification": [1.0, 2.0]}, "15 positive numbers"),
        (stack, {"edge_ev": 8000.0}, "must lie between the energies"),
        (stack, {"max_shift": -1.0}, "max_shift must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            txm.align_energies(wrong, **options)


def test_unknown_pixel_sizes_and_variances_are_carried_through(
    case: phantom.MisalignedStack,
) -> None:
    unknown = replace(
        case.images,
        pixel_size_um=np.full(15, np.nan),
        variance=np.full_like(case.images.od, np.nan),
        notes=("stitched from 2 × 3 tiles",),
    )
    found = txm.align_energies(unknown, edge_ev=8344.0)
    assert (found.magnification == 1.0).all()
    assert np.isnan(found.variance).all()
    assert any("pixel sizes unknown" in note for note in found.notes)
    assert found.notes[0] == "stitched from 2 × 3 tiles"
    none = txm.align_energies(EnergyStack(ENERGY_EV, case.images.od))
    assert none.variance is None


@pytest.mark.real_data
def test_the_real_6_2c_images_are_brought_together(real_data: Path) -> None:
    frames = io.read_frames(real_data / "ssrl-6-2c")
    # The middle of the field is enough, and its middle the middle of the magnification.
    images = txm.optical_density(replace(frames, counts=frames.counts[:, 256:768, 256:768]))
    found = txm.align_energies(images)
    assert found.magnification[1] == pytest.approx(8324.0 / 8354.0, rel=1e-6)
    assert not found.is_outlier.any()
    # The stage moved; parts of the field differ by some tenths of a pixel, which the notes tell.
    assert found.shift_px[1] == pytest.approx([20.7, 9.5], abs=0.6)
    assert any("quarters of the field differ by 0." in note for note in found.notes)
    assert (found.shift_std_px[1] < 0.15).all()
    assert np.abs(found.residual_px[1]).max() < 0.05

    def likeness(first: np.ndarray, second: np.ndarray) -> float:
        """Correlation of structure of 2 to 8 px, which a shift of 20 px takes out of step."""
        filled = [np.where(np.isfinite(i), i, np.nanmedian(i)) for i in (first, second)]
        bands = [ndimage.gaussian_filter(i, 2) - ndimage.gaussian_filter(i, 8) for i in filled]
        return float(np.corrcoef(*(band[60:-60, 60:-60].ravel() for band in bands))[0, 1])

    before, after = likeness(*images.od), likeness(*found.mu)
    assert after > 0.5
    assert abs(before) < 0.3
