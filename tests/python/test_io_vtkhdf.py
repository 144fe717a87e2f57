"""Time series for ParaView: the layout of the file; reading it is tested with the pictures."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from nmcx import errors, io, mesh
from nmcx.results import History, Mesh, TransportHistory


@pytest.fixture(scope="module")
def grains() -> Mesh:
    return mesh.disc(5e-6, n_grains=5, size=1.5e-6, seed=1)


def history_on(grains: Mesh, times: list[float]) -> TransportHistory:
    """Concentration t x: every value says where and when it belongs."""
    concentration = np.outer(times, grains.points[:, 0])
    n = len(times)
    return TransportHistory(
        times=np.array(times),
        concentration=concentration,
        mean_concentration=np.zeros(n),
        balance=np.zeros(n),
        surface_flux=np.zeros((n, len(grains.surface))),
        lowest=concentration.min(axis=1),
        highest=concentration.max(axis=1),
    )


def test_each_step_finds_its_own_values_on_the_one_mesh(grains: Mesh, tmp_path: Path) -> None:
    times = [1.0, 2.5, 4.0]
    twice = np.outer(times, grains.points[:, 1])
    path = tmp_path / "series.vtkhdf"
    io.write_history(path, grains, history_on(grains, times), point_data={"other": twice})
    n_node = len(grains.points)
    with h5py.File(path) as file:
        root = file["VTKHDF"]
        assert root.attrs["Type"] == b"UnstructuredGrid"
        assert list(root["Steps/Values"]) == times and root["Steps"].attrs["NSteps"] == 3
        np.testing.assert_array_equal(root["Points"][:, :2], grains.points)
        corners = root["Connectivity"][:].reshape(-1, 3)
        np.testing.assert_array_equal(corners, grains.cells)
        np.testing.assert_array_equal(np.diff(root["Offsets"][:]), 3)
        for name, axis in (("concentration", 0), ("other", 1)):
            for i, time in enumerate(times):
                start = root[f"Steps/PointDataOffsets/{name}"][i]
                found = root[f"PointData/{name}"][start : start + n_node]
                np.testing.assert_array_equal(found, time * grains.points[:, axis])
        np.testing.assert_array_equal(root["CellData/grain"], grains.grain)


def test_fields_that_do_not_fit_and_files_that_exist_are_refused(
    grains: Mesh, tmp_path: Path
) -> None:
    path = tmp_path / "series.vtkhdf"
    history = history_on(grains, [1.0, 2.0])
    with pytest.raises(ValueError, match="one value per time and node"):
        io.write_history(path, grains, history, point_data={"other": np.zeros((1, 3))})
    with pytest.raises(ValueError, match="rename it"):
        io.write_history(path, grains, history, point_data={"concentration": np.zeros((2, 3))})
    assert not path.exists()
    io.write_history(path, grains, history)
    with pytest.raises(errors.OutputError):
        io.write_history(path, grains, history)
    io.write_history(path, grains, history, overwrite=True)


def coupled_on(grains: Mesh, times: list[float]) -> History:
    """Random stress, damage and opening: every value is another."""
    rng = np.random.default_rng(1)
    n, cells, walls = len(times), len(grains.cells), len(grains.interfaces)
    number = np.zeros(n)
    return History(
        times=np.array(times),
        concentration=rng.random((n, len(grains.points))),
        mean_concentration=number,
        balance=number,
        potential=number,
        current=number,
        part=np.zeros(n, dtype=np.int64),
        stress=rng.normal(size=(n, cells, 6)),
        damage=rng.random((n, walls)),
        opening=rng.random((n, walls)),
        wetted=rng.random((n, walls)) > 0.5,
        surface_layer=np.zeros((n, len(grains.surface))),
        wall_layer=np.zeros((n, walls)),
        **dict.fromkeys(("reactive_area", "layer_thickness", "crack_porosity", "stored"), number),
        **dict.fromkeys(("dissipated", "released", "supplied"), number),
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_cracking_particle_has_the_layout_of_vtkhdf_and_its_fields_at_every_time(
    grains: Mesh, dimension: int, tmp_path: Path
) -> None:
    """Sizes and types are those of the format's description, unstructured grids with steps."""
    body = grains if dimension == 2 else mesh.ball(5e-6, n_grains=3, size=2.5e-6, seed=1)
    times = [0.0, 3.0, 4.5]
    history = coupled_on(body, times)
    hoop = history.stress[:, :, 0] - 1.0
    io.write_history(tmp_path / "cells.vtkhdf", body, history, cell_data={"hoop": hoop})
    io.write_wall_history(tmp_path / "walls.vtkhdf", body, history)
    order = {(0, 0): 0, (1, 1): 1, (2, 2): 2, (0, 1): 3, (1, 2): 4, (0, 2): 5}  # VTK's
    voigt = {(0, 0): 0, (1, 1): 1, (2, 2): 2, (1, 2): 3, (0, 2): 4, (0, 1): 5}  # ours
    for name, cells, kind in (
        ("cells", body.cells, {2: 5, 3: 10}),
        ("walls", body.interfaces[:, :dimension], {2: 3, 3: 5}),
    ):
        with h5py.File(tmp_path / f"{name}.vtkhdf") as file:
            root = file["VTKHDF"]
            assert tuple(root.attrs["Version"]) == (2, 0)
            n_time, (n, corners) = len(times), cells.shape
            for part, count in (("Points", len(body.points)), ("Cells", n)):
                assert root[f"NumberOf{part}"][:].tolist() == [count]
            assert root["NumberOfConnectivityIds"][:].tolist() == [n * corners]
            assert root["Types"].dtype == np.uint8 and set(root["Types"][:]) == {kind[dimension]}
            assert root["Offsets"].shape == (n + 1,) and root["Offsets"][-1] == n * corners
            assert root["Points"].shape == (len(body.points), 3)
            steps = root["Steps"]
            assert steps.attrs["NSteps"] == n_time and steps["Values"][:].tolist() == times
            for offsets in ("PartOffsets", "PointOffsets"):
                assert steps[offsets][:].tolist() == [0] * n_time
            for offsets in ("CellOffsets", "ConnectivityIdOffsets"):
                assert steps[offsets].shape == (n_time, 1) and not steps[offsets][:].any()
            assert steps["NumberOfParts"][:].tolist() == [1] * n_time
            for i in range(n_time):
                found = {
                    key: values[steps[f"CellDataOffsets/{key}"][i] :][:n]
                    for key, values in root["CellData"].items()
                }
                if name == "walls":
                    for key in ("damage", "opening", "wetted"):
                        np.testing.assert_array_equal(found[key], getattr(history, key)[i])
                    continue
                np.testing.assert_array_equal(found["hoop"], hoop[i])
                np.testing.assert_array_equal(found["grain"], body.grain)
                for at, component in order.items():
                    exact = history.stress[i][:, voigt[at]]
                    np.testing.assert_array_equal(found["stress"][:, component], exact)
                start = steps["PointDataOffsets/concentration"][i]
                held = root["PointData/concentration"][start:][: len(body.points)]
                np.testing.assert_array_equal(held, history.concentration[i])


def test_fields_of_cells_that_do_not_fit_are_refused(grains: Mesh, tmp_path: Path) -> None:
    history = coupled_on(grains, [1.0, 2.0])
    for name, values, message in (
        ("other", np.zeros((2, 3)), "one value per time and cell"),
        ("stress", np.zeros((2, len(grains.cells))), "rename it"),
        ("grain", np.zeros((2, len(grains.cells))), "rename it"),
    ):
        with pytest.raises(ValueError, match=message):
            io.write_history(tmp_path / "a.vtkhdf", grains, history, cell_data={name: values})
    assert not list(tmp_path.iterdir())
