"""Lithium, hoop stress and damage side by side, and their animation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from nmcx import chemomechanics as cm
from nmcx import materials, mesh, plot
from nmcx.results import History, Mesh

MATERIAL = materials.NMC811_BRITTLE
FULL = MATERIAL.max_concentration


@pytest.fixture(scope="module")
def grains() -> Mesh:
    return mesh.disc(1.5e-6, n_grains=16, size=0.3e-6, seed=1)


@pytest.fixture(scope="module")
def history(grains: Mesh) -> History:
    return cm.simulate(
        grains, MATERIAL, protocol=cm.Charge(1.0, until=0.5), states=3, threads=1,
        coupling=cm.Coupling(stress_drive="none"),
    )  # fmt: skip


def at_nodes(grains: Mesh, values: np.ndarray) -> np.ndarray:
    """Mean of the cells that a node belongs to, by volume; no cell of another grain has it."""
    means = np.empty(len(grains.points))
    for node in range(len(means)):
        around = (grains.cells == node).any(axis=1)
        means[node] = np.average(values[around], weights=grains.volume[around])
    return means


def test_panels_show_what_the_history_holds(grains: Mesh, history: History) -> None:
    right = grains.points[grains.surface].mean(axis=1)[:, 0] > 0
    figure = plot.coupled_fields(
        grains, history, max_concentration=FULL, contents=[0.81, 0.5], passivated=right
    )
    lithium, hoop, damage = (figure.axes[2 * row + 1] for row in range(3))
    (content,) = (c for c in lithium.collections if c.get_cmap().name == "cividis")
    x = history.concentration[-1] / FULL
    # The mean over the volume, and the values at nodes.
    np.testing.assert_allclose(content.get_array(), x - 0.5, atol=1e-12)
    # Hoop stress from the tensor's components in polar axes about the centre.
    at = grains.points[grains.cells].mean(axis=1)
    angle = np.arctan2(*(at - np.average(at, axis=0, weights=grains.volume)).T[::-1])
    c, s = np.cos(angle), np.sin(angle)
    xx, yy, _, _, _, xy = history.stress[-1].T
    (stress,) = (c for c in hoop.collections if c.get_cmap().name == "PuOr_r")
    scale = np.abs(history.stress[-1]).max() / 1e6
    exact = at_nodes(grains, (xx * s**2 + yy * c**2 - 2 * xy * s * c) / 1e6)
    np.testing.assert_allclose(stress.get_array(), exact, atol=1e-12 * scale)
    low, high = stress.get_clim()
    assert low == -high
    assert np.mean(np.abs(exact) > high) < 0.05
    lines = [c for c in damage.collections if isinstance(c, LineCollection)]
    (walls,) = (c for c in lines if c.get_array() is not None)
    np.testing.assert_array_equal(walls.get_array(), history.damage[-1])
    assert walls.get_clim() == (0.0, 1.0)
    (ground,) = (
        c for c in lines if np.array_equal(np.asarray(c.get_linewidths()) > 0, history.wetted[-1])
    )
    assert history.wetted[-1].any() and len(ground.get_segments()) == len(grains.interfaces)
    (layer,) = (c for c in lines if len(c.get_segments()) == right.sum())
    assert np.all(np.mean(layer.get_segments(), axis=1)[:, 0] > 0)
    assert figure.axes[0].get_title().startswith("mean x = 0.800")
    assert figure.axes[1].get_title().startswith("mean x = 0.500")


def test_compared_panels_share_one_scale(grains: Mesh, history: History) -> None:
    pair = {"one": history, "other": history}
    figure = plot.coupled_comparison(
        grains, pair, field="hoop_stress", max_concentration=FULL, contents=[0.8, 0.65, 0.5]
    )
    maps = [c for ax in figure.axes[:6] for c in ax.collections if c.get_cmap().name == "PuOr_r"]
    assert len(maps) == 6 and len({m.get_clim() for m in maps}) == 1
    # Rows are states of charge, columns histories.
    for i, row in enumerate(np.reshape(maps, (3, 2))):
        exact = at_nodes(grains, cm.hoop_stress(grains, history.stress[i + 1]) / 1e6)
        for shown in row:
            np.testing.assert_allclose(shown.get_array(), exact, atol=1e-9)
    assert figure.axes[2].get_ylabel() == "mean x = 0.65"
    with pytest.raises(ValueError, match="field must be one of lithium"):
        plot.coupled_comparison(
            grains, pair, field="stress", max_concentration=FULL, contents=[0.5]
        )
    other = mesh.disc(1.5e-6, n_grains=8, size=0.4e-6, seed=1)
    with pytest.raises(ValueError, match="history must be of this mesh"):
        plot.coupled_fields(other, history, max_concentration=FULL)


def test_an_animation_plays_every_saved_time(
    grains: Mesh, history: History, tmp_path: Path
) -> None:
    path = plot.animate(
        grains, history, tmp_path / "one.gif", max_concentration=FULL, frame_duration=0.2, dpi=50
    )
    quarters, durations = [], []
    with Image.open(path) as film:
        assert film.n_frames == len(history.times)
        assert film.info["loop"] == 0
        for i in range(film.n_frames):
            film.seek(i)
            durations.append(film.info["duration"])
            picture = np.asarray(film.convert("RGB"), dtype=int)
            quarters.append(picture[3 * picture.shape[0] // 4 :])
    # In the lowest quarter nothing moves but the mark that runs along the potential.
    moved = [np.abs(q - np.median(quarters, axis=0)).sum(axis=2) > 100 for q in quarters]
    marks = [np.nonzero(where)[1].mean() for where in moved]
    assert durations == [200, 200, 200, 1200]
    steps = np.diff(marks)
    # Time goes evenly from left to right, to a pixel or so.
    assert np.all(steps > 0) and np.ptp(steps) < 3.0
    again = plot.animate(
        grains, history, tmp_path / "two.gif", max_concentration=FULL, frame_duration=0.2, dpi=50
    )
    assert again.read_bytes() == path.read_bytes()
    fewer = plot.animate(
        grains, history, tmp_path / "few.gif", max_concentration=FULL, n_frames=2, dpi=50
    )
    with Image.open(fewer) as film:
        assert film.n_frames == 2


def test_what_cannot_be_animated_is_said(grains: Mesh, history: History, tmp_path: Path) -> None:
    for name, options, message in (
        ("film.mp4", {}, "must end in .gif"),
        ("film.gif", {"n_frames": 1}, "two saved times and two frames"),
        ("film.gif", {"dpi": 0.0}, "positive and finite"),
    ):
        with pytest.raises(ValueError, match=message):
            plot.animate(grains, history, tmp_path / name, max_concentration=FULL, **options)
    assert not list(tmp_path.iterdir())
