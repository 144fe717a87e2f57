"""The phantom of pair scans against its own formulae, and the ratio map against the phantom."""

from __future__ import annotations

import numpy as np
import pytest

from nmcx import phantom, surface
from nmcx.errors import ConvergenceError
from nmcx.results import Shift

COATED_SEED = 3  # its coatings lie on the particle


def test_one_seed_gives_one_pair_and_another_seed_another() -> None:
    first, again, other = (phantom.pair_scans(seed) for seed in (1, 1, 2))
    assert np.array_equal(first.high.counts, again.high.counts)
    assert not np.array_equal(first.high.counts, other.high.counts)
    assert [float(s.energy_ev[0]) for s in (first.low, first.high, first.background)] == [
        854.0,
        856.2,
        848.0,
    ]


def test_a_whole_pixel_drift_moves_the_image_and_nothing_else() -> None:
    # Counts so high that noise is a millionth: what is left is the rendering.
    bright = {"counts": 1e12, "defocus_px": 0.0}
    still = phantom.pair_scans(1, drift_px=(0.0, 0.0), **bright).high.counts[0]
    moved = phantom.pair_scans(1, drift_px=(4.0, -7.0), **bright).high.counts[0]
    assert np.allclose(moved[4:, :-7], still[:-4, 7:], rtol=1e-5, atol=1e6)


def test_the_truth_follows_from_noise_free_scans() -> None:
    made = phantom.pair_scans(
        COATED_SEED,
        counts=1e12,
        drift_px=(0.0, 0.0),
        background_drift_px=(0.0, 0.0),
        carbon=0.2,
        platinum=0.1,
    )
    low, high, below = (s.counts[0] for s in (made.low, made.high, made.background))
    some = np.isfinite(made.xi) & (made.nickel_share > 0.05)
    assert np.allclose(((high - below) / (low + high - 2 * below))[some], made.xi[some], atol=1e-4)
    assert np.allclose((high / (low + high))[some], made.raw_xi[some], atol=1e-5)
    # What is not nickel's is equal at both energies: it pulls the ratio towards a half.
    diluted = 0.5 + (made.xi - 0.5) * made.nickel_share
    assert np.allclose(diluted[some], made.raw_xi[some], atol=1e-9)
    assert np.allclose(made.expected_counts, low + high, rtol=1e-4)


def test_coatings_hide_the_nickel_and_platinum_shines() -> None:
    options = {"counts": 1e6, "pre_edge": 0.1, "drift_px": (0.0, 0.0)}
    none = phantom.pair_scans(COATED_SEED, **options)
    carbon = phantom.pair_scans(COATED_SEED, carbon=0.3, **options)
    platinum = phantom.pair_scans(COATED_SEED, platinum=0.2, **options)
    assert not none.coated.any() and none.bare.sum() > 700
    # A bare particle has 0.2 of yield that is not nickel's to 1 that is, wherever one looks. Bare
    # admits a thousandth of support in the spot, whose yield is 0.04.
    assert np.allclose(none.nickel_share[none.bare], 1 / 1.2, atol=4e-5)
    for made in (carbon, platinum):
        assert made.coated.sum() > 20 and not (made.coated & made.bare).any()
        # The coating's edge is soft over a few pixels and the spot reaches further.
        assert made.nickel_share[made.coated].max() < 0.1
        assert np.array_equal(made.low.counts[0][made.bare] > 0, none.low.counts[0][made.bare] > 0)
    # Flat, 0.8 of platinum shows against 1.2 of particle, 0.3 of carbon likewise.
    for made, share in ((carbon, 0.3 / 1.2), (platinum, 0.8 / 1.2)):
        seen = made.coated & none.bare
        ratio = made.expected_counts[seen] / none.expected_counts[seen]
        assert np.median(ratio) == pytest.approx(share, rel=0.05)


