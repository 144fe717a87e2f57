"""Measurement, model and comparison by one run file."""

from __future__ import annotations

import html
import inspect
import multiprocessing
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_runs import MODEL, beside

from nmcx import chemomechanics as cm
from nmcx import cli, comparison, correlation, io, materials, mesh, run, run_file
from nmcx.comparison.verdict import among
from nmcx.errors import OutputError, UsageError
from nmcx.run.folder import part_of
from nmcx.run.kept_model import kept_model
from nmcx.run.workers import workers
from nmcx.run_file import RunFileError

#: The same for the functions.
OPTIONS: dict[str, Any] = {
    "protocol": cm.Charge(1.0, until=0.85),
    "states": 2,
    "max_step": 0.2,
    "coupling": cm.Coupling(stress_drive="none"),
}
GRAINS: dict[str, Any] = {"n_grains": 5, "size": 1.1e-6, "largest_layer": 60e-9}


def simulated(held: dict[str, Any], **options: Any) -> comparison.SimulatedParticle:
    return comparison.simulate_particle(
        held["particle"], held["surface_values"], materials.NMC811, threads=1,
        **{**OPTIONS, **GRAINS, **options},
    )  # fmt: skip


def curve(held: dict[str, Any], made: comparison.SimulatedParticle) -> np.ndarray:
    porosity = comparison.predicted_porosity(
        made.mesh, made.history, held["particle"], held["cone_porosity"]
    )
    return correlation.observed_correlation(held["surface_values"], porosity)


def test_the_model_is_the_one_that_python_makes(held: dict[str, Any]) -> None:
    made = simulated(held, seed=3)
    assert np.array_equal(held["mesh"].cells, made.mesh.cells)
    assert np.array_equal(held["layer_map"].draws, made.layer.draws)
    for name in ("times", "concentration", "stress", "opening", "wetted", "potential"):
        assert np.array_equal(getattr(held["history"], name), getattr(made.history, name)), name
    found = held["comparison"]
    assert found.predicted.shape == (3, 2) and found.turned.shape == (3, 2)
    np.testing.assert_allclose(found.predicted[0], curve(held, made), rtol=1e-12)
    assert np.array_equal(found.measured.pearson, held["angle_scan"].pearson)


def test_members_and_turned_members_are_those_of_their_seeds(held: dict[str, Any]) -> None:
    found = held["comparison"]
    second = simulated(held, seed=4)
    np.testing.assert_allclose(found.predicted[1], curve(held, second), rtol=1e-12)
    turned = simulated(held, seed=6, turn=mesh.random_orientations(3, 3)[0])
    np.testing.assert_allclose(found.turned[0], curve(held, turned), rtol=1e-12)
    assert found.p_model == among(found.measured.pearson, found.predicted)
    assert found.p_turned == among(found.measured.pearson, found.turned)


def test_who_stops_waits_for_no_member() -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), workers(2) as (mapper, threads):
        assert threads >= 1
        for nothing in mapper(time.sleep, [0.0, 600.0, 600.0, 600.0]):
            assert nothing is None
            raise KeyboardInterrupt
    assert time.monotonic() - started < 60.0
    assert not multiprocessing.active_children()


def test_a_coupling_contributes_what_goes_without_it(held: dict[str, Any]) -> None:
    found, particle = held["contributions"], held["particle"]
    assert found.switched_off == ("", "cracks_resist", "wetting")
    history = held["history"]
    assert found.potential[0] == history.potential[-1]
    surface = comparison.layered_surface(
        held["layer_map"], particle, held["mesh"], materials.NMC811, draw=0
    )
    dry = cm.Coupling(stress_drive="none", wetting=False)
    alone = cm.simulate(
        held["mesh"], materials.NMC811, surface=surface, threads=1, **{**OPTIONS, "coupling": dry}
    )
    assert found.potential[2] == alone.potential[-1]
    assert found.dissipated[2] == alone.dissipated[-1]
    # What does not fill with electrolyte reacts on the outer surface alone.
    assert found.wetted[2] == 0.0 and found.reactive_area[2] < found.reactive_area[0]


def test_the_folder_holds_what_paraview_and_people_read(ran: run.RunResult) -> None:
    names = {path.name for path in ran.folder.iterdir()}
    assert names == {
        "result.nxs", "run.resolved.toml", "report.html", "log.txt", "history.vtkhdf",
        "walls.vtkhdf", "mesh.vtu", "mesh_interfaces.vtu", "state_of_charge.csv",
        "xi_histogram.csv", "correlation.csv", "comparison.csv", "ro-crate-metadata.json",
    }  # fmt: skip
    assert not part_of(ran.folder).exists()
    log = (ran.folder / "log.txt").read_text(encoding="utf-8")
    assert "model and experiment: " in log and "cracks at the end: " in log
    resolved = run_file.read(ran.folder / "run.resolved.toml")
    first = run_file.read(ran.folder.parent / "whole.toml")
    for name in ("model", "material", "fracture", "coupling", "compare"):
        assert getattr(resolved, name) == getattr(first, name), name


