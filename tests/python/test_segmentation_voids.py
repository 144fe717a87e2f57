"""Single voids of known shape, and porosity curves against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from nmcx import morphology
from nmcx.results import Particle, VoidLabels


def box_with(*voids: NDArray[np.bool_], spacing: float | tuple[float, ...] = 0.1) -> Particle:
    solid = ~np.any(voids, axis=0)
    return Particle(solid, np.ones_like(solid), spacing)


def position(shape: tuple[int, ...], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    return np.indices(shape) * np.reshape(spacing, (3, 1, 1, 1))


# --- voids ------------------------------------------------------------------------------------


def turned(tilt: float, turn: float) -> NDArray[np.float64]:
    """Three orthogonal unit vectors (rows)."""
    a = np.array([np.cos(tilt), np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn)])
    b = np.cross(a, [0.3, -0.2, 0.9])
    b /= np.linalg.norm(b)
    return np.stack([a, b, np.cross(a, b)])


@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.14, 0.1, 0.08)])
@pytest.mark.parametrize("tilt", [0.0, 0.7])
def test_an_ellipsoid_has_its_own_axes_volume_and_centroid(
    spacing: tuple[float, float, float], tilt: float
) -> None:
    half_axes = np.array([2.4, 1.5, 0.8])
    centre = np.array([3.1, 2.9, 3.0])
    shape = tuple(int(6.0 / h) for h in spacing)
    at = np.einsum(
        "ab,b...->a...", turned(tilt, 0.5), position(shape, spacing) - centre.reshape(3, 1, 1, 1)
    )
    void = ((at / half_axes.reshape(3, 1, 1, 1)) ** 2).sum(0) < 1.0
    found = morphology.label_voids(box_with(void, spacing=spacing))
    assert found.labels.max() == 1 and np.array_equal(found.labels == 1, void)
    # Voxels of 0.1 µm sample a surface this large to a percent.
    np.testing.assert_allclose(found.length_um[0], 2 * half_axes, rtol=0.015)
    np.testing.assert_allclose(found.volume_um3, 4 / 3 * np.pi * half_axes.prod(), rtol=0.01)
    np.testing.assert_allclose(found.centroid_um[0], centre, atol=0.01)
    np.testing.assert_allclose(found.elongation, 2.4 / 1.5, rtol=0.02)
    np.testing.assert_allclose(found.flatness, 1.5 / 0.8, rtol=0.02)
    assert found.thickness_um[0] == pytest.approx(1.6, abs=0.3)
    assert not found.is_crack[0] and not found.connected_to_surface[0]


def test_a_box_of_voxels_has_the_moments_of_a_box() -> None:
    spacing = (0.3, 0.2, 0.1)
    void = np.zeros((12, 20, 30), bool)
    void[3:5, 4:10, 6:26] = True  # 0.6 × 1.2 × 2.0 µm
    found = morphology.label_voids(box_with(void, spacing=spacing))
    # A box of length L has variance L²/12, its ellipsoid the axis 2 √(5/12) L: exactly.
    expected = 2 * np.sqrt(5 / 12) * np.array([2.0, 1.2, 0.6])
    np.testing.assert_allclose(found.length_um[0], expected, rtol=1e-12)
    assert found.volume_um3[0] == pytest.approx(0.6 * 1.2 * 2.0)


@pytest.mark.parametrize("tilt", [0.0, 0.35, 0.8])
def test_sheets_and_branched_sheets_are_cracks_balls_and_tubes_are_not(tilt: float) -> None:
    shape = (64, 64, 64)
    at = np.einsum("ab,b...->a...", turned(tilt, 1.1), position(shape, (1, 1, 1)) - 31.5)
    radius = np.sqrt((at**2).sum(0))
    sheet = (np.abs(at[0]) < 1.5) & (radius < 24)
    other = (np.abs(at[1]) < 1.5) & (radius < 24)
    ball = radius < 9
    tube = (np.hypot(at[1], at[2]) < 4) & (radius < 28)
    for void, expected in ((sheet, True), (sheet | other, True), (ball, False), (tube, False)):
        found = morphology.label_voids(box_with(void))
        assert found.labels.max() == 1
        assert found.is_crack.tolist() == [expected]
    # Elongation and flatness alone would take two crossed sheets for a ball.
    crossed = morphology.label_voids(box_with(sheet | other))
    assert crossed.flatness[0] < 3.0
    strict = morphology.label_voids(box_with(sheet), crack_aspect=80.0)
    assert not strict.is_crack[0]


def test_voids_are_sorted_and_told_open_from_closed() -> None:
    envelope = np.zeros((40, 40, 40), bool)
    envelope[5:35, 5:35, 5:35] = True
    solid = envelope.copy()
    solid[5:20, 20, 10:30] = False  # open: its face is that of the envelope
    solid[25:29, 25:29, 25:29] = False
    solid[10, 10, 10] = False
    solid[33, 33, 33] = False  # one voxel below the surface
    found = morphology.label_voids(Particle(solid, envelope, 0.1))
    np.testing.assert_allclose(found.volume_um3, [0.3, 0.064, 0.001, 0.001])
    assert found.connected_to_surface.tolist() == [True, False, False, False]
    assert found.labels[10, 10, 10] == 3 and found.labels[33, 33, 33] == 4
    assert found.is_crack.tolist() == [True, False, False, False]
    np.testing.assert_allclose(found.thickness_um, [0.1, 0.3, 0.1, 0.1])


def test_connectivity_decides_whether_corners_hold() -> None:
    void = np.zeros((6, 6, 6), bool)
    void[2, 2, 2] = void[3, 3, 3] = True
    assert len(morphology.label_voids(box_with(void)).volume_um3) == 1
    assert len(morphology.label_voids(box_with(void), connectivity=6).volume_um3) == 2


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(1, 10**6), fraction=st.sampled_from([0.02, 0.2, 0.6]))
def test_labels_partition_the_void_and_turn_with_the_particle(seed: int, fraction: float) -> None:
    rng = np.random.default_rng(seed)
    envelope = rng.random((11, 9, 10)) < 0.95
    envelope[5, 5, 5] = True
    solid = envelope & (rng.random(envelope.shape) >= fraction)
    particle = Particle(solid, envelope, (0.3, 0.2, 0.1))
    found = morphology.label_voids(particle)
    assert np.array_equal(found.labels > 0, particle.void)
    n_voxel = np.bincount(found.labels.ravel())[1:]
    np.testing.assert_allclose(found.volume_um3, n_voxel * 0.006, rtol=1e-12)
    assert np.all(np.diff(found.volume_um3) <= 1e-12)
    assert np.all(np.diff(found.length_um, axis=1) <= 1e-12)
    turned_about = Particle(solid.transpose(2, 0, 1), envelope.transpose(2, 0, 1), (0.1, 0.3, 0.2))
    other = morphology.label_voids(turned_about)
    # Equally large voids may come in another order.
    np.testing.assert_allclose(
        np.sort(other.length_um.sum(1)), np.sort(found.length_um.sum(1)), rtol=1e-9
    )
    assert other.connected_to_surface.sum() == found.connected_to_surface.sum()


def test_a_particle_without_voids_has_none_to_label(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from nmcx import io

    for shape in ((1, 1, 1), (5, 6, 7)):
        found = morphology.label_voids(box_with(np.zeros(shape, bool)))
        assert found.volume_um3.shape == (0,) and found.length_um.shape == (0, 3)
        assert found.elongation.shape == (0,) and not found.labels.any()
    found.save(tmp_path / "voids.nxs")
    read = io.load(tmp_path / "voids.nxs")["void_labels"]
    assert isinstance(read, VoidLabels) and read.length_um.shape == (0, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connectivity": 18}, "connectivity must be"),
        ({"crack_aspect": 0.0}, "crack_aspect must be"),
        ({"crack_aspect": np.nan}, "crack_aspect must be"),
    ],
)
def test_wrong_options_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        morphology.label_voids(box_with(np.zeros((3, 3, 3), bool)), **options)


# --- sensitivity ------------------------------------------------------------------------------


def ball_and_cracks() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A ball, and its cracks of three and four voxels that reach the surface."""
    z, y, x = np.indices((48, 48, 48)) - 23.5
    ball = z**2 + y**2 + x**2 < 19.0**2
    cracks = np.zeros_like(ball)
    cracks[:, 22:25, 26:] = True
    cracks[10:14, 10:30, 20:24] = True
    return ball, ball & cracks


