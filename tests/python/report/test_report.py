"""The report: one file, complete, readable, and only about what exists."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from nmcx import phantom, report, surface
from nmcx.errors import OutputError
from nmcx.report import Findings, Table
from nmcx.report.words import near_surface_minus_core, with_error
from nmcx.results import EndMember


class Page(HTMLParser):
    """Images, links, headings and balance of tags."""

    VOID = frozenset({"meta", "img", "br", "hr", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.images.append(values)
        self.links += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def text(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    table = Table("Against the truth", ("Quantity", "Found"), (("a < b", "1 & 2"),), "remark")
    report.write(
        path,
        replace(findings, tables=(table,), notes=("1 µm was used",)),
        title="Particle <7>",
        provenance={"program": "nmcx 1", "a_scan.hdr": "sha256 abc"},
        parameters='[soft]\nlow = "a_scan.hdr"\n',
        dpi=40,
    )
    return path.read_text(encoding="utf-8")


def test_the_report_asks_nothing_of_the_network(text: str) -> None:
    page = Page(text)
    assert page.links, "images are there"
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not re.search(r"<script|@import|url\(|<link", text)
    # The scene is a page in the page: its text stands in the report, its script is shut in.
    (scene,) = re.findall(r"<iframe [^>]*>", text)
    assert 'sandbox="allow-scripts"' in scene and " src=" not in scene
    assert page.open == []


def test_every_image_is_a_picture_with_a_description(text: str) -> None:
    import matplotlib.image

    for image in Page(text).images:
        data = base64.b64decode(str(image["src"]).partition("base64,")[2], validate=True)
        pixels = matplotlib.image.imread(io.BytesIO(data), format="png")
        assert np.ptp(pixels) > 0.1, "not blank"
        assert len(str(image["alt"])) > 15


def test_the_supplementary_figures_of_the_paper_have_their_counterparts(text: str) -> None:
    described = " ".join(str(image["alt"]) for image in Page(text).images)
    for part in (
        "Two soft X-ray scans",  # Suppl. Fig. 1
        "Map of the ratio xi and map of relative valence",
        "Slices of the edge-energy map",  # Suppl. Fig. 3
        "Slices through the particle",
        "Edge energy against depth",
        "Edge energy along lines",
        "Correlation of xi and porosity against opening angle",  # Suppl. Fig. 4
    ):
        assert part in described


def test_sections_are_there_only_for_what_exists(findings: Findings, tmp_path: Path) -> None:
    only_soft = Findings(low=findings.low, high=findings.high, xi=findings.xi)
    page = Page(report.write(tmp_path / "soft.html", only_soft, dpi=40).read_text(encoding="utf-8"))
    assert "Surface: soft X-ray scans" in page.headings
    assert not any("Bulk" in heading or "against" in heading for heading in page.headings)
    assert len(page.images) == 3
    nothing = Page(report.write(tmp_path / "none.html", Findings()).read_text(encoding="utf-8"))
    assert nothing.images == []


def test_a_map_with_its_scans_is_shown_as_in_the_paper(tmp_path: Path) -> None:
    made = phantom.pair_scans(1, shape=(40, 40))
    xi = surface.xi_map(made.low, made.high)
    first, second = EndMember(2.0, 1.0, 0.9), EndMember(4.0, 0.6, 1.2)
    found = Findings(
        low=made.low, high=made.high, xi=xi, valence=surface.calibrated_valence(xi, first, second),
        dipole=surface.edge_dipole(xi),
    )  # fmt: skip
    text = report.write(tmp_path / "a.html", found, dpi=40).read_text(encoding="utf-8")
    described = " ".join(str(image["alt"]) for image in Page(text).images)
    assert "registered scans, ratio map and its histogram" in described
    assert "Map of the valence of nickel" in described
    words = " ".join(report.summary(found))
    assert "nothing beyond noise" in words and "calibrated by two end members" in words


def test_text_from_files_cannot_become_markup(text: str) -> None:
    assert "Particle &lt;7&gt;" in text
    assert "a &lt; b" in text
    assert "1 &amp; 2" in text


def test_notes_of_all_results_are_collected(text: str) -> None:
    assert "energies are those of the file names" in text
    assert "relative flux 1 at both energies" in text
    assert "1 µm was used" in text


def test_provenance_and_settings_are_shown(text: str) -> None:
    assert "sha256 abc" in text
    assert "low = &quot;a_scan.hdr&quot;" in text


def test_an_existing_report_is_kept(findings: Findings, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"report\.html"):
        report.write(path, Findings())
    assert path.read_text() == "mine"
    report.write(path, Findings(), overwrite=True)
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_same_findings_give_the_same_page(findings: Findings, tmp_path: Path) -> None:
    only = Findings(xi=findings.xi)
    pages = [report.write(tmp_path / f"{i}.html", only, dpi=40).read_bytes() for i in range(2)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (8344.1234, 0.0213, "8344.123 ± 0.021"),
        (-0.5, 0.1, "-0.50 ± 0.10"),
        (12345.0, 230.0, "12345 ± 230"),
        (1.5, float("nan"), "1.5"),
    ],
)
def test_numbers_are_rounded_to_two_digits_of_their_error(
    value: float, error: float, expected: str
) -> None:
    assert with_error(value, error) == expected


def test_the_words_say_which_side_is_more_oxidised(findings: Findings) -> None:
    depth = findings.depth
    assert depth is not None
    found = near_surface_minus_core(depth)
    assert found is not None
    # The profile is 0.8 exp(-depth / 0.8 µm): its mean over the outer third of 4 µm, weighted by
    # the number of voxels, is about 0.4 eV above the flat core.
    assert 0.25 < found[0] < 0.55
    assert 0 < found[1] < 0.05
    assert "near-surface region is more oxidised" in " ".join(report.summary(findings))
    turned = replace(depth, median=-depth.median)
    assert "less oxidised" in " ".join(report.summary(Findings(depth=turned)))


def test_the_words_say_the_sign_and_how_sure(findings: Findings) -> None:
    scan = findings.scan
    assert scan is not None
    words = " ".join(report.summary(Findings(scan=scan)))
    assert "opening angle of 100° (half-opening angle 50°)" in words
    assert "r = -0.75" in words
    assert "p = 0.004" in words
    assert "Chance explains this rarely" in words
    unsure = " ".join(report.summary(Findings(scan=replace(scan, p_family=0.4))))
    assert "Chance explains a correlation of this size" in unsure
