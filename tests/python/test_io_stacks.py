"""Energy stacks and volumes: round trips, laziness, order of energies, refusals."""

from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import nmcx
from nmcx.errors import InputError, OutputError
from nmcx.io import open_stack, read_volume, save, write_energy_stack, write_tiff
from nmcx.io._lazy import LazyArray
from nmcx.results import EnergyStack

ENERGY = np.array([8330.0, 8340.0, 8350.0])


def values(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(1).normal(100, 10, shape).astype(dtype)


def exchange(path: Path, data: np.ndarray, energy: object = ENERGY, unit: str = "") -> None:
    with h5py.File(path, "w") as out:
        out["exchange/data"] = data
        out["exchange/energy"] = energy
        if unit:
            out["exchange/energy"].attrs["units"] = unit


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 2, 5, 4)])
def test_data_exchange_round_trip(shape: tuple[int, ...], tmp_path: Path) -> None:
    size = (0.033,) * (len(shape) - 1)
    written = EnergyStack(ENERGY, values(*shape), values(*shape) ** 2, size)
    write_energy_stack(tmp_path / "a.h5", written)
    read = open_stack(tmp_path / "a.h5")
    np.testing.assert_array_equal(read.energy_ev, ENERGY)
    np.testing.assert_array_equal(np.asarray(read.mu), written.mu)
    np.testing.assert_array_equal(np.asarray(read.variance), written.variance)
    assert read.mu.dtype == np.float32
    assert read.voxel_size_um == size
    assert read.notes == ()
    # A lazy stack can be written again without loading it whole.
    write_energy_stack(tmp_path / "b.h5", read)
    np.testing.assert_array_equal(np.asarray(open_stack(tmp_path / "b.h5").mu), written.mu)
    with pytest.raises(OutputError, match="exists"):
        write_energy_stack(tmp_path / "b.h5", read)


def test_stack_is_read_only_when_asked(tmp_path: Path) -> None:
    exchange(tmp_path / "a.h5", values(3, 5, 4))
    stack = open_stack(tmp_path / "a.h5")
    (tmp_path / "a.h5").unlink()
    assert stack.mu.shape == (3, 5, 4)
    with pytest.raises(InputError, match=r"a\.h5"):
        stack.mu[0]


def test_energies_in_any_order_are_sorted_with_their_images(tmp_path: Path) -> None:
    data = values(3, 2, 5, 4)
    exchange(tmp_path / "a.h5", data[[2, 0, 1]], ENERGY[[2, 0, 1]] / 1000, "keV")
    stack = open_stack(tmp_path / "a.h5")
    np.testing.assert_allclose(stack.energy_ev, ENERGY, rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(stack.mu), data)
    np.testing.assert_array_equal(stack.mu[1], data[1])
    assert any("sorted" in note for note in stack.notes)
    assert any("keV" in note for note in stack.notes)
    assert any("voxel size" in note for note in stack.notes)
    assert stack.voxel_size_um is None


KEYS = st.one_of(
    st.integers(-3, 2),
    st.slices(3),
    st.just(Ellipsis),
    st.tuples(st.slices(3), st.integers(-4, 3)),
    st.tuples(st.integers(0, 2), st.slices(4), st.slices(2)),
    st.tuples(st.just(Ellipsis), st.slices(2)),
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=4).map(np.array), st.slices(4)),
    st.just((None, 0)),
)


@given(key=KEYS, order=st.permutations(range(3)))
@settings(max_examples=150, deadline=None)
def test_lazy_arrays_index_like_arrays(key, order) -> None:
    stored = np.arange(24.0).reshape(3, 4, 2)
    order = np.array(order)
    lazy = LazyArray(lambda first, rest: stored[(first, *rest)], (3, 4, 2), stored.dtype, order)
    np.testing.assert_array_equal(lazy[key], stored[order][key])


def test_lazy_arrays_refuse_what_is_out_of_bounds(tmp_path: Path) -> None:
    exchange(tmp_path / "a.h5", values(3, 5, 4))
    lazy = open_stack(tmp_path / "a.h5").mu
    for key in (3, (0, 5), (0, 0, 4), (0, 0, 0, 0)):
        with pytest.raises(IndexError):
            lazy[key]
    assert len(list(lazy)) == 3