def test_the_compared_curves_are_there_as_numbers(ran: run.RunResult, held: dict[str, Any]) -> None:
    found = held["comparison"]
    table = np.genfromtxt(ran.folder / "comparison.csv", delimiter=",", names=True)
    assert np.array_equal(table["opening_angle_deg"], 2 * np.rad2deg(found.half_angle))
    for name, curve in (
        ("measured_1", found.measured.pearson),
        ("measured_95_high_1", found.measured.interval[:, 1]),
        ("model_mean_1", found.predicted.mean(axis=0)), ("member_2_1", found.predicted[2]),
        ("model_95_low_1", found.predicted_band[:, 0]), ("turned_0_1", found.turned[0]),
        ("map_turned_95_high_1", found.turned_band[:, 1]),
    ):  # fmt: skip
        assert np.array_equal(table[name], curve, equal_nan=True), name


def test_the_report_shows_model_and_comparison(ran: run.RunResult, held: dict[str, Any]) -> None:
    page = ran.report.read_text(encoding="utf-8")
    for heading in (
        "The particle in the model", "Model and experiment", "Measured and predicted correlation",
        "What each coupling contributes", "Methods of the model",
    ):  # fmt: skip
        assert page.count(f"<h2>{heading}</h2>") == 1, heading
    text = html.unescape(page)
    found = held["comparison"]
    assert found.verdict in text
    assert f"{found.measured.pearson[0]:+.3f}" in text
    assert f"{np.mean(found.predicted[:, 1]):+.3f}" in text
    assert "10.1038/s41467-020-18278-y" in text and "Myllymäki" in text
    # What the paper gives and what it does not are told apart.
    given, ours = text.split("Not given there, and ours:")
    assert "strength = 2e+08 Pa" in given.rpartition("Of Table 1 of [1]")[2]
    assert "cohesive_stiffness" in ours and "Changed in this run" not in text
    assert "wetting" in ours and "h_max = 60 nm, which nothing measured gives" in text


