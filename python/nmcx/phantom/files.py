"""The phantom as files: scans, energy stack, tomogram, truth, and a run file for them."""

from __future__ import annotations

from dataclasses import fields
from os import PathLike
from pathlib import Path

import numpy as np

from nmcx.io._atomic import made_folder
from nmcx.phantom.records import Phantom, Truth
from nmcx.results import Particle, Shift, StxmStack

_RUN_FILE = """\
# Analysis of a synthetic particle; its truth lies in truth.h5.
# tomogram.tif shows needle and weld as well: the edge jump is segmented instead.

[soft]
low = "a_scan.hdr"
high = "b_scan.hdr"
mode = "tey"

[hard]
stack = "ni_k_edge.h5"
pre_edge = [8250.0, 8320.0]
post_edge = [8380.0, 8640.0]

[placing]
view = [{view[0]!r}, {view[1]!r}, {view[2]!r}]
rotation_deg = {rotation_deg!r}
offset_um = [{offset_um[0]!r}, {offset_um[1]!r}]

[correlation]
seed = {seed}

[output]
title = "Synthetic NMC811 particle, seed {seed}"
"""


def write(phantom: Phantom, folder: str | PathLike[str], *, overwrite: bool) -> dict[str, Path]:
    """See `Phantom.write`."""
    from nmcx import io
    from nmcx.io._safe import atomic_write

    target = made_folder(folder)
    paths = {
        "a_scan": target / "a_scan.hdr",
        "b_scan": target / "b_scan.hdr",
        "ni_k_edge": target / "ni_k_edge.h5",
        "tomogram": target / "tomogram.tif",
        "truth": target / "truth.h5",
        "run": target / "run.toml",
    }
    io.write_stxm(paths["a_scan"], phantom.low, overwrite=overwrite)
    io.write_stxm(paths["b_scan"], phantom.high, overwrite=overwrite)
    io.write_energy_stack(paths["ni_k_edge"], phantom.energy_stack, overwrite=overwrite)
    voxel_size_um = phantom.truth.voxel_size_um
    io.write_tiff(paths["tomogram"], phantom.tomogram, voxel_size_um, overwrite=overwrite)
    with atomic_write(paths["truth"], overwrite) as temporary:
        _write_truth(temporary, phantom.truth)
    with atomic_write(paths["run"], overwrite) as temporary:
        temporary.write_text(_run_file(phantom.truth), encoding="utf-8")
    return paths


_MODELLED_RUN_FILE = """\
# Analysis of a synthetic particle that the model has cracked.

[soft]
low = "a_scan.hdr"
high = "b_scan.hdr"
mode = "tey"
dark = {background!r}

[tomogram]
file = "tomogram.tif"

[cones]
soft = true

[placing]
view = [{view[0]!r}, {view[1]!r}, {view[2]!r}]
"""


def write_modelled(
    low: StxmStack,
    high: StxmStack,
    tomogram: Particle,
    folder: str | PathLike[str],
    *,
    view: tuple[float, float, float],
    background: float,
    overwrite: bool,
) -> dict[str, Path]:
    """See `ModelledParticle.write`."""
    from nmcx import io
    from nmcx.io._safe import atomic_write

    target = made_folder(folder)
    paths = {
        "a_scan": target / "a_scan.hdr",
        "b_scan": target / "b_scan.hdr",
        "tomogram": target / "tomogram.tif",
        "run": target / "run.toml",
    }
    io.write_stxm(paths["a_scan"], low, overwrite=overwrite)
    io.write_stxm(paths["b_scan"], high, overwrite=overwrite)
    values = np.asarray(tomogram.solid_fraction, dtype=np.float32)
    io.write_tiff(paths["tomogram"], values, tomogram.voxel_size_um, overwrite=overwrite)
    with atomic_write(paths["run"], overwrite) as temporary:
        text = _MODELLED_RUN_FILE.format(view=view, background=background)
        temporary.write_text(text, encoding="utf-8")
    return paths


def _run_file(truth: Truth) -> str:
    return _RUN_FILE.format(
        view=truth.view,
        rotation_deg=float(np.rad2deg(truth.rotation)),
        offset_um=truth.offset_um,
        seed=truth.seed,
    )


def _write_truth(path: Path, truth: Truth) -> None:
    """One dataset per field of `Truth` with its unit; the shift as (dy, dx)."""
    from nmcx.io._hdf5_writing import new_hdf5

    with new_hdf5(path) as out:
        for item in fields(truth):
            value = getattr(truth, item.name)
            if isinstance(value, Shift):
                value = (value.dy, value.dx)
            array = np.asarray(value)
            packing = {"compression": "gzip", "compression_opts": 1} if array.ndim > 1 else {}
            dataset = out.create_dataset(item.name, data=array, track_times=False, **packing)
            dataset.attrs["units"] = item.metadata["unit"]
