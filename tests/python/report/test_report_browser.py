"""The report as people meet it: in a real browser, on a telephone, on paper."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nmcx import report
from nmcx.report import Findings

LOADED = "document.readyState === 'complete' && [...document.images].every(i => i.complete)"
#: Smallest contrast of any text against what lies behind it, by the formulas of WCAG 2.1.
CONTRAST = """
(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let worst = [99, "nothing"];
  for (const element of document.querySelectorAll("main *")) {
    const says = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!says || element.closest("style, script, iframe")) continue;
    const lights = [parts(getComputedStyle(element).color), behind(element)].map(luminance);
    const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
    if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 80)];
  }
  return worst;
})()
"""
#: Spread of the grey levels of every image, 0 where one is empty or all of one colour.
SPREAD = """
[...document.images].map(image => {
  const canvas = document.createElement("canvas");
  canvas.width = 64; canvas.height = 64;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 64, 64);
  const data = context.getImageData(0, 0, 64, 64).data;
  const grey = [];
  for (let i = 0; i < data.length; i += 4) grey.push(data[i] + data[i + 1] + data[i + 2]);
  const mean = grey.reduce((a, b) => a + b) / grey.length;
  return Math.sqrt(grey.reduce((sum, g) => sum + (g - mean) ** 2, 0) / grey.length) / 3;
})
"""


@pytest.fixture(scope="module")
def page(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("read") / "report.html"
    report.write(path, findings, provenance={"program": "nmcx 1"}, parameters="[soft]\n", dpi=60)
    return path


@pytest.fixture(scope="module", params=[1200, 360], ids=["desk", "telephone"])
def browser(request: pytest.FixtureRequest, tool: ModuleType, page: Path) -> Any:
    with tool.Browser(width=request.param, height=800) as opened:
        opened.open(page, LOADED)
        yield opened


def test_it_opens_without_network_and_without_complaint(browser: Any) -> None:
    elsewhere = [each for each in browser.requests if not each.startswith(("file:", "data:"))]
    assert elsewhere == [] and browser.complaints == []


def test_every_figure_shows_something(browser: Any) -> None:
    spread = browser.value(SPREAD)
    assert len(spread) >= 5
    # An empty picture has none; axes with a single curve have about ten grey levels.
    assert min(spread) > 5.0, spread


def test_nothing_is_wider_than_the_screen_and_text_can_be_read(browser: Any) -> None:
    wide = browser.value("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], "the page must not be pushed sideways"
    sizes = browser.value(
        "['main p:not([class])', 'figcaption', 'td'].map("
        "s => parseFloat(getComputedStyle(document.querySelector(s)).fontSize))"
    )
    assert sizes[0] >= 16.0 and min(sizes) >= 13.0, sizes


def test_text_stands_out_from_what_is_behind_it(browser: Any) -> None:
    """At least 4.5 : 1, level AA of WCAG 2.1 for text of any size."""
    ratio, where = browser.value(CONTRAST)
    assert 4.5 <= ratio < 99.0, where


def test_on_paper_it_has_pages(browser: Any) -> None:
    paper = browser.printed()
    assert paper.startswith(b"%PDF-")
    assert 2 <= paper.count(b"/Type /Page\n") <= 40
