"""Edge fits against known answers: bias, honest errors, invariances, hostile input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import _core, phantom, xanes
from nmcx.results import STATUS_BITS, EdgeMap

PRE, POST = (8250, 8320), (8380, 8640)
WINDOWS = {"pre_edge": PRE, "post_edge": POST}
MAPS = (
    "edge_energy_ev",
    "edge_energy_std_ev",
    "white_line_ev",
    "white_line_std_ev",
    "white_line_height",
    "edge_jump",
    "noise",
    "status",
)


def assert_same(first: EdgeMap, second: EdgeMap) -> None:
    for name in MAPS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def smooth_volume(n: int, noise: float, seed: int) -> tuple[phantom.EdgeSpectra, np.ndarray]:
    """Edge energies that vary by 1.5 eV over a cube, all of one jump."""
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing="ij")
    edge = 8344.5 + 0.75 * np.sin(2.0 * x + 1.3 * y) * np.cos(1.7 * z)
    spectra = phantom.edge_spectra(
        n**3, noise=noise, seed=seed, edge_energy_ev=edge.ravel(), jump_range=(0.8, 0.8)
    )
    return spectra, spectra.mu.reshape(61, n, n, n)


def half_width(pulls: np.ndarray) -> float:
    low, high = np.quantile(pulls, [0.159, 0.841])
    return 0.5 * float(high - low)


def test_noise_free_edges_are_exact():
    # The white line errs by up to 0.05 eV either way as the peak moves between samples 1 eV apart
    # (a parabola over a Gaussian); over all positions that averages out.
    clean = phantom.edge_spectra(5000, noise=0.0)
    edges = xanes.fit_edges(clean.energy_ev, clean.mu, **WINDOWS, post_degree=2)
    error = edges.edge_energy_ev - clean.edge_energy_ev
    assert edges.ok.all()
    assert abs(error.mean()) < 0.01
    assert np.max(np.abs(error)) < 0.03  # cubic interpolation of 1-eV steps
    white = edges.white_line_ev - clean.white_line_ev
    assert abs(white.mean()) < 0.01
    assert np.max(np.abs(white)) < 0.06
    np.testing.assert_allclose(edges.edge_jump, clean.edge_jump, rtol=1e-4)


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_standard_errors_are_honest(noise):
    spectra, mu = smooth_volume(26, noise, seed=1)
    edges = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS, post_degree=2)
    shape = edges.status.shape
    ok = edges.ok
    assert ok.mean() > 0.98
    for name in ("edge_energy", "white_line"):
        truth = getattr(spectra, f"{name}_ev").reshape(shape)
        pulls = ((getattr(edges, f"{name}_ev") - truth) / getattr(edges, f"{name}_std_ev"))[ok]
        assert half_width(pulls) == pytest.approx(1.0, abs=0.1), name
        # 17,576 voxels know a coverage of 95 % to 0.16 %; the rest is the promise.
        assert np.mean(np.abs(pulls) < 2) == pytest.approx(0.95, abs=0.015), name
    # Pooled over 27 voxels of 11 degrees of freedom: 4 % each.
    np.testing.assert_allclose(edges.noise, 0.8 * noise, rtol=0.3)
    assert edges.noise.mean() == pytest.approx(0.8 * noise, rel=0.02)


def test_error_on_the_reference_task_is_small():
    # 64 energies, pre-edge line, post-edge quadratic, 1 % noise.
    energy = np.concatenate(
        [
            np.linspace(8233, 8310, 8),
            np.linspace(8320, 8335, 6, endpoint=False),
            np.linspace(8335, 8360, 26, endpoint=False),
            np.linspace(8360, 8400, 12, endpoint=False),
            np.linspace(8400, 8600, 12),
        ]
    )
    spectra = phantom.edge_spectra(
        30_000,
        energy_ev=energy,
        edge_range_ev=(8344, 8349),
        shape=phantom.EdgeShape(1.5, 0.7, 4.5, 2.55),
    )
    edges = xanes.fit_edges(
        energy, spectra.mu, pre_edge=(8230, 8315), post_edge=(8390, 8605), post_degree=2
    )
    error = edges.edge_energy_ev - spectra.edge_energy_ev
    assert np.sqrt(np.mean(error**2)) <= 0.032
    assert abs(error.mean()) <= 0.01
    white = edges.white_line_ev - spectra.white_line_ev
    assert np.sqrt(np.mean(white**2)) <= 0.10


def test_given_variance_replaces_the_residuals():
    n = 20_000
    clean = phantom.edge_spectra(n, noise=0.0, seed=2, jump_range=(0.8, 0.8), dtype=np.float64)
    sigma = np.where(clean.energy_ev < 8340, 0.004, 0.016)  # noisier after the edge
    mu = clean.mu + sigma[:, None] * np.random.default_rng(3).standard_normal(clean.mu.shape)
    options = {**WINDOWS, "post_degree": 2}
    edges = xanes.fit_edges(clean.energy_ev, mu, variance=sigma**2, **options)
    for name in ("edge_energy", "white_line"):
        error = getattr(edges, f"{name}_ev") - getattr(clean, f"{name}_ev")
        pulls = (error / getattr(edges, f"{name}_std_ev"))[edges.ok]
        assert half_width(pulls) == pytest.approx(1.0, abs=0.1), name
    full = np.broadcast_to((sigma**2)[:, None], mu.shape)
    assert_same(edges, xanes.fit_edges(clean.energy_ev, mu, variance=full, **options))
    assert_same(
        edges,
        xanes.fit_edges(clean.energy_ev, mu.T, variance=full.T, energy_axis=-1, **options),
    )
    flat = xanes.fit_edges(clean.energy_ev, mu, variance=np.full(61, 1e-4), **options)
    np.testing.assert_allclose(flat.noise, 0.01, rtol=1e-6)


def test_uniform_variance_gives_the_same_errors_as_that_noise():
    spectra, mu = smooth_volume(8, 0.01, seed=4)
    pooled = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS)
    given_ = xanes.fit_edges(spectra.energy_ev, mu, variance=np.full(61, 0.008**2), **WINDOWS)
    # The same propagation, so the errors differ as the two noises do; rounding of float32.
    for name in ("edge_energy_std_ev", "white_line_std_ev"):
        ratio = getattr(given_, name) / getattr(pooled, name)
        np.testing.assert_allclose(ratio, given_.noise / pooled.noise, rtol=1e-3)


def test_every_instruction_set_layout_and_precision_agrees(monkeypatch):
    spectra = phantom.edge_spectra(1003, noise=0.02)  # not a multiple of any vector
    reference = xanes.fit_edges(spectra.energy_ev, spectra.mu.astype(np.float64), **WINDOWS)
    levels = ["generic", "v2", "v3", "v4"]
    levels = levels[: levels.index(_core.supported_instruction_set()) + 1]
    for level in levels:
        monkeypatch.setenv("NMCX_INSTRUCTION_SET", level)
        for mu, axis in [(spectra.mu, 0), (spectra.mu.T, -1), (spectra.mu.T.copy(), -1)]:
            for dtype in (np.float32, np.float64):
                edges = xanes.fit_edges(
                    spectra.energy_ev, mu.astype(dtype), energy_axis=axis, **WINDOWS
                )
                assert edges.settings["instruction_set"] == level
                np.testing.assert_array_equal(edges.ok, reference.ok)
                for name in ("edge_energy_ev", "white_line_ev"):
                    np.testing.assert_allclose(
                        getattr(edges, name), getattr(reference, name), rtol=0, atol=1e-4
                    )


def test_any_number_of_threads_gives_the_same_bits():
    spectra, mu = smooth_volume(24, 0.02, seed=5)
    one = xanes.fit_edges(spectra.energy_ev, mu, threads=1, **WINDOWS)
    for threads in (2, 3, 7):
        assert_same(one, xanes.fit_edges(spectra.energy_ev, mu, threads=threads, **WINDOWS))


@settings(deadline=None, max_examples=10, derandomize=True)
@given(shift=st.floats(-50, 50), scale=st.floats(0.01, 100), tilt=st.floats(-1e-3, 1e-3))
def test_shifting_energies_shifts_edges_and_scaling_changes_nothing(shift, scale, tilt):
    spectra = phantom.edge_spectra(40, noise=0.01, dtype=np.float64, jump_range=(0.8, 1.2))
    base = xanes.fit_edges(spectra.energy_ev, spectra.mu, **WINDOWS, post_degree=1)
    energy = spectra.energy_ev + shift
    mu = scale * (spectra.mu + 0.1 + tilt * (spectra.energy_ev - 8345)[:, None])
    moved = xanes.fit_edges(
        energy,
        mu,
        pre_edge=(PRE[0] + shift, PRE[1] + shift),
        post_edge=(POST[0] + shift, POST[1] + shift),
        post_degree=1,
    )
    for name in ("edge_energy_ev", "white_line_ev"):
        # A pre-edge line is taken off exactly; 1e-3 eV is float32 on a slope of 0.2 / eV.
        np.testing.assert_allclose(
            getattr(moved, name), getattr(base, name) + shift, rtol=0, atol=1e-3
        )
    np.testing.assert_allclose(moved.edge_jump, scale * base.edge_jump, rtol=1e-3)


def test_permuting_voxels_permutes_the_map():
    spectra = phantom.edge_spectra(2000, noise=0.05)
    order = np.random.default_rng(1).permutation(2000)
    base = xanes.fit_edges(spectra.energy_ev, spectra.mu, post_degree=1, **WINDOWS)
    shuffled = xanes.fit_edges(spectra.energy_ev, spectra.mu[:, order], post_degree=1, **WINDOWS)
    for name in MAPS:
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(base, name)[order])


def test_energy_axis_may_be_any_axis():
    spectra, mu = smooth_volume(6, 0.01, seed=6)
    base = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS)
    for axis in (1, 2, 3, -1, -2):
        moved = np.moveaxis(mu, 0, axis)
        assert_same(base, xanes.fit_edges(spectra.energy_ev, moved, energy_axis=axis, **WINDOWS))


def test_levels_follow_the_curve():
    spectra = phantom.edge_ramp(n_voxel=3)
    found = [
        xanes.fit_edges(spectra.energy_ev, spectra.mu, level=level, **WINDOWS).edge_energy_ev
        for level in (0.3, 0.5, 0.8)
    ]
    for level, energy in zip((0.3, 0.5, 0.8), found, strict=True):
        for i, e in enumerate(energy):
            true = phantom.edge_curve([e], spectra.edge_energy_ev[i])[0]
            assert true == pytest.approx(level, abs=0.004)  # 0.01 eV on the steepest part


def particle_in_air(n: int = 24, noise: float = 0.01) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A ball of spectra in air that has noise only."""
    grid = np.indices((n, n, n)) - (n - 1) / 2
    inside = (grid**2).sum(axis=0) <= (0.35 * n) ** 2
    spectra = phantom.edge_spectra(n**3, noise=0, jump_range=(0.8, 0.8))
    mu = np.where(inside.ravel(), spectra.mu, 0.01).astype(np.float32)
    mu += (0.8 * noise * np.random.default_rng(2).standard_normal(mu.shape)).astype(np.float32)
    return spectra.energy_ev, mu.reshape(-1, n, n, n), inside