def test_pulse_counting_is_poisson_and_an_electrometer_adds_its_own_noise() -> None:
    seeds, given = range(1, 4), {"counts": 400.0, "dwell_s": 0.02, "dark_rate": 500.0}
    for gain, read_noise in ((None, 0.0), (2e-12, 3e-11)):
        unit = 1.0 if gain is None else gain
        z = []
        for seed in seeds:
            options = {"drift_px": (0.0, 0.0), "i0": (1.0, 1.3, 0.9)}
            made = phantom.pair_scans(seed, gain=gain, read_noise=read_noise, **given, **options)
            mean = unit * made.expected_counts
            both = made.low.counts[0] + made.high.counts[0]
            z.append((both - mean) / np.sqrt(unit * mean + 2 * read_noise**2))
        # 10 800 pixels: mean to 0.01, width to 0.007; four of each.
        assert abs(np.mean(z)) < 0.04 and np.std(z) == pytest.approx(1.0, abs=0.03)


def test_defocus_blurs_the_high_energy_scan_alone() -> None:
    options = {"counts": 1e8, "drift_px": (0.0, 0.0)}
    sharp, soft = (phantom.pair_scans(1, defocus_px=blur, **options) for blur in (0.0, 1.0))
    assert np.array_equal(sharp.low.counts, soft.low.counts)

    def roughness(scan: object) -> float:
        return float(np.hypot(*np.gradient(scan.counts[0])).max())  # type: ignore[attr-defined]

    assert roughness(soft.high) < 0.8 * roughness(sharp.high)
    assert np.array_equal(sharp.xi, soft.xi, equal_nan=True)


@pytest.mark.parametrize("drift", [(0.0, 0.0), (3.37, -2.62), (15.0, -15.0)])
@pytest.mark.parametrize("counts", [50.0, 500.0, 5000.0])
def test_the_ratio_map_is_unbiased_and_its_errors_are_honest(
    counts: float, drift: tuple[float, float]
) -> None:
    pulls, errors = [], []
    for seed in range(1, 4):
        made = phantom.pair_scans(seed, counts=counts, drift_px=drift, pre_edge=0.0)
        found = surface.xi_map(made.low, made.high, min_counts=1)
        seen = found.valid & made.bare
        error = (found.xi - made.xi)[seen]
        pulls.append(error / found.xi_std[seen])
        errors.append(float(error.mean()))
        assert np.array_equal(np.isfinite(found.xi), found.valid)
        assert np.array_equal(np.isfinite(found.xi_std), found.valid)
    low, high = np.quantile(np.concatenate(pulls), (0.159, 0.841))
    # 2400 pixels, of which interpolation makes neighbours alike: 2 % of width, the goal is 10 %.
    assert 0.5 * (high - low) == pytest.approx(1.0, abs=0.1)
    # Counting scatters the mean of 2400 pixels by 0.07 / 49 at 50 counts: three of them.
    assert abs(np.mean(errors)) < max(0.002, 3.0 * 0.5 / np.sqrt(counts * 2400))


def test_transmission_scans_hold_the_same_ratio() -> None:
    made = phantom.pair_scans(
        1, counts=2e5, mode="transmission", pre_edge=0.0, drift_px=(2.3, -1.6)
    )
    found = surface.xi_map(made.low, made.high, mode="transmission")
    thick = found.valid & made.bare & (found.low > 0.3)
    assert thick.sum() > 400
    # The open field is measured too, here with 2 % of a support in it.
    assert abs(np.mean((found.xi - made.raw_xi)[thick])) < 0.002
    # A pixel's 0.45 % of noise at each energy gives 0.003 of ratio at an optical density of one.
    assert np.std((found.xi - made.raw_xi)[thick]) < 0.012


