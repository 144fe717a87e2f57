"""Fractions of references against brute force, optimality, and the noise they were made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import io, phantom, xanes

WINDOWS = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640), "pre_degree": 1, "post_degree": 1}
ENERGY = phantom.edge_energies()
SHAPES = [
    (8342.0, phantom.EdgeShape()),
    (8345.0, phantom.EdgeShape(2.2, 0.5, 8.0, 4.0)),
    (8344.0, phantom.EdgeShape(1.2, 0.2, 6.0, 3.0)),
    (8340.5, phantom.EdgeShape(1.5, 0.9, 7.0, 2.5)),
]
CURVES = np.stack([phantom.edge_curve(ENERGY, edge, shape) for edge, shape in SHAPES], axis=1)


def references(n: int):
    return [(ENERGY, CURVES[:, k]) for k in range(n)]


def mixture(fraction, noise=0.0, seed=1, shift=0.0):
    """Spectra with random jump and sloping background, and the jumps."""
    rng = np.random.default_rng(seed)
    n = fraction.shape[1]
    curves = np.stack(
        [phantom.edge_curve(ENERGY, e + shift, s) for e, s in SHAPES[: len(fraction)]], axis=1
    )
    jump = rng.uniform(0.5, 1.2, n)
    background = 0.3 - 4e-4 * (ENERGY[:, None] - 8345)
    mu = jump * (curves @ fraction + noise * rng.standard_normal((ENERGY.size, n))) + background
    return mu, jump


def shares(n_ref: int, n: int, seed: int = 1, least: float = 0.15):
    return (1 - n_ref * least) * np.random.default_rng(seed).dirichlet(np.ones(n_ref), n).T + least


def flattened(n_ref: int):
    """The references as the fit sees them: with the windows' polynomials taken out."""
    out = []
    for k in range(n_ref):
        curve = CURVES[:, k]
        pre, post = ENERGY <= 8320, ENERGY >= 8380
        curve = curve - np.polyval(np.polyfit(ENERGY[pre] - 8345, curve[pre], 1), ENERGY - 8345)
        out.append(
            curve / np.polyval(np.polyfit(ENERGY[post] - 8345, curve[post], 1), ENERGY - 8345)
        )
    return np.stack(out, axis=1)


def design(n_ref: int, scale=200.0):
    """Background, free in sign, and references."""
    flat = flattened(n_ref)
    x = (ENERGY - 8350.0) / scale
    return np.stack([np.ones_like(x), x, x * flat.mean(axis=1)], axis=1), flat


@pytest.mark.parametrize("n_ref", [1, 2, 3, 4])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fractions_are_those_of_scipy(n_ref, weighted):
    from scipy.optimize import nnls

    rng = np.random.default_rng(1)
    fraction = np.maximum(rng.normal(0.3, 0.4, (n_ref, 60)), 0)
    fraction[0] += 0.5  # else the noise hides the jump
    mu, _ = mixture(fraction, noise=0.05)
    variance = np.where(ENERGY < 8350, 1e-4, 4e-4) if weighted else None
    fit = xanes.fit_references(
        ENERGY, mu, references(n_ref), sum_to_one=True, variance=variance, **WINDOWS
    )
    free, flat = design(n_ref)
    root = np.ones(ENERGY.size) if variance is None else variance**-0.5
    both = np.concatenate([free, -free, flat], axis=1) * root[:, None]
    for v in range(mu.shape[1]):
        weights = nnls(both, root * mu[:, v], maxiter=10_000)[0][6:]
        if fit.ok[v]:
            np.testing.assert_allclose(fit.fraction[:, v], weights / weights.sum(), atol=1e-6)
            assert fit.edge_jump[v] == pytest.approx(weights.sum(), rel=1e-5)
    assert fit.ok.mean() > 0.9


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    weights=st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    seed=st.integers(0, 1000),
)
def test_no_feasible_change_improves_the_fit(weights, seed):
    # Karush-Kuhn-Tucker: gradient zero where a fraction is positive, not downhill where it is zero.
    rng = np.random.default_rng(seed)
    mu = CURVES @ np.asarray(weights) + CURVES[:, 0] + 0.02 * rng.standard_normal(ENERGY.size)
    fit = xanes.fit_references(ENERGY, mu, references(4), sum_to_one=True, **WINDOWS)
    if not fit.ok:
        return
    free, flat = design(4)
    rest = mu - flat @ (fit.fraction * float(fit.edge_jump))
    rest = rest - free @ np.linalg.lstsq(free, rest, rcond=None)[0]
    gradient = flat.T @ rest
    assert np.all(fit.fraction >= 0)
    assert np.all(gradient <= 2e-5)  # the jump is float32
    assert np.all(np.abs(gradient[fit.fraction > 0]) < 2e-5)


