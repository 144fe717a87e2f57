"""`nmcx info`: what a file is, and that what it says to do next can be done."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import sys
from pathlib import Path

import frame_files
import h5py
import numpy as np
import pytest

import nmcx
from nmcx import cli, io, results, run, run_file


def told(path: Path) -> dict[str, list[str]]:
    """Lines of `nmcx info` by their first word; the kind as "what"."""
    first, *lines = run.info(path)
    found: dict[str, list[str]] = {"what": [first.removeprefix(f"{path}: ")]}
    for line in lines:
        name, text = line.split(maxsplit=1)
        found.setdefault(name, []).append(text)
    return found


def does(line: str) -> int:
    """Exit code of a command line of nmcx."""
    words = shlex.split(line)
    assert words[0] == "nmcx"
    return cli.main(["-q", *words[1:]])


# Bug report ---------------------------------------------------------------------------------------


def test_the_bug_report_says_versions_machine_and_extras(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cli.main(["info"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["nmcx"] == nmcx.__version__
    assert rows["Python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert rows["numpy"] == np.__version__
    assert rows["h5py"] == h5py.__version__
    assert rows["instructions"] == nmcx._core.active_instruction_set()
    assert rows["OMP_NUM_THREADS"] == "3"
    for extra in ("[xarray]", "[zarr]", "[dask]", "[pardiso]"):
        assert extra in rows
    assert "[test]" not in rows


def test_an_extra_that_is_not_there_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nmcx.run import environment

    real = environment._version
    monkeypatch.setattr(environment, "_version", lambda name: "" if name == "zarr" else real(name))
    rows = dict(line.split(maxsplit=1) for line in environment.bug_report())
    assert rows["[zarr]"] == 'zarr not installed; pip install "nmcx[zarr]"'
    assert rows["[dask]"].endswith('zarr not installed; pip install "nmcx[dask]"')
    assert rows["[dask]"].startswith("dask ")


def test_the_bug_report_names_no_user_and_no_folder() -> None:
    text = "\n".join(run.info())
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


# Measured files -----------------------------------------------------------------------------------


def test_a_stack_is_told_with_shape_energies_voxel_and_the_fit(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = told(data / "ni_k_edge.h5")
    assert found["what"] == ["energy stack"]
    assert found["shape"][0].startswith("61 × 40 × 36 × 38 ")
    assert found["energies"] == ["61 energies (8250.00–8640.00 eV)"]
    assert found["voxel"] == ["300 nm"]
    assert "missing" not in found
    assert does(found["next"][0]) == 0
    edges = told(Path("ni_k_edge_edges.nxs"))
    assert edges["what"] == ["result file of nmcx"]
    assert any("EdgeMap, edge_energy_ev 40 × 36 × 38 [eV]" in text for text in edges["result"])
    assert any("--voxel-size-um" in text for text in edges["missing"])
    onward = next(line for line in edges["next"] if "cones" in line)
    assert does(onward.replace("UM", "0.3") + " --n-directions 50 --no-scene --no-picture") == 0
    cones = told(Path("ni_k_edge_edges_cones.nxs"))
    assert any(
        text.startswith("particle: Particle, solid 40 × 36 × 38") for text in cones["result"]
    )


def test_a_stack_of_another_edge_lacks_its_windows(tmp_path: Path) -> None:
    stack = results.EnergyStack(np.linspace(7000.0, 7300.0, 40), np.ones((40, 2, 3)))
    io.write_energy_stack(tmp_path / "iron.h5", stack)
    found = told(tmp_path / "iron.h5")
    assert "--pre-edge LO HI" in found["missing"][0]
    assert found["next"][0].endswith(" --pre-edge LO HI --post-edge LO HI")
    assert any("one image per energy" in text for text in found["missing"])


def test_a_scan_lacks_its_other_energy_and_goes_on_with_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = told(data / "a_scan.hdr")
    assert found["what"] == ["soft X-ray scan"]
    assert found["energies"] == ["1 energy (854.00 eV)"]
    assert "other peak" in found["missing"][0]
    line = found["next"][0].replace("OTHER.hdr", str(data / "b_scan.hdr"))
    assert does(line) == 0
    ratio = told(Path("a_scan_xi.nxs"))
    assert any(text.startswith("xi_map: XiMap, xi 32 × 32 [1]") for text in ratio["result"])
    assert any("--view Z Y X" in line for line in ratio["next"])


def test_a_tomogram_goes_on_to_cones_and_says_why_not_to_edges(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = told(data / "tomogram.tif")
    assert found["what"] == ["volume"]
    assert found["shape"] == ["40 × 36 × 38 (z, y, x), float32"]
    assert found["missing"] == [
        f"for `nmcx edges`: no list of energies beside it; write one energy per line to "
        f"{data / 'tomogram.csv'}"
    ]
    assert does(found["next"][0] + " --n-directions 50 --no-scene --no-picture") == 0


def test_whole_numbers_may_be_labels_and_npy_states_no_voxel(tmp_path: Path) -> None:
    np.save(tmp_path / "grains.npy", np.ones((4, 5, 6), np.int32))
    found = told(tmp_path / "grains.npy")
    assert found["shape"] == ["4 × 5 × 6 (z, y, x), int32"]
    assert found["voxel"] == ["not stated"]
    assert found["next"][0].endswith("--voxel-size-um UM")
    assert "--labels" in found["next"][1]


def test_frames_are_counted_by_what_they_show(tmp_path: Path) -> None:
    energy = np.array(frame_files.ENERGY)
    frames = frame_files.phantom(energy, np.deg2rad(frame_files.ANGLE_DEG))
    path = tmp_path / "scan.nx"
    frame_files.write_nxtomo(path, frames)
    found = told(path)
    n_sample = int((~frames.is_reference & ~frames.is_dark).sum())
    assert found["what"] == ["raw frames of a full-field microscope"]
    assert found["frames"][0].startswith(
        f"{n_sample} of the sample, {frames.is_reference.sum()} references, "
        f"{frames.is_dark.sum()} dark"
    )
    assert found["energies"][0].startswith(f"{energy.size} energ")
    assert "reconstruct them first" in found["missing"][0]
    assert "next" not in found


@pytest.mark.real_data
def test_real_frames_lack_energies(real_data: Path) -> None:
    found = told(real_data / "ssrl-6-2c")
    assert found["frames"] == ["4 of the sample, 8 references, 0 dark; 1024 × 1024 pixels"]
    assert found["pixel"] == ["32.93 nm"]
    assert found["missing"] == ["for `nmcx edges`: more energies than 2 across the edge"]


@pytest.mark.parametrize(
    ("low", "high", "what", "words"),
    [
        (845.0, 885.0, "soft X-ray spectrum, Ni L", "spectrum"),
        (520.0, 555.0, "soft X-ray spectrum, O K", "--cycled OTHER.txt"),
        (8250.0, 8600.0, "spectrum of the Ni K edge", "--template"),
        (7000.0, 7200.0, "spectrum", ""),
    ],
)
def test_a_spectrum_is_told_by_its_energies(
    low: float, high: float, what: str, words: str, tmp_path: Path
) -> None:
    energy = np.linspace(low, high, 90)
    path = tmp_path / "one.txt"
    path.write_text("\n".join(f"{e:.3f} {1 + k % 3}" for k, e in enumerate(energy)))
    found = told(path)
    assert found["what"] == [what]
    assert words in " ".join(found.get("next", [""]))
    assert ("missing" in found) == (what != "spectrum of the Ni K edge")


def test_an_athena_project_lists_its_spectra(tmp_path: Path) -> None:
    text = (
        "# Athena project file -- Demeter version 0.9.26\n"
        "$old_group = 'aa';\n@args = ('label','NiO','datatype','xmu','is_xmu','1');\n"
        "@x = ('8300','8340','8380');\n@y = ('0.1','1.0','0.9');\n"
    )
    (tmp_path / "a.prj").write_bytes(gzip.compress(text.encode()))
    found = told(tmp_path / "a.prj")
    assert found["what"] == ["Athena project of 1 spectra"]
    assert found["spectrum"] == ["NiO: 3 energies (8300.00–8380.00 eV)"]


# Files of nmcx ------------------------------------------------------------------------------------


def test_a_run_file_says_its_inputs_or_that_they_are_gone(data: Path, tmp_path: Path) -> None:
    found = told(data / "run.toml")
    assert found["what"] == ["run file of a measurement"]
    assert found["hard"][0].startswith("ni_k_edge.h5: 40 × 36 × 38 voxels")
    assert found["next"][0] == f"nmcx check {data / 'run.toml'}"
    (tmp_path / "run.toml").write_text((data / "run.toml").read_text())
    alone = told(tmp_path / "run.toml")
    assert alone["sections"][0].startswith("[soft], [hard]")
    assert "does not exist" in alone["missing"][0]


def test_a_run_file_of_a_simulation_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "grains.toml"
    path.write_text(run_file.template(run_file.SimulationFile))
    found = told(path)
    assert found["what"] == ["run file of a simulation"]
    assert found["next"][1] == f"nmcx simulate {path}"


def test_a_folder_of_results_and_what_lies_in_it(tmp_path: Path) -> None:
    path = tmp_path / "disc.toml"
    path.write_text(
        '[polycrystal]\nshape = "disc"\nradius_um = 1.5\nn_grains = 3\nsize_um = 0.7\n'
        '[transport]\nprotocol = ["charge c_rate=1 until=0.9"]\nstates = 1\n'
        "[output]\npictures = false\n"
    )
    assert does(f"nmcx simulate {path} -o {tmp_path / 'out'}") == 0
    found = told(tmp_path / "out")
    assert found["what"] == ["folder of results, finished"]
    assert "history.vtkhdf" in found["files"][0]
    assert any(text.startswith("transport_history: TransportHistory") for text in found["result"])
    for name in ("history.vtkhdf", "mesh.vtu"):
        assert "ParaView" in told(tmp_path / "out" / name)["what"][0]
    assert told(tmp_path / "out" / "run.resolved.toml")["what"] == ["run file of a simulation"]
    with pytest.raises(nmcx.InputError, match=r"result\.nxs` tells of the results"):
        run.info(tmp_path / "out" / "log.txt")


def test_entries_inputs_and_date_of_a_gathered_file_are_told(tmp_path: Path) -> None:
    shift = results.Shift(dy=1.5, dx=-0.25, std=0.02)
    for name in ("one", "two"):
        about = {"inputs": {f"{name}.hdr": "0f"}, "date": "2026-01-02T03:04:05+00:00"}
        io.save(tmp_path / name, shift, provenance=about)
    both = tmp_path / "both.nxs"
    io.gather(both, {name: tmp_path / name for name in ("one", "two")})
    found = told(both)
    assert found["entry"] == ["one", "two"]
    assert found["result"] == ["shift: Shift, dy 1.5 [px]"] * 2
    assert found["made"] == [
        f"by    nmcx {nmcx.__version__}, 2026-01-02T03:04:05+00:00", "from  one.hdr",
    ]  # fmt: skip


def test_a_process_with_strings_of_any_length_is_refused(tmp_path: Path) -> None:
    io.save(tmp_path / "a.nxs", results.Shift(1.0, 2.0, 0.1), provenance={"inputs": {"a": "0"}})
    with h5py.File(tmp_path / "a.nxs", "a") as out:
        del out["entry/process/inputs/file_name"]
        out["entry/process/inputs/file_name"] = ["a" * 10]
    with pytest.raises(nmcx.InputError, match="file_name is no list of texts of one length"):
        io.read_provenance(tmp_path / "a.nxs")


# What is none of these ----------------------------------------------------------------------------


def strange(folder: Path) -> dict[str, Path]:
    """Files and folders that nmcx can do nothing with."""
    made = {
        name: folder / name
        for name in ("gone.h5", "empty.h5", "noise.bin", "noise.h5", "noise.tif", "noise.xrm")
    }
    noise = np.random.default_rng(3).integers(0, 256, 3000, dtype=np.uint8).tobytes()
    for name, path in made.items():
        if name != "gone.h5":
            path.write_bytes(b"" if name == "empty.h5" else noise)
    texts = {
        "words.txt": "no numbers here", "broken.toml": "[soft\n", "other.toml": "[build]\nx = 1\n",
        "a_a000.xim": "1 2 3", "a.hdr": "nothing", "a.prj": "8330 0.1\n", "noise.npy": "x",
        "notes.json": json.dumps({"a": 1}),
    }  # fmt: skip
    for name, text in texts.items():
        made[name] = folder / name
        made[name].write_text(text)
    with h5py.File(folder / "table.h5", "w") as out:
        out["numbers"] = np.arange(5)
    with h5py.File(folder / "cut.h5", "w") as out:
        out["exchange/data"] = np.ones((3, 4, 5))
    whole = folder / "whole.nxs"
    results.Shift(1.0, 2.0, 0.1).save(whole)
    (folder / "torn.nxs").write_bytes(whole.read_bytes()[:900])
    (folder / "nothing").mkdir()
    found = ("table.h5", "cut.h5", "torn.nxs", "nothing")
    return made | {name: folder / name for name in found}


def test_what_is_unknown_or_damaged_ends_with_four_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, path in strange(tmp_path).items():
        assert cli.main(["info", str(path)]) == 4, name
        said = capsys.readouterr()
        assert said.out == "", name
        assert re.fullmatch(r"nmcx: .+\n", said.err), said.err
        assert str(path) in said.err, name
        assert "Traceback" not in said.err


def test_damaged_files_of_every_kind_raise_only_our_errors(data: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    results.Shift(1.0, 2.0, 0.1).save(tmp_path / "whole.nxs")
    originals = [data / name for name in ("a_scan.hdr", "tomogram.tif", "run.toml")]
    for original in (*originals, tmp_path / "whole.nxs"):
        content = np.frombuffer(original.read_bytes(), np.uint8)
        n_refused = 0
        for _ in range(60):
            damaged = content.copy()
            at = rng.integers(0, min(content.size, 4000), 30)
            damaged[at] = rng.integers(0, 256, at.size)
            path = tmp_path / f"damaged{original.suffix}"
            path.write_bytes(damaged[: rng.integers(content.size // 2, content.size + 1)].tobytes())
            try:
                run.info(path)
            except nmcx.Error:
                n_refused += 1
        assert n_refused > 0, original
