"""Reading stacks in blocks, writing results in pieces, and the sample that decides degrees."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import io
from nmcx.errors import InputError, MemoryLimitError
from nmcx.io import blocks, work
from nmcx.io.nexus_blocks import Region
from nmcx.results import EnergyStack
from nmcx.xanes import sampling


def stack_of(shape: tuple[int, ...]) -> EnergyStack:
    mu = np.random.default_rng(1).random((9, *shape)).astype("f4")
    return EnergyStack(8300.0 + np.arange(9.0), mu)


def tiff_stack(folder: Path, stack: EnergyStack, **options: object) -> Path:
    import tifffile

    file = folder / "stack.tif"
    tifffile.imwrite(file, np.asarray(stack.mu), photometric="minisblack", **options)
    file.with_suffix(".csv").write_text("\n".join(map(str, stack.energy_ev)))
    return file


def folder_of_tiffs(folder: Path, stack: EnergyStack) -> Path:
    import tifffile

    (folder / "stack").mkdir()
    for i, image in enumerate(np.asarray(stack.mu)):
        tifffile.imwrite(folder / "stack" / f"{i:03d}.tif", image, photometric="minisblack")
    (folder / "stack" / "energies.csv").write_text("\n".join(map(str, stack.energy_ev)))
    return folder / "stack"


def hdf5_stack(folder: Path, stack: EnergyStack, **options: object) -> Path:
    with h5py.File(folder / "stack.h5", "w") as out:
        out.create_dataset("exchange/data", data=stack.mu, **options)
        out["exchange/energy"] = stack.energy_ev
    return folder / "stack.h5"


def backwards(folder: Path, stack: EnergyStack) -> Path:
    turned = EnergyStack(stack.energy_ev[::-1], np.asarray(stack.mu)[::-1])
    return hdf5_stack(folder, turned)


@pytest.mark.parametrize(
    ("write", "direct"),
    [
        (tiff_stack, True),
        (lambda f, s: tiff_stack(f, s, byteorder=">"), True),
        (lambda f, s: tiff_stack(f, s, compression="zlib"), False),
        (folder_of_tiffs, True),
        (hdf5_stack, True),
        (backwards, True),
        (lambda f, s: hdf5_stack(f, s, chunks=(7, 3, 4), compression="gzip"), False),
    ],
    ids=["tiff", "big-endian", "zlib", "tiff folder", "hdf5", "falling energies", "chunks"],
)
def test_every_kind_of_file_is_read_in_blocks(tmp_path, write, direct):
    stack = stack_of((11, 6))
    opened = io.open_stack(write(tmp_path, stack))
    assert (opened.mu.planes is not None) == direct
    where = [(0, 4), (4, 8), (8, 11)]
    found = [part[0].copy() for part in blocks.read_blocks([opened.mu], np.float32, where)]
    np.testing.assert_array_equal(np.concatenate(found, axis=1), stack.mu)


@pytest.mark.parametrize("write", [hdf5_stack, folder_of_tiffs])
def test_a_part_of_a_stack_larger_than_memory_is_read(tmp_path, monkeypatch, write):
    stack = stack_of((40, 6))
    opened = io.open_stack(write(tmp_path, stack))
    # Room for three images of 40 × 6 × 4 bytes, not for nine.
    monkeypatch.setattr("nmcx.io._memory.free_memory", lambda: 3 * 960)
    with pytest.raises(MemoryLimitError):
        opened.mu[:]
    np.testing.assert_array_equal(opened.mu[:, 3:5], stack.mu[:, 3:5])
    found = [part[0].copy() for part in blocks.read_blocks([opened.mu], np.float32, [(2, 6)])]
    np.testing.assert_array_equal(found[0], stack.mu[:, 2:6])


def test_h5py_and_zarr_datasets_are_read_in_pieces(tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    monkeypatch.setattr(blocks, "_PIECE_BYTES", 500)
    stack = np.random.default_rng(1).random((9, 7, 5)).astype("f4")
    store = zarr.create_array(str(tmp_path / "a.zarr"), data=stack, chunks=(4, 3, 5))
    with h5py.File(tmp_path / "a.h5", "w") as out:
        for source in (store, out.create_dataset("a", data=stack, chunks=(4, 2, 5))):
            where = [(0, 3), (3, 4), (4, 7)]
            found = [part[0].copy() for part in blocks.read_blocks([source], np.float64, where)]
            np.testing.assert_array_equal(np.concatenate(found, axis=1), stack)


@pytest.mark.parametrize("write", [hdf5_stack, backwards, folder_of_tiffs])
def test_runs_along_the_last_axis_need_no_format_library(tmp_path, monkeypatch, write):
    stack = stack_of((11, 6))
    opened = io.open_stack(write(tmp_path, stack))
    monkeypatch.setattr(opened.mu, "_read", None)
    for key in (np.s_[:, 3:4, 1:5], np.s_[2:7, 10:11, :], np.s_[:, 5:6, 2:2], np.s_[4, 0:1, 5:]):
        np.testing.assert_array_equal(opened.mu[key], stack.mu[key])


@pytest.mark.parametrize("chunks", [(9, 1, 3, 5), (4, 2, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("falling", [False, True])
def test_zarr_chunks_are_read_into_place(tmp_path, chunks, dtype, falling):
    zarr = pytest.importorskip("zarr")
    stack = stack_of((5, 6, 5))
    energy = stack.energy_ev[::-1] if falling else stack.energy_ev
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=stack.mu.shape, dtype="f4", chunks=chunks,
        compressors=None, fill_value=0.5, attributes={"energy_ev": energy.tolist()},
    )  # fmt: skip
    expected = np.full_like(stack.mu, 0.5)
    expected[:, :4] = stack.mu[:, :4]  # chunks of the last row have no file
    array[:, :4] = stack.mu[:, :4]
    opened = io.open_stack(tmp_path / "a.zarr")
    where = [(0, 3), (3, 4), (4, 5)]
    found = [part[0].copy() for part in blocks.read_blocks([opened.mu], dtype, where)]
    shown = expected[::-1] if falling else expected
    np.testing.assert_array_equal(np.concatenate(found, axis=1), shown)


def test_a_file_that_shrinks_meanwhile_is_named(tmp_path):
    file = hdf5_stack(tmp_path, stack_of((11, 6)))
    opened = io.open_stack(file)
    os.truncate(file, file.stat().st_size - 3000)
    with pytest.raises(InputError, match=r"stack\.h5.*shorter"):
        list(blocks.read_blocks([opened.mu], np.float32, [(0, 11)]))


@given(st.integers(1, 60), st.integers(1, 9), st.sets(st.integers(0, 19)))
def test_what_remains_and_what_is_done_make_up_the_whole(n_row, rows, chosen):
    done = {(3 * i, min(3 * i + 3, n_row)) for i in chosen if 3 * i < n_row}
    todo = work.remaining(n_row, rows, done)
    assert all(0 < stop - start <= rows for start, stop in todo)
    covered = [row for start, stop in [*todo, *done] for row in range(start, stop)]
    assert sorted(covered) == list(range(n_row))


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple), data=st.data())
@settings(deadline=None, max_examples=40, derandomize=True)
def test_a_box_goes_to_its_place_in_the_file(tmp_path_factory, shape, data):
    file = tmp_path_factory.mktemp("region") / "region.bin"
    expected = np.zeros(shape)
    file.write_bytes(b"head" + expected.tobytes())
    region = Region(file, 4, shape, np.dtype(float))
    ends = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    box = tuple(slice(a, b) for a, b in ends)
    values = np.random.default_rng(1).random([b - a for a, b in ends])
    region[box], expected[box] = values, values
    np.testing.assert_array_equal(region.read_rows(0, shape[0]), expected)


@pytest.mark.parametrize(
    "shape", [(512, 512, 512), (3, 2000, 2000), (100_000,), (1, 1, 100_000), (40, 40, 2, 30)]
)
def test_the_sample_is_small_and_spread(shape):
    runs = sampling.runs(shape)
    chosen = [[range(n)[s] for n, s in zip(shape, run, strict=True)] for run in runs]
    sizes = [np.prod([len(axis) for axis in run]) for run in chosen]
    assert sum(sizes) <= 2**14
    assert len(runs) <= 64
    assert min(sizes) > 0
    for axis, n in enumerate(shape):
        if any(len(run[axis]) == n for run in chosen):
            continue
        # Both halves, and of long axes each eighth, have a share.
        centres = np.array([np.mean(run[axis]) for run in chosen])
        n_part = 8 if n >= 500 and len(runs) >= 32 else min(2, n)
        assert set((centres * n_part / n).astype(int)) == set(range(n_part)), axis
