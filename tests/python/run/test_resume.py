"""`nmcx simulate` of particles that crack, and `nmcx resume`, stopped in every way."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from simulations import CRACKING, DISC, MAIN, simulate

from nmcx import chemomechanics as cm
from nmcx import cli, io, materials, mesh, run, run_file
from nmcx.chemomechanics.checkpoint import n_kept
from nmcx.io import work
from nmcx.results import History, Mesh
from nmcx.run.coupled_job import part_of
from nmcx.run.simulation_model import MECHANICAL, build_mesh, material, tiring_walls

N_STATE = 5


@pytest.fixture
def cracking(tmp_path: Path) -> Path:
    path = tmp_path / "disc.toml"
    path.write_text(CRACKING)
    return path


def command(*words: object, date: int | None = None) -> subprocess.Popen[str]:
    environment = dict(os.environ)
    environment.pop("SOURCE_DATE_EPOCH", None)
    if date is not None:
        environment["SOURCE_DATE_EPOCH"] = str(date)
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def stopped_after(n: int, process: subprocess.Popen[str], part: Path, how: signal.Signals) -> str:
    """Stop a process once its states are on the disk; what it said."""
    while n_kept(part / "states") < n:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(how)
    said = process.communicate()
    return said[0] + said[1]


def digests(folder: Path) -> dict[str, str]:
    """sha256 of all results but the log, which has its own times."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.iterdir())
        if file.name != "log.txt"
    }


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def history_in(folder: Path) -> tuple[Mesh, History]:
    held = io.load(folder / "result.nxs")
    grains, history = held["mesh"], held["history"]
    assert isinstance(grains, Mesh) and isinstance(history, History)
    return grains, history


# What it computes and writes ----------------------------------------------------------------------