@pytest.mark.parametrize("options", [{}, {"sum_to_one": True}, {"energy_shift": (-2, 2)}])
def test_exact_mixtures_are_recovered(options):
    fraction = shares(3, 50)
    shift = 0.731 if "energy_shift" in options else 0.0
    mu, jump = mixture(fraction, shift=shift)
    fit = xanes.fit_references(ENERGY, mu, references(3), **WINDOWS, **options)
    assert fit.ok.all()
    # The references' tails in the windows move with the shift: 1e-3.
    np.testing.assert_allclose(fit.fraction, fraction, atol=3e-3 if shift else 1e-6)
    np.testing.assert_allclose(fit.edge_jump, jump, rtol=1e-3 if shift else 1e-5)
    if shift:
        np.testing.assert_allclose(fit.energy_shift_ev, shift, atol=5e-3)
    else:
        assert np.isnan(fit.energy_shift_ev).all()
    if options.get("sum_to_one"):
        np.testing.assert_allclose(fit.fraction.sum(axis=0), 1.0, rtol=1e-12)


def half_width(pulls):
    low, high = np.quantile(pulls, [0.159, 0.841])
    return 0.5 * float(high - low)


@pytest.mark.parametrize("noise", [0.01, 0.03])
@pytest.mark.parametrize("kind", ["residuals", "one", "own", "to_one", "shift"])
def test_standard_errors_are_honest(noise, kind):
    n = 2000 if kind == "shift" else 6000
    fraction = shares(2, n, least=0.3)
    mu, _ = mixture(fraction)
    sigma = np.full(ENERGY.size, 0.8 * noise)
    if kind in ("one", "own"):
        sigma[ENERGY > 8345] *= 2
    rng = np.random.default_rng(3)
    mu = mu + sigma[:, None] * rng.standard_normal(mu.shape)
    options = {
        "residuals": {},
        "one": {"variance": sigma**2},
        "own": {"variance": np.broadcast_to((sigma**2)[:, None], mu.shape)},
        "to_one": {"sum_to_one": True},
        "shift": {"energy_shift": (-3, 3)},
    }[kind]
    fit = xanes.fit_references(ENERGY, mu, references(2), **WINDOWS, **options)
    inner = fit.ok & (fit.fraction > 5 * fit.fraction_std).all(axis=0)
    assert inner.mean() > (0.9 if kind != "shift" else 0.7)  # a shift competes with the fractions
    for k in range(2):
        pulls = ((fit.fraction - fraction) / fit.fraction_std)[k, inner]
        assert half_width(pulls) == pytest.approx(1.0, abs=0.1)
    if kind == "shift":
        pulls = (fit.energy_shift_ev / fit.energy_shift_std_ev)[inner]
        assert half_width(pulls) == pytest.approx(1.0, abs=0.1)
    if kind == "residuals":
        np.testing.assert_allclose(fit.residual * fit.edge_jump, 0.8 * noise, rtol=0.6)


def test_the_error_of_an_absent_reference_is_that_of_letting_it_go():
    n = 4000
    fraction = np.stack([np.ones(n), np.zeros(n)])
    mu, _ = mixture(fraction, noise=0.02)
    fit = xanes.fit_references(ENERGY, mu, references(2), sum_to_one=True, **WINDOWS)
    absent = fit.fraction[1] == 0
    assert absent.mean() == pytest.approx(0.5, abs=0.05)
    spread = np.sqrt(np.mean(fit.fraction[1, ~absent] ** 2))  # half of a normal distribution
    assert np.median(fit.fraction_std[1, absent]) == pytest.approx(spread, rel=0.1)


