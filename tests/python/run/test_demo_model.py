"""The model's part of the demonstration, small."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from nmcx import chemomechanics as cm
from nmcx import run, run_file
from nmcx.errors import OutputError
from nmcx.results import History

SMALL = {
    "polycrystal": {"n_grains": 6, "size_um": 1.5},
    "transport": {"states": 1, "protocol": ["charge c_rate=1 until=0.7"]},
}


def test_the_demonstration_charges_a_half_passivated_particle(tmp_path: Path) -> None:
    job = run.demo_model(tmp_path, seed=2, given=SMALL)
    assert job.folder == tmp_path / "model"
    assert {"fields.png", "animation.gif", "history.vtkhdf", "walls.vtkhdf"} <= {
        path.name for path in job.folder.iterdir()
    }
    assert isinstance(job.history, History)
    x = job.history.concentration[-1] / job.max_concentration
    right = job.mesh.points[:, 0] > 0
    # Less lithium has left through the passivated half, by far more than the grains' scatter.
    assert x[right].mean() > x[~right].mean() + 0.02
    assert job.history.damage[-1].max() > 0.5
    with Image.open(job.folder / "animation.gif") as film:
        assert film.n_frames == 2
    with h5py.File(job.folder / "history.vtkhdf") as file:
        hoop = file["VTKHDF/CellData/hoop_stress"][:].reshape(2, -1)
    np.testing.assert_array_equal(hoop, cm.hoop_stress(job.mesh, job.history.stress))
    file = run_file.read_simulation(tmp_path / "data" / "model.toml")
    assert file.polycrystal.seed == 2 and file.transport.layer_side == "half"
    with pytest.raises(OutputError, match="--force"):
        run.demo_model(tmp_path, given=SMALL)
