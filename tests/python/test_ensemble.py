"""Ensembles: what fails stays alone, what is finished stays, and every bit is that of one alone."""

from __future__ import annotations

import csv
import multiprocessing
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ensembles import ATTEMPTS, noted, particle
from nexusformat.nexus import nxload

from nmcx import chemomechanics as cm
from nmcx import io
from nmcx.chemomechanics.identity import digest
from nmcx.errors import InputError
from nmcx.materials import NMC811
from nmcx.results import History

#: One that is finished, two that the surface stops (at once, and on the way), one without grains.
MEMBERS = {
    "quick": {"seed": 1, "c_rate": 1.0},
    "other": {"seed": 2, "c_rate": 1.0},
    "stopped": {"seed": 1, "c_rate": 400.0, "until": 0.2},
    "no_grains": {"seed": 1, "c_rate": 1.0, "grains": 0},
}


def same(a: History, b: History) -> bool:
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name), equal_nan=True)
        for f in fields(History)
        if f.metadata.get("axes")
    )


def attempts(folder: Path) -> list[int]:
    return [int(line) for line in (folder / ATTEMPTS).read_text().split()]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> cm.Ensemble:
    return cm.ensemble(particle, MEMBERS, tmp_path_factory.mktemp("local"), threads=1)


@contextmanager
def quiet() -> Iterator[None]:
    """The package warns of its own ports, sockets and deprecated calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


on_cluster = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    settings = {"distributed.worker.daemon": True, "distributed.scheduler.allowed-failures": 0}
    with quiet(), dask.config.set(settings):
        cluster = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("scratch")),
        )
        made = distributed.Client(cluster)
    yield made
    with quiet():
        made.close()
        cluster.close()


# --- what becomes of members ---------------------------------------------------------------------


def test_a_member_that_fails_does_not_stop_the_others(local: cm.Ensemble) -> None:
    status = {name: member.status for name, member in local.members.items()}
    assert status == {
        "quick": "finished", "other": "finished", "stopped": "stopped", "no_grains": "failed",
    }  # fmt: skip
    assert "n_grains" in local.members["no_grains"].message
    assert "cannot go on" in local.members["stopped"].message


def test_a_member_has_the_bits_of_a_simulation_of_its_own(local: cm.Ensemble) -> None:
    for name in ("quick", "other"):
        alone = particle(**MEMBERS[name])
        grains, history = local.load(name)
        assert np.array_equal(grains.points, alone["mesh"].points)
        assert same(history, cm.simulate(**alone, threads=2))


def test_what_was_reached_before_a_simulation_stopped_is_kept(local: cm.Ensemble) -> None:
    with pytest.raises(cm.SimulationFailure) as failure:
        cm.simulate(**particle(**MEMBERS["stopped"]), threads=1)
    assert failure.value.history is not None
    assert same(local.load("stopped")[1], failure.value.history)
    assert local.members["stopped"].message == str(failure.value)


def test_one_file_holds_an_entry_for_each(local: cm.Ensemble) -> None:
    opened = nxload(local.store)
    assert list(opened) == ["quick", "other", "stopped"]
    assert all(opened[name].nxclass == "NXentry" for name in opened)
    assert "c_rate = 1.0" in opened["quick/process/configuration/data"].nxvalue
    with pytest.raises(InputError, match="one of quick, other, stopped"):
        local.load("no_grains")


def test_the_table_has_a_row_for_each(local: cm.Ensemble) -> None:
    rows = {row["member"]: row for row in csv.DictReader(local.table.read_text().splitlines())}
    assert list(rows) == list(MEMBERS)
    history = local.load("quick")[1]
    quick = rows["quick"]
    assert (quick["seed"], quick["c_rate"], quick["grains"]) == ("1", "1.0", "")
    assert float(quick["time_s"]) == history.times[-1]
    assert float(quick["potential_v"]) == history.potential[-1]
    assert float(quick["dissipated_j_per_m"]) == history.dissipated[-1]
    assert rows["no_grains"]["states"] == "" and rows["no_grains"]["message"].startswith("ValueE")


# --- on a cluster ------------------------------------------------------------------------------


@on_cluster
def test_two_processes_give_the_same_bits(client: Any, local: cm.Ensemble, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = cm.ensemble(
        particle, MEMBERS, tmp_path, client=client, progress=lambda *now: told.append(now[:2])
    )
    assert made.members == local.members
    assert told == [(i, 4) for i in range(1, 5)]
    for name in ("quick", "other", "stopped"):
        assert same(made.load(name)[1], local.load(name)[1])
    assert made.table.read_text() == local.table.read_text()


@on_cluster
def test_a_worker_that_dies_takes_one_member_along_for_now(client: Any, tmp_path: Path) -> None:
    members = cm.sweep(folder=str(tmp_path), seed=[1, 2, 3])
    (tmp_path / "kill_2").touch()
    address = client.scheduler.address
    made = cm.ensemble(noted, members, tmp_path / "kept", client=address)
    assert [m.status for m in made.members.values()] == ["finished", "failed", "finished"]
    assert "Killed" in made.members["seed_2"].message
    (tmp_path / "kill_2").unlink()
    before = attempts(tmp_path)
    again = cm.ensemble(noted, members, tmp_path / "kept", client=client)
    assert {m.status for m in again.members.values()} == {"finished"}
    assert attempts(tmp_path) == [*before, 2]


def test_without_dask_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"nmcx\[dask\]"):
        cm.ensemble(particle, {"a": MEMBERS["quick"]}, tmp_path, client="tcp://here:1")


# --- going on ----------------------------------------------------------------------------------


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    members = cm.sweep(folder=str(tmp_path), seed=[1, 2, 3])
    (tmp_path / "kill_3").touch()
    run = multiprocessing.get_context("spawn").Process(
        target=cm.ensemble, args=(noted, members, tmp_path / "kept")
    )
    run.start()
    run.join(120)
    assert run.exitcode == -signal.SIGKILL
    assert not (tmp_path / "kept" / "ensemble.nxs").exists()
    (tmp_path / "kill_3").unlink()
    made = cm.ensemble(noted, members, tmp_path / "kept", threads=1)
    assert attempts(tmp_path) == [1, 2, 3, 3]
    for seed in (1, 2, 3):
        assert same(made.load(f"seed_{seed}")[1], cm.simulate(**particle(seed, 1.0), threads=1))
    assert cm.ensemble(noted, members, tmp_path / "kept").members == made.members
    assert attempts(tmp_path) == [1, 2, 3, 3]
    # A record without its file stands for nothing.
    (tmp_path / "kept" / "members" / "seed_2.nxs").unlink()
    assert cm.ensemble(noted, members, tmp_path / "kept", threads=1).members == made.members
    assert attempts(tmp_path) == [1, 2, 3, 3, 2]


@pytest.mark.parametrize(
    ("build", "values", "what"),
    [
        (particle, {"seed": 1, "c_rate": 2.0}, "other values of c_rate"),
        (particle, {"seed": 1, "c_rate": 1.0, "until": 0.7}, "other values of until"),
        (lambda **values: particle(**values), MEMBERS["quick"], "another function build"),
    ],
)
def test_a_name_is_not_given_twice(
    local: cm.Ensemble, build: Any, values: dict[str, Any], what: str
) -> None:
    with pytest.raises(ValueError, match=f"'quick' in .* {what}"):
        cm.ensemble(build, {"quick": values}, local.folder)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "one particle at least"),
        ({"../up": {}}, "cannot name a member"),
        ({"a": {"source": open}, "b": {"source": iter([])}}, "member 'b': a list_iterator"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(
    members: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        cm.ensemble(particle, members, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_a_sweep_is_every_combination_by_name() -> None:
    members = cm.sweep(a=np.array([1, 2]), b=("x", "y"), c=0.5, d="text")
    assert list(members) == ["a_1_b_x", "a_1_b_y", "a_2_b_x", "a_2_b_y"]
    assert members["a_2_b_x"] == {"a": 2, "b": "x", "c": 0.5, "d": "text"}
    assert cm.sweep(c=0.5) == {"only": {"c": 0.5}}
    with pytest.raises(ValueError, match="a holds a value twice"):
        cm.sweep(a=[1, 1])
    with pytest.raises(ValueError, match="numbers or texts"):
        cm.sweep(protocol=[cm.Rest(1.0)])


# --- identity ----------------------------------------------------------------------------------

CODE = """
from functools import lru_cache
SIZE = {size}
def inner(x): return x {sign} SIZE
@lru_cache
def cached(x): return x {cached} 1
def build(seed): return [inner(seed) for _ in range({n})] + [cached(seed), build]
"""
PLAIN = {"size": 0.1, "sign": "+", "cached": "*", "n": 3}


def function_of(**changes: Any) -> Any:
    names: dict[str, Any] = {"__name__": "written"}
    exec(CODE.format(**{**PLAIN, **changes}), names)
    return names["build"]


@pytest.mark.parametrize("change", [{"size": 0.2}, {"sign": "-"}, {"cached": "+"}, {"n": 4}])
def test_a_function_is_what_it_says_and_uses(change: dict[str, Any]) -> None:
    assert digest(function_of()) == digest(function_of())
    assert digest(function_of(**change)) != digest(function_of())


def test_values_are_the_same_if_their_content_is() -> None:
    same_pairs = [
        (np.arange(3.0), np.array([0.0, 1.0, 2.0])),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([1, 2], (1, 2)),
        (np.float64(0.1), 0.1),
        (1, 1.0),
        (NMC811, NMC811.replace()),
        ({3, 1}, {1, 3}),
        (partial(particle, 1), partial(particle, 1)),
    ]
    other_pairs = [
        (np.arange(3.0), np.arange(3)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        ("1", 1),
        (True, 1),
        (2**53, 2**53 + 1),
        ("ab", ["a", "b"]),
        (["a", ["b"]], [["a"], "b"]),
        (NMC811, NMC811.replace(strength=1e8)),
        (cm.Charge(1.0, 0.5), cm.Discharge(1.0, 0.5, initial=0.95)),
        (partial(particle, 1), partial(particle, 2)),
        (lru_cache(particle), lru_cache(noted)),
    ]
    assert all(digest(a) == digest(b) for a, b in same_pairs)
    assert all(digest(a) != digest(b) for a, b in other_pairs)


def test_the_digest_is_the_same_in_every_process() -> None:
    values = (NMC811, {"a", "b", "c"}, digest)
    code = (
        "from nmcx.chemomechanics.identity import digest; from nmcx.materials import NMC811;"
        "print(digest(NMC811, {'a', 'b', 'c'}, digest), end='')"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == digest(*values)


# --- entries of a file -------------------------------------------------------------------------


def test_files_are_gathered_whole_or_not_at_all(local: cm.Ensemble, tmp_path: Path) -> None:
    files = {name: local.folder / "members" / f"{name}.nxs" for name in ("quick", "other")}
    io.gather(tmp_path / "all.nxs", files)
    alone = io.load(files["other"])
    both = io.load(tmp_path / "all.nxs", entry="other")
    assert same(both["history"], alone["history"])
    assert both["history"].settings == alone["history"].settings
    (tmp_path / "broken.nxs").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"broken\.nxs"):
        io.gather(tmp_path / "two.nxs", {**files, "broken": tmp_path / "broken.nxs"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.nxs", "broken.nxs"]
    for name in ("", "a/b", "."):
        with pytest.raises(ValueError, match="cannot be named"):
            io.gather(tmp_path / "two.nxs", {name: files["quick"]})
    with pytest.raises(ValueError, match="at least one"):
        io.gather(tmp_path / "two.nxs", {})
