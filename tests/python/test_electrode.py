"""Butler–Volmer kinetics at one potential: limits with known answers, protocols, demands."""

from __future__ import annotations

import numpy as np
import pytest
from ball_meshes import ball, box, faces

from nmcx import chemomechanics as cm
from nmcx.materials import NMC811, PotentialTable, open_circuit_potential

FULL = NMC811.max_concentration
ISOTROPIC = NMC811.replace(diffusivity_c=NMC811.diffusivity_ab)
RADIUS = 5e-6
FARADAY = 96485.33212
THERMAL = 8.314462618 * 298.15 / FARADAY  # RT/F [V]
# Potential of slope −0.8 V per x: what linearises exactly.
STRAIGHT = ISOTROPIC.replace(open_circuit_potential=PotentialTable([0.0, 1.0], [4.3, 3.5]))


def test_a_given_current_is_carried_and_sets_the_potential() -> None:
    body = ball(4, RADIUS)
    history = cm.diffuse(
        body,
        ISOTROPIC,
        initial=0.95 * FULL,
        boundary=cm.ButlerVolmer(c_rate=1.0),
        times=[360.0, 720.0],
        threads=1,
    )
    # Δx = 1 in an hour, and the current is F C_max V per hour.
    np.testing.assert_allclose(history.mean_concentration / FULL, [0.85, 0.75], rtol=1e-12)
    volume, area = body.volume.sum(), body.surface_area
    np.testing.assert_allclose(history.current, FARADAY * FULL * volume / 3600.0, rtol=1e-12)
    carried = FARADAY * history.surface_flux @ area
    np.testing.assert_allclose(carried, history.current, rtol=1e-8)
    assert history.balance.max() < 1e-12
    # η = 2 RT/F asinh(i / 2 i_0): the facets of a sphere are alike to the mesh's asymmetry.
    surface = history.concentration[:, body.surface].mean(axis=(1, 2))
    exchange = ISOTROPIC.exchange_current(surface)
    density = FARADAY * history.surface_flux.mean(axis=1)
    expected = open_circuit_potential(surface / FULL) + 2 * THERMAL * np.arcsinh(
        density / (2 * exchange)
    )
    np.testing.assert_allclose(history.potential, expected, atol=2e-3)


def test_quick_kinetics_hold_the_concentration() -> None:
    # k_BV = i_0 F/RT |dU/dx| / (F C_max) is 5e-5 m/s then, 36,000 D/R.
    body = ball(4, RADIUS)
    common = {"initial": 0.9 * FULL, "times": [100.0, 500.0], "threads": 1}
    held = cm.diffuse(
        body,
        STRAIGHT.replace(exchange_current_prefactor=1e-2),
        boundary=cm.ButlerVolmer(potential=4.3 - 0.8 * 0.5),
        **common,  # type: ignore[arg-type]
    )
    fixed = cm.diffuse(body, STRAIGHT, boundary=cm.Dirichlet(0.5 * FULL), **common)  # type: ignore[arg-type]
    np.testing.assert_allclose(held.concentration, fixed.concentration, atol=2e-3 * FULL)
    assert held.balance.max() < 1e-12


@pytest.mark.parametrize("thickness", [None, 50e-9, 200e-9])
def test_small_steps_of_the_potential_act_through_resistances_in_series(
    thickness: float | None,
) -> None:
    # Linearised: J = k_eff (c − c_eq), 1/k_eff = 1/k_BV + h/D_L,
    # k_BV = i_0/(RT/F) (−dU/dc) / F.
    x, shift = 0.6, 1e-3
    parameters = STRAIGHT.replace(exchange_current_prefactor=1e-9)
    k = float(parameters.exchange_current(x * FULL)) / THERMAL * 0.8 / FULL / FARADAY
    layer = np.inf if thickness is None else NMC811.diffusivity_layer / thickness
    series = 1.0 / (1.0 / k + 1.0 / layer)
    body = ball(3, RADIUS)
    common = {"initial": x * FULL, "times": [300.0, 2000.0], "tolerance": 1e-4, "threads": 1}
    reacting = cm.diffuse(
        body,
        parameters,
        boundary=cm.ButlerVolmer(potential=4.3 - 0.8 * (x - shift), layer_conductance=layer),
        **common,  # type: ignore[arg-type]
    )
    exchanging = cm.diffuse(
        body,
        parameters,
        boundary=cm.Robin(series, (x - shift) * FULL),
        **common,  # type: ignore[arg-type]
    )
    # A thousandth of the range: second-order terms are a thousandth of the first.
    moved = reacting.concentration - x * FULL
    np.testing.assert_allclose(moved, exchanging.concentration - x * FULL, atol=4e-3 * shift * FULL)


def test_a_passivated_half_carries_less_and_rest_evens_out() -> None:
    body = ball(5, RADIUS)
    passivated = body.points[body.surface][:, :, 2].mean(axis=1) > 0
    surface = cm.ButlerVolmer(
        layer_conductance=np.where(passivated, NMC811.diffusivity_layer / 50e-9, np.inf)
    )
    history = cm.cycle(
        body,
        ISOTROPIC,
        protocol=[cm.Charge(0.5, until=0.7), cm.Rest(3600.0)],
        surface=surface,
        states=4,
        threads=1,
    )
    flux, area = history.surface_flux, body.surface_area
    charging = history.part == 0
    clean = flux[charging][:, ~passivated].mean(axis=1)
    covered = flux[charging][:, passivated].mean(axis=1)
    assert (covered[1:] < 0.8 * clean[1:]).all()
    # Delithiated below the clean half, and still in balance.
    node = body.points[:, 2]
    end = history.concentration[4]
    assert end[node < -3e-6].mean() < end[node > 3e-6].mean() - 0.02 * FULL
    assert history.balance.max() < 1e-12
    # At rest facets exchange lithium with each other and with nobody else.
    first = flux[5]
    assert np.abs(first).max() > 1e-8
    assert abs(first @ area) < 1e-6 * np.abs(first) @ area
    assert history.mean_concentration[-1] == pytest.approx(0.7 * FULL, rel=1e-12)
    assert np.ptp(history.concentration[-1]) < 0.3 * np.ptp(end)


