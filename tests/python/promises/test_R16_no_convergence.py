"""A solver that does not arrive says so: step, residual, tolerance, what is left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bars import SPRING, bar, pulled
from promises.shows import Shows

from nmcx import chemomechanics as cm
from nmcx import materials, mesh
from nmcx.chemomechanics.domain import Domain, SolverOptions
from nmcx.errors import ConvergenceError
from nmcx.materials import NMC811, NMC811_BRITTLE, LatticeTable, Swelling

FULL = NMC811.max_concentration
DISC = mesh.disc(1e-6, n_grains=4, size=0.3e-6, seed=1)
BAR = bar(10e-6, (8, 4))
LAW = cm.CohesiveLaw(2e19, 200e6, 1.0)


def _elastic(order: int) -> Any:
    body = mesh.ball(1e-6, n_grains=3, size=0.35e-6, seed=1)
    return cm.equilibrium(
        body, NMC811, 0.2 * FULL, walls="tied", tolerance=1e-19,
        order=order, threads=1,
    )  # fmt: skip


def _cracks(snap_back: str, **options: Any) -> Any:
    return cm.equilibrium(
        BAR, SPRING, FULL, walls="cohesive", law=LAW, plane="plane_strain",
        fixed=pulled(BAR, 2.0 * 200e6 * 10e-6 / SPRING.c11), snap_back=snap_back,
        threads=1, **options,
    )  # fmt: skip


def _grains_crack(max_iterations: int) -> Any:
    body = mesh.disc(5e-6, n_grains=12, size=0.6e-6, seed=1)
    return cm.equilibrium(
        body, NMC811, 0.2 * FULL, walls="cohesive", max_iterations=max_iterations, threads=1
    )


def _transport_step(max_iterations: int) -> Any:
    domain = Domain(DISC, NMC811, solver=SolverOptions("iterative", threads=1))
    c = np.linspace(0.0, FULL, domain.size)
    none, free = np.zeros(domain.size), np.full(domain.size, np.nan)
    return domain.kernel.step(1e-6, 1e-6 * c, none, none, free, c, 1e-14, max_iterations, 1)


def _thick_layer(rate: float) -> Any:
    return cm.simulate(
        DISC, NMC811_BRITTLE, protocol=cm.Charge(rate, until=0.3), states=8, threads=1,
        surface=cm.ButlerVolmer(layer_conductance=1e-11),
    )  # fmt: skip


def _beyond_the_table(end: float) -> Any:
    table = LatticeTable(lithium=(end, 1.0), a=(2.82, 2.87), c=(14.4, 14.2))
    return cm.simulate(
        DISC, NMC811_BRITTLE, protocol=cm.Charge(1.0, until=end - 0.1), states=6, threads=1,
        coupling=cm.Coupling(stress_drive="none"),
        eigenstrain=Swelling("linear", end=end, table=table),
    )  # fmt: skip


STUCK = (r"step \d+", r"residual", r"tolerance")
#: What is asked for, what the message must say, and where the last good state is.
CASES: dict[str, tuple[Callable[[], Any], tuple[str, ...], str | None]] = {
    "transport, 1 iteration": (
        lambda: _transport_step(1), (r"after 1 iteration", r"residual", r"tolerance 1e-14"), None),
    "transport, 3 iterations": (
        lambda: _transport_step(3), (r"after 3 iterations", r"residual", r"tolerance 1e-14"), None),
    "elastic, beyond the last digit": (
        lambda: _elastic(1), (r"after \d+ iterations", r"residual", r"tolerance 1e-19"), None),
    "elastic of second order, beyond the last digit": (
        lambda: _elastic(2), (r"after \d+ iterations", r"residual", r"tolerance 1e-19"), None),
    "grains that crack, 1 iteration": (
        lambda: _grains_crack(1), STUCK, "equilibrium"),
    "a wall that softens, jumped over": (
        lambda: _cracks("jump", max_iterations=1), STUCK, "equilibrium"),
    "a wall that softens, followed": (
        lambda: _cracks("follow", tolerance=1e-17), STUCK, "equilibrium"),
    "a current that nothing carries": (
        lambda: _thick_layer(20.0), (r"cannot go on", r"t = "), "history"),
    "a larger current": (lambda: _thick_layer(80.0), (r"cannot go on", r"t = "), "history"),
    "lithium beyond the lattice table": (
        lambda: _beyond_the_table(0.5), (r"lattice table", r"t = "), "history"),
    "lithium further beyond it": (
        lambda: _beyond_the_table(0.7), (r"lattice table", r"t = "), "history"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_R16_a_solver_that_fails_says_what_it_tried(case: str, shows: Shows) -> None:
    act, says, kept = CASES[case]
    started = time.process_time()
    with pytest.raises(ConvergenceError) as caught:
        act()
    text = str(caught.value)
    assert all(re.search(each, text) for each in says), text
    if kept is not None:
        state = getattr(caught.value, kept)
        assert state is not None, "the last good state is lost"
        numbers = state.displacement if kept == "equilibrium" else state.concentration
        assert np.isfinite(numbers).all()
    shows.holds("cases that cannot converge: an answer with the last good state", 1, 1)
    shows.most("CPU time until the answer", time.process_time() - started, 60.0, "s")


def test_R16_the_state_that_is_left_is_an_equilibrium() -> None:
    with pytest.raises(cm.FractureFailure) as caught:
        _grains_crack(1)
    last = caught.value.equilibrium
    assert last is not None
    assert last.residual <= 1e-6 and last.lithium.min() < 1.0
    assert materials.NMC811.max_concentration == FULL
