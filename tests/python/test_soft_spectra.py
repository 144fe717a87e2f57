"""L3 ratio and O K pre-edge: phantom truth, errors that mean something, hostile input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmcx import io, phantom, plot, spectra
from nmcx.errors import ConvergenceError
from nmcx.results import PeakRatio, Spectrum
from nmcx.spectra.soft_background import arctan_step, two_steps

SEEDS = range(1, 101)


@pytest.fixture(scope="module")
def clean() -> phantom.SoftSpectra:
    return phantom.soft_spectra(counts=None)


@pytest.fixture(scope="module")
def noisy() -> list[phantom.SoftSpectra]:
    return [phantom.soft_spectra(counts=2e4, seed=seed) for seed in SEEDS]


def ratio_of(scan: Spectrum, **options: object) -> PeakRatio:
    normal = spectra.normalise_soft(scan)
    return spectra.l3_ratio(
        normal.energy_ev, normal.mu, variance=normal.variance, mode=scan.mode, **options
    )


# Phantom -----------------------------------------------------------------------------------------


def test_a_yield_sees_the_depth_integral_of_the_layer() -> None:
    made = phantom.soft_spectra(layer_nm=12.0, tey_depth_nm=6.0, fy_depth_nm=80.0, counts=None)
    depth = np.linspace(0.0, 3000.0, 300_001)
    profile = 0.7 - 0.6 * np.exp(-depth / 12.0)
    for i, probing in enumerate((6.0, 80.0)):
        weight = np.exp(-depth / probing)
        seen = np.trapezoid(profile * weight, depth) / np.trapezoid(weight, depth)
        assert made.ni3_fraction[i, 1] == pytest.approx(seen, abs=1e-6)
    assert made.suppression[0] > made.suppression[1] > 0


def test_steps_stand_two_to_one() -> None:
    # Far from both centres an arctan is off by width / (pi distance): 1e-6 here.
    far = two_steps([-1e6, 8.65, 1e6], 0.0, 1e-6, 17.3)
    np.testing.assert_allclose(far, [0.0, 2 / 3, 1.0], atol=1e-6)
    assert arctan_step([535.0, 536.0], 535.0, 1.0) == pytest.approx([0.5, 0.75])


# L3 ratio ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["parabola", "fit"])
def test_the_ratio_is_that_of_the_phantom(clean: phantom.SoftSpectra, method: str) -> None:
    for i, pair in enumerate((clean.nickel_tey, clean.nickel_fy)):
        for j, scan in enumerate(pair):
            found = ratio_of(scan, method=method)
            # L2's nearest peak reaches 1e-6 of itself into the flat part between both edges.
            assert found.ratio == pytest.approx(clean.ratio[i, j], rel=2e-5)
            assert found.xi == pytest.approx(found.ratio / (1 + found.ratio))
            assert (found.low_ev, found.high_ev) == pytest.approx((854.0, 856.2), abs=0.05)


def test_pulls_of_the_ratio_have_width_one(noisy: list[phantom.SoftSpectra]) -> None:
    for method in ("parabola", "fit"):
        pulls = []
        for made in noisy:
            scan = made.nickel_tey[1]
            found = spectra.l3_ratio(scan.energy_ev, scan.mu, variance=scan.variance, method=method)
            pulls.append((found.ratio - made.ratio[0, 1]) / found.ratio_std)
        # 100 pulls know their width to 7 % and their mean to 0.1.
        assert 0.85 < np.std(pulls) < 1.15
        assert abs(np.mean(pulls)) < 0.35


@pytest.mark.parametrize("method", ["parabola", "fit"])
def test_noise_moves_no_point_across_the_end_of_a_window(method: str) -> None:
    # Between two draws of the noise the ratio changes smoothly. Peaks at 854.0 and 856.2 eV put
    # points of the grid just where windows would end, so a window that follows the noise jumps.
    one, other = (
        phantom.soft_spectra(counts=2e4, step_ev=0.2, seed=seed).nickel_tey[1] for seed in (1, 2)
    )
    ratios = np.array(
        [
            spectra.l3_ratio(
                one.energy_ev, one.mu + t * (other.mu - one.mu), variance=one.variance,
                method=method,
            ).ratio
            for t in np.linspace(0.0, 1.0, 41)
        ]
    )  # fmt: skip
    assert np.abs(np.diff(ratios, 3)).max() < 1e-3 * np.ptp(ratios)


def test_without_variance_the_misfit_gives_the_error() -> None:
    made = phantom.soft_spectra(counts=2e4)
    scan = spectra.normalise_soft(made.nickel_tey[0])
    known = spectra.l3_ratio(scan.energy_ev, scan.mu, variance=scan.variance)
    guessed = spectra.l3_ratio(scan.energy_ev, scan.mu)
    # White noise stands for Poisson's, which is up to twice as wide at the peaks.
    assert 0.4 < guessed.ratio_std / known.ratio_std < 1.6
    assert any("roughness" in note for note in guessed.notes)


@pytest.mark.parametrize("method", ["parabola", "fit"])
def test_scale_and_energy_offset_do_not_matter(clean: phantom.SoftSpectra, method: str) -> None:
    scan = clean.nickel_tey[0]
    one = spectra.l3_ratio(scan.energy_ev, scan.mu, method=method)
    sloped = 17.0 * scan.mu + 4.0 + 0.05 * (scan.energy_ev - 850.0)
    moved = spectra.l3_ratio(scan.energy_ev - 3.1, sloped, method=method)
    # The least-squares fit stops at a relative step of 1e-8.
    assert moved.ratio == pytest.approx(one.ratio, rel=1e-5)
    assert moved.low_ev == pytest.approx(one.low_ev - 3.1, abs=1e-4)
    assert moved.step_height == pytest.approx(17.0 * one.step_height, rel=1e-4)


def test_the_gradient_is_that_of_finite_differences() -> None:
    whole = phantom.soft_spectra(counts=1e4, step_ev=0.2).nickel_tey[0]
    assert whole.variance is not None
    near = (whole.energy_ev > 846.0) & (whole.energy_ev < 862.0)
    scan = Spectrum(whole.energy_ev[near], whole.mu[near], variance=whole.variance[near])
    assert scan.variance is not None
    for method in ("parabola", "fit"):
        base = spectra.l3_ratio(scan.energy_ev, scan.mu, variance=scan.variance, method=method)
        total = 0.0
        for i in range(scan.mu.size):
            moved = np.array(scan.mu)
            moved[i] += 2e-4
            other = spectra.l3_ratio(scan.energy_ev, moved, variance=scan.variance, method=method)
            total += ((other.ratio - base.ratio) / 2e-4) ** 2 * scan.variance[i]
        # First order is all there is, but for the noise in the curvature of the misfit.
        assert base.ratio_std == pytest.approx(np.sqrt(total), rel=0.02)


def test_a_scan_that_ends_before_l2_is_enough(clean: phantom.SoftSpectra) -> None:
    scan = clean.nickel_tey[1]
    short = scan.energy_ev < 866.0
    found = spectra.l3_ratio(scan.energy_ev[short], scan.mu[short])
    assert found.ratio == pytest.approx(clean.ratio[0, 1], rel=5e-3)


def test_self_absorption_pulls_the_ratio_to_one_and_is_warned_of() -> None:
    made = phantom.soft_spectra(counts=None, self_absorption=0.3, ni3_fraction=0.9)
    bent, straight = ratio_of(made.nickel_fy[0]), ratio_of(made.nickel_tey[0])
    assert 1.0 < bent.ratio < straight.ratio - 0.1
    assert any("self-absorption" in note for note in bent.notes)
    assert not any("self-absorption" in note for note in straight.notes)


# O K pre-edge ------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", ["step", "bridge"])
def test_the_area_is_that_of_the_phantom(clean: phantom.SoftSpectra, background: str) -> None:
    for scan, truth in zip(clean.oxygen_tey, clean.pre_edge_area[0], strict=True):
        normal = spectra.normalise_soft(scan)
        found = spectra.pre_edge_area(normal.energy_ev, normal.mu, background=background)
        # The jump at the end of the scan is 6 % below that of the phantom, whose arctan has not
        # ended and whose beam slopes; a bridge takes off another few percent.
        assert found.area == pytest.approx(truth, rel=0.08)
        assert found.height_ev == pytest.approx(530.3, abs=0.03)
        assert found.centroid_ev == pytest.approx(530.3, abs=0.05)


def test_a_peak_on_a_line_is_measured_exactly() -> None:
    energy = np.arange(518.0, 552.0, 0.1)
    peak = 0.4 * np.exp(-0.5 * ((energy - 530.0) / 0.6) ** 2)
    far_edge = np.where(energy > 534.0, np.minimum(energy - 534.0, 1.0), 0.0)
    found = spectra.pre_edge_area(energy, peak + far_edge, background="bridge")
    # Nothing but the Gaussian lies in the window; its tails beyond 3 sigma are below 1e-4.
    assert found.area == pytest.approx(0.4 * 0.6 * np.sqrt(2 * np.pi), rel=2e-3)
    assert found.height == pytest.approx(0.4, rel=2e-3)
    assert found.centroid_ev == pytest.approx(530.0, abs=1e-3)


@pytest.mark.parametrize("background", ["step", "bridge"])
def test_pulls_of_area_centroid_and_height_have_width_one(
    noisy: list[phantom.SoftSpectra], background: str
) -> None:
    found = []
    for made in noisy:
        normal = spectra.normalise_soft(made.oxygen_tey[0])
        peak = spectra.pre_edge_area(
            normal.energy_ev, normal.mu, variance=normal.variance, background=background,
            window_ev=(527.0, 532.5), scale_std=float(normal.metadata["scale_std"]),
        )  # fmt: skip
        found.append(
            (peak.area, peak.area_std, peak.centroid_ev, peak.centroid_std_ev, peak.height,
             peak.height_std)
        )  # fmt: skip
    values = np.array(found)
    # 100 values know their spread to 7 %. Area and scale share the baseline, whose noise partly
    # cancels: adding their errors in squares is up to a fifth too careful.
    assert 0.7 < values[:, 0].std() / values[:, 1].mean() < 1.15
    assert 0.85 < values[:, 2].std() / values[:, 3].mean() < 1.15
    assert 0.75 < values[:, 4].std() / values[:, 5].mean() < 1.2


def test_a_pre_edge_that_is_nearly_gone_needs_its_place() -> None:
    made = phantom.soft_spectra(counts=None)
    scan = spectra.normalise_soft(made.oxygen_tey[0])
    without = scan.mu - 0.54 * np.exp(-0.5 * ((scan.energy_ev - 530.3) / 0.75) ** 2)
    rough = without + 0.01 * np.random.default_rng(1).standard_normal(without.size)
    with pytest.raises(ConvergenceError, match="give peak_ev"):
        spectra.pre_edge_area(scan.energy_ev, rough - 0.02 * (np.abs(scan.energy_ev - 530.3) < 1))
    found = spectra.pre_edge_area(scan.energy_ev, rough, peak_ev=530.3)
    assert abs(found.area) < 5 * found.area_std + 0.1


# Normalisation -----------------------------------------------------------------------------------


def test_the_beam_is_divided_out(clean: phantom.SoftSpectra) -> None:
    scan = clean.oxygen_tey[0]
    beam = 1e6 * np.linspace(2.0, 1.0, scan.mu.size) ** 2
    lit = spectra.divide_by_i0(scan.energy_ev, scan.mu * beam, beam, mode="tey", name=scan.name)
    np.testing.assert_allclose(
        spectra.normalise_soft(lit).mu, spectra.normalise_soft(scan).mu, atol=1e-12
    )
    np.testing.assert_array_equal(lit.i0, beam)
    assert (lit.mode, lit.name, lit.variance) == ("tey", scan.name, None)


def test_the_variance_of_a_division_is_that_of_counting_both() -> None:
    rng = np.random.default_rng(1)
    signal, beam = rng.poisson(900.0, 200_000), rng.poisson(1600.0, 200_000)
    energy = np.array([850.0])
    made = spectra.divide_by_i0(energy, [900], [1600], variance=[900], i0_variance=[1600])
    assert made.variance is not None
    # 200,000 draws: the variance to 0.3 %, the second order of the ratio below 0.3 %.
    assert made.variance[0] == pytest.approx(np.var(signal / beam), rel=0.015)
    quiet = spectra.divide_by_i0(energy, [900], [1600], variance=[900])
    assert quiet.variance is not None
    assert quiet.variance[0] == pytest.approx(900 / 1600**2)


def test_a_drifting_beam_leaves_the_numbers_within_their_errors() -> None:
    still = [phantom.soft_spectra(i0_drift=0.0, seed=seed) for seed in range(1, 9)]
    drift = [phantom.soft_spectra(i0_drift=0.6, seed=100 + seed) for seed in range(1, 9)]
    values = [[ratio_of(made.nickel_tey[0]) for made in group] for group in (still, drift)]
    means, errors = (
        [np.mean([getattr(one, name) for one in group]) for group in values]
        for name in ("ratio", "ratio_std")
    )
    # The beam divided out twice would tilt the ratio by 4 %, twenty times this.
    assert abs(means[1] - means[0]) < 4 * np.hypot(*errors) / np.sqrt(8)
    assert means[1] == pytest.approx(still[0].ratio[0, 0], abs=4 * errors[1] / np.sqrt(8))
    # Up to 60 % of the beam lost, up to 60 % more variance.
    assert 1.0 < errors[1] / errors[0] < 1.3


def test_a_file_gives_what_the_arrays_give(tmp_path: Path) -> None:
    made = phantom.soft_spectra(i0_drift=0.6)
    for scan, name in ((made.nickel_tey[0], "nickel.txt"), (made.oxygen_tey[0], "oxygen.txt")):
        assert scan.i0 is not None and scan.variance is not None
        beam = np.round(100 * scan.i0)
        counts = np.round(scan.mu * scan.i0)
        file = tmp_path / name
        columns = np.column_stack([scan.energy_ev, beam, counts])
        np.savetxt(file, columns, fmt="%.3f %d %d", header="energy i0 tey")
        read = io.read_spectrum(file)
        # The monitor of the file counts a hundred times more than that of the phantom.
        np.testing.assert_allclose(100 * read.mu, scan.mu, rtol=1e-12)
        assert read.variance is not None
        np.testing.assert_allclose(1e4 * read.variance, scan.variance, rtol=1e-9)
        one, other = (spectra.normalise_soft(s) for s in (read, scan))
        np.testing.assert_allclose(one.mu, other.mu, atol=1e-9)
        # As the phantom made it: a beam that fell by 60 % and was divided out twice or never
        # leaves a slope of more than a jump over the scan.
        straight = spectra.normalise_soft(
            getattr(phantom.soft_spectra(counts=None), f"{file.stem}_tey")[0]
        )
        assert np.max(np.abs(one.mu - straight.mu)) < 0.1
    found = spectra.suppression(
        *(replace(scan, i0=None) for scan in made.oxygen_tey), n_bootstrap=100
    )
    # I0 is a record: without it nothing changes.
    assert found == spectra.suppression(*made.oxygen_tey, n_bootstrap=100)


def test_each_method_scales_to_one(clean: phantom.SoftSpectra) -> None:
    scan = replace(clean.oxygen_tey[0], mu=5.0 + 3.0 * clean.oxygen_tey[0].mu)
    jump = spectra.normalise_soft(scan, post_edge=(546.0, 552.0))
    assert jump.mu[jump.energy_ev >= 546].mean() == pytest.approx(1.0)
    area = spectra.normalise_soft(scan, method="area")
    reach = area.energy_ev >= 524.0
    span = float(np.ptp(area.energy_ev[reach]))
    assert np.trapezoid(area.mu[reach], area.energy_ev[reach]) / span == pytest.approx(
        1.0, abs=1e-3
    )
    limits = spectra.normalise_soft(scan, method="minmax").mu
    assert (limits.min(), limits.max()) == pytest.approx((0.0, 1.0))
    with pytest.raises(ValueError, match="method must be one of"):
        spectra.normalise_soft(scan, method="max")


# Hostile input -----------------------------------------------------------------------------------


def test_order_does_not_matter(clean: phantom.SoftSpectra) -> None:
    order = np.random.default_rng(1).permutation(clean.nickel_tey[0].mu.size)
    scan = clean.nickel_tey[0]
    mixed = spectra.l3_ratio(scan.energy_ev[order], scan.mu[order])
    assert mixed.ratio == spectra.l3_ratio(scan.energy_ev, scan.mu).ratio
    assert "energies sorted" in mixed.notes


def test_points_without_a_value_are_left_out(clean: phantom.SoftSpectra) -> None:
    scan = clean.nickel_tey[0]
    holed = np.array(scan.mu)
    holed[::17] = np.nan
    found = spectra.l3_ratio(scan.energy_ev, holed)
    assert found.ratio == pytest.approx(clean.ratio[0, 0], rel=2e-3)
    assert any("without a value" in note for note in found.notes)


def test_useless_input_is_refused_with_a_remedy(clean: phantom.SoftSpectra) -> None:
    nickel, oxygen = clean.nickel_tey[0], clean.oxygen_tey[0]
    for measure, scan in ((spectra.l3_ratio, nickel), (spectra.pre_edge_area, oxygen)):
        energy, mu = scan.energy_ev, scan.mu
        with pytest.raises(ValueError, match="keV: multiply"):
            measure(energy / 1000, mu)
        with pytest.raises(ValueError, match="NaN or Inf"):
            measure(np.where(energy > energy.mean(), np.nan, energy), mu)
        with pytest.raises(ValueError, match="a spectrum needs 12"):
            measure(energy, np.full_like(mu, np.nan))
        with pytest.raises(ValueError, match="twice"):
            measure(np.round(energy / 2) * 2, mu)
        with pytest.raises(ValueError, match="points for"):
            measure(energy, mu[1:])
        with pytest.raises(ValueError, match="variance must be positive"):
            measure(energy, mu, variance=np.zeros_like(mu))
        with pytest.raises(ConvergenceError):
            measure(energy, np.ones_like(mu))
        with pytest.raises((ConvergenceError, ValueError)):
            measure(energy, -mu)
        noise = np.random.default_rng(1).standard_normal(mu.size)
        with pytest.raises((ConvergenceError, ValueError)):
            measure(energy, noise, variance=np.ones_like(mu))
    with pytest.raises(ValueError, match="at least 5 eV below"):
        spectra.l3_ratio(
            nickel.energy_ev[nickel.energy_ev > 851], nickel.mu[nickel.energy_ev > 851]
        )
    short = nickel.energy_ev < 858.5
    with pytest.raises(ValueError, match="6 eV above"):
        spectra.l3_ratio(nickel.energy_ev[short], nickel.mu[short])
    late = oxygen.energy_ev > 529.0
    with pytest.raises(ValueError, match="start it below"):
        spectra.pre_edge_area(oxygen.energy_ev[late], oxygen.mu[late])
    early = oxygen.energy_ev < 533.0
    with pytest.raises(ConvergenceError, match="end the scan above"):
        spectra.pre_edge_area(oxygen.energy_ev[early], oxygen.mu[early])


def test_a_division_that_means_nothing_is_refused() -> None:
    energy, counts = np.arange(850.0, 854.0), np.full(4, 100.0)
    for beam in (np.zeros(4), -counts, np.full(4, np.nan), [1, 1, 0, 1], [1, 1, np.inf, 1]):
        with pytest.raises(ValueError, match="i0 must be positive"):
            spectra.divide_by_i0(energy, counts, beam)
    with pytest.raises(ValueError, match="i0 has 3 points for 4"):
        spectra.divide_by_i0(energy, counts, counts[1:])
    with pytest.raises(ValueError, match="variance must not be negative"):
        spectra.divide_by_i0(energy, counts, counts, variance=-counts)
    with pytest.raises(ValueError, match="give that of the signal"):
        spectra.divide_by_i0(energy, counts, counts, i0_variance=counts)
    with pytest.raises(ValueError, match="transmission"):
        spectra.divide_by_i0(energy, counts, counts, mode="transmission")
    with pytest.raises(ValueError, match="real numbers"):
        spectra.divide_by_i0(energy, ["much"] * 4, counts)
    holed = spectra.divide_by_i0(energy, counts, [100, np.nan, 100, 100], variance=counts)
    assert np.isnan(holed.mu).tolist() == [False, True, False, False]


def test_a_constant_below_zero_does_not_matter(clean: phantom.SoftSpectra) -> None:
    # Electrometers give currents of either sign.
    scan = clean.oxygen_tey[0]
    one = spectra.pre_edge_area(scan.energy_ev, scan.mu)
    other = spectra.pre_edge_area(scan.energy_ev, scan.mu - 50.0)
    assert other.area == pytest.approx(one.area, rel=1e-9)


# Figure ------------------------------------------------------------------------------------------


def test_the_figure_says_ratio_and_suppression() -> None:
    made = phantom.soft_spectra()
    pairs = (made.nickel_tey, made.nickel_fy, made.oxygen_tey, made.oxygen_fy)
    figure = plot.soft_spectra_figure(*pairs, n_bootstrap=100)
    figure.draw_without_rendering()
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title[0] for title in titles] == list("abcd")
    assert all("[eV]" in ax.get_xlabel() for ax in figure.axes)
    assert "high/low" in figure.axes[0].get_legend().get_texts()[0].get_text()
    assert "95 %" in figure.axes[2].texts[0].get_text()
    with pytest.raises(ValueError, match="two spectra"):
        plot.soft_spectra_figure(pairs[0][:1], *pairs[1:])
