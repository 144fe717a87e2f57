"""Lithium, stress and cracks together: limits, balances, and what each coupling does."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from meshes import box, by_brick

from nmcx import chemomechanics as cm
from nmcx import io, mesh
from nmcx.chemomechanics.coupling import CrackedSurface
from nmcx.chemomechanics.domain import SolverOptions
from nmcx.chemomechanics.protocol_run import ProtocolRun
from nmcx.materials import NMC811, NMC811_BRITTLE, LatticeTable, Swelling
from nmcx.results import History, Mesh

FULL = NMC811.max_concentration
GRAINS = mesh.disc(1.5e-6, n_grains=16, size=0.24e-6, seed=1)
CHARGE = cm.Charge(1.0, until=0.4)
STRONG = cm.CohesiveLaw(2e19, 1e13, 1e9)
UNSTRESSED = cm.Coupling(stress_drive="none")


def run(coupling: cm.Coupling, body: Mesh = GRAINS, **options: object) -> History:
    return cm.simulate(
        body, NMC811_BRITTLE, protocol=CHARGE, states=6, coupling=coupling, threads=1, **options
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    return {
        "one way": run(cm.Coupling.one_way()),
        "resist": run(cm.Coupling(stress_drive="none", wetting=False)),
        "wet": run(cm.Coupling(stress_drive="none", cracks_resist=False)),
        "both": run(UNSTRESSED),
        "all": run(cm.Coupling()),
    }


# --- limits ------------------------------------------------------------------------------------


def test_without_damage_lithium_is_that_of_before_bit_for_bit() -> None:
    history = run(UNSTRESSED, law=STRONG, tolerance=1e-3)
    alone = cm.cycle(GRAINS, NMC811_BRITTLE, protocol=CHARGE, states=6, threads=1)
    assert (history.damage == 0.0).all()
    assert np.array_equal(history.concentration, alone.concentration)
    assert np.array_equal(history.potential, alone.potential)
    assert np.array_equal(history.balance, alone.balance)


def test_a_layer_that_does_not_grow_is_taken_as_given() -> None:
    """The same bits behind a layer on half of the surface; the closed rest does not count."""
    centre = GRAINS.points[GRAINS.surface].mean(axis=1)
    reacts = centre[:, 0] > 0
    layer = np.where(centre[:, 1] > 0, 1.7e-9, np.inf)
    surface = cm.ButlerVolmer(layer_conductance=layer, where=reacts)
    history = run(UNSTRESSED, law=STRONG, surface=surface, tolerance=1e-3)
    alone = cm.cycle(GRAINS, NMC811_BRITTLE, protocol=CHARGE, states=6, threads=1, surface=surface)
    assert np.array_equal(history.concentration, alone.concentration)
    assert history.reactive_area == pytest.approx(GRAINS.surface_area[reacts].sum(), rel=1e-14)


def test_one_way_cracks_and_tells_lithium_nothing(histories: dict[str, History]) -> None:
    history = histories["one way"]
    alone = cm.cycle(GRAINS, NMC811_BRITTLE, protocol=CHARGE, states=6, tolerance=5e-3, threads=1)
    assert history.damage[-1].max() > 0.99
    assert np.array_equal(history.concentration, alone.concentration)
    assert not history.wetted.any()


def test_without_strain_there_is_no_stress() -> None:
    rigid = LatticeTable(lithium=(0.0, 1.0), a=(2.8, 2.8), c=(14.2, 14.2))
    history = run(cm.Coupling(), eigenstrain=Swelling(table=rigid))
    assert np.abs(history.stress).max() == 0.0
    assert (history.damage == 0.0).all()


# --- balances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one way", "resist", "wet", "both", "all"])
def test_lithium_and_energy_balance_in_every_state(
    histories: dict[str, History], name: str
) -> None:
    """Lithium to rounding, through every change of walls and surface; energy to 0.5 %."""
    history = histories[name]
    assert history.balance.max() < 1e-12
    content = history.mean_concentration / FULL
    assert content == pytest.approx(np.linspace(0.95, 0.4, 7), abs=1e-9)
    error = history.supplied - history.stored - history.dissipated - history.released
    assert (np.abs(error) <= 5e-3 * np.maximum(history.dissipated, history.stored)).all()
    for grows in (history.dissipated, history.released, history.reactive_area):
        assert (np.diff(grows) >= 0).all()


# --- what each coupling does -------------------------------------------------------------------


def test_electrolyte_in_cracks_evens_lithium_out(histories: dict[str, History]) -> None:
    """More surface for the same current: less polarisation, smaller differences of lithium."""
    dry, wet = histories["one way"], histories["wet"]
    assert wet.wetted[-1].any()
    area = GRAINS.surface_area.sum() + 2 * GRAINS.interface_area[wet.wetted[-1]].sum()
    assert wet.reactive_area[-1] == pytest.approx(area, rel=1e-12)
    assert wet.reactive_area[-1] > 1.2 * wet.reactive_area[0]
    assert wet.potential[-1] < dry.potential[-1]
    assert np.ptp(wet.concentration[-1]) < np.ptp(dry.concentration[-1])


def test_what_is_wet_stays_wet_and_reaches_the_surface(histories: dict[str, History]) -> None:
    wetted = histories["both"].wetted
    assert (wetted[1:] >= wetted[:-1]).all()
    last = SimpleNamespace(damage=wetted[-1].astype(float), opening=np.ones(len(wetted[-1])))
    network = cm.crack_network(GRAINS, last, least_damage=0.5)  # type: ignore[arg-type]
    assert network.reaches_surface.all()


def test_what_the_surface_went_through_is_not_forgotten_at_a_crack(
    histories: dict[str, History],
) -> None:
    """All begin at 0.95, where the potential is extrapolated; new walls make a new surface."""
    for history in histories.values():
        assert any("… 0.95;" in note for note in history.notes)


def test_open_walls_keep_lithium_in(histories: dict[str, History]) -> None:
    dry, resists = histories["one way"], histories["resist"]
    assert np.ptp(resists.concentration[-1]) > 1.1 * np.ptp(dry.concentration[-1])
    assert resists.potential[-1] > dry.potential[-1]


def test_stress_and_lithium_are_of_the_same_moment() -> None:
    """In a body that stays whole: cracks would break the tie between causes and small effects.

    What is left of their disagreement is the tolerance. The way over a state is straight, and of
    second order: twice as many states change less than a fifth of what the drive does.
    """
    none = run(UNSTRESSED, law=STRONG)
    driven = run(cm.Coupling(), law=STRONG, stress_tolerance=1e-3)
    closer = run(cm.Coupling(), law=STRONG, stress_tolerance=1e-5)
    finer = cm.simulate(
        GRAINS, NMC811_BRITTLE, protocol=CHARGE, states=12, coupling=cm.Coupling(), law=STRONG,
        stress_tolerance=1e-3, threads=1,
    )  # fmt: skip
    left = np.abs(driven.concentration - closer.concentration).max() / FULL
    by_states = np.abs(driven.concentration - finer.concentration[::2]).max() / FULL
    by_stress = np.abs(driven.concentration - none.concentration).max() / FULL
    print(left, by_states, by_stress)
    assert left < 1e-3
    assert by_stress > 0.01
    assert by_states < 0.2 * by_stress


def test_the_defaults_leave_little_undone() -> None:
    """Beside steps of lithium and of cracking, and its tie to stress, all ten times as fine."""
    body = mesh.disc(1.5e-6, n_grains=16, size=0.2e-6, seed=2)

    def end(**options: float) -> History:
        return cm.simulate(
            body, NMC811, protocol=CHARGE, states=20, coupling=cm.Coupling(layer_growth=1e-20),
            threads=1, **options,
        )  # type: ignore[arg-type]  # fmt: skip

    usual, fine = end(), end(tolerance=5e-4, stress_tolerance=5e-4, max_step=0.02)
    change = (usual.concentration[-1] - fine.concentration[-1]) / FULL
    assert np.sqrt(np.mean(change**2)) < 2e-3
    assert usual.damage[-1].mean() == pytest.approx(fine.damage[-1].mean(), abs=5e-3)
    assert usual.dissipated[-1] == pytest.approx(fine.dissipated[-1], rel=5e-3)


def test_quadratic_displacements_store_less(tmp_path: Path) -> None:
    """In a body that stays whole energy falls from linear to quadratic; a stop changes no bit."""
    options = {"law": STRONG, "checkpoint": tmp_path / "states"}
    linear, quadratic = run(cm.Coupling(), law=STRONG), run(cm.Coupling(), order=2, **options)
    assert (quadratic.stored[1:] < linear.stored[1:]).all()
    assert quadratic.stored[-1] == pytest.approx(linear.stored[-1], rel=0.2)
    error = quadratic.supplied - quadratic.stored - quadratic.dissipated - quadratic.released
    assert np.abs(error[1:]).max() < 5e-3 * quadratic.stored[-1]
    again = run(cm.Coupling(), order=2, **options)
    assert np.array_equal(again.concentration, quadratic.concentration)
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        run(cm.Coupling(), order=3)


def test_layers_that_grow_begin_no_step_anew() -> None:
    """They change little from state to state: a third more steps, with fluxes of the first state
    through next to no layer.
    """
    still, grown = (run(cm.Coupling(layer_growth=k), law=STRONG) for k in (0.0, 1e-20))
    assert grown.n_step <= 1.34 * still.n_step


def test_a_layer_grows_with_the_root_of_time_and_stands_in_the_way() -> None:
    growth = 5e-20
    still, grown = run(cm.Coupling(), law=STRONG), run(cm.Coupling(layer_growth=growth), law=STRONG)
    exact = np.sqrt(2 * growth * grown.times)
    assert grown.layer_thickness == pytest.approx(exact, rel=1e-12)
    assert grown.potential[-1] > still.potential[-1]
    assert grown.balance.max() < 1e-12


def test_a_face_that_becomes_wet_is_the_reference_switch() -> None:
    """§3.1(g): a slab held at one face; the other, a wall, begins to react at τ = 0.1."""
    length, diffusivity = 1e-6, 7e-15
    material = NMC811.replace(
        diffusivity_ab=diffusivity, diffusivity_c=diffusivity, exchange_current_prefactor=1e-2
    )
    n = (80, 1)
    points, cells = box(n, (2 * length, 0.05e-6))
    second = np.broadcast_to((np.arange(n[0]) >= n[0] // 2)[:, None], n)
    slabs = mesh.assemble(points, cells, by_brick(second, 2), [np.eye(3)] * 2)
    centre = slabs.points[slabs.surface].mean(axis=1)
    kinetics = cm.ButlerVolmer(where=np.isclose(centre[:, 0], 0.0))
    cracks = CrackedSurface(
        slabs, material, kinetics, cm.Coupling(), mass="lumped", solver=SolverOptions(threads=1)
    )
    # The second slab is cut off from the start, so that the first is the reference's.
    cracks.conductance = np.zeros(len(slabs.interfaces))
    cracks.domain = cracks._new_domain()
    tau = length**2 / diffusivity
    start, end = 0.9, 0.5
    potential = float(material.open_circuit_potential(end))
    part = cm.Hold(potential, 0.3 * tau)
    flow = ProtocolRun(
        cracks.domain,
        cracks.drive(),
        [part],
        cracks.domain.on_unknowns(start * FULL, "initial"),
        states=6,
        tolerance=1e-4,
        scheme="bdf2",
        max_change=None,
    )
    first = np.unique(slabs.cells[slabs.grain == 0])
    uptake = []
    for i, state in enumerate(flow.states()):
        nodal = state.concentration[flow.domain.unknown_of_node] / FULL
        x = slabs.points[first, 0]
        mean = np.trapezoid(*_line(nodal[first], x)) / length
        uptake.append((start - mean) / (start - end))
        if i == 2:  # τ = 0.1
            cracked = SimpleNamespace(damage=np.ones(1), opening=np.full(1, 1e-6))
            change = cracks.update(cracked, 0.0)  # type: ignore[arg-type]
            assert change.nodes.size
            flow.change_domain(cracks.domain, cracks.drive(), change.nodes)
    # At 0.1, 0.15, 0.2 and 0.3.
    exact = [0.3568234005, 0.6621981365, 0.7940787196, 0.9232537682]
    assert [uptake[i] for i in (2, 3, 4, 6)] == pytest.approx(exact, rel=1e-3)


def _line(values: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means at each place along x, for the trapezoid rule."""
    at, number = np.unique(np.round(x, 12), return_inverse=True)
    return np.bincount(number, values) / np.bincount(number), at