def test_layouts_precisions_and_threads_agree():
    mu, _ = mixture(shares(3, 501), noise=0.02)
    base = xanes.fit_references(ENERGY, mu, references(3), **WINDOWS)
    for axis, stack in ((0, mu), (-1, np.ascontiguousarray(mu.T))):
        for dtype, tolerance in ((np.float64, 0.0), (np.float32, 1e-5)):
            for threads in (1, 2):
                again = xanes.fit_references(
                    ENERGY, stack.astype(dtype), references(3), energy_axis=axis, threads=threads,
                    **WINDOWS,
                )  # fmt: skip
                np.testing.assert_allclose(again.fraction, base.fraction, rtol=0, atol=tolerance)


def test_scale_background_and_energy_change_nothing():
    mu, _ = mixture(shares(2, 40), noise=0.02)
    base = xanes.fit_references(ENERGY, mu, references(2), **WINDOWS)
    moved = xanes.fit_references(
        ENERGY + 7,
        3.0 * mu + 0.2 + 1e-3 * (ENERGY[:, None] - 8300),
        [(ENERGY + 7, CURVES[:, k]) for k in range(2)],
        pre_edge=(8257, 8327), post_edge=(8387, 8647), pre_degree=1, post_degree=1,
    )  # fmt: skip
    np.testing.assert_allclose(moved.fraction, base.fraction, atol=1e-8)
    np.testing.assert_allclose(moved.fraction_std, base.fraction_std, rtol=1e-5)


def test_bad_voxels_get_a_status_and_leave_others_alone():
    mu, _ = mixture(shares(2, 10), noise=0.01)
    base = xanes.fit_references(ENERGY, mu, references(2), **WINDOWS)
    mu[30, 0] = np.nan
    mu[:, 1] = 0.0
    mu[:, 2] = 1.0 - mu[:, 2]
    fit = xanes.fit_references(ENERGY, mu, references(2), **WINDOWS)
    assert list(fit.status[:4]) == [1, 2, 2, 0]
    assert np.isnan(fit.fraction[:, :3]).all()
    np.testing.assert_array_equal(fit.fraction[:, 3:], base.fraction[:, 3:])


def test_a_shift_beyond_its_bounds_is_flagged():
    # One reference: two would take up part of the shift.
    mu, _ = mixture(shares(1, 5, least=0.0), shift=3.0)
    fit = xanes.fit_references(ENERGY, mu, references(1), energy_shift=(-1, 1), **WINDOWS)
    assert np.all(fit.status & 8)
    np.testing.assert_allclose(fit.energy_shift_ev, 1.0)


def test_what_cannot_be_fitted_is_refused():
    mu, _ = mixture(shares(2, 5))
    with pytest.raises(ValueError, match=r"references\[\d\] is nearly a mixture"):
        third = CURVES[:, :2].mean(axis=1)
        xanes.fit_references(ENERGY, mu, [*references(2), (ENERGY, third)], **WINDOWS)
    with pytest.raises(ValueError, match="1 to 12"):
        xanes.fit_references(ENERGY, mu, [], **WINDOWS)
    with pytest.raises(ValueError, match="too few energies"):
        short = (ENERGY[ENERGY > 8330], CURVES[ENERGY > 8330, 0])
        xanes.fit_references(ENERGY, mu, [short], **WINDOWS)
    with pytest.raises(ValueError, match="energy_shift"):
        xanes.fit_references(ENERGY, mu, references(2), energy_shift=(1, -1), **WINDOWS)


def test_real_references_are_told_apart(real_data: Path):
    nio = io.read_spectrum(real_data / "spectra" / "nio_fxi.txt")
    nca = io.read_spectrum(real_data / "spectra" / "nca_pristine_6-2c.csv")
    energy = nca.energy_ev[(nca.energy_ev > 8250) & (nca.energy_ev < 8600)]
    windows = {"pre_edge": (8250, 8320), "post_edge": (8400, 8600), "pre_degree": 1,
               "post_degree": 1}  # fmt: skip

    def unit(spectrum):
        flat = xanes.normalise(
            spectrum.energy_ev, spectrum.mu, edge_ev=float(spectrum.energy_ev[0]), **windows
        )
        return np.interp(energy, spectrum.energy_ev, flat.norm / (1 + flat.norm - flat.flat))

    share = np.array([0.0, 0.3, 0.7, 1.0])
    mu = unit(nio)[:, None] * (1 - share) + unit(nca)[:, None] * share
    fit = xanes.fit_references(energy, mu, [nio, nca], **windows)
    # Windows read at other energies, and linear against cubic interpolation.
    np.testing.assert_allclose(fit.fraction[1], share, atol=0.03)
