"""`nmcx simulate` and its run file, on discs and balls of few cells."""

from __future__ import annotations

import csv
import hashlib
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from simulations import C_MAX, DISC, same, saved, simulate

from nmcx import chemomechanics, cli, materials, mesh, run, run_file
from nmcx.errors import ConvergenceError
from nmcx.results import Mesh, TransportHistory
from nmcx.run_file import Material, Polycrystal, RunFileError, Transport


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    path = tmp_path / "disc.toml"
    path.write_text(DISC)
    return path


# What it computes and writes ----------------------------------------------------------------------


def test_the_folder_holds_what_python_gives(disc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = disc.parent / "out"
    assert cli.main(["simulate", str(disc), "-o", str(out), "--frames", "yes"]) == 0
    grains = mesh.disc(5e-6, n_grains=5, size=1.5e-6, seed=3)
    protocol = [chemomechanics.Charge(1.0, until=0.6), chemomechanics.Rest(300.0)]
    history = chemomechanics.cycle(grains, materials.NMC811, protocol=protocol, states=3)
    found, lithium = saved(out)
    assert np.array_equal(found.points, grains.points)
    assert np.array_equal(found.orientation, grains.orientation)
    assert same(lithium, history)

    names = {p.name for p in out.iterdir()}
    assert names == {
        *("result.nxs", "run.resolved.toml", "log.txt", "history.vtkhdf", "mesh.vtu"),
        *("mesh_interfaces.vtu", "state_of_charge.csv", "state_of_charge.png", "lithium.png"),
        *("orientation.png", "surface_flux.png", "lithium_frames"),
    }
    pictures = [*out.glob("*.png"), *sorted((out / "lithium_frames").iterdir())]
    assert len(pictures) == 4 + len(history.times)
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in pictures)
    with h5py.File(out / "history.vtkhdf") as opened:
        root = opened["VTKHDF"]
        assert np.array_equal(root["Steps/Values"], history.times)
        stored = root["PointData/lithium_content"][:].reshape(history.concentration.shape)
        assert np.allclose(stored, history.concentration / C_MAX, rtol=1e-15)
    rows = list(csv.DictReader((out / "state_of_charge.csv").read_text().splitlines()))
    assert [float(row["time_s"]) for row in rows] == history.times.tolist()
    assert [float(row["potential_v"]) for row in rows] == history.potential.tolist()
    assert float(rows[-1]["lithium_content"]) == pytest.approx(0.6)
    assert float(rows[-1]["current_a_per_m"]) == pytest.approx(0.0, abs=1e-12)

    said = capsys.readouterr().out
    steps = f"{history.n_step} time steps"
    imbalance = f"imbalance of lithium {np.abs(history.balance).max():.1e}"
    for text in (
        f"5 grains, {len(grains.cells)} triangles", steps, imbalance, "from 0.9500 to 0.6000",
        "1560 s (26 min 00 s)", f"results: {out}",
    ):  # fmt: skip
        assert text in said, text


def test_the_resolved_run_file_gives_the_same_numbers_and_the_origin(disc: Path) -> None:
    assert simulate(disc, "out", "--diffusivity-c", "2e-15", "--layer-thickness-nm", "15") == 0
    out = disc.parent / "out"
    resolved = out / "run.resolved.toml"
    assert simulate(resolved, "again") == 0
    first, again = saved(out)[1], saved(out / "again")[1]
    assert same(first, again)
    # What was given on the command line stands in it, and so does every default.
    tables = tomllib.loads(resolved.read_text())
    assert tables["material"]["diffusivity_c"] == 2e-15
    assert tables["transport"]["layer_thickness_nm"] == 15.0
    assert set(tables["material"]) == {item.name for item in fields(Material)}
    assert set(tables["transport"]) == {item.name for item in fields(Transport)}
    with h5py.File(out / "result.nxs") as opened:
        text = opened["entry/process/configuration/data"][()].decode()
        inputs = [name.decode() for name in opened["entry/process/inputs/file_name"]]
        digests = [name.decode() for name in opened["entry/process/inputs/sha256"]]
    assert text == resolved.read_text()
    assert inputs == [str(disc)]
    assert digests == [hashlib.sha256(disc.read_bytes()).hexdigest()]
    assert "instruction set" in (out / "log.txt").read_text()