def test_nmcx_result_files_hold_stacks_too(tmp_path: Path) -> None:
    written = EnergyStack(ENERGY, values(3, 2, 5, 4), None, (0.2, 0.1, 0.1))
    save(tmp_path / "a.nxs", written)
    read = open_stack(tmp_path / "a.nxs")
    np.testing.assert_array_equal(np.asarray(read.mu), written.mu)
    assert read.voxel_size_um == (0.2, 0.1, 0.1)


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (ENERGY[:2], "2 energies for 3 images"),
        (np.array([8330.0, 8330.0, 8350.0]), r"8330\.0 eV occurs twice"),
        (np.array([8330.0, np.nan, 8350.0]), "positive finite"),
        (-ENERGY, "positive finite"),
        (ENERGY.reshape(1, 3), "3 energies for 3 images|1 images|make them agree"),
    ],
)
def test_energies_that_do_not_fit_are_refused_naming_the_dataset(
    energy: np.ndarray, message: str, tmp_path: Path
) -> None:
    exchange(tmp_path / "a.h5", values(3, 5, 4), energy)
    with pytest.raises(InputError, match=rf"a\.h5: /exchange/energy.*({message})"):
        open_stack(tmp_path / "a.h5")


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    exchange(tmp_path / "flat.h5", values(3, 5))
    exchange(tmp_path / "raw.h5", values(3, 5, 4))
    with h5py.File(tmp_path / "raw.h5", "a") as out:
        out["exchange/data_white"] = values(2, 5, 4)
    with h5py.File(tmp_path / "none.h5", "w") as out:
        out["data"] = values(3, 5, 4)
    (tmp_path / "text.h5").write_text("text")
    (tmp_path / "empty.h5").touch()
    for name, message in (
        ("flat.h5", "2 axes"),
        ("raw.h5", "raw counts"),
        ("none.h5", "neither /exchange/data, nor"),
        ("text.h5", "not a readable HDF5"),
        ("empty.h5", "is empty"),
        ("missing.h5", "check the path"),
        ("missing.tif", "check the path"),
    ):
        with pytest.raises(InputError, match=message):
            open_stack(tmp_path / name)


def test_tiff_stack_needs_a_list_of_energies_beside_it(tmp_path: Path) -> None:
    data = values(3, 5, 4)
    tifffile.imwrite(tmp_path / "scan.tif", data, photometric="minisblack")
    with pytest.raises(InputError, match=r"write one energy per line to .*scan\.csv"):
        open_stack(tmp_path / "scan.tif")
    (tmp_path / "scan.csv").write_text("energy\n8.35\n8.33\n8.34\n")
    stack = open_stack(tmp_path / "scan.tif")
    np.testing.assert_allclose(stack.energy_ev, ENERGY, rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(stack.mu), data[[1, 2, 0]])
    np.testing.assert_array_equal(stack.mu[1:, 2], data[[2, 0], 2])
    notes = "\n".join(stack.notes)
    for said in ("scan.csv", "keV", "sorted", "no voxel size"):
        assert said in notes


@pytest.mark.parametrize("shape", [(5, 4), (2, 5, 4)])
def test_folder_of_tiffs_is_one_energy_per_file(shape: tuple[int, ...], tmp_path: Path) -> None:
    data = values(12, *shape)
    for i, image in enumerate(data):  # e_2 comes before e_10
        tifffile.imwrite(tmp_path / f"e_{i}.tif", image, photometric="minisblack")
    (tmp_path / "energies.txt").write_text("\n".join(str(8330 + i) for i in range(12)))
    stack = open_stack(tmp_path)
    assert stack.mu.shape == data.shape
    np.testing.assert_array_equal(np.asarray(stack.mu), data)
    tifffile.imwrite(tmp_path / "e_3.tif", image[..., 1:], photometric="minisblack")
    with pytest.raises(InputError, match=r"e_3\.tif"):
        open_stack(tmp_path)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.uint8, np.float64, bool])