def blurred_ball() -> NDArray[np.float64]:
    ball, cracks = ball_and_cracks()
    noise = np.random.default_rng(1).normal(0, 0.05, ball.shape)
    return np.asarray(ndimage.gaussian_filter((ball & ~cracks).astype(float), 1.0) + noise)


def test_each_point_of_the_curves_is_a_segmentation() -> None:
    volume = blurred_ball()
    exclude = np.zeros(volume.shape, bool)
    exclude[:8] = True
    options = {"voxel_size_um": (0.1, 0.12, 0.1), "exclude": exclude}
    found = morphology.porosity_sensitivity(
        volume, thresholds=[0.3, 0.5, 0.8], closing_radii_um=[0.0, 0.2, 0.7],
        closing_radius_um=0.3, **options,
    )  # fmt: skip
    for level, porosity in zip(found.threshold, found.porosity_of_threshold, strict=True):
        particle = morphology.segment(
            volume, threshold=float(level), closing_radius_um=0.3, **options
        )
        assert porosity == pytest.approx(particle.porosity, abs=1e-12)
    for radius, porosity in zip(found.closing_radius_um, found.porosity_of_radius, strict=True):
        particle = morphology.segment(volume, closing_radius_um=float(radius), **options)
        assert porosity == pytest.approx(particle.porosity, abs=1e-12)
    chosen = morphology.segment(volume, closing_radius_um=0.3, **options)
    assert found.settings["porosity"] == pytest.approx(chosen.porosity, abs=1e-12)
    assert found.settings["threshold"] == morphology.otsu_threshold(volume[~exclude])


