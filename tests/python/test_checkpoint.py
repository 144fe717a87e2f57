"""Checkpoints of simulations: the bits of a run that was never stopped, whatever stops it where."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import mesh
from nmcx.chemomechanics import simulation
from nmcx.chemomechanics.checkpoint import n_kept
from nmcx.chemomechanics.domain import Domain
from nmcx.errors import InputError, OutputError
from nmcx.materials import NMC811_BRITTLE, PotentialTable
from nmcx.results import History, Mesh

GRAINS = mesh.disc(1.5e-6, n_grains=12, size=0.3e-6, seed=1)
SHORT: dict[str, Any] = {"protocol": cm.Charge(1.0, until=0.6), "states": 3, "threads": 1}

# What there is of parts: an end before its time, a held potential, a rest; walls that resist and
# fill; layers that grow; a layer given at the start on a part of the surface.
LAYER = np.where(GRAINS.points[GRAINS.surface].mean(axis=1)[:, 0] > 0, 1e-8, np.inf)
RUNS: dict[str, tuple[Mesh, dict[str, Any]]] = {
    "cracks fill": (GRAINS, {"protocol": cm.Charge(1.0, until=0.5), "states": 3}),
    "one way": (
        GRAINS, {"protocol": cm.Charge(1.0, until=0.6), "states": 2,
                 "coupling": cm.Coupling.one_way()},
    ),
    "parts": (
        GRAINS,
        {
            "protocol": [
                cm.Charge(2.0, until=0.3, cutoff=4.15),
                cm.Hold(4.15, 600.0, until_c_rate=0.6),
                cm.Rest(60.0),
                cm.Discharge(2.0, until=0.7),
            ],
            "states": 1,
            "coupling": cm.Coupling(layer_growth=1e-20),
            "surface": cm.ButlerVolmer(layer_conductance=LAYER),
        },
    ),
    "in space": (
        mesh.ball(1.5e-6, n_grains=6, size=0.7e-6, seed=1),
        {"protocol": cm.Charge(1.0, until=0.6), "states": 2},
    ),
}  # fmt: skip


def assert_same(found: History, expected: History) -> None:
    """Every number of both to the bit."""
    for item in fields(History):
        one, other = getattr(found, item.name), getattr(expected, item.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype, item.name
            assert one.tobytes() == other.tobytes(), item.name
        else:
            assert one == other, item.name


@pytest.mark.parametrize("name", RUNS)
def test_from_every_state_it_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    body, options = RUNS[name]
    expected = cm.simulate(body, NMC811_BRITTLE, **options, threads=1)
    assert expected.damage[-1].max() > 0.9, "nothing cracks: this shows little"

    def copy(done: float, total: float, label: str) -> None:
        shutil.copytree(tmp_path / "kept", tmp_path / f"after {done:.0f}")

    history = cm.simulate(
        body, NMC811_BRITTLE, **options, threads=1, checkpoint=tmp_path / "kept", progress=copy
    )
    assert_same(history, expected)
    n = len(history.times)
    for done in range(1, n + 1):
        place = tmp_path / f"after {done}"
        assert n_kept(place) == done
        seen: list[float] = []
        resumed = cm.simulate(
            body, NMC811_BRITTLE, **options, threads=1 + done % 2, checkpoint=place,
            progress=lambda at, total, label, seen=seen: seen.append(at),
        )  # fmt: skip
        assert seen == list(range(done + 1, n + 1)), "a finished state was lost or found anew"
        assert_same(resumed, expected)


def test_the_method_for_lithium_goes_on_with_what_was_learned() -> None:
    """Steps with one matrix before and after a state, and with others: the bits of going on."""
    domains = [Domain(GRAINS, NMC811_BRITTLE) for _ in range(2)]
    n = domains[0].size
    load = np.zeros(n)
    load[:5] = 1e-18
    none, free = np.zeros(n), np.full(n, np.nan)

    def steps(domain: Domain, c: np.ndarray, rates: list[float]) -> np.ndarray:
        for rate in rates:
            c = domain.kernel.step(rate, rate * c, load, none, free, c, threads=1).concentration
        return np.array(c)

    c = steps(domains[0], np.full(n, 3e4), [0.1] + [1e-3] * 6)
    domains[0].kernel.forget_system()
    domains[1].kernel.experience = domains[0].kernel.experience
    rates = [1e-3, 1e-3, 5e-4, 5e-4, 2e-4]
    after = [steps(domain, c, rates) for domain in domains]
    assert after[0].tobytes() == after[1].tobytes()
    fresh = steps(Domain(GRAINS, NMC811_BRITTLE), c, rates)
    assert fresh.tobytes() != after[0].tobytes(), "nothing was learned: this shows little"


def test_a_finished_checkpoint_is_the_history(tmp_path: Path, monkeypatch: Any) -> None:
    history = cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=tmp_path / "kept")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed anew")

    monkeypatch.setattr(simulation.CrackingBody, "equilibrium", never)
    assert_same(cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=tmp_path / "kept"), history)


def test_what_stops_a_simulation_stops_it_again(tmp_path: Path) -> None:
    thick = cm.ButlerVolmer(layer_conductance=1e-11)
    options = {"protocol": cm.Charge(20.0, until=0.3), "surface": thick, "states": 8, "threads": 1}
    histories = []
    for _ in range(2):
        with pytest.raises(cm.SimulationFailure, match="cannot go on") as caught:
            cm.simulate(GRAINS, NMC811_BRITTLE, **options, checkpoint=tmp_path / "kept")  # type: ignore[arg-type]
        assert caught.value.history is not None
        histories.append(caught.value.history)
    assert_same(*histories)


# What is refused ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "kept"
    cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=folder)
    return folder


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("protocol", {"protocol": cm.Charge(1.0, until=0.5)}),
        ("coupling", {"coupling": cm.Coupling(wetting=False)}),
        ("surface", {"surface": cm.ButlerVolmer(transfer_anodic=0.4)}),
        ("initial", {"initial": 0.9 * NMC811_BRITTLE.max_concentration}),
        ("states", {"states": 4}),
        ("eigenstrain", {"eigenstrain": "isotropic"}),
        ("plane", {"plane": "plane_strain"}),
        ("law", {"law": cm.CohesiveLaw(2e19, 1e8, 0.1)}),
        ("tolerance", {"tolerance": 2e-3}),
        ("max_step", {"max_step": 0.01}),
        ("solver_tolerance", {"solver_tolerance": 1e-9}),
    ],
)
def test_other_arguments_are_refused_by_name(name: str, change: dict[str, Any], kept: Path) -> None:
    with pytest.raises(ValueError, match=f"other values of {name}; .*name another folder"):
        cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT | change, checkpoint=kept)


def test_another_body_or_material_is_refused(kept: Path) -> None:
    moved = replace(GRAINS, points=GRAINS.points * (1 + 1e-15))
    with pytest.raises(InputError, match="other values of mesh, law;"):
        cm.simulate(moved, NMC811_BRITTLE, **SHORT, checkpoint=kept)
    x = np.linspace(0.0, 1.0, 50)
    measured = PotentialTable(x, 4.5 - x)  # type: ignore[arg-type]
    other = NMC811_BRITTLE.replace(open_circuit_potential=measured)
    with pytest.raises(InputError, match="other values of parameters;"):
        cm.simulate(GRAINS, other, **SHORT, checkpoint=kept)


def test_a_damaged_state_and_a_strange_folder_are_named(kept: Path, tmp_path: Path) -> None:
    broken = tmp_path / "kept"
    shutil.copytree(kept, broken)
    state = broken / "state_00001.h5"
    state.write_bytes(state.read_bytes()[:600])
    with pytest.raises(InputError, match=r"state_00001\.h5: is not a readable"):
        cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=broken)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is no work of nmcx; move it away"):
        cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=tmp_path / "mine")
    with pytest.raises(OutputError, match="writing failed"):
        cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=tmp_path / "no" / "such" / "place")


# kill -9 in the middle of writing -----------------------------------------------------------------

KILLED = """
import os, signal, sys
from nmcx import chemomechanics as cm, mesh
from nmcx.materials import NMC811_BRITTLE

