"""Scans of FXI that declare what no scan has."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from nmcx.errors import InputError
from nmcx.io import read_frames


def _transmission(path: Path, n_dark: int) -> Path:
    """Images divided by their reference, with so many dark ones, of which none is stored."""
    with h5py.File(path, "w") as out:
        out["X_eng"] = [8.33, 8.34, 8.35]
        out["img_xanes"] = np.full((3, 4, 5), 0.5, dtype=np.float32)
        out["img_bkg"] = np.full((3, 4, 5), 1000.0, dtype=np.float32)
        out.create_dataset("img_dark", (n_dark, 4, 5), "f4", chunks=(3, 4, 5), fillvalue=7.0)
        out["Pixel Size"] = "20nm"
    return path


def test_R09_dark_images_without_end_are_not_averaged(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"many\.h5: declares 1000000 dark images, more than 10000"
    ):
        read_frames(_transmission(tmp_path / "many.h5", 10**6))


def test_dark_images_are_averaged_where_transmissions_become_counts(tmp_path: Path) -> None:
    frames = read_frames(_transmission(tmp_path / "few.h5", 3))
    counts = np.asarray(frames.counts)
    # 7 + 0.5 (1000 - 7) for every image of the sample.
    sample = counts[np.isclose(counts, 503.5).all(axis=(1, 2))]
    assert len(sample) == 3
