"""Files that ask their reader to open another one, to run code, or to unpack without end.

An attack makes its files in a folder `attack` and what they are after in a folder `secret` beside
it; it returns what a user would open.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import test_io_safe
import tifffile
import zarr
from test_io_xradia import write_ole, xradia

from nmcx import io
from nmcx.results import EnergyStack, StxmStack

ENERGY = np.array([8330.0, 8340.0, 8350.0])


@dataclass(frozen=True)
class Attack:
    """What is made and which readers (of `readers.READERS`) are given it."""

    make: Callable[[Path, Path], Path]  #: of the folders `attack` and `secret`
    readers: tuple[str, ...]
    outcome: str  #: "refused", or "read" where the trick is harmless


_HDF5 = ("stack_hdf5", "exchange", "results", "gather", "volume", "arrays", "stxm_hdf5")


def _of_io_safe(make: Callable[[Path], None]) -> Callable[[Path, Path], Path]:
    """One of the HDF5 files of `test_io_safe`, with what it reaches for in `secret`."""

    def made(attack: Path, secret: Path) -> Path:
        make(secret / "a.h5")
        shutil.move(secret / "a.h5", attack / "a.h5")
        for other in secret.iterdir():
            (attack / other.name).symlink_to(other)
        return attack / "a.h5"

    return made


def _stack() -> EnergyStack:
    data = np.random.default_rng(1).normal(size=(3, 2, 4, 5)).astype("f4")
    return EnergyStack(ENERGY, data, None, (0.1,) * 3)


def _scan(folder: Path) -> None:
    axis = np.arange(3) * 0.1
    io.write_stxm(folder / "a.hdr", StxmStack(np.ones((1, 3, 3)), ENERGY[:1], axis, axis, 0.004))


def header_that_names_a_path(attack: Path, secret: Path) -> Path:
    _scan(attack)
    (secret / "b_a000.xim").write_text("1\t2\n")
    header = (attack / "a.hdr").read_text()
    trick = f'Label = "{secret}/b.hdr"; Image = "../secret/b_a000.xim"; '
    (attack / "a.hdr").write_text(header.replace('Label = "a.hdr";', trick))
    return attack / "a.hdr"


def image_that_is_a_link(attack: Path, secret: Path) -> Path:
    _scan(attack)
    shutil.move(attack / "a_a000.xim", secret / "a_a000.xim")
    (attack / "a_a000.xim").symlink_to(secret / "a_a000.xim")
    return attack / "a.hdr"


def run_file_with_paths(attack: Path, secret: Path) -> Path:
    for name in ("stack.h5", "tomogram.tif"):
        (secret / name).write_bytes(b"x")
    (attack / "run.toml").write_text(
        f'[hard]\nstack = "{secret}/stack.h5"\npre_edge = [8250, 8320]\npost_edge = [8380, 8640]\n'
        '[tomogram]\nfile = "../secret/tomogram.tif"\n'
    )
    return attack / "run.toml"


def zarr_chunk_that_is_a_link(attack: Path, secret: Path) -> Path:
    io.write_energy_stack(attack / "a.zarr", _stack())
    chunk = attack / "a.zarr/mu/c/0/0/0/0"
    shutil.move(chunk, secret / "chunk")
    chunk.symlink_to(secret / "chunk")
    return attack / "a.zarr"


def _with_metadata(store: Path, change: Callable[[dict], None], name: str = "zarr.json") -> None:
    document = json.loads((store / name).read_text())
    change(document)
    (store / name).write_text(json.dumps(document))


def zarr_keys_that_climb(attack: Path, secret: Path) -> Path:
    options = {"data": _stack().mu, "chunks": (3, 2, 4, 5), "compressors": None}
    store = attack / "a.zarr"
    zarr.create_array(str(store), attributes={"energy_ev": ENERGY.tolist()}, **options)
    shutil.copytree(store, secret / "a.zarr")
    climbing = {"name": "default", "configuration": {"separator": "/../../../secret/a.zarr/c/"}}
    _with_metadata(store, lambda d: d.update(chunk_key_encoding=climbing))
    return store


def zarr_group_that_names_a_path(attack: Path, secret: Path) -> Path:
    io.write_energy_stack(attack / "a.zarr", _stack())
    shutil.move(attack / "a.zarr" / "mu", secret / "mu")
    described = json.loads((secret / "mu" / "zarr.json").read_text())
    kept = {"kind": "inline", "must_understand": False}
    kept["metadata"] = {"../../secret/mu": described, f"{secret}/mu": described}
    _with_metadata(attack / "a.zarr", lambda d: d.update(consolidated_metadata=kept))
    return attack / "a.zarr"


def _opens(path: Path) -> object:
    class Opening:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(path),))

    return Opening()


def zarr_codec_that_unpickles(attack: Path, secret: Path) -> Path:
    store = attack / "a.zarr"
    options = {"zarr_format": 2, "attributes": {"energy_ev": ENERGY.tolist()}}
    zarr.create_array(str(store), data=_stack().mu, **options)
    pickled = np.array([_opens(secret / "a.txt")] * 120, dtype=object).dumps()
    for chunk in store.glob("0*"):
        chunk.write_bytes(pickled)
    _with_metadata(
        store,
        lambda d: d.update(filters=[{"id": "pickle", "protocol": 5}], dtype="|O", compressor=None),
        ".zarray",
    )
    return store


def npy_of_objects(attack: Path, secret: Path) -> Path:
    (secret / "a.txt").write_text("x")
    objects = np.array([_opens(secret / "a.txt")] * 8, dtype=object).reshape(2, 2, 2)
    np.save(attack / "a.npy", objects, allow_pickle=True)
    return attack / "a.npy"


def tiff_that_names_files(attack: Path, secret: Path) -> Path:
    tifffile.imwrite(secret / "b.ome.tif", np.ones((3, 4, 5), "f4"), metadata={"axes": "ZYX"})
    planes = "".join(
        f'<TiffData IFD="{i}" FirstZ="{i}" PlaneCount="1"><UUID FileName="../secret/b.ome.tif">'
        "urn:uuid:00000000-0000-0000-0000-000000000001</UUID></TiffData>"
        for i in range(3)
    )
    described = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:00000000-0000-0000-0000-000000000002"><Image ID="Image:0"><Pixels '
        'DimensionOrder="XYZCT" ID="Pixels:0" SizeX="5" SizeY="4" SizeZ="3" SizeC="1" SizeT="1" '
        f'Type="float">{planes}</Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(attack / "a.tif") as out:
        for _ in range(3):
            out.write(
                np.zeros((4, 5), "f4"), photometric="minisblack", contiguous=False, metadata=None,
                description=described,
            )  # fmt: skip
    (attack / "a.csv").write_text("8330\n8340\n8350\n")
    return attack / "a.tif"


def folder_of_linked_tiffs(attack: Path, secret: Path) -> Path:
    io.write_tiff(secret / "b.tif", np.ones((1, 4, 5), "f4"))
    for i in range(3):
        (attack / f"e_{i}.tif").symlink_to("../secret/b.tif")
    (attack / "energies.csv").write_text("8330\n8340\n8350\n")
    return attack


def energies_that_are_a_link(attack: Path, secret: Path) -> Path:
    io.write_tiff(attack / "a.tif", np.ones((3, 4, 5), "f4"))
    (secret / "a.csv").write_text("8330\n8340\n8350\n")
    (attack / "a.csv").symlink_to(secret / "a.csv")
    return attack / "a.tif"


def scan_list_that_climbs(attack: Path, secret: Path) -> Path:
    name = "rep01_NCM_08354.0_eV_001of003.xrm"
    for folder in (attack, secret):
        write_ole(folder / name, xradia(np.ones((1, 8, 9), "u2")))
    (attack / "ScanInfo_a.txt").write_text(
        f"VERSION 1\nFILES\n{name}\n../secret/{name}\n{secret}/{name}\n../../../etc/passwd\n"
    )
    return attack


def linked_frames(attack: Path, secret: Path) -> Path:
    name = "rep01_NCM_08354.0_eV_001of003.xrm"
    write_ole(secret / name, xradia(np.ones((1, 8, 9), "u2")))
    (attack / name).symlink_to(secret / name)
    return attack


def gzip_bomb(attack: Path, secret: Path) -> Path:
    member = gzip.compress(b"1 2\n" * 2**20, mtime=0)
    (attack / "a.prj").write_bytes(member * 100)  # 400 MB
    return attack / "a.prj"


def hdf5_bomb(attack: Path, secret: Path) -> Path:
    """Chunks that all lie at one place: a small file that holds gigabytes."""
    with h5py.File(attack / "a.h5", "w") as out:
        out["exchange/energy"] = ENERGY
        out.create_dataset("exchange/data", (3, 8192, 8192), "f8", chunks=(1, 64, 64),
                           compression="gzip")  # fmt: skip
    return attack / "a.h5"


ATTACKS: dict[str, Attack] = {
    **{
        make.__name__: Attack(_of_io_safe(make), _HDF5, "refused")
        for make in (
            *(test_io_safe.external_link, test_io_safe.external_storage),
            *(test_io_safe.virtual_dataset, test_io_safe.soft_link_to_external),
            *(test_io_safe.soft_link_circle, test_io_safe.soft_link_chain),
        )
    },
    "header_that_names_a_path": Attack(header_that_names_a_path, ("sdf",), "read"),
    "image_that_is_a_link": Attack(image_that_is_a_link, ("sdf",), "refused"),
    "run_file_with_paths": Attack(run_file_with_paths, ("run_file",), "read"),
    "zarr_chunk_that_is_a_link": Attack(zarr_chunk_that_is_a_link, ("stack_zarr",), "refused"),
    "zarr_keys_that_climb": Attack(zarr_keys_that_climb, ("stack_zarr",), "refused"),
    "zarr_group_that_names_a_path": Attack(
        zarr_group_that_names_a_path, ("stack_zarr",), "refused"
    ),
    "zarr_codec_that_unpickles": Attack(zarr_codec_that_unpickles, ("stack_zarr",), "refused"),
    "npy_of_objects": Attack(npy_of_objects, ("volume",), "refused"),
    "tiff_that_names_files": Attack(tiff_that_names_files, ("stack_tiff", "volume"), "read"),
    "folder_of_linked_tiffs": Attack(folder_of_linked_tiffs, ("stack_tiff", "volume"), "refused"),
    "energies_that_are_a_link": Attack(energies_that_are_a_link, ("stack_tiff",), "refused"),
    "scan_list_that_climbs": Attack(scan_list_that_climbs, ("xradia",), "read"),
    "linked_frames": Attack(linked_frames, ("xradia",), "refused"),
    "gzip_bomb": Attack(gzip_bomb, ("athena", "spectrum"), "refused"),
    "hdf5_bomb": Attack(hdf5_bomb, ("stack_hdf5", "volume", "arrays"), "refused"),
}