def test_the_folder_holds_what_python_gives(
    cracking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = cracking.parent / "out"
    assert cli.main(["simulate", str(cracking), "-o", str(out)]) == 0
    grains = mesh.disc(1.5e-6, n_grains=12, size=0.3e-6, seed=1)
    history = cm.simulate(
        grains, materials.NMC811_BRITTLE, protocol=cm.Charge(1.0, until=0.6), states=4,
        coupling=cm.Coupling(stress_drive="none", layer_growth=1e-20),
    )  # fmt: skip
    found, cracked = history_in(out)
    assert np.array_equal(found.points, grains.points)
    for name in ("concentration", "stress", "damage", "opening", "wetted", "layer_thickness"):
        assert np.array_equal(getattr(cracked, name), getattr(history, name)), name
    assert names_in(out) == {
        *("result.nxs", "run.resolved.toml", "log.txt", "history.vtkhdf", "walls.vtkhdf"),
        *("mesh.vtu", "mesh_interfaces.vtu", "state_of_charge.csv"),
    }
    assert not (cracking.parent / "out.part").exists()
    with h5py.File(out / "history.vtkhdf") as opened:
        stress = opened["VTKHDF/CellData/stress"][:].reshape(history.stress.shape)
        assert np.array_equal(stress[..., 3], history.stress[..., 5])  # 12 comes before 23
        assert np.array_equal(stress[..., 4], history.stress[..., 3])
        at = opened["VTKHDF/Steps/CellDataOffsets/stress"][:]
        assert at.tolist() == [i * len(grains.cells) for i in range(N_STATE)]
    with h5py.File(out / "walls.vtkhdf") as opened:
        root = opened["VTKHDF"]
        assert np.array_equal(root["CellData/damage"][:], history.damage.ravel())
        assert root["Types"][:].tolist() == [3] * len(grains.interfaces)
        facets = root["Connectivity"][:].reshape(-1, 2)
        assert np.array_equal(facets, grains.interfaces[:, :2])
    rows = list(csv.DictReader((out / "state_of_charge.csv").read_text().splitlines()))
    for name, values in (
        ("dissipated_j_per_m", history.dissipated),
        ("crack_porosity", history.crack_porosity),
        ("reactive_area_m2_per_m", history.reactive_area),
    ):
        assert [float(row[name]) for row in rows] == values.tolist()
    said = capsys.readouterr().out
    assert re.search(r"cracks at the end: \d", said) and "J/m stored" in said
    assert [f"state {i} of {N_STATE} is kept" in (out / "log.txt").read_text() for i in (1, 5)]


def test_displacements_of_second_order_are_asked_for_by_their_key(cracking: Path) -> None:
    assert simulate(cracking, "linear", "--states", 2) == 0
    assert simulate(cracking, "quadratic", "--states", 2, "--order", 2) == 0
    file = run_file.read_simulation(cracking.parent / "quadratic" / "run.resolved.toml")
    grains, found = history_in(cracking.parent / "quadratic")
    wanted = cm.simulate(
        grains, material(file), protocol=cm.Charge(1.0, until=0.6), states=2, order=2,
        coupling=cm.Coupling(stress_drive="none", layer_growth=1e-20),
    )  # fmt: skip
    assert np.array_equal(found.stress, wanted.stress)
    linear = history_in(cracking.parent / "linear")[1]
    assert not np.allclose(found.opening[-1], linear.opening[-1], rtol=1e-3)


def test_pictures_of_cracks_are_drawn(cracking: Path) -> None:
    cracking.write_text(CRACKING.replace("pictures = false", "pictures = true"))
    assert simulate(cracking, "out", "--states", 1, pictures=True) == 0
    out = cracking.parent / "out"
    pictures = {p.name for p in out.glob("*.png")}
    assert pictures == {"cracks.png", "fields.png", "orientation.png", "state_of_charge.png"}


def test_the_resolved_run_file_gives_the_same_numbers(cracking: Path) -> None:
    assert simulate(cracking, "out", "--wet-damage", 0.9, "--strength", 1.5e8) == 0
    out = cracking.parent / "out"
    assert simulate(out / "run.resolved.toml", "again") == 0
    one, other = history_in(out)[1], history_in(out / "again")[1]
    assert np.array_equal(one.opening, other.opening)
    assert one.settings == other.settings
    file = run_file.read_simulation(out / "run.resolved.toml")
    assert file.coupling is not None and file.coupling.wet_damage == 0.9


def test_sections_have_the_defaults_of_the_options_and_the_material() -> None:
    for item in fields(cm.Coupling):
        assert getattr(run_file.Coupling(), item.name) == getattr(cm.Coupling(), item.name)
    for name in MECHANICAL:
        assert getattr(run_file.Fracture(), name) == getattr(materials.NMC811, name)
    law = cm.cohesive_law(materials.NMC811)
    assert run_file.Fracture().endurance == law.endurance and not law.tires


def test_walls_tire_if_the_run_file_says_so(cracking: Path) -> None:
    asked = {"fracture": {"fatigue_cycles": 20.0, "endurance": 0.3}}
    file = run_file.read_simulation(cracking, asked)
    parameters, grains = material(file), build_mesh(file)
    law = cm.cohesive_law(parameters, grains)
    expected = replace(law, fatigue_cycles=20.0, endurance=0.3)
    assert tiring_walls(file, parameters, grains) == expected
    assert tiring_walls(run_file.read_simulation(cracking), parameters, grains) is None
    assert simulate(cracking, "out", "--fatigue-cycles", 20, "--states", 1) == 0
    _, history = history_in(cracking.parent / "out")
    assert history.settings["fatigue_cycles"] == 20.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[fracture]\nfracture_energy = 0.1\n", "", r"\[coupling\]: needs a section \[fracture\]"),
        ("layer_growth = 1e-20", "wetting = false\nwet_damage = 0.9", "need wetting = true"),
        ("fracture_energy = 0.1", "c12 = 3e11", r"\[fracture\]: c12 must be smaller"),
        ("fracture_energy = 0.1", "endurance = 0.3", r"\[fracture\] endurance: needs fatigue_cyc"),
        ("fracture_energy = 0.1", 'plane = "flat"', r"\[fracture\] plane: must be one of"),
        ("until=0.6", "until=0.96", r"\[transport\]: Charge\(until=0\.96\) starts at .* past it"),
    ],
)
def test_a_mistake_is_named_and_leaves_nothing(
    old: str, new: str, message: str, cracking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in CRACKING
    cracking.write_text(CRACKING.replace(old, new))
    assert simulate(cracking, "out") == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert names_in(cracking.parent) == {cracking.name}


def test_what_cannot_be_ends_with_four_and_the_states_up_to_then(
    cracking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--layer-thickness-nm", 50, "--protocol", "charge c_rate=20 until=0.1")
    assert simulate(cracking, "out", *flags) == 4
    out = cracking.parent / "out"
    assert f"the states up to then are in {out}" in capsys.readouterr().err
    history = history_in(out)[1]
    assert len(history.times) >= 1 and any("cannot go on" in note for note in history.notes)
    assert not (cracking.parent / "out.part").exists()


# Stopped and gone on with -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A run file, and the digests of a run of it that nothing stopped."""
    file = tmp_path_factory.mktemp("killed") / "disc.toml"
    file.write_text(CRACKING)
    out = file.with_name("whole")
    with command("-q", "simulate", file, "-o", out, date=86400) as process:
        assert process.wait() == 0, process.communicate()
    return file, digests(out)


def test_a_killed_run_ends_in_the_same_bytes(whole: tuple[Path, dict[str, str]]) -> None:
    """Once; the 200 random moments are in tests/verify/issue_08_checkpoints.py."""
    file, expected = whole
    out = file.with_name("killed")
    # Only the first start is told the date: it has to travel with the checkpoint.
    process = command("-q", "simulate", file, "-o", out, date=86400)
    stopped_after(2, process, part_of(out), signal.SIGKILL)
    assert not out.exists()
    with command("-q", "resume", out) as process:
        assert process.wait() == 0, process.communicate()
    assert digests(out) == expected
    assert not part_of(out).exists()
    log = (out / "log.txt").read_text()
    for i in range(1, N_STATE + 1):
        assert log.count(f"state {i} of {N_STATE} is kept") <= 1, "found anew"
    assert log.count("goes on after state") == 1


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(cracking: Path) -> None:
    out, part = cracking.parent / "out", cracking.parent / "out.part"
    process = command("-q", "simulate", cracking, "-o", out)
    said = stopped_after(2, process, part, signal.SIGINT)
    assert process.returncode == 130
    assert said == f"nmcx: interrupted; `nmcx resume {out}` goes on from here\n"
    assert part.is_dir() and not out.exists()
    # The folder of the work will do as well as that of the results.
    assert cli.main(["-q", "resume", str(part)]) == 0
    assert len(history_in(out)[1].times) == N_STATE
    assert not part.exists()


@pytest.fixture
def unfinished(cracking: Path) -> Path:
    """The folder that a run was to fill when it was stopped after two states."""

    def stop(done: float, total: float, label: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    out = cracking.parent / "out"
    with pytest.raises(KeyboardInterrupt, match="nmcx resume"):
        run.simulate(cracking, out=out, progress=stop)
    return out


def test_unfinished_work_is_not_lost_by_mistake(
    unfinished: Path, cracking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(cracking, "out") == 5
    assert f"go on with `nmcx resume {unfinished}`, or start anew" in capsys.readouterr().err
    assert simulate(cracking, "out", "--force", "--states", 1) == 0
    assert len(history_in(unfinished)[1].times) == 2
    assert not unfinished.with_name("out.part").exists()


def test_two_processes_do_not_work_on_one_run(
    unfinished: Path, cracking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = os.open(unfinished.with_name("out.part") / "begun.json", os.O_RDONLY)
    try:
        work.lock(begun, unfinished)
        assert cli.main(["resume", str(unfinished)]) == 5
        assert "another process works on it" in capsys.readouterr().err
        assert simulate(cracking, "out", "--force") == 5
    finally:
        os.close(begun)
    assert cli.main(["-q", "resume", str(unfinished)]) == 0


def test_another_version_is_refused(unfinished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fingerprint = unfinished.with_name("out.part") / "states" / "fingerprint.json"
    content = json.loads(fingerprint.read_text())
    content["fingerprint"]["nmcx"] = "0.0.1"
    fingerprint.write_text(json.dumps(content))
    assert cli.main(["resume", str(unfinished)]) == 4
    assert "was begun with other values of nmcx" in capsys.readouterr().err
    assert unfinished.with_name("out.part").is_dir()


def test_what_is_not_there_cannot_be_resumed(
    tmp_path: Path, cracking: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["resume", str(tmp_path / "out")]) == 2
    assert "nothing to resume" in capsys.readouterr().err
    assert simulate(cracking, "out", "--states", 1) == 0
    assert cli.main(["resume", str(tmp_path / "out")]) == 0
    assert "is finished already, there is nothing to resume" in capsys.readouterr().out
    (tmp_path / "edges.nxs.part").mkdir()
    (tmp_path / "edges.nxs.part" / "fingerprint.json").write_text("{}")
    assert cli.main(["resume", str(tmp_path / "edges.nxs")]) == 2
    assert "is of `nmcx edges`" in capsys.readouterr().err


def test_a_crash_after_the_results_are_there_is_no_harm(
    cracking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = cracking.parent / "out"
    unlink = Path.unlink

    def stopped(path: Path, missing_ok: bool = False) -> None:
        if path.name == "begun.json":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stopped)
        with pytest.raises(KeyboardInterrupt):
            run.simulate(cracking, out=out, given={"transport": {"states": 1}})
    before = digests(out)
    assert cli.main(["-q", "resume", str(out)]) == 0
    assert digests(out) == before
    assert names_in(cracking.parent) == {"disc.toml", "out"}
    # In the middle of removing the folder of the work.
    (cracking.parent / "out.part" / "states").mkdir(parents=True)
    assert cli.main(["-q", "resume", str(out)]) == 0
    assert names_in(cracking.parent) == {"disc.toml", "out"}


def test_without_the_section_nothing_cracks(tmp_path: Path) -> None:
    (tmp_path / "disc.toml").write_text(DISC)
    assert simulate(tmp_path / "disc.toml", "out", "--states", 1) == 0
    assert set(io.load(tmp_path / "out" / "result.nxs")) == {"mesh", "transport_history"}
