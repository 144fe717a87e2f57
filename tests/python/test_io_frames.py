"""Raw counts in the HDF5 layouts of FXI, Data Exchange and NXtomo, written and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from frame_files import (
    ANGLE_DEG,
    ENERGY,
    PIXEL_UM,
    SHAPE,
    of,
    phantom,
    write_exchange,
    write_fxi_tomography,
    write_fxi_xanes,
    write_nxtomo,
)

from nmcx import txm
from nmcx.errors import InputError
from nmcx.io import open_stack, read_frames
from nmcx.io._lazy import LazyArray
from nmcx.results import FrameStack


def same_density(read: FrameStack, direct: FrameStack, atol: float = 2e-6) -> None:
    """Same images; float32 optical densities near 1 agree to some units of their last digit."""
    found, wanted = (txm.optical_density(f, gain=1.0) for f in (read, direct))
    np.testing.assert_allclose(found.energy_ev, wanted.energy_ev, rtol=1e-12)
    np.testing.assert_allclose(found.theta, wanted.theta, atol=1e-12)
    np.testing.assert_allclose(found.od, wanted.od, atol=atol)
    np.testing.assert_allclose(found.pixel_size_um, PIXEL_UM, rtol=1e-9)


def test_a_tomogram_of_fxi_per_energy_gives_the_same_optical_density(tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    for i, energy in enumerate(ENERGY):
        write_fxi_tomography(tmp_path / f"fly_scan_id_{9 + i}.h5", direct, energy, 1.6e9 - 60.0 * i)
    read = read_frames(tmp_path)
    same_density(read, direct)
    assert isinstance(read.counts, LazyArray)
    assert read.counts.dtype == np.uint16
    # The file named last was measured first.
    sample = ~read.is_reference & ~read.is_dark
    np.testing.assert_allclose(read.energy_ev[sample][:: ANGLE_DEG.size], ENERGY[::-1])
    notes = "\n".join(read.notes)
    for said in ("ordered by the time", "3 of 3 files: energies are in keV", "binning", "exposure"):
        assert said in notes


@pytest.mark.parametrize("normalised", [True, False])
def test_a_xanes_scan_of_fxi_gives_the_same_optical_density(
    normalised: bool, tmp_path: Path
) -> None:
    frames = phantom(ENERGY, np.zeros(1))
    write_fxi_xanes(tmp_path / "xanes_scan2_id_7.h5", frames, normalised=normalised)
    read = read_frames(tmp_path / "xanes_scan2_id_7.h5")
    same_density(read, frames)
    assert read.is_reference.sum() == ENERGY.size
    notes = "\n".join(read.notes)
    assert ("divided by the reference already" in notes) == normalised
    assert "unknown number of exposures" in notes
    if normalised:  # the counts are those that the detector gave, to the float32 of the file
        sample = ~read.is_reference & ~read.is_dark
        np.testing.assert_allclose(
            np.asarray(read.counts)[sample], of(frames, "data"), rtol=1e-6, atol=1e-3
        )


def test_fxi_images_without_references_say_so(tmp_path: Path) -> None:
    frames = phantom(ENERGY, np.zeros(1))
    write_fxi_xanes(tmp_path / "a.h5", frames, normalised=False)
    with h5py.File(tmp_path / "a.h5", "a") as out:
        out["img_bkg"][...] = 1.0
    read = read_frames(tmp_path / "a.h5")
    assert not read.is_reference.any()
    assert read.is_dark is None
    assert any("exported without references" in note for note in read.notes)
    with pytest.raises(ValueError, match="0 reference frames"):
        txm.optical_density(read)


@pytest.mark.parametrize("unit", ["keV", "eV", ""])
def test_data_exchange_with_one_energy_per_file(unit: str, tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    files = [tmp_path / f"scan_{i}.h5" for i in range(ENERGY.size)]
    for file, energy in zip(files, ENERGY, strict=True):
        write_exchange(file, direct, energy, unit or "keV")
        if not unit:
            with h5py.File(file, "a") as out:
                del out["measurement/instrument/monochromator/energy"].attrs["units"]
    read = read_frames(files)
    same_density(read, direct)
    assert any("keV" in note for note in read.notes) == (unit != "eV")
    np.testing.assert_allclose(read.exposure_s, 0.5)
    with pytest.raises(InputError, match=r"data_white is there.*io\.read_frames"):
        open_stack(files[0])


@pytest.mark.parametrize("n_reference", [1, 2])
def test_data_exchange_with_an_energy_per_frame(n_reference: int, tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.zeros(1), n_reference)
    write_exchange(tmp_path / "a.h5", direct, None)
    with h5py.File(tmp_path / "a.h5", "a") as out:
        out["exchange_1/data"] = np.zeros((2, 3))
    read = read_frames(tmp_path / "a.h5")
    same_density(read, direct)
    notes = "\n".join(read.notes)
    assert "left out, as only /exchange holds raw counts: exchange_1" in notes
    assert ("2 frames per energy" in notes) == (n_reference == 2)


def test_longer_flat_exposures_are_scaled(tmp_path: Path) -> None:
    direct = phantom(ENERGY[:1], np.zeros(1))
    write_exchange(tmp_path / "a.h5", direct, ENERGY[0])
    with h5py.File(tmp_path / "a.h5", "a") as out:
        out["process/acquisition/flat_fields/different_flat_exposure"] = "Yes"
        out["process/acquisition/flat_fields/flat_exposure_time"] = 1.0
    plain = txm.optical_density(direct, gain=1.0).od
    scaled = txm.optical_density(read_frames(tmp_path / "a.h5"), gain=1.0).od
    # A reference exposed twice as long is twice as bright: OD falls by ln 2.
    np.testing.assert_allclose(scaled, plain - np.log(2.0), atol=2e-6)


def test_nxtomo_gives_the_same_optical_density_and_drops_invalid_frames(tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    write_nxtomo(tmp_path / "a.nx", direct, extra=2)
    read = read_frames(tmp_path / "a.nx")
    np.testing.assert_array_equal(np.asarray(read.counts), direct.counts)
    np.testing.assert_array_equal(read.is_reference, direct.is_reference)
    np.testing.assert_array_equal(read.is_dark, direct.is_dark)
    np.testing.assert_allclose(read.exposure_s, 0.5)
    assert any("2 frames marked invalid" in note for note in read.notes)
    same_density(read, direct)
    with pytest.raises(InputError, match="raw counts"):
        open_stack(tmp_path / "a.nx")


def test_nxtomo_monitor_is_the_beam_current(tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.zeros(1))
    falling = np.linspace(500.0, 400.0, direct.is_dark.size)
    direct = replace(direct, beam_current=falling)
    write_nxtomo(tmp_path / "a.nx", direct)
    read = read_frames(tmp_path / "a.nx")
    np.testing.assert_allclose(read.beam_current, falling)
    found, wanted = (
        txm.optical_density(f, gain=1.0, use_beam_current=True).od for f in (read, direct)
    )
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_nxtomo_without_units_follows_the_stated_rules(tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    write_nxtomo(tmp_path / "a.nx", direct)
    with h5py.File(tmp_path / "a.nx", "a") as out:
        for name in ("sample/x_pixel_size", "sample/rotation_angle", "instrument/beam/energy"):
            del out[f"entry0000/{name}"].attrs["units"]
        control = np.array(out["entry0000/instrument/detector/image_key"])
        control[3] = -1
        out["entry0000/instrument/detector/image_key_control"] = control
        out.copy("entry0000", "entry0001")
    read = read_frames(tmp_path / "a.nx")
    assert len(read.counts) == 2 * (len(direct.counts) - 1)  # less the alignment images
    np.testing.assert_array_equal(read.counts[3], direct.counts[4])
    np.testing.assert_allclose(np.unique(read.energy_ev), ENERGY)
    np.testing.assert_allclose(read.pixel_size_um, PIXEL_UM)
    np.testing.assert_allclose(read.theta.max(), np.deg2rad(60.0))
    notes = "\n".join(read.notes)
    for said in ("keV", "degrees", "without a unit", "2 NXtomo entries", "alignment"):
        assert said in notes


def test_detector_pixels_are_said_to_lack_the_magnification(tmp_path: Path) -> None:
    write_nxtomo(tmp_path / "a.nx", phantom(ENERGY, np.zeros(1)))
    with h5py.File(tmp_path / "a.nx", "a") as out:
        del out["entry0000/sample/x_pixel_size"]
        out["entry0000/instrument/detector/x_pixel_size"] = 6.5
        out["entry0000/instrument/detector/x_pixel_size"].attrs["units"] = "um"
    read = read_frames(tmp_path / "a.nx")
    np.testing.assert_allclose(read.pixel_size_um, 6.5)
    assert any("magnification is not in it" in note for note in read.notes)


def test_frames_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    write_nxtomo(tmp_path / "a.nx", direct)
    read = read_frames(tmp_path / "a.nx")

    def whole(*_: object, **__: object) -> np.ndarray:
        raise AssertionError("all frames were loaded at once")

    monkeypatch.setattr(LazyArray, "__array__", whole)
    # Nine dark frames, and whatever is read one by one, fit; the whole stack does not.
    limit = 10 * SHAPE[0] * SHAPE[1] * 2
    monkeypatch.setattr("nmcx.io._memory.free_memory", lambda: limit)
    same_density(read, direct)
    (tmp_path / "a.nx").unlink()
    with pytest.raises(InputError, match=r"a\.nx"):
        read.counts[0]


def test_slabs_of_frames_are_slabs_of_the_array(tmp_path: Path) -> None:
    direct = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    write_nxtomo(tmp_path / "a.nx", direct, extra=1)
    lazy, whole = read_frames(tmp_path / "a.nx").counts, direct.counts
    for key in (3, slice(2, 9), (slice(None), slice(4, 9)), (np.array([5, 1, 5]), 2), (..., 7)):
        np.testing.assert_array_equal(lazy[key], whole[key])


def test_check_says_what_a_scan_holds(tmp_path: Path) -> None:
    from nmcx.run import inspection

    frames = phantom(ENERGY, np.zeros(1))
    write_fxi_xanes(tmp_path / "xanes.h5", frames, normalised=True)
    (tmp_path / "run.toml").write_text(
        '[hard]\nframes = "xanes.h5"\npre_edge = [8300, 8330]\npost_edge = [8380, 8450]\n'
    )
    lines = "\n".join(inspection.check(tmp_path / "run.toml"))
    assert "3 sample, 3 reference and 1 dark frames of 20 × 24 pixels, 3 energies" in lines
    assert "8325.00–8400.00 eV" in lines


@pytest.mark.real_data
def test_a_6_2c_folder_becomes_an_optical_density(real_data: Path) -> None:
    image = txm.optical_density(read_frames(real_data / "ssrl-6-2c"))
    assert image.od.shape == (2, 1024, 1024)
    np.testing.assert_allclose(image.energy_ev, [8324.0, 8354.0])
    # NCA absorbs more above its Ni K edge than below it.
    below, above = (np.nanpercentile(image.od[i], 90) for i in range(2))
    assert above > below
