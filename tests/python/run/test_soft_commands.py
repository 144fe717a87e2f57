"""`nmcx xi`, `nmcx spectrum` and their sections of the run file."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nmcx import cli, io, phantom, run, spectra, surface
from nmcx.phantom.pair_scans import PairScans
from nmcx.results import StxmStack, ValenceMap, XiMap
from nmcx.run_file import Nickel, Oxygen, Soft

PAIRS = ("nickel_tey", "nickel_fy", "oxygen_tey", "oxygen_fy")


@pytest.fixture(scope="module")
def made() -> PairScans:
    return phantom.pair_scans(1)


@pytest.fixture
def scans(made: PairScans, tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("low", "high", "background"):
        io.write_stxm(folder / f"{name}.hdr", getattr(made, name))
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spectra")
    # A constant beam: counts are the yield.
    soft = phantom.soft_spectra(i0_drift=0.0)
    for name in PAIRS:
        for state, scan in zip(("first", "cycled"), getattr(soft, name), strict=True):
            columns = np.column_stack([scan.energy_ev, scan.mu])
            header = f"energy {name.split('_')[1]}"
            np.savetxt(folder / f"{name}_{state}.txt", columns, header=header)
    return folder


# One name everywhere ------------------------------------------------------------------------------


def names(*functions: Callable[..., Any]) -> set[str]:
    return {name for function in functions for name in inspect.signature(function).parameters}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Soft, names(surface.xi_map) | {"first", "second", "end_members"}),
        # `normalise_soft` calls its method so, but `l3_ratio` has one, too: here "normalisation".
        (Nickel, names(spectra.l3_ratio, spectra.normalise_soft) - {"energy_ev", "intensity",
         "variance", "spectrum", "mode"} | {"normalisation"}),
        (Oxygen, names(spectra.pre_edge_area, spectra.suppression, spectra.normalise_soft)
         - {"energy_ev", "intensity", "variance", "spectrum", "mode", "scale_std", "first",
            "cycled", "method"} | {"normalisation"}),
    ],
    ids=["xi", "nickel", "oxygen"],
)  # fmt: skip
def test_every_option_has_one_name_in_python_run_file_and_command_line(
    kind: type, options: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    keys = {item.name for item in fields(kind)}
    assert options <= keys
    if kind is not Soft:
        assert keys <= options, "no key without an option of Python"
    assert cli.main(["xi" if kind is Soft else "spectrum", "--help"]) == 0
    flags = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out))
    named = keys - {"low", "high", "stack"}
    assert {f"--{name.replace('_', '-')}" for name in named} <= flags


def test_defaults_are_those_of_python() -> None:
    soft = Soft()
    for name, parameter in inspect.signature(surface.xi_map).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            assert getattr(soft, name) == parameter.default, name
    for kind, function in (
        (Nickel, spectra.l3_ratio), (Nickel, spectra.normalise_soft),
        (Oxygen, spectra.pre_edge_area), (Oxygen, spectra.suppression),
    ):  # fmt: skip
        for name, parameter in inspect.signature(function).parameters.items():
            if name in {item.name for item in fields(kind)} and name != "method":
                assert getattr(kind(), name) == parameter.default, name


# Ratio map ----------------------------------------------------------------------------------------


def test_the_file_holds_what_xi_map_gives(
    scans: Path, made: PairScans, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "xi.nxs"
    low, high = str(scans / "low.hdr"), str(scans / "high.hdr")
    options = ["--background", str(scans / "background.hdr"), "--min-counts", "900"]
    options += ["--i0", "1", "1.1", "1", "--first", "2", "1", "0.8", "--second", "4", "0.6", "1.2"]
    # The order of the scans does not matter: their energies tell.
    assert cli.main(["xi", high, low, str(out), *options]) == 0
    expected = surface.xi_map(
        made.low, made.high, background=made.background, min_counts=900, i0=(1.0, 1.1, 1.0)
    )
    saved = io.load(out)
    assert set(saved) >= {"xi_map", "valence_map", "edge_dipole"}
    ratio, valence = saved["xi_map"], saved["valence_map"]
    assert isinstance(ratio, XiMap) and isinstance(valence, ValenceMap)
    np.testing.assert_array_equal(ratio.xi, expected.xi)
    assert valence.calibrated
    said = capsys.readouterr().out
    for text in (
        "displaced by 3.37", "per pixel", "pixels are valid", "still show a displacement",
        "calibrated by two end members", "note: xi: ", f"result: {out}", f"picture: {out}.png",
    ):  # fmt: skip
        assert text in said, text
    assert (tmp_path / "xi.nxs.png").read_bytes()[:4] == b"\x89PNG"
    with h5py.File(out) as opened:
        inputs = [name.decode() for name in opened["entry/process/inputs/file_name"]]
        asked = opened["entry/process/configuration/data"][()].decode()
    assert str(scans / "background_a000.xim") in inputs and low in inputs
    assert "i0 = [1.0, 1.1, 1.0]" in asked and "min_counts = 900.0" in asked


def test_the_run_file_says_the_same(scans: Path, made: PairScans, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        '[soft]\nlow = "scans/low.hdr"\nhigh = "scans/high.hdr"\ndark = [1, 2]\n'
        'noise = "measured"\nshift = [3.37, -2.62]\nsigma_target = 0.03\n'
    )
    found = run.run(path, out=tmp_path / "out").findings
    shift = replace(made.shift, std=0.0)
    expected = surface.xi_map(
        made.low, made.high, dark=(1.0, 2.0), noise="measured", shift=shift, sigma_target=0.03
    )
    assert found.xi is not None
    np.testing.assert_array_equal(found.xi.xi, expected.xi)


def test_a_long_stack_is_searched_for_its_peaks(
    made: PairScans, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = phantom.soft_spectra(counts=None).nickel_tey[0]
    energy = np.round(np.arange(848.0, 862.0, 0.2), 1)
    weight = np.interp(energy, scan.energy_ev, scan.mu)
    image = made.low.counts[0] / made.low.counts[0].mean()
    counts = np.round(200.0 * weight[:, None, None] * image)
    stack = StxmStack(counts, energy, made.low.x_um, made.low.y_um, 0.01)
    io.write_stxm(tmp_path / "stack.hdr", stack)
    out = tmp_path / "xi.nxs"
    options = ["--shift", "0", "0", "--background", "848.0", "--no-picture"]
    assert cli.main(["xi", str(tmp_path / "stack.hdr"), str(out), *options]) == 0
    assert "images at 854.00 and 856.20 eV of 70 were used" in capsys.readouterr().out
    assert io.load(out)["xi_map"].energy_ev == pytest.approx((854.0, 856.2))  # type: ignore[attr-defined]


def test_a_pair_that_cannot_be_registered_gives_a_reason_and_no_files(
    scans: Path, made: PairScans, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    blank = replace(made.high, counts=rng.poisson(50.0, made.high.counts.shape).astype(float))
    io.write_stxm(tmp_path / "blank.hdr", blank)
    before = sorted(tmp_path.rglob("*"))
    pair = [str(scans / "low.hdr"), str(tmp_path / "blank.hdr")]
    assert cli.main(["-q", "xi", *pair, str(tmp_path / "a.nxs")]) == 4
    said = capsys.readouterr().err
    assert said.startswith("nmcx: ") and said.count("\n") == 1 and "internal" not in said
    path = tmp_path / "run.toml"
    path.write_text(f'[soft]\nlow = "{pair[0]}"\nhigh = "{pair[1]}"\n')
    assert cli.main(["-q", "run", str(path), "-o", str(tmp_path / "out")]) == 4
    path.unlink()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--mode", "fy"), 2, r'--mode: must be one of "tey", "transmission"'),
        (("--dark", "-1"), 2, "--dark: must be a number between 0"),
        (("--dark", "1", "2", "3"), 2, "dark must be a number or"),
        (("--first", "2", "1", "0.5"), 2, "first, second: give both"),
        (("--energy-std-ev", "0.1"), 2, "needs a reference spectrum"),
        (("--background", "848"), 2, "background: an energy needs a stack"),
        (("--background", "gone.hdr"), 4, "gone.hdr does not exist"),
        (("--spectrum", "gone.txt"), 4, r"--spectrum: .*gone\.txt does not exist"),
    ],
)
def test_wrong_options_leave_nothing(
    options: tuple[str, ...], code: int, message: str, scans: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    pair = [str(scans / "low.hdr"), str(scans / "high.hdr")]
    assert cli.main(["-q", "xi", *pair, str(tmp_path / "a.nxs"), *options]) == code
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.glob("a.nxs*"))


def test_results_are_kept_and_a_dry_run_writes_nothing(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.nxs"
    command = ["xi", str(scans / "low.hdr"), str(scans / "high.hdr"), str(out), "--no-picture"]
    assert cli.main([*command, "--dry-run", "--noise", "measured"]) == 0
    said = capsys.readouterr().out
    assert "60 × 60 pixels of 50 × 50 nm" in said and 'noise = "measured"' in said
    assert not out.exists()
    out.write_text("mine")
    assert cli.main(["-q", *command]) == 5
    assert out.read_text() == "mine"
    assert cli.main(["-q", *command, "--force"]) == 0
    assert "xi_map" in io.load(out)


@pytest.mark.real_data
def test_the_cosmic_pair_by_one_command(real_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "cosmic.nxs"
    stack = str(real_data / "cosmic-stxm" / "stxm-scan.hdr")
    assert cli.main(["-q", "xi", stack, str(out), "--mode", "transmission", "--no-picture"]) == 0
    shift = io.load(out)["xi_map"].shift  # type: ignore[attr-defined]
    # The stage moved by a quarter of the field between the two energies.
    assert np.hypot(shift.dy, shift.dx) == pytest.approx(28.4, abs=1.0)


# Spectra ------------------------------------------------------------------------------------------


def test_spectra_of_both_edges_are_told_apart_and_measured(
    texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [str(texts / f"oxygen_tey_{state}.txt") for state in ("first", "cycled")]
    nickel = str(texts / "nickel_tey_cycled.txt")
    out = tmp_path / "spectra.nxs"
    command = ["spectrum", nickel, "--first", pair[0], "--cycled", pair[1], "--out", str(out)]
    assert cli.main([*command, "--n-bootstrap", "100", "--method", "fit"]) == 0
    said = capsys.readouterr().out
    assert "Ni L3, high/low" in said and "O K pre-edge, area" in said and "95 % interval" in said
    found = io.load(out)
    truth = phantom.soft_spectra(i0_drift=0.0)
    ratio: Any = found["peak_ratio"]
    assert abs(ratio.ratio - truth.ratio[0, 1]) < 5 * ratio.ratio_std
    assert ratio.method == "fit" and ratio.settings["spectrum"] == "nickel_tey_cycled.txt"
    low, high = found["suppression"].interval_95  # type: ignore[attr-defined]
    assert low < truth.suppression[0] < high
    assert (tmp_path / "spectra.nxs.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("first", "cycled", "message"),
    [
        ("oxygen_tey_first", "oxygen_fy_cycled", "compare the same yield only"),
        ("nickel_tey_first", "nickel_tey_cycled", "the pre-edge is that of O K spectra"),
        ("oxygen_tey_first", None, "go together"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    first: str, cycled: str | None, message: str, texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["-q", "spectrum", "--first", str(texts / f"{first}.txt")]
    command += [] if cycled is None else ["--cycled", str(texts / f"{cycled}.txt")]
    assert cli.main(command) == 2
    assert message in capsys.readouterr().err


def test_another_edge_is_an_input_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    energy = np.arange(8300.0, 8400.0)
    np.savetxt(tmp_path / "k.txt", np.column_stack([energy, 1 + np.arctan(energy - 8345)]))
    assert cli.main(["-q", "spectrum", str(tmp_path / "k.txt")]) == 4
    assert "neither nickel (840–890 eV) nor oxygen" in capsys.readouterr().err


def test_a_run_file_of_spectra_gives_figure_tables_and_numbers(texts: Path, tmp_path: Path) -> None:
    lines = [f'{name} = ["{name}_first.txt", "{name}_cycled.txt"]' for name in PAIRS]
    path = texts / "run.toml"
    path.write_text("\n".join(["[spectra]", *lines, "[oxygen]", "n_bootstrap = 100", ""]))
    assert "nickel tey" in "\n".join(run.check(path))
    result = run.run(path, out=tmp_path / "out")
    found = result.findings
    assert len(found.spectra) == 8
    assert [one.mode for one in found.suppressions] == ["tey", "fy"]
    assert all(one.n_bootstrap == 100 for one in found.suppressions)
    page = result.report.read_text()
    assert "Ni L3 and O K spectra of the first and the cycled state by two yields" in page
    assert "Suppression of the O K pre-edge" in page and "nickel_fy_first.txt" in page
    assert len(io.load(result.folder / "result.nxs")) == 18


def test_help_stays_light() -> None:
    code = (
        "import sys; from nmcx.cli import main; main(['xi', '--help']); main(['spectrum', '-h']);"
        "print([m for m in ('numpy', 'h5py', 'matplotlib', 'nmcx._core') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
