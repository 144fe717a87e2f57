"""The report of a result file, made again."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from nmcx import cli, io, phantom, run
from nmcx.report import Findings
from nmcx.results import Result, Shift
from nmcx.run import held


def parts(page: Path) -> dict[str, list[str]]:
    """Headings, figures with what is said of them, and notes of a report."""
    text = page.read_text(encoding="utf-8")
    return {
        "headings": re.findall(r"<h[123]>(.*?)</h[123]>", text),
        "described": re.findall(r'<img [^>]*alt="(.*?)"', text),
        "images": re.findall(r'src="(data:image/png;base64,[^"]*)"', text),
        "captions": re.findall(r"<figcaption>(.*?)</figcaption>", text, re.S),
        "scenes": re.findall(r"<iframe .*?</iframe>", text, re.S),
        "tables": re.findall(r"<table.*?</table>", text, re.S),
        "paragraphs": re.findall(r"<p>(.*?)</p>", text, re.S),
        "settings": re.findall(r"<pre>(.*?)</pre>", text, re.S),
        "notes": [html.unescape(note) for note in re.findall(r"<li>(.*?)</li>", text, re.S)],
    }


def test_the_report_of_a_demonstration_comes_back_as_it_was(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = (demo / "report.html").read_bytes()
    before = parts(demo / "report.html")
    assert len(before["images"]) >= 12 and "Against the truth" in before["headings"]
    (demo / "report.html").unlink()
    assert cli.main(["report", str(demo)]) == 0
    assert capsys.readouterr().out == f"report: {demo / 'report.html'}\n"
    assert parts(demo / "report.html") == before
    assert (demo / "report.html").read_bytes() == first


def test_what_the_file_does_not_hold_is_said_in_a_note(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[tomogram]\nfile = "{data}/tomogram.tif"\n[cones]\nn_directions = 50\n')
    result = run.run(path, out=tmp_path / "out")
    first, again = parts(result.report), parts(run.report(result.folder, tmp_path / "again.html"))
    for name in ("headings", "described", "captions", "scenes", "tables", "settings"):
        assert again[name] == first[name], name
    other = [
        described
        for described, one, two in zip(
            first["described"], first["images"], again["images"], strict=True
        )
        if one != two
    ]
    assert other == ["Slices through the particle with its outline"]
    assert set(again["notes"]) - set(first["notes"]) == {
        "<b>run</b>: tomogram: is not in the result file; slices of the particle are drawn without "
        "it"
    }
    assert set(first["notes"]) <= set(again["notes"])
    assert set(first["paragraphs"]) - set(again["paragraphs"]) <= {
        "Nothing was assumed or replaced."
    }


@pytest.mark.parametrize(
    "section",
    [
        '[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{data}/b_scan.hdr"\n[output]\ntitle = "Mine"\n',
        '[hard]\nstack = "{data}/ni_k_edge.h5"\n[cones]\nn_directions = 50\n',
    ],
    ids=["soft", "hard"],
)
def test_without_a_tomogram_the_report_has_the_same_bytes(
    section: str, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(section.format(data=data))
    result = run.run(path, out=tmp_path / "out")
    made = run.report(result.folder / "result.nxs", tmp_path / "again.html")
    assert made.read_bytes() == result.report.read_bytes()


def test_spectra_that_are_no_pairs_are_drawn_as_they_were_normalised(tmp_path: Path) -> None:
    soft = phantom.soft_spectra(i0_drift=0.0)
    from nmcx.run.truth import _write_spectra

    (tmp_path / "run.toml").touch()
    _write_spectra(tmp_path, soft)
    path = tmp_path / "oxygen.toml"
    path.write_text(
        '[spectra]\noxygen_tey = ["oxygen_tey_first.txt", "oxygen_tey_cycled.txt"]\n'
        "[oxygen]\nn_bootstrap = 100\n"
    )
    result = run.run(path, out=tmp_path / "out")
    made = run.report(result.folder, tmp_path / "again.html")
    assert made.read_bytes() == result.report.read_bytes()
    out = tmp_path / "spectra.nxs"
    first = str(tmp_path / "nickel_tey_first.txt")
    assert cli.main(["-q", "spectrum", first, "--out", str(out), "--no-picture"]) == 0
    page = parts(run.report(out, tmp_path / "one.html"))
    assert page["described"] == ["Normalised soft X-ray spectra with their backgrounds"]
    assert "nickel_tey_first.txt" in page["tables"][0]


def test_files_of_single_steps_have_a_report_too(data: Path, tmp_path: Path) -> None:
    xi, edges = tmp_path / "xi.nxs", tmp_path / "edges.nxs"
    scans = [str(data / f"{name}_scan.hdr") for name in "ab"]
    assert cli.main(["-q", "xi", *scans, str(xi), "--no-picture"]) == 0
    assert cli.main(["-q", "edges", str(data / "ni_k_edge.h5"), str(edges), "--no-picture"]) == 0
    assert "Surface: soft X-ray scans" in parts(run.report(xi))["headings"]
    page = parts(run.report(edges, tmp_path / "edges.html"))
    assert "Slices of the edge-energy map" in page["described"]
    assert any("does not say the voxel size of its edge map" in note for note in page["notes"])


def test_an_earlier_report_is_kept_without_force(demo: Path, tmp_path: Path) -> None:
    page = tmp_path / "mine.html"
    page.write_text("mine")
    command = ["-q", "report", str(demo), "-o", str(page)]
    assert cli.main(command) == 5 and page.read_text() == "mine"
    assert cli.main([*command, "--force"]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_what_no_report_shows_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shift = tmp_path / "shift.nxs"
    Shift(dy=1.5, dx=-0.25, std=0.02).save(shift)
    (tmp_path / "text.nxs").write_text("nothing of the kind")
    for name, message in (
        ("shift.nxs", "holds shift, of which no report shows anything"),
        ("text.nxs", "is not a readable HDF5 file"),
        ("gone.nxs", "does not exist; name a result file"),
        (".", "holds no result.nxs; name a result file"),
    ):
        assert cli.main(["-q", "report", str(tmp_path / name)]) == 4, name
        assert message in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_every_finding_that_is_a_result_has_a_place() -> None:
    places = held._places()
    for name, hint in get_type_hints(Findings).items():
        kinds = [kind for kind in get_args(hint) if isinstance(kind, type)]
        if name != "suppressions" and any(issubclass(kind, Result) for kind in kinds):
            assert any(name in names for names in places.values()), name
    assert sum(map(len, places.values())) == 24


def test_provenance_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    report: dict[str, Any] = {"notes": ["a", "µ"], "tables": [("x", 1.5)], "sizes": [0.1, 0.2]}
    io.save(
        tmp_path / "a.nxs", Shift(1.0, 2.0, 0.1),
        provenance={
            "configuration": "[soft]\n", "inputs": {"/data/µ.hdr": "ab" * 32, "b": ""},
            "date": "2020-08-21", "report": report,
        },
    )  # fmt: skip
    told = io.read_provenance(tmp_path / "a.nxs")
    assert told.inputs == {"/data/µ.hdr": "ab" * 32, "b": ""}
    assert told.report == report and told.date == "2020-08-21"
    io.save(tmp_path / "b.nxs", Shift(1.0, 2.0, 0.1))
    bare = io.read_provenance(tmp_path / "b.nxs")
    assert (bare.configuration, bare.inputs, bare.report) == ("", {}, {})
