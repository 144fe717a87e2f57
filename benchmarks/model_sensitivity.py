"""What the model's outcome owes to each of its unknowns, as a table for the docs.

usage: python benchmarks/model_sensitivity.py [--folder build/sensitivity]

A disc of Table 1, passivated on one half, charged at 1C to 4.3 V; one unknown is changed at a time,
each row with the same seeds of grains. What is finished in the folder is not run again. Writes
docs/benchmarks/model_sensitivity.md and .csv.
"""

from __future__ import annotations

import argparse
import datetime
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from nmcx import chemomechanics as cm
from nmcx import materials, mesh

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "benchmarks" / "model_sensitivity.md"

BASE: dict[str, Any] = {
    "eigenstrain": "table",
    "c_rate": 1.0,
    "layer_nm": 50.0,
    "grain_size_um": 2.0,
    "cohesive_stiffness": 1.8e19,
    "wet_opening_nm": 1.0,
    "stress_drive": "none",  # a fifth of the work; what it does is told on the coupled page
}
CHANGES: dict[str, list[Any]] = {
    "eigenstrain": ["linear", "isotropic"],
    "c_rate": [0.5, 2.0],
    "layer_nm": [10.0, 100.0],
    "grain_size_um": [1.4, 2.8],
    "cohesive_stiffness": [1e18, 1e20],
    "wet_opening_nm": [0.5, 2.0],
}
SEEDS = (1, 2, 3)


def particle(
    seed: int,
    eigenstrain: str,
    c_rate: float,
    layer_nm: float,
    grain_size_um: float,
    cohesive_stiffness: float,
    wet_opening_nm: float,
    stress_drive: str,
) -> dict[str, Any]:
    """Arguments of `chemomechanics.simulate` for one row."""
    parameters = materials.NMC811.replace(cohesive_stiffness=cohesive_stiffness)
    grains = mesh.disc(5e-6, grain_size=1e-6 * grain_size_um, size=0.4e-6, seed=seed)
    half = grains.points[grains.surface].mean(axis=1)[:, 0] > 0
    layer = cm.layer_conductance(1e-9 * layer_nm, parameters.diffusivity_layer)
    return {
        "mesh": grains,
        "parameters": parameters,
        "protocol": cm.Charge(c_rate, until=0.22, cutoff=4.3),
        "surface": cm.ButlerVolmer(layer_conductance=np.where(half, layer, np.inf)),
        "coupling": cm.Coupling(stress_drive=stress_drive, wet_opening=1e-9 * wet_opening_nm),
        "eigenstrain": eigenstrain,
        "states": 12,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "sensitivity")
    arguments = parser.parse_args()
    started = time.process_time()
    found = cm.sensitivity(
        particle, BASE, CHANGES, arguments.folder, seeds=SEEDS, threads=1,
        progress=lambda done, total, label: print(f"{done} of {total}: {label}", flush=True),
    )  # fmt: skip
    print(f"{time.process_time() - started:.0f} s of processor time")
    for note in found.notes:
        print(note)
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    revision = subprocess.run(commit, capture_output=True, text=True, check=True).stdout.strip()
    date = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    TABLE.write_text(
        f"{found.to_markdown()}\nMeans over {len(SEEDS)} seeds, computed on {date} at commit "
        f"`{revision}`.\n"
    )
    TABLE.with_suffix(".csv").write_text(found.to_csv())


if __name__ == "__main__":
    main()
