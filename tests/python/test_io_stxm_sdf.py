"""SDF in its dialects: regions, channels, incident beam, dwell, and scans that are no images."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import nmcx
from nmcx import io
from nmcx.errors import InputError
from nmcx.io import read_stxm, write_stxm
from nmcx.io.sdf import parse_sdf
from nmcx.results import StxmStack


def axis(key: str, name: str, points: object, unit: str = "um") -> str:
    values = [float(v) for v in np.ravel(points)]
    listed = ", ".join(f"{v:.4f}" for v in values)
    return (
        f'{key} = {{ Name = "{name}"; Unit = "{unit}"; Min = {values[0]}; Max = {values[-1]}; '
        f"Dir = 1;\n\t\tPoints = ({len(values)}, {listed});\n}};\n"
    )


def header(
    *,
    kind: str = "NEXAFS Image Scan",
    shapes: tuple[tuple[int, int], ...] = ((3, 4),),
    energies: tuple[float, ...] = (854.0, 856.2),
    channels: tuple[str, ...] = ("counter0",),
    unit: str = "um",
    names: tuple[str, str] = ("Sample X", "Sample Y"),
    tail: str = "",
) -> str:
    regions = ",\n".join(
        "{\n" + axis("PAxis", names[0], np.arange(nx) * 0.5 - 1, unit)
        + axis("QAxis", names[1], np.arange(ny) * 0.25 + 7, unit) + "}"
        for ny, nx in shapes
    )  # fmt: skip
    stack = axis("StackAxis", "Energy", energies, "eV") if energies else ""
    listed = ",\n".join(f'{{ Name = "{name}"; Unit = "counts";}}' for name in channels)
    return (
        f'ScanDefinition = {{ Label = "a.hdr"; Type = "{kind}"; Flags = "Image Stack"; Dwell = 4; '
        f"Dwell2 = -6.2774386e+066;\n\tRegions = ({len(shapes)},\n{regions});\n\n{stack}"
        f"\tChannels = ({len(channels)},\n{listed});\n}};\n"
        ' Time = "2018"; ControllerIhD = 3; BeamFeedback = false;\n' + tail
    )


def image(seed: int, ny: int = 3, nx: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(100, 1000, (ny, nx)).astype(float)


def put(folder: Path, text: str, **images: np.ndarray) -> Path:
    (folder / "a.hdr").write_text(text)
    for name, values in images.items():
        rows = "\n".join("\t".join(f"{v:g}" for v in row) for row in values)
        (folder / f"a_{name}.xim").write_text(rows + "\n")
    return folder / "a.hdr"


def test_regions_have_their_own_axes_and_images(tmp_path: Path) -> None:
    shapes = ((3, 4), (2, 5))
    images = {f"a00{e}{r}": image(10 * e + r + 1, *shapes[r]) for e in (0, 1) for r in (0, 1)}
    file = put(tmp_path, header(shapes=shapes), **images)
    for region in (0, 1):
        read = read_stxm(file, region=region)
        assert read.counts.shape == (2, *shapes[region])
        for e in (0, 1):
            np.testing.assert_array_equal(read.counts[e], images[f"a00{e}{region}"])
        assert f"region {region} of 2 is read (counted from 0)" in read.notes
    with pytest.raises(InputError, match=r"a\.hdr: has 2 regions, counted from 0; there is no 2"):
        read_stxm(file, region=2)
    with pytest.raises(ValueError, match="region"):
        read_stxm(file, region="second")
    (tmp_path / "a_a0001.xim").unlink()
    (tmp_path / "a_a0011.xim").unlink()
    with pytest.raises(InputError, match=r"no image a_a0001\.xim"):
        read_stxm(file, region=1)


def test_regions_of_a_single_image_have_one_digit(tmp_path: Path) -> None:
    tail = "Monochromator = { LastPosition = 854.0;};"
    text = header(kind="Image Scan", shapes=((3, 4), (3, 4)), energies=(), tail=tail)
    file = put(tmp_path, text, a0=image(1), a1=image(2))
    np.testing.assert_array_equal(read_stxm(file, region=1).counts[0], image(2))
    np.testing.assert_array_equal(read_stxm(file).counts[0], image(1))


def test_channels_by_letter_and_name_and_the_incident_beam(tmp_path: Path) -> None:
    text = header(channels=("I0", "PMT", "TEY"))
    images = {f"{c}00{e}": image(3 * e + i + 1) for e in (0, 1) for i, c in enumerate("abc")}
    file = put(tmp_path, text, **images)
    by_custom = read_stxm(file)
    np.testing.assert_array_equal(by_custom.counts[1], images["b001"])
    assert by_custom.detector == "transmission"
    for wanted in ("c", "tey", "TEY"):
        tey = read_stxm(file, channel=wanted)
        np.testing.assert_array_equal(tey.counts[0], images["c000"])
        assert tey.detector == "tey"
        expected = [images[f"a00{e}"].mean() for e in (0, 1)]
        np.testing.assert_allclose(tey.i0, expected, rtol=1e-14)
    assert read_stxm(file, channel="I0").i0 is None
    pmt = read_stxm(file, channel="TEY", i0="PMT")
    np.testing.assert_allclose(pmt.i0[1], images["b001"].mean(), rtol=1e-14)
    with pytest.raises(InputError, match=r"no channels 'APD'.*a \(I0\), b \(PMT\), c \(TEY\)"):
        read_stxm(file, channel="APD")
    (tmp_path / "a_a001.xim").unlink()
    cut = read_stxm(file)
    assert cut.i0 is None
    assert "channel a lacks image 001: no i0" in cut.notes


def test_incident_beam_follows_its_image_when_energies_are_sorted(tmp_path: Path) -> None:
    text = header(energies=(856.2, 854.0), channels=("TEY", "I0"))
    file = put(tmp_path, text, a000=image(1), a001=image(2), b000=image(3), b001=image(4))
    read = read_stxm(file)
    np.testing.assert_array_equal(read.counts[0], image(2))
    np.testing.assert_allclose(read.i0, [image(4).mean(), image(3).mean()], rtol=1e-14)


def test_ring_current_of_the_records_is_the_next_best_i0(tmp_path: Path) -> None:
    records = "".join(
        f"Image00{i}_0 = {{StorageRingCurrent = {300 + i}; Energy = {e};}};\n"
        for i, e in enumerate((854.0, 856.2))
    )
    read = read_stxm(put(tmp_path, header(tail=records), a000=image(1), a001=image(2)))
    assert read.i0.tolist() == [300, 301]
    assert any("ring current" in note for note in read.notes)
    dark = records.replace("300", "0.00")
    assert read_stxm(put(tmp_path, header(tail=dark))).i0 is None


def test_dwell_is_that_of_the_energy_region(tmp_path: Path) -> None:
    tail = (
        "ImageScan = { EnergyRegions = (2,\n"
        "{ StartEnergy = 850; EndEnergy = 855; Step = 1; Points = 6; DwellTime = 4;},\n"
        "{ StartEnergy = 856; EndEnergy = 857; Step = 0.1; Points = 11; DwellTime = 10;});\n};\n"
    )
    file = put(tmp_path, header(tail=tail), a000=image(1), a001=image(2))
    read = read_stxm(file)
    np.testing.assert_allclose(read.dwell_s, [0.004, 0.010], rtol=1e-14)
    assert read.select(slice(1, 2)).dwell_s == pytest.approx(0.010)
    (tmp_path / "a.hdr").write_text(header(tail=tail.replace("= 10", "= 4")))
    assert read_stxm(file).dwell_s == pytest.approx(0.004)


def test_interrupted_stack_in_the_middle(tmp_path: Path) -> None:
    energies = (853.0, 854.0, 855.0, 856.0)
    file = put(tmp_path, header(energies=energies), a000=image(1), a002=image(2))
    read = read_stxm(file)
    assert read.energy_ev.tolist() == [853.0, 855.0]
    np.testing.assert_array_equal(read.counts[1], image(2))


def test_two_scans_with_a_header_each(tmp_path: Path) -> None:
    for name, energy in (("low", 854.0), ("high", 856.2)):
        folder = tmp_path / name
        folder.mkdir()
        record = f"Image000_0 = {{ Energy = {energy};}};\n"
        read = read_stxm(
            put(folder, header(kind="Image Scan", energies=(), tail=record), a=image(1))
        )
        assert read.energy_ev.tolist() == [energy]


def test_axes_in_millimetres_or_exchanged(tmp_path: Path) -> None:
    file = put(tmp_path, header(unit="mm"), a000=image(1), a001=image(2))
    assert read_stxm(file).pixel_size_um == pytest.approx((250.0, 500.0))
    text = header(shapes=((4, 3),), names=("Sample Y", "Sample X"))
    read = read_stxm(put(tmp_path, text, a000=image(1, 4, 3), a001=image(2, 4, 3)))
    np.testing.assert_array_equal(read.counts[0], image(1, 4, 3).T)
    assert read.pixel_size_um == pytest.approx((0.5, 0.25))
    with pytest.raises(InputError, match="not in um"):
        read_stxm(put(tmp_path, header(unit="deg")))


@pytest.mark.parametrize("kind", ["NEXAFS Line Scan", "NEXAFS Point Scan", "Focus Scan"])
def test_scans_that_are_no_images_are_refused(kind: str, tmp_path: Path) -> None:
    file = put(tmp_path, header(kind=kind), a=image(1))
    with pytest.raises(InputError, match=rf"a\.hdr: is a {kind}, not an image scan"):
        read_stxm(file)
    (tmp_path / "a_0.xsp").write_text("853 10\n854 20\n")
    with pytest.raises(InputError, match=r"read_spectrum\('a_0.xsp'\)"):
        read_stxm(file)
    with pytest.raises(InputError, match="header"):
        read_stxm(tmp_path / "a_0.xsp")
    assert io.read_spectrum(tmp_path / "a_0.xsp").mu.tolist() == [10, 20]


def test_currents_are_in_amperes(tmp_path: Path) -> None:
    text = header().replace('Unit = "counts"', 'Unit = "nA"')
    read = read_stxm(put(tmp_path, text, a000=image(1), a001=image(2)))
    assert read.units == "A"
    np.testing.assert_allclose(read.counts[0], image(1) * 1e-9, rtol=1e-14)


def test_lists_closed_twice_do_not_end_the_header() -> None:
    parsed = parse_sdf("A = { Points = (2, 1.0, 2.0}); Unit = um;}; B = 3;")
    assert parsed == {"A": {"Points": [2.0, 1.0, 2.0], "Unit": "um"}, "B": 3.0}


def test_everything_is_written_and_read_back(tmp_path: Path) -> None:
    grid = np.arange(4.0)
    stack = StxmStack(
        np.stack([image(1), image(2)]) * 1e-12, np.array([854.0, 856.2]), grid, grid[:3],
        np.array([0.004, 0.01]), (), np.array([1.5e5, 2.5e5]), "tey", "A",
    )  # fmt: skip
    write_stxm(tmp_path / "a.hdr", stack)
    io.save(tmp_path / "a.nxs", stack)
    with h5py.File(tmp_path / "a.nxs") as saved:
        assert saved["entry/stxm_stack/counts"].attrs["units"] == "A"
    for read in (read_stxm(tmp_path / "a.hdr"), io.load(tmp_path / "a.nxs")["stxm_stack"]):
        for name in ("counts", "energy_ev", "x_um", "y_um", "dwell_s", "i0"):
            # A mean over twelve equal numbers rounds in the last bit.
            np.testing.assert_allclose(getattr(read, name), getattr(stack, name), rtol=1e-15)
        assert (read.detector, read.units) == ("tey", "A")


def test_R09_mutated_dialects_raise_only_our_errors(tmp_path: Path) -> None:
    tail = (
        "Image000_0 = {StorageRingCurrent = 300; Energy = 854.0;};\n"
        "ImageScan = { EnergyRegions = (1, {StartEnergy = 850; EndEnergy = 857; DwellTime = 4;});};"
    )
    text = header(shapes=((3, 4), (3, 4)), channels=("TEY", "I0"), tail=tail)
    images = {f"{c}00{e}0": image(1) for c in "ab" for e in (0, 1)}
    file = put(tmp_path, text, **images)
    rng = np.random.default_rng(1)
    outcomes = set()
    for i in range(400):
        damaged = bytearray(text.encode())
        for at in rng.integers(0, len(damaged), 4):
            damaged[at] = rng.integers(0, 256)
        file.write_bytes(damaged[: rng.integers(1, len(damaged))] if i % 4 == 0 else damaged)
        try:
            read = read_stxm(file)
        except nmcx.errors.Error:
            outcomes.add("refused")
            continue
        outcomes.add("read")
        assert read.counts.shape == (read.energy_ev.size, read.y_um.size, read.x_um.size)
        assert np.all(np.diff(read.energy_ev) >= 0)
    assert outcomes == {"read", "refused"}
