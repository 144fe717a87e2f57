"""Files of frames that contradict themselves, reach outside or are damaged."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from frame_files import (
    ANGLE_DEG,
    ENERGY,
    SHAPE,
    phantom,
    write_exchange,
    write_fxi_tomography,
    write_fxi_xanes,
    write_nxtomo,
)

import nmcx
from nmcx import txm
from nmcx.errors import InputError
from nmcx.io import read_frames


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
