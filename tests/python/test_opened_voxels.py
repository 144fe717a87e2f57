"""Opened walls as void in voxels: all of their volume, where they are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmcx import comparison, cones, mesh
from nmcx.results import Particle

STEP = (0.11, 0.09, 0.07)


def block(shape: tuple[int, int, int] = (24, 30, 60), step: Any = STEP) -> Particle:
    solid = np.zeros(shape, dtype=bool)
    solid[3:-3, 3:-3, 3:-3] = True
    return Particle(solid, solid, step)


BLOCK = block()
GRAINS = mesh.from_particle(BLOCK, n_grains=10, size=0.35e-6, seed=1)


def walls(triangles_um: Any) -> Any:
    """What stands for a mesh whose walls are triangles (k, 3, 3), (z, y, x) [µm]."""
    corners = np.asarray(triangles_um, dtype=float).reshape(-1, 3)
    n = len(corners) // 3
    facet = np.arange(3 * n).reshape(n, 3)
    at = corners.reshape(n, 3, 3)
    normal = np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
    return SimpleNamespace(
        points=mesh.mesh_position(corners),
        interfaces=np.hstack([facet, facet]),
        interface_area=0.5e-12 * np.linalg.norm(normal, axis=1),
        dimension=3,
    )


def moments(share: NDArray[np.float64], step: Any) -> NDArray[np.float64]:
    at = np.argwhere(share > 0)
    return np.average(at * np.asarray(step), axis=0, weights=share[tuple(at.T)])


def test_all_of_the_opened_volume_arrives_where_the_walls_are() -> None:
    # Openings that grow along each axis differently: an exchange or reversal of axes would show.
    middle = mesh.image_position(GRAINS.points[GRAINS.interfaces[:, :3]].mean(axis=1))
    opening = 1e-9 * (middle @ [1.0, 3.0, 9.0])
    share = comparison.opened_voxels(GRAINS, opening, BLOCK)
    amount = GRAINS.interface_area * opening
    # Rounding only.
    assert share.sum() * np.prod(STEP) * 1e-18 == pytest.approx(amount.sum(), rel=1e-12)
    # Each piece moves by half a voxel at most, and many of them by nothing in the mean.
    expected = np.average(middle, axis=0, weights=amount)
    np.testing.assert_allclose(moments(share, STEP), expected, atol=0.02)
    assert share[~BLOCK.solid].sum() == 0.0


def test_closed_walls_open_nothing() -> None:
    opening = np.full(len(GRAINS.interfaces), -1e-10)
    assert not comparison.opened_voxels(GRAINS, opening, BLOCK).any()


def test_a_wall_across_voxels_opens_the_same_share_of_each() -> None:
    # A rectangle in the plane z = 10.2 voxels, over whole voxels in y and x, of two triangles.
    z, (y0, y1), (x0, x1) = 10.2 * 0.1, (7.5 * 0.1, 17.5 * 0.1), (9.5 * 0.1, 29.5 * 0.1)
    a, b, c, d = (z, y0, x0), (z, y0, x1), (z, y1, x1), (z, y1, x0)
    share = comparison.opened_voxels(
        walls([a, b, c, a, c, d]), np.array([4e-9, 4e-9]), block(step=0.1)
    )
    inside = share[10, 8:18, 10:30]
    assert share.sum() == pytest.approx(200 * 0.04, rel=1e-12)
    assert inside.sum() == pytest.approx(share.sum(), rel=1e-12)
    # Pieces are half a voxel: along the diagonal a voxel may get one more or less than its four.
    assert inside.mean() == pytest.approx(0.04, rel=1e-12)
    assert np.abs(inside - 0.04).max() < 0.021


def test_a_wide_opening_fills_the_voxels_on_both_sides() -> None:
    z, (y0, y1), (x0, x1) = 10.5 * 0.1, (7.5 * 0.1, 17.5 * 0.1), (9.5 * 0.1, 29.5 * 0.1)
    a, b, c, d = (z, y0, x0), (z, y0, x1), (z, y1, x1), (z, y1, x0)
    share = comparison.opened_voxels(walls([a, b, c, a, c, d]), np.full(2, 0.4e-6), block(step=0.1))
    # From 8.5 to 12.5 voxels: four layers, full, and no voxel has more than it can open.
    assert share.sum() == pytest.approx(800, rel=1e-12)
    assert share[9:13, 8:18, 10:30].mean() == pytest.approx(1.0, abs=0.03)
    assert share.max() <= 1.0 + 1e-12


def test_a_wall_in_void_opens_the_nearest_solid() -> None:
    body = block(step=0.1)
    triangle = [(0.12, 1.0, 2.0), (0.12, 1.0, 2.3), (0.12, 1.3, 2.0)]
    share = comparison.opened_voxels(walls(triangle), np.array([3e-9]), body)
    assert share.sum() * 1e-3 == pytest.approx(0.045 * 3e-3, rel=1e-12)
    assert share[3].sum() == pytest.approx(share.sum(), rel=1e-12)


def test_more_than_there_is_cannot_open() -> None:
    solid = np.zeros((9, 9, 9), dtype=bool)
    solid[4, 4, 4] = True
    triangle = [(0.4, 0.35, 0.35), (0.4, 0.35, 0.45), (0.4, 0.45, 0.35)]
    with pytest.raises(ValueError, match="larger than the solid"):
        comparison.opened_voxels(walls(triangle), np.array([0.3e-6]), Particle(solid, solid, 0.1))


def test_cones_count_the_opened_volume() -> None:
    opening = np.linspace(0, 20e-9, len(GRAINS.interfaces))
    cracked = comparison.cracked_particle(GRAINS, opening, BLOCK)
    share = comparison.opened_voxels(GRAINS, opening, BLOCK)
    directions, angles = cones.fibonacci_directions(20), np.deg2rad([25.0, 60.0, 180.0])
    found = cones.cone_porosity(cracked, directions, angles, soft=True)
    at = np.argwhere(BLOCK.envelope) * STEP - np.asarray(BLOCK.centre_um)
    weight = share[BLOCK.envelope]
    distance = np.linalg.norm(at, axis=1)
    for i, n in enumerate(directions):
        for j, angle in enumerate(angles):
            inside = at @ n >= distance * np.cos(angle)
            # Fractions are held in single precision.
            assert found.porosity[i, j] == pytest.approx(weight[inside].mean(), rel=1e-5)
    assert np.array_equal(cracked.solid, BLOCK.solid)


def test_imaged_pores_stay_and_fractions_count() -> None:
    fraction = np.where(BLOCK.solid, 0.8, 0.0).astype(np.float32)
    soft = Particle(BLOCK.solid, BLOCK.envelope, STEP, solid_fraction=fraction)
    opening = np.full(len(GRAINS.interfaces), 10e-9)
    cracked = comparison.cracked_particle(GRAINS, opening, soft)
    opened = (GRAINS.interface_area * opening).sum() / (
        BLOCK.envelope.sum() * np.prod(STEP) * 1e-18
    )
    assert cracked.soft_porosity == pytest.approx(0.2 + opened, abs=1e-6)


def test_mistakes_are_named() -> None:
    n = len(GRAINS.interfaces)
    with pytest.raises(ValueError, match="one value per wall facet"):
        comparison.opened_voxels(GRAINS, np.zeros(n + 1), BLOCK)
    with pytest.raises(ValueError, match="finite"):
        comparison.opened_voxels(GRAINS, np.full(n, np.nan), BLOCK)
    empty = Particle(np.zeros_like(BLOCK.solid), BLOCK.envelope, STEP)
    with pytest.raises(ValueError, match="no solid"):
        comparison.opened_voxels(GRAINS, np.ones(n), empty)
