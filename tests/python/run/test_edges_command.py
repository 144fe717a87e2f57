"""`nmcx edges`: from a stack to a result file and a picture, and what stands in the way."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from nmcx import cli, io, phantom, run, xanes
from nmcx.errors import InputError, OutputError, UsageError
from nmcx.results import EnergyStack
from nmcx.run import edge_job, edge_plan
from nmcx.run_file.sections import ESTIMATORS

PRE, POST = (8250.0, 8320.0), (8380.0, 8640.0)
WINDOWS = ("--pre-edge", "8250", "8320", "--post-edge", "8380", "8640")


@pytest.fixture(scope="module")
def stack() -> EnergyStack:
    made = phantom.edge_spectra(2 * 5 * 6, noise=0.01, seed=1, jump_range=(0.8, 0.8))
    return EnergyStack(made.energy_ev, made.mu.reshape(-1, 2, 5, 6), None, (0.3, 0.2, 0.1))


@pytest.fixture
def file(stack: EnergyStack, tmp_path: Path) -> Path:
    path = tmp_path / "ni_k_edge.h5"
    io.write_energy_stack(path, stack)
    return path


def test_the_file_holds_what_fit_edges_gives(
    file: Path, stack: EnergyStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "edges.nxs"
    options = (*WINDOWS, "--level", "0.6", "--post-degree", "2", "--threads", "1")
    assert cli.main(["edges", str(file), str(out), *options]) == 0
    said = capsys.readouterr().out
    assert f"result: {out}" in said and f"picture: {out}.png" in said
    assert "half jump, level 0.6" in said
    saved = io.load(out)["edge_map"]
    expected = xanes.fit_edges(
        stack.energy_ev, stack.mu, pre_edge=PRE, post_edge=POST, post_degree=2, level=0.6
    )
    np.testing.assert_array_equal(saved.edge_energy_ev, expected.edge_energy_ev)  # type: ignore[attr-defined]
    assert saved.settings == expected.settings  # type: ignore[attr-defined]
    assert (tmp_path / "edges.nxs.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "edges.nxs", "edges.nxs.png", "ni_k_edge.h5",
    ]  # fmt: skip


def test_earlier_results_are_kept_without_force(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "edges.nxs"
    out.write_text("mine")
    with pytest.raises(OutputError, match="--force"):
        run.edges(file, out, run.EdgeOptions(PRE, POST))
    assert out.read_text() == "mine"
    assert cli.main(["-q", "edges", str(file), str(out), *WINDOWS]) == 5
    assert cli.main(["-q", "edges", str(file), str(out), *WINDOWS, "--force"]) == 0
    assert "edge_map" in io.load(out)
    # A picture that somebody else made is as precious.
    other = tmp_path / "other.png"
    other.write_text("mine")
    code = cli.main(
        ["-q", "edges", str(file), str(tmp_path / "b.nxs"), *WINDOWS, "--picture", str(other)]
    )
    assert code == 5 and other.read_text() == "mine" and not (tmp_path / "b.nxs").exists()


def test_no_picture_where_none_is_wanted(file: Path, tmp_path: Path) -> None:
    assert cli.main(["-q", "edges", str(file), str(tmp_path / "a.nxs"), "--no-picture"]) == 0
    assert not list(tmp_path.glob("*.png"))


def test_windows_may_be_left_out_for_the_nickel_edge_only(
    file: Path, stack: EnergyStack, tmp_path: Path
) -> None:
    job = run.edges(file, tmp_path / "a.nxs", picture=None)
    assert job.edges.settings["pre_edge"] == PRE
    assert any("windows not given" in note for note in job.notes)
    cobalt = tmp_path / "co_k_edge.h5"
    io.write_energy_stack(cobalt, EnergyStack(stack.energy_ev - 624.0, stack.mu))
    with pytest.raises(UsageError, match=r"give --pre-edge LO HI and --post-edge LO HI"):
        run.edges(cobalt, tmp_path / "b.nxs")
    with pytest.raises(UsageError, match="--post-edge: is missing"):
        run.edges(file, tmp_path / "b.nxs", run.EdgeOptions(pre_edge=PRE))


def test_energies_in_kev_are_converted_and_said(stack: EnergyStack, tmp_path: Path) -> None:
    path = tmp_path / "kev.h5"
    io.write_energy_stack(path, stack)
    with h5py.File(path, "r+") as opened:
        opened["exchange/energy"][...] = stack.energy_ev / 1000
        opened["exchange/energy"].attrs["units"] = "keV"
    job = run.edges(path, tmp_path / "a.nxs", run.EdgeOptions(PRE, POST), picture=None)
    assert any("keV" in note for note in job.notes)
    assert 8340 < np.nanmedian(job.edges.edge_energy_ev) < 8350


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--pre-edge", "8320", "8250", "--post-edge", "8380", "8640"), 2, "pre_edge must be"),
        (("--pre-edge", "8.25", "8.32", "--post-edge", "8.38", "8.64"), 2, "multiply it by 1000"),
        (("--pre-edge", "8250", "--post-edge", "8380", "8640"), 2, "expected 2 arguments"),
        ((*WINDOWS, "--level", "2"), 2, "level must lie between 0 and 1"),
        ((*WINDOWS, "--estimator", "best"), 2, "half_jump"),
        ((*WINDOWS, "--pre-degree", "3"), 2, "pre_degree"),
        ((*WINDOWS, "--threads", "0"), 2, "must be a whole number from 1"),
        ((*WINDOWS, "--picture", "a.png", "--no-picture"), 2, "not allowed with"),
    ],
)
def test_wrong_options_end_with_two_before_anything_is_computed(
    options: tuple[str, ...], code: int, message: str, file: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert cli.main(["-q", "edges", str(file), str(tmp_path / "a.nxs"), *options]) == code
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "a.nxs").exists()


def test_a_missing_or_damaged_input_ends_with_four(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.h5").touch()
    for name in ("gone.h5", "empty.h5"):
        code = cli.main(["edges", str(tmp_path / name), str(tmp_path / "a.nxs"), *WINDOWS])
        assert code == 4
        assert name in capsys.readouterr().err


def test_a_missing_folder_for_the_result_ends_with_five_at_once(file: Path, tmp_path: Path) -> None:
    assert cli.main(["-q", "edges", str(file), str(tmp_path / "no" / "a.nxs"), *WINDOWS]) == 5


def test_what_does_not_fit_into_memory_is_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmcx.io import _memory

    monkeypatch.setattr(_memory, "free_memory", lambda: 1000)
    assert cli.main(["-q", "edges", str(file), str(tmp_path / "a.nxs"), *WINDOWS]) == 6
    assert not (tmp_path / "a.nxs").exists()


def test_a_dry_run_says_everything_and_writes_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    assert cli.main(["edges", str(file), str(tmp_path / "a.nxs"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    energy = phantom.edge_energies()
    for text in (
        "2 × 5 × 6 voxels",
        f"{energy.size}, 8250.00–8640.00 eV",
        f"8250–8320 eV: {np.count_nonzero(energy <= 8320)} energies, degree 1",
        f"8380–8640 eV: {np.count_nonzero(energy >= 8380)} energies, degree ",
        "half_jump, level 0.5",
        "GB free",
        "disk",
        "about 1 s",
    ):
        assert text in said, text
    assert sorted(tmp_path.iterdir()) == before


def test_a_dry_run_reads_a_sample_only(stack: EnergyStack) -> None:
    class Counting:
        shape = (61, 100, 200, 300)

        def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
            rows = [range(*part.indices(n)) for part, n in zip(key, self.shape, strict=True)]
            return np.zeros([len(r) for r in rows], np.float32)

    sample = edge_plan._sample(Counting())
    assert sample.shape[0] == 61
    assert 10_000 < sample[0].size <= 20_000
    assert edge_plan._sample(stack.mu).shape == stack.mu.shape


def test_frames_become_optical_density_first(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = io.read_frames(real_data / "ssrl-6-2c")
    # A corner is enough, and quicker.
    corner = replace(whole, counts=whole.counts[:, 300:556, 300:556])
    monkeypatch.setattr(edge_job.io, "read_frames", lambda path: corner)
    opened = edge_job.open_source(real_data / "ssrl-6-2c")
    np.testing.assert_allclose(opened.energy_ev, [8324.0, 8354.0])
    assert opened.mu.shape == opened.variance.shape == (2, 256, 256)
    assert any("drift removed" in note for note in opened.notes)
    # Two energies hold no edge.
    with pytest.raises(UsageError, match="2 energies"):
        run.edges(real_data / "ssrl-6-2c", tmp_path / "a.nxs")


@pytest.mark.parametrize("layout", ["fxi", "exchange", "nxtomo"])
def test_frames_in_hdf5_become_an_aligned_stack(layout: str, tmp_path: Path) -> None:
    # One grid and no drift: the density that was put in must come out at every energy.
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    ball = np.sqrt(np.clip(0.7 - x**2 - y**2, 0, None)) * (1 + 0.3 * np.sin(9 * x) * np.cos(7 * y))
    energy = np.array([8300.0, 8320.0, 8380.0, 8400.0])
    density = np.array([0.4, 0.4, 1.0, 1.0])[:, None, None] * ball
    data = rng.poisson(20_000 * np.exp(-density)).astype(np.uint16)
    white = rng.poisson(np.full(data.shape, 20_000)).astype(np.uint16)
    path = tmp_path / "raw.h5"
    with h5py.File(path, "w") as out:
        if layout == "fxi":
            out["img_xanes"], out["img_bkg"], out["X_eng"] = data, white, energy / 1000
            out["img_dark"] = np.zeros((1, 48, 48), np.uint16)
            out["Pixel Size"] = "20nm"
        elif layout == "exchange":
            out["exchange/data"], out["exchange/data_white"] = data, white
            out["exchange/energy"] = energy
            out["exchange/energy"].attrs["units"] = "eV"
        else:
            detector = out.create_group("entry/instrument/detector")
            out["entry/definition"] = "NXtomo"
            detector["data"] = np.concatenate([data, white])
            detector["image_key"] = np.repeat([0, 1], 4)
            out["entry/sample/rotation_angle"] = np.zeros(8)
            out["entry/instrument/beam/energy"] = np.tile(energy, 2)
            out["entry/instrument/beam/energy"].attrs["units"] = "eV"
    for source in (path, tmp_path):
        opened = edge_job.open_source(source)
        np.testing.assert_allclose(opened.energy_ev, energy)
        # Counting noise of 1 %, little more inside; the frame of unseen pixels is left out.
        difference = np.asarray(opened.mu)[:, 4:-4, 4:-4] - density[:, 4:-4, 4:-4]
        assert np.sqrt(np.mean(difference**2)) < 0.05
        assert opened.variance is not None


def test_several_angles_need_reconstruction(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from nmcx import txm

    monkeypatch.setattr(edge_job.io, "read_frames", lambda path: None)
    angles = SimpleNamespace(energy_ev=np.array([8333.0, 8333.0]))
    monkeypatch.setattr(txm, "optical_density", lambda frames: angles)
    with pytest.raises(InputError, match="reconstruct"):
        edge_job.open_source("scan.txrm")


def test_the_run_file_knows_the_kernels_estimators() -> None:
    with pytest.raises(ValueError, match="is unknown: use ") as caught:
        xanes.fit_edges(
            phantom.edge_energies(), np.ones((61, 1)), pre_edge=PRE, post_edge=POST, estimator="?"
        )
    listed = re.split(r", | or ", str(caught.value).partition("use ")[2])
    assert set(ESTIMATORS) == set(listed)
