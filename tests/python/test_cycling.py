"""Cycle 1 against cycle 46: the layer's growth, what it does to ξ and pre-edge, and capacity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import comparison, io, mesh, phantom, plot, spectra
from nmcx.materials import NMC811
from nmcx.results import CycleTable, History, LayerMap

BALL = mesh.ball(2e-6, n_grains=4, size=1.6e-6, seed=1)
FIRST, GROWTH, N_CYCLE = 5e-9, 1e-20, 46
#: Area by facet, for means by hand.
AREA = BALL.surface_area / BALL.surface_area.sum()


@pytest.fixture(scope="module")
def history() -> History:
    """One way, so that nothing is wetted; potentials end the parts."""
    cycle = [cm.Charge(2.0, until=0.2, cutoff=4.25), cm.Discharge(2.0, until=0.95, cutoff=3.6)]
    return cm.simulate(
        BALL, NMC811, protocol=cycle * N_CYCLE, initial=0.9 * NMC811.max_concentration, states=1,
        tolerance=5e-3,
        coupling=replace(cm.Coupling.one_way(), layer_growth=GROWTH),
        surface=cm.ButlerVolmer(layer_conductance=NMC811.diffusivity_layer / FIRST), threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def layer() -> LayerMap:
    n = len(BALL.surface)
    return LayerMap(
        thickness=np.full(n, FIRST), draws=np.empty((0, n)), is_seen=np.arange(n) < n // 2,
        xi=np.full(n, 0.5), xi_std=np.where(np.arange(n) < n // 2, 0.01, 1.0),
        xi_bare=0.6, xi_thickest=0.4, settings={"largest": 50e-9},
    )  # fmt: skip


@pytest.fixture(scope="module")
def table(history: History, layer: LayerMap) -> CycleTable:
    return comparison.by_cycle(history, BALL, NMC811, layer=layer)


def test_a_layer_that_was_never_wetted_grows_with_the_root_of_time(table: CycleTable) -> None:
    assert table.cycle.tolist() == list(range(N_CYCLE + 1))
    exact = np.sqrt(FIRST**2 + 2.0 * GROWTH * table.times)
    assert table.surface_layer == pytest.approx(exact, rel=1e-12)
    assert table.resistance == pytest.approx(exact / NMC811.diffusivity_layer, rel=1e-12)
    assert np.isnan(table.wall_layer).all()
    # A thicker layer meets the potentials earlier.
    assert (np.diff(table.capacity[2:]) < 0).all()
    assert table.capacity[N_CYCLE] < 0.8 * table.capacity[2]
    assert table.discharged - table.charged == pytest.approx(table.capacity, abs=1e-15)


def test_xi_and_pre_edge_follow_the_layer_by_hand(table: CycleTable) -> None:
    h = table.surface_layer
    assert table.xi_change == pytest.approx(-0.2 * (h - h[1]) / 50e-9, rel=1e-9, abs=1e-15)
    # Both ends of the contrast have the error of what was seen.
    error = np.sqrt(2.0) * 0.01 * np.abs(h - h[1]) / 50e-9
    assert table.xi_change_std == pytest.approx(error, rel=1e-9, abs=1e-15)
    bounds = []
    for depth, found in ((7.5e-9, table.suppression), (5e-9, None), (10e-9, None)):
        left = np.exp(-h / depth)
        expected = 1.0 - left / left[1]
        bounds.append(expected)
        if found is not None:
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-14)
    assert table.suppression_range[:, 0] == pytest.approx(np.min(bounds, axis=0), abs=1e-12)
    assert table.suppression_range[:, 1] == pytest.approx(np.max(bounds, axis=0), abs=1e-12)


def test_facets_and_wetted_walls_count_by_their_area(history: History, layer: LayerMap) -> None:
    """Layers of 10, 30 and 90 nm, of which the last saturates ξ; one facet that does not react."""
    n, k = len(BALL.surface), len(BALL.interfaces)
    h = np.array([10e-9, 30e-9, 90e-9])[np.arange(n) % 3]
    h[0] = np.nan
    walls = np.full(k, np.nan)
    walls[:2] = 2e-9, 4e-9
    last = len(history.times) - 1
    made = replace(
        history,
        surface_layer=np.where(np.arange(last + 1)[:, None] == last, h, history.surface_layer),
        wall_layer=np.where(np.arange(last + 1)[:, None] == last, walls, history.wall_layer),
    )
    table = comparison.by_cycle(made, BALL, NMC811, layer=layer, since=0, layer_suppression=0.4)
    reacts, share = AREA[1:] / AREA[1:].sum(), np.minimum(h[1:] / 50e-9, 1.0)
    assert table.surface_layer[-1] == pytest.approx(reacts @ h[1:], rel=1e-12)
    assert table.xi_change[-1] == pytest.approx(-0.2 * (reacts @ share - 0.1), rel=1e-12)
    left = [
        1.0 - 0.4 * reacts @ (1 - np.exp(-each / 7.5e-9)) for each in (h[1:], FIRST + 0 * h[1:])
    ]
    assert table.suppression[-1] == pytest.approx(1.0 - left[0] / left[1], rel=1e-9)
    a = BALL.interface_area[:2]
    assert table.wall_layer[-1] == pytest.approx((a @ walls[:2]) / a.sum(), rel=1e-12)
    both = BALL.surface_area[1:] @ h[1:] + 2 * (a @ walls[:2])
    whole = BALL.surface_area[1:].sum() + 2 * a.sum()
    assert table.resistance[-1] == pytest.approx(both / whole / NMC811.diffusivity_layer, rel=1e-12)
    assert "outgrown the 50 nm" in table.notes[0]


def test_the_pre_edge_of_a_cycled_surface_is_suppressed_as_predicted(history: History) -> None:
    """Spectra of a phantom that has as much of its signal from a layer as the model says."""
    depth_nm = 7.5
    gone = phantom.soft_spectra(
        layer_nm=1e9, tey_depth_nm=depth_nm, ni3_fraction=0.7, surface_ni3_fraction=0.1, counts=None
    )
    of_layer = float(gone.suppression[0])  # of electrons that see the layer alone
    bare = history.surface_layer.copy()
    bare[0] = 0.0  # as the phantom's first state is
    table = comparison.by_cycle(
        replace(history, surface_layer=bare), BALL, NMC811, since=0, layer_suppression=of_layer
    )
    h = table.surface_layer[-1] * 1e9
    seen = -np.expm1(-h / depth_nm)
    made = phantom.soft_spectra(
        layer_nm=depth_nm * seen / (1.0 - seen), tey_depth_nm=depth_nm, ni3_fraction=0.7,
        surface_ni3_fraction=0.1, counts=1e5, seed=1,
    )  # fmt: skip
    found = spectra.suppression(*made.oxygen_tey, n_bootstrap=200)
    assert table.suppression[-1] == pytest.approx(made.suppression[0], rel=1e-6)
    assert found.interval_95[0] < table.suppression[-1] < found.interval_95[1]


def test_a_table_is_saved_and_drawn(table: CycleTable, tmp_path: Path) -> None:
    table.save(tmp_path / "cycles.nxs")
    (back,) = io.load(tmp_path / "cycles.nxs").values()
    assert np.array_equal(back.xi_change, table.xi_change)
    measured = spectra.suppression(*phantom.soft_spectra().oxygen_tey, n_bootstrap=100)
    figure = plot.cycling_figure(table, measured=measured)
    figure.savefig(tmp_path / "cycles.png")
    of_layer, of_xi, of_pre_edge, of_capacity = figure.axes
    drawn = of_layer.lines[0].get_ydata()
    assert drawn == pytest.approx(1e9 * table.surface_layer)
    assert of_capacity.lines[0].get_ydata() == pytest.approx(table.capacity[1:])
    assert of_xi.lines[0].get_ydata() == pytest.approx(table.xi_change)
    assert len(of_pre_edge.containers) == 1


def test_what_does_not_go_together_is_named(history: History, layer: LayerMap) -> None:
    other = mesh.ball(2e-6, n_grains=5, size=1.6e-6, seed=1)

    def said(message: str, **options: object) -> None:
        with pytest.raises(ValueError, match=message):
            comparison.by_cycle(history, BALL, NMC811, **options)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="history must be of the mesh"):
        comparison.by_cycle(history, other, NMC811)
    said("layer must be of the mesh", layer=replace(layer, thickness=np.zeros(3)))
    said("since must be one of the cycles 0 … 46", since=47)
    said("parts_per_cycle must be 1 … 92", parts_per_cycle=93)
    said("layer_suppression must lie between", layer_suppression=1.5)
    said("probing_depth must be two depths", probing_depth=(2e-9, 1e-9))
    with pytest.raises(ValueError, match="give parts_per_cycle"):
        comparison.by_cycle(replace(history, settings={}), BALL, NMC811)