def test_the_default_curves_pass_through_the_choice() -> None:
    found = morphology.porosity_sensitivity(blurred_ball(), voxel_size_um=0.1)
    assert found.threshold.shape == (17,) and found.closing_radius_um.shape == (11,)
    assert found.threshold[0] < found.settings["threshold"] < found.threshold[-1]
    middle = np.flatnonzero(found.closing_radius_um == found.settings["closing_radius_um"])
    assert found.porosity_of_radius[middle] == found.settings["porosity"]
    ball, cracks = ball_and_cracks()
    share = np.count_nonzero(cracks) / np.count_nonzero(ball)
    closed = found.porosity_of_radius[found.closing_radius_um >= 0.3]
    # The blurred mouths of the cracks are rounded off, which takes some of so small a ball's.
    np.testing.assert_allclose(closed, share, rtol=0.25)
    assert found.porosity_of_radius[0] < 0.1 * share  # nothing closes the cracks


def test_thresholds_that_leave_nothing_have_no_porosity() -> None:
    found = morphology.porosity_sensitivity(
        blurred_ball(), voxel_size_um=0.1, thresholds=[0.5, 99.0], closing_radii_um=[0.1]
    )
    assert np.isnan(found.porosity_of_threshold).tolist() == [False, True]


@pytest.mark.parametrize(
    ("volume", "options", "message"),
    [
        (np.full((4, 4, 4), np.nan), {}, "no finite value"),
        (np.ones((4, 4, 4)), {}, "all 1"),
        (np.ones((4, 4)), {}, "three axes"),
        (np.zeros((4, 4, 4)), {"threshold": 1.0}, "less than two voxels"),
        (np.ones((4, 4, 4)), {"threshold": 0.5}, "no voxel lies below"),
        (None, {"thresholds": []}, "thresholds must be"),
        (None, {"thresholds": [np.nan]}, "thresholds must be"),
        (None, {"closing_radii_um": [[0.1]]}, "closing_radii_um must be"),
        (None, {"closing_radii_um": [-0.1]}, "zero or positive"),
        (None, {"closing_radius_um": -1.0}, "closing_radius_um must be"),
        (None, {"exclude": np.ones((2, 2, 2), bool)}, "exclude .* must have the shape"),
    ],
)
def test_curves_that_cannot_be_drawn_say_why(
    volume: NDArray[np.float64] | None, options: dict[str, object], message: str
) -> None:
    given_volume = blurred_ball() if volume is None else volume
    with pytest.raises(ValueError, match=message):
        morphology.porosity_sensitivity(given_volume, voxel_size_um=0.1, **options)


def test_the_picture_shows_both_curves_and_the_choice() -> None:
    from nmcx import plot

    found = morphology.porosity_sensitivity(
        blurred_ball(), voxel_size_um=0.1, thresholds=[0.4, 0.5, 99.0], closing_radii_um=[0.1, 0.5]
    )
    left, right = plot.porosity_sensitivity(found, name="edge jump [1]").axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), 100 * found.porosity_of_threshold)
    np.testing.assert_allclose(right.lines[0].get_xdata(), found.closing_radius_um)
    assert left.get_xlabel() == "edge jump [1]" and "µm" in right.get_xlabel()
