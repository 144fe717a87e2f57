"""`nmcx cite`: the works behind what really ran, in words and as BibTeX."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nmcx
from nmcx import InputError, cli, io, report, results, run
from nmcx.report.source_list import SOURCES
from nmcx.report.sources import _OF, NULLS

ROOT = Path(__file__).parents[3]
SHIFT = results.Shift(1.0, 2.0, 0.1)


def keys(path: Path | None = None) -> list[str]:
    return [source.key for source in run.cite(path)]


def scan(null: str) -> results.AngleScan:
    ones = np.ones(2)
    names = results.AngleScan.__dataclass_fields__
    values = {name: ones for name in names if name not in ("settings", "notes")}
    values |= {"interval": np.ones((2, 2)), "null_band": np.ones((2, 2))}
    return results.AngleScan(**values, settings={"null": null})  # type: ignore[arg-type]


def test_without_a_result_everything_is_cited_once() -> None:
    found = keys()
    assert found == ["nmcx", *SOURCES]
    assert found[1] == "li2020"


def test_every_rule_names_a_source_and_a_kind_of_result() -> None:
    for kind, named in _OF.items():
        assert issubclass(getattr(results, kind), results.Result)
        assert set(named) <= set(SOURCES), kind
    assert set(NULLS.values()) <= set(SOURCES)


def test_the_paper_is_the_one_of_the_citation_file() -> None:
    if not (ROOT / "CITATION.cff").exists():
        pytest.skip("tested outside the source tree")
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    paper = SOURCES["li2020"]
    assert f"doi: {paper.doi}" in text
    assert f"volume: {paper.volume}" in text and f"year: {paper.year}" in text
    assert paper.title in " ".join(text.split())
    families = re.findall(r"family-names: ([\w-]+)", text)
    assert [name.split()[-1] for name in paper.authors] == families
    initials = ["-".join(part[0] + "." for part in given.split("-"))
                for given in re.findall(r"given-names: ([\w-]+)", text)]  # fmt: skip
    assert [name.split()[0] for name in paper.authors] == initials


def test_a_result_cites_what_ran_and_nothing_else(tmp_path: Path) -> None:
    io.save(tmp_path / "shift.nxs", SHIFT)
    assert keys(tmp_path / "shift.nxs") == ["nmcx", "li2020", "thevenaz1998"]
    for null, key in NULLS.items():
        io.save(tmp_path / f"{null}.nxs", scan(null))
        found = keys(tmp_path / f"{null}.nxs")
        assert set(found) & set(NULLS.values()) == {key}
        assert {"clifford1989", "dutilleul1993", "nichols2002"} <= set(found)


@pytest.mark.parametrize(
    ("configuration", "threshold"),
    [
        ("[morphology]\nthreshold = \"auto\"\n[nickel]\nmethod = 'fit'\n", "otsu1979"),
        ('[morphology]\nmethod = "multi_otsu"\n', "liao2001"),
        ('[morphology]\nmethod = "hysteresis"\n', "canny1986"),
        ("[morphology]\nthreshold = 0.5\n", None),
        ("", None),
    ],
)
def test_the_threshold_is_cited_by_its_method(
    configuration: str, threshold: str | None, tmp_path: Path
) -> None:
    particle = results.Particle(np.ones((3, 3, 3), bool), np.ones((3, 3, 3), bool))
    about = {"configuration": configuration} if configuration else {}
    io.save(tmp_path / "a.nxs", particle, provenance=about)
    of_thresholds = {"otsu1979", "liao2001", "canny1986"}
    expected = set() if threshold is None else {threshold}
    assert set(keys(tmp_path / "a.nxs")) & of_thresholds == expected


def test_the_whole_chain_of_a_run_and_its_folder(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[soft]\nlow = "{data}/a_scan.hdr"\nhigh = "{data}/b_scan.hdr"\n')
    made = run.run(path, out=tmp_path / "out")
    assert keys(made.folder) == keys(made.folder / "result.nxs")
    assert keys(made.folder) == ["nmcx", "li2020", "thevenaz1998", "clifford1989"]


def test_all_entries_of_a_gathered_file_are_cited(tmp_path: Path) -> None:
    io.save(tmp_path / "one", SHIFT)
    io.save(tmp_path / "two", scan("moran"))
    io.gather(tmp_path / "both.nxs", {name: tmp_path / name for name in ("one", "two")})
    assert {"thevenaz1998", "wagner2015"} <= set(keys(tmp_path / "both.nxs"))


def test_bibtex_is_well_formed_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cite", "--bibtex"]) == 0
    entries = capsys.readouterr().out.rstrip("\n").split("\n\n")
    assert len(entries) == len(SOURCES) + 1
    needed = {"article": {"author", "journal", "volume", "pages", "year"},
              "book": {"author", "title", "publisher", "year"},
              "techreport": {"author", "title", "institution", "number", "year"},
              "inproceedings": {"author", "title", "booktitle", "year"},
              "software": {"author", "title", "version"}}  # fmt: skip
    for entry in entries:
        first, *rows, last = entry.splitlines()
        match = re.fullmatch(r"@(\w+)\{([a-z]+\d*),", first)
        assert match is not None and last == "}", entry
        fields = [re.fullmatch(r"  (\w+) = \{(.+)\},", row) for row in rows]
        assert all(fields), entry
        assert needed[match[1]] <= {found[1] for found in fields if found}
        assert entry.count("{") == entry.count("}")
        assert not re.search(r"(?<!\\)[&%#_]", entry), entry


def test_the_text_names_the_version_that_made_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    io.save(tmp_path / "a.nxs", SHIFT)
    assert cli.main(["cite", str(tmp_path / "a.nxs")]) == 0
    first, paper, *_ = capsys.readouterr().out.splitlines()
    assert f"version {nmcx.__version__}" in first
    assert "Nature Communications 11 (2020) 4433, doi 10.1038/s41467-020-18278-y" in paper


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nxs").write_text("no result")
    for path in (tmp_path / "a.nxs", tmp_path, tmp_path / "gone.nxs"):
        with pytest.raises(InputError):
            run.cite(path)


@pytest.mark.parametrize("configuration", ["no = [toml", "no = " + "[" * 5000])
def test_a_result_whose_configuration_cannot_be_read_is_refused(
    configuration: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "b.nxs"
    io.save(file, SHIFT, provenance={"configuration": configuration})
    for action in (run.cite, io.read_provenance):
        with pytest.raises(InputError, match=r"b\.nxs: /entry/process/configuration"):
            action(file)
    assert cli.main(["report", str(file)]) == 4
    assert "b.nxs" in capsys.readouterr().err


def test_a_source_reads_as_one_line() -> None:
    for source in report.sources():
        text = source.text()
        assert "\n" not in text and "  " not in text and text.endswith("."), text
    short = replace(SOURCES["otsu1979"], what="")
    assert short.text() == (
        "N. Otsu, A threshold selection method from gray-level histograms, IEEE Transactions on "
        "Systems, Man, and Cybernetics 9 (1979) 62."
    )
