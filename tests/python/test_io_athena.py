"""Athena projects: what is read, how reference channels are found, what is refused."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nmcx
from nmcx.errors import InputError
from nmcx.io import _safe, read_athena
from nmcx.results import Spectrum

HEADER = "# Athena project file -- Demeter version 0.9.21\n# comment\n\n"


def group(name: str, label: str, link: str = "0", more: str = "", x: str = "", y: str = "") -> str:
    x, y = x or "'8330','8340','8350'", y or "'0.1','0.5','1.2'"
    return (
        f"$old_group = '{name}';\n"
        f"@args = ('label','{label}','referencegroup','{link}','bkg_eshift',0{more});\n"
        f"@x = ({x});\n@y = ({y});\n@i0 = ('1','2');\n[record]   # create object\n\n"
    )


def read(folder: Path, text: str, packed: bool = True) -> list[Spectrum]:
    file = folder / "session.prj"
    content = (HEADER + text).encode()
    file.write_bytes(gzip.compress(content) if packed else content)
    return read_athena(file)


@pytest.mark.parametrize("packed", [True, False])
def test_a_reference_travels_with_its_scan(packed: bool, tmp_path: Path) -> None:
    text = (
        group("aaaa", "NiO", "bbbb")
        + group("bbbb", "  Ref NiO", "aaaa", y="'0.0','0.4','0.9'")
        + group("cccc", "alone")
    )
    nio, alone = read(tmp_path, text, packed)
    assert (nio.name, alone.name) == ("NiO", "alone")
    assert nio.reference is not None and alone.reference is None
    assert nio.reference.name == "Ref NiO"
    assert nio.reference.mu.tolist() == [0.0, 0.4, 0.9]
    assert nio.energy_ev.tolist() == [8330.0, 8340.0, 8350.0]
    assert nio.metadata["group"] == "aaaa"


def test_the_reference_is_found_by_label_else_by_place(tmp_path: Path) -> None:
    first = group("rrrr", "Ref x", "ssss") + group("ssss", "x", "rrrr")
    (spectrum,) = read(tmp_path, first)
    assert spectrum.name == "x"
    plain = group("rrrr", "x", "ssss") + group("ssss", "foil", "rrrr")
    (spectrum,) = read(tmp_path, plain)
    assert (spectrum.name, spectrum.reference.name) == ("x", "foil")
    # A link that is not returned says whose channel it is, but the channel stays a scan of its own.
    one_way = group("aaaa", "x", "ffff") + group("bbbb", "y", "ffff") + group("ffff", "foil")
    assert [s.name for s in read(tmp_path, one_way)] == ["x", "y", "foil"]
    assert read(tmp_path, one_way)[1].reference.name == "foil"


def test_labels_repeat_and_old_files_use_another_key(tmp_path: Path) -> None:
    text = (group("aaaa", "NiO", "bbbb") + group("bbbb", "Ref NiO", "aaaa")) + (
        group("cccc", "NiO", "dddd") + group("dddd", "Ref NiO", "cccc")
    )
    found = read(tmp_path, text.replace("referencegroup", "reference"))
    assert [s.name for s in found] == ["NiO", "NiO"]
    assert [s.metadata["group"] for s in found] == ["aaaa", "cccc"]
    assert [s.reference.metadata["group"] for s in found] == ["bbbb", "dddd"]


def test_nested_values_quotes_and_lists_are_skipped_over(tmp_path: Path) -> None:
    more = r""",'titles',['it\'s (a] title','b'],'xdi',{'name' => {'x' => ['}']}},'file','C:\\d'"""
    (spectrum,) = read(tmp_path, group("aaaa", r"Bob\'s", more=more))
    assert spectrum.name == "Bob's"
    assert spectrum.metadata["file"] == "C:\\d"


def test_the_json_form_gives_the_same(tmp_path: Path) -> None:
    pair = {
        "a": {"args": {"label": "x", "referencegroup": "b"}, "x": ["1000", "1001"], "y": [0, 1]},
        "b": {"args": {"label": "Ref x", "referencegroup": "a"}, "x": [1000, 1001], "y": [0, 2]},
    }
    content = {"_____header1": "# Athena project file", **pair, "_____order": ["a", "b"]}
    (tmp_path / "a.prj").write_text(json.dumps(content))
    (spectrum,) = read_athena(tmp_path / "a.prj")
    assert spectrum.reference is not None
    assert spectrum.reference.mu.tolist() == [0.0, 2.0]


def test_what_is_no_spectrum_or_repaired_is_said(tmp_path: Path) -> None:
    text = group("kkkk", "chi", more=",'is_chi',1") + group(
        "aaaa", "x", x="'0','8350','8340','8340'", y="'9','1.2','0.4','0.6'"
    ).replace("'bkg_eshift',0", "'bkg_eshift','-1.5'")
    (spectrum,) = read(tmp_path, text)
    assert spectrum.energy_ev.tolist() == [8340.0, 8350.0]
    np.testing.assert_allclose(spectrum.mu, [0.5, 1.2])
    notes = "\n".join(spectrum.notes)
    for said in ("chi left out", "1 energies are not positive", "sorted", "averaged", "-1.5 eV"):
        assert said in notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no spectrum over energy"),
        ("@x = ('1','2');\n", "before the first group"),
        (group("aaaa", "x").replace("'8350')", ""), "aaaa, @x is cut off"),
        (group("aaaa", "x").replace("'0.5'", "'0.5"), "aaaa, @y is damaged"),
        (group("aaaa", "x", y="'0.1','nan','1'"), "not finite"),
        (group("aaaa", "x", y="'0.1','1'"), "aaaa .x. is incomplete"),
        (group("aaaa", "x", x="'a','b','c'"), "not a readable Athena project"),
        (group("aaaa", "x", more=",'odd'"), "not in pairs"),
        (group("aaaa", "x", more=",'is_chi',1"), "no spectrum over energy"),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"session\.prj.*{message}"):
        read(tmp_path, text)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.prj").write_text("8330 0.1\n8340 0.5\n")
    with pytest.raises(InputError, match="does not begin like an Athena project"):
        read_athena(tmp_path / "a.prj")
    (tmp_path / "b.prj").write_bytes(gzip.compress(HEADER.encode() * 50)[:-30])
    with pytest.raises(InputError, match="not a readable gzipped Athena project"):
        read_athena(tmp_path / "b.prj")


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_safe, "MAX_TEXT_BYTES", 2**20)
    file = tmp_path / "bomb.prj"
    file.write_bytes(gzip.compress(HEADER.encode() + b" " * 2**24))
    assert file.stat().st_size < 2**16
    with pytest.raises(InputError, match="unpacks to more"):
        read_athena(file)


@pytest.mark.parametrize("hostile", [r"\'" * 200_000, "[" * 200_000, "'," * 200_001, "{'" * 99_999])
def test_time_grows_with_the_file_only(hostile: str, tmp_path: Path) -> None:
    start = time.process_time()
    with pytest.raises(InputError):
        read(tmp_path, f"$old_group = 'a';\n@args = ('{hostile});\n", packed=False)
    # Quadratic work on 400 kB would take minutes.
    assert time.process_time() - start < 5.0


@given(st.text(alphabet="$@xy()[]{}',;=\\0189.e-\n old_grupags", max_size=150))
@settings(max_examples=400, deadline=None)
def test_R09_any_text_is_read_or_refused(tmp_path_factory, text: str) -> None:
    try:
        spectra = read(tmp_path_factory.getbasetemp(), group("aaaa", "x") + text, packed=False)
    except nmcx.errors.Error:
        return
    for spectrum in spectra:
        assert np.all(np.diff(spectrum.energy_ev) > 0)
        assert np.isfinite(spectrum.mu).all()


@pytest.mark.parametrize("packed", [True, False])
def test_R09_mutated_projects_raise_only_our_errors(packed: bool, tmp_path: Path) -> None:
    text = HEADER + group("aaaa", "x", "bbbb") + group("bbbb", "Ref x", "aaaa")
    content = gzip.compress(text.encode()) if packed else text.encode()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content[: rng.integers(1, len(content) + 1)])
        for at in rng.integers(0, len(damaged), 3):
            damaged[at] = rng.integers(0, 256)
        (tmp_path / "a.prj").write_bytes(damaged)
        try:
            read_athena(tmp_path / "a.prj")
        except nmcx.errors.Error:
            refused += 1
    assert refused > 20


@pytest.mark.real_data
def test_every_real_project_is_read(xraylarch_data: Path) -> None:
    files = sorted((xraylarch_data / "AthenaProjectFiles").glob("*.prj"))
    # The larger ones hold nothing new; all of them take 4 s.
    some = [file for file in files if file.stat().st_size < 150_000]
    assert len(some) > 40
    for file in some:
        for spectrum in read_athena(file):
            assert np.all(np.diff(spectrum.energy_ev) > 0), file.name
            assert np.isfinite(spectrum.mu).all(), file.name


@pytest.mark.real_data
def test_real_reference_channels_are_found(xraylarch_data: Path) -> None:
    projects = xraylarch_data / "AthenaProjectFiles"
    scans = read_athena(projects / "NiO.prj")
    assert [s.name for s in scans[:3]] == ["NiO.000", "NiO.000", "NiO.001"]  # one is there twice
    assert len(scans) == 12
    for scan in scans:
        assert scan.reference is not None
        assert scan.reference.name == f"Ref {scan.name}"
        assert np.array_equal(scan.reference.energy_ev, scan.energy_ev)
    silver = read_athena(projects / "Ag.prj")  # the key of Athena 0.8
    assert [s.reference is not None for s in silver] == [False] + 10 * [True]
    sulfide = read_athena(projects / "Ni_FeNiS20_RT.prj")  # the JSON form
    assert len(sulfide) == 8
    assert sulfide[0].energy_ev[0] == pytest.approx(8227.951)
