"""`nmcx edges` and run file: template, global shape, resuming, provenance, large maps."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest

from nmcx import cli, io, phantom, run, run_file, xanes
from nmcx.errors import UsageError
from nmcx.results import EdgeMap, EnergyStack
from nmcx.run import edge_job
from nmcx.run_file import RunFileError

PRE, POST = (8250.0, 8320.0), (8380.0, 8640.0)
WINDOWS = ("--pre-edge", "8250", "8320", "--post-edge", "8380", "8640")
MAPS = (
    "edge_energy_ev",
    "edge_energy_std_ev",
    "white_line_ev",
    "white_line_std_ev",
    "white_line_height",
    "edge_jump",
    "noise",
    "status",
)


@pytest.fixture(scope="module")
def stack() -> EnergyStack:
    made = phantom.edge_spectra(12 * 5 * 6, noise=0.01, seed=1, jump_range=(0.8, 1.0))
    return EnergyStack(made.energy_ev, made.mu.reshape(-1, 12, 5, 6), None, (0.3, 0.2, 0.1))


@pytest.fixture
def file(stack: EnergyStack, tmp_path: Path) -> Path:
    path = tmp_path / "ni_k_edge.h5"
    io.write_energy_stack(path, stack)
    return path


@pytest.fixture
def template(tmp_path: Path) -> Path:
    energy = np.arange(8230.0, 8660.0, 0.5)
    path = tmp_path / "nio.txt"
    np.savetxt(path, np.stack([energy, phantom.edge_curve(energy, 8344.2)], axis=1))
    return path


def assert_same(first: EdgeMap, second: EdgeMap) -> None:
    for name in MAPS:
        np.testing.assert_array_equal(
            np.asarray(getattr(first, name)), np.asarray(getattr(second, name)), err_msg=name
        )
    assert dict(first.settings) == dict(second.settings)


def fitted(stack: EnergyStack, **options: object) -> EdgeMap:
    return xanes.fit_edges(stack.energy_ev, stack.mu, pre_edge=PRE, post_edge=POST, **options)  # type: ignore[arg-type]


def saved(path: Path) -> EdgeMap:
    found = io.load(path)["edge_map"]
    assert isinstance(found, EdgeMap)
    return found


# Options ------------------------------------------------------------------------------------------


def test_options_reach_the_fit(
    file: Path, stack: EnergyStack, template: Path, tmp_path: Path
) -> None:
    command = ["-q", "edges", str(file)]
    shaped, moved, own = (tmp_path / f"{name}.nxs" for name in ("shaped", "moved", "own"))
    wide = ("--white-line-half-width-ev", "3.5")
    shape = ("--normalisation", "global_shape", *wide)
    assert cli.main([*command, str(shaped), *WINDOWS, *shape]) == 0
    assert_same(
        saved(shaped),
        fitted(stack, normalisation="global_shape", white_line_half_width_ev=3.5),
    )
    by_shift = ("--estimator", "template")
    assert cli.main([*command, str(moved), *by_shift, "--template", str(template)]) == 0
    given = io.read_spectrum(template)
    assert_same(saved(moved), fitted(stack, estimator="template", template=given))
    assert cli.main([*command, str(own), *by_shift]) == 0
    assert_same(saved(own), fitted(stack, estimator="template"))


def test_the_run_file_says_the_same(
    file: Path, stack: EnergyStack, template: Path, tmp_path: Path
) -> None:
    # An image: too small a volume would stop at the depth profiles.
    stack = EnergyStack(stack.energy_ev, stack.mu.reshape(-1, 12, 30), None, (0.1, 0.1, 0.1))
    io.write_energy_stack(file, stack, overwrite=True)
    path = tmp_path / "run.toml"
    lines = ["[hard]", f'stack = "{file.name}"', "white_line_half_width_ev = 3.5"]
    shape = [*lines, 'normalisation = "global_shape"']
    path.write_text("\n".join(shape))
    found = run.run(path, out=tmp_path / "a").findings.edges
    assert found is not None
    assert_same(found, fitted(stack, normalisation="global_shape", white_line_half_width_ev=3.5))
    path.write_text("\n".join([*lines, 'estimator = "template"', f'template = "{template.name}"']))
    found = run.run(path, out=tmp_path / "b").findings.edges
    assert found is not None
    given = io.read_spectrum(template)
    expected = fitted(stack, estimator="template", template=given, white_line_half_width_ev=3.5)
    assert_same(found, expected)
    # What was read is recorded, and the resolved run file does it again.
    with h5py.File(tmp_path / "b" / "result.nxs") as opened:
        names = [name.decode() for name in opened["entry/process/inputs/file_name"]]
    assert str(template) in names
    again = run_file.read(tmp_path / "b" / "run.resolved.toml")
    assert again.hard is not None and again.hard.template == template


def test_a_template_for_another_estimator_is_refused(
    file: Path, template: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[hard]\nstack = "{file.name}"\ntemplate = "{template.name}"\n')
    with pytest.raises(RunFileError, match=r'\[hard\] template: needs estimator = "template"'):
        run_file.read(path)
    out = tmp_path / "a.nxs"
    assert cli.main(["edges", str(file), str(out), "--template", str(template)]) == 2
    assert 'estimator="template"' in capsys.readouterr().err
    gone = ("--estimator", "template", "--template", str(tmp_path / "gone.txt"))
    assert cli.main(["edges", str(file), str(out), *gone]) == 4
    assert "gone.txt" in capsys.readouterr().err
    assert not list(tmp_path.glob("a.nxs*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--normalisation", "best"), "'window' or 'global_shape'"),
        (("--white-line-half-width-ev", "-1"), "white_line_half_width_ev must be above 0"),
    ],
)
def test_wrong_values_leave_nothing(
    options: tuple[str, ...], message: str, file: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for dry in ((), ("--dry-run",)):
        assert cli.main(["edges", str(file), str(tmp_path / "a.nxs"), *options, *dry]) == 2
        assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("a.nxs*"))


def test_a_stack_without_an_edge_names_the_remedy(stack: EnergyStack, tmp_path: Path) -> None:
    flat = tmp_path / "flat.h5"
    io.write_energy_stack(flat, EnergyStack(stack.energy_ev, np.full_like(stack.mu, 0.3)))
    shape = run.EdgeOptions(PRE, POST, normalisation="global_shape")
    with pytest.raises(UsageError, match=r'flat\.h5: .* mask .* normalisation "window"'):
        run.edges(flat, tmp_path / "a.nxs", shape)


def test_a_dry_run_knows_the_options(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--normalisation", "global_shape", "--white-line-half-width-ev", "3.5")
    assert cli.main(["edges", str(file), "a.nxs", "--dry-run", *options]) == 0
    said = capsys.readouterr().out
    assert "global_shape" in said and "±3.5 eV" in said


# Resuming -----------------------------------------------------------------------------------------

CRASH = """
import os, signal, sys
from nmcx import cli
from nmcx.io import work
from nmcx.run import edge_job