def test_the_command_line_beats_the_run_file(disc: Path) -> None:
    flags = ("--seed", 4, "--n-grains", "auto", "--grain-size-um", 4, "--states", 2,
             "--protocol", "discharge", "c_rate=2", "until=0.5", "hold", "potential_v=3.9",
             "duration_s=60", "--initial-content", 0.4, "--cycles", 1, "--texture", "radial",
             "--max-concentration", 5e4)  # fmt: skip
    assert simulate(disc, "out", *flags) == 0
    grains = mesh.disc(5e-6, grain_size=4e-6, size=1.5e-6, seed=4, texture="radial")
    expected = chemomechanics.cycle(
        grains, materials.NMC811.replace(max_concentration=5e4),
        protocol=[chemomechanics.Discharge(2.0, until=0.5), chemomechanics.Hold(3.9, 60.0)],
        initial=0.4 * 5e4, states=2,
    )  # fmt: skip
    found, history = saved(disc.parent / "out")
    assert np.array_equal(found.orientation, grains.orientation)
    assert same(history, expected)


def test_a_layer_covers_the_half_that_is_named(disc: Path) -> None:
    flags = ("--layer-thickness-nm", 60, "--layer-side", "half", "--layer-towards", 0, 1, 0)
    assert simulate(disc, "half", *flags, "--protocol", "charge c_rate=1 until=0.8") == 0
    grains, history = saved(disc.parent / "half")
    up = grains.points[grains.surface].mean(axis=1)[:, 1]
    flux = history.surface_flux[-1]
    assert flux[up > 1e-7].max() < 0.8 * flux[up < -1e-7].mean()
    # Of the layer's area only the covered part holds lithium back.
    assert simulate(disc, "part", *flags, "--layer-coverage", 0.1,
                    "--protocol", "charge c_rate=1 until=0.8") == 0  # fmt: skip
    partly = saved(disc.parent / "part")[1].surface_flux[-1]
    assert partly[up > 1e-7].mean() > 1.2 * flux[up > 1e-7].mean()


def test_cycles_go_through_the_protocol_again(disc: Path) -> None:
    there = ("charge c_rate=0.5 until=0.7", "discharge c_rate=0.5 until=0.8")
    assert simulate(disc, "out", "--protocol", *there, "--cycles", 2) == 0
    history = saved(disc.parent / "out")[1]
    assert np.unique(history.part).tolist() == [0, 1, 2, 3]
    ends = [history.mean_concentration[history.part == i][-1] / C_MAX for i in range(4)]
    assert ends == pytest.approx([0.7, 0.8, 0.7, 0.8])


def test_a_ball_has_a_current_in_amperes_and_pictures(tmp_path: Path) -> None:
    path = tmp_path / "ball.toml"
    path.write_text(
        "[polycrystal]\nsize_um = 2\nn_grains = 3\n[transport]\nstates = 2\n"
        'protocol = "charge c_rate=0.5 until=0.7"\n[output]\nfolder = "made"\n'
    )
    seen: list[str] = []
    job = run.simulate(path, progress=lambda done, total, label: seen.append(label))
    assert job.folder == tmp_path / "made" and job.mesh.dimension == 3
    header = (job.folder / "state_of_charge.csv").read_text().splitlines()[0]
    assert ",current_a," in header
    assert len(list(job.folder.glob("*.png"))) == 4
    assert "tetrahedra" in job.summary()[0]
    assert any(label.startswith("t = ") for label in seen)


