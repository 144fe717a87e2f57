"""Edge maps of dask arrays: lazy, and with the bits of the local fit."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcx import io, phantom, xanes
from nmcx.results import EdgeMap
from nmcx.xanes import maps

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

WINDOWS = {"pre_edge": (8250, 8320), "post_edge": (8380, 8640)}


def stack_of(shape: tuple[int, ...], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Energies and spectra with noise, some without a jump, some with holes."""
    n = int(np.prod(shape))
    made = phantom.edge_spectra(max(n, 1), noise=0.02, seed=seed)
    mu = made.mu[:, :n].copy()
    chance = np.random.default_rng(seed).random(n)
    mu[:, chance < 0.2] *= 0.01
    mu[30, chance > 0.9] = np.nan
    return made.energy_ev, mu.reshape(len(mu), *shape)


def computed(edges: EdgeMap) -> dict[str, np.ndarray]:
    found = dask.compute(*(getattr(edges, name) for name in maps.FIELDS), scheduler="sync")
    return dict(zip(maps.FIELDS, found, strict=True))


def assert_same(lazy: EdgeMap, local: EdgeMap) -> None:
    for name, values in computed(lazy).items():
        expected = getattr(local, name)
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected, err_msg=name)
    assert dict(lazy.settings) == dict(local.settings)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data(), n_axis=st.integers(0, 4), seed=st.integers(1, 9))
def test_any_chunks_give_the_bits_of_the_whole(data, n_axis, seed):
    longest = {0: 1, 1: 20, 2: 9, 3: 7, 4: 3}[n_axis]
    shape = tuple(data.draw(st.lists(st.integers(1, longest), min_size=n_axis, max_size=n_axis)))
    axis = data.draw(st.integers(0, n_axis))
    energy, mu = stack_of(shape, seed)
    mu = np.ascontiguousarray(np.moveaxis(mu, 0, axis))
    chunks = tuple(data.draw(st.integers(1, max(n, 1))) if n < 61 else 20 for n in mu.shape)
    given_variance = data.draw(st.sampled_from(["none", "per energy", "per voxel"]))
    variance = {
        "none": None,
        "per energy": np.linspace(1e-4, 2e-4, 61),
        "per voxel": (1e-4 + 1e-4 * np.arange(mu.size) / mu.size).reshape(mu.shape),
    }[given_variance]
    options = {**WINDOWS, "energy_axis": axis, "variance": variance}
    lazy = xanes.fit_edges(energy, da.from_array(mu, chunks=chunks), **options)
    assert_same(lazy, xanes.fit_edges(energy, mu, **options))


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 2), (1, 1, 1), (6, 5)])
def test_empty_and_spoilt_stacks_pass(shape):
    energy, mu = stack_of(shape)
    mu[...] = np.nan
    lazy = xanes.fit_edges(energy, da.from_array(mu, chunks=2), **WINDOWS)
    assert_same(lazy, xanes.fit_edges(energy, mu, **WINDOWS))


@pytest.mark.parametrize("dtype", [np.float64, np.uint16, ">f4", np.float16])
def test_types_are_treated_alike(dtype):
    energy, mu = stack_of((5, 4, 3))
    mu = (100 * np.nan_to_num(mu)).astype(dtype)
    lazy = xanes.fit_edges(energy, da.from_array(mu, chunks=(30, 2, 2, 2)), **WINDOWS)
    assert_same(lazy, xanes.fit_edges(energy, mu, **WINDOWS))


def test_limits_of_a_large_map_come_from_the_same_sample():
    # Beyond 2^17 voxels the medians are of every second voxel or so of the whole, in C order.
    energy, some = stack_of((1000,), seed=3)
    mu = np.resize(some.T, (67 * 45 * 44, 61)).T.reshape(61, 67, 45, 44)
    lazy = xanes.fit_edges(energy, da.from_array(mu, chunks=(61, 23, 45, 17)), **WINDOWS)
    assert_same(lazy, xanes.fit_edges(energy, mu, **WINDOWS))