work.SYNC_SECONDS = 0.0
edge_job._BLOCK_BYTES = 1
at, writes = int(sys.argv[1]), 0
write = os.write

def counted(file, content):
    # Each line of the journal is one write: the kill tears the last one.
    global writes
    writes += 1
    if writes == at:
        write(file, content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, content)

os.write = counted
sys.exit(cli.main(["-q", "edges", *sys.argv[2:]]))
"""


@pytest.mark.parametrize("at", [[5], [4, 5], [14]])
def test_a_killed_command_goes_on_with_resume(
    at: list[int], file: Path, stack: EnergyStack, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "edges.nxs"
    command = [str(file), str(out), *WINDOWS, "--normalisation", "global_shape"]
    for n in at:
        killed = subprocess.run(
            [sys.executable, "-c", CRASH, str(n), *command, "--resume"], check=False
        )
        assert killed.returncode == -signal.SIGKILL
        assert not out.exists() and (tmp_path / "edges.nxs.part").is_dir()
    assert cli.main(["edges", *command]) == 5
    assert "go on with --resume" in capsys.readouterr().err
    assert cli.main(["edges", *command, "--resume", "--post-degree", "0"]) == 4
    assert "post_degree" in capsys.readouterr().err
    assert cli.main(["-q", "edges", *command, "--resume"]) == 0
    assert_same(saved(out), fitted(stack, normalisation="global_shape"))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "edges.nxs", "edges.nxs.png", "ni_k_edge.h5",
    ]  # fmt: skip


def test_an_interrupt_says_how_to_go_on(
    file: Path, stack: EnergyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "edges.nxs"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(xanes.stream._Task, "judge", interrupt)
        assert cli.main(["edges", str(file), str(out), *WINDOWS]) == 130
    assert "--resume" in capsys.readouterr().err
    assert cli.main(["-q", "edges", str(file), str(out), *WINDOWS, "--force"]) == 0
    assert_same(saved(out), fitted(stack))


# The file and the picture -------------------------------------------------------------------------


def test_the_result_says_what_it_was_made_from(
    file: Path, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = run.EdgeOptions(PRE, POST, estimator="template", template=template)
    run.edges(file, tmp_path / "a.nxs", options, picture=None)
    with h5py.File(tmp_path / "a.nxs") as opened:
        process = opened["entry/process"]
        names = [name.decode() for name in process["inputs/file_name"]]
        digests = [digest.decode() for digest in process["inputs/sha256"]]
        asked = tomllib.loads(process["configuration/data"][()].decode())["edges"]
    assert names == [str(file), str(template)]
    assert digests == [hashlib.sha256(p.read_bytes()).hexdigest() for p in (file, template)]
    assert asked["source_bytes"] == file.stat().st_size
    assert asked["pre_edge"] == list(PRE) and asked["template"] == str(template)
    # Reading a huge file twice would take as long as the fit: then its size must do.
    monkeypatch.setattr(edge_job, "_HASHED_BYTES", 10)
    run.edges(file, tmp_path / "b.nxs", options, picture=None)
    with h5py.File(tmp_path / "b.nxs") as opened:
        assert list(opened["entry/process/inputs/sha256"]) == [b"", b""]


def test_the_picture_of_a_large_map_is_of_every_so_many_slices(
    file: Path, stack: EnergyStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmcx import plot

    seen = {}
    draw = plot.edge_quicklook

    def watched(energy_ev, mu, edges, *, voxel_size_um, title):  # type: ignore[no-untyped-def]
        seen.update(mu=mu, edges=edges, size=voxel_size_um, title=title)
        return draw(energy_ev, mu, edges, voxel_size_um=voxel_size_um, title=title)

    monkeypatch.setattr(plot, "edge_quicklook", watched)
    monkeypatch.setattr(edge_job, "DRAWN_VOXELS", 100)
    job = run.edges(file, tmp_path / "a.nxs", run.EdgeOptions(PRE, POST))
    assert job.picture is not None and job.picture.stat().st_size > 10_000
    assert seen["edges"].status.shape == (3, 5, 6)  # 360 voxels, every fourth of 12 slices
    np.testing.assert_array_equal(seen["edges"].edge_energy_ev, job.edges.edge_energy_ev[::4])
    np.testing.assert_array_equal(seen["mu"][slice(None), 2, 1, 3], stack.mu[:, 8, 1, 3])
    assert seen["size"] == pytest.approx((1.2, 0.2, 0.1)) and "one slice in 4" in seen["title"]