at, calls = int(sys.argv[2]), 0

def counted(call):
    # Before a file is on the disk, before and after it has its name, before the journal counts it.
    def killing(*words, **options):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*words, **options)
    return killing

for name in ("fsync", "replace", "write"):
    setattr(os, name, counted(getattr(os, name)))
cm.simulate(
    mesh.disc(1.5e-6, n_grains=12, size=0.3e-6, seed=1), NMC811_BRITTLE,
    protocol=cm.Charge(1.0, until=0.6), states=3, threads=1, checkpoint=sys.argv[1],
    progress=lambda done, total, label: print(done, flush=True),
)
"""


@pytest.mark.parametrize("at", [14, 31])
def test_killed_while_it_writes_no_state_is_lost(at: int, kept: Path, tmp_path: Path) -> None:
    place = tmp_path / "kept"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(place), str(at)], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    told = len(done.stdout.split())
    assert n_kept(place) >= told
    seen: list[float] = []
    resumed = cm.simulate(
        GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=place,
        progress=lambda at, total, label: seen.append(at),
    )  # fmt: skip
    assert all(at > told for at in seen)
    assert_same(resumed, cm.simulate(GRAINS, NMC811_BRITTLE, **SHORT, checkpoint=kept))
    names = {file.name for file in place.iterdir()}
    assert not [name for name in names if name.endswith(".tmp")]
    assert {name for name in names if name.startswith("last_")} == {"last_00003.h5"}
    assert list(place.parent.iterdir()) == [place]
