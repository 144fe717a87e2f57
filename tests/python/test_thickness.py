"""Fake core-shells made by harmonics are flagged; real ones are not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import phantom, xanes
from nmcx.results import EdgeMap, ThicknessEffect
from nmcx.xanes import thickness_effect, without_harmonics

WINDOWS: dict[str, Any] = {"pre_edge": (8240.0, 8320.0), "post_edge": (8380.0, 8650.0)}
#: A core of lower valence with a lower white line under a shell: what harmonics imitate.
CORE_SHELL: dict[str, Any] = {
    "core_edge_ev": 8343.0,
    "shell_edge_ev": 8345.0,
    "core_shape": phantom.EdgeShape(white_line_height=0.55),
}


def measure(**options: Any) -> tuple[phantom.BallProjection, EdgeMap, ThicknessEffect]:
    ball = phantom.ball_projection(**options)
    edges = xanes.fit_edges(ball.energy_ev, ball.mu, **WINDOWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return ball, edges, thickness_effect(ball.energy_ev, ball.mu, edges)


@given(st.floats(0.0, 0.3), st.floats(0.0, 3.0))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_taking_harmonics_out_undoes_putting_them_in(fraction: float, density: float) -> None:
    measured = phantom.with_harmonics(density, fraction)
    assert measured <= density + 1e-12
    # exp(3) = 20 times the rounding of the transmission.
    np.testing.assert_allclose(without_harmonics(measured, fraction), density, atol=1e-13)


def test_harmonics_limit_the_density_and_may_depend_on_energy() -> None:
    assert phantom.with_harmonics(50.0, 0.05) == pytest.approx(np.log(1.05 / 0.05))
    stack = np.full((2, 3, 4), 1.0)
    measured = phantom.with_harmonics(stack, [0.0, 0.1])
    assert np.all(measured[0] == 1.0)
    assert np.all(measured[1] < 1.0)
    moved = phantom.with_harmonics(np.moveaxis(stack, 0, 2), [0.0, 0.1], energy_axis=2)
    np.testing.assert_array_equal(np.moveaxis(moved, 2, 0), measured)
    assert np.isnan(without_harmonics(4.0, 0.05))
    for wrong in (-0.1, np.nan, [0.1, 0.1, 0.1]):
        with pytest.raises(ValueError, match="fraction"):
            phantom.with_harmonics(stack, wrong)


def test_the_first_order_formulas_of_the_explanation_hold() -> None:
    # Derived on docs/explanation/thickness_effect.md; second order is h² and below 1 % here.
    h, base, jump = 1e-4, 0.5, 1.1
    energy = np.arange(8300.0, 8400.0, 0.01)
    norm = phantom.edge_curve(energy, 8345.0)
    measured = phantom.with_harmonics(base + jump * norm, h)
    low, high = phantom.with_harmonics(np.array([base, base + jump]), h)
    after = (measured - low) / (high - low)
    top = norm.max()
    factor = np.exp(base) / jump
    change = -h * factor * (np.expm1(top * jump) - top * np.expm1(jump))
    assert after.max() - top == pytest.approx(change, rel=0.01)
    crossing = [np.interp(0.5, curve[:4600], energy[:4600]) for curve in (norm, after)]
    slope = np.gradient(norm, energy)[np.argmin(np.abs(energy - 8345.0))]
    shift = -h * factor / 2 * np.expm1(jump / 2) ** 2 / slope
    assert crossing[1] - crossing[0] == pytest.approx(shift, rel=0.02)
    # The white line stays where it is: the ground the whole test stands on.
    assert np.argmax(after) == np.argmax(norm)


@pytest.mark.parametrize("seed", range(1, 21))
def test_a_fake_core_shell_is_flagged(seed: int) -> None:
    ball, edges, effect = measure(harmonics=0.03, noise=0.01, seed=seed)
    # There is a false core: one chemistry, yet thick columns lie lower by more than chance.
    assert effect.measured_ev < -3 * effect.measured_std_ev
    assert effect.flagged
    assert "harmonics" in effect.verdict
    assert abs(effect.fraction - 0.03) < 5 * effect.fraction_std
    # Half of the rays never reach the density at which status bit 128 warns.
    assert np.count_nonzero(edges.status & 128) < 0.5 * np.count_nonzero(ball.thickness > 0)
    # What is explained is what is there.
    assert effect.explained_ev == pytest.approx(effect.measured_ev, abs=0.01)


def test_saturated_columns_carry_their_status_bit() -> None:
    ball = phantom.ball_projection(edge_jump=1.6, background=0.8, harmonics=0.01, noise=0.005)
    edges = xanes.fit_edges(ball.energy_ev, ball.mu, **WINDOWS)
    centre = edges.status[30:42, 30:42]
    assert np.all(centre & 128)
    assert not np.any(edges.status[ball.thickness < 0.5] & 128)


@pytest.mark.parametrize("seed", range(1, 21))
def test_a_true_core_shell_is_not_flagged(seed: int) -> None:
    ball, _, effect = measure(noise=0.01, seed=seed, **CORE_SHELL)
    assert effect.measured_ev < -0.5
    assert not effect.flagged
    # A plain correlation would have blamed harmonics: thick columns do have the lower white line.
    edges = xanes.fit_edges(ball.energy_ev, ball.mu, **WINDOWS)
    thick, thin = ball.thickness > 0.9, (ball.thickness > 0.5) & (ball.thickness < 0.7)
    heights = edges.white_line_height
    assert np.mean(heights[thick & edges.ok]) < np.mean(heights[thin & edges.ok]) - 0.02


def test_harmonics_are_found_on_top_of_a_true_core_shell() -> None:
    found = [measure(noise=0.01, harmonics=0.05, seed=s, **CORE_SHELL)[2] for s in range(1, 6)]
    assert all(effect.flagged for effect in found)
    # The true gradient stays; only the false part is explained.
    assert all(abs(effect.explained_ev) < 0.1 * abs(effect.measured_ev) for effect in found)


def test_what_is_explained_brings_the_truth_back() -> None:
    ball, edges, effect = measure(harmonics=0.05, noise=0.005, seed=1)
    inside = edges.ok & (ball.thickness > 0.5)
    corrected = edges.edge_energy_ev - effect.edge_shift_ev
    deep = inside & (ball.thickness > 0.95)
    # One chemistry everywhere: bias of thick columns before and after.
    assert np.mean((edges.edge_energy_ev - 8344.0)[deep]) < -0.04
    assert abs(np.nanmean((corrected - 8344.0)[deep])) < 0.01
    assert np.all(effect.height_change[deep] < 0)


def test_without_harmonics_nothing_is_flagged_and_errors_are_right() -> None:
    effects = [measure(noise=0.02, seed=seed)[2] for seed in range(1, 21)]
    assert not any(effect.flagged for effect in effects)
    pulls = np.array([effect.fraction / effect.fraction_std for effect in effects])
    # Twenty pulls know their width to 16 %; the jackknife over 36 tiles its error to 12 %.
    assert 0.5 < pulls.std() < 1.6
    assert abs(pulls.mean()) < 1.0


def test_a_flag_warns_and_mistakes_are_named() -> None:
    ball = phantom.ball_projection(harmonics=0.05)
    edges = xanes.fit_edges(ball.energy_ev, ball.mu, **WINDOWS)
    with pytest.warns(UserWarning, match="harmonics or stray light"):
        thickness_effect(ball.energy_ev, ball.mu, edges)
    with pytest.raises(ValueError, match="one projection"):
        thickness_effect(ball.energy_ev, ball.mu[:, 0], edges)
    with pytest.raises(ValueError, match="same stack"):
        thickness_effect(ball.energy_ev, ball.mu[:, 1:], edges)
    nothing = xanes.fit_edges(ball.energy_ev, 0 * ball.mu, **WINDOWS)
    with pytest.raises(ValueError, match="columns"):
        thickness_effect(ball.energy_ev, 0 * ball.mu, nothing)
    with pytest.raises(ValueError, match="fraction"):
        without_harmonics(1.0, -1.0)


def test_hostile_columns_do_no_harm() -> None:
    ball = phantom.ball_projection(harmonics=0.03)
    mu = ball.mu.copy()
    rng = np.random.default_rng(1)
    mu[:, rng.random(mu.shape[1:]) < 0.01] = np.nan
    mu[30, 40, 40] = np.inf
    mu[:, 20, 20] = 50.0
    edges = xanes.fit_edges(ball.energy_ev, mu, **WINDOWS)
    with pytest.warns(UserWarning, match="harmonics"):
        effect = thickness_effect(ball.energy_ev, mu, edges)
    assert abs(effect.fraction - 0.03) < 5 * effect.fraction_std
