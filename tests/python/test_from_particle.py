"""Meshes of imaged particles: where they lie, what stays open, what is said of what is lost."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from test_from_labels import check_watertight

from nmcx import mesh
from nmcx.mesh.uncut import before_the_cuts, hanging_together, neighbours
from nmcx.results import Mesh, Particle

Mask = NDArray[np.bool_]
# A different voxel along each axis, and a different number of voxels to a cell.
STEP = (0.06, 0.05, 0.04)


def asymmetric() -> Particle:
    """Three blocks of different lengths, with a slot from one side and a closed hole."""
    solid = np.zeros((50, 72, 100), dtype=bool)
    solid[6:42, 6:34, 8:92] = True
    solid[6:42, 34:64, 8:44] = True
    solid[6:24, 34:64, 44:70] = True
    envelope = solid.copy()
    solid[14:22, 6:20, 60:92] = False
    solid[18:32, 42:56, 18:34] = False
    return Particle(solid, envelope, STEP)


BLOCKS = asymmetric()
MESH = mesh.from_particle(BLOCKS, n_grains=12, size=0.3e-6, seed=1)


def at_cells(made: Mesh, volume: NDArray[np.generic]) -> NDArray[np.generic]:
    """Value of the image at the middle of each cell."""
    middle = mesh.image_position(made.points[made.cells].mean(axis=1)) / STEP
    index = np.clip(np.rint(middle).astype(int), 0, np.array(volume.shape) - 1)
    return volume[tuple(index.T)]


def n_pieces(made: Mesh) -> tuple[int, list[int]]:
    """Bodies, and pieces of each grain, that hang together by facets."""
    node, _ = before_the_cuts(made)
    pairs, _ = neighbours(node[made.cells])
    bodies = hanging_together(len(made.cells), pairs)
    same = made.grain[pairs[:, 0]] == made.grain[pairs[:, 1]]
    pieces = hanging_together(len(made.cells), pairs[same])
    return bodies.max() + 1, [len(np.unique(pieces[made.grain == g])) for g in range(made.n_grain)]


def test_positions_go_to_the_mesh_and_back() -> None:
    at = np.random.default_rng(1).uniform(-5, 5, (7, 3))
    # Two roundings.
    np.testing.assert_allclose(mesh.image_position(mesh.mesh_position(at)), at, rtol=1e-15)
    assert mesh.mesh_position([3.0, 2.0, 1.0]) == pytest.approx([1e-6, 2e-6, 3e-6])
    assert mesh.mesh_position([2.0, 1.0]) == pytest.approx([1e-6, 2e-6])
    with pytest.raises(ValueError, match="position"):
        mesh.image_position(3.0)


def test_a_particle_without_symmetry_comes_back_at_its_place() -> None:
    solid_at = np.argwhere(BLOCKS.solid) * STEP
    middle = mesh.image_position(
        np.average(MESH.points[MESH.cells].mean(axis=1), axis=0, weights=MESH.volume)
    )
    # Rounded edges move the centroid by a few hundredths of an edge length.
    np.testing.assert_allclose(middle, solid_at.mean(axis=0), atol=0.03)
    # What differs are cells whose middle is within half a voxel of a wall.
    assert np.average(at_cells(MESH, BLOCKS.solid), weights=MESH.volume) > 0.98
    assert MESH.settings["solid_um3"] == pytest.approx(BLOCKS.solid.sum() * np.prod(STEP), rel=1e-6)


def test_the_volume_comes_back_as_cells_get_small() -> None:
    # Sharp edges are rounded over the size: their volume falls with its square.
    lost = []
    for size in (0.4e-6, 0.22e-6):
        made = mesh.from_particle(BLOCKS, n_grains=12, size=size, seed=1)
        lost.append(1 - made.settings["meshed_um3"] / made.settings["solid_um3"])
    assert 0 < lost[1] < 0.025 and lost[1] < 0.3 * lost[0]


def test_the_mesh_is_one_body_of_whole_grains() -> None:
    check_watertight(MESH)
    bodies, pieces = n_pieces(MESH)
    assert bodies == 1 and pieces == [1] * MESH.n_grain
    assert np.degrees(mesh.quality(MESH).angle_least) > 10.0


def test_cracks_cut_grains_in_parts_that_are_grains() -> None:
    # A comb of three long teeth and two seeds, the one amid the tips of the teeth.
    solid = np.zeros((16, 40, 80), dtype=bool)
    solid[2:14, 2:38, 2:12] = True
    for first in (2, 15, 28):
        solid[2:14, first : first + 10, 12:78] = True
    made = mesh.from_particle(Particle(solid, solid, 0.05), n_grains=2, size=0.15e-6, seed=1)
    bodies, pieces = n_pieces(made)
    assert bodies == 1 and made.n_grain == 4 and pieces == [1] * made.n_grain
    volume = np.bincount(made.grain, made.volume)
    assert volume.min() > 0.5 * volume.mean()
    tips = made.points[made.cells].mean(axis=1)[:, 0] > 3.5e-6
    assert len(np.unique(made.grain[tips])) == 3
    # Other parts of one grain, other orientations.
    c_axis = made.orientation[:, :, 2]
    assert len(np.unique(c_axis.round(6), axis=0)) == 4


def test_what_hangs_loose_is_left_out_and_said() -> None:
    solid = np.zeros((30, 30, 60), dtype=bool)
    solid[4:26, 4:26, 4:34] = True
    solid[8:22, 8:22, 40:54] = True
    made = mesh.from_particle(Particle(solid, solid, 0.1), n_grains=3, size=0.4e-6, seed=1)
    assert made.settings["loose_um3"] == pytest.approx(1.4**3, rel=1e-9)
    assert made.points[:, 0].max() < 3.5e-6
    assert any("hangs together" in note for note in made.notes)


def test_cracks_too_thin_for_the_cells_are_filled_and_said() -> None:
    z, y, x = np.mgrid[-30:31, -30:31, -30:31] * 0.04
    ball = x * x + y * y + z * z < 1.1**2
    thin = ball & ~((np.abs(z) < 0.03) & (x > 0))
    made = mesh.from_particle(Particle(thin, ball, 0.04), n_grains=4, size=0.4e-6, seed=1)
    # All of a crack of one voxel, but where the coarse voxels at the surface see it.
    void = (ball & ~thin).sum() * 0.04**3
    assert made.settings["void_um3"] == pytest.approx(void, rel=1e-3)
    assert made.settings["void_filled_um3"] > 0.5 * void
    assert any("filled" in note for note in made.notes)


def test_grains_too_small_for_the_cells_are_said() -> None:
    made = mesh.from_particle(BLOCKS, n_grains=60, size=0.4e-6, seed=1)
    assert made.n_grain < 60
    assert any("of 60 grains were too small" in note for note in made.notes)
    # Their place is not lost.
    few = mesh.from_particle(BLOCKS, n_grains=6, size=0.4e-6, seed=1)
    assert made.settings["meshed_um3"] == pytest.approx(few.settings["meshed_um3"], rel=0.02)


def test_grains_are_not_given_up_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["nmcx.mesh.from_particle"]  # the function hides it
    monkeypatch.setattr(module, "_TRIES", 1)
    with pytest.raises(ValueError, match="three edges"):
        mesh.from_particle(BLOCKS, n_grains=60, size=0.4e-6, seed=1)


def test_fractions_of_voxels_count_by_their_volume() -> None:
    """A slab of half filled voxels beside full ones is thicker than the full ones alone."""
    shape = (24, 24, 40)
    share = np.zeros(shape, dtype=np.float32)
    share[4:20, 4:20, 4:36] = 1.0
    share[4:20, 4:20, 1:4] = 0.7
    hard = Particle(share == 1.0, share > 0, 0.1)
    soft = Particle(share == 1.0, share > 0, 0.1, solid_fraction=share)
    volume = [
        mesh.from_particle(p, n_grains=2, size=0.25e-6).settings["meshed_um3"] for p in (hard, soft)
    ]
    # Voxels of 0.7 are solid at this resolution: three layers more on 32.
    assert volume[1] / volume[0] == pytest.approx(35 / 32, rel=0.01)


def test_electrolyte_reaches_the_slot_and_not_the_hole() -> None:
    reached = mesh.reached_surface(MESH, BLOCKS)
    middle = mesh.image_position(MESH.points[MESH.surface].mean(axis=1)) / STEP
    in_hole = ((middle > (16, 40, 13)) & (middle < (34, 58, 36))).all(axis=1)
    in_slot = ((middle > (12, 7, 62)) & (middle < (24, 22, 90))).all(axis=1)
    assert in_hole.any() and in_slot.any()
    assert not reached[in_hole].any() and reached[~in_hole].all() and reached[in_slot].all()


def test_a_neck_too_thin_for_the_mesh_leads_through_all_the_same() -> None:
    solid = BLOCKS.solid.copy()
    solid[25, 49, :19] = False
    necked = Particle(solid, BLOCKS.envelope, STEP)
    made = mesh.from_particle(necked, n_grains=12, size=0.3e-6, seed=1)
    assert mesh.reached_surface(made, necked).all()


def test_the_same_seed_gives_the_same_grains() -> None:
    again = mesh.from_particle(BLOCKS, n_grains=12, size=0.3e-6, seed=1, threads=1)
    other = mesh.from_particle(BLOCKS, n_grains=12, size=0.3e-6, seed=2)
    for name in ("points", "cells", "grain", "orientation", "surface"):
        np.testing.assert_array_equal(getattr(again, name), getattr(MESH, name))
    assert len(other.interfaces) != len(MESH.interfaces)


def test_grains_by_their_size_and_with_a_texture() -> None:
    diameter = 0.9
    made = mesh.from_particle(
        BLOCKS, grain_size=diameter * 1e-6, size=0.3e-6, seed=1, texture="radial"
    )
    wanted = BLOCKS.solid.sum() * np.prod(STEP) / (np.pi / 6 * diameter**3)
    assert made.settings["n_seed"] == pytest.approx(wanted, rel=0.03)
    weight = np.bincount(made.grain, made.volume)
    middle = made.points[made.cells].mean(axis=1)
    centre = np.column_stack([np.bincount(made.grain, made.volume * x) / weight for x in middle.T])
    outward = centre - mesh.mesh_position(BLOCKS.centre_um)
    # The c axis lies across the radius.
    np.testing.assert_allclose(
        np.einsum("ij,ij->i", made.orientation[:, :, 2], outward), 0.0, atol=1e-18
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": -1.0, "n_grains": 3}, "size must be positive"),
        ({"size": 0.3e-6}, "one of n_grains and grain_size"),
        ({"size": 0.3e-6, "n_grains": 0}, "n_grains must be a whole number"),
        ({"size": 0.3e-6, "grain_size": np.nan}, "grain_size must be positive"),
        ({"size": 0.3e-6, "n_grains": 10**7}, "more than the"),
        ({"size": 0.3e-6, "n_grains": 3, "texture": "cubic"}, "texture"),
        ({"size": 60e-6, "n_grains": 3}, "smaller size"),
    ],
)
def test_mistakes_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mesh.from_particle(BLOCKS, **options)  # type: ignore[arg-type]


def test_reached_surface_wants_a_mesh_in_space() -> None:
    flat = mesh.disc(2e-6, n_grains=3, size=1e-6)
    with pytest.raises(ValueError, match="tetrahedra"):
        mesh.reached_surface(flat, BLOCKS)
