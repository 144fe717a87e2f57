"""Meshes from label images: where they lie, how true they are, what is said of what they lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from nmcx import mesh
from nmcx.mesh.clipped import clip
from nmcx.results import Mesh

Labels = NDArray[np.int64]


def grid(n: tuple[int, ...], step: tuple[float, ...] | float) -> list[NDArray[np.float64]]:
    """Coordinates of voxel centres along the axes of an image, the first voxel at the origin."""
    steps = np.broadcast_to(step, len(n))
    return list(np.meshgrid(*(np.arange(k) * s for k, s in zip(n, steps, strict=True)),
                            indexing="ij"))  # fmt: skip


def ball_image(radius: float, step: float) -> tuple[Labels, float]:
    """One grain in the middle of an image, and where its middle is along each axis."""
    n = 2 * int(np.ceil(radius / step)) + 9
    middle = 0.5 * (n - 1) * step
    z, y, x = (axis - middle for axis in grid((n, n, n), step))
    return (x * x + y * y + z * z <= radius**2).astype(np.int64), middle


def voronoi_image(seeds: NDArray[np.float64], radius: float, step: float) -> tuple[Labels, float]:
    n = 2 * int(np.ceil(radius / step)) + 9
    middle = 0.5 * (n - 1) * step
    z, y, x = (axis.ravel() - middle for axis in grid((n, n, n), step))
    at = np.column_stack([x, y, z])
    label = cKDTree(seeds).query(at)[1] + 1
    label[np.einsum("ij,ij->i", at, at) > radius**2] = 0
    return label.reshape((n, n, n)), middle


def random_blobs(shape: tuple[int, ...], n_label: int, width: float, seed: int) -> Labels:
    """Grains of any form and number of pieces: where the largest of smooth random fields is."""
    rng = np.random.default_rng(seed)
    fields = [gaussian_filter(rng.standard_normal(shape), width) for _ in range(n_label)]
    return np.argmax(fields, axis=0).astype(np.int64)


def centroids(made: Mesh) -> NDArray[np.float64]:
    """(n_grain, d) of the grains [m]."""
    weight = made.volume
    middle = made.points[made.cells].mean(axis=1)
    total = np.bincount(made.grain, weight)
    return np.column_stack([np.bincount(made.grain, weight * m) / total for m in middle.T])


def check_watertight(made: Mesh) -> None:
    """The volume inside walls and surface is that of the cells, and each grain is closed.

    A facet that differs between the two sides of a wall would belong to the surface.
    """
    d = made.dimension
    area = np.zeros((made.n_grain, d))
    enclosed = np.zeros(made.n_grain)
    grain_of_node = np.zeros(len(made.points), dtype=np.int64)
    grain_of_node[made.cells] = made.grain[:, None]
    for facets in (made.surface, made.interfaces[:, :d], made.interfaces[:, d:][:, ::-1]):
        at = made.points[facets]
        edge = at[:, 1:] - at[:, :1]
        normal = (
            0.5 * np.cross(edge[:, 0], edge[:, 1])
            if d == 3
            else np.column_stack([edge[:, 0, 1], -edge[:, 0, 0]])
        )
        grain = grain_of_node[facets[:, 0]]
        np.add.at(area, grain, normal)
        np.add.at(enclosed, grain, np.einsum("ij,ij->i", normal, at.mean(axis=1)) / d)
    volume = np.bincount(made.grain, made.volume)
    np.testing.assert_allclose(enclosed, volume, rtol=1e-9)
    np.testing.assert_allclose(area, 0.0, atol=1e-9 * float(made.surface_area.sum()))


# Where it lies ------------------------------------------------------------------------------------


def test_a_phantom_without_symmetry_comes_back_at_its_place() -> None:
    # Three blocks of different lengths along z, y and x, and voxels of three different edges: any
    # exchange, reversal or shift of axes would show.
    labels = np.zeros((20, 30, 44), dtype=np.int64)
    labels[4:16, 5:14, 6:38] = 7
    labels[4:16, 14:25, 6:18] = 2
    labels[4:10, 14:25, 18:30] = 40
    step = (0.15, 0.12, 0.1)
    made = mesh.from_labels(labels, step, size=0.35e-6)
    assert made.settings["label_of_grain"] == [2, 7, 40]
    at = centroids(made)
    for i, label in enumerate([2, 7, 40]):
        voxels = np.argwhere(labels == label).mean(axis=0) * step
        # Rounded edges move the centroid by a few hundredths of an edge length.
        np.testing.assert_allclose(at[i], voxels[::-1] * 1e-6, atol=0.05e-6)
    middle = made.points[made.cells].mean(axis=1)[:, ::-1] * 1e6 / step
    nearest = np.clip(np.rint(middle).astype(int), 0, np.array(labels.shape) - 1)
    found = labels[tuple(nearest.T)]
    same = found == np.array(made.settings["label_of_grain"])[made.grain]
    # What differs are cells whose middle is within half a voxel of a wall.
    assert np.average(same, weights=made.volume) > 0.97


def test_the_first_voxel_can_lie_elsewhere() -> None:
    labels = np.zeros((10, 12, 14), dtype=np.int64)
    labels[2:-2, 2:-2, 2:-2] = 1
    here = mesh.from_labels(labels, 0.1, size=0.3e-6)
    there = mesh.from_labels(labels, 0.1, size=0.3e-6, origin_um=(1.0, 2.0, 3.0))
    np.testing.assert_allclose(there.points, here.points + 1e-6 * np.array([3.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="origin_um"):
        mesh.from_labels(labels, 0.1, size=0.3e-6, origin_um=(1.0, 2.0))


def test_a_section_without_symmetry_comes_back_at_its_place() -> None:
    labels = np.zeros((40, 60), dtype=np.int64)
    labels[5:20, 6:50] = 3
    labels[20:34, 6:22] = 9
    step = (0.12, 0.1)
    made = mesh.from_labels(labels, step, size=0.3e-6)
    assert made.dimension == 2 and made.settings["label_of_grain"] == [3, 9]
    for i, label in enumerate([3, 9]):
        voxels = np.argwhere(labels == label).mean(axis=0) * step
        np.testing.assert_allclose(centroids(made)[i], voxels[::-1] * 1e-6, atol=0.03e-6)
    assert np.degrees(mesh.quality(made).angle_least) >= 10.0
    check_watertight(made)


# How true it is -----------------------------------------------------------------------------------


def test_the_volume_of_a_ball_converges() -> None:
    # Chords take 3/8 (h / R)^2 of it and smoothing 3 (sigma / R)^2, with sigma = 1.2 voxels and
    # voxels of h / 2.5: together 1.07 (h / R)^2, and nodes that are held back a little more.
    sizes = np.array([0.2, 0.1])
    errors = []
    for size in sizes:
        labels, _ = ball_image(1.0, size / 2.5)
        made = mesh.from_labels(labels, size / 2.5, size=size * 1e-6)
        assert not len(made.interfaces)
        errors.append(1 - made.volume.sum() / (4 / 3 * np.pi * 1e-18))
    assert 0.5 < errors[1] / 0.0107 < 1.5
    assert errors[0] > 2.4 * errors[1]


def test_grains_of_a_voronoi_ball_are_true_and_well_shaped() -> None:
    radius, size = 5.0, 0.5
    rng = np.random.default_rng(4)
    seeds = rng.uniform(-radius, radius, (400, 3))
    seeds = seeds[np.linalg.norm(seeds, axis=1) < 0.9 * radius][:60]
    labels, _ = voronoi_image(seeds, radius, size / 3)
    made = mesh.from_labels(labels, size / 3, size=size * 1e-6)
    table = mesh.quality(made)
    assert table.wall_area == pytest.approx(clip(seeds, radius).area.sum() * 1e-12, rel=0.03)
    assert table.volume == pytest.approx(4 / 3 * np.pi * radius**3 * 1e-18, rel=0.015)
    assert np.degrees(table.angle_least) >= 10.0
    assert made.n_grain == 60
    rms, _ = made.settings["wall_distance"]
    assert rms < 0.1 * size * 1e-6
    check_watertight(made)


@pytest.mark.parametrize("slope", [0.0, 0.37])
def test_a_flat_wall_is_flat(slope: float) -> None:
    # A wall across a block; the block's own faces, within three deviations, are left out.
    z, y, x = grid((40, 40, 48), 1.0)
    labels = np.where(x - 23.5 + slope * (y - 19.5) - 0.5 * slope * (z - 19.5) < 0, 1, 2)
    labels[(z < 4) | (z > 35) | (y < 4) | (y > 35) | (x < 4) | (x > 43)] = 0
    made = mesh.from_labels(labels, 1.0, size=3e-6)
    normal = np.array([1.0, slope, -0.5 * slope])
    normal /= np.linalg.norm(normal)
    at = made.points[np.unique(made.interfaces[:, :3])] * 1e6
    inside = (np.abs(at[:, 1:] - 19.5) < 10).all(axis=1)
    off = np.abs((at[inside] - [23.5, 19.5, 19.5]) @ normal)
    assert inside.sum() > 30
    # Aligned, the wall is exact by symmetry, but nodes within 0.02 edge lengths count as on it
    # and may go to where cells are better. Tilted, voxels give it to within a tenth of a voxel
    # here; a few nodes are held back by the angle of a cell.
    assert np.median(off) < (1e-6 if slope == 0 else 0.1)
    assert np.quantile(off, 0.8) < (0.02 * 3 if slope == 0 else 0.1)
    assert np.sqrt(np.mean(off**2)) < 0.25


def test_a_box_that_fills_the_image_ends_at_its_border() -> None:
    made = mesh.from_labels(np.ones((24, 24, 24), dtype=int), 1.0, size=3e-6, outside=None)
    at = made.points * 1e6
    for axis in range(3):
        # Away from the edges, which are rounded; a few nodes may be held back.
        face = at[(np.abs(np.delete(at, axis, axis=1) - 11.5) < 7).all(axis=1), axis]
        assert np.median(face[face < 1.5]) == pytest.approx(-0.5, abs=0.05)
        assert np.median(face[face > 21.5]) == pytest.approx(23.5, abs=0.05)
    assert any("1 grains reach the border" in note for note in made.notes)


def test_a_fine_image_gives_a_coarse_mesh() -> None:
    # Twelve voxels per edge: nodes start many voxels away from the surface.
    labels, middle = ball_image(30.0, 1.0)
    made = mesh.from_labels(labels, 1.0, size=12e-6)
    on_surface = np.linalg.norm(made.points[made.surface] * 1e6 - middle, axis=2)
    assert np.quantile(np.abs(on_surface - 30.0), 0.8) < 0.5
    assert len(made.cells) < 4000


# Voids --------------------------------------------------------------------------------------------


def test_a_pore_becomes_surface() -> None:
    labels, middle = ball_image(2.0, 0.12)
    z, y, x = (axis - middle for axis in grid(labels.shape, 0.12))
    labels[x * x + y * y + z * z < 1.0] = 6
    made = mesh.from_labels(labels, 0.12, size=0.3e-6, pores=6)
    assert made.n_grain == 1 and not len(made.interfaces)
    area = made.surface_area.sum()
    assert area == pytest.approx(4 * np.pi * (4 + 1) * 1e-12, rel=0.03)
    assert made.volume.sum() == pytest.approx(4 / 3 * np.pi * (8 - 1) * 1e-18, rel=0.02)
    near = np.linalg.norm(made.points[made.surface] * 1e6 - middle, axis=2).mean(axis=1) < 1.5
    assert made.surface_area[near].sum() == pytest.approx(4 * np.pi * 1e-12, rel=0.05)
    as_outside = mesh.from_labels(np.where(labels == 6, 0, labels), 0.12, size=0.3e-6)
    np.testing.assert_array_equal(made.points, as_outside.points)
    meshed = mesh.from_labels(labels, 0.12, size=0.3e-6)
    assert meshed.n_grain == 2 and len(meshed.interfaces)


# What must not matter -----------------------------------------------------------------------------


def test_names_and_threads_do_not_change_the_mesh() -> None:
    labels = random_blobs((24, 26, 28), 4, 3.0, seed=3)
    names = np.array([0, 900_000_000, -4, 17])
    first = mesh.from_labels(labels, 0.1, size=0.28e-6, threads=1)
    second = mesh.from_labels(names[labels], 0.1, size=0.28e-6, threads=3)
    np.testing.assert_array_equal(first.points.shape, second.points.shape)
    label = [names[value] for value in first.settings["label_of_grain"]]
    assert sorted(label) == second.settings["label_of_grain"] == [-4, 17, 900_000_000]
    renamed = np.array([second.settings["label_of_grain"].index(value) for value in label])
    np.testing.assert_array_equal(renamed[first.grain], second.grain)
    np.testing.assert_array_equal(first.points[first.cells], second.points[second.cells])


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_labels_no_angle_is_small(seed: int) -> None:
    labels = random_blobs((22, 20, 24), 3 + seed, 1.0 + seed, seed)
    made = mesh.from_labels(labels, 0.1, size=0.25e-6)
    assert np.degrees(mesh.quality(made).angle_least) >= 10.0
    check_watertight(made)


@pytest.mark.parametrize("shape", [(20, 20, 20), (40, 40)])
@pytest.mark.parametrize("block", [1, 2, 5])
def test_a_checkerboard_is_meshed(shape: tuple[int, ...], block: int) -> None:
    labels = 1 + sum(np.indices(shape) // block) % 2
    made = mesh.from_labels(labels, 0.1, size=0.25e-6, outside=None)
    assert np.degrees(mesh.quality(made).angle_least) >= 10.0
    check_watertight(made)


# Notes, orientations and refusals -----------------------------------------------------------------


def slab(**more: tuple[slice, ...]) -> Labels:
    labels = np.zeros((18, 18, 26), dtype=np.int64)
    labels[3:15, 3:15, 3:13], labels[3:15, 3:15, 13:23] = 4, 8
    return labels


def test_a_grain_too_small_is_left_out_with_a_note_and_its_orientation() -> None:
    labels = slab()
    labels[8, 8, 8] = 6
    axes = mesh.random_orientations(3, seed=5)
    made = mesh.from_labels(labels, 0.1, size=0.3e-6, orientations=axes)
    assert made.settings["label_of_grain"] == [4, 8]
    np.testing.assert_array_equal(made.orientation, axes[[0, 2]])
    assert any("left out: labels 6" in note for note in made.notes)
    # A grain keeps its random axes whatever becomes of others.
    seeded = mesh.from_labels(labels, 0.1, size=0.3e-6, seed=5)
    np.testing.assert_array_equal(seeded.orientation, axes[[0, 2]])


def test_losses_are_said() -> None:
    labels = slab()
    labels[8, 8, 8] = 6
    labels[3:8, 3:8, 5:9] = 5
    labels[3:8, 3:8, 17:21] = 5
    made = mesh.from_labels(labels, 0.1, size=0.2e-6, pores=[6])
    notes = " | ".join(made.notes)
    assert "pores too small for a cell, filled: labels 6" in notes
    assert "grains in several pieces: labels 5" in notes
    assert "larger than 1/2.5 of the size" in notes
    # Blocks four cells long lose over a tenth to the rounding of their edges; eight cells, 3 %.
    (rounded,) = mesh.from_labels(slab(), 0.1, size=0.3e-6).notes
    assert rounded.startswith("grains that differ from their voxels by more than 10% in volume")
    fine = np.kron(slab(), np.ones((2, 2, 2), dtype=np.int64))
    assert mesh.from_labels(fine, 0.05, size=0.15e-6).notes == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": np.zeros((9, 9, 9), int)}, "^labels has no grain"),
        ({"labels": np.full((9, 9, 9), 3), "pores": [3]}, "^labels has no grain"),
        ({"labels": np.zeros((9, 9, 9))}, "^labels must hold integers, not float64"),
        ({"labels": np.zeros((3, 3, 3, 3), int)}, "^labels must have shape"),
        ({"labels": np.zeros((0, 3), int)}, "^labels must have shape"),
        ({"pores": [4, 5]}, r"^pores holds labels that do not occur in labels: \[5\]"),
        ({"pores": [0.5]}, "^pores must be a label"),
        ({"voxel_size_um": 0.0}, "^voxel_size_um must be positive"),
        ({"voxel_size_um": np.nan}, "^voxel_size_um must be positive"),
        ({"voxel_size_um": (0.1, 0.1)}, "^voxel_size_um must be one number or 3"),
        ({"size": np.nan}, "^size must be positive"),
        ({"size": -1e-7}, "^size must be positive"),
        # Micrometres given for metres.
        ({"size": 0.3}, "^size is too large"),
        ({"size": 1e-12}, "take a larger size"),
        ({"smoothing": 0.0}, "^smoothing must be positive"),
        # No voxel would be near enough to the places between them.
        ({"smoothing": 0.16}, "^smoothing must be at least a quarter of a voxel"),
        ({"orientations": [np.eye(3)]}, "^orientations must have one rotation per grain label, 2"),
        ({"orientations": [np.eye(3), 2 * np.eye(3)]}, r"^orientations\[1\]"),
    ],
)
def test_what_makes_no_mesh_is_refused_with_its_reason(
    changes: dict[str, object], said: str
) -> None:
    call = {"labels": slab(), "voxel_size_um": 0.1, "size": 0.3e-6} | changes
    with pytest.raises(ValueError, match=said):
        mesh.from_labels(call.pop("labels"), call.pop("voxel_size_um"), **call)
