"""The residual drift that a ratio map still shows."""

from pathlib import Path

import numpy as np
import pytest

from nmcx import io, phantom, surface
from nmcx.results import Shift, StxmStack


def light(dy=0.0, dx=0.0, n=80):
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    y, x = y - dy, x - dx
    body = 0.5 * (1 - np.tanh((np.hypot(y, x) - 0.33 * n) / 1.5))
    texture = np.sin(0.5 * x + 0.3 * y) + np.cos(0.45 * y - 0.2 * x)
    return 0.05 + body * np.exp(0.25 * texture)


def scans(shift, total, seed, xi=0.5):
    random = np.random.default_rng(seed)
    axis = np.arange(80) * 0.05
    return tuple(
        StxmStack(random.poisson(total * image)[None].astype(float), np.array([e]), axis, axis, 1.0)
        for image, e in ((light() * (1 - xi), 854.0), (light(*shift) * xi, 856.2))
    )


@pytest.mark.parametrize("left", [(0.0, 0.0), (0.3, -0.2), (-0.5, 0.4)])
def test_what_is_left_of_a_drift_is_found(left):
    for seed in (1, 2, 3):
        pair = scans((2.4, -1.7), 4000, seed)
        ratio = surface.xi_map(*pair, shift=Shift(2.4 - left[0], -1.7 - left[1], 0.0))
        found = surface.edge_dipole(ratio)
        # First order in the shift: a tenth of it may be missing.
        assert found.dy == pytest.approx(left[0], abs=0.03 + 0.1 * abs(left[0]))
        assert found.dx == pytest.approx(left[1], abs=0.03 + 0.1 * abs(left[1]))


def test_the_error_of_the_dipole_matches_its_scatter():
    pulls = []
    for seed in range(1, 61):
        ratio = surface.xi_map(*scans((0.0, 0.0), 2000, seed), shift=Shift(0.0, 0.0, 0.0))
        found = surface.edge_dipole(ratio)
        pulls += [found.dy / found.dy_std, found.dx / found.dx_std]
    # 120 pulls: 6.5 %, three of each.
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)


def test_a_rim_alike_all_around_is_no_dipole():
    y, x = np.mgrid[:80, :80] - 39.5
    rim = 0.5 + 0.1 * np.tanh((np.hypot(y, x) - 22) / 3)
    ratio = surface.xi_map(*scans((0.0, 0.0), 20000, 1, xi=rim), shift=Shift(0.0, 0.0, 0.0))
    found = surface.edge_dipole(ratio)
    # The rim moves ln(I_high / I_low) by 0.8, twenty times what 0.04 px would.
    assert abs(found.dy) < 2 * found.dy_std < 0.06 and abs(found.dx) < 2 * found.dx_std < 0.06


def test_a_phantom_keeps_a_dipole_of_less_than_a_tenth_of_a_pixel():
    made = phantom.particle(shape=(32, 32, 32), seed=1)
    found = surface.edge_dipole(surface.xi_map(made.low, made.high))
    # Not within noise: the mount has no nickel, its edge with the particle mimics a drift.
    assert np.hypot(found.dy, found.dx) < 0.1


@pytest.mark.real_data
def test_the_cosmic_pair_keeps_no_dipole_beyond_noise(real_data: Path):
    pair = surface.split(io.read_stxm(real_data / "cosmic-stxm" / "stxm-scan.hdr"))
    ratio = surface.xi_map(*pair, mode="transmission")
    found = surface.edge_dipole(ratio)
    assert abs(found.dy) < 2 * found.dy_std and abs(found.dx) < 2 * found.dx_std
    assert np.hypot(found.dy, found.dx) < 0.1
    # It would show one of 0.3 px. A given shift leaves the drift during the scan in: in both here.
    still = surface.xi_map(*pair, mode="transmission", motion="translation")
    found = surface.edge_dipole(still)
    moved = Shift(still.shift.dy - 0.3, still.shift.dx, 0.0)
    worse = surface.edge_dipole(surface.xi_map(*pair, mode="transmission", shift=moved))
    assert worse.dy - found.dy == pytest.approx(0.3, abs=0.03)


def test_a_map_that_cannot_show_a_shift_says_so():
    ratio = surface.xi_map(*scans((0.0, 0.0), 3, 1), shift=Shift(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="fewer than 64"):
        surface.edge_dipole(ratio)
