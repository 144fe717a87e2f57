"""Template shifts against known answers: the Cramér-Rao bound, honest errors, invariances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import io, phantom, xanes
from nmcx.results import EdgeMap, Spectrum

PRE, POST = (8250, 8320), (8380, 8640)
WINDOWS = {"pre_edge": PRE, "post_edge": POST, "pre_degree": 1}
FINE = np.arange(8230.0, 8660.0, 0.2)


def exact_template(edge: float = 8345.0, shape: phantom.EdgeShape | None = None):
    return FINE, phantom.edge_curve(FINE, edge, shape)


def fit(spectra: phantom.EdgeSpectra, mu=None, **options) -> EdgeMap:
    options = {**WINDOWS, "post_degree": 2, "estimator": "template", **options}
    return xanes.fit_edges(spectra.energy_ev, spectra.mu if mu is None else mu, **options)


def half_width(pulls: np.ndarray) -> float:
    low, high = np.quantile(pulls, [0.159, 0.841])
    return 0.5 * float(high - low)


def bound(energy, sigma, shape=None, edge=8345.0, post_degree=2) -> float:
    """Cramér-Rao bound of the edge energy, by finite differences of the model."""
    x = (energy - 8345.0) / 100.0

    def model(p):
        post = np.polynomial.polynomial.polyval(x, p[2 : 3 + post_degree])
        return p[0] + p[1] * x + post * phantom.edge_curve(energy, p[-1], shape)

    centre = np.array([*[0.3, -0.04, 1.0, -0.03, 0.005][: 3 + post_degree], edge])
    steps = 1e-4 * np.eye(centre.size)
    slopes = np.stack([(model(centre + s) - model(centre - s)) / 2e-4 for s in steps], axis=1)
    slopes = slopes / np.broadcast_to(sigma, energy.shape)[:, None]
    return float(np.sqrt(np.linalg.inv(slopes.T @ slopes)[-1, -1]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_exact_template_is_recovered_exactly(dtype):
    clean = phantom.edge_spectra(500, noise=0.0, dtype=np.float64)
    edges = fit(clean, clean.mu.astype(dtype), template=exact_template(8343.3))
    assert edges.ok.all()
    # Spline, grid of shifts and float32 rounding together.
    np.testing.assert_allclose(edges.edge_energy_ev, clean.edge_energy_ev, rtol=0, atol=2e-4)


def test_a_template_from_the_stack_is_recovered():
    clean = phantom.edge_spectra(3000, noise=0.0)
    error = fit(clean).edge_energy_ev - clean.edge_energy_ev
    # The smoothing spline of 1-eV steps: 1e-3 eV was asked for.
    assert np.max(np.abs(error)) < 1e-3


def test_error_on_the_reference_task_reaches_the_bound():
    energy = np.concatenate(
        [
            np.linspace(8233, 8310, 8),
            np.linspace(8320, 8335, 6, endpoint=False),
            np.linspace(8335, 8360, 26, endpoint=False),
            np.linspace(8360, 8400, 12, endpoint=False),
            np.linspace(8400, 8600, 12),
        ]
    )
    shape = phantom.EdgeShape(1.5, 0.7, 4.5, 2.55)
    spectra = phantom.edge_spectra(
        20_000, energy_ev=energy, edge_range_ev=(8344, 8349), shape=shape
    )
    edges = fit(spectra, pre_edge=(8230, 8315), post_edge=(8390, 8605))
    error = edges.edge_energy_ev - spectra.edge_energy_ev
    rmse = np.sqrt(np.mean(error**2))
    lowest = np.sqrt(
        np.mean([bound(energy, 0.01, shape, e) ** 2 for e in np.linspace(8344, 8349, 21)])
    )
    assert rmse <= 0.022
    assert rmse == pytest.approx(lowest, rel=0.1)
    assert abs(error.mean()) < 0.002
    assert np.mean(edges.edge_energy_std_ev) == pytest.approx(lowest, rel=0.02)


def correlated(rng, shape, sigma):
    """Noise of each energy smoothed over neighbours, rescaled to sigma."""
    from scipy.ndimage import gaussian_filter

    noise = np.stack(
        [gaussian_filter(rng.standard_normal(shape[1:]), 0.7, mode="wrap") for _ in range(shape[0])]
    )
    return sigma * noise / noise.std()


@pytest.mark.parametrize("noise", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("kind", ["white", "correlated", "given", "own", "after"])
def test_standard_errors_are_honest(noise, kind):
    n = 20  # 8000 voxels; at least 500 independent ones where the noise is correlated: 3 %
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n)] * 3, indexing="ij")
    truth = 8344.5 + 0.75 * np.sin(2.0 * x + 1.3 * y) * np.cos(1.7 * z)
    clean = phantom.edge_spectra(
        n**3, noise=0.0, seed=1, edge_energy_ev=truth.ravel(), jump_range=(1, 1), dtype=np.float64
    )
    rng = np.random.default_rng(2)
    mu = clean.mu.reshape(61, n, n, n)
    variance = np.full(61, noise**2)
    if kind == "after":
        variance[clean.energy_ev > 8345] *= 4
    if kind == "correlated":
        mu = mu + correlated(rng, mu.shape, noise)
    else:
        mu = mu + np.sqrt(variance)[:, None, None, None] * rng.standard_normal(mu.shape)
    options = {} if kind in ("white", "correlated") else {"variance": variance}
    if kind == "own":
        options["variance"] = np.broadcast_to(variance[:, None, None, None], mu.shape)
    edges = fit(clean, mu.astype(np.float32), **options)
    lowest = bound(clean.energy_ev, np.sqrt(variance))
    pulls = ((edges.edge_energy_ev - truth) / edges.edge_energy_std_ev)[edges.ok]
    # At a tenth of the jump the white line of many is lost (bit 64), but not their edge.
    assert np.mean(edges.status & (1 | 2 | 4 | 8) > 0) < (0.01 if noise < 0.1 else 0.4)
    # The scale of a template of noisy voxels is off by up to 0.1 eV at the noisiest, for all alike.
    bias = np.mean((edges.edge_energy_ev - truth)[edges.ok])
    assert abs(bias) < (0.15 * lowest if noise < 0.1 else 0.75 * lowest)
    assert half_width(pulls) == pytest.approx(1.0, abs=0.1)
    # A template of the noisy voxels themselves is not far from the ideal.
    assert np.nanmedian(edges.edge_energy_std_ev) == pytest.approx(lowest, rel=0.1)


def test_weights_of_one_voxel_and_of_all_are_the_same():
    spectra = phantom.edge_spectra(300, noise=0.02)
    variance = np.where(spectra.energy_ev < 8345, 1e-4, 4e-4)
    one = fit(spectra, variance=variance, template=exact_template())
    each = fit(
        spectra,
        variance=np.broadcast_to(variance[:, None], spectra.mu.shape),
        template=exact_template(),
    )
    # The same minimum from neighbouring grid points of the shift: within a seventh of the error.
    difference = one.edge_energy_ev - each.edge_energy_ev
    assert np.max(np.abs(difference / one.edge_energy_std_ev)) < 0.15
    assert np.median(np.abs(difference)) < 1e-5
    np.testing.assert_allclose(one.edge_energy_std_ev, each.edge_energy_std_ev, rtol=0.03)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(shift=st.floats(-50, 50), scale=st.floats(0.01, 100), tilt=st.floats(-1e-3, 1e-3))
def test_shifting_energies_shifts_edges_and_scaling_changes_nothing(shift, scale, tilt):
    spectra = phantom.edge_spectra(40, noise=0.01, dtype=np.float64, jump_range=(0.8, 1.2))
    template = exact_template()
    base = fit(spectra, template=template)
    moved = xanes.fit_edges(
        spectra.energy_ev + shift,
        scale * (spectra.mu + 0.1 + tilt * (spectra.energy_ev - 8345)[:, None]),
        pre_edge=(PRE[0] + shift, PRE[1] + shift),
        post_edge=(POST[0] + shift, POST[1] + shift),
        pre_degree=1,
        post_degree=2,
        estimator="template",
        template=(template[0] + shift, template[1]),
    )
    # Linearised at another point of the grid of shifts, in float32.
    np.testing.assert_allclose(moved.edge_energy_ev, base.edge_energy_ev + shift, rtol=0, atol=1e-3)
    np.testing.assert_allclose(moved.edge_energy_std_ev, base.edge_energy_std_ev, rtol=0.02)


def test_layouts_precisions_threads_and_order_agree():
    spectra = phantom.edge_spectra(1003, noise=0.02)
    template = exact_template()
    base = fit(spectra, template=template)
    for axis, mu in ((0, spectra.mu), (-1, np.ascontiguousarray(spectra.mu.T))):
        for dtype in (np.float32, np.float64):
            for threads in (1, 2):
                again = fit(
                    spectra, mu.astype(dtype), energy_axis=axis, threads=threads, template=template
                )
                np.testing.assert_array_equal(again.edge_energy_ev, base.edge_energy_ev)
    # Bit for bit, so that blocks of a large map may be cut anywhere.
    order = np.random.default_rng(1).permutation(1003)
    shuffled = fit(spectra, spectra.mu[:, order], template=template)
    np.testing.assert_array_equal(shuffled.edge_energy_ev, base.edge_energy_ev[order])
    part = fit(spectra, spectra.mu[:, 300:441], template=template)
    np.testing.assert_array_equal(part.edge_energy_ev, base.edge_energy_ev[300:441])


def test_the_template_kept_in_the_settings_reproduces_the_map(tmp_path: Path):
    spectra = phantom.edge_spectra(400, noise=0.02)
    first = fit(spectra)
    first.save(tmp_path / "map.h5")
    kept = io.load(tmp_path / "map.h5")["edge_map"].settings
    again = fit(spectra, template=(kept["template_ev"], kept["template_mu"]))
    # It is flattened once more: to rounding and what the spline
    # makes of it.
    np.testing.assert_allclose(again.edge_energy_ev, first.edge_energy_ev, rtol=0, atol=1e-4)
    assert fit(spectra).settings == first.settings


def test_bad_voxels_get_a_status_and_leave_others_alone():
    spectra = phantom.edge_spectra(50, noise=0.01)
    template = exact_template()
    mu = spectra.mu.copy()
    mu[20, 3] = np.nan
    mu[:, 4] = 0.0
    mu[:, 5] = 2.0 - mu[:, 5]  # upside down
    mu[:, 6] = phantom.edge_curve(spectra.energy_ev, 8321.0)  # at the border
    edges = fit(spectra, mu, template=template)
    assert edges.status[3] == 1
    assert np.isnan(edges.edge_energy_ev[3:6]).all()
    assert edges.status[4] & 8
    assert edges.status[5] & 8
    assert not edges.ok[6]
    clean = fit(spectra, template=template)
    np.testing.assert_array_equal(edges.edge_energy_ev[7:], clean.edge_energy_ev[7:])


def test_two_edges_in_one_spectrum_are_flagged():
    # Two equal steps 14 eV apart: a template with one step fits either, and noise decides.
    energy = phantom.edge_energies()
    two = 0.5 * (phantom_step(energy, 8338.0, 1.0) + phantom_step(energy, 8352.0, 1.0))
    one = phantom_step(energy, 8340.0, 1.0)
    rng = np.random.default_rng(1)
    mu = np.stack([two, one], axis=1)[:, :, None] + 0.1 * rng.standard_normal((61, 2, 400))
    template = (FINE, phantom_step(FINE, 8345.0, 1.0))
    edges = xanes.fit_edges(
        energy, mu, **WINDOWS, post_degree=1, estimator="template", template=template
    )
    flagged = (edges.status & 16) > 0
    assert flagged[0].mean() > 0.05
    assert flagged[1].mean() < 0.01


def phantom_step(energy, edge, width):
    return 0.5 + 0.5 * np.tanh((energy - edge) / width)


def test_a_mixture_of_shapes_is_measured_with_a_known_bias():
    # The mixture of two edges 3 eV apart is no shifted edge: the shift follows the mean, within
    # 0.25 eV, and the residual tells.
    energy = phantom.edge_energies()
    share = np.linspace(0, 1, 11)
    ends = phantom.edge_curve(energy, [8343.0, 8346.0])
    mu = ends[:, :1] * (1 - share) + ends[:, 1:] * share
    edges = xanes.fit_edges(
        energy, mu, **WINDOWS, post_degree=1, estimator="template", template=(energy, ends[:, 0])
    )
    expected = 8343.0 + 3.0 * share
    assert np.max(np.abs(edges.edge_energy_ev - expected)) < 0.25
    assert np.max(np.abs((edges.edge_energy_ev - expected)[[0, -1]])) < 0.01


def test_a_real_spectrum_is_its_own_template(real_data: Path):
    spectrum = io.read_spectrum(real_data / "spectra" / "nio_fxi.txt")
    inside = (spectrum.energy_ev > 8200) & (spectrum.energy_ev < 8600)
    energy, mu = spectrum.energy_ev[inside], spectrum.mu[inside]
    windows = {"pre_edge": (8200, 8310), "post_edge": (8400, 8600), "post_degree": 1}
    rng = np.random.default_rng(1)
    noisy = mu[:, None] + 0.01 * rng.standard_normal((mu.size, 200))
    found = xanes.fit_edges(
        energy, noisy, estimator="template", template=spectrum, variance=np.full(mu.size, 1e-4),
        **windows,
    )  # fmt: skip
    half = xanes.fit_edges(energy, mu[:, None], variance=np.full(mu.size, 1e-4), **windows)
    error = found.edge_energy_ev - half.edge_energy_ev[0]
    assert abs(np.mean(error)) < 0.02
    assert half_width(error / found.edge_energy_std_ev) == pytest.approx(1.0, abs=0.2)  # 200 draws


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ((FINE, np.zeros_like(FINE)), "no upward edge"),
        ((FINE[500:], np.ones(FINE.size - 500)), "too few energies in pre_edge"),
        ((FINE, FINE[1:]), "one absorption per energy"),
        ((FINE[::-1], FINE), "increasing energies"),
        ((FINE,), "pair"),
    ],
)
def test_an_unfit_template_is_refused(template, message):
    spectra = phantom.edge_spectra(5)
    with pytest.raises(ValueError, match=message):
        fit(spectra, template=template)


def test_options_that_do_not_go_together_are_refused():
    spectra = phantom.edge_spectra(5)
    with pytest.raises(ValueError, match="estimator"):
        fit(spectra, estimator="half_jump", template=Spectrum(*exact_template()))
    with pytest.raises(ValueError, match="variance"):
        fit(spectra, variance=np.zeros(61), template=exact_template())
    with pytest.raises(ValueError, match="no voxel"):
        fit(spectra, np.zeros((61, 4)))
