"""The synthetic edges have the energies they claim."""

from __future__ import annotations

import time

import numpy as np
import pytest

from nmcx import phantom

SHAPES = [
    phantom.EdgeShape(),
    phantom.EdgeShape(1.5, 0.7, 4.5, 2.55),
    phantom.EdgeShape(3.0, 0.4, 8.0, 3.5),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_curve_is_one_half_at_the_edge_and_nowhere_else(shape):
    edge = np.array([8341.3, 8345.0, 8349.7])
    at_edge = phantom.edge_curve(edge, edge, shape)
    np.testing.assert_allclose(np.diag(at_edge), 0.5, atol=1e-12)
    dense = np.arange(8300.0, 8400.0, 0.01)
    curve = phantom.edge_curve(dense, 8345.0, shape)
    crossings = np.flatnonzero(np.diff(np.sign(curve - 0.5)))
    assert crossings.size == 1
    assert abs(dense[crossings[0]] - 8345.0) < 0.011  # one step of the dense grid


@pytest.mark.parametrize("shape", SHAPES)
def test_white_line_is_the_maximum_of_the_curve(shape):
    dense = np.arange(8345.0, 8370.0, 1e-3)
    curve = phantom.edge_curve(dense, 8345.0, shape)
    found = dense[np.argmax(curve)] - 8345.0
    assert abs(found - phantom.white_line_offset(shape)) < 2e-3  # two steps of the dense grid


def test_tails_vanish_outside_the_edge():
    curve = phantom.edge_curve([8250.0, 8320.0, 8390.0, 8640.0], 8345.0)
    np.testing.assert_allclose(curve, [0, 0, 1, 1], atol=1e-9)


def test_shape_without_white_line_says_so():
    with pytest.raises(ValueError, match="white_line_height"):
        phantom.white_line_offset(phantom.EdgeShape(white_line_height=0.0))
    with pytest.raises(ValueError, match="positive"):
        phantom.EdgeShape(step_width_ev=0.0)


def test_energies_are_those_of_the_beamline():
    energy = phantom.edge_energies()
    assert energy.size == 61
    assert np.all(np.diff(energy) > 0)
    assert np.count_nonzero(np.diff(energy) == 1.0) == 36


def test_spectra_repeat_with_their_seed_and_have_the_noise_asked_for():
    first = phantom.edge_spectra(4000, noise=0.02, seed=3)
    again = phantom.edge_spectra(4000, noise=0.02, seed=3)
    clean = phantom.edge_spectra(4000, noise=0.0, seed=3)
    np.testing.assert_array_equal(first.mu, again.mu)
    assert not np.array_equal(first.mu, phantom.edge_spectra(4000, noise=0.02, seed=4).mu)
    np.testing.assert_array_equal(first.edge_energy_ev, clean.edge_energy_ev)
    relative = (first.mu - clean.mu) / clean.edge_jump
    # 244,000 points know their standard deviation to 0.14 %.
    assert np.std(relative) == pytest.approx(0.02, rel=0.01)


def test_half_jump_of_the_flattened_spectrum_is_the_edge_energy():
    edge = np.array([8343.2, 8345.9])
    energy = np.union1d(phantom.edge_energies(), edge)
    spectra = phantom.edge_spectra(
        2, noise=0, energy_ev=energy, edge_energy_ev=edge, dtype=np.float64
    )
    for i in range(2):
        mu = spectra.mu[:, i]
        pre, post = energy < 8321, energy > 8379
        mu = mu - np.polynomial.Polynomial.fit(energy[pre], mu[pre], 1)(energy)
        jump = np.polynomial.Polynomial.fit(energy[post], mu[post], 2)(energy)
        at = np.searchsorted(energy, edge[i])
        assert mu[at] / jump[at] == pytest.approx(0.5, abs=1e-6)
        assert jump[at] == pytest.approx(spectra.edge_jump[i], rel=1e-6)


def test_ramp_rises_evenly():
    ramp = phantom.edge_ramp(8343.0, 8346.0, n_voxel=4)
    np.testing.assert_allclose(np.diff(ramp.edge_energy_ev), 1.0)
    np.testing.assert_allclose(
        ramp.white_line_ev - ramp.edge_energy_ev, phantom.white_line_offset()
    )


def test_float32_curve_is_quick_and_close():
    edge = np.random.default_rng(1).uniform(8342, 8347, 100_000)
    start = time.process_time()
    single = phantom.edge_curve(phantom.edge_energies(), edge, dtype=np.float32)
    assert time.process_time() - start < 2.0  # ~0.1 s; the margin is for a busy machine
    double = phantom.edge_curve(phantom.edge_energies(), edge)
    assert np.max(np.abs(single - double)) < 2e-6
