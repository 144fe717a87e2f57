"""Corrected stacks from FXI, TIFF volumes and zarr, and what a slab of a lazy stack costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import nmcx
from nmcx.errors import InputError, MemoryLimitError, OutputError
from nmcx.io import open_stack, write_energy_stack
from nmcx.io.tiff import layout, read_pages
from nmcx.results import EnergyStack

ENERGY = np.array([8330.0, 8340.0, 8350.0, 8360.0])
SHAPE = (4, 5, 6, 7)


def values(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(1).normal(100, 10, shape).astype(dtype)


def as_hdf5(folder: Path, data: np.ndarray) -> Path:
    write_energy_stack(folder / "a.h5", EnergyStack(ENERGY, data, None, (0.1,) * 3))
    return folder / "a.h5"


def as_chunked_hdf5(folder: Path, data: np.ndarray) -> Path:
    with h5py.File(folder / "a.h5", "w") as out:
        out.create_dataset("exchange/data", data=data, chunks=(2, 2, 3, 7), compression="gzip")
        out["exchange/energy"] = ENERGY
        out["exchange/voxel_size"] = 0.1
        out["exchange/voxel_size"].attrs["units"] = "um"
    return folder / "a.h5"


def as_descending_hdf5(folder: Path, data: np.ndarray) -> Path:
    with h5py.File(folder / "a.h5", "w") as out:
        out["exchange/data"] = data[::-1].astype(">f4")
        out["exchange/energy"] = ENERGY[::-1] / 1000
    return folder / "a.h5"


def as_zarr(folder: Path, data: np.ndarray) -> Path:
    pytest.importorskip("zarr")
    write_energy_stack(folder / "a.zarr", EnergyStack(ENERGY, data, None, (0.1,) * 3))
    return folder / "a.zarr"


def as_chunked_zarr(folder: Path, data: np.ndarray) -> Path:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(
        str(folder / "a.zarr"),
        data=data,
        chunks=(3, 2, 4, 4),
        compressors=None,
        attributes={"energy_ev": ENERGY.tolist()},
    )
    return folder / "a.zarr"


def as_packed_zarr(folder: Path, data: np.ndarray) -> Path:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(
        str(folder / "a.zarr"),
        data=data,
        chunks=(4, 2, 6, 7),
        attributes={"energy_ev": ENERGY.tolist()},
    )
    return folder / "a.zarr"


def as_tiff_volumes(folder: Path, data: np.ndarray, **options: object) -> Path:
    for energy, volume in zip(ENERGY, data, strict=True):
        tifffile.imwrite(
            folder / f"e_{energy:.0f}.tif", volume, photometric="minisblack", **options
        )
    (folder / "energies.txt").write_text("\n".join(map(str, ENERGY)))
    return folder


def as_packed_tiff_volumes(folder: Path, data: np.ndarray) -> Path:
    return as_tiff_volumes(folder, data, compression="zlib")


def as_big_endian_tiff_volumes(folder: Path, data: np.ndarray) -> Path:
    return as_tiff_volumes(folder, data, byteorder=">")


def as_fxi_folder(folder: Path, data: np.ndarray) -> Path:
    for i, (energy, volume) in enumerate(zip(ENERGY, data, strict=True)):
        with h5py.File(folder / f"ali_recon_{20 - i}.h5", "w") as out:
            out["img"] = volume
            out["X_eng"] = energy / 1000
            out["Pixel Size"] = "100.0nm"
    return folder


def as_fxi_file(folder: Path, data: np.ndarray) -> Path:
    with h5py.File(folder / "a.h5", "w") as out:
        out["img"] = data
        out["XEng"] = ENERGY / 1000
    return folder / "a.h5"


STORES: list[Callable[[Path, np.ndarray], Path]] = [
    as_hdf5,
    as_chunked_hdf5,
    as_descending_hdf5,
    as_zarr,
    as_chunked_zarr,
    as_packed_zarr,
    as_tiff_volumes,
    as_packed_tiff_volumes,
    as_big_endian_tiff_volumes,
    as_fxi_folder,
    as_fxi_file,
]
KEYS = [
    (slice(None), slice(2, 4)),
    (slice(None), slice(1, 5, 2), slice(0, 6, 3), slice(2, 3)),
    (slice(1, 3), 4, slice(2, 5)),
    (2, 1, 0, 6),
    (slice(None), slice(3, 3)),
    (np.array([3, 0, 1]), slice(0, 2)),
    (..., slice(1, 4)),
    -1,
]


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.__name__)
def test_every_store_gives_the_slabs_of_the_array(
    store: Callable[[Path, np.ndarray], Path], tmp_path: Path
) -> None:
    data = values(*SHAPE)
    stack = open_stack(store(tmp_path, data))
    # keV to eV is one rounding.
    np.testing.assert_allclose(stack.energy_ev, ENERGY, rtol=1e-15)
    assert stack.mu.shape == SHAPE
    assert stack.mu.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(stack.mu), data)
    for key in KEYS:
        part = stack.mu[key]
        np.testing.assert_array_equal(part, data[key])
        assert part.dtype.isnative


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.__name__)
def test_a_slab_of_a_stack_larger_than_memory_can_be_read(
    store: Callable[[Path, np.ndarray], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = values(*SHAPE)
    stack = open_stack(store(tmp_path, data))
    monkeypatch.setattr("nmcx.io._memory.free_memory", lambda: data.nbytes // 2)
    np.testing.assert_array_equal(stack.mu[:, 2:4], data[:, 2:4])
    with pytest.raises(MemoryLimitError, match="GB are free"):
        stack.mu[:]


def test_a_multi_page_tiff_gives_its_rows(tmp_path: Path) -> None:
    data = values(4, 6, 7)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
    (tmp_path / "a.csv").write_text("\n".join(map(str, ENERGY[::-1])))
    mu = open_stack(tmp_path / "a.tif").mu
    for key in ((slice(None), slice(2, 4)), (1, 3), (slice(0, 2), slice(0, 6, 2), 3), (..., 0)):
        np.testing.assert_array_equal(mu[key], data[::-1][key])
    offset = layout(tmp_path / "a.tif").offset
    assert offset is not None
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[: offset + data.nbytes - 1])
    with pytest.raises(InputError, match=r"a\.tif: is cut short"):
        mu[0, 5]


def test_fxi_reconstructions_say_their_voxel_size_and_energies(tmp_path: Path) -> None:
    stack = open_stack(as_fxi_folder(tmp_path, values(*SHAPE)))
    assert stack.voxel_size_um == pytest.approx((0.1,) * 3)
    assert any("keV" in note for note in stack.notes)
    assert any("sorted" in note for note in stack.notes)
    with h5py.File(tmp_path / "ali_recon_17.h5", "a") as out:
        out["X_eng"][...] = ENERGY[0] / 1000
    with pytest.raises(InputError, match=r"8330\.0 eV occurs twice"):
        open_stack(tmp_path)
    with h5py.File(tmp_path / "ali_recon_17.h5", "a") as out:
        out["img_bkg"] = values(6, 7)
    with pytest.raises(InputError, match=r"img_bkg is there, so these are raw counts"):
        open_stack(tmp_path)


def test_a_file_that_changed_is_noticed(tmp_path: Path) -> None:
    mu = open_stack(as_hdf5(tmp_path, values(*SHAPE))).mu
    (tmp_path / "a.h5").unlink()
    as_hdf5(tmp_path, values(4, 5, 6, 8))
    with pytest.raises(InputError, match="has changed since it was opened"):
        mu[0]


def test_zarr_round_trip_keeps_everything(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    data = values(*SHAPE)
    written = EnergyStack(ENERGY, data, data**2, (0.3, 0.2, 0.1))
    write_energy_stack(tmp_path / "a.zarr", written)
    read = open_stack(tmp_path / "a.zarr")
    np.testing.assert_array_equal(np.asarray(read.variance), written.variance)
    assert read.voxel_size_um == (0.3, 0.2, 0.1)
    assert read.notes == ()
    assert read.mu.chunks == SHAPE
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.zarr"]
    with pytest.raises(OutputError, match="exists"):
        write_energy_stack(tmp_path / "a.zarr", read)
    # A lazy stack may go back over the store it comes from: the new one replaces it at the end.
    write_energy_stack(tmp_path / "a.zarr", read, overwrite=True)
    np.testing.assert_array_equal(np.asarray(open_stack(tmp_path / "a.zarr").mu), data)
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "thesis.tex").write_text("do not delete")
    with pytest.raises(OutputError, match="no zarr store"):
        write_energy_stack(tmp_path / "b.zarr", read, overwrite=True)
    assert (tmp_path / "b.zarr" / "thesis.tex").exists()


def test_chunks_hold_all_energies_of_about_eight_megabytes() -> None:
    from nmcx.io.stacks_zarr import CHUNK_BYTES, chunk_shape

    for shape in ((64, 256, 256, 256), (500, 10, 4000, 4000), (3, 2, 2, 2), (200, 2048, 2048)):
        chunk = chunk_shape(shape, 4)
        assert chunk[0] == shape[0]
        assert all(1 <= c <= n for c, n in zip(chunk, shape, strict=True))
        size = 4 * np.prod(chunk)
        assert size <= CHUNK_BYTES
        assert size > CHUNK_BYTES / 2 or chunk == shape


def test_a_lost_chunk_of_a_zarr_store_is_nan_not_zero(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    store = as_zarr(tmp_path, values(*SHAPE))
    (chunk,) = [file for file in (store / "mu" / "c").rglob("*") if file.is_file()]
    chunk.unlink()
    assert np.isnan(open_stack(store).mu[0]).all()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_plain_zarr_array_brings_its_energies_as_an_attribute(
    zarr_format: int, tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    data = values(*SHAPE)
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), data=data, chunks=(2, 3, 6, 7), zarr_format=zarr_format
    )
    with pytest.raises(InputError, match="has no energies"):
        open_stack(tmp_path / "a.zarr")
    array.attrs["energy"] = (ENERGY / 1000).tolist()
    stack = open_stack(tmp_path / "a.zarr")
    np.testing.assert_array_equal(stack.mu[1:3, 2], data[1:3, 2])
    np.testing.assert_allclose(stack.energy_ev, ENERGY, rtol=1e-12)
    assert any("keV" in note for note in stack.notes)
    assert stack.voxel_size_um is None


def test_R10_zarr_stores_that_reach_out_or_run_code_are_refused(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    store = as_zarr(tmp_path, values(*SHAPE))
    (store / "mu" / "c" / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="link is a link"):
        open_stack(store)
    (store / "mu" / "c" / "link").unlink()
    zarr.create_array(
        str(tmp_path / "b.zarr"),
        data=values(4, 2, 2),
        zarr_format=2,
        attributes={"energy_ev": ENERGY.tolist()},
    )
    assert open_stack(tmp_path / "b.zarr").mu.shape == (4, 2, 2)
    metadata = json.loads((tmp_path / "b.zarr" / ".zarray").read_text())
    metadata["filters"] = [{"id": "pickle", "protocol": 5}]
    (tmp_path / "b.zarr" / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match="codec 'pickle' is not allowed"):
        open_stack(tmp_path / "b.zarr")


@pytest.mark.parametrize("kind", ["fxi", "zarr"])
def test_R09_mutated_stores_raise_only_our_errors(kind: str, tmp_path: Path) -> None:
    if kind == "fxi":
        store = as_fxi_file(tmp_path, values(*SHAPE))
        files = [store]
    else:
        store = as_zarr(tmp_path, values(*SHAPE))
        files = [file for file in store.rglob("*") if file.is_file()]
    contents = {file: file.read_bytes() for file in files}
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(200):
        file = files[i % len(files)]
        content = contents[file]
        damaged = bytearray(content[: rng.integers(1, len(content))] if i % 5 == 0 else content)
        for at in rng.integers(0, len(damaged), 6):
            damaged[at] = rng.integers(0, 256)
        file.write_bytes(damaged)
        try:
            open_stack(store).mu[:, 1:3]
        except (nmcx.errors.Error, ValueError):
            refused += 1
        file.write_bytes(content)
    assert refused > 50


def test_a_packed_page_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The volume fits, but not a page of it beside."""
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.zeros((1, 40, 50), np.uint8), compression="zlib")
    assert read_pages(file).shape == (1, 40, 50)
    free = iter([2500, 3500])  # of 2000 bytes for the volume, and for page and strip each
    monkeypatch.setattr("nmcx.io._memory.free_memory", lambda: next(free))
    with pytest.raises(MemoryLimitError, match=r"a\.tif: page 0: needs"):
        read_pages(file)


def test_strips_that_are_declared_but_missing_are_refused(tmp_path: Path) -> None:
    """Two million of them took half a gigabyte for lists of nothing."""
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.zeros((1, 40, 50), np.uint8), compression="zlib", rowsperstrip=4)
    with tifffile.TiffFile(file, mode="r+") as opened:
        opened.pages[0].tags["RowsPerStrip"].overwrite(2)
    with pytest.raises(InputError, match=r"a\.tif: declares more strips"):
        read_pages(file)
