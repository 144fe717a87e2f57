"""Small valid files of every format, made here: what the readers' mutations start from."""

from __future__ import annotations

import gzip
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path

import frame_files
import h5py
import numpy as np
import test_io_nexus
import test_io_stxm_sdf
import tifffile
import zarr
from seeds import Seed
from test_io_athena import HEADER, group
from test_io_stxm_hdf5 import images, nxstxm
from test_io_xradia import write_ole, xradia

from nmcx import io, run_file
from nmcx.io.arrays import write_arrays
from nmcx.results import EnergyStack, StxmStack

ENERGY = np.array([8330.0, 8340.0, 8350.0])


def values(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.random.default_rng(1).normal(100, 10, shape).astype(dtype)


def _collected(folder: Path, opened: str) -> Seed:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return Seed(opened, {str(path.relative_to(folder)): path.read_bytes() for path in files})


def xradia_frames(folder: Path) -> list[Seed]:
    names = {
        "single": "rep01_NCM_08354.0_eV_001of003.xrm",
        "reference": "rep01_000001_ref_NCM_08354.0_eV_001of003.xrm",
        "series": "b.txrm",
    }
    frame = values(1, 8, 9, dtype="u2")
    series = {
        "Energy": [8330.0, 8340.0], "Angles": [0.0, 10.0], "ExpTimes": [1.0, 1.0],
        "IonChamberCurrent": [100.0, 99.0], "PixelSize": 0.02,
    }  # fmt: skip
    write_ole(folder / names["single"], xradia(frame, Energy=[0.0], HorizontalBin=2))
    write_ole(folder / names["reference"], xradia(frame, Energy=[8354.0], MosiacRows=1))
    streams = xradia(values(2, 8, 9), **series)
    streams["ReferenceData/Image"] = struct.pack("<72f", *range(72))
    write_ole(folder / names["series"], streams)
    content = {key: (folder / name).read_bytes() for key, name in names.items()}
    listed = f"VERSION 1\nREFABBA 1\nMOSAIC 0\nFILES\n{names['reference']}\n{names['single']}\n"
    scan = {names[key]: content[key] for key in ("reference", "single")}
    return [
        *(Seed(name, {name: content[key]}) for key, name in names.items()),
        Seed(".", {"ScanInfo_NCM.txt": listed.encode(), **scan}),
    ]


def _frames_of(
    write: Callable[..., None], folder: Path, *, angles: int = 2, **options: object
) -> Seed:
    shape, frame_files.SHAPE = frame_files.SHAPE, (4, 5)
    try:
        theta = np.deg2rad(frame_files.ANGLE_DEG[:angles])
        write(folder / "a.h5", frame_files.phantom(frame_files.ENERGY, theta), **options)
    finally:
        frame_files.SHAPE = shape
    return Seed("a.h5", {"a.h5": (folder / "a.h5").read_bytes()})


def fxi_frames(folder: Path) -> list[Seed]:
    tomography = {"energy": 8350.0, "time": 1.6e9}
    return [
        _frames_of(frame_files.write_fxi_tomography, folder, angles=4, **tomography),
        _frames_of(frame_files.write_fxi_xanes, folder, angles=1, normalised=True),
        _frames_of(frame_files.write_fxi_xanes, folder, angles=1, normalised=False),
    ]


def exchange_frames(folder: Path) -> list[Seed]:
    return [
        _frames_of(frame_files.write_exchange, folder, energy=None),
        _frames_of(frame_files.write_exchange, folder, energy=8350.0, unit="eV"),
    ]


def nxtomo_frames(folder: Path) -> list[Seed]:
    return [_frames_of(frame_files.write_nxtomo, folder, extra=2)]


def results(folder: Path) -> list[Seed]:
    seeds = []
    examples = {type(item).__name__: item for item in test_io_nexus.EXAMPLES}
    groups = [("Spectrum", "ValenceMap"), ("EdgeMap", "Particle"), ("FrameStack", "XiMap")]
    groups += [("Mesh", "EnergyStack"), ("History",), ("Comparison", "AngleScan")]
    for k, names in enumerate(groups):
        io.save(
            folder / f"{k}.nxs", *(examples[name] for name in names),
            provenance={"date": "2026-01-02", "configuration": "a = 1\n", "inputs": {"b": "c"}},
        )  # fmt: skip
        seeds.append(Seed("a.nxs", {"a.nxs": (folder / f"{k}.nxs").read_bytes()}))
    return seeds


def sdf(folder: Path) -> list[Seed]:
    stack = StxmStack(
        values(2, 3, 4, dtype="f8").round(), np.array([854.0, 856.2]), np.arange(4.0),
        np.array([0.0, 0.2, 0.5]), np.array([0.004, 0.005]), i0=np.array([1e4, 2e4]),
    )  # fmt: skip
    (folder / "plain").mkdir()
    io.write_stxm(folder / "plain" / "a.hdr", stack)
    (folder / "dialect").mkdir()
    record = "Image000_0 = { Energy = 853.9; StorageRingCurrent = 501.2;};\n"
    text = test_io_stxm_sdf.header(shapes=((3, 4), (2, 3)), channels=("I0", "TEY"), tail=record)
    both = {f"{c}00{e}0": values(3, 4) for c in "ab" for e in (0, 1)}
    test_io_stxm_sdf.put(folder / "dialect", text, **both, a0001=values(2, 3), a0011=values(2, 3))
    return [_collected(folder / name, "a.hdr") for name in ("plain", "dialect")]


def nxstxm_files(folder: Path) -> list[Seed]:
    nxstxm(folder / "a.nxs", {"TEY": images(), "I0": images(2)})
    nxstxm(folder / "b.nxs")
    with h5py.File(folder / "b.nxs", "a") as out:
        out["entry1/control/data"] = np.array([90.0, 91.0])
        out["entry1/TEY"].attrs["axes"] = ["energy", "sample_y", "sample_x"]
        out["entry1/TEY"].attrs["signal"] = "data"
    return [Seed("a.nxs", {"a.nxs": (folder / f"{k}.nxs").read_bytes()}) for k in "ab"]


def stxm_layout(folder: Path) -> list[Seed]:
    with h5py.File(folder / "a.h5", "w") as out:
        out["scan/signal"] = images().transpose(1, 2, 0)
        out["scan/kev"] = np.array([0.8562, 0.854])
        out["scan/x"], out["scan/y"] = np.arange(4) * 0.03, np.arange(3) * 0.02
        out["scan/x"].attrs["units"] = out["scan/y"].attrs["units"] = "um"
        out["scan/mesh"] = np.array([1.0, 2.0])
        out["scan/dwell"] = 0.01
    return [Seed("a.h5", {"a.h5": (folder / "a.h5").read_bytes()})]


_XDI = """# XDI/1.0 nmcx/0.1
# Element.symbol: Ni
# Element.edge: K
# Mono.d_spacing: 3.13553
# Column.1: {axis}
# Column.2: itrans
# Column.3: i0
# Sample.name: NiO
# ///
# a foil, then the sample
#-------
# {names}
"""


def spectra(folder: Path) -> list[Seed]:
    rows = [(8320.0 + 2 * i, 0.1 * i + 1.0, 10.0) for i in range(20)]
    lines = "".join(f"{e:.1f}  {a:.4f}  {b:.1f}\n" for e, a, b in rows)
    angles = "".join(f"{14.0 - 0.01 * i:.4f} {a:.4f} {b:.1f}\n" for i, (_, a, b) in enumerate(rows))
    table = "".join(f"{e / 1000:.4f},{a:.4f},{b:.1f}\n" for e, a, b in rows)
    texts = {
        "a.xdi": _XDI.format(axis="energy eV", names="energy itrans i0") + lines,
        "b.xdi": _XDI.format(axis="angle degrees", names="angle itrans i0") + angles,
        "a.csv": "energy [keV],TEY,I0\n" + table,
        "a.tsv": "energy(eV)\tmu\n" + "".join(f"{e}\t{a}\n" for e, a, _ in rows),
        "a.txt": lines,
        "a.dat": "#S 1 scan\n#L Energy  mesh  sample current\n" + lines,
    }
    seeds = [Seed(name, {name: text.encode()}) for name, text in texts.items()]
    packed = gzip.compress(lines.encode(), mtime=0)
    return [*seeds, Seed("a.txt.gz", {"a.txt.gz": packed})]


def athena(folder: Path) -> list[Seed]:
    text = HEADER + group("aaaa", "NiO", "bbbb", ",'bkg_eshift','0.5'")
    text += group("bbbb", "  Ref NiO", "aaaa") + group("cccc", "alone", x="'8.33','8.34','8.35'")
    document = {
        "_____header1": "# Athena project file -- larch", "_____order": ["aaaa", "bbbb"],
        "aaaa": {
            "args": {"label": "NiO", "referencegroup": "bbbb"}, "x": ["8330", "8340"],
            "y": ["0.1", "0.9"],
        },
        "bbbb": {"args": {"label": "Ref NiO"}, "x": [8330, 8340], "y": [0.1, 0.9]},
    }  # fmt: skip
    contents = [text.encode(), json.dumps(document).encode()]
    contents += [gzip.compress(content, mtime=0) for content in contents]
    return [Seed("a.prj", {"a.prj": content}) for content in contents]


def _reconstruction(folder: Path, name: str, energy_kev: float) -> None:
    with h5py.File(folder / name, "w") as out:
        out["img"] = values(2, 3, 4)
        out["X_eng"] = energy_kev
        out["Pixel Size"] = "19.5nm"


def hdf5_stacks(folder: Path) -> list[Seed]:
    for name in ("plain", "chunked", "fxi", "own", "each"):
        (folder / name).mkdir()
    data = values(3, 2, 4, 5)
    stack = EnergyStack(ENERGY, data, data**2, (0.1,) * 3)
    io.write_energy_stack(folder / "plain" / "a.h5", stack)
    with h5py.File(folder / "chunked" / "a.h5", "w") as out:
        out.create_dataset("exchange/data", data=data, chunks=(2, 2, 3, 4), compression="gzip")
        out["exchange/energy"] = ENERGY[::-1] / 1000
        out["exchange/energy"].attrs["units"] = "keV"
    with h5py.File(folder / "fxi" / "a.h5", "w") as out:
        out["img"], out["X_eng"], out["Pixel Size"] = values(3, 4, 5), ENERGY / 1000, "19.5nm"
    io.save(folder / "own" / "a.h5", stack)
    for energy in (8.33, 8.35):
        _reconstruction(folder / "each", f"e_{energy}.h5", energy)
    seeds = [_collected(folder / name, "a.h5") for name in ("plain", "chunked", "fxi", "own")]
    return [*seeds, _collected(folder / "each", ".")]


def tiff_stacks(folder: Path) -> list[Seed]:
    listed = b"8330\n8340\n8350\n"
    io.write_tiff(folder / "a.tif", values(3, 4, 5), 0.1)
    tifffile.imwrite(folder / "b.tif", values(3, 4, 5, dtype="u2"), compression="zlib",
                     photometric="minisblack")  # fmt: skip
    tifffile.imwrite(folder / "c.tif", values(3, 4, 5), imagej=True, resolution=(1e4, 1e4),
                     metadata={"spacing": 0.1, "unit": "um"})  # fmt: skip
    tifffile.imwrite(folder / "d.tif", values(3, 32, 16, dtype="u1"), bigtiff=True, tile=(16, 16),
                     photometric="minisblack", predictor=True, compression="zlib")  # fmt: skip
    seeds = [
        Seed("a.tif", {"a.tif": (folder / f"{k}.tif").read_bytes(), "a.csv": listed})
        for k in "abcd"
    ]
    page = (folder / "a.tif").read_bytes()
    files = {f"e_{k}.tif": page for k in (1, 2, 10)}
    return [*seeds, Seed(".", {**files, "energies.txt": listed})]


def zarr_stacks(folder: Path) -> list[Seed]:
    data = values(3, 2, 4, 5)
    io.write_energy_stack(folder / "own.zarr", EnergyStack(ENERGY, data, data**2, (0.1,) * 3))
    attributes = {"energy_ev": ENERGY.tolist(), "voxel_size_um": [0.1, 0.1, 0.1]}
    options = {"data": data, "chunks": (3, 1, 4, 5), "attributes": attributes}
    zarr.create_array(str(folder / "packed.zarr"), **options)
    zarr.create_array(str(folder / "old.zarr"), zarr_format=2, **options)
    zarr.create_array(str(folder / "plain.zarr"), compressors=None, **options)
    seeds = [_collected(folder / f"{k}.zarr", "a.zarr") for k in ("own", "packed", "old", "plain")]
    return [Seed(s.opened, {f"a.zarr/{k}": v for k, v in s.files.items()}) for s in seeds]


def volumes(folder: Path) -> list[Seed]:
    np.save(folder / "a.npy", values(2, 3, 4))
    np.save(folder / "b.npy", np.asfortranarray(values(3, 4, dtype=">u2")))
    with h5py.File(folder / "a.h5", "w") as out:
        out.create_dataset(
            "recon/volume", data=values(2, 3, 4), chunks=(1, 3, 4), compression="lzf"
        )
        out["recon/voxel_size"] = 0.1
        out["recon/voxel_size"].attrs["units"] = "um"
    seeds = [Seed(name, {name: (folder / name).read_bytes()}) for name in ("a.npy", "a.h5")]
    seeds.append(Seed("a.npy", {"a.npy": (folder / "b.npy").read_bytes()}))
    images_of = tiff_stacks(folder)
    return [*seeds, *(Seed("a.tif", {"a.tif": s.files["a.tif"]}) for s in images_of[:4])]


def run_files(folder: Path) -> list[Seed]:
    texts = [run_file.template(kind) for kind in (run_file.RunFile, run_file.SimulationFile)]
    texts.append(
        '[polycrystal]\nshape = "disc"\nradius_um = 1.5\nn_grains = 16\nsize_um = 0.24\nseed = 1\n'
        '[transport]\nprotocol = ["charge c_rate=1 until=0.4", "rest duration_s=300"]\nstates = 6\n'
        "[fracture]\nfracture_energy = 0.1\n[coupling]\nlayer_growth = 1e-20\n"
    )
    texts.append(
        '[hard]\nstack = "ni_k_edge.h5"\npre_edge = [8250, 8320]\npost_edge = [8380, 8640]\n'
        '[output]\nfolder = "out"\n'
    )
    texts.append(
        '[soft]\nlow = "a_scan.hdr"\nhigh = "b_scan.hdr"\n[tomogram]\nfile = "tomogram.tif"\n'
    )
    named = re.findall(r'"(\w+\.(?:hdr|txt|h5|tif|vtu))"', "\n".join(texts))
    beside = dict.fromkeys(named, b"x")
    return [Seed("run.toml", {"run.toml": text.encode(), **beside}) for text in texts]


def checkpoints(folder: Path) -> list[Seed]:
    write_arrays(folder / "state_00000.h5", {"time": 0.1, "past/concentration": values(5)})
    write_arrays(
        folder / "last_00000.h5", {"time": 0.2, "damage": values(2, 3), "n": 3, "on": True}
    )
    begun = {"files": ["state_00000.h5"], "fingerprint": {"nmcx": "1", "grains": "abc"}}
    member = {"values": {"seed": "1"}, "version": "1", "digest": "abc"}
    member |= {"status": "finished", "message": "", "figures": {"dissipated_j": 1e-12}}
    unfinished = {
        "folder": "out",
        "run_file": "run.toml",
        "configuration": "a = 1",
        "forced": False,
    }
    unfinished |= {"inputs": {"a.hdr": "abc"}, "facts": {"nmcx": "1"}}
    files = {
        **{f"state_{k:05d}.h5": (folder / "state_00000.h5").read_bytes() for k in (0, 1)},
        "last_00001.h5": (folder / "last_00000.h5").read_bytes(),
        "journal": b"state 0 1 .\nstate 1 2 .\nsta",
        "fingerprint.json": json.dumps(begun).encode(),
        "member.json": json.dumps(member).encode(),
        "begun.json": json.dumps(unfinished).encode(),
    }
    return [Seed(".", files)]


def arrays(folder: Path) -> list[Seed]:
    return [
        Seed("a.h5", {"a.h5": content})
        for name, content in checkpoints(folder)[0].files.items()
        if name in ("state_00000.h5", "last_00001.h5")
    ]