def test_air_is_flagged_and_the_rim_is_one_voxel_wide():
    energy, mu, inside = particle_in_air()
    edges = xanes.fit_edges(energy, mu, **WINDOWS)
    np.testing.assert_array_equal((edges.status & 7) == 0, inside)
    assert np.isnan(edges.edge_energy_ev[~inside]).all()
    assert np.isfinite(edges.edge_jump).all()
    assert np.isfinite(edges.noise).all()
    rim = (edges.status & STATUS_BITS["rim"]) != 0
    padded = np.pad(inside, 1, constant_values=True)
    near_air = np.zeros_like(inside)
    for shift in np.ndindex(3, 3, 3):
        if abs(np.array(shift) - 1).sum() in (1, 2):  # faces and edges
            window = tuple(slice(s, s + n) for s, n in zip(shift, inside.shape, strict=True))
            near_air |= ~padded[window]
    np.testing.assert_array_equal(rim, inside & near_air)


def test_pooled_noise_is_the_root_mean_square_of_the_usable_neighbours():
    energy, mu, inside = particle_in_air(12)
    options = {**WINDOWS, "post_degree": 1}
    edges = xanes.fit_edges(energy, mu, **options)
    own = xanes.fit_edges(energy, mu.reshape(61, -1), **options).noise.reshape(inside.shape)
    for z, y, x in [(6, 6, 6), (6, 6, 3), (4, 5, 8)]:
        box = (slice(z - 1, z + 2), slice(y - 1, y + 2), slice(x - 1, x + 2))
        expected = np.sqrt(np.mean(own[box][inside[box]] ** 2))
        assert inside[z, y, x]
        assert edges.noise[z, y, x] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(edges.noise[~inside], own[~inside])


