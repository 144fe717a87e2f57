"""Raw counts in the HDF5 layouts of FXI, Data Exchange and NXtomo, written and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nmcx
from nmcx import txm
from nmcx.errors import InputError
from nmcx.io import open_stack, read_frames
from nmcx.io._lazy import LazyArray
from nmcx.results import FrameStack

ENERGY = np.array([8325.0, 8350.0, 8400.0])
ANGLE_DEG = np.array([-60.0, -20.0, 20.0, 60.0])
SHAPE = (20, 24)
DARK_LEVEL, LIGHT, PIXEL_UM = 100.0, 2000.0, 0.0195


def phantom(energy_ev: np.ndarray, theta: np.ndarray, n_reference: int = 2) -> FrameStack:
    """A wedge whose optical density depends on energy and angle, in Poisson counts over a dark."""
    rng = np.random.default_rng(1)
    wedge = np.linspace(0.0, 1.5, SHAPE[1]) * np.ones(SHAPE)
    counts, energy, angle, role = [], [], [], []

    def add(mean: np.ndarray, e: float, a: float, kind: int) -> None:
        counts.append(rng.poisson(mean) + rng.poisson(np.full(SHAPE, DARK_LEVEL)))
        energy.append(e)
        angle.append(a)
        role.append(kind)

    for e in np.unique(energy_ev):
        for _ in range(3):
            add(np.zeros(SHAPE), np.nan, 0.0, 2)
        for a in np.unique(theta):
            od = wedge * (0.5 + (e - 8325.0) / 75.0) * (1.0 + 0.1 * np.cos(a))
            add(LIGHT * np.exp(-od), e, a, 0)
        for _ in range(n_reference):
            add(np.full(SHAPE, LIGHT), e, 0.0, 1)
    kinds = np.array(role)
    return FrameStack(
        counts=np.array(counts, np.uint16),
        energy_ev=np.array(energy),
        is_reference=kinds == 1,
        theta=np.array(angle),
        pixel_size_um=np.full(kinds.size, PIXEL_UM),
        exposure_s=np.full(kinds.size, 0.5),
        is_dark=kinds == 2,
    )


def of(frames: FrameStack, kind: str, energy: float | None = None) -> np.ndarray:
    """Counts of one kind, of one energy (darks: of the run of that energy)."""
    dark = frames.is_dark
    run = np.repeat(
        np.unique(frames.energy_ev[~dark]), dark.size // len(set(frames.energy_ev[~dark]))
    )
    chosen = {"dark": dark, "white": frames.is_reference, "data": ~dark & ~frames.is_reference}[
        kind
    ]
    return frames.counts[chosen & (True if energy is None else run == energy)]


def write_fxi_tomography(path: Path, frames: FrameStack, energy: float, time: float) -> None:
    with h5py.File(path, "w") as out:
        out["img_tomo"] = of(frames, "data", energy)
        out["img_bkg"] = of(frames, "white", energy)
        out["img_dark"] = of(frames, "dark", energy)
        out["img_bkg_avg"] = of(frames, "white", energy).mean(0, keepdims=True)
        out["angle"] = ANGLE_DEG
        out["X_eng"] = energy / 1000
        out["scan_time"] = time
        out["Magnification"] = 6500.0 / (1000 * PIXEL_UM)
        out["Pixel Size"] = f"{1000 * PIXEL_UM}nm"
        out["note"] = "wedge"


def write_fxi_xanes(path: Path, frames: FrameStack, *, normalised: bool) -> None:
    """Means of the repeats, and the images divided by the reference as the export does."""
    white = np.array([of(frames, "white", e).mean(0) for e in ENERGY])
    data = np.array([of(frames, "data", e).mean(0) for e in ENERGY])
    dark = of(frames, "dark").mean(0, keepdims=True)
    with h5py.File(path, "w") as out:
        out["img_xanes"] = np.float32((data - dark) / (white - dark) if normalised else data)
        out["img_bkg"] = np.float32(white)
        out["img_dark"] = np.float32(dark)
        out["X_eng"] = ENERGY / 1000
        out["scan_time"] = 1.6e9
        out["Pixel Size"] = f"{1000 * PIXEL_UM}nm"


def write_exchange(path: Path, frames: FrameStack, energy: float | None, unit: str = "keV") -> None:
    """One energy per file, or all in one with an energy per frame."""
    with h5py.File(path, "w") as out:
        for name, kind in (("data", "data"), ("data_white", "white"), ("data_dark", "dark")):
            out[f"exchange/{name}"] = of(frames, kind, energy)
        factor = 1000.0 if unit == "keV" else 1.0
        is_data = ~frames.is_dark & ~frames.is_reference
        if energy is None:
            out["exchange/energy"] = frames.energy_ev[is_data] / factor
            out["exchange/energy"].attrs["units"] = unit
            theta = np.rad2deg(frames.theta[is_data])
        else:
            out["measurement/instrument/monochromator/energy"] = energy / factor
            out["measurement/instrument/monochromator/energy"].attrs["units"] = unit
            theta = np.rad2deg(frames.theta[is_data & (frames.energy_ev == energy)])
        out["exchange/theta"] = theta
        out["exchange/theta"].attrs["units"] = "deg"
        out["measurement/instrument/detector/exposure_time"] = 0.5
        out["measurement/instrument/detector/exposure_time"].attrs["units"] = "s"
        objective = out.create_group("measurement/instrument/detection_system/objective")
        objective["resolution"] = PIXEL_UM
        objective["resolution"].attrs["units"] = "microns"


def write_nxtomo(path: Path, frames: FrameStack, *, extra: int = 0) -> None:
    """Every frame with its key and energy; `extra` invalid frames among them."""
    key = np.where(frames.is_dark, 2, np.where(frames.is_reference, 1, 0))
    energy = np.where(np.isnan(frames.energy_ev), ENERGY[0], frames.energy_ev)
    at = np.full(extra, 5)
    with h5py.File(path, "w") as out:
        entry = out.create_group("entry0000")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXtomo"
        entry["start_time"] = "2026-01-02T03:04:05"
        detector = entry.create_group("instrument/detector")
        detector["data"] = np.insert(frames.counts, at, 9999, axis=0)
        detector["image_key"] = np.insert(key, at, 3)
        detector["count_time"] = np.insert(1000 * frames.exposure_s, at, 1.0)
        detector["count_time"].attrs["units"] = "ms"
        entry["sample/x_pixel_size"] = PIXEL_UM * 1e-6
        entry["sample/x_pixel_size"].attrs["units"] = "m"
        entry["sample/rotation_angle"] = np.rad2deg(np.insert(frames.theta, at, 0.0))
        entry["sample/rotation_angle"].attrs["units"] = "degree"
        entry["instrument/beam/energy"] = np.insert(energy, at, ENERGY[0]) / 1000
        entry["instrument/beam/energy"].attrs["units"] = "keV"
        if frames.beam_current is not None:
            entry["control/data"] = np.insert(frames.beam_current, at, 1.0)


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
    monkeypatch.setattr("nmcx.io._safe.free_memory", lambda: limit)
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


def _spoil(name: str, value: object) -> object:
    def change(path: Path) -> None:
        with h5py.File(path, "a") as out:
            if name in out:
                del out[name]
            if value is not None:
                out[name] = value

    return change


WRITERS = {
    "tomography": lambda path, f: write_fxi_tomography(path, f, ENERGY[0], 1.6e9),
    "xanes": lambda path, f: write_fxi_xanes(path, f, normalised=True),
    "exchange": lambda path, f: write_exchange(path, f, None),
    "nxtomo": lambda path, f: write_nxtomo(path, f),
}
DETECTOR = "entry0000/instrument/detector"


@pytest.mark.parametrize(
    ("layout", "change", "message"),
    [
        ("tomography", _spoil("angle", ANGLE_DEG[:2]), "/angle has 2 values for 4 frames"),
        ("tomography", _spoil("X_eng", [8.0, 8.1, 8.2, 8.3]), "one energy"),
        ("tomography", _spoil("X_eng", -8.0), "positive finite"),
        ("tomography", _spoil("img_tomo", np.zeros((2, 3, 4, 5))), "4 axes"),
        ("tomography", _spoil("img_bkg", np.zeros((2, 3, 4))), "one size"),
        ("xanes", _spoil("X_eng", [8.0, np.nan, 8.1]), "not finite"),
        ("xanes", _spoil("img_bkg", np.ones((2, *SHAPE))), "2 frames for 3 energies"),
        ("exchange", _spoil("exchange/theta", [0.0, 1.0]), "2 values for 12 frames"),
        ("exchange", _spoil("exchange/data_white", np.ones((4, *SHAPE))), "energies are unknown"),
        ("exchange", _spoil("exchange/data", np.array(["a"], "S1")), "not plain numbers"),
        ("nxtomo", _spoil(f"{DETECTOR}/image_key", [0, 1]), "2 values for 27 frames"),
        ("nxtomo", _spoil(f"{DETECTOR}/image_key", np.full(27, 7)), "holds 7"),
        ("nxtomo", _spoil(f"{DETECTOR}/data", None), "neither FXI"),
    ],
)
def test_files_that_contradict_themselves_are_refused_naming_the_dataset(
    layout: str, change: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.h5"
    WRITERS[layout](
        path,
        phantom(ENERGY, np.deg2rad(ANGLE_DEG))
        if layout != "xanes"
        else phantom(ENERGY, np.zeros(1)),
    )
    change(path)
    with pytest.raises(InputError, match=rf"a\.h5.*{message}"):
        read_frames(path)


def test_missing_energies_are_unknown_and_said(tmp_path: Path) -> None:
    write_exchange(tmp_path / "a.h5", phantom(ENERGY, np.zeros(1)), ENERGY[0])
    _spoil("measurement/instrument/monochromator", None)(tmp_path / "a.h5")
    read = read_frames(tmp_path / "a.h5")
    assert np.isnan(read.energy_ev).all()
    assert any("no energy in the file" in note for note in read.notes)
    with pytest.raises(ValueError, match="energy_ev is not known"):
        txm.optical_density(read)


def test_wrong_units_and_mixed_kinds_are_refused(tmp_path: Path) -> None:
    frames = phantom(ENERGY, np.zeros(1))
    write_nxtomo(tmp_path / "a.nx", frames)
    with h5py.File(tmp_path / "a.nx", "a") as out:
        out["entry0000/sample/rotation_angle"].attrs["units"] = "furlong"
    with pytest.raises(InputError, match="furlong"):
        read_frames(tmp_path / "a.nx")
    (tmp_path / "b.xrm").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1"))
    write_exchange(tmp_path / "c.h5", frames, ENERGY[0])
    with pytest.raises(InputError, match=r"b\.xrm: is an Xradia file among HDF5 files"):
        read_frames([tmp_path / "c.h5", tmp_path / "b.xrm"])
    (tmp_path / "d.h5").write_text("text")
    with pytest.raises(InputError, match="neither an Xradia"):
        read_frames(tmp_path / "d.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.xrm, \.txrm or HDF5"):
        read_frames(tmp_path / "empty")


def test_R10_frames_that_lie_in_other_files_are_refused(tmp_path: Path) -> None:
    write_nxtomo(tmp_path / "other.h5", phantom(ENERGY, np.zeros(1)))
    linked, virtual = tmp_path / "linked.h5", tmp_path / "virtual.h5"
    with h5py.File(linked, "w") as out:
        out["entry0000"] = h5py.ExternalLink("other.h5", "/entry0000")
    with h5py.File(virtual, "w") as out:
        shape = (18, *SHAPE)
        layout = h5py.VirtualLayout(shape, "u2")
        layout[:] = h5py.VirtualSource("other.h5", f"/{DETECTOR}/data", shape)
        out.create_virtual_dataset("img_tomo", layout)
    for path, message in ((linked, "external link"), (virtual, "virtual dataset")):
        with pytest.raises(InputError, match=message):
            read_frames(path)


@pytest.mark.parametrize("layout", list(WRITERS))
def test_R09_mutated_frames_raise_only_our_errors(layout: str, tmp_path: Path) -> None:
    frames = phantom(ENERGY, np.zeros(1) if layout == "xanes" else np.deg2rad(ANGLE_DEG[:2]))
    if layout == "tomography":
        frames = phantom(ENERGY, np.deg2rad(ANGLE_DEG))
    path = tmp_path / "a.h5"
    WRITERS[layout](path, frames)
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(200):
        damaged = bytearray(content[: rng.integers(1, len(content))] if i % 5 == 0 else content)
        # Pixels are most of a file, yet the headers before and behind them are what matters.
        start = max(len(damaged) - 4096, 0) if i % 2 else 0
        for at in rng.integers(start, min(len(damaged), start + 4096), 12):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read = read_frames(path)
            for k in range(min(len(read.counts), 3)):
                read.counts[k]
        except (nmcx.errors.Error, ValueError):
            refused += 1
    assert refused > 50


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