def test_check_and_dry_run_say_what_would_be_simulated(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = beside(measured, "checked.toml", MODEL)
    assert cli.main(["run", str(path), "--dry-run", "-o", str(measured.parent / "there")]) == 0
    said = capsys.readouterr().out
    assert "grains: 5, edges of 1.1 µm; layer up to 60 nm; charge c_rate=1 until=0.85" in said
    assert "2 simulations more, each without one coupling" in said
    assert "3 members and 3 with the map turned: 5 simulations more" in said
    assert "model, model without its couplings, model and experiment" in said
    assert str(measured.parent / "there") in said and not (measured.parent / "there").exists()
    assert run.check(path)[:-1] == said.splitlines()[:-1]


MISTAKES = [
    ("[compare]\n", r"\[compare\]: needs a \[model\] section"),
    ("[fracture]\n", r"\[fracture\]: needs a \[model\] section"),
    ("[particle]\n", r"\[particle\]: is no section: the particle is what \[tomogram\] or \[hard\]"),
    ("[model]\nsize_um = 1\nn_grains = 5\n", r"\[model\] largest_layer_nm: is missing; layer"),
    (GOOD := "[model]\nsize_um = 1\nlargest_layer_nm = 60\n", r"n_grains, grain_size_um: give one"),
    (GOOD + "n_grains = 5\ngrain_size_um = 2\n", r"\[model\] n_grains, grain_size_um: give one"),
    (GOOD + 'n_grains = 5\nprotocol = ["rest duration_s=60"]\n', r"initial_content: must be given"),
    (
        GOOD + 'n_grains = 5\nprotocol = ["charge until=2"]\n',
        r"protocol: must be charge with until",
    ),
    (GOOD + "n_grains = 5\npercentiles = [90, 10]\n", r"percentiles: must be two percentages"),
    (GOOD + 'n_grains = 5\npores = "shut"\n', r'pores: must be one of "open", "closed"'),
    (GOOD + "n_grains = 5\nradius_um = 5\n", r"\[model\] radius_um: unknown key"),
    (GOOD + 'n_grains = 5\n[fracture]\nplane = "plane_strain"\n', r"plane: is of a disc"),
    (GOOD + "n_grains = 5\n[fracture]\norder = 2\n", r"order: cells of \[model\] are linear"),
    (
        GOOD + "n_grains = 5\n[coupling]\nwetting = false\nwet_damage = 0.5\n",
        r"need wetting = true",
    ),
    (
        GOOD + "n_grains = 5\n[compare]\nn_member = 2\n",
        r"n_member: must be a whole number between 3",
    ),
    (GOOD + "n_grains = 5\n[compare]\nseed = 2\n", r"\[compare\] seed: unknown key"),
    (
        GOOD + 'n_grains = 5\ncontributions = true\n[coupling]\nstress_drive = "none"\n'
        "cracks_resist = false\nwetting = false\n",
        r"\[model\] contributions: every coupling is off already",
    ),
    (GOOD + "n_grains = 5\n[polycrystal]\n", r"\[polycrystal\]: is of a simulation alone"),
    (GOOD + "n_grains = 5\n[transport]\n", r"\[transport\]: is of a simulation alone"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[m[:40] for _, m in MISTAKES])
def test_a_mistake_is_named_with_its_remedy(measured: Path, text: str, message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        run_file.read(beside(measured, "mistaken.toml", text))


def test_the_model_needs_a_map_on_the_particle(measured: Path) -> None:
    path = measured.with_name("unplaced.toml")
    path.write_text('[tomogram]\nfile = "tomogram.tif"\n' + MODEL, encoding="utf-8")
    with pytest.raises(RunFileError, match=r"\[model\]: needs a \[placing\] section"):
        run_file.read(path)


def test_a_material_that_cannot_be_is_refused_before_anything_is_measured(measured: Path) -> None:
    path = beside(measured, "soft.toml", MODEL.replace("[fracture]\n", "[fracture]\nc12 = 9e11\n"))
    with pytest.raises(RunFileError, match=r"\[fracture\]: c12 must be smaller than c11"):
        run.run(path, progress=lambda done, total, label: pytest.fail(label))
    assert not part_of(path.with_name("soft_result")).exists()


def test_keys_have_the_names_and_defaults_of_the_functions() -> None:
    own = {"n_grains", "grain_size", "size", "largest_layer"}
    for section, function in (
        (run_file.Model, comparison.simulate_particle),
        (run_file.Compare, comparison.compare),
    ):
        known = inspect.signature(function).parameters
        for item in fields(section):
            name = item.name.removesuffix("_um").removesuffix("_nm")
            if name in own | {"cycles", "initial_content", "protocol", "contributions", "workers"}:
                continue
            assert known[name].default == item.default, name
        assert own <= set(known)


def test_what_the_model_cannot_do_takes_nothing_from_the_measurement(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = beside(
        measured, "fast.toml", MODEL.replace("c_rate=1 until=0.85", "c_rate=1e6 until=0.3")
    )
    assert cli.main(["-q", "run", str(path)]) == 4
    said = capsys.readouterr().err
    folder = path.with_name("fast_result")
    assert "[model]: " in said and f"what was found up to then is in {folder}" in said
    held = io.load(folder / "result.nxs")
    assert "angle_scan" in held and "history" not in held
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h2>Surface against bulk</h2>" in page and "[model]: " in html.unescape(page)
    assert "Model and experiment</h2>" not in page
    assert not part_of(folder).exists()


def test_a_model_that_stops_leaves_its_states(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Emptied until lithium leaves the lattice table: what was computed by then is shown."""
    path = beside(measured, "emptied.toml", MODEL.replace("until=0.85", "until=0.02"))
    path.write_text(path.read_text().replace("states = 2", "states = 8"), encoding="utf-8")
    assert cli.main(["-q", "run", str(path)]) == 4
    held = io.load(path.with_name("emptied_result") / "result.nxs")
    n = len(held["history"].times)
    assert 3 <= n < 9 and "comparison" not in held and "contributions" not in held
    assert f"{n} states up to then are kept" in capsys.readouterr().err
    page = (path.with_name("emptied_result") / "report.html").read_text(encoding="utf-8")
    assert "<h2>The particle in the model</h2>" in page and "states up to then are kept" in page
    assert (path.with_name("emptied_result") / "history.vtkhdf").exists()


def test_a_run_that_was_stopped_goes_on_with_what_it_has_found(measured: Path) -> None:
    quick = MODEL.replace("states = 2", "states = 1").replace("contributions = true\n", "")
    path = beside(measured, "stopped.toml", quick)
    part = part_of(path.with_name("stopped_result"))

    def until(label: str) -> tuple[list[str], str]:
        heard: list[str] = []

        def say(done: float, total: float, now: str) -> None:
            heard.append(now)
            if now == label:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as stopped:
            run.run(path, progress=say)
        return heard, str(stopped.value)

    first, onward = until("particle of seed 5")
    assert {"t = 0 s", "particle of seed 4", "particle of seed 5"} <= set(first)
    assert onward == (
        f"the same command goes on with the 2 states of the model and 2 members kept in {part}"
    )
    told = run.status(path.with_name("stopped_result"))
    assert told[-1].split(maxsplit=1)[1] == f"nmcx run {path} -o {path.with_name('stopped_result')}"
    with pytest.raises(UsageError, match=r"is of `nmcx run`; give that command again"):
        run.resume(part.with_name("stopped_result"))
    second, onward = until("result file")
    assert {"model", "particle of seed 6", "particle of seed 8"} <= set(second)
    # Neither a state of the model nor a member is found twice.
    assert not [label for label in second if label in ("t = 0 s", *first[-2:])]
    assert "2 states of the model and 5 members" in onward
    with (
        pytest.raises(OutputError, match="another process works on it"),
        kept_model(part.with_name("stopped_result"), True),
        kept_model(part.with_name("stopped_result"), True),
    ):
        pass
