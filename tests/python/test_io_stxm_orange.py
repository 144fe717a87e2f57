"""Scans that beamline programs wrote, as they lie in the wheel of orange-spectroscopy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmcx.errors import InputError
from nmcx.io import read_nxstxm, read_stxm

FOLDER = Path(__file__).parents[2] / "build" / "orange"

pytestmark = pytest.mark.skipif(
    not (FOLDER / "max_iv.hdr").is_file(), reason="run tests/tools/orange_data.py first"
)


def test_sdf_stack_of_max_iv() -> None:
    read = read_stxm(FOLDER / "max_iv.hdr")
    assert read.counts.shape == (2, 10, 10)
    assert read.counts[0, 0, :3].tolist() == [1251, 1281, 1275]
    assert read.energy_ev.tolist() == [698, 700]
    np.testing.assert_allclose(read.pixel_size_um, 0.05, rtol=1e-3)
    assert (read.dwell_s, read.units, read.detector) == (0.001, "Hz", "transmission")
    assert read.i0.tolist() == [248.32, 248.32]  # the ring current [mA] of its image records
    # The file contradicts itself: it was cut from a longer stack.
    assert any("001 says 718 eV where StackAxis says 700 eV" in note for note in read.notes)


def test_hdf5_of_hermes() -> None:
    read = read_stxm(FOLDER / "small_OK.hdf5")
    assert read.counts.ravel()[:3].tolist() == [1000.1, 1001.1, 2000.1]
    assert (read.x_um.tolist(), read.y_um.tolist()) == ([1.1, 2.1], [11.1, 22.1])
    assert read.energy_ev.tolist() == [100.1, 101.1]


def test_nxstxm_of_diamond_in_millimetres() -> None:
    read = read_nxstxm(FOLDER / "small_diamond_nxs.nxs")
    assert read.counts.shape == (8, 7, 6)
    np.testing.assert_allclose(read.pixel_size_um, 0.0667, atol=1e-4)
    assert read.dwell_s == pytest.approx(0.01)
    assert (read.energy_ev[0], read.energy_ev[-1]) == (278.0, 282.2)


def test_a_header_of_another_instrument_is_refused() -> None:
    with pytest.raises(InputError, match="is it an STXM header"):
        read_stxm(FOLDER / "4_noimage_agg256.hdr")
