"""Energies of the doublet, images taken there, and what an energy error does to xi."""

import numpy as np
import pytest

from nmcx import surface
from nmcx.errors import ConvergenceError
from nmcx.results import Doublet, Shift, Spectrum, StxmStack


def gaussian(energy, centre, width):
    return np.exp(-0.5 * ((energy - centre) / width) ** 2)


def nickel(energy, low_ev=854.0, ratio=0.8, width=0.55, split=2.2):
    """L3 doublet, L2 17 eV above, two arctan steps: not the model that is fitted."""
    steps = sum(
        h * (0.5 + np.arctan((energy - low_ev - at) / 0.4) / np.pi)
        for h, at in ((0.14, 2.0), (0.07, 19.0))
    )
    peaks = gaussian(energy, low_ev, width) + ratio * gaussian(energy, low_ev + split, width)
    second = 0.3 * gaussian(energy, low_ev + 17.0, 0.8) + 0.3 * gaussian(energy, low_ev + 19, 0.8)
    return 0.3 - 0.002 * (energy - low_ev) + steps + peaks + second


@pytest.mark.parametrize("low_ev", [850.91, 854.0, 857.3])
@pytest.mark.parametrize("ratio", [0.4, 0.8, 1.0, 1.6])
def test_the_doublet_is_found_on_any_energy_scale(low_ev, ratio):
    energy = low_ev - 12 + np.arange(0, 45, 0.15)
    random = np.random.default_rng(1)
    values = random.poisson(20000 * nickel(energy, low_ev, ratio)) / 20000
    order = random.permutation(energy.size)
    found = surface.find_doublet(energy[order], values[order])
    # Model (one step, no slope) and truth (two steps, slope) differ: up to 0.015 eV.
    assert found.low_ev == pytest.approx(low_ev, abs=0.03)
    assert found.high_ev == pytest.approx(low_ev + 2.2, abs=0.03)
    assert found.split_ev == pytest.approx(found.high_ev - found.low_ev)
    assert 0 < found.low_std_ev < 0.1 and 0 < found.high_std_ev < 0.1


def test_the_doublet_moves_with_the_scale_and_not_with_the_intensity():
    energy = np.arange(845.0, 862.0, 0.2)
    base = surface.find_doublet(energy, nickel(energy))
    moved = surface.find_doublet(energy - 3.1, 50 * nickel(energy) + 400)
    assert moved.low_ev + 3.1 == pytest.approx(base.low_ev, abs=1e-4)
    assert moved.split_ev == pytest.approx(base.split_ev, abs=1e-4)
    assert moved.high_height == pytest.approx(50 * base.high_height, rel=1e-3)


def test_the_errors_of_the_doublet_match_its_scatter():
    energy = np.arange(847.0, 862.0, 0.2)

    def lorentzian(centre):
        return 1 / (1 + ((energy - centre) / 0.6) ** 2)

    truth = 0.3 + lorentzian(854.0) + 0.7 * lorentzian(856.2)
    pulls = []
    for seed in range(1, 81):
        noisy = truth + np.random.default_rng(seed).normal(0, 0.03, energy.size)
        found = surface.find_doublet(energy, noisy)
        pulls.append((found.low_ev - 854.0) / found.low_std_ev)
        pulls.append((found.high_ev - 856.2) / found.high_std_ev)
    # 160 pulls know their width to 5.6 %, three of each.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.17)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(160)


@pytest.mark.parametrize("kind", ["one peak", "noise", "too wide", "constant"])
def test_a_spectrum_without_a_doublet_says_so(kind):
    energy = np.arange(845.0, 866.0, 0.2)
    values = {
        "one peak": gaussian(energy, 854.0, 0.6),
        "noise": np.random.default_rng(1).normal(0, 1, energy.size),
        "too wide": gaussian(energy, 854.0, 0.5) + 0.8 * gaussian(energy, 858.0, 0.5),
        "constant": np.ones(energy.size),
    }[kind]
    values = values + np.random.default_rng(2).normal(0, 0.003, energy.size) * (kind != "constant")
    with pytest.raises(ConvergenceError, match=r"no two peaks 2.2 eV apart"):
        surface.find_doublet(energy, values)


def test_the_window_chooses_the_edge():
    energy = np.arange(760.0, 870.0, 0.25)
    cobalt = 3.0 * gaussian(energy, 780.0, 1.0)
    found = surface.find_doublet(energy, nickel(energy) + cobalt, window_ev=(845.0, 862.0))
    assert found.low_ev == pytest.approx(854.0, abs=0.1)
    with pytest.raises(ValueError, match="at least 9 points"):
        surface.find_doublet(energy, cobalt, window_ev=(850.0, 851.0))
    with pytest.raises(ValueError, match="one length"):
        surface.find_doublet(energy, cobalt[1:])


