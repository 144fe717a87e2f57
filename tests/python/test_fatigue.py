"""Walls that tire: lives by hand, energies, states that go on to the same bits."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from bars import MODULUS, SPRING, bar, pulled
from scipy.integrate import quad

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.materials import NMC811, NMC811_BRITTLE
from nmcx.results import Equilibrium, History

FULL = SPRING.max_concentration
#: Of the brittle set: a bar of 4 µm breaks at once where its wall gives way.
LAW = cm.CohesiveLaw(2e19, 200e6, 0.1)
LENGTH = 4e-6
GRAINS = mesh.disc(1.5e-6, n_grains=10, size=0.4e-6, seed=1)
CYCLES = [cm.Charge(2.0, until=0.6), cm.Discharge(2.0, until=0.9)] * 3


def life(law: cm.CohesiveLaw, apart: float) -> float:
    """Cycles in which a bar in series with its wall has it bear no more than it is asked to.

    ds = 2 · ½ ((r − C) / (1 − C))² / N a cycle, r the traction over what the wall bears, which is
    t_n (1 − s) at an opening of δ_0 + s (δ_f − δ_0).
    """

    def strained(s: float) -> float:
        bears = law.strength * (1.0 - s)
        opening = law.onset + s * (law.final_opening - law.onset)
        return apart / (LENGTH / MODULUS + opening / bears) / bears

    def cycles(s: float) -> float:
        tires = max(strained(s) - law.endurance, 0.0) / (1.0 - law.endurance)
        return law.fatigue_cycles / tires**2

    s = np.linspace(0.0, 1.0, 100_001)[:-1]
    end = s[np.argmax([strained(each) >= 1.0 for each in s])]
    return float(quad(cycles, 0.0, end)[0])


def test_a_bar_pulled_below_its_strength_breaks_after_its_number_of_cycles() -> None:
    """Explicit in the cycle, so that the life is known to a cycle or two of some sixty."""
    law = replace(LAW, fatigue_cycles=100.0)
    body = bar(LENGTH, (2, 1))
    apart = 0.7 * (law.strength * LENGTH / MODULUS + law.onset)
    state: Equilibrium | None = None
    damage, n = [0.0], 0
    while damage[-1] < 0.9999 and n < 100:
        for pull in (apart, 0.0):
            state = cm.equilibrium(
                body, SPRING, FULL, walls="cohesive", law=law, fixed=pulled(body, pull),
                start=state, max_step=1.0, plane="plane_strain", threads=1,
            )  # fmt: skip
            assert state.damage is not None
            damage.append(float(state.damage.mean()))
            spent = state.energies["dissipated"] + state.energies["released"]
            assert abs(state.energies["error"]) <= 5e-3 * (spent + state.energies["stored"])
        n += 1
    assert (np.diff(damage) >= 0.0).all()
    assert n == pytest.approx(life(law, apart), rel=0.03)
    # It broke below its strength: less than the fracture energy was needed.
    assert state is not None
    assert state.energies["dissipated"] < 0.95 * law.fracture_energy * body.interface_area.sum()
    untired = cm.equilibrium(
        body, SPRING, FULL, walls="cohesive", law=LAW, fixed=pulled(body, apart),
        plane="plane_strain", threads=1,
    )  # fmt: skip
    assert untired.damage == pytest.approx(np.zeros(len(body.interfaces)), abs=1e-9)


def run(law: cm.CohesiveLaw, **options: object) -> History:
    return cm.simulate(
        GRAINS, NMC811_BRITTLE, protocol=CYCLES, states=2, law=law, threads=1, **options
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def law() -> cm.CohesiveLaw:
    return cm.cohesive_law(NMC811, GRAINS)  # of Table 1: cracks go on over the cycles


@pytest.fixture(scope="module")
def tired(law: cm.CohesiveLaw) -> History:
    return run(replace(law, fatigue_cycles=10.0), coupling=cm.Coupling.one_way())


def test_tired_walls_balance_their_energies_and_never_heal(
    tired: History, law: cm.CohesiveLaw
) -> None:
    error = tired.supplied - tired.stored - tired.dissipated - tired.released
    assert (np.abs(error) <= 5e-3 * np.maximum(tired.dissipated, tired.stored)).all()
    for grows in (tired.dissipated, tired.released, tired.damage):
        assert (np.diff(grows, axis=0) >= -1e-15).all()
    untired = run(law, coupling=cm.Coupling.one_way())
    assert np.array_equal(tired.concentration, untired.concentration)
    ends = [4, 8, 12]
    more = tired.damage[ends].mean(axis=1) - untired.damage[ends].mean(axis=1)
    assert (np.diff(more) > 0).all() and more[-1] > 0.02


def test_walls_below_their_endurance_have_the_bits_of_those_that_do_not_tire() -> None:
    strong = cm.CohesiveLaw(2e19, 1e13, 1e9)
    coupling = cm.Coupling(layer_growth=1e-20)
    one = run(strong, coupling=coupling)
    other = run(replace(strong, fatigue_cycles=10.0), coupling=coupling)
    for item in fields(History):
        if isinstance(value := getattr(one, item.name), np.ndarray):
            assert value.tobytes() == getattr(other, item.name).tobytes(), item.name


def test_a_tired_particle_goes_on_from_a_checkpoint_to_the_same_bits(
    tired: History, law: cm.CohesiveLaw, tmp_path: Path
) -> None:
    def stop(done: float, total: float, label: str) -> None:
        if done == 6:
            raise KeyboardInterrupt

    options = {"coupling": cm.Coupling.one_way(), "checkpoint": tmp_path / "kept"}
    tiring = replace(law, fatigue_cycles=10.0)
    with pytest.raises(KeyboardInterrupt):
        run(tiring, progress=stop, **options)
    again = run(tiring, **options)
    for item in fields(History):
        if isinstance(value := getattr(tired, item.name), np.ndarray):
            assert value.tobytes() == getattr(again, item.name).tobytes(), item.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fatigue_cycles": 0.0}, "fatigue_cycles must be positive"),
        ({"endurance": 1.0}, "endurance must be 0 or more, and below 1"),
        ({"fatigue_cycles": 10.0, "viscosity": 1.0}, "fatigue_cycles need a law without viscosity"),
    ],
)
def test_fatigue_that_cannot_be_is_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(LAW, **options)