# --- the rest ----------------------------------------------------------------------------------


def test_every_number_of_threads_gives_the_same_bits(histories: dict[str, History]) -> None:
    both = histories["all"]
    again = cm.simulate(
        GRAINS, NMC811_BRITTLE, protocol=CHARGE, states=6, coupling=cm.Coupling(), threads=2
    )
    assert np.array_equal(again.concentration, both.concentration)
    assert np.array_equal(again.opening, both.opening)


def test_a_history_comes_back_from_a_file(tmp_path: Path, histories: dict[str, History]) -> None:
    path = tmp_path / "history.nxs"
    histories["both"].save(path)
    (found,) = io.load(path).values()
    assert isinstance(found, History)
    assert np.array_equal(found.wetted, histories["both"].wetted)
    assert found.settings["coupling"] == histories["both"].settings["coupling"]


def test_cycles_crack_once_and_layers_go_on_growing() -> None:
    """Of three cycles the first breaks most; what is spent never comes back."""
    there = cm.Charge(2.0, until=0.6)
    back = cm.Discharge(2.0, until=0.9)
    history = cm.simulate(
        GRAINS, NMC811_BRITTLE, protocol=[there, back] * 3, states=2,
        coupling=cm.Coupling(layer_growth=1e-20), threads=1,
    )  # fmt: skip
    spent = history.dissipated[[0, 4, 8, 12]]
    assert spent[1] - spent[0] > 3 * (spent[3] - spent[1])
    assert (np.diff(history.layer_thickness) > 0).all()
    assert history.part.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_demand_that_cannot_be_met_keeps_what_was_found() -> None:
    thick = cm.ButlerVolmer(layer_conductance=1e-11)
    with pytest.raises(cm.SimulationFailure, match="cannot go on") as caught:
        cm.simulate(
            GRAINS, NMC811_BRITTLE, protocol=cm.Charge(20.0, until=0.3), surface=thick, states=8,
            threads=1,
        )  # fmt: skip
    history = caught.value.history
    assert history is not None
    assert len(history.times) >= 1
    assert history.concentration.shape == (len(history.times), len(GRAINS.points))


