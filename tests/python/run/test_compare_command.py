"""`nmcx compare`: the model of a particle that has been measured already."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_runs import MODEL

from nmcx import cli, io, run
from nmcx.errors import UsageError
from nmcx.io._safe import sha256
from nmcx.results import Result
from nmcx.run.folder import part_of
from nmcx.run_file import RunFileError


def assert_same(one: Any, other: Any, name: str) -> None:
    """Every number of two results, to the bit."""
    assert type(one) is type(other), name
    for item in fields(one):
        a, b = getattr(one, item.name), getattr(other, item.name)
        if isinstance(a, Result):
            assert_same(a, b, f"{name}.{item.name}")
        elif isinstance(a, np.ndarray):
            assert a.dtype == b.dtype and a.tobytes() == b.tobytes(), f"{name}.{item.name}"
        else:
            np.testing.assert_equal(a, b, f"{name}.{item.name}")


def test_a_finished_result_is_compared_with_the_same_numbers_to_the_bit(
    ran: run.RunResult, held: dict[str, Any], tmp_path: Path
) -> None:
    # Nothing that the run file measures is there, so nothing of it is measured again.
    alone = tmp_path / "alone.toml"
    alone.write_text((ran.folder.parent / "whole.toml").read_text(encoding="utf-8"), "utf-8")
    labels = set()
    result = run.compare(
        ran.folder, alone, progress=lambda done, total, label: labels.add(label.split(",")[0])
    )
    assert result.folder == tmp_path / "alone_compared"
    assert "soft scans" not in labels and "segmentation" not in labels
    again = io.load(result.folder / "result.nxs")
    assert list(again) == list(held)
    for name, value in held.items():
        assert_same(again[name], value, name)
    names = {path.name for path in ran.folder.iterdir()}
    assert {path.name for path in result.folder.iterdir()} == names
    for name in ("mesh.vtu", "state_of_charge.csv", "history.vtkhdf", "comparison.csv"):
        assert (result.folder / name).read_bytes() == (ran.folder / name).read_bytes(), name
    headings = [re.findall("<h2>.*?</h2>", one.report.read_text("utf-8")) for one in (ran, result)]
    assert headings[0] == headings[1]
    told = io.read_provenance(result.folder / "result.nxs")
    assert told.inputs[str(ran.folder / "result.nxs")] == sha256(ran.folder / "result.nxs")
    # What says how it was measured stays with it: the next comparison is held to it as well.
    other = alone.with_name("other.toml")
    other.write_text(alone.read_text("utf-8").replace("[20, 35]", "[20, 30]"), "utf-8")
    for measured in (ran.folder, result.folder):
        with pytest.raises(RunFileError, match=r"half_angle_deg: is \[20.0, 30.0\], but the"):
            run.plan_compare(measured, other)


def test_a_comparison_that_was_stopped_goes_on_and_ends_in_the_same(
    ran: run.RunResult, held: dict[str, Any], tmp_path: Path
) -> None:
    path, out = tmp_path / "model.toml", tmp_path / "out"
    path.write_text(MODEL.replace("contributions = true\n", ""), encoding="utf-8")

    def stop(done: float, total: float, label: str) -> None:
        if label == "particle of seed 5":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the same command goes on with the"):
        run.compare(ran.folder, path, out=out, progress=stop)
    with pytest.raises(UsageError, match=r"is of `nmcx compare`; give that command again"):
        run.resume(out)
    assert not out.exists()
    labels = []
    run.compare(ran.folder, path, out=out, progress=lambda done, total, now: labels.append(now))
    assert not {"t = 0 s", "particle of seed 4"} & set(labels)
    assert not part_of(out).exists()
    assert_same(io.load(out / "result.nxs")["comparison"], held["comparison"], "comparison")


def test_what_would_be_compared_is_said_and_what_cannot_be_is_refused(
    ran: run.RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.toml"
    path.write_text(MODEL, encoding="utf-8")
    command = ["-q", "compare", str(ran.folder), str(path), "--dry-run"]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert "400 directions, opening angles 40°, 70°" in said
    assert "3 members and 3 with the map turned: 5 simulations more" in said
    assert f"output    {tmp_path / 'model_compared'}\n" in said
    unmapped = tmp_path / "particle.nxs"
    io.load(ran.folder / "result.nxs")["particle"].save(unmapped)
    for result, text, code, message in (
        (unmapped, MODEL, 4, r"holds no surface, which [soft] and [placing] of a run file gives"),
        (path, MODEL, 4, r"is not a readable HDF5 file"),
        (ran.folder, MODEL.partition("[compare]")[0], 2, "[compare]: is missing"),
        (ran.folder, "[compare]\n", 2, "[compare]: needs a [model] section"),
        (ran.folder, MODEL + "[grains]\n", 2, "[grains]: unknown section"),
        (ran.folder, MODEL.replace("until=0.85", "until=2"), 2, "protocol: must be charge with"),
        (ran.folder, MODEL + "[soft]\nmode = 1\n", 2, "[soft] mode: must be one of"),
    ):
        path.write_text(text, encoding="utf-8")
        assert cli.main(["-q", "compare", str(result), str(path)]) == code, message
        assert message in capsys.readouterr().err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.toml", "particle.nxs"]