def test_coverage_lies_between_clean_and_covered() -> None:
    body = ball(3, RADIUS)

    def polarisation(coverage: float) -> float:
        boundary = cm.ButlerVolmer(
            c_rate=0.5, layer_conductance=NMC811.diffusivity_layer / 50e-9, coverage=coverage
        )
        history = cm.diffuse(
            body, ISOTROPIC, initial=0.9 * FULL, boundary=boundary, times=[600.0], threads=1
        )
        return float(history.potential[0])

    clean, half, covered = (polarisation(c) for c in (0.0, 0.5, 1.0))
    assert clean < half < covered


def test_a_protocol_does_what_it_says() -> None:
    body = ball(3, 1e-6)
    protocol = [
        cm.Charge(1.0, until=0.3, cutoff=4.0),
        cm.Hold(4.0, 3600.0, until_c_rate=0.05),
        cm.Rest(300.0),
        cm.Discharge(1.0, until=0.8),
    ]
    history = cm.cycle(body, ISOTROPIC, protocol=protocol, states=8, threads=1)
    x = history.mean_concentration / FULL
    one_c = FARADAY * FULL * body.volume.sum() / 3600.0
    part = history.part
    assert x[0] == pytest.approx(0.95, rel=1e-12)
    # The charge ends at 4.0 V: found to a thousandth of its length, 2.3 s or 0.65e-3 of x.
    assert 3.98 < history.potential[part == 0][-1] <= 4.0
    np.testing.assert_allclose(history.current[part == 0], one_c, rtol=1e-9)
    held = history.current[part == 1]
    assert (np.diff(held) < 0).all()
    assert held[-1] == pytest.approx(0.05 * one_c, rel=0.3)
    np.testing.assert_allclose(history.potential[part == 1], 4.0)
    np.testing.assert_allclose(x[part == 2], x[part == 1][-1], rtol=1e-12)
    assert x[-1] == pytest.approx(0.8, rel=1e-12)
    np.testing.assert_allclose(history.current[part == 3], -one_c, rtol=1e-9)
    assert history.balance.max() < 1e-12
    assert "extrapolated" in history.notes[0]


@pytest.mark.parametrize(("thickness", "at_once"), [(150e-9, True), (50e-9, False)])
def test_a_flux_that_empties_a_facet_is_refused_with_time_and_place(
    thickness: float, at_once: bool
) -> None:
    # 1C on the sphere: 2.958e-5 mol/m²/s; 150 nm of D_L mean a drop of 0.992 C_max.
    body = ball(4, RADIUS)
    density = RADIUS * FULL / (3 * 3600.0)
    assert density == pytest.approx(2.958e-5, rel=1e-3)
    boundary = cm.Flux(density, layer_conductance=NMC811.diffusivity_layer / thickness)
    with pytest.raises(cm.ImpossibleDemand, match="surface facet") as caught:
        cm.diffuse(
            body, ISOTROPIC, initial=0.95 * FULL, boundary=boundary, times=[3600.0], threads=1
        )
    failure = caught.value
    assert failure.history is not None
    assert failure.concentration < 0
    expected = body.points[body.surface[failure.facet]].mean(axis=0)
    np.testing.assert_allclose(failure.position, expected)
    if at_once:
        assert failure.time == 0.0
    else:
        # Quasi-steady c_s = c̄ − J R / 5 D must stay above the drop in the layer.
        rate = density * body.surface_area.sum() / body.volume.sum() / FULL  # 1/s
        slope = density * RADIUS / (5 * NMC811.diffusivity_ab * FULL)
        drop = density * thickness / NMC811.diffusivity_layer / FULL
        assert failure.time == pytest.approx((0.95 - slope - drop) / rate, rel=0.03)
        kept = failure.history
        assert kept.times[-1] == pytest.approx(failure.time, abs=10.0)
        np.testing.assert_allclose(
            kept.mean_concentration[-1] / FULL, 0.95 - rate * kept.times[-1], rtol=1e-9
        )


def test_a_current_that_no_potential_drives_is_refused() -> None:
    body = ball(3, RADIUS)
    for thickness in (200e-9, 100e-9):
        surface = cm.ButlerVolmer(layer_conductance=NMC811.diffusivity_layer / thickness)
        with pytest.raises(cm.ImpossibleDemand, match="current") as caught:
            cm.cycle(
                body, ISOTROPIC, protocol=cm.Charge(1.0, until=0.1), surface=surface, threads=1
            )
        history = caught.value.history
        assert history is not None
        assert (caught.value.time == 0.0) == (thickness == 200e-9)
        assert history.balance.max() < 1e-12


def test_only_the_facets_that_react_carry_current() -> None:
    slab = box((8, 2), (1e-6, 2.5e-7))
    left = faces(slab, 0, 0.0)
    history = cm.diffuse(
        slab,
        ISOTROPIC,
        initial=0.8 * FULL,
        boundary=cm.ButlerVolmer(current=1e-6, where=left),
        times=[10.0],
    )
    assert (history.surface_flux[0, ~left] == 0).all()
    # The two facets differ as their diagonals do.
    np.testing.assert_allclose(history.surface_flux[0, left], 1e-6 / FARADAY / 2.5e-7, rtol=1e-2)
    total = FARADAY * history.surface_flux[0] @ slab.surface_area
    assert total == pytest.approx(1e-6, rel=1e-8)