# What is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_grains", "n_grain", r'\[polycrystal\] n_grain: unknown key; did you mean "n_grains"'),
        ("[transport]", "[transports]", r"\[transports\]: unknown section; did you mean"),
        ("size_um = 1.5", "", r"\[polycrystal\] size_um: is missing"),
        ("size_um = 1.5", "size_um = -1", r"\[polycrystal\] size_um: must be a number between"),
        ("size_um = 1.5", "size_um = 6", r"\[polycrystal\] size_um: must be at most radius_um, 5"),
        ("n_grains = 5", "", r"\[polycrystal\] n_grains, grain_size_um: give one"),
        ("n_grains = 5", "grain_size_um = 11", r"grain_size_um: must be at most twice radius_um"),
        ("seed = 3", "pores = [1]", r"\[polycrystal\] pores: are of an image; name it in labels"),
        ('"rest dur', '"wait dur', r"\[transport\] protocol: must be charge with .*\(not wait\)"),
        ("c_rate=1", "c_rate=-1", r"\[transport\] protocol: .*c_rate above 0 \(not -1\)"),
        ("until=0.6", "", r"\[transport\] protocol: must be charge with until too"),
        ("until=0.6", "until=0.96", r"\[transport\]: Charge\(until=0\.96\) starts at .* past it"),
        ('["charge c_rate=1 until=0.6", ', "[", r"\[transport\] initial_content: must be given"),
        ("states = 3", 'layer_side = "half"', r"layer_side: need a layer, layer_thickness_nm"),
        ("states = 3", "states = 0", r"\[transport\] states: must be a whole number"),
        ("states = 3", "[material]\nc_max = 3", r"\[material\] c_max: unknown key"),
        ("states = 3", "[material]\ntemperature = 0", r"\[material\] temperature: must be a numb"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_run_file_is_named(
    old: str, new: str, message: str, disc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in DISC
    disc.write_text(DISC.replace(old, new))
    assert simulate(disc, "out") == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.startswith(f"nmcx: {disc}: ") and error.count("\n") == 1
    assert not (disc.parent / "out").exists()


def test_a_mistake_on_the_command_line_is_named(
    disc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(disc, "out", "--n-grains", "few") == 2
    assert "--n-grains: must be a whole number" in capsys.readouterr().err
    assert simulate(disc, "out", "--labels", disc.parent / "gone.tif") == 4
    assert "--labels: " in capsys.readouterr().err
    assert simulate(disc, "out", "--labels", disc) == 2
    assert "shape, n_grains: are of made grains" in capsys.readouterr().err


def test_run_files_of_measurement_and_simulation_are_told_apart(
    disc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["-q", "run", str(disc)]) == 2
    assert "nmcx simulate" in capsys.readouterr().err
    other = disc.parent / "soft.toml"
    other.write_text('[soft]\nlow = "a.hdr"\nhigh = "b.hdr"\n')
    assert cli.main(["-q", "simulate", str(other)]) == 2
    assert "[soft]: is of a measurement; run it with `nmcx run`" in capsys.readouterr().err


def test_earlier_results_are_kept_unless_forced(
    disc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = disc.parent / "out"
    assert simulate(disc, "out", "--states", 2) == 0
    (out / "my notes.txt").write_text("mine")
    (out / "lithium_frames").mkdir()
    for name in ("lithium.png", "lithium_frames/lithium_0000.png", "lithium_frames/mine.png"):
        (out / name).write_text("earlier")
    before = (out / "result.nxs").read_bytes()
    capsys.readouterr()
    assert simulate(disc, "out") == 5
    assert "--force" in capsys.readouterr().err
    assert (out / "result.nxs").read_bytes() == before
    # Pictures of the earlier results would lie among the new ones.
    assert simulate(disc, "out", "--force") == 0
    assert (out / "result.nxs").read_bytes() != before
    assert [p.name for p in out.rglob("*.png")] == ["mine.png"]
    assert (out / "my notes.txt").read_text() == "mine"


# What cannot be -----------------------------------------------------------------------------------

IMPOSSIBLE = ("--layer-thickness-nm", 50, "--protocol", "charge c_rate=1 until=0.1")


def test_an_impossible_demand_ends_with_four_and_its_states_are_saved(
    disc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(disc, "out", *IMPOSSIBLE) == 4
    out = disc.parent / "out"
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    at = re.search(
        r"at \(.*, .*\) µm .* at t = ([\d.]+) s.*; the states up to then are in (.*)", error
    )
    assert at and at[2] == str(out)
    _, history = saved(out)
    assert history.times[-1] == pytest.approx(float(at[1]), rel=1e-2) and len(history.times) > 1
    assert 0.1 < history.mean_concentration[-1] / C_MAX < 0.95
    assert history.lowest[-1] < 0.6 * C_MAX  # the layer takes the rest
    assert any("cannot go on" in note for note in history.notes)
    assert "stopped: " in (out / "log.txt").read_text()
    rows = (out / "state_of_charge.csv").read_text().splitlines()
    assert len(rows) == 1 + len(history.times)


def test_what_is_impossible_from_the_start_leaves_the_start(disc: Path) -> None:
    asked = {"transport": {"layer_thickness_nm": 400.0}}
    with pytest.raises(ConvergenceError, match="at t = 0 s") as caught:
        run.simulate(disc, out=disc.parent / "out", given=asked)
    assert isinstance(caught.value.__cause__, chemomechanics.ImpossibleDemand)
    assert saved(disc.parent / "out")[1].times.tolist() == [0.0]
    assert (disc.parent / "out" / "lithium.png").exists()


def test_a_step_that_cannot_be_taken_is_told_with_time_and_place(
    disc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cycle = chemomechanics.cycle

    def failing(grains: Mesh, *rest: Any, **options: Any) -> TransportHistory:
        history = cycle(grains, *rest, **options)
        lithium = history.concentration.copy()
        lithium[-1, 11] = 0.001 * C_MAX
        history = replace(history, concentration=lithium)
        raise chemomechanics.TransportFailure("no step at t = 7 s", time=7.0, history=history)

    monkeypatch.setattr(chemomechanics, "cycle", failing)
    assert simulate(disc, "out") == 4
    grains = saved(disc.parent / "out")[0]
    place = ", ".join(f"{1e6 * x:.3g}" for x in grains.points[11])
    assert (
        f"no step at t = 7 s; nearest to empty or full is ({place}) µm" in capsys.readouterr().err
    )


# Before it is started, and one name everywhere ----------------------------------------------------


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    disc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--dry-run", "--cycles", 3, "--layer-thickness-nm", 50, "--layer-coverage", 0.5)
    assert simulate(disc, "out", *flags) == 0
    said = capsys.readouterr().out
    for text in (
        "5 in a disc of radius 5 µm", "50 nm on 50 % of the whole surface",
        "3 times: charge c_rate=1 until=0.6; rest duration_s=300", "cycles = 3", str(disc.parent),
    ):  # fmt: skip
        assert text in said, text
    assert [p.name for p in disc.parent.iterdir()] == [disc.name]
    assert cli.main(["check", str(disc)]) == 0
    said = capsys.readouterr().out
    assert f"{disc}: valid" in said and f"{disc.stem}_result" in said
    about = re.search(r"about (\S+) cells", said)
    grains = mesh.disc(5e-6, n_grains=5, size=1.5e-6, seed=3)
    assert about and 0.7 < float(about[1]) / len(grains.cells) < 1.5


def test_the_template_is_a_simulation_with_every_key(tmp_path: Path) -> None:
    path = tmp_path / "simulation.toml"
    assert cli.main(["-q", "init", str(path), "--simulation"]) == 0
    file = run_file.read_simulation(path)
    assert file.transport == Transport() and file.material == Material()
    assert file.polycrystal == Polycrystal(size_um=0.5, n_grains=60)
    text = path.read_text()
    for kind in run_file.SimulationFile.SECTIONS.values():
        for item in fields(kind):
            assert re.search(rf"^(# )?{item.name} = ", text, re.MULTILINE), item.name


def test_the_material_is_that_of_the_paper() -> None:
    for item in fields(Material):
        assert item.default == getattr(materials.NMC811, item.name), item.name


def test_a_protocol_must_begin_with_a_part(disc: Path) -> None:
    disc.write_text(DISC.replace('["charge c_rate=1 until=0.6", "rest', '["c_rate=1", "rest'))
    with pytest.raises(RunFileError, match=r'such as "charge c_rate=1 until=0\.3"'):
        run_file.read_simulation(disc)