def test_a_pair_is_picked_from_a_stack_with_its_own_i0():
    energy = np.array([856.2, 851.0, 853.8, 855.0, 860.0])
    counts = np.arange(5 * 9.0).reshape(5, 3, 3)
    axis = np.arange(3.0)
    stack = StxmStack(counts, energy, axis, axis, 0.01, i0=np.arange(1.0, 6.0))
    low, high = surface.select_pair(stack, Doublet(853.9, 856.1, 0.01, 0.01, 2.2, 0.01, 1.0, 1.0))
    assert (low.energy_ev[0], high.energy_ev[0]) == (853.8, 856.2)
    assert np.array_equal(low.counts[0], counts[2]) and np.array_equal(high.counts[0], counts[0])
    assert (low.i0[0], high.i0[0]) == (3.0, 1.0)
    with pytest.raises(ValueError, match=r"no image within 0.5 eV of the peak at 858.50"):
        surface.select_pair(stack, Doublet(856.2, 858.5, 0.1, 0.1, 2.3, 0.1, 1.0, 1.0))
    with pytest.raises(ValueError, match="nearest to both"):
        surface.select_pair(
            stack, Doublet(854.2, 854.3, 0.1, 0.1, 2.2, 0.1, 1.0, 1.0), tolerance_ev=2.0
        )


def test_the_sensitivity_is_the_change_of_xi_with_energy():
    energy = np.arange(845.0, 865.0, 0.05)
    low_ev, high_ev = 853.8, 856.4
    found = surface.energy_sensitivity(
        Spectrum(energy, nickel(energy)), low_ev, high_ev, half_width_ev=0.2
    )

    def xi(error):
        low, high = nickel(np.array([low_ev + error, high_ev + error]))
        return high / (low + high)

    slope = (xi(1e-4) - xi(-1e-4)) / 2e-4
    assert abs(slope) > 0.02
    # A parabola of 0.4 eV over a peak of 0.55 eV width: a few per cent of the slope.
    assert found.per_ev == pytest.approx(slope, rel=0.05)
    assert found.xi == pytest.approx(xi(0.0), rel=1e-3)
    # Random errors of the energy, far enough for the curvature to count.
    errors = np.random.default_rng(1).normal(0, 0.1, 2000)
    spread = np.std([np.log(xi(e) / (1 - xi(e))) for e in errors])
    assert found.log_ratio_std(0.1) == pytest.approx(spread, rel=0.1)


def test_the_sensitivity_has_the_error_of_a_noisy_spectrum():
    energy = np.arange(848.0, 862.0, 0.1)
    # A quadratic is what the parabola fits exactly: the scatter is that of the noise alone.
    truth = 5.0 + 0.3 * (energy - 855.0) + 0.1 * (energy - 855.0) ** 2
    found = [
        surface.energy_sensitivity(
            Spectrum(energy, truth + np.random.default_rng(s).normal(0, 0.02, energy.size)),
            854.0, 856.2,
        )
        for s in range(1, 201)
    ]  # fmt: skip
    scatter = np.std([f.per_ev for f in found])
    # 200 draws know it to 5 %, three of each.
    assert np.sqrt(np.mean([f.per_ev_std**2 for f in found])) == pytest.approx(scatter, rel=0.15)


def test_the_map_carries_the_error_of_the_energy_scale():
    energy = np.arange(848.0, 862.0, 0.1)
    spectrum = Spectrum(energy, nickel(energy))
    axis = np.arange(9.0)
    low = StxmStack(np.full((1, 9, 9), 3000.0), np.array([854.2]), axis, axis, 1.0)
    high = StxmStack(np.full((1, 9, 9), 2000.0), np.array([856.4]), axis, axis, 1.0)
    none = Shift(0.0, 0.0, 0.0)
    found = surface.xi_map(low, high, shift=none, spectrum=spectrum, energy_std_ev=0.1)
    expected = surface.energy_sensitivity(spectrum, 854.2, 856.4)
    assert found.energy_sensitivity == expected.log_ratio_slope
    assert np.allclose(found.systematic_std, 0.24 * expected.log_ratio_std(0.1))
    assert any("± 0.1 eV is" in note for note in found.notes)
    with pytest.raises(ValueError, match="one energy scale"):
        surface.xi_map(low, high, shift=none, spectrum=Spectrum(energy - 50, spectrum.mu))
