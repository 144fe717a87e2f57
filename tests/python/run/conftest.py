"""The files of a small synthetic measurement, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from model_runs import held as held
from model_runs import measured as measured
from model_runs import ran as ran

from nmcx import phantom, run


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    made = phantom.particle(seed=1, shape=(40, 36, 38), voxel_size_um=0.3, map_shape=(32, 32))
    made.write(folder)
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small demonstration, made once."""
    size: dict[str, Any] = {"shape": (40, 36, 38), "voxel_size_um": 0.3, "map_shape": (32, 32)}
    return run.demo(tmp_path_factory.mktemp("demonstration") / "demo", seed=2, **size)[0].folder
