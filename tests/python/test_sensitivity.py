"""One unknown at a time: rows are whole simulations, and changes have the sign of the physics."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcx import chemomechanics as cm
from nmcx import materials, mesh
from nmcx.results import ModelSensitivity

BASE = {"strength": 200e6, "eigenstrain": "table", "c_rate": 1.0}
CHANGES: dict[str, list[Any]] = {
    "strength": [100e6, 400e6],
    "eigenstrain": ["isotropic"],
    "c_rate": [400.0],
}
SEEDS = (1, 2)


def particle(seed: int, strength: float, eigenstrain: str, c_rate: float) -> dict[str, Any]:
    return {
        "mesh": mesh.disc(1.5e-6, n_grains=5, size=0.5e-6, seed=seed),
        "parameters": materials.NMC811.replace(strength=strength),
        "protocol": cm.Charge(c_rate, until=0.6),
        "coupling": cm.Coupling.one_way(),
        "eigenstrain": eigenstrain,
        "states": 3,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sensitivity")


@pytest.fixture(scope="module")
def found(folder: Path) -> ModelSensitivity:
    return cm.sensitivity(particle, BASE, CHANGES, folder, seeds=SEEDS, threads=1)


def row(found: ModelSensitivity, unknown: str) -> int:
    return found.unknown.index(unknown)


def test_the_base_is_a_plain_simulation_to_the_bit(found: ModelSensitivity) -> None:
    assert found.unknown[0] == ""
    for k, seed in enumerate(SEEDS):
        arguments = particle(seed, **BASE)
        grains, history = arguments["mesh"], cm.simulate(**arguments, threads=2)
        area = grains.interface_area
        assert found.dissipated[0, k] == history.dissipated[-1]
        assert found.potential[0, k] == history.potential[-1]
        assert found.reactive_area[0, k] == history.reactive_area[-1]
        assert found.mean_damage[0, k] == history.damage[-1] @ area / area.sum()
        is_open = (history.damage[-1] >= 0.95) & (history.opening[-1] >= 1e-9)
        assert found.crack_area[0, k] == area[is_open].sum()
        # A hundredth of the volume, to one cell, carries more than the largest of all states.
        hoop = cm.hoop_stress(grains, history.stress)
        above = np.array([grains.volume[values > found.hoop_stress[0, k]].sum() for values in hoop])
        share = above.max() / grains.volume.sum()
        assert 0.01 - 2 * grains.volume.max() / grains.volume.sum() < share <= 0.01
        assert found.extracted[0, k] == pytest.approx(1 - 0.6 / 0.95, abs=1e-9)


def test_changes_have_the_sign_of_the_physics(found: ModelSensitivity) -> None:
    damage = found.relative_change("mean_damage")
    weaker, stronger = damage[row(found, "strength") :][:2]
    # One way, lithium is the same in all. Weaker walls give way sooner.
    assert np.all(weaker > 0) and np.all(stronger < 0)
    # Grains that all shrink alike pull at each other by gradients of lithium only.
    alike = row(found, "eigenstrain")
    assert np.all(damage[alike] < -0.3)
    assert np.all(found.relative_change("hoop_stress")[alike] < 0)
    assert np.all(found.relative_change("dissipated")[0] == 0.0)


def test_what_stops_is_told_and_compared_no_further(found: ModelSensitivity) -> None:
    stopped = row(found, "c_rate")
    assert not found.finished[stopped].any() and found.finished[:stopped].all()
    assert np.all(found.extracted[stopped] < found.extracted[0])
    assert len(found.notes) == len(SEEDS)
    assert found.notes[0].startswith("c_rate_400.0_seed_1 stopped:")
    line = next(text for text in found.to_markdown().splitlines() if text.startswith("| c_rate"))
    assert line.startswith("| c_rate | 400.0 * |")


def test_tables_hold_all_rows(found: ModelSensitivity) -> None:
    rows = list(csv.DictReader(found.to_csv().splitlines()))
    assert len(rows) == len(found.unknown) * len(SEEDS)
    for at, line in zip(np.ndindex(len(found.unknown), len(SEEDS)), rows, strict=True):
        assert (line["unknown"], line["seed"]) == (found.unknown[at[0]], str(SEEDS[at[1]]))
        assert float(line["dissipated"]) == found.dissipated[at]
    table = [text.split("|")[1:-1] for text in found.to_markdown().splitlines()]
    assert len(table) == 2 + len(found.unknown) and {len(line) for line in table} == {9}
    # In the plane areas and energies are per length.
    assert "crack length [µm]" in found.to_markdown()
    mean = 1e6 * found.crack_area[1].mean()
    change = 100 * found.relative_change("crack_area")[1]
    error = change.std(ddof=1) / np.sqrt(2)
    assert table[3][5].strip() == f"{mean:.1f} ({change.mean():+.1f} ± {error:.1f} %)"
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + len(found.unknown) and "isotropic" in html


def test_what_is_finished_is_not_run_again(found: ModelSensitivity, folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (folder / "members").glob("*.nxs")}
    again = cm.sensitivity(particle, BASE, CHANGES, folder, seeds=SEEDS, threads=1)
    assert {p: p.stat().st_mtime_ns for p in (folder / "members").glob("*.nxs")} == before
    assert again.to_csv() == found.to_csv()


@pytest.mark.parametrize(
    ("base", "changes", "seeds", "message"),
    [
        (BASE, {"stiffness": [1.0]}, (1,), "'stiffness' is no unknown of the base"),
        (BASE, {"strength": [1e8, 200e6]}, (1,), "is the base; leave it out"),
        (BASE, {"strength": [1e8, 1e8]}, (1,), "holds a value twice"),
        (BASE, {}, (), "one seed at least"),
        (BASE, {}, (1, 1), "holds a value twice"),
        ({**BASE, "seed": 1}, {}, (1,), "one seed at least, and base none"),
        ({**BASE, "c_rate": [1.0]}, {}, (1,), "numbers and texts; c_rate is"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(
    base: dict[str, Any], changes: dict[str, Any], seeds: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        cm.sensitivity(particle, base, changes, tmp_path / "kept", seeds=seeds)
    assert not (tmp_path / "kept").exists()


def test_there_is_no_change_of_what_is_no_outcome(found: ModelSensitivity) -> None:
    with pytest.raises(ValueError, match="outcome must be one of extracted"):
        found.relative_change("stress")
