"""SDF images: round trips, the odd headers of real programs, and damaged files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nmcx
from nmcx.errors import InputError, OutputError
from nmcx.io import read_stxm, write_stxm
from nmcx.io.sdf import parse_sdf
from nmcx.results import StxmStack


def stack(n_energy: int = 3, ny: int = 5, nx: int = 4) -> StxmStack:
    counts = np.random.default_rng(1).poisson(1000.0, (n_energy, ny, nx)).astype(float)
    counts[0, 0, 0] = 0.125  # not every counter counts in integers
    return StxmStack(
        counts,
        850.0 + np.arange(n_energy) * 0.25,
        np.arange(nx) * 0.0272 - 0.618,
        np.cumsum(np.linspace(0.02, 0.03, ny)),
        0.004,
    )


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    written = stack()
    files = write_stxm(tmp_path / "a_scan.hdr", written)
    read = read_stxm(tmp_path / "a_scan.hdr")
    assert [file.name for file in files] == [
        "a_scan_a000.xim", "a_scan_a001.xim", "a_scan_a002.xim", "a_scan.hdr",
    ]  # fmt: skip
    for name in ("counts", "energy_ev", "x_um", "y_um"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert read.dwell_s == pytest.approx(0.004, rel=1e-15)
    assert any("QAxis is not uniform" in note for note in read.notes)


def test_unknown_dwell_stays_unknown(tmp_path: Path) -> None:
    one = stack(1)
    write_stxm(tmp_path / "a.hdr", StxmStack(one.counts, one.energy_ev, one.x_um, one.y_um))
    read = read_stxm(tmp_path / "a.hdr")
    assert np.isnan(read.dwell_s)
    assert any("Dwell" in note for note in read.notes)


def test_existing_scans_are_not_overwritten(tmp_path: Path) -> None:
    write_stxm(tmp_path / "a.hdr", stack(1))
    before = (tmp_path / "a_a000.xim").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        write_stxm(tmp_path / "a.hdr", stack(2))
    assert (tmp_path / "a_a000.xim").read_bytes() == before
    write_stxm(tmp_path / "a.hdr", stack(2), overwrite=True)
    assert read_stxm(tmp_path / "a.hdr").counts.shape == (2, 5, 4)
    with pytest.raises(ValueError, match=r"\.hdr"):
        write_stxm(tmp_path / "a.txt", stack(1))


def test_unsorted_energies_are_sorted_with_their_images_and_said(tmp_path: Path) -> None:
    one = stack(3)
    shuffled = StxmStack(one.counts[[2, 0, 1]], one.energy_ev[[2, 0, 1]], one.x_um, one.y_um, 0.004)
    write_stxm(tmp_path / "a.hdr", shuffled)
    read = read_stxm(tmp_path / "a.hdr")
    np.testing.assert_array_equal(read.counts, one.counts)
    np.testing.assert_array_equal(read.energy_ev, one.energy_ev)
    assert any("sorted" in note for note in read.notes)


def test_axes_that_run_downwards_are_turned_with_the_image(tmp_path: Path) -> None:
    one = stack(1)
    turned = StxmStack(one.counts[:, ::-1, ::-1], one.energy_ev, one.x_um[::-1], one.y_um[::-1])
    write_stxm(tmp_path / "a.hdr", turned)
    read = read_stxm(tmp_path / "a.hdr")
    np.testing.assert_array_equal(read.counts, one.counts)
    np.testing.assert_array_equal(read.y_um, one.y_um)


def test_interrupted_stack_keeps_the_images_that_are_there(tmp_path: Path) -> None:
    one = stack(4)
    write_stxm(tmp_path / "a.hdr", one)
    (tmp_path / "a_a003.xim").unlink()
    read = read_stxm(tmp_path / "a.hdr")
    np.testing.assert_array_equal(read.energy_ev, one.energy_ev[:3])
    assert "interrupted scan: 3 of 4 images are there" in read.notes


def test_image_numbers_beyond_the_energies_are_matched_in_order_and_said(tmp_path: Path) -> None:
    one = stack(2)
    write_stxm(tmp_path / "a.hdr", one)
    (tmp_path / "a_a000.xim").rename(tmp_path / "a_a003.xim")
    (tmp_path / "a_a001.xim").rename(tmp_path / "a_a019.xim")
    read = read_stxm(tmp_path / "a.hdr")
    np.testing.assert_array_equal(read.counts, one.counts)
    assert any("003, 019" in note and "matched in order" in note for note in read.notes)
    (tmp_path / "a_a003.xim").unlink()
    with pytest.raises(InputError, match="cannot be matched"):
        read_stxm(tmp_path / "a.hdr")


def test_image_records_that_contradict_the_energies_are_refused(tmp_path: Path) -> None:
    write_stxm(tmp_path / "a.hdr", stack(2))
    for old, new in ((0, 3), (1, 19)):
        (tmp_path / f"a_a{old:03d}.xim").rename(tmp_path / f"a_a{new:03d}.xim")
    with (tmp_path / "a.hdr").open("a") as header:
        header.write("Image003_0 = {Energy = 900.0;};\nImage019_0 = {Energy = 901.0;};\n")
    with pytest.raises(InputError, match="disagree"):
        read_stxm(tmp_path / "a.hdr")


def test_single_image_takes_its_energy_from_the_monochromator_and_says_so(tmp_path: Path) -> None:
    write_stxm(tmp_path / "a.hdr", stack(1))
    header = (tmp_path / "a.hdr").read_text()
    at = header.index("StackAxis")
    cut = header[:at] + header[header.index("Channels") :]
    (tmp_path / "a_a000.xim").rename(tmp_path / "a_a.xim")
    (tmp_path / "a.hdr").write_text(cut)
    with pytest.raises(InputError, match="says no energy"):
        read_stxm(tmp_path / "a.hdr")
    assert read_stxm(tmp_path / "a.hdr", energy_ev=856.2).energy_ev.tolist() == [856.2]
    (tmp_path / "a.hdr").write_text(cut + 'Monochromator = { Name = "E"; LastPosition = 854.0;};')
    read = read_stxm(tmp_path / "a.hdr")
    assert read.energy_ev.tolist() == [854.0]
    assert any("monochromator's last position" in note for note in read.notes)


def test_channels_are_told_apart(tmp_path: Path) -> None:
    write_stxm(tmp_path / "a.hdr", stack(1))
    image = (tmp_path / "a_a000.xim").read_text().replace("\t", "\t1")
    (tmp_path / "a_b000.xim").write_text(image)
    first, second = (read_stxm(tmp_path / "a.hdr", channel=c) for c in "ab")
    assert not np.array_equal(first.counts, second.counts)
    assert "channel b of a (counter0), b is read" in second.notes
    with pytest.raises(InputError, match=r"channels there: a \(counter0\), b"):
        read_stxm(tmp_path / "a.hdr", channel="c")


def test_junk_between_entries_is_stepped_over() -> None:
    text = 'A = { x = 1; ControllerIhD = 62; junk junk } = ; y = -6.27e+066;}; ) B = "t;}"; ='
    parsed = parse_sdf(text)
    assert parsed["A"]["x"] == 1.0
    assert parsed["A"]["ControllerIhD"] == 62.0


@given(st.text(alphabet='{}()=;,"aB1. \n', max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(parse_sdf(text), dict)


def test_deep_nesting_is_refused_instead_of_overflowing() -> None:
    for opening in ("A = {", "(", "{"):
        with pytest.raises(InputError, match="nested"):
            parse_sdf("A = " + opening * 100_000)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ScanDefinition", "Definition", "no ScanDefinition"),
        ("Regions", "Reg", "no Regions"),
        ("Points = (4,", "Points = (5,", "PAxis/Points"),
        ('"Energy"', '"Sample Z"', "not over energy"),
        ("(1, 850.0)", "(1, -850.0)", "not positive"),
        ("(1, 850.0)", "(1, nan)", "something else than numbers"),
        ("0.02, ", "0.06, ", "neither rises nor falls"),
    ],
)
def test_headers_without_sense_are_refused_naming_the_entry(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    write_stxm(tmp_path / "a.hdr", stack(1, ny=4))
    header = (tmp_path / "a.hdr").read_text()
    assert old in header
    (tmp_path / "a.hdr").write_text(header.replace(old, new))
    with pytest.raises(InputError, match=rf"a\.hdr.*{message}"):
        read_stxm(tmp_path / "a.hdr")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "rows|values"),
        (lambda text: "", "empty"),
        (lambda text: text.replace("\t", "\tx", 1), "something else than numbers"),
        (lambda text: text + "1\t2\t3\t4\n", "6 rows, the header says 5"),
        (lambda text: "\0" + text, "binary"),
    ],
)
def test_damaged_images_are_refused_naming_the_image(damage, message, tmp_path: Path) -> None:
    write_stxm(tmp_path / "a.hdr", stack(1))
    image = tmp_path / "a_a000.xim"
    image.write_text(damage(image.read_text()))
    with pytest.raises(InputError, match=rf"a_a000\.xim.*({message})"):
        read_stxm(tmp_path / "a.hdr")


def test_pixels_that_are_nan_stay_nan_and_are_said(tmp_path: Path) -> None:
    one = stack(1)
    write_stxm(tmp_path / "a.hdr", one)
    image = tmp_path / "a_a000.xim"
    image.write_text(image.read_text().replace("0.125", "nan"))
    read = read_stxm(tmp_path / "a.hdr")
    assert np.isnan(read.counts[0, 0, 0])
    assert "1 pixels are not finite numbers; they stay so" in read.notes


def test_R09_mutated_scans_raise_only_our_errors(tmp_path: Path) -> None:
    write_stxm(tmp_path / "a.hdr", stack(2))
    whole = {name: (tmp_path / name).read_bytes() for name in ("a.hdr", "a_a000.xim")}
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(200):
        for name, content in whole.items():
            damaged = bytearray(content)
            for at in rng.integers(0, len(content), 3):
                damaged[at] = rng.integers(0, 256)
            (tmp_path / name).write_bytes(
                damaged[: rng.integers(1, len(content))] if i % 4 == 0 else damaged
            )
        try:
            read_stxm(tmp_path / "a.hdr")
        except (nmcx.errors.Error, ValueError):
            refused += 1
    assert refused > 50


@pytest.mark.real_data
def test_cosmic_pair_is_read_with_its_gap_in_the_numbers(real_data: Path) -> None:
    read = read_stxm(real_data / "cosmic-stxm" / "stxm-scan.hdr")
    assert read.counts.shape == (2, 120, 120)
    assert read.energy_ev.tolist() == [853.0, 857.75]
    assert read.dwell_s == pytest.approx(0.004)
    np.testing.assert_allclose(read.pixel_size_um, 0.0272, atol=0.0001)
    assert read.counts[0, 0, :3].tolist() == [19447, 19068, 19206]
    assert any("003, 019" in note for note in read.notes)