def test_failures_come_back_from_another_process_whole(histories: dict[str, History]) -> None:
    """As members of an ensemble do."""
    history = histories["one way"]
    for failure, kept in (
        (cm.SimulationFailure("stopped", history=history), "history"),
        (cm.FractureFailure("stopped", equilibrium=None), "equilibrium"),
        (cm.TransportFailure("stopped", time=3.0, history=None), "time"),
    ):
        found = pickle.loads(pickle.dumps(failure))
        assert type(found) is type(failure)
        assert str(found) == "stopped"
        for name, value in vars(failure).items():
            if name != "history" or value is None:
                assert getattr(found, name) == value
        assert kept in vars(found)
    found = pickle.loads(pickle.dumps(cm.SimulationFailure("stopped", history=history)))
    assert np.array_equal(found.history.concentration, history.concentration)


def test_lithium_that_leaves_the_lattice_table_keeps_what_was_found() -> None:
    """Known to 0.5 only, charged to 0.4."""
    table = LatticeTable(lithium=(0.5, 1.0), a=(2.82, 2.87), c=(14.4, 14.2))
    with pytest.raises(cm.SimulationFailure, match="must lie within the lattice table") as caught:
        run(UNSTRESSED, eigenstrain=Swelling("linear", end=0.5, table=table))
    assert caught.value.history is not None
    assert len(caught.value.history.times) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stress_drive": "real"}, "stress_drive must be one of none, open_circuit, ideal"),
        ({"contact_opening": 0.0}, "contact_opening must be positive"),
        ({"wet_opening": np.inf}, "wet_opening must be positive"),
        ({"wet_damage": 1.5}, "wet_damage must lie between 0 and 1"),
        ({"layer_growth": -1.0}, "layer_growth must be 0 or more"),
    ],
)
def test_a_coupling_that_cannot_be_is_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cm.Coupling(**options)  # type: ignore[arg-type]


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="layer_conductance must be a number or have one value"):
        run(cm.Coupling(), surface=cm.ButlerVolmer(layer_conductance=[1.0, 2.0]))
    with pytest.raises(ValueError, match="max_step must lie between 0 and 1"):
        run(cm.Coupling(), max_step=0.0)
    with pytest.raises(ValueError, match="initial must be given"):
        cm.simulate(GRAINS, NMC811, protocol=cm.Rest(1.0))


@pytest.mark.parametrize("states", [10, 20])
def test_what_the_energies_miss_does_not_add_up_from_state_to_state(states: int) -> None:
    """Steps may miss 3e-3 of what they dissipate and 4e-4 of what all walls bear, over the whole
    way and not over that to the next state: 0.8 % would be missed then, with twenty states."""
    grains = mesh.ball(2e-6, n_grains=12, size=0.6e-6, seed=1)
    history = cm.simulate(
        grains, NMC811, protocol=cm.Charge(1.0, until=0.7), states=states,
        coupling=cm.Coupling(stress_drive="none"), threads=1,
    )  # fmt: skip
    missed = history.supplied - history.stored - history.dissipated - history.released
    assert np.abs(missed / np.maximum(history.stored, history.dissipated)).max() <= 3.4e-3