def test_partial_volume_is_flagged_by_the_median_jump():
    spectra = phantom.edge_spectra(100, noise=0.002, jump_range=(1.0, 1.0))
    mu = spectra.mu.copy()
    mu[:, :10] *= 0.25
    edges = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS)
    flagged = (edges.status & STATUS_BITS["partial_volume"]) != 0
    np.testing.assert_array_equal(np.flatnonzero(flagged), np.arange(10))


def test_status_names_what_is_wrong():
    spectra = phantom.edge_spectra(8, noise=0.0, jump_range=(1, 1), dtype=np.float64, seed=1)
    energy, mu = spectra.energy_ev, spectra.mu.copy()
    mu[20, 1] = np.nan
    mu[-1, 2] = np.inf
    mu[:, 3] = 0.0
    mu[:, 4] = 1.0 + 1e-3 * (energy > 8350)
    at = np.searchsorted(energy, 8330.0)
    mu[at, 5] += 1.2  # a glitch that rises through the level and falls again
    mu[:, 6] += 2.0
    mu[0, 7] += 0.1
    edges = xanes.fit_edges(energy, mu, **WINDOWS, post_degree=1)
    status = edges.status

    def has(voxel: int, name: str) -> bool:
        return bool(status[voxel] & STATUS_BITS[name])

    assert edges.ok[0]
    assert has(1, "low_transmission") and has(2, "low_transmission")
    assert np.isnan(edges.edge_jump[[1, 2]]).all()
    assert has(3, "jump_below_noise")
    assert has(4, "jump_below_noise") or has(4, "partial_volume")
    assert has(5, "several_crossings")
    assert edges.ok[5]
    assert has(6, "saturated")
    assert edges.ok[6]
    assert has(7, "large_residual")


