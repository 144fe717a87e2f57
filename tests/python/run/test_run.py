"""The run file and the chain it drives."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from nmcx import io, run, run_file
from nmcx.errors import InputError, OutputError
from nmcx.run_file import RunFile, RunFileError
from nmcx.run_file.values import Unfit

FILES = ["log.txt", "report.html", "result.nxs", "ro-crate-metadata.json", "run.resolved.toml"]


def soft_run(data: Path, folder: Path, more: str = "") -> Path:
    path = folder / "run.toml"
    path.write_text(f'[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{data}/b_scan.hdr"\n{more}')
    return path


BAD = [
    ("[sotf]\n", r"run\.toml: \[sotf\]: unknown section; did you mean \"soft\""),
    ("soft = 1\n", r"run\.toml: soft: must be a section"),
    ("[soft\n", r"run\.toml: is not valid TOML"),
    ("[soft]\nscan = " + "[" * 5000, r"run\.toml: nests arrays or tables too deeply"),
    ("", r"run\.toml: names no measurement"),
    ("[soft]\n", r"\[soft\] low, high, stack: give low and high, or stack alone"),
    ('[soft]\nlow = "HERE"\n', r"give low and high"),
    ('[soft]\nstack = "HERE"\nmod = "tey"\n', r"\[soft\] mod: unknown key; did you mean \"mode\""),
    ('[soft]\nstack = "HERE"\nmode = "fy"\n', r"\[soft\] mode: must be one of \"tey\", \"trans"),
    ('[soft]\nstack = "HERE"\nmin_counts = "many"\n', r'min_counts: must be a number or "auto"'),
    ('[soft]\nstack = "HERE"\nmin_counts = true\n', r"min_counts: must be a number"),
    ('[soft]\nstack = "HERE"\nmin_counts = nan\n', r"min_counts: must be a number between 0"),
    ("[soft]\nstack = 7\n", r"\[soft\] stack: must be the path of a file, in quotes, not 7"),
    ('[soft]\nstack = "HERE"\ndark = [1, 2, 3, 4]\n', r"dark: must be a number, or a list of one"),
    ('[soft]\nstack = "HERE"\nfirst = [2, 1, 0.5]\n', r"first, second: give both end members"),
    ('[soft]\nstack = "HERE"\nenergy_std_ev = 0.1\n', r"energy_std_ev: needs a reference"),
    ('[soft]\nlow = "HERE"\nhigh = "HERE"\nbackground = 848\n', r"background: an energy needs"),
    ("[spectra]\n", r"\[spectra\]: names no spectra"),
    ('[spectra]\nnickel_fy = ["HERE"]\n', r"nickel_fy: must be two files"),
    ('[spectra]\nnickel_fy = ["HERE", "HERE"]\n[oxygen]\n', r"\[oxygen\]: needs oxygen_tey"),
    ("[hard]\n", r"\[hard\] stack, frames: give one of the two"),
    ('[hard]\nstack = "HERE"\nframes = ["HERE"]\n', r"give one of the two"),
    ('[hard]\nstack = "HERE"\npre_edge = [8320, 8250]\n', r"pre_edge: must be \[low, high\] with"),
    ('[hard]\nstack = "HERE"\npre_edge = 8250\n', r"pre_edge: must be two energies in eV"),
    ('[hard]\nstack = "HERE"\npre_degree = 1.5\n', r"pre_degree: must be a whole number between"),
    ('[hard]\nstack = "HERE"\nlevel = 2\n', r"level: must be a number between 0\.01 and 0\.99"),
    ('[hard]\nstack = "HERE"\npre_edge = [8.25, 8.32]\n', r"look like keV: multiply by 1000"),
    ('[hard]\nstack = "HERE"\npre_edge = [8250, 8400]\n', r"post_edge: the first must end below"),
    ('[hard]\nstack = "HERE"\nestimator = "best"\n', r'estimator: must be one of "half_jump"'),
    ("[tomogram]\n", r"\[tomogram\] file: is missing"),
    ('[tomogram]\nfile = "HERE"\nvoxel_size_um = [1, 2]\n', r"voxel_size_um: must be a number or"),
    ('[hard]\nstack = "HERE"\n[cones]\nhalf_angle_deg = []\n', r"half_angle_deg: must be a list"),
    ('[soft]\nstack = "HERE"\n[cones]\n', r"\[cones\]: needs a \[tomogram\] or a \[hard\] stack"),
    (
        '[hard]\nstack = "HERE"\n[placing]\nview = [0, 0, 1]\n',
        r"\[placing\]: needs the surface map of a \[soft\] section",
    ),
    ('[hard]\nstack = "HERE"\n[placing]\n', r"\[placing\] view: is missing"),
    ('[hard]\nstack = "HERE"\n[correlation]\n', r"\[correlation\]: needs a \[placing\] section"),
    ('[hard]\nstack = "HERE"\n[correlation]\nmatched = 1\n', r"matched: must be true or false"),
    (
        '[hard]\nstack = "HERE"\n[placing]\nview = [0, 0, 0]\n',
        r"view: must be a direction \(z, y, x\) other than",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text[:44] for text, _ in BAD])
def test_a_mistake_in_the_run_file_is_named_with_its_remedy(
    text: str, message: str, tmp_path: Path
) -> None:
    here = tmp_path / "here.hdr"
    here.write_text("x")
    path = tmp_path / "run.toml"
    path.write_text(text.replace("HERE", str(here)))
    with pytest.raises(RunFileError, match=message) as caught:
        run_file.read(path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_measurement_is_an_input_error_not_a_mistake_in_the_run_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[hard]\nstack = "gone.h5"\n')
    with pytest.raises(InputError, match=r"\[hard\] stack: .*gone\.h5 does not exist") as caught:
        run_file.read(path)
    assert not isinstance(caught.value, RunFileError)


def test_a_missing_run_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="nmcx init"):
        run_file.read(tmp_path / "gone.toml")


def test_the_template_holds_every_key_and_only_names_of_files_are_missing() -> None:
    text = run_file.template()
    tables = tomllib.loads(text)
    for name, kind in RunFile.SECTIONS.items():
        for item in fields(kind):
            assert f"{item.name} =" in text.partition(f"[{name}]")[2].partition("\n[")[0]
    for name, table in tables.items():
        known = {item.name: item.metadata["read"] for item in fields(RunFile.SECTIONS[name])}
        for key, value in table.items():
            try:
                known[key](value, Path("/nowhere"))
            except FileNotFoundError:
                for file in value if isinstance(value, list) else [value]:
                    assert file.endswith((".hdr", ".h5", ".tif", ".txt"))
            except Unfit as error:
                pytest.fail(f"{name}.{key} = {value!r}: {error}")


def test_defaults_filled_in_read_back_the_same(data: Path, tmp_path: Path) -> None:
    first = run_file.read(data / "run.toml")
    copy = tmp_path / 'odd "name"' / "copy.toml"
    copy.parent.mkdir()
    copy.write_text(run_file.to_toml(first, copy.parent))
    second = run_file.read(copy)
    for name in ("soft", "hard", "tomogram", "morphology", "cones", "correlation"):
        assert getattr(first, name) == getattr(second, name)


def test_the_whole_chain_finds_what_was_put_into_the_phantom(data: Path, tmp_path: Path) -> None:
    steps: list[tuple[float, float, str]] = []
    result = run.run(
        data / "run.toml",
        out=tmp_path / "out",
        progress=lambda done, total, label: steps.append((done, total, label)),
    )
    curves = ("xi_histogram", "edge_histogram", "depth_profile", "line_profiles", "correlation")
    names = sorted([*FILES, *(f"{name}.csv" for name in curves)])
    assert sorted(p.name for p in result.folder.iterdir()) == names
    found = result.findings
    assert found.xi is not None and found.edges is not None and found.scan is not None
    assert found.depth is not None and found.lines is not None
    # More cracks, more degraded surface: the phantom's built-in correlation.
    assert np.nanmin(found.scan.pearson) < 0
    # Charged particle: more oxidised near the surface than half-way to the core.
    assert found.depth.median[0] > found.depth.median[len(found.depth.median) // 2]
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)
    assert steps[-1][0] == steps[-1][1]


def test_only_soft_scans_give_only_a_ratio_map(data: Path, tmp_path: Path) -> None:
    result = run.run(soft_run(data, tmp_path), out=tmp_path / "out")
    assert [name for name, _ in result.findings.results()] == [
        "low", "high", "xi", "dipole", "valence",
    ]  # fmt: skip
    assert "run.resolved.toml" in {p.name for p in result.folder.iterdir()}
    saved = tomllib.loads((result.folder / "run.resolved.toml").read_text())
    assert set(saved) == {"soft", "output"}
    assert saved["soft"]["mode"] == "tey"


def test_only_a_stack_gives_edges_particle_and_cones(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[hard]\nstack = "{data}/ni_k_edge.h5"\n[cones]\nn_directions = 50\n')
    found = run.run(path, out=tmp_path / "out").findings
    assert found.cones is not None and found.cones.directions.shape == (50, 3)
    assert found.xi is None and found.scan is None


def test_a_tomogram_alone_is_segmented_and_with_a_stack_the_needle_is_left_out(
    data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[tomogram]\nfile = "{data}/tomogram.tif"\nvoxel_size_um = 0.3\n')
    alone = run.run(path, out=tmp_path / "alone").findings
    path.write_text(path.read_text() + f'[hard]\nstack = "{data}/ni_k_edge.h5"\n')
    both = run.run(path, out=tmp_path / "both").findings
    assert alone.particle is not None and both.particle is not None
    assert alone.edges is None and alone.depth is None
    # Needle and weld absorb more than the particle and have no nickel.
    assert both.particle.envelope.sum() < alone.particle.envelope.sum()
    assert any("needle and weld" in note for note in both.notes)


def test_the_resolved_run_file_gives_the_same_numbers(data: Path, tmp_path: Path) -> None:
    first = run.run(data / "run.toml", out=tmp_path / "first")
    second = run.run(first.folder / "run.resolved.toml")
    assert second.folder == first.folder / "rerun"
    pairs = zip(first.findings.results(), second.findings.results(), strict=True)
    for (name, one), (_, other) in pairs:
        for item in fields(one):  # type: ignore[arg-type]
            a, b = getattr(one, item.name), getattr(other, item.name)
            if isinstance(a, np.ndarray):
                assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), f"{name}.{item.name}"


def test_results_are_read_back_from_the_file(data: Path, tmp_path: Path) -> None:
    result = run.run(soft_run(data, tmp_path), out=tmp_path / "out")
    loaded = io.load(result.folder / "result.nxs")
    kinds = {type(value).__name__ for value in loaded.values()}
    assert kinds == {"StxmStack", "XiMap", "EdgeDipole", "ValenceMap"}


def test_earlier_results_are_kept_without_force(data: Path, tmp_path: Path) -> None:
    path = soft_run(data, tmp_path)
    out = tmp_path / "out"
    run.run(path, out=out)
    (out / "my notes.txt").write_text("keep me")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(OutputError, match="--force"):
        run.run(path, out=out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    (out / "log.txt").write_text("an old log")
    run.run(path, out=out, force=True)
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [*FILES, "xi_histogram.csv", "my notes.txt"]
    )
    assert (out / "log.txt").read_text() != "an old log"


def test_a_failed_run_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "b_scan.hdr"
    broken.write_text("ScanDefinition = {")
    path = tmp_path / "run.toml"
    path.write_text(f'[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{broken}"\n')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"b_scan\.hdr"):
        run.run(path, out=tmp_path / "deep" / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_run_keeps_earlier_results_even_with_force(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run.run(soft_run(data, tmp_path), out=out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    path = tmp_path / "other.toml"
    path.write_text(f'[hard]\nstack = "{data}/ni_k_edge.h5"\npre_edge = [101, 102]\n')
    with pytest.raises(RunFileError, match=r"\[hard\]: .*pre_edge"):
        run.run(path, out=out, force=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_interrupting_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    def stop(done: float, total: float, label: str) -> None:
        if label == "ratio map":
            raise KeyboardInterrupt

    path = soft_run(data, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run.run(path, out=tmp_path / "out", progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["run.toml"]


def test_the_report_and_the_log_name_every_input_and_note(data: Path, tmp_path: Path) -> None:
    result = run.run(soft_run(data, tmp_path, '[output]\ntitle = "Mine"\n'), out=tmp_path / "out")
    page = result.report.read_text()
    assert "<h1>Mine</h1>" in page
    for name in ("a_scan.hdr", "b_scan.hdr", "run.toml"):
        assert name in page
    assert page.count("sha256 ") >= 5, "headers, images and run file"
    assert "ratio map" in (result.folder / "log.txt").read_text()


def test_check_opens_inputs_and_computes_nothing(data: Path) -> None:
    before = sorted(data.iterdir())
    text = "\n".join(run.check(data / "run.toml"))
    assert "32 × 32 pixels" in text
    assert "40 × 36 × 38 voxels" in text
    assert "GB free" in text
    assert sorted(data.iterdir()) == before


def test_the_demonstration_compares_with_the_truth(tmp_path: Path) -> None:
    size = {"shape": (40, 36, 38), "voxel_size_um": 0.3, "map_shape": (32, 32)}
    result, table = run.demo(tmp_path / "demo", seed=2, **size)
    rows = {row[0]: row for row in table.rows}
    bias = next(row for name, row in rows.items() if name.startswith("Edge energy: mean error"))
    # Rims of a coarse phantom and noise of about 0.1 eV over ten thousand voxels.
    assert abs(float(bias[1].split()[0])) < 0.05
    assert "Against the truth" in result.report.read_text()
    assert (tmp_path / "demo" / "data" / "run.toml").exists()
    again = run_file.read(tmp_path / "demo" / "run.resolved.toml")
    assert again.hard is not None and again.hard.stack == tmp_path / "demo/data/ni_k_edge.h5"
    assert 'stack = "data/ni_k_edge.h5"' in (tmp_path / "demo/run.resolved.toml").read_text()
    with pytest.raises(OutputError, match="--force"):
        run.demo(tmp_path / "demo", **size)


@pytest.mark.real_data
def test_the_real_scans_and_frames_give_a_report(real_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        f'[soft]\nstack = "{real_data}/cosmic-stxm/stxm-scan.hdr"\nmode = "transmission"\n'
        f'[hard]\nframes = "{real_data}/ssrl-6-2c"\n'
    )
    found = run.run(path, out=tmp_path / "out").findings
    assert found.xi is not None and found.jump is not None and found.od is not None
    # The stage moved by a quarter of the field between the two energies.
    assert np.hypot(found.xi.shift.dy, found.xi.shift.dx) == pytest.approx(28.4, abs=1.0)
    assert found.jump_pixel_um == pytest.approx(0.0329, abs=1e-4)
    # Ni in the particles absorbs above its edge only; beside them nothing changes.
    particle, beside = found.jump[650:720, 380:440], found.jump[500:600, 700:800]
    assert np.nanmedian(particle) > 0.5
    assert abs(np.nanmedian(beside)) < 0.15
    assert found.edges is None
    assert any("no edge energies" in note for note in found.notes)
