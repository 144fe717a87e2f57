"""Frames of a full-field microscope, from files we write ourselves and from SSRL 6-2c."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import nmcx
from nmcx.errors import InputError
from nmcx.io import read_frames

SECTOR = 512
END, FREE, FAT, NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF


def write_ole(path: Path, streams: dict[str, bytes]) -> None:
    """Write an OLE2 compound file, version 3 ([MS-CFB]); storages one level deep."""
    storages: dict[str, dict[str, bytes]] = {}
    for name, content in streams.items():
        storage, leaf = name.split("/")
        storages.setdefault(storage, {})[leaf] = content
    sectors: list[bytes] = []
    chain: list[int] = []
    mini, mini_chain = b"", []

    def add(content: bytes) -> int:
        start = len(sectors)
        n = max(-(-len(content) // SECTOR), 1)
        for i in range(n):
            sectors.append(content[i * SECTOR : (i + 1) * SECTOR].ljust(SECTOR, b"\0"))
            chain.append(start + i + 1 if i < n - 1 else END)
        return start

    def entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le")
        return (
            encoded.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, NONE, right, child)
            + bytes(36)
            + struct.pack("<IQ", start, size)
        )

    entries: list[bytes] = [b""]
    names = sorted(storages, key=lambda s: (len(s), s.upper()))
    first_of = 1
    places = {}
    for name in names:
        places[name] = first_of
        first_of += 1 + len(storages[name])
    for i, name in enumerate(names):
        leaves = sorted(storages[name], key=lambda s: (len(s), s.upper()))
        right = places[names[i + 1]] if i + 1 < len(names) else NONE
        entries.append(entry(name, 1, right, places[name] + 1, 0, 0))
        for j, leaf in enumerate(leaves):
            content = storages[name][leaf]
            if len(content) >= 4096:
                start = add(content)
            else:
                start = len(mini) // 64
                n = max(-(-len(content) // 64), 1)
                mini += content.ljust(64 * n, b"\0")
                mini_chain += [start + k + 1 for k in range(n - 1)] + [END]
            after = len(entries) + 1 if j + 1 < len(leaves) else NONE
            entries.append(entry(leaf, 2, after, NONE, start, len(content)))
    entries[0] = entry("Root Entry", 5, NONE, 1, add(mini), len(mini))
    directory = add(b"".join(entries))
    n_mini_fat = -(-4 * len(mini_chain) // SECTOR)
    mini_fat = add(
        struct.pack(f"<{len(mini_chain)}I", *mini_chain).ljust(512 * n_mini_fat, b"\xff")
    )
    n_fat = 1
    while (len(chain) + n_fat) * 4 > n_fat * SECTOR:
        n_fat += 1
    fat_start = len(sectors)
    table = chain + [FAT] * n_fat
    table += [FREE] * (n_fat * SECTOR // 4 - len(table))
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII",
        bytes.fromhex("d0cf11e0a1b11ae1"), bytes(16), 0x3E, 3, 0xFFFE, 9, 6,
        0, n_fat, directory, 0, 4096, mini_fat, n_mini_fat, END, 0,
    )  # fmt: skip
    difat = [fat_start + i for i in range(n_fat)] + [FREE] * (109 - n_fat)
    path.write_bytes(
        header
        + struct.pack("<109I", *difat)
        + b"".join(sectors)
        + struct.pack(f"<{len(table)}I", *table)
    )


def xradia(images: np.ndarray, **header: object) -> dict[str, bytes]:
    """Streams of a file; header entries None are left out."""
    n, height, width = images.shape
    entries: dict[str, object] = {
        "ImageWidth": width,
        "ImageHeight": height,
        "DataType": 5 if images.dtype == np.uint16 else 10,
        "NoOfImages": n,
        "PixelSize": 0.0312,
        "Angles": np.linspace(-90, 90, n),
        "Energy": np.full(n, 8353.03),
        "ExpTimes": np.full(n, 0.5),
        "IonChamberCurrent": np.full(n, 0.122),
    }
    reference = header.pop("reference", None)
    entries |= header
    streams = {}
    for name, value in entries.items():
        if value is None:
            continue
        kind = "<i4" if isinstance(value, int) else "<f4"
        streams[f"ImageInfo/{name}"] = np.atleast_1d(value).astype(kind).tobytes()
    for i, image in enumerate(images):
        streams[f"ImageData{i // 100 + 1}/Image{i + 1}"] = image.tobytes()
    if reference is not None:
        streams["ReferenceData/Image"] = np.asarray(reference).tobytes()
    return streams


def images(n: int = 1, dtype: type = np.uint16) -> np.ndarray:
    values = np.random.default_rng(1).integers(0, 65536, (n, 48, 64))
    return values.astype(dtype)


SAMPLE = "rep01_nca_08354.0_eV_001of003.xrm"
REFERENCE = "rep01_000351_ref_nca_08354.0_eV_001of010.xrm"


def test_counts_above_32767_stay_positive(tmp_path: Path) -> None:
    stored = images()
    write_ole(tmp_path / "a.xrm", xradia(stored))
    frames = read_frames(tmp_path / "a.xrm")
    assert frames.counts.dtype == np.uint16
    assert stored.max() > 32767
    np.testing.assert_array_equal(frames.counts, stored)


def test_txrm_holds_every_image_across_storages_with_its_angle(tmp_path: Path) -> None:
    stored = images(103, np.float32)  # the 101st image begins ImageData2
    reference = images(1)[0].astype(np.float32)
    write_ole(tmp_path / "scan.txrm", xradia(stored, reference=reference))
    frames = read_frames(str(tmp_path / "scan.txrm"))
    assert frames.counts.shape == (104, 48, 64)
    assert frames.is_reference.tolist() == [True] + [False] * 103
    np.testing.assert_array_equal(frames.counts[0], reference)
    np.testing.assert_array_equal(frames.counts[1:], stored)
    np.testing.assert_allclose(frames.theta[[1, -1]], [-np.pi / 2, np.pi / 2], rtol=1e-6)
    # Header values are float32.
    np.testing.assert_allclose(frames.energy_ev, 8353.03, rtol=1e-7)
    np.testing.assert_allclose(frames.pixel_size_um, 0.0312, rtol=1e-6)
    np.testing.assert_allclose(frames.beam_current, 0.122, rtol=1e-6)


def test_energy_zero_is_replaced_by_the_name_and_the_pixel_by_calibration_and_said(
    tmp_path: Path,
) -> None:
    files = [tmp_path / SAMPLE, tmp_path / REFERENCE]
    for file in files:
        write_ole(file, xradia(images(), Energy=0.0, HorizontalBin=2))
    frames = read_frames(files)
    assert frames.energy_ev.tolist() == [8354.0, 8354.0]
    assert frames.is_reference.tolist() == [False, True]
    # A part of a 2048-pixel detector binned by two: 1024 pixels across the field, not 64.
    np.testing.assert_allclose(frames.pixel_size_um, 36.393 * 8354 / 9000 / 1024, rtol=1e-12)
    notes = "\n".join(frames.notes)
    assert "2 frames: energy taken from the file name (header: 0.0)" in notes
    assert "zone-plate calibration" in notes
    assert "0.0312 µm, stale" in notes


def test_header_energy_that_contradicts_the_name_is_used_and_said(tmp_path: Path) -> None:
    write_ole(tmp_path / SAMPLE, xradia(images()))
    frames = read_frames(tmp_path / SAMPLE)
    assert frames.energy_ev[0] == pytest.approx(8353.03)
    assert any("disagree" in note for note in frames.notes)


def test_no_energy_anywhere_is_refused_with_a_remedy(tmp_path: Path) -> None:
    for energy in (0.0, None, np.nan):
        write_ole(tmp_path / "frame.xrm", xradia(images(), Energy=energy))
        with pytest.raises(InputError, match=r"frame\.xrm: no energy .* name the file like"):
            read_frames(tmp_path / "frame.xrm")


def test_missing_header_entries_become_unknown_and_are_said(tmp_path: Path) -> None:
    missing = dict.fromkeys(("ExpTimes", "IonChamberCurrent", "Angles", "PixelSize"))
    write_ole(tmp_path / "a.xrm", xradia(images(), **missing))
    frames = read_frames(tmp_path / "a.xrm")
    assert np.isnan(frames.exposure_s).all()
    assert np.isnan(frames.pixel_size_um).all()
    assert frames.beam_current is None
    assert frames.theta.tolist() == [0.0]
    for word in ("exposure", "angle 0", "pixel size unknown", "current"):
        assert any(word in note for note in frames.notes), word


def test_a_stitched_mosaic_stays_one_frame_and_says_its_tiling(tmp_path: Path) -> None:
    tiles = {"MosiacRows": 2, "MosiacColumns": 3}
    write_ole(tmp_path / SAMPLE, xradia(images(), Energy=0.0, HorizontalBin=64, **tiles))
    frames = read_frames(tmp_path / SAMPLE)
    assert len(frames.counts) == 1
    assert "1 frame: stitched mosaic of 2 × 3 tiles: one frame" in frames.notes
    # 2048 / 64 = 32 pixels span one field of view; the 64 pixels of this row span several.
    np.testing.assert_allclose(frames.pixel_size_um, 36.393 * 8354 / 9000 / 32, rtol=1e-12)
    write_ole(tmp_path / SAMPLE, xradia(images(), Energy=0.0, **tiles))
    assert np.isnan(read_frames(tmp_path / SAMPLE).pixel_size_um).all()
    # Microscopes write 0 × 0 where nothing was stitched.
    write_ole(tmp_path / SAMPLE, xradia(images(), MosiacRows=0, MosiacColumns=0))
    assert not any("mosaic" in note for note in read_frames(tmp_path / SAMPLE).notes)


def test_a_scan_list_that_says_mosaic_is_passed_on(tmp_path: Path) -> None:
    write_ole(tmp_path / SAMPLE, xradia(images(), Energy=0.0))
    info = f"MOSAIC 1\nMOSAICUP   1\nMOSAICDOWN 2\nMOSAICOVERLAP 0.20\nFILES\n{SAMPLE}\n"
    (tmp_path / "ScanInfo_nca.txt").write_text(info)
    (note,) = [note for note in read_frames(tmp_path).notes if "mosaic" in note]
    assert "up 1 down 2 left ? right ? overlap 0.20" in note


def test_scan_folder_follows_its_list_and_counts_what_is_missing(tmp_path: Path) -> None:
    for name in (REFERENCE, SAMPLE, "rep01_nca_08324.0_eV_001of003.xrm"):
        write_ole(tmp_path / name, xradia(images(), Energy=0.0))
    listed = [REFERENCE, SAMPLE, "rep01_nca_08354.0_eV_002of003.xrm", "../../etc/passwd"]
    (tmp_path / "ScanInfo_nca.txt").write_text("VERSION 1\nFILES\n" + "\n".join(listed) + "\n")
    frames = read_frames(tmp_path)
    assert frames.is_reference.tolist() == [True, False]
    notes = "\n".join(frames.notes)
    assert "2 of the 4 files of ScanInfo_nca.txt are missing" in notes
    assert "1 files of the folder are not in" in notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ImageWidth": None}, "ImageWidth"),
        ({"ImageWidth": -64}, "ImageWidth"),
        ({"ImageHeight": 2**30}, "ImageHeight"),
        ({"DataType": 3}, "DataType"),
        ({"NoOfImages": 2**31 - 1}, "do not fit"),
        ({"ImageWidth": 65}, "do not fit|cut short"),
    ],
)
def test_absurd_headers_are_refused_naming_the_stream(change, message, tmp_path: Path) -> None:
    write_ole(tmp_path / "a.xrm", xradia(images(), **change))
    with pytest.raises(InputError, match=rf"a\.xrm.*({message})"):
        read_frames(tmp_path / "a.xrm")


def test_frames_of_two_sizes_are_refused(tmp_path: Path) -> None:
    write_ole(tmp_path / "a.xrm", xradia(images()))
    write_ole(tmp_path / "b.xrm", xradia(images()[:, :40]))
    with pytest.raises(InputError, match=r"b\.xrm.*one size"):
        read_frames([tmp_path / "a.xrm", tmp_path / "b.xrm"])


def test_wrong_type_empty_list_and_empty_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.xrm").write_text("not an OLE2 file")
    (tmp_path / "empty").mkdir()
    for paths in (tmp_path / "text.xrm", [], tmp_path / "empty", tmp_path / "missing.xrm"):
        with pytest.raises(InputError):
            read_frames(paths)


def test_R09_damaged_files_raise_only_our_errors(tmp_path: Path) -> None:
    whole = tmp_path / "whole.xrm"
    write_ole(whole, xradia(images()))
    content = whole.read_bytes()
    rng = np.random.default_rng(1)
    path = tmp_path / SAMPLE
    refused = 0
    for i in range(300):
        damaged = bytearray(content)
        if i % 3 == 0:
            damaged = damaged[: rng.integers(1, len(content))]
        else:
            # Header, directory and tables are small beside the pixels: aim at them.
            for at in rng.integers(0, len(content), 40) if i % 3 == 1 else rng.integers(0, 512, 4):
                damaged[at] = rng.integers(0, 256)
            tail = rng.integers(len(content) - 4096, len(content), 30)
            for at in tail:
                damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_frames(path)
        except (nmcx.errors.Error, ValueError):
            refused += 1
    assert refused > 100


@pytest.mark.real_data
def test_6_2c_frames_get_energy_and_pixel_size_by_rule(real_data: Path) -> None:
    frames = read_frames(real_data / "ssrl-6-2c")
    assert frames.counts.shape == (12, 1024, 1024)
    assert frames.counts.dtype == np.uint16
    assert set(frames.energy_ev) == {8324.0, 8354.0}
    assert frames.is_reference.sum() == 8
    above = frames.pixel_size_um[frames.energy_ev == 8354.0]
    below = frames.pixel_size_um[frames.energy_ev == 8324.0]
    np.testing.assert_allclose(above, 0.0330, atol=0.0001)
    # The zone plate's focal length grows with energy: 30 eV in 8324 eV.
    np.testing.assert_allclose(above / below - 1, 0.0036, atol=0.0001)
    np.testing.assert_allclose(np.unique(frames.exposure_s), [0.3, 0.5], rtol=1e-6)
    notes = "\n".join(frames.notes)
    for said in ("files of ScanInfo", "are missing", "file name (header: 0.0)", "stale"):
        assert said in notes


@pytest.mark.real_data
def test_references_of_the_real_folder_stand_beside_their_samples(real_data: Path) -> None:
    frames = read_frames(real_data / "ssrl-6-2c")
    # REFABBA 1: by turns after and before; both energies at hand were taken sample first.
    assert frames.is_reference.tolist() == [False] * 2 + [True] * 4 + [False] * 2 + [True] * 4
    assert frames.energy_ev.tolist() == [8324.0] * 6 + [8354.0] * 6
    assert any("REFABBA 1" in note for note in frames.notes)