def test_unused_energies_may_be_missing():
    ramp = phantom.edge_ramp(n_voxel=3)
    mu = ramp.mu.copy()
    mu[0] = np.nan
    edges = xanes.fit_edges(ramp.energy_ev, mu, pre_edge=(8260, 8320), post_edge=POST)
    assert edges.ok.all()


def test_post_edge_degree_follows_the_rule():
    bent = phantom.edge_spectra(500, noise=0.01)
    assert xanes.fit_edges(bent.energy_ev, bent.mu, **WINDOWS).settings["post_degree"] == 2
    rng = np.random.default_rng(1)
    ramp = phantom.edge_ramp(n_voxel=500)
    straight = ramp.mu + 0.01 * rng.standard_normal(ramp.mu.shape)
    degrees = xanes.fit_edges(ramp.energy_ev, straight, **WINDOWS).settings
    assert (degrees["pre_degree"], degrees["post_degree"]) == (1, 1)
    short = xanes.fit_edges(
        bent.energy_ev, bent.mu, pre_edge=(8290, 8320), post_edge=(8380, 8440)
    ).settings
    assert (short["pre_degree"], short["post_degree"]) == (0, 0)


def test_normalised_spectra_are_zero_before_and_one_after():
    clean = phantom.edge_spectra(20, noise=0.0, dtype=np.float64)
    spectra = xanes.normalise(clean.energy_ev, clean.mu, **WINDOWS, post_degree=2)
    before, after = clean.energy_ev <= 8320, clean.energy_ev >= 8380
    np.testing.assert_allclose(spectra.norm[before], 0, atol=1e-5)
    np.testing.assert_allclose(spectra.flat[after], 1, atol=1e-5)
    np.testing.assert_allclose(spectra.flat[:, 0][~after], spectra.norm[:, 0][~after], atol=0.05)
    assert 8342 < spectra.edge_ev < 8347
    at = xanes.normalise(clean.energy_ev, clean.mu[:, 0], **WINDOWS, post_degree=2,
                         edge_ev=clean.edge_energy_ev[0])  # fmt: skip
    assert at.edge_jump.shape == ()
    assert at.edge_jump == pytest.approx(clean.edge_jump[0], rel=1e-5)


def test_normalising_by_voxel_major_spectra_is_the_same():
    clean = phantom.edge_spectra(12, noise=0.01)
    first = xanes.normalise(clean.energy_ev, clean.mu, **WINDOWS)
    second = xanes.normalise(clean.energy_ev, clean.mu.T, energy_axis=-1, **WINDOWS)
    np.testing.assert_allclose(first.norm, second.norm, rtol=1e-12)
    np.testing.assert_allclose(first.edge_jump, second.edge_jump, rtol=1e-12)
    assert np.isnan(
        xanes.normalise(phantom.edge_energies(), np.full((61, 2), np.nan), **WINDOWS).norm
    ).all()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (1, 1, 1), (2, 1, 3, 2, 1)])
def test_maps_have_the_spatial_shape(shape):
    n = int(np.prod(shape))
    spectra = phantom.edge_spectra(n, noise=0.001)
    mu = spectra.mu.reshape(61, *shape)
    for options in ({}, {"variance": np.full(61, 1e-6)}):
        edges = xanes.fit_edges(spectra.energy_ev, mu, **WINDOWS, **options)
        for name in MAPS:
            assert getattr(edges, name).shape == shape
        np.testing.assert_allclose(
            edges.edge_energy_ev, spectra.edge_energy_ev.reshape(shape), atol=0.1
        )


def test_strided_and_read_only_input_is_taken():
    spectra = phantom.edge_spectra(40, noise=0.01)
    base = xanes.fit_edges(spectra.energy_ev, spectra.mu[:, ::2].copy(), **WINDOWS)
    mu = spectra.mu.copy()
    mu.flags.writeable = False
    assert_same(base, xanes.fit_edges(spectra.energy_ev, mu[:, ::2], **WINDOWS))
    assert_same(base, xanes.fit_edges(list(spectra.energy_ev), mu[:, ::2], **WINDOWS))