def test_nothing_but_the_sample_is_computed_at_the_call():
    energy, mu = stack_of((40, 40, 40))
    read: list[int] = []

    def noted(block: np.ndarray) -> np.ndarray:
        read.append(block.size)
        return block

    source = da.from_array(mu, chunks=(61, 10, 10, 10)).map_blocks(noted, meta=mu[:0, :0, :0, :0])
    all_given = xanes.fit_edges(
        energy, source, **WINDOWS, post_degree=1, white_line_half_width_ev=2.0
    )
    assert read == []
    by_rule = xanes.fit_edges(energy, source, **WINDOWS)
    # 64 runs at most, in 64 chunks.
    assert len(read) <= 64
    for edges in (all_given, by_rule):
        assert all(isinstance(getattr(edges, name), da.Array) for name in maps.FIELDS)
        assert isinstance(edges.ok, da.Array)
        assert "dask.array" in edges._repr_html_()
    read.clear()
    assert_same(by_rule, xanes.fit_edges(energy, mu, **WINDOWS))
    # Each block once: sampling for the limits, judging and all eight maps share one graph.
    assert len(read) == 64


def test_a_lazy_map_is_saved_block_by_block(tmp_path):
    energy, mu = stack_of((7, 5, 6))
    lazy = xanes.fit_edges(energy, da.from_array(mu, chunks=(61, 3, 2, 4)), **WINDOWS)
    lazy.save(tmp_path / "lazy.nxs")
    local = xanes.fit_edges(energy, mu, **WINDOWS)
    loaded = io.load(tmp_path / "lazy.nxs")["edge_map"]
    for name in maps.FIELDS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(local, name), err_msg=name)
    labelled = pytest.importorskip("xarray") and lazy.to_xarray()
    assert labelled["status"].dims == ("z", "y", "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mu": lambda mu: mu[:5]}, "mu has 5 energies, energy_ev has 61"),
        ({"mu": lambda mu: mu.astype(complex)}, "real numbers"),
        ({"mu": lambda mu: mu[:, mu[0] > 0]}, "compute_chunk_sizes"),
        ({"pre_edge": (1, 2)}, "pre_edge"),
        ({"level": 2.0}, "level"),
        ({"energy_axis": 7}, "energy_axis 7"),
        ({"variance": np.ones(5)}, "variance must have the shape"),
        ({"estimator": "guess"}, "estimator"),
    ],
)
def test_a_mistake_is_named_at_the_call(change, message):
    energy, mu = stack_of((6,))
    options = {**WINDOWS, **change}
    source = options.pop("mu", lambda values: values)(da.from_array(mu, chunks=2))
    with pytest.raises(ValueError, match=message):
        xanes.fit_edges(energy, source, **options)


def test_importing_nmcx_does_not_import_dask():
    code = "import nmcx.xanes, nmcx.io, sys; print('dask' in sys.modules, 'zarr' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_a_cluster_of_two_processes_reads_and_writes_zarr(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    zarr = pytest.importorskip("zarr")
    energy, mu = stack_of((16, 12, 10))
    zarr.create_array(str(tmp_path / "stack.zarr"), data=mu, chunks=(61, 5, 6, 10))
    local = xanes.fit_edges(energy, mu, **WINDOWS)
    with (
        warnings.catch_warnings(),
        dask.config.set({"distributed.worker.daemon": True}),
    ):
        # Both packages warn of their own ports, sockets and deprecated calls.
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                local_directory=str(tmp_path / "scratch"),
            ) as cluster,
            distributed.Client(cluster),
        ):
            source = da.from_zarr(str(tmp_path / "stack.zarr"))
            lazy = xanes.fit_edges(energy, source, **WINDOWS)
            names = list(maps.FIELDS)
            stored = [
                getattr(lazy, name).to_zarr(str(tmp_path / f"{name}.zarr"), compute=False)
                for name in names
            ]
            dask.compute(*stored)
            lazy.save(tmp_path / "edges.nxs")
    loaded = io.load(tmp_path / "edges.nxs")["edge_map"]
    for name in names:
        expected = getattr(local, name)
        written = zarr.open(str(tmp_path / f"{name}.zarr"), mode="r")
        np.testing.assert_array_equal(written[...], expected, err_msg=name)
        np.testing.assert_array_equal(getattr(loaded, name), expected, err_msg=name)
