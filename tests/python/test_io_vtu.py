"""VTU files, read back by a reader that is not ours."""

from __future__ import annotations

from pathlib import Path

import meshes
import meshio
import numpy as np
import pytest

from nmcx import mesh
from nmcx.errors import OutputError
from nmcx.results import Mesh


def bricks(dimension: int) -> Mesh:
    shape = (3, 2, 2)[:dimension]
    points, cells = meshes.box(shape, 1e-6)
    label = np.random.default_rng(1).integers(0, 3, shape)
    grain = np.unique(meshes.by_brick(label, dimension), return_inverse=True)[1]
    return mesh.assemble(points, cells, grain, mesh.random_orientations(grain.max() + 1, seed=1))


@pytest.mark.parametrize(
    ("dimension", "kind", "side"), [(2, "triangle", "line"), (3, "tetra", "triangle")]
)
def test_everything_comes_back(dimension: int, kind: str, side: str, tmp_path: Path) -> None:
    made = bricks(dimension)
    random = np.random.default_rng(2)
    n_cell, n_node, n_wall = len(made.cells), len(made.points), len(made.interfaces)
    cell_data = {
        "stress": random.random((n_cell, 6)),
        "tensor": random.random((n_cell, 3, 3)),
        "small": np.arange(n_cell, dtype=np.int32),
        "broken": random.random(n_cell) < 0.5,
    }
    point_data = {
        'c < C & "c"': random.random(n_node).astype(np.float32),
        "displacement": random.random((n_node, dimension)),
    }
    damage = random.random(n_wall)
    damage[0] = np.nan  # a missing value is NaN in every result
    file = tmp_path / "bricks.vtu"
    made.write(file, cell_data=cell_data, point_data=point_data, interface_data={"damage": damage})
    back = meshio.read(file)
    assert [block.type for block in back.cells] == [kind]
    np.testing.assert_array_equal(back.cells[0].data, made.cells)
    np.testing.assert_array_equal(back.points[:, :dimension], made.points)
    np.testing.assert_array_equal(back.points[:, dimension:], 0)
    np.testing.assert_array_equal(back.cell_data["grain"][0], made.grain)
    np.testing.assert_array_equal(
        back.cell_data["c_axis"][0], made.orientation[made.grain] @ [0, 0, 1]
    )
    for name, values in cell_data.items():
        np.testing.assert_array_equal(
            back.cell_data[name][0], values.reshape(*values.shape[:1], -1).squeeze()
        )
    for name, values in point_data.items():
        read = back.point_data[name]
        assert read.dtype == values.dtype
        # Vectors of the plane have got a third component, which viewers ask for.
        np.testing.assert_array_equal(read[..., :dimension] if values.ndim > 1 else read, values)
    walls = meshio.read(tmp_path / "bricks_interfaces.vtu")
    assert [block.type for block in walls.cells] == [side]
    np.testing.assert_array_equal(walls.cells[0].data, made.interfaces[:, :dimension])
    np.testing.assert_array_equal(walls.cell_data["grains"][0], made.interface_grains)
    np.testing.assert_array_equal(walls.cell_data["damage"][0], damage)
    assert set(walls.point_data) == set(point_data)


def test_walls_are_written_on_request_only(tmp_path: Path) -> None:
    bricks(2).write(tmp_path / "a.vtu")
    assert [file.name for file in tmp_path.iterdir()] == ["a.vtu"]
    bricks(2).write(tmp_path / "b.vtu", interfaces=True)
    assert (tmp_path / "b_interfaces.vtu").exists()


def test_a_single_crystal_has_a_file_of_no_walls(tmp_path: Path) -> None:
    points, cells = meshes.box((1, 1))
    made = mesh.assemble(points, cells, [0, 0], np.eye(3))
    made.write(tmp_path / "one.vtu", interfaces=True)
    # meshio does not read meshes without cells, which VTK does.
    assert b'NumberOfPoints="4" NumberOfCells="0"' in (tmp_path / "one_interfaces.vtu").read_bytes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"cell_data": {"grain": np.zeros(12)}}, "cell_data may not hold 'grain'"),
        ({"cell_data": {"x": np.zeros(11)}}, r"cell_data\['x'\] must have 12 rows"),
        ({"cell_data": {"x": 1.0}}, r"cell_data\['x'\] must have 12 rows"),
        ({"point_data": {"x": ["a"]}}, r"point_data\['x'\] must hold real numbers"),
        ({"point_data": {"x": np.zeros(3, complex)}}, r"point_data\['x'\] must hold real numbers"),
        ({"interface_data": {"x": np.zeros(100)}}, r"interface_data\['x'\] must have"),
        ({"interface_data": {"grains": [0]}}, "interface_data may not hold 'grains'"),
    ],
)
def test_data_that_do_not_fit_are_refused_and_leave_no_file(
    data: dict[str, dict[str, object]], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said):
        bricks(2).write(tmp_path / "a.vtu", **data)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_on_request_only(tmp_path: Path) -> None:
    file = tmp_path / "a.vtu"
    file.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        bricks(2).write(file)
    assert file.read_text() == "mine"
    bricks(2).write(file, overwrite=True)
    assert len(meshio.read(file).cells[0].data) == 12