def test_the_true_drift_gives_what_registration_gives() -> None:
    made = phantom.pair_scans(2, counts=5000, pre_edge=0.0)
    known = surface.xi_map(made.low, made.high, shift=made.shift)
    found = surface.xi_map(made.low, made.high)
    assert np.hypot(known.shift.dy - found.shift.dy, known.shift.dx - found.shift.dx) < 0.15
    error = (known.xi - made.xi)[known.valid & made.bare]
    wrong = surface.xi_map(made.low, made.high, shift=Shift(0.0, 0.0, 0.0))
    away = (wrong.xi - made.xi)[wrong.valid & made.bare]
    assert np.std(away) > 3 * np.std(error)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "fluorescence"}, "mode"),
        ({"shape": (60, 8)}, "shape"),
        ({"i0": (1.0, 0.0, 1.0)}, "i0"),
        ({"counts": 0.0}, "counts"),
        ({"gain": 0.0}, "gain"),
        ({"dark_rate": -1.0}, "dark_rate"),
        ({"carbon": 1.0}, "carbon"),
    ],
)
def test_numbers_out_of_range_are_named(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        phantom.pair_scans(1, **options)


@pytest.mark.parametrize("counts", [500.0, 5000.0])
def test_another_particle_of_like_outline_is_refused(counts: float) -> None:
    for seed in range(2, 8):
        made = phantom.pair_scans(seed, counts=counts)
        other = phantom.pair_scans(1000 + seed, counts=counts)
        with pytest.raises(ConvergenceError, match=r"texture does not|cannot be registered"):
            surface.xi_map(made.low, other.high)
        surface.xi_map(made.low, made.high)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_scan_below_the_edge_of_a_coated_particle_is_a_background(seed: int) -> None:
    # Without nickel its texture is another one: coatings stand out, and that is no other particle.
    made = phantom.pair_scans(seed, counts=3000, carbon=0.2)
    found = surface.xi_map(made.low, made.high, background=made.background)
    # At the rim a fraction of a pixel of drift is all there is to see.
    face = found.valid & (made.nickel_share > 0.6)
    error = (found.xi - made.xi)[face]
    assert np.count_nonzero(face) > 500
    assert abs(np.median(error)) < 0.005


def test_a_drift_during_the_scan_is_found_and_taken_out() -> None:
    better = 0
    for seed in range(1, 7):
        made = phantom.pair_scans(seed, counts=5e3, scan_drift_px=(-1.2, 1.0))
        found = surface.xi_map(made.low, made.high, background=made.background)
        assert made.motion is not None and found.motion is not None
        growth = np.array(found.motion.growth(60))
        # Errors of single pairs: 0.1 px along the rows, 0.2 px across (100 seeds, verification).
        assert np.all(np.abs(growth - (-1.2, 1.0)) < (0.4, 0.7))
        assert np.all(np.abs(found.motion.offset - made.motion.offset) < 5 * found.shift.std)
        assert "its drift grew by" in " ".join(found.notes)
        plain = surface.xi_map(
            made.low, made.high, background=made.background, motion="translation"
        )
        assert plain.motion is None
        errors = [
            float(np.sqrt(np.mean((one.xi - made.xi)[one.valid & made.bare] ** 2)))
            for one in (found, plain)
        ]
        better += errors[0] < errors[1]
    assert better == 6
    asked = surface.xi_map(made.low, made.high, motion="drift")
    assert asked.motion is not None
    with pytest.raises(ValueError, match="motion must be"):
        surface.xi_map(made.low, made.high, motion="affine")


def test_the_truth_of_a_drift_during_the_scan_maps_pixels_to_pixels() -> None:
    # So bright that the counts are the formula; inside, where the spot sees no border.
    made = phantom.pair_scans(2, counts=1e12, scan_drift_px=(1.5, -0.9))
    assert made.motion is not None
    back, _ = surface.resampled(
        made.high.counts[0], np.ones(made.high.counts[0].shape), made.motion
    )
    still = phantom.pair_scans(2, counts=1e12, drift_px=(0.0, 0.0)).high.counts[0]
    inner = np.s_[8:-8, 8:-8]
    change = (back - still)[inner] / still.max()
    # Cubic interpolation of a spot of 0.7 px errs by a per cent at the outline.
    assert float(np.sqrt(np.nanmean(change**2))) < 0.006


def test_chemistry_is_not_taken_for_a_drift_during_the_scan() -> None:
    for seed in range(1, 16):
        made = phantom.pair_scans(seed, counts=2e3)
        assert surface.xi_map(made.low, made.high).motion is None


def test_a_particle_that_half_looks_like_another_is_refused() -> None:
    # The likest of 200 pairs: 53 % of the correlation that one particle would have.
    low, high = phantom.pair_scans(56, counts=1000).low, phantom.pair_scans(1056, counts=1000).high
    with pytest.raises(ConvergenceError, match="texture does not"):
        surface.xi_map(low, high)
