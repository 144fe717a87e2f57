"""Images from one format into another and back."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import cli, io, run
from nmcx.errors import InputError, OutputError, UsageError
from nmcx.io import Image, _boxes, ome_metadata
from nmcx.results import EdgeMap, EnergyStack, Particle

pytest.importorskip("zarr")

SIZE = (0.25, 0.1, 0.125)
OUTS = {"exchange": "out.h5", "ome-zarr": "out.ome.zarr", "tiff": "out"}


def numbers(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(1).normal(100, 10, shape).astype(dtype)


def assert_same_stack(one: EnergyStack, other: EnergyStack) -> None:
    np.testing.assert_array_equal(one.energy_ev, other.energy_ev)
    a, b = np.asarray(one.mu), np.asarray(other.mu)
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a.reshape(b.shape), b)
    assert one.voxel_size_um == other.voxel_size_um


SHAPES = st.tuples(st.integers(2, 5), st.integers(2, 4), st.integers(1, 6), st.integers(1, 9))


@given(
    shape=st.one_of(SHAPES, SHAPES.map(lambda shape: shape[:1] + shape[2:])),
    energies=st.lists(st.floats(101, 2e4), min_size=5, max_size=5, unique=True).map(sorted),
    to=st.sampled_from(["exchange", "ome-zarr", "tiff"]),
    dtype=st.sampled_from([np.float32, np.float64, np.uint16, np.int32]),
    size=st.sampled_from([None, SIZE]),
    zarr_format=st.sampled_from([2, 3]),
    box_bytes=st.sampled_from([600, 2**25]),
)
@settings(max_examples=20, deadline=None)
def test_a_stack_goes_into_every_format_and_comes_back_as_it_was(
    shape: tuple[int, ...], energies: list[float], to: str, dtype: Any, size: Any,
    zarr_format: int, box_bytes: int,
) -> None:  # fmt: skip
    size = size and size[1 - len(shape) :]
    written = EnergyStack(np.array(energies[: shape[0]]), numbers(*shape, dtype=dtype), None, size)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_boxes, "BOX_BYTES", box_bytes)
        here = Path(folder)
        io.write_energy_stack(here / "in.h5", written)
        out = here / OUTS[to]
        run.convert(here / "in.h5", out, to=to, zarr_format=zarr_format)
        assert_same_stack(io.open_stack(out), written)
        run.convert(out, here / "back.h5")
        assert_same_stack(io.open_stack(here / "back.h5"), written)
        assert sorted(p.name for p in here.iterdir()) == sorted(["in.h5", "back.h5", OUTS[to]])


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.bool_])
@pytest.mark.parametrize("name", ["a.h5", "a.tif", "a.ome.zarr"])
def test_a_volume_goes_into_every_format_and_comes_back(
    name: str, dtype: Any, tmp_path: Path
) -> None:
    values = numbers(5, 6, 7) > 100 if dtype is np.bool_ else numbers(5, 6, 7, dtype=dtype)
    np.save(tmp_path / "in.npy", values)
    assert cli.main(["-q", "convert", str(tmp_path / "in.npy"), str(tmp_path / name)]) == 0
    read = io.read_volume(tmp_path / name)
    np.testing.assert_array_equal(read.values, values)
    assert read.voxel_size_um is None and read.values.dtype != bool
    with h5py.File(tmp_path / "sized.h5", "w") as out:
        out["volume"] = values
        out["voxel_size_um"] = SIZE
    run.convert(tmp_path / "sized.h5", tmp_path / f"sized-{name}")
    again = io.read_volume(tmp_path / f"sized-{name}")
    assert again.voxel_size_um == SIZE
    np.testing.assert_array_equal(again.values, values)


def test_the_variance_goes_along_where_there_is_a_place_for_it(tmp_path: Path) -> None:
    mu = numbers(3, 4, 5, 6)
    stack = EnergyStack(np.array([8330.0, 8340.0, 8352.0]), mu, mu**2, SIZE)
    io.write_energy_stack(tmp_path / "in.h5", stack)
    for name in ("out.h5", "out.ome.zarr"):
        run.convert(tmp_path / "in.h5", tmp_path / name)
        np.testing.assert_array_equal(np.asarray(io.open_stack(tmp_path / name).variance), mu**2)
    job = run.convert(tmp_path / "in.h5", tmp_path / "folder", to="tiff")
    assert any("variance is left out" in line for line in job.lines)
    names = sorted(p.name for p in (tmp_path / "folder").iterdir())
    assert names == [
        "1_8330.00eV.tif", "2_8340.00eV.tif", "3_8352.00eV.tif", "energies.csv",
    ]  # fmt: skip


# What OME-Zarr asks for --------------------------------------------------------------------------


def attributes(store: Path, zarr_format: int) -> dict[str, Any]:
    file = store / (".zattrs" if zarr_format == 2 else "zarr.json")
    document = json.loads(file.read_text(encoding="utf-8"))
    return document if zarr_format == 2 else document["attributes"]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("n_axis", [2, 3])
@pytest.mark.parametrize("energy", [None, [8330.0, 8335.0, 8340.0], [8330.0, 8335.0, 8350.0]])
def test_the_metadata_has_what_the_specification_requires(
    zarr_format: int, n_axis: int, energy: list[float] | None, tmp_path: Path
) -> None:
    shape = (*((3,) if energy else ()), *(4, 5, 6)[-n_axis:])
    space = ("z", "y", "x")[-n_axis:]
    image = Image(
        numbers(*shape), (*(("energy",) if energy else ()), *space),
        None if energy is None else np.array(energy), None, SIZE[-n_axis:], "1", "particle",
    )  # fmt: skip
    store = tmp_path / "a.ome.zarr"
    io.write_ome_zarr(store, image, zarr_format=zarr_format)
    told = attributes(store, zarr_format)
    if zarr_format == 3:
        assert set(told) == {"ome"} and told["ome"]["version"] == "0.5"
        told = told["ome"]
    (found,) = told["multiscales"]
    assert zarr_format == 3 or found["version"] == "0.4"
    # 2 to 5 axes, all named once, space last, 2 or 3 of it, at most one of another type.
    axes = found["axes"]
    assert [axis["name"] for axis in axes] == list(image.axes)
    types = [axis["type"] for axis in axes]
    assert types[-n_axis:] == ["space"] * n_axis and types[:-n_axis] == (
        ["energy"] if energy else []
    )
    assert {axis["unit"] for axis in axes[-n_axis:]} == {"micrometer"}
    (dataset,) = found["datasets"]
    assert set(dataset) == {"path", "coordinateTransformations"}
    # One scale, and after it at most one translation, a number for every axis.
    changes = dataset["coordinateTransformations"]
    assert [c["type"] for c in changes] in (["scale"], ["scale", "translation"])
    assert all(len(c[c["type"]]) == len(axes) for c in changes)
    assert changes[0]["scale"][-n_axis:] == list(SIZE[-n_axis:])
    even = energy is not None and energy[2] == 8340.0
    assert (changes[0]["scale"][0] == 5.0) == even and (len(changes) == 2) == even
    assert (axes[0].get("unit") == "electronvolt") == even
    array = store / dataset["path"]
    if zarr_format == 2:
        about = json.loads((array / ".zarray").read_text(encoding="utf-8"))
        assert about["zarr_format"] == 2 and about["dimension_separator"] == "/"
    else:
        about = json.loads((array / "zarr.json").read_text(encoding="utf-8"))
        assert about["zarr_format"] == 3 and about["dimension_names"] == list(image.axes)
    assert about["shape"] == list(shape)
    read = ome_metadata.read(attributes(store, zarr_format))
    assert read == ("0", image.axes, SIZE[-n_axis:])


@pytest.mark.parametrize("path", ["../b", "/etc", "a/../../b", "", ".", "0\n", 3, None])
def test_a_store_cannot_name_an_array_outside_of_it(path: object) -> None:
    told = ome_metadata.write(("y", "x"), None, None, "a", 2)
    assert ome_metadata.read(told) is not None
    told["multiscales"][0]["datasets"][0]["path"] = path
    assert ome_metadata.read(told) is None


# Maps of a result file ---------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path: Path) -> Path:
    maps = [numbers(4, 5, 6) for _ in range(7)]
    edges = EdgeMap(*maps, np.zeros((4, 5, 6), np.uint16), {"level": 0.5})
    particle = Particle(maps[0] > 90, maps[0] > 80, SIZE)
    io.save(tmp_path / "result.nxs", edges, particle)
    return tmp_path / "result.nxs"


def test_a_map_of_a_result_file_is_named_and_keeps_its_voxels(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "edge.ome.zarr"
    command = ["convert", str(results), str(out), "--dataset", "edge_map/edge_energy_ev"]
    assert cli.main([*command, "--dry-run"]) == 0 and not out.exists()
    said = capsys.readouterr().out
    assert "edge_map/edge_energy_ev: 4 × 5 × 6 (z, y, x), float32 [eV]" in said
    assert cli.main(command) == 0
    # The edge map does not know its voxels, the particle of the same shape does.
    assert "0.25 × 0.1 × 0.125 µm" in capsys.readouterr().out
    held = io.load(results)
    read = io.read_volume(out)
    np.testing.assert_array_equal(read.values, held["edge_map"].edge_energy_ev)  # type: ignore[attr-defined]
    assert read.voxel_size_um == SIZE
    run.convert(results, tmp_path / "solid.tif", dataset="/entry/particle/solid")
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "solid.tif"),
        held["particle"].solid,  # type: ignore[attr-defined]
    )
    with pytest.raises(InputError, match="name an image in it with --dataset: edge_map/edge_en"):
        run.convert(results, tmp_path / "b.tif")
    with pytest.raises(InputError, match="has no image particle/centre_um; it has edge_map/"):
        run.convert(results, tmp_path / "b.tif", dataset="particle/centre_um")


def test_an_edge_map_of_a_run_has_the_voxels_that_the_run_knew(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f'[hard]\nstack = "{data}/ni_k_edge.h5"\n[cones]\nn_directions = 12\n')
    result = run.run(path, out=tmp_path / "out").folder / "result.nxs"
    run.convert(result, tmp_path / "a.tif", dataset="edge_map/status")
    assert io.read_volume(tmp_path / "a.tif").voxel_size_um == (0.3, 0.3, 0.3)


# What is refused, and what it costs --------------------------------------------------------------


def test_earlier_files_are_kept_without_force_and_others_with_it(tmp_path: Path) -> None:
    source = tmp_path / "in.h5"
    stack = EnergyStack(np.array([8330.0, 8340.0]), numbers(2, 3, 4, 5), None, SIZE)
    io.write_energy_stack(source, stack)
    for to, name in OUTS.items():
        out = tmp_path / name
        run.convert(source, out, to=to)
        with pytest.raises(OutputError, match="exists already"):
            run.convert(source, out, to=to)
        run.convert(source, out, to=to, force=True)
        assert_same_stack(io.open_stack(out), stack)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep me")
    for to in ("ome-zarr", "tiff", "exchange"):
        with pytest.raises(OutputError, match=r"exists and is no|is a folder"):
            run.convert(source, mine, to=to, force=True)
    assert [p.name for p in mine.iterdir()] == ["notes.txt"]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_format_that_does_not_fit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.h5"
    io.write_energy_stack(source, EnergyStack(np.array([8330.0, 8340.0]), numbers(2, 3, 4)))
    (tmp_path / "text.h5").write_text("nothing of the kind")
    for arguments, code, message in (
        ([source, "out"], 2, "its name tells no format"),
        ([source, "out.h5", "--to", "tiff"], 2, "ends as a file of exchange does"),
        ([source, "out.tif"], 2, "a stack becomes a folder of TIFF files"),
        ([source, source, "--force"], 2, "is the input; name another file"),
        ([source, "gone/out.h5"], 5, "is no folder; make it"),
        ([tmp_path / "gone.h5", "out.tif"], 4, "cannot open"),
        ([tmp_path / "text.h5", "out.tif"], 4, "is not a readable HDF5 file"),
    ):
        where = [str(tmp_path / a) if not str(a).startswith("-") and i < 2 else str(a)
                 for i, a in enumerate(arguments)]  # fmt: skip
        assert cli.main(["-q", "convert", *where]) == code, message
        assert message in capsys.readouterr().err, message
    with pytest.raises(UsageError, match="--zarr-format"):
        run.convert(source, tmp_path / "a.zarr", zarr_format=4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.h5", "text.h5"]


@pytest.mark.parametrize("to", list(OUTS))
def test_an_interrupted_conversion_leaves_nothing(to: str, tmp_path: Path) -> None:
    source = tmp_path / "in.h5"
    io.write_energy_stack(source, EnergyStack(np.array([8330.0, 8340.0]), numbers(2, 3, 4, 5)))

    def stop(done: float, total: float, label: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.convert(source, tmp_path / OUTS[to], to=to, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["in.h5"]


# In a process of its own: what threads of other tests allocate meanwhile is no part of it.
TRACED = """
import json, sys, tracemalloc
from nmcx import run
from nmcx.io import _boxes, ome_zarr
source, first, out, to = sys.argv[1:]
_boxes.BOX_BYTES, ome_zarr._CHUNK = 2**20, (16, 64, 64)
run.convert(source, first, to=to)  # what is loaded once, libraries and their tables, is no part
heard = []
tracemalloc.start()
run.convert(source, out, to=to, progress=lambda done, total, _: heard.append((done, total)))
print(json.dumps([tracemalloc.get_traced_memory()[1], heard]))
"""


@pytest.mark.parametrize("to", list(OUTS))
def test_R08_two_parts_of_a_stack_are_in_memory_at_a_time(to: str, tmp_path: Path) -> None:
    part, shape = 2**20, (16, 64, 64, 64)
    source = tmp_path / "in.h5"
    energy = 8330.0 + np.arange(16.0)
    io.write_energy_stack(source, EnergyStack(energy, numbers(*shape), None, SIZE))
    outs = [str(tmp_path / f"first-{OUTS[to]}"), str(tmp_path / OUTS[to])]
    command = [sys.executable, "-c", TRACED, str(source), *outs, to]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, heard = json.loads(told.stdout)
    assert not told.stderr
    assert peak < 2 * part + 2**19, f"{peak / 2**20:.1f} MB of 16 MB"
    assert heard[-1][0] == heard[-1][1] == 2**24 and len(heard) >= 16
