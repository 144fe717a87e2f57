"""A particle measured, simulated and compared by one run file: what several tests look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nmcx import chemomechanics as cm
from nmcx import io, phantom, run

MODEL = """
[model]
n_grains = 5
size_um = 1.1
largest_layer_nm = 60
protocol = ["charge c_rate=1 until=0.85"]
states = 2
seed = 3
contributions = true

[fracture]
max_step = 0.2

[coupling]
stress_drive = "none"

[compare]
n_member = 3
n_turned = 3
workers = 2
"""


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run file of a particle that the model has cracked, measuring sections only."""
    folder = tmp_path_factory.mktemp("modelled")
    made = phantom.modelled_particle(
        1, radius_um=2.5, n_grains=6, largest_layer=100e-9, patch=0.5, contrast=0.6, size=1.0e-6,
        voxel_size_um=0.25, states=1, max_step=0.1, protocol=cm.Charge(1.0, until=0.9),
    )  # fmt: skip
    path = made.write(folder)["run"]
    text = path.read_text(encoding="utf-8")
    text = text.replace("[cones]\n", "[cones]\nn_directions = 400\nhalf_angle_deg = [20, 35]\n")
    text += "robustness = false\n\n[correlation]\nn_null = 99\n"
    path.write_text(text, encoding="utf-8")
    return path


def beside(measured: Path, name: str, more: str) -> Path:
    path = measured.with_name(name)
    path.write_text(measured.read_text(encoding="utf-8") + more, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def ran(measured: Path) -> run.RunResult:
    said = []
    result = run.run(
        beside(measured, "whole.toml", MODEL),
        progress=lambda done, total, label: said.append((done, total, label)),
    )
    done = [each[0] for each in said]
    assert done == sorted(done) and done[-1] == said[-1][1]
    assert {"model", "model and experiment", "report"} <= {each[2] for each in said}
    return result


@pytest.fixture(scope="session")
def held(ran: run.RunResult) -> dict[str, Any]:
    return io.load(ran.folder / "result.nxs")
