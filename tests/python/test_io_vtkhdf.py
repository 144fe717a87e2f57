"""Time series for ParaView: the layout of the file; reading it is tested with the pictures."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from nmcx import errors, io, mesh
from nmcx.results import Mesh, TransportHistory


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