def test_volumes_survive_tiff_with_their_voxel_size(dtype: type, tmp_path: Path) -> None:
    volume = values(3, 5, 4) > 100 if dtype is bool else values(3, 5, 4, dtype=dtype)
    write_tiff(tmp_path / "a.tif", volume, (0.2, 0.1, 0.05))
    read, voxel_size_um, notes = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, volume)
    assert read.dtype == (np.uint8 if dtype is bool else dtype)
    assert voxel_size_um == (0.2, 0.1, 0.05)
    assert notes == ()
    with pytest.raises(OutputError, match="exists"):
        write_tiff(tmp_path / "a.tif", volume)


@pytest.mark.parametrize("shape", list(itertools.product((1, 2, 3), repeat=3)))
def test_volumes_of_few_rows_and_columns_keep_their_shape(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    volume = values(*shape)
    write_tiff(tmp_path / "a.tif", volume, (0.2, 0.1, 0.05))
    read, voxel_size_um, _ = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, volume)
    assert read.shape == shape
    assert voxel_size_um == (0.2, 0.1, 0.05)


def test_missing_voxel_size_is_not_guessed(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", values(3, 5, 4))
    read = read_volume(tmp_path / "a.tif")
    assert read.voxel_size_um is None
    assert read.notes == ("the file states no voxel size",)


def test_imagej_spacing_is_understood(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        values(3, 5, 4),
        imagej=True,
        resolution=(10.0, 20.0),  # pixels per unit along x and y
        metadata={"spacing": 200.0, "unit": "nm", "axes": "ZYX"},
    )
    size = read_volume(tmp_path / "a.tif").voxel_size_um
    assert size == pytest.approx((0.2, 0.05e-3, 0.1e-3))


def test_tiff_metadata_cannot_name_other_files(tmp_path: Path) -> None:
    data = values(2, 5, 4)
    tifffile.imwrite(
        tmp_path / "other.ome.tif", data, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="float" SizeX="4" SizeY="5" SizeZ="2" '
        'SizeC="1" SizeT="1"><TiffData IFD="0" FirstZ="0" PlaneCount="1"><UUID FileName='
        '"other.ome.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    blank = data * 0
    tifffile.imwrite(
        tmp_path / "a.ome.tif", blank, photometric="minisblack", description=xml, metadata=None
    )
    # Left to itself the library takes a plane from the other file.
    assert tifffile.imread(tmp_path / "a.ome.tif").any()
    assert not read_volume(tmp_path / "a.ome.tif").values.any()


def test_volumes_in_hdf5_are_found_if_there_is_one(tmp_path: Path) -> None:
    data = values(3, 5, 4)
    with h5py.File(tmp_path / "a.h5", "w") as out:
        out["recon/volume"] = data
        out["recon/angles"] = ENERGY
    np.testing.assert_array_equal(read_volume(tmp_path / "a.h5").values, data)
    with h5py.File(tmp_path / "a.h5", "a") as out:
        out["recon/mask"] = data > 100
    with pytest.raises(InputError, match="/recon/mask, /recon/volume; name one"):
        read_volume(tmp_path / "a.h5")
    np.testing.assert_array_equal(
        read_volume(tmp_path / "a.h5", dataset="recon/mask").values, data > 100
    )
    with pytest.raises(InputError, match="no dataset nothing"):
        read_volume(tmp_path / "a.h5", dataset="nothing")


@pytest.mark.parametrize("kind", ["h5", "tif"])
def test_R09_mutated_stacks_raise_only_our_errors(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "h5":
        write_energy_stack(path, EnergyStack(ENERGY, values(3, 5, 4), None, (0.1, 0.1)))
    else:
        write_tiff(path, values(3, 5, 4), 0.1)
        (tmp_path / "a.csv").write_text("8330\n8340\n8350\n")
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(200):
        damaged = bytearray(content[: rng.integers(1, len(content))] if i % 5 == 0 else content)
        for at in rng.integers(0, len(damaged), 6):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        for reader in (lambda p: np.asarray(open_stack(p).mu), read_volume):
            try:
                reader(path)
            except (nmcx.errors.Error, ValueError):
                refused += 1
    assert refused > 50
