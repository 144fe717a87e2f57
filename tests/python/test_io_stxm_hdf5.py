"""Scans in HDF5: NXstxm as several beamlines write it, and any layout by naming its datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nmcx
from nmcx.errors import InputError
from nmcx.io import read_nxstxm, read_stxm, read_stxm_hdf5

ENERGY = np.array([856.2, 854.0])
X = np.arange(4) * 0.03 - 5.0
Y = np.arange(3) * 0.02 + 7.0


def images(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 1000, (2, 3, 4)).astype(np.uint32)


def nxstxm(path: Path, counters: dict[str, Any] | None = None, entry: str = "entry1") -> Path:
    """An entry as the definition has it: units stated, energies not in order."""
    with h5py.File(path, "a") as out:
        top = out.create_group(entry)
        top.attrs["NX_class"] = "NXentry"
        top["definition"] = np.array([b"NXstxm"])
        for name, data in (counters or {"TEY": images()}).items():
            group = top.create_group(name)
            group.attrs["NX_class"] = "NXdata"
            group["data"] = data
            group["data"].attrs["units"] = "counts"
            for key, values, unit in (
                ("energy", ENERGY, "eV"), ("sample_x", X, "um"), ("sample_y", Y, "um"),
            ):  # fmt: skip
                group[key] = values
                group[key].attrs["units"] = unit
            group["count_time"] = np.array([0.01, 0.01])
            group["count_time"].attrs["units"] = "s"
            group["stxm_scan_type"] = np.array([b"sample image stack"])
    return path


def test_a_plain_file_is_read_without_a_guess(tmp_path: Path) -> None:
    read = read_stxm(nxstxm(tmp_path / "a.nxs"))
    np.testing.assert_array_equal(read.counts, images()[::-1])
    np.testing.assert_array_equal(read.energy_ev, ENERGY[::-1])
    np.testing.assert_array_equal(read.x_um, X)
    np.testing.assert_array_equal(read.y_um, Y)
    assert (read.dwell_s, read.units, read.detector, read.i0) == (0.01, "counts", "tey", None)
    assert set(read.notes) == {
        "energies were not in ascending order: sorted",
        "detector tey by the channel's name 'TEY'",
    }


def test_entries_and_counters_by_name_and_number(tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs", {"I0": images(2), "counter0": images(3)})
    nxstxm(file, {"counter0": images(4)}, entry="entry2")
    first = read_stxm(file)
    np.testing.assert_array_equal(first.counts, images(3)[::-1])
    np.testing.assert_allclose(first.i0, images(2).mean(axis=(1, 2))[::-1], rtol=1e-14)
    for region in (1, "entry2"):
        np.testing.assert_array_equal(read_stxm(file, region=region).counts, images(4)[::-1])
    np.testing.assert_array_equal(read_stxm(file, channel="i0").counts, images(2)[::-1])
    for options in ({"region": 2}, {"region": "entry3"}, {"channel": "TEY"}, {"i0": "mesh"}):
        with pytest.raises(InputError, match=r"a\.nxs: no (entry|counter)"):
            read_stxm(file, **options)


@pytest.mark.parametrize("form", ["each", "points", "images", "constant"])
def test_control_is_the_incident_beam(form: str, tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs")
    beam = np.random.default_rng(5).uniform(90, 110, (2, 3, 4))
    stored = {
        "each": beam.mean(axis=(1, 2)), "points": beam.ravel(), "images": beam,
        "constant": np.array([100.0]),
    }[form]  # fmt: skip
    with h5py.File(file, "a") as out:
        out["entry1/control/data"] = stored
    expected = [100.0, 100.0] if form == "constant" else beam.mean(axis=(1, 2))[::-1]
    read = read_stxm(file)
    np.testing.assert_allclose(read.i0, expected, rtol=1e-13)
    assert any("i0 is /entry1/control/data" in note for note in read.notes)


def test_control_that_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs")
    with h5py.File(file, "a") as out:
        out["entry1/control/data"] = np.ones(5)
    read = read_stxm(file)
    assert read.i0 is None
    assert any("no i0" in note for note in read.notes)


@pytest.mark.parametrize("how", ["axes", "axis", "sizes"])
def test_axes_in_another_order(how: str, tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs", {"TEY": images().transpose(2, 1, 0)})
    with h5py.File(file, "a") as out:
        group = out["entry1/TEY"]
        if how == "axes":
            group.attrs["axes"] = ["sample_x", "sample_y", "energy"]
        elif how == "axis":
            for i, name in enumerate(("sample_x", "sample_y", "energy")):
                group[name].attrs["axis"] = i + 1
    read = read_stxm(file)
    np.testing.assert_array_equal(read.counts, images()[::-1])
    assert any("by their sizes" in note for note in read.notes) == (how == "sizes")


def test_single_images_in_two_or_three_dimensions(tmp_path: Path) -> None:
    for i, data in enumerate((images()[0], images()[:1])):
        file = nxstxm(tmp_path / f"{i}.nxs", {"PMT": data})
        with h5py.File(file, "a") as out:
            del out["entry1/PMT/energy"], out["entry1/PMT/count_time"]
            out["entry1/PMT/count_time"] = 0.002
        with pytest.raises(InputError, match="says no energy; pass energy_ev"):
            read_stxm(file)
        read = read_stxm(file, energy_ev=854.0)
        np.testing.assert_array_equal(read.counts, images()[:1])
        assert read.energy_ev.tolist() == [854.0]
        assert read.dwell_s == 0.002
        with h5py.File(file, "a") as out:
            out["entry1/instrument/monochromator/energy"] = np.array([854.01, 853.99, 854.0])
        assert read_stxm(file).energy_ev.tolist() == [854.0]


def test_interrupted_scans_keep_what_was_measured(tmp_path: Path) -> None:
    data = images().copy()
    data[1] = 0
    read = read_stxm(nxstxm(tmp_path / "a.nxs", {"TEY": data}))
    np.testing.assert_array_equal(read.counts, images()[:1])
    assert "interrupted scan: the last 1 of 2 images are empty" in read.notes
    cut = read_stxm(nxstxm(tmp_path / "b.nxs", {"TEY": images()[:1]}))
    assert cut.energy_ev.tolist() == [856.2]
    assert "interrupted scan: 1 of 2 images are there" in cut.notes


def test_units_are_honoured_and_their_lack_is_said(tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs")
    with h5py.File(file, "a") as out:
        group = out["entry1/TEY"]
        group["energy"][...] = ENERGY / 1000
        group["energy"].attrs["units"] = "keV"
        group["sample_x"].attrs["units"] = "nm"
        group["sample_y"][...] = Y / 1000
        del group["sample_y"].attrs["units"]
        group["count_time"].attrs["units"] = "ms"
        group["data"].attrs["units"] = "pA"
    read = read_stxm(file)
    np.testing.assert_allclose(read.energy_ev, ENERGY[::-1], rtol=1e-14)
    np.testing.assert_allclose(read.x_um, X / 1000, rtol=1e-14)
    np.testing.assert_allclose(read.y_um, Y, rtol=1e-14)
    assert read.dwell_s == pytest.approx(1e-5)
    assert read.units == "A"
    assert any("sample_y has no unit: mm" in note for note in read.notes)
    in_um = read_nxstxm(file, position_unit="um")
    np.testing.assert_allclose(in_um.y_um, Y / 1000, rtol=1e-14)


def test_a_link_to_a_counter_is_not_a_second_one(tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs")
    with h5py.File(file, "a") as out:
        out["entry1/default"] = h5py.SoftLink("/entry1/TEY")
    assert not any("counter" in note for note in read_stxm(file).notes)
    with h5py.File(file, "a") as out:
        out["entry1/other"] = h5py.ExternalLink("b.nxs", "/entry1")
    with pytest.raises(InputError, match="external link"):
        read_stxm(file)


def test_what_is_no_image_scan_is_refused(tmp_path: Path) -> None:
    file = nxstxm(tmp_path / "a.nxs")
    with h5py.File(file, "a") as out:
        out["entry1/TEY/stxm_scan_type"][...] = b"sample line spectrum"
    with pytest.raises(InputError, match=r"a\.nxs: is a sample line spectr, not an image"):
        read_stxm(file)
    with pytest.raises(InputError, match="does not fit"):
        read_stxm(nxstxm(tmp_path / "b.nxs", {"TEY": np.ones((2, 5, 7))}))
    with pytest.raises(InputError, match="read_stxm takes image scans"):
        read_stxm(nxstxm(tmp_path / "c.nxs", {"TEY": np.ones((3, 4))}))
    with h5py.File(tmp_path / "d.h5", "w") as out:
        out["exchange/data"] = np.ones((2, 3, 4))
    with pytest.raises(InputError, match="read_stxm_hdf5"):
        read_stxm(tmp_path / "d.h5")


def any_layout(path: Path) -> Path:
    with h5py.File(path, "w") as out:
        out["scan/signal"] = images().transpose(1, 2, 0)
        out["scan/kev"] = ENERGY / 1000
        out["scan/kev"].attrs["units"] = "keV"
        out["scan/x"], out["scan/y"] = X, Y
        out["scan/mesh"] = np.array([3e-9, 2e-9])
        out["scan/dwell"] = np.array([10.0, 20.0])
    return path


def test_any_layout_by_mapping(tmp_path: Path) -> None:
    file = any_layout(tmp_path / "a.h5")
    read = read_stxm_hdf5(
        file, data="scan/signal", energy="scan/kev", x="scan/x", y="scan/y", i0="scan/mesh",
        dwell="scan/dwell", dwell_unit="ms", position_unit="um", axes="y x energy", units="A",
        detector="tey",
    )  # fmt: skip
    np.testing.assert_array_equal(read.counts, images()[::-1])
    np.testing.assert_allclose(read.energy_ev, ENERGY[::-1], rtol=1e-14)
    np.testing.assert_array_equal(read.x_um, X)
    assert read.i0.tolist() == [2e-9, 3e-9]
    np.testing.assert_allclose(read.dwell_s, [0.02, 0.01], rtol=1e-14)
    assert (read.units, read.detector) == ("A", "tey")


def test_numbers_stand_in_for_datasets(tmp_path: Path) -> None:
    file = any_layout(tmp_path / "a.h5")
    with h5py.File(file, "a") as out:
        out["one"] = images()[0]
    one = read_stxm_hdf5(file, data="one", energy=854.0, dwell=0.01, pixel_size_um=(0.02, 0.03))
    assert one.counts.shape == (1, 3, 4)
    assert one.pixel_size_um == pytest.approx((0.02, 0.03))
    assert one.dwell_s == 0.01
    listed = read_stxm_hdf5(
        file, data="scan/signal", energy=[854.0, 856.2], pixel_size_um=0.02, axes="y x energy"
    )
    np.testing.assert_array_equal(listed.counts, images())


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"data": "scan/nothing"}, InputError, r"a\.h5: has no dataset scan/nothing"),
        ({"energy": "scan/nothing"}, InputError, "no dataset"),
        ({"energy": [854.0]}, InputError, "1 energies for 2 images"),
        ({"energy": -854.0}, InputError, "positive"),
        ({"energy_unit": "nm"}, InputError, "not an energy"),
        ({"x": "scan/y", "y": "scan/x"}, InputError, "values for 4 pixels"),
        ({"x": "scan/x", "y": "scan/y", "position_unit": "deg"}, InputError, "not a length"),
        ({"dwell": [1.0, 2.0, 3.0]}, InputError, "3 dwell times for 2 images"),
        ({"data": "scan/kev"}, InputError, "not a stack of images"),
        ({"axes": "y x"}, ValueError, "axes"),
        ({"pixel_size_um": None}, ValueError, "pixel_size_um"),
        ({"pixel_size_um": -1.0}, ValueError, "pixel_size_um"),
    ],
)
def test_wrong_mappings_are_refused(
    options: dict[str, Any], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    usual: dict[str, Any] = {
        "data": "scan/signal", "energy": "scan/kev", "pixel_size_um": 0.02, "axes": "y x energy",
    }  # fmt: skip
    with pytest.raises(kind, match=message):
        read_stxm_hdf5(any_layout(tmp_path / "a.h5"), **{**usual, **options})


def test_R10_attributes_of_an_unknown_sequence_are_not_read(tmp_path: Path) -> None:
    # The HDF5 library crashes on these: text of variable length (1) made a sequence of no kind.
    file = nxstxm(tmp_path / "a.nxs")
    whole = file.read_bytes()
    assert whole.count(b"units\0\0\0\x19\x01") == 5
    file.write_bytes(whole.replace(b"units\0\0\0\x19\x01", b"units\0\0\0\x19\xda"))
    read = read_stxm(file)
    assert any("no unit" in note for note in read.notes)


@pytest.mark.parametrize("reader", ["nxstxm", "mapping"])
def test_R09_mutated_files_raise_only_our_errors(reader: str, tmp_path: Path) -> None:
    if reader == "nxstxm":
        whole = nxstxm(tmp_path / "whole.h5", {"TEY": images(), "I0": images(2)}).read_bytes()
    else:
        whole = any_layout(tmp_path / "whole.h5").read_bytes()
    rng = np.random.default_rng(1)
    path = tmp_path / "a.h5"
    outcomes = set()
    for i in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(damaged), 12):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged[: rng.integers(1, len(damaged))] if i % 5 == 0 else damaged)
        try:
            if reader == "nxstxm":
                read_stxm(path)
            else:
                read_stxm_hdf5(
                    path, data="scan/signal", energy="scan/kev", x="scan/x", y="scan/y",
                    i0="scan/mesh", dwell="scan/dwell", axes="y x energy",
                )  # fmt: skip
            outcomes.add("read")
        except nmcx.errors.Error:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
